"""Calls of a campaign that were asked for and of which no answer came: what becomes of them. Pure.

They are looked for, and never asked for again as they are: in what the hooks said of the label, and in the carrier's own list of calls.
Found, they ring. Not found by two looks that lie `GONE_AFTER` apart, there is no call: a dialer gives up on an answer within seconds, so
nothing is on its way any more by then. Both looks go by the clock of who looks; how wrong that of the dialer was does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pokea.billing.cdr import CarrierLeg
from pokea.calls import Call
from pokea.campaigns import moves
from pokea.campaigns.contact import Contact, ContactState
from pokea.campaigns.seeking import Search, begun
from pokea.ids import SessionId

GONE_AFTER = timedelta(seconds=110)  # with a look every minute: settled within 180 s of the question
CLOCKS_DIFFER = timedelta(minutes=10)  # at most, between the dialer, the carrier and us
NEVER_PLACED = "never_placed"


class Sight(StrEnum):
    """What the carrier's list said."""

    LISTED = "listed"
    NOT_LISTED = "not_listed"
    NOT_READ = "not_read"  # or not to its end: nothing follows from that


@dataclass(frozen=True, slots=True)
class Sighting:
    sight: Sight
    session_id: SessionId | None = None


NOT_READ = Sighting(Sight.NOT_READ)


def window(contacts: Sequence[Contact]) -> tuple[datetime, datetime] | None:
    """From when to when the carrier's list has to be read to find the calls of all these; None: of none."""
    asked = [contact.asked_at for contact in contacts if contact.asked_at is not None]
    return (min(asked) - CLOCKS_DIFFER, max(asked) + CLOCKS_DIFFER) if asked else None


def search_for(contacts: Sequence[Contact], last: Search | None, now: datetime) -> Search | None:
    """The pass over the carrier's list that is to go on at `now`; None: nobody has to be looked for.

    A pass that can show of somebody that there is no call goes on to its end, whoever else got lost meanwhile: they are the next one's.
    """
    sought = [contact for contact in contacts if contact.sought_at is not None]
    ripe = [contact for contact in sought if _is_ripe(contact, now)]
    wanted = window(ripe or sought)
    if wanted is None:
        return None
    is_of_use = last is not None and (not ripe or any(_could_show_none(last, contact) for contact in ripe))
    return last if last is not None and not last.is_done and is_of_use else begun(*wanted, now, last)


def shows_none(search: Search, contact: Contact) -> bool:
    """Whether a call of this contact that is not among those seen in the pass does not exist."""
    return search.is_done and not search.has_gaps and _could_show_none(search, contact)


def _could_show_none(search: Search, contact: Contact) -> bool:
    span = window([contact])
    return span is not None and search.covers(*span) and _is_ripe(contact, search.begun_at)


def _is_ripe(contact: Contact, now: datetime) -> bool:
    return contact.sought_at is not None and now - contact.sought_at >= GONE_AFTER


def sighting(contact: Contact, legs: Iterable[CarrierLeg], *, is_whole: bool) -> Sighting:
    """`legs`: the carrier's list of calls about the time of the attempt; `is_whole`: it was read to its end.

    A row without any label counts by number and time: it may be ours, and taking it for nothing would ring a telephone twice.
    """
    for leg in legs:
        if _is_ours(contact, leg):
            return Sighting(Sight.LISTED, SessionId(leg.session_id) if leg.session_id else None)
    return Sighting(Sight.NOT_LISTED if is_whole else Sight.NOT_READ)


def settled(contact: Contact, attempt: Call | None, seen: Sighting, now: datetime) -> Contact | None:
    """The contact's next state; None: nothing has changed. `attempt`: what is stored under its label, which hooks write to."""
    if contact.state is not ContactState.ASKED:
        return None
    if attempt is not None and (attempt.placed_as is not None or attempt.carrier_call_id is not None):
        return moves.ringing(contact, attempt.placed_as)
    if seen.sight is Sight.LISTED:
        return moves.ringing(contact, seen.session_id)
    if contact.sought_at is None:
        return moves.sought(contact, now)
    if seen.sight is Sight.NOT_LISTED and _is_ripe(contact, now):
        return moves.not_rung(contact, now, NEVER_PLACED)
    return None


def _is_ours(contact: Contact, leg: CarrierLeg) -> bool:
    if leg.client_request_id:
        return leg.client_request_id == contact.label
    if contact.number not in (leg.local_number, leg.remote_number) or contact.asked_at is None:
        return False
    return leg.started_at is None or abs(leg.started_at - contact.asked_at) <= CLOCKS_DIFFER
