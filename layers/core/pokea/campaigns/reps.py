"""Which of a campaign's people are taken: one record for each campaign, so that no two calls at one moment get the same person.

    hand-off begins ──► held ──► the hand-off is over, or its call is, or `until` has passed ──► free

A hand-off is written together with the hold that it needs, fenced by the record's version: of two calls that both see one person free one
is written and the other one looks again. Nothing has to be given back for a person to become free: whoever asks next reads the hand-offs
that hold somebody, and one that is over holds nobody any more. `released` only says so earlier.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pokea.campaigns.health import may_put_through
from pokea.ids import BusinessId, SessionId
from pokea.ports import Records
from pokea.privacy import Pii
from pokea.records import Kind
from pokea.transfer import HANDOFF, OVER, is_due

KEPT = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class Held:
    """One person for the lead of `session_id`. `until`: longer than that nobody can be talking, whatever was not told."""

    session_id: SessionId
    handoff_id: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reps:
    business_id: BusinessId
    campaign_id: str
    held: tuple[Held, ...] = ()
    changed_at: datetime
    version: int = 0

    def under_way(self, now: datetime, over: Collection[str] = ()) -> tuple[Held, ...]:
        """Those that hold somebody now. `over`: ids of hand-offs that are known to be."""
        return tuple(one for one in self.held if now < one.until and one.handoff_id not in over)


CAMPAIGN_REPS: Kind[Reps] = Kind(
    "campaign_reps",
    Reps,
    key=lambda reps: reps.campaign_id,
    privacy={
        "business_id": Pii.ID,
        "campaign_id": Pii.ID,
        "held": Pii.ID,
        "changed_at": Pii.NONE,
        "version": Pii.NONE,
    },
    kept_until=lambda reps: reps.changed_at + KEPT,
)


def nobody_held(business_id: BusinessId, campaign_id: str, now: datetime) -> Reps:
    return Reps(business_id=business_id, campaign_id=campaign_id, changed_at=now)


def handed_back(records: Records, record: Reps, now: datetime) -> frozenset[str]:
    """Which of its hand-offs hold nobody any more: over, or with nobody left who could take them. One that cannot be found does hold."""
    found = (records.record(HANDOFF, record.business_id, one.handoff_id) for one in record.under_way(now))
    return frozenset(
        handoff.handoff_id
        for handoff in found
        if handoff is not None and (handoff.state in OVER or is_due(handoff, now))
    )


def is_one_free(record: Reps, session_id: SessionId, people: int, over: Collection[str], now: datetime) -> bool:
    """Whether the call `session_id` may have one of `people`. What it holds itself does not stand in its way: it is put through once."""
    others = [one for one in record.under_way(now, over) if one.session_id != session_id]
    return may_put_through(people, len(others))


def held(record: Reps, wanted: Held, people: int, over: Collection[str], now: datetime) -> Reps | None:
    """The record with `wanted` in it, to be written together with the hand-off; None: nobody is free."""
    if not is_one_free(record, wanted.session_id, people, over, now):
        return None
    others = [one for one in record.under_way(now, over) if one.session_id != wanted.session_id]
    return replace(record, held=(*others, wanted), changed_at=now)


def released(record: Reps, session_id: SessionId, now: datetime) -> Reps | None:
    """The record after the call `session_id` is over; None: nothing changes."""
    left = tuple(one for one in record.held if one.session_id != session_id)
    return None if left == record.held else replace(record, held=left, changed_at=now)
