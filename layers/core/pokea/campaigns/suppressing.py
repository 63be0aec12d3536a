"""Numbers that a business must not ring: noted once, and taken off every list of that business at once.

The dialer asks for the note right before each call, so it is the note that keeps a telephone silent; taking queued contacts off their
lists only makes the lists say so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from pokea.campaigns.contact import Contact
from pokea.campaigns.ports import CampaignStore
from pokea.campaigns.settling import cancelled
from pokea.consent import SUPPRESSION, Suppression, number_digest
from pokea.errors import Conflict, Unavailable
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from pokea.ports import Change, Records
from pokea.sautikit.labels import attempt_session

TRIES = 8  # of one write that somebody else was faster with
BLOCKED, SUPPRESSED = "blocked", "suppressed"


class RecordStore(Records, Protocol):
    def apply(self, change: Change) -> None: ...


def suppression_of(store: Records, business_id: BusinessId, number: E164) -> Suppression | None:
    return store.record(SUPPRESSION, business_id, number_digest(business_id, number))


def take_off(campaigns: CampaignStore, business_id: BusinessId, number: E164, reason: str) -> int:
    """Whoever is queued with this number is so no longer, in any campaign; returns how many. Raises what the store raises."""
    return sum(_taken_off(campaigns, contact, reason) for contact in campaigns.contacts_of_number(business_id, number))


def block(store: RecordStore, campaigns: CampaignStore, contact: Contact, now: datetime) -> None:
    """The carrier does not take this number, so no campaign asks for it again.

    It is noted under the attempt and not under the call: a note under the call is the mark of somebody who asked for it in that call.
    """
    if suppression_of(store, contact.business_id, contact.number) is None:
        blocked = Suppression(
            business_id=contact.business_id,
            digest=number_digest(contact.business_id, contact.number),
            session_id=attempt_session(contact.label),
            asked_at=now,
        )
        try:
            store.apply(Change(records=(SUPPRESSION.of(blocked),)))
        except Conflict as lost:
            if lost.code != "stale":
                raise
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
