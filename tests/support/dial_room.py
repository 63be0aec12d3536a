"""Dialers, a queue and a planner over stores in memory, in virtual time, with a switchboard that counts what it rings.

The planner here does what the real one does for the dialer, and nothing else: it lets lapsed claims go, settles what is unknown by the
carrier's list, and sends a message for everybody who is due.
"""

from __future__ import annotations

import heapq
import io
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from functions.dialer.dialer import Dialer
from functions.dialer.sight import Exchange
from pokea.adapters.observability import Log
from pokea.adapters.sautikit_rest import PlacedCall
from pokea.billing.cdr import CarrierLeg
from pokea.campaigns import moves, seeking, unknowns
from pokea.campaigns.campaign import Campaign, CampaignState, Voicemail
from pokea.campaigns.claims import claim_of
from pokea.campaigns.contact import Consent, Contact, ContactState
from pokea.campaigns.country_policy import Policies, packaged_policies
from pokea.campaigns.ports import CampaignStore, contact_id_of
from pokea.clock import Clock, ManualClock
from pokea.consent import SUPPRESSION, Suppression, number_digest
from pokea.errors import Conflict
from pokea.hours import WEEKDAYS, Opening, OpeningHours
from pokea.ids import BusinessId, CallId, SessionId
from pokea.lines import PACKAGED, load_lines
from pokea.phone_numbers import E164
from pokea.profile import load_profiles
from pokea.sautikit.attempts import Telephony
from pokea.sautikit.labels import attempt_session
from tests.fakes.memory_campaigns import MemoryCampaigns
from tests.fakes.memory_store import MemoryCallStore, MemoryStore

NOON = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday, noon in Nairobi
HOOK = "http://127.0.0.1:1/voice"
ALL_DAY = OpeningHours({day: (Opening(0, 1440),) for day in range(len(WEEKDAYS))})
CLAIM_LAPSES = timedelta(minutes=10)
_logs = itertools.count()


@cache
def profiles() -> Mapping[BusinessId, Any]:
    return load_profiles(PACKAGED)


@cache
def lines() -> Mapping[E164, Any]:
    return load_lines(PACKAGED)


@cache
def always_lawful() -> Policies:
    """For tests on the clock of the wall: what the law says at which hour is not what they are about."""
    packs = packaged_policies().packs
    never = {pack.country: replace(pack.holidays, calendar=pack.holidays.calendar, extra={}) for pack in packs}
    many = {pack.country: replace(pack.attempts, per_day=99, per_week=99, in_all=99) for pack in packs}
    return Policies(
        tuple(replace(pack, hours=ALL_DAY, holidays=never[pack.country], attempts=many[pack.country]) for pack in packs)
    )


class SkewedClock:
    """Another machine's idea of the time."""

    def __init__(self, clock: Clock, ahead_s: float) -> None:
        self._clock, self._ahead = clock, timedelta(seconds=ahead_s)

    def now(self) -> datetime:
        return self._clock.now() + self._ahead


class Board:
    """The carrier, as far as calls are placed and listed. `rings`: every telephone that rang: when (by the carrier's clock), label,
    number. `script`: what happens to the next request: raises, or None to place the call; it may place it and raise all the same."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.rings: list[tuple[datetime, str, E164]] = []
        self.asked: list[datetime] = []
        self.script: Callable[[Board, str], None] = lambda board, label: None
        self.ringing: Callable[[str], None] = lambda label: None

    def place_call(self, **wish: Any) -> PlacedCall:
        label, number = wish["client_request_id"], wish["to_number"]
        self.asked.append(self.clock.now())
        assert wish["voice_callback_url"] == HOOK and label == wish["idempotency_key"]
        self._number = number
        self.script(self, label)
        return self.ring(label)

    def ring(self, label: str, number: E164 | None = None) -> PlacedCall:
        self.rings.append((self.clock.now(), label, number or self._number))
        self.ringing(label)
        return PlacedCall(CallId(f"c-{label}"), SessionId(f"HD_{label}"), "ringing", label)

    def list_calls(self, **query: str) -> tuple[Sequence[Mapping[str, object]], str | None]:
        since, until = (datetime.fromisoformat(query[name]) for name in ("from", "to"))
        rows = [
            {
                "id": f"c-{label}",
                "session_id": f"HD_{label}",
                "direction": "outbound",
                "remote_e164": str(number),
                "started_at": at.isoformat(),
                "status": "ringing",
                "metadata": {"client_request_id": label},
            }
            for at, label, number in self.rings
            if since <= at < until
        ]
        start, limit = int(query.get("cursor", "0")), int(query["limit"])
        following = str(start + limit) if start + limit < len(rows) else None
        return rows[start : start + limit], following

    @property
    def per_label(self) -> Counter[str]:
        return Counter(label for _, label, _ in self.rings)

    @property
    def per_number(self) -> Counter[E164]:
        return Counter(number for _, _, number in self.rings)


@dataclass
class Room:
    """One campaign, its contacts, and what dials them. Messages come when `due` says, by the time of `clock`."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    campaigns: CampaignStore = field(default_factory=MemoryCampaigns)
    calls: Any = field(default_factory=MemoryCallStore)
    store: MemoryStore = field(default_factory=MemoryStore)
    policies: Policies = field(default_factory=packaged_policies)
    business: BusinessId = field(default_factory=lambda: next(iter(lines().values())).business_id)
    campaign_id: str = "spring"

    def __post_init__(self) -> None:
        self.board: Any = Board(self.clock)
        self.queue: list[tuple[datetime, int, str]] = []
        self._order = itertools.count()
        self.logged = io.StringIO()

    def open(self, count: int, **changes: Any) -> Campaign:
        """A running campaign with `count` contacts."""
        number = next(number for number, line in lines().items() if line.business_id == self.business)
        wanted: dict[str, Any] = {
            "business_id": self.business,
            "campaign_id": self.campaign_id,
            "name": "Spring",
            "agent": "leads",
            "from_number": str(number),
            "countries": frozenset({"KE"}),
            "windows": ALL_DAY,
            "begins_at": None,
            "ends_at": None,
            "cps": 50,
            "channels": 1_000,
            "retries": {},
            "max_attempts": 3,
            "voicemail": Voicemail.HANG_UP,
            "budget_micros": None,
            "fields": ("car",),
            "state": CampaignState.RUNNING,
        }
        campaign = self.campaigns.put_campaign(Campaign(**{**wanted, **changes}))
        self.campaigns.add_contacts([self.somebody(number) for number in range(count)])
        return campaign

    def somebody(self, number: int) -> Contact:
        phone = E164(f"+2547221{number:05d}")
        now = self.clock.now()
        return Contact(
            business_id=self.business,
            campaign_id=self.campaign_id,
            contact_id=contact_id_of(self.business, phone),
            number=phone,
            name="Wanjiku",
            language="sw",
            zone="",
            consent=Consent("web form", "Yes, call me", now - timedelta(days=3)),
            state=ContactState.WAITING,
            due_at=now - timedelta(minutes=15),
            fields={"car": "Vitz", "secret": "x"},
        )

    def dialer(
        self, *, telephony: Telephony | None = None, campaigns: Any = None, calls: Any = None, records: Any = None,
        ahead_s: float = 0.0, cls: type[Dialer] = Dialer, wait: Callable[[float], None] | None = None,
        clock: Clock | None = None, **exchange: Any,
    ) -> Dialer:  # fmt: skip
        made = Exchange(
            campaigns=campaigns or self.campaigns,
            calls=calls or self.calls,
            records=records or self.store,
            telephony=telephony or self.board,
            **exchange,
        )
        return cls(
            exchange=lambda: made,
            profiles=profiles(),
            lines=lines(),
            policies=self.policies,
            voice_callback_url=lambda: HOOK,
            clock=clock or (SkewedClock(self.clock, ahead_s) if ahead_s else self.clock),
            wait=wait or self._advance,
            again=self.send,
            log=Log(f"dial-room-{next(_logs)}", self.logged),
        )

    def _advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    # --- queue and planner --------------------------------------------------------------------------------------------------------
    def send(self, message: Mapping[str, object], delay_s: float = 0) -> None:
        self.queue_body(json.dumps(dict(message)), delay_s)

    def queue_body(self, body: str, delay_s: float = 0) -> None:
        heapq.heappush(self.queue, (self.clock.now() + timedelta(seconds=delay_s), next(self._order), body))

    def ready(self) -> str | None:
        """The next message that is due."""
        return heapq.heappop(self.queue)[2] if self.queue and self.queue[0][0] <= self.clock.now() else None

    def plan(self, copies: int = 1, spread_s: float = 0.0) -> int:
        """One tick of the planner: how many messages it sent."""
        now = self.clock.now()
        for contact in self.campaigns.in_state(self.business, self.campaign_id, ContactState.CLAIMED):
            if contact.claimed_at is not None and now - contact.claimed_at > CLAIM_LAPSES:
                self._put(moves.unclaimed(contact, now))
        self.seek()
        due = self.campaigns.due(self.business, self.campaign_id, now, 10_000)
        for number, contact in enumerate(due):
            for _ in range(copies):
                self.send(claim_of(contact), number * spread_s)
        return len(due)

    def seek(self) -> None:
        """One look for what is unknown."""
        lost = self.campaigns.in_state(self.business, self.campaign_id, ContactState.ASKED, 10_000)
        now, name = self.clock.now(), (self.business, self.campaign_id)
        search = unknowns.search_for(lost, self.campaigns.search(*name), now)
        legs: tuple[CarrierLeg, ...] = ()
        if search is not None:
            search, legs = seeking.read_on(self.board, search)
        for contact in lost:
            seen = unknowns.NOT_READ
            if search is not None:
                seen = unknowns.sighting(contact, legs, is_whole=unknowns.shows_none(search, contact))
            attempt = self.calls.call(attempt_session(contact.label))
            after = unknowns.settled(contact, attempt, seen, now)
            if after is not None:
                self._put(after, contact.label)
        if search is not None:
            self.campaigns.put_search(*name, search)

    def _put(self, contact: Contact, label: str = "") -> None:
        try:
            if contact.state is ContactState.WAITING and label:
                self.campaigns.take_back(contact, label)
            else:
                self.campaigns.put_contact(contact)
        except Conflict:
            return

    # --- looking ------------------------------------------------------------------------------------------------------------------
    def contacts(self) -> Iterator[Contact]:
        return self.campaigns.contacts(self.business, self.campaign_id)

    def states(self) -> Counter[str]:
        return Counter(contact.state.value for contact in self.contacts())

    def one(self) -> Contact:
        (contact,) = self.contacts()
        return contact

    def suppress(self, number: E164) -> None:
        digest = number_digest(self.business, number)
        wish = Suppression(
            business_id=self.business, digest=digest, session_id=SessionId("HD_x"), asked_at=self.clock.now()
        )
        self.store.put(SUPPRESSION.of(wish))

    def run(self, dialers: Sequence[Dialer], *, ticks: int = 1, tick_s: float = 60.0) -> None:
        """Plans, works the queue off with every dialer in turn, and goes on to the next tick."""
        turn = itertools.cycle(dialers)
        for _ in range(ticks):
            self.plan()
            until = self.clock.now() + timedelta(seconds=tick_s)
            while self.queue and self.queue[0][0] <= until:
                self.clock.advance(max(0.0, (self.queue[0][0] - self.clock.now()).total_seconds()))
                body = self.ready()
                if body is not None:
                    next(turn).take(body)
            self.clock.advance(max(0.0, (until - self.clock.now()).total_seconds()))
