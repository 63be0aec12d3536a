"""A campaign, its contacts and a planner around stores in memory, on a clock that stands still."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.campaigns.lost_calls import LostCalls
from functions.campaigns.planner import Planner, Shelves, World
from pokea.adapters.observability import Log
from pokea.billing.wallet import Standing
from pokea.campaigns import moves
from pokea.campaigns.campaign import Campaign, CampaignState, Retry, Voicemail
from pokea.campaigns.contact import Consent, Contact, ContactState, Disposition
from pokea.campaigns.country_policy import packaged_policies
from pokea.campaigns.ports import contact_id_of
from pokea.clock import ManualClock
from pokea.errors import Unavailable
from pokea.hours import Opening, OpeningHours
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from tests.fakes.memory_campaigns import MemoryCampaigns
from tests.fakes.memory_store import MemoryCallStore, MemoryStore

BUSINESS = BusinessId("mizani")
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # 11:00 in Nairobi
SATURDAY_NIGHT = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
ALWAYS = OpeningHours({weekday: (Opening(0, 1440),) for weekday in range(7)})


def campaign(**changes: Any) -> Campaign:
    given: dict[str, Any] = {
        "business_id": BUSINESS,
        "campaign_id": "year-end",
        "name": "Year end",
        "agent": "leads",
        "from_number": "+254711000004",
        "countries": frozenset({"KE"}),
        "windows": ALWAYS,
        "begins_at": None,
        "ends_at": None,
        "cps": 5,
        "channels": 20,
        "retries": {Disposition.BUSY: Retry(15, 3), Disposition.NO_ANSWER: Retry(60, 2)},
        "max_attempts": 3,
        "voicemail": Voicemail.HANG_UP,
        "budget_micros": None,
        "state": CampaignState.RUNNING,
    }
    return Campaign(**{**given, **changes})


def contact(place: int, of: Campaign | None = None, **changes: Any) -> Contact:
    of = of or campaign()
    number = E164(f"+25472{place:07d}")
    given: dict[str, Any] = {
        "business_id": of.business_id,
        "campaign_id": of.campaign_id,
        "contact_id": contact_id_of(of.business_id, number),
        "number": number,
        "name": f"Person {place}",
        "language": "en",
        "zone": "",
        "consent": Consent("web form", "I agree to be called.", MONDAY - timedelta(days=30)),
        "state": ContactState.WAITING,
        "due_at": MONDAY - timedelta(days=9),
    }
    return Contact(**{**given, **changes})


def contacts(count: int, of: Campaign | None = None, **changes: Any) -> list[Contact]:
    return [contact(place, of, **changes) for place in range(count)]


class MemoryQueue:
    """Holds what was sent until it is taken."""

    def __init__(self) -> None:
        self.sent: list[tuple[Mapping[str, object], int]] = []
        self.is_down = False

    def send_spread(self, messages: Sequence[tuple[Mapping[str, object], int]]) -> None:
        if self.is_down:
            raise Unavailable("queue_unavailable", "not taken")
        self.sent += messages

    def depth(self) -> int:
        return len(self.sent)

    @property
    def named(self) -> list[object]:
        return [message["contact"] for message, _ in self.sent]


class CarrierList:
    """The carrier's list of calls: rows by page, or an error."""

    def __init__(self) -> None:
        self.rows: list[Mapping[str, object]] = []
        self.asked: list[Mapping[str, str]] = []
        self.is_down = False

    def list_calls(self, **query: str) -> tuple[Sequence[Mapping[str, object]], str | None]:
        self.asked.append(dict(query))
        if self.is_down:
            raise Unavailable("carrier_unavailable", "no answer")
        return self.rows, None


@dataclass
class Office:
    """A planner in memory. `is_over`: whether its time is up."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(MONDAY))
    standing: Standing = Standing.OK
    call_micros: int | None = 5_000_000
    ahead_s: float = 60.0
    is_over: Callable[[], bool] = lambda: False
    make_planner: Callable[..., Planner] = Planner

    def __post_init__(self) -> None:
        self.store = MemoryCampaigns()
        self.records = MemoryStore()
        self.calls = MemoryCallStore()
        self.queue = MemoryQueue()
        self.carrier = CarrierList()
        self.told: list[tuple[str, Mapping[str, str | int]]] = []
        self.asked_after: list[SessionId] = []
        self.logged = io.StringIO()
        self.log = Log("campaigns-test", self.logged)

    def planner(self) -> Planner:
        world = World(
            shelves=lambda: Shelves(self.store, self.records),
            queue=lambda: self.queue,
            ended=lambda session_id, business_id: self.asked_after.append(session_id),
            emit=lambda kind, detail: self.told.append((kind, detail)),
            standing=lambda: self.standing,
            call_micros=lambda of, now: self.call_micros,
            policies=packaged_policies(),
            lost_calls=LostCalls(calls=lambda: self.calls, books=lambda: self.carrier, log=self.log),
            businesses=(BUSINESS,),
        )
        return self.make_planner(world, clock=self.clock, log=self.log, ahead_s=self.ahead_s, is_over=self.is_over)

    def add(self, of: Campaign, people: Iterable[Contact] = ()) -> Campaign:
        stored = self.store.put_campaign(of)
        self.store.add_contacts(list(people))
        return stored

    def plan(self) -> int:
        """One run of the planner over everything, as the function does it."""
        planner, queued = self.planner(), 0
        room = planner.queue_room()
        for found in planner.campaigns():
            queued += planner.look(found, room - queued)
        return queued

    def campaign(self, campaign_id: str = "year-end") -> Campaign:
        found = self.store.campaign(BUSINESS, campaign_id)
        assert found is not None
        return found

    def in_state(self, state: ContactState, campaign_id: str = "year-end") -> tuple[Contact, ...]:
        return self.store.in_state(BUSINESS, campaign_id, state)

    def ring(self, people: Iterable[Contact], age: timedelta = timedelta(0), label: str = "pk") -> list[Contact]:
        """Have these contacts ring since then."""
        found = []
        for person in people:
            fresh = self.store.contact(person.business_id, person.campaign_id, person.contact_id)
            assert fresh is not None
            at = self.clock.now() - age
            claimed = self.store.put_contact(moves.claimed(fresh, at))
            attempts = self.store.attempts(fresh.business_id, fresh.number)
            asked = self.store.begin(moves.asked(claimed, f"{label}{fresh.contact_id[:30]}", at), 1_000, attempts)
            found.append(self.store.put_contact(moves.ringing(asked, SessionId(f"HD_{fresh.contact_id[:12]}"))))
        return found

    def ask(self, person: Contact, age: timedelta) -> Contact:
        """Have the carrier be asked for this contact since then, without an answer."""
        fresh = self.store.contact(person.business_id, person.campaign_id, person.contact_id)
        assert fresh is not None
        at = self.clock.now() - age
        claimed = self.store.put_contact(moves.claimed(fresh, at))
        attempts = self.store.attempts(fresh.business_id, fresh.number)
        return self.store.begin(moves.asked(claimed, f"pk{fresh.contact_id[:30]}", at), 1_000, attempts)
