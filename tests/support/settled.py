"""Campaigns whose calls end: contacts that are being rung, what is known of their calls, and the settler over stores in memory."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.settler.clerk import Clerk, Shelves
from functions.settler.news import Newsroom
from pokea.adapters.observability import Log
from pokea.calls import Call, CallStatus, Direction
from pokea.campaigns import moves
from pokea.campaigns.campaign import Campaign, CampaignState, Retry, Voicemail
from pokea.campaigns.contact import Consent, Contact, ContactState, Disposition
from pokea.campaigns.country_policy import packaged_policies
from pokea.campaigns.ports import contact_id_of
from pokea.clock import ManualClock
from pokea.consent import SUPPRESSION, Suppression, number_digest
from pokea.hours import Opening, OpeningHours
from pokea.ids import BusinessId, SessionId
from pokea.leads import LEAD, Answer, Lead, Outcome, Reason
from pokea.phone_numbers import E164
from pokea.sautikit.closings import CloseReason, Closing, Said
from tests.fakes.memory_campaigns import MemoryCampaigns
from tests.fakes.memory_cdrs import MemoryCdrs
from tests.fakes.memory_store import MemoryCallStore, MemoryStore
from tests.support.control_plane import MemoryClosings

BUSINESS = BusinessId("kilele")
LINE = E164("+254709000000")
WANJIKU = E164("+254722000111")
MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)  # 10:00 in Nairobi, an ordinary working day
ALWAYS = OpeningHours({weekday: (Opening(0, 1_440),) for weekday in range(7)})
POLICIES = packaged_policies()
SESSION = SessionId("HD_000000000001")
_names = itertools.count()

CAMPAIGN = Campaign(
    business_id=BUSINESS,
    campaign_id="open-days",
    name="Open days",
    agent="leads",
    from_number=LINE,
    countries=frozenset({"KE"}),
    windows=ALWAYS,
    begins_at=None,
    ends_at=None,
    cps=5,
    channels=20,
    retries={
        Disposition.BUSY: Retry(15, 3),
        Disposition.NO_ANSWER: Retry(120, 2),
        Disposition.MACHINE: Retry(240, 2),
        Disposition.FAILED: Retry(30, 3),
        Disposition.CALL_AGAIN: Retry(180, 3),
    },
    max_attempts=3,
    voicemail=Voicemail.HANG_UP,
    budget_micros=None,
    reps=2,
    webhook="https://crm.example.com/hooks",
    state=CampaignState.RUNNING,
)


def waiting(number: E164 = WANJIKU, campaign: Campaign = CAMPAIGN, **changes: Any) -> Contact:
    known: dict[str, Any] = {
        "business_id": campaign.business_id,
        "campaign_id": campaign.campaign_id,
        "contact_id": contact_id_of(campaign.business_id, number),
        "number": number,
        "name": "Wanjiku Kamau",
        "language": "sw",
        "zone": "",
        "consent": Consent("web form", "Please call me", MONDAY - timedelta(days=20)),
        "state": ContactState.WAITING,
        "due_at": MONDAY,
    }
    return Contact(**{**known, **changes})


def ringing(label: str = "pk1", **changes: Any) -> Contact:
    """Of `waiting`, on its first attempt."""
    state = {"state": ContactState.RINGING, "attempts": 1, "label": label, "asked_at": MONDAY, "session_id": SESSION}
    return waiting(**{**state, **changes})


def placed(label: str = "pk1", session: SessionId = SESSION, **changes: Any) -> Call:
    known: dict[str, Any] = {
        "session_id": session,
        "business_id": BUSINESS,
        "agent": "leads",
        "direction": Direction.OUTBOUND,
        "a_number": LINE,
        "b_number": WANJIKU,
        "status": CallStatus.RINGING,
        "created_at": MONDAY,
        "client_request_id": label,
    }
    return Call(**{**known, **changes})


def unanswered(status: CallStatus, **changes: Any) -> Call:
    return placed(**{"status": status, "ended_at": MONDAY + timedelta(seconds=30), **changes})


def talked(**changes: Any) -> Call:
    """Answered, opened by a bridge, and over after a minute."""
    known = {
        "status": CallStatus.COMPLETED,
        "answered_at": MONDAY + timedelta(seconds=10),
        "opened_at": MONDAY + timedelta(seconds=11),
        "ended_at": MONDAY + timedelta(seconds=70),
    }
    return placed(**{**known, **changes})


def closed(reason: CloseReason = CloseReason.GOODBYE, *said: str, **changes: Any) -> Closing:
    """`said`: what the person said."""
    known: dict[str, Any] = {
        "session_id": SESSION,
        "business_id": BUSINESS,
        "reason": reason,
        "duration_ms": 60_000,
        "transcript": (Said("agent", "Hello", 0), *(Said("caller", text, 900) for text in said)),
        "truncated": False,
        "closed_at": MONDAY + timedelta(seconds=70),
    }
    return Closing(**{**known, **changes})


def lead(outcome: Outcome = Outcome.UNFINISHED, **changes: Any) -> Lead:
    known: dict[str, Any] = {
        "business_id": BUSINESS,
        "session_id": SESSION,
        "number": WANJIKU,
        "language": "sw",
        "began_at": MONDAY,
        "outcome": outcome,
        "score": 70,
        "answers": {"budget": Answer(value="50000", quote="about fifty thousand", at=MONDAY)},
        "reasons": (reason("budget", 40, "has the money", "about fifty thousand"),)
        if outcome is not Outcome.UNFINISHED
        else (),
    }
    return Lead(**{**known, **changes})


def reason(question: str, points: int, why: str, quote: str) -> Reason:
    return Reason(question=question, points=points, reason=why, quote=quote)


@dataclass
class Told:
    """What stands on a queue, and what the bus was told. `fails`: so many tellings fail first."""

    messages: list[tuple[Mapping[str, object], int]] = field(default_factory=list)
    events: list[tuple[str, Mapping[str, str | int]]] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)

    def send(self, message: Mapping[str, object], delay_s: int = 0) -> None:
        self.messages.append((message, delay_s))

    def emit(self, kind: str, detail: Mapping[str, str | int]) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.events.append((kind, detail))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]


class Office:
    """The settler and everything it reads. `campaigns` may be a store that misbehaves."""

    def __init__(self, campaign: Campaign = CAMPAIGN, at: datetime = MONDAY + timedelta(seconds=75)) -> None:
        self.clock = ManualClock(at)
        self.calls, self.closings, self.store = MemoryCallStore(), MemoryClosings(), MemoryStore()
        self.cdrs, self.campaigns = MemoryCdrs(), MemoryCampaigns()
        self.told = Told()
        self.logged = io.StringIO()
        self.campaign = self.campaigns.put_campaign(campaign)
        self.clerk = Clerk(
            shelves=lambda: Shelves(self.calls, self.closings, self.store, self.cdrs, self.campaigns),
            policies=POLICIES,
            newsroom=Newsroom(lambda: self.store, lambda kind, detail: self.told.emit(kind, detail)),
            later=lambda: self.told,
            clock=self.clock,
            log=Log(f"settler-{next(_names)}", self.logged),
        )

    def queue(self, contact: Contact) -> Contact:
        self.campaigns.add_contacts([contact])
        return self.read(contact)

    def ring(self, contact: Contact, label: str = "pk1", at: datetime = MONDAY) -> Contact:
        """One attempt begins, and the carrier has it."""
        queued = self.campaigns.contact(contact.business_id, contact.campaign_id, contact.contact_id)
        claimed = self.campaigns.put_contact(moves.claimed(queued or self.queue(contact), at))
        attempts = self.campaigns.attempts(contact.business_id, contact.number)
        asked = self.campaigns.begin(moves.asked(claimed, label, at), 1_000, attempts)
        return self.campaigns.put_contact(moves.ringing(asked, SESSION))

    def know(self, call: Call, closing: Closing | None = None, lead: Lead | None = None) -> None:
        """What hooks, the bridge and the agent have written."""
        known = self.calls.call(call.session_id)
        if known is None:
            self.calls.create_call(call)
        else:
            self.calls.put_call(replace(call, version=known.version))
        if closing is not None:
            self.closings.add(closing)
        if lead is not None:
            self.store.put(LEAD.of(lead))

    def opt_out(self, number: E164 = WANJIKU, session: SessionId = SESSION) -> None:
        digest = number_digest(BUSINESS, number)
        asked = Suppression(business_id=BUSINESS, digest=digest, session_id=session, asked_at=self.clock.now())
        self.store.put(SUPPRESSION.of(asked))

    def hear(self, session: SessionId = SESSION, **more: object) -> None:
        """One message about a call."""
        self.clerk.take(json.dumps({"version": 1, "call": session, "business": BUSINESS, **more}), "m")

    def read(self, contact: Contact) -> Contact:
        found = self.campaigns.contact(contact.business_id, contact.campaign_id, contact.contact_id)
        assert found is not None
        return found
