"""Hand-offs of hot leads with one safeguard taken out each: every one lets more leads be rung for than there are people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from pokea.campaigns import reps
from pokea.campaigns.reps import Reps
from pokea.desk import free_rep, handover
from pokea.desk.visit import Visit
from pokea.records import Stored
from pokea.toolkit import ToolResult
from pokea.transfer import Handoff


@contextmanager
def asks_and_keeps_nothing() -> Iterator[None]:
    """Looks whether somebody is free, and writes no hold."""

    def hold(visit: Visit, handoff: Handoff) -> tuple[Stored[Reps], ...] | None:
        return () if free_rep.may_be_put_through(visit) else None

    with mock.patch.object(handover, "hold", hold):
        yield


@contextmanager
def keeps_after_the_hand_off() -> Iterator[None]:
    """Writes the hold once the hand-off is stored, over whatever stands there by then."""
    placed, kept = handover._placed, dict[str, Stored[Reps]]()

    def hold(visit: Visit, handoff: Handoff) -> tuple[Stored[Reps], ...] | None:
        held = free_rep.hold(visit, handoff)
        if held:
            kept[handoff.handoff_id] = held[0]
        return None if held is None else ()

    def place(visit: Visit, handoff: Handoff) -> ToolResult:
        if (late := kept.pop(handoff.handoff_id, None)) is not None:
            visit.store.put(late)  # type: ignore[attr-defined]
        return placed(visit, handoff)

    with mock.patch.object(handover, "hold", hold), mock.patch.object(handover, "_placed", place):
        yield


@contextmanager
def counts_what_talks_alone() -> Iterator[None]:
    """Takes people who are still being rung for as free."""
    whole = Reps.under_way

    def under_way(self: Reps, now: object, over: object = ()) -> tuple[reps.Held, ...]:
        return tuple(one for one in whole(self, now, over) if one.handoff_id.startswith("joined"))  # type: ignore[arg-type]

    with mock.patch.object(Reps, "under_way", under_way):
        yield
