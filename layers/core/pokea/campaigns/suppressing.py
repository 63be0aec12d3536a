"""Numbers that a business must not ring: noted once, and taken off every list of that business at once.

The dialer asks for the note right before each call, so it is the note that keeps a telephone silent; taking queued contacts off their
lists only makes the lists say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pokea.campaigns.contact import Contact
from pokea.campaigns.ports import CampaignStore
from pokea.campaigns.settling import cancelled
from pokea.consent import SUPPRESSION, Source, Suppression, asked_for, lifted, number_digest
from pokea.errors import Conflict, NotFound, Unavailable
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.ports import Change, Records
from pokea.sautikit.labels import attempt_session

TRIES = 8  # of one write that somebody else was faster with
BLOCKED, SUPPRESSED = "blocked", "suppressed"


class RecordStore(Records, Protocol):
    def apply(self, change: Change) -> None: ...


@dataclass(frozen=True, slots=True)
class Revoked:
    """`is_new`: the number was not suppressed before. `taken_off`: contacts that were queued and are not any more."""

    suppression: Suppression
    is_new: bool
    taken_off: int


def revoke(
    store: RecordStore, campaigns: CampaignStore, business_id: BusinessId, number: E164, reason: str, now: datetime
) -> Revoked:
    """Somebody has taken back their consent in another way than in a call. Noted first, because it is the note that keeps a telephone
    silent; asked again, it takes off the lists whoever was put there since."""
    digest = number_digest(business_id, number)
    wanted = Suppression(
        business_id=business_id,
        digest=digest,
        session_id=SessionId(""),
        asked_at=now,
        source=Source.BUSINESS,
        reason=reason,
    )
    noted, is_new = _noted(store, wanted)
    return Revoked(noted, is_new, take_off(campaigns, business_id, number, SUPPRESSED))


def lift(store: RecordStore, business_id: BusinessId, number: E164, reason: str, now: datetime) -> Suppression:
    """The number may be called again. Nobody comes back on a list by it. The same order again changes nothing; another one raises
    NotFound where no suppression holds."""
    digest = number_digest(business_id, number)
    for _ in range(TRIES):
        before = store.record(SUPPRESSION, business_id, digest)
        if before is not None and not before.stands and before.lifted_reason == reason:
            return before
        if before is None or not before.stands:
            raise NotFound("not_suppressed", "this number is not suppressed")
        after = lifted(before, reason, now)
        try:
            store.apply(Change(records=(SUPPRESSION.of(after),)))
        except Conflict:
            continue
        return after
    raise Unavailable("busy", "the suppression is being written by many at once", retry_after_s=1)


def _noted(store: RecordStore, wanted: Suppression) -> tuple[Suppression, bool]:
    """What holds now, and whether it is `wanted`."""
    for _ in range(TRIES):
        before = store.record(SUPPRESSION, wanted.business_id, wanted.digest)
        if before is not None and before.stands:
            return before, False
        after = asked_for(before, wanted) or wanted
        try:
            store.apply(Change(records=(SUPPRESSION.of(after),)))
        except Conflict:
            continue
        return after, True
    raise Unavailable("busy", "the suppression is being written by many at once", retry_after_s=1)


def take_off(campaigns: CampaignStore, business_id: BusinessId, number: E164, reason: str) -> int:
    """Whoever is queued with this number is so no longer, in any campaign; returns how many. Raises what the store raises."""
    return sum(_taken_off(campaigns, contact, reason) for contact in campaigns.contacts_of_number(business_id, number))


def block(store: RecordStore, campaigns: CampaignStore, contact: Contact, now: datetime) -> None:
    """The carrier does not take this number, so no campaign asks for it again.

    It is noted under the attempt and not under the call: a note under the call is the mark of somebody who asked for it in that call.
    """
    blocked = Suppression(
        business_id=contact.business_id,
        digest=number_digest(contact.business_id, contact.number),
        session_id=attempt_session(contact.label),
        asked_at=now,
        source=Source.CARRIER,
    )
    _noted(store, blocked)
    take_off(campaigns, contact.business_id, contact.number, BLOCKED)


def _taken_off(campaigns: CampaignStore, found: Contact, reason: str) -> bool:
    contact: Contact | None = found
    for _ in range(TRIES):
        off = None if contact is None else cancelled(contact, reason)
        if off is None:
            return False
        try:
            campaigns.put_contact(off)
        except Conflict:
            contact = campaigns.contact(off.business_id, off.campaign_id, off.contact_id)
        else:
            return True
    raise Unavailable("busy", "the contact is being written by many at once", retry_after_s=1)
