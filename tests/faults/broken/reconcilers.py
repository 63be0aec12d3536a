"""Reconciliation with one safeguard taken out each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from pokea.billing import account, reconcile, reconcile_charges, reconcile_parts, reconcile_sights, reconcile_versions
from pokea.billing.cdr import Cdr
from pokea.billing.reconcile_sights import BELIEFS, Belief, Fact, Sight, Source
from pokea.calls import Call
from tests.fakes.memory_cdrs import MemoryCdrs

Breaks = Callable[[], AbstractContextManager[None]]


@contextmanager
def draft_stands_for_all() -> Iterator[None]:
    """Writes every draft, whether or not it says anything new."""

    def changed(latest: Sequence[Cdr], drafts: Sequence[Cdr], now: datetime) -> tuple[Cdr, ...]:
        stored = {cdr.leg: cdr.version for cdr in latest}
        return tuple(replace(draft, version=stored.get(draft.leg, 0), made_at=now, reason="again") for draft in drafts)

    with mock.patch.object(reconcile_versions, "changed", changed):
        yield


@contextmanager
def wall_clocks_measure() -> Iterator[None]:
    """Takes the row's own times for how long the talk was: a hook that is late makes a call long."""
    of_hooks = reconcile_sights.of_hooks

    def measured(call: Call) -> Sight:
        sight = of_hooks(call)
        if call.answered_at is None or call.ended_at is None:
            return sight
        return Sight("completed", call.answered_at, call.ended_at, call.ended_at - call.answered_at)

    with mock.patch.object(reconcile_parts, "of_hooks", measured):
        yield


@contextmanager
def bridge_before_hooks() -> Iterator[None]:
    """Believes the bridge, whose stream is no talk, before the carrier."""
    talk = BELIEFS[Fact.TALK]
    order = (Source.BRIDGE, Source.CLOSING, Source.HOOKS, Source.CARRIER, Source.CARRIER_SO_FAR)
    beliefs = {**BELIEFS, Fact.TALK: Belief(order, talk.reason)}
    with mock.patch.object(reconcile_sights, "BELIEFS", beliefs):
        yield


@contextmanager
def first_reading_stands() -> Iterator[None]:
    """Keeps to the first reading of the carrier's record."""
    records = account.carrier_records

    def first(told: account.Account) -> Any:
        earliest = sorted(told.statements, key=lambda one: one.said_at)
        kept = [one for one in earliest if one.witness != "carrier"]
        kept += [one for one in earliest if one.witness == "carrier"][:1]
        return records(replace(told, statements=tuple(kept)))

    with mock.patch.object(reconcile_parts, "carrier_records", first):
        yield


@contextmanager
def final_is_given_up() -> Iterator[None]:
    """Takes whatever the last look made of a call, even if a witness is gone by then."""

    def forgets(before: Cdr, draft: Cdr) -> Cdr:
        return draft

    with mock.patch.object(reconcile_versions, "_kept_knowledge", forgets):
        yield


@contextmanager
def unknown_is_zero() -> Iterator[None]:
    """Takes a length that nobody knows for none."""
    believed = reconcile_sights.believed

    def nothing(fact: Fact, sights: Mapping[Source, Sight]) -> Sight:
        sight = believed(fact, sights)
        return sight if sight.talk is not None else replace(sight, talk=timedelta(0))

    with mock.patch.object(reconcile, "believed", nothing):
        yield


@contextmanager
def bridge_clock_measures() -> Iterator[None]:
    """Subtracts the bridge's wall clock readings instead of counting."""
    word_of = account.bridge_word

    def by_clock(statements: Any) -> account.BridgeWord | None:
        word = word_of(statements)
        if word is None or word.opened_at is None or word.closed_at is None:
            return word
        return replace(word, stream_ms=round((word.closed_at - word.opened_at).total_seconds() * 1_000))

    with mock.patch.object(reconcile_parts, "bridge_word", by_clock):
        yield


class UnfencedCdrs(MemoryCdrs):
    """Puts a version down wherever there is room for it."""

    def put_cdrs(self, cdrs: Sequence[Cdr]) -> tuple[Cdr, ...]:
        return super().put_cdrs([replace(cdr, version=len(self.versions(*cdr.key))) for cdr in cdrs])


ORDERLY: tuple[Breaks, ...] = (draft_stands_for_all, wall_clocks_measure, bridge_before_hooks, unknown_is_zero)


@contextmanager
def audits_the_carrier_by_itself() -> Iterator[None]:
    """Compares the carrier's record with the times that were taken from it."""

    def rests(*_: Any) -> bool:
        return True

    with mock.patch.object(reconcile_charges, "_rests_on_carrier", rests):
        yield


@contextmanager
def stream_is_talk_for_the_audit() -> Iterator[None]:
    """Takes the time the stream was open for talk, and accuses the carrier of the difference."""
    with mock.patch.object(reconcile_charges, "BRIDGE_SLACK_S", 0):
        yield
