"""The way from a call to its detail records, with one safeguard taken out each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from functions.cdr import clerk, polling, sweep
from pokea.billing import reconcile_sights
from pokea.billing.reconcile_sights import BELIEFS, Belief, Fact, Source
from pokea.errors import NotFound
from tests.fakes.memory_cdrs import MemoryCdrs


@contextmanager
def drops_statements() -> Iterator[None]:
    """Says that it kept what a witness said, and every third time did not."""
    keep, told = MemoryCdrs.keep, 0

    def dropped(self: MemoryCdrs, statement: Any) -> bool:
        nonlocal told
        told += 1
        return True if told % 3 == 0 else keep(self, statement)

    with mock.patch.object(MemoryCdrs, "keep", dropped):
        yield


@contextmanager
def keeps_every_version_as_a_leg() -> Iterator[None]:
    """Knows no leg again: what a further word leads to is a record of its own."""

    def all_versions(self: MemoryCdrs) -> Any:
        return tuple(cdr for versions in self._versions.values() for cdr in versions)

    with mock.patch.object(MemoryCdrs, "all_cdrs", all_versions):
        yield


@contextmanager
def sleeps_at_night() -> Iterator[None]:
    """Never looks through the days, so that what nobody told of is never heard of."""
    with mock.patch.object(sweep.Sweeper, "begin", lambda self: 0):
        yield


@contextmanager
def asks_the_carrier_once() -> Iterator[None]:
    """Neither comes back to a call nor looks through the days."""
    with mock.patch.object(clerk, "next_look", lambda *_: None), sleeps_at_night():
        yield


@contextmanager
def believes_the_bridge() -> Iterator[None]:
    """Takes the stream's length for the talk, whatever the carrier says."""
    talk = BELIEFS[Fact.TALK]
    first = (Source.CLOSING, Source.BRIDGE)
    order = (*first, *(source for source in talk.order if source not in first))
    beliefs = {**BELIEFS, Fact.TALK: Belief(order, talk.reason)}
    with mock.patch.object(reconcile_sights, "BELIEFS", beliefs):
        yield


@contextmanager
def asks_for_the_callers_leg_alone() -> Iterator[None]:
    """Asks for the record of the session's name only, so that a leg which the carrier dialled by itself is in no book of ours."""

    def own(self: Any, session_id: Any, call: Any) -> Iterator[Any]:
        try:
            yield self._books().get_call(session_id)
        except NotFound:
            return

    with mock.patch.object(polling.Pollster, "_replies", own):
        yield
