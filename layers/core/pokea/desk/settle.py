"""Decide on fresh state, write, and decide again if somebody else wrote first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pokea.errors import Conflict, Unavailable
from pokea.ports import BookingStore, Change

T = TypeVar("T")
# Whoever makes our write stale has got through, and a slot is full after as many as its capacity: losing eight races in a row for the
# few slots of one wish is a stampede, not a race. No pause between tries: each one is a fresh read, and the caller is listening.
ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Decision(Generic[T]):
    """What to answer, and what to write first. Without a change nothing is written."""

    answer: T
    change: Change | None = None


def settle(store: BookingStore, decide: Callable[[], Decision[T]]) -> T:
    """The answer of the first decision whose write met the state it was decided on.

    `decide` reads that state itself. Raises Unavailable("busy") after `ATTEMPTS` lost races, and what the store raises.
    """
    for _ in range(ATTEMPTS):
        decision = decide()
        if decision.change is None:
            return decision.answer
        try:
            store.apply(decision.change)
        except Conflict as lost:
            if lost.code != "stale":
                raise
            continue
        return decision.answer
    raise Unavailable("busy", "the same slots are being written by many at once", retry_after_s=0.5)
