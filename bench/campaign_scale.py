"""A large campaign in virtual time: the real planner, dialer, gate and settler over stores in memory, and a carrier that only keeps time.

    python -m bench.campaign_scale [--contacts 100000] [--cps 20] [--channels 600] [--quick]

Nothing waits: whoever would sleep moves the clock. Prints what was placed, the busiest second, the channels in use and how long it took,
and exits non-zero if anybody was rung twice for one attempt, a second held more calls than allowed, or somebody got lost.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import itertools
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.campaigns.lost_calls import LostCalls
from functions.campaigns.planner import Planner, Shelves, World
from functions.dialer.dialer import Dialer
from functions.dialer.sight import Exchange
from functions.settler.clerk import Clerk
from functions.settler.clerk import Shelves as SettlerShelves
from functions.settler.news import Newsroom
from pokea.adapters.observability import Log
from pokea.adapters.sautikit_rest import PlacedCall
from pokea.billing.wallet import Standing
from pokea.calls import Call, CallStatus, Direction
from pokea.campaigns.campaign import Campaign, CampaignState, Retry, Voicemail
from pokea.campaigns.contact import Consent, Contact, ContactState, Disposition
from pokea.campaigns.country_policy import packaged_policies
from pokea.campaigns.ports import contact_id_of, counts_of, tally_of
from pokea.clock import ManualClock
from pokea.errors import CallError
from pokea.hours import Opening, OpeningHours
from pokea.ids import BusinessId, CallId, SessionId
from pokea.leads import LEAD, Lead, Outcome
from pokea.lines import PACKAGED, load_lines
from pokea.phone_numbers import E164
from pokea.ports import Change
from pokea.profile import load_profiles
from pokea.sautikit.closings import CloseReason, Closing, Said

BUSINESS = BusinessId("mizani")
BEGINS = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)  # a Monday, 07:30 in Nairobi: half an hour before calls are lawful
ALWAYS = OpeningHours({weekday: (Opening(0, 1_440),) for weekday in range(7)})
MOST_DAYS = 20
QUICK = 3_000


@dataclass(frozen=True, slots=True)
class Fate:
    """What a telephone does: rings for `ring_s`; answered, talks for `talk_s`."""

    share: int  # of 100
    ring_s: float
    talk_s: float
    status: CallStatus
    outcome: Outcome | None = None
    answerer: str = ""


FATES = (
    Fate(3, 8, 150, CallStatus.COMPLETED, Outcome.HOT),
    Fate(7, 8, 110, CallStatus.COMPLETED, Outcome.WARM),
    Fate(25, 9, 45, CallStatus.COMPLETED, Outcome.COLD),
    Fate(2, 9, 12, CallStatus.COMPLETED, Outcome.OPTED_OUT),
    Fate(10, 20, 8, CallStatus.COMPLETED, None, "machine"),
    Fate(8, 9, 3, CallStatus.COMPLETED),
    Fate(10, 3, 0, CallStatus.BUSY),
    Fate(35, 30, 0, CallStatus.NO_ANSWER),
)


def fate_of(number: str, attempt: int) -> Fate:
    """The same for the same telephone and attempt, whoever asks."""
    drawn = (int(number[1:]) * 2_654_435_761 + attempt * 40_503) % 100
    for fate in FATES:
        drawn -= fate.share
        if drawn < 0:
            return fate
    return FATES[-1]


class Silent(Log):
    """Half of the time would go into lines that nobody reads."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        super().__init__("scale")

    def info(self, event: str, **fields: object) -> None: ...

    def warning(self, event: str, **fields: object) -> None: ...

    def count(self, metric: str, value: int = 1, **dimensions: str) -> None:
        self.counted[metric] += value


def indexed() -> Any:
    """The store of the tests, with indexes: theirs looks through everybody for every question."""
    from tests.fakes.memory_campaigns import MemoryCampaigns

    class Indexed(MemoryCampaigns):
        def __init__(self) -> None:
            super().__init__()
            self._states: dict[tuple[str, ContactState], dict[str, Contact]] = {}
            self._tallies: dict[str, Counter[str]] = {}
            self._due: dict[str, list[tuple[datetime, str, int]]] = {}

        def _write(self, contact: Contact) -> Contact:
            before = self.contact(contact.business_id, contact.campaign_id, contact.contact_id)
            after = super()._write(contact)
            name = contact.campaign_id
            tallies = self._tallies.setdefault(name, Counter())
            if before is not None:
                tallies[tally_of(before)] -= 1
                del self._states[name, before.state][before.contact_id]
            tallies[tally_of(after)] += 1
            self._states.setdefault((name, after.state), {})[after.contact_id] = after
            if after.state is ContactState.WAITING:
                heapq.heappush(self._due.setdefault(name, []), (after.due_at, after.contact_id, after.version))
            return after

        def due(self, business_id: BusinessId, campaign_id: str, now: datetime, limit: int) -> tuple[Contact, ...]:
            waiting = self._states.get((campaign_id, ContactState.WAITING), {})
            heap = self._due.get(campaign_id, [])
            found: list[tuple[tuple[datetime, str, int], Contact]] = []
            while heap and heap[0][0] <= now and len(found) < limit:
                entry = heapq.heappop(heap)
                contact = waiting.get(entry[1])
                if contact is not None and contact.version == entry[2]:
                    found.append((entry, contact))
            for entry, _ in found:
                heapq.heappush(heap, entry)
            return tuple(contact for _, contact in found)

        def in_state(
            self, business_id: BusinessId, campaign_id: str, state: ContactState, limit: int = 1_000
        ) -> tuple[Contact, ...]:
            return tuple(itertools.islice(self._states.get((campaign_id, state), {}).values(), limit))

        def counts(self, business_id: BusinessId, campaign_id: str) -> Any:
            return counts_of(self._tallies.get(campaign_id, Counter()))

    return Indexed()


class OwnTime:
    """The clock of one of many dialers: waiting for its turn holds up nobody else."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock, self._ahead = clock, timedelta(0)

    def now(self) -> datetime:
        return self._clock.now() + self._ahead

    def wait(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=max(seconds, 0.0))

    def begin(self) -> None:
        self._ahead = timedelta(0)


class Stage:
    """Virtual time, and what is to happen in it."""

    def __init__(self, contacts: int, cps: int, channels: int, dialer: type[Dialer] = Dialer) -> None:
        from tests.fakes.memory_cdrs import MemoryCdrs
        from tests.fakes.memory_store import MemoryCallStore, MemoryStore
        from tests.support.control_plane import MemoryClosings

        self.clock = ManualClock(BEGINS)
        self.dialers_clock = OwnTime(self.clock)
        self.log = Silent()
        self.store, self.records = indexed(), MemoryStore()
        self.calls, self.closings, self.cdrs = MemoryCallStore(), MemoryClosings(), MemoryCdrs()
        self.campaign = self.store.put_campaign(campaign_of(cps, channels))
        self.store.add_contacts([contact_of(place, self.campaign) for place in range(contacts)])
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.carrier = KeepsTime(self)
        self.queued = 0
        self.told: Counter[str] = Counter()
        self.clerk, self.dialer = self._clerk(), self._dialer(dialer)

    def at(self, moment: datetime, step: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._order), step))

    def run(self) -> None:
        self.at(self.clock.now(), self.plan)
        while self._agenda:
            moment, _, step = heapq.heappop(self._agenda)
            self.clock.advance(max(0.0, (moment - self.clock.now()).total_seconds()))
            step()

    # --- the planner, and the queue ------------------------------------------------------------------------------------------------------
    def plan(self) -> None:
        self.dialers_clock.begin()
        planner = self._planner()
        for found in planner.campaigns():
            planner.look(found, planner.queue_room())
        is_over = self.store.campaign(BUSINESS, self.campaign.campaign_id).state is CampaignState.FINISHED
        if not is_over and self.clock.now() - BEGINS < timedelta(days=MOST_DAYS):
            self.at(self.clock.now() + timedelta(seconds=60), self.plan)

    def send_spread(self, messages: Sequence[tuple[Mapping[str, object], int]]) -> None:
        for message, delay_s in messages:
            self.again(message, delay_s)

    def again(self, message: Mapping[str, object], delay_s: int) -> None:
        self.queued += 1
        body = json.dumps(dict(message))
        self.at(self.dialers_clock.now() + timedelta(seconds=delay_s), lambda: self.dial(body))

    def depth(self) -> int:
        return self.queued

    def dial(self, body: str) -> None:
        self.queued -= 1
        self.dialers_clock.begin()
        try:
            self.dialer.take(body)
        except CallError:
            self.at(self.clock.now() + timedelta(seconds=180), lambda: self.dial(body))  # visible again
            self.queued += 1

    # --- what happens to a call --------------------------------------------------------------------------------------------------
    def settle(self, session_id: SessionId, attempt: int = 0) -> None:
        body = {"version": 1, "call": session_id, "business": BUSINESS, "attempt": attempt}
        self.clerk.take(json.dumps(body), session_id)

    def send(self, message: Mapping[str, Any], delay_s: int = 0) -> None:
        """The settler's own queue."""
        again = dict(message)
        self.at(
            self.clock.now() + timedelta(seconds=delay_s),
            lambda: self.settle(SessionId(str(again["call"])), int(again.get("attempt", 0))),
        )

    def emit(self, kind: str, detail: Mapping[str, str | int]) -> None:
        self.told[kind] += 1

    # --- the functions -----------------------------------------------------------------------------------------------------------
    def _planner(self) -> Planner:
        world = World(
            shelves=lambda: Shelves(self.store, self.records),
            queue=lambda: self,
            ended=lambda session_id, business_id: self.settle(session_id),
            emit=self.emit,
            standing=lambda: Standing.OK,
            call_micros=lambda campaign, now: None,
            policies=packaged_policies(),
            lost_calls=LostCalls(calls=lambda: self.calls, books=lambda: self.carrier, log=self.log),
            businesses=(BUSINESS,),
        )
        return Planner(world, clock=self.clock, log=self.log, ahead_s=60, is_over=lambda: False, writers=1)

    def _dialer(self, cls: type[Dialer]) -> Dialer:
        exchange = Exchange(self.store, self.calls, self.records, self.carrier)
        return cls(
            exchange=lambda: exchange,
            profiles=load_profiles(PACKAGED),
            lines=load_lines(PACKAGED),
            policies=packaged_policies(),
            voice_callback_url=lambda: "https://pokea.example/voice",
            clock=self.dialers_clock,
            wait=self.dialers_clock.wait,
            again=self.again,
            log=self.log,
        )

    def _clerk(self) -> Clerk:
        shelves = SettlerShelves(self.calls, self.closings, self.records, self.cdrs, self.store)
        return Clerk(
            shelves=lambda: shelves,
            policies=packaged_policies(),
            newsroom=Newsroom(lambda: self.records, self.emit),
            later=lambda: self,
            clock=self.clock,
            log=self.log,
        )


class KeepsTime:
    """The carrier: places calls, ends them when it is time, and counts."""

    def __init__(self, world: Stage) -> None:
        self._world = world
        self._names = itertools.count(1)
        self.rings: Counter[str] = Counter()  # by label
        self.attempts: Counter[str] = Counter()  # by number
        self.placed = self.live = self.most_live = self.busiest = 0
        self._last_second: deque[datetime] = deque()

    def place_call(self, *, to_number: E164, client_request_id: str, **rest: Any) -> PlacedCall:
        now, session = self._world.dialers_clock.now(), SessionId(f"HD_{next(self._names):012x}")
        self.placed += 1
        self.rings[client_request_id] += 1
        self.attempts[to_number] += 1
        self._count(now)
        fate = fate_of(to_number, self.attempts[to_number])
        ends = now + timedelta(seconds=fate.ring_s + fate.talk_s)
        self._world.at(ends, lambda: self._end(session, to_number, client_request_id, fate, now))
        return PlacedCall(CallId(f"c{session}"), session, "ringing", client_request_id)

    def list_calls(self, **query: str) -> tuple[Sequence[Mapping[str, object]], str | None]:
        return (), None

    def _count(self, now: datetime) -> None:
        self.live += 1
        self.most_live = max(self.most_live, self.live)
        self._last_second.append(now)
        while now - self._last_second[0] >= timedelta(seconds=1):
            self._last_second.popleft()
        self.busiest = max(self.busiest, len(self._last_second))

    def _end(self, session: SessionId, number: E164, label: str, fate: Fate, began: datetime) -> None:
        """What hooks and the bridge leave in the stores once a call is over."""
        world, now = self._world, self._world.clock.now()
        self.live -= 1
        answered = began + timedelta(seconds=fate.ring_s) if fate.talk_s else None
        world.calls.create_call(
            Call(
                session_id=session,
                business_id=BUSINESS,
                agent="leads",
                direction=Direction.OUTBOUND,
                a_number=E164(world.campaign.from_number),
                b_number=number,
                status=fate.status,
                created_at=began,
                answered_at=answered,
                opened_at=answered,
                ended_at=now,
                client_request_id=label,
            )
        )
        if answered is not None:
            self._closed(session, number, fate, answered)
        world.settle(session)

    def _closed(self, session: SessionId, number: E164, fate: Fate, answered: datetime) -> None:
        world, now = self._world, self._world.clock.now()
        said = (Said("caller", "Yes.", 900),) if fate.outcome is not None else ()
        world.closings.add(
            Closing(
                session_id=session,
                business_id=BUSINESS,
                reason=CloseReason.CALLER_HUNG_UP,
                duration_ms=round(fate.talk_s * 1_000),
                transcript=said,
                truncated=False,
                closed_at=now,
                answerer=fate.answerer,
            )
        )
        if fate.outcome is not None:
            lead = Lead(
                business_id=BUSINESS,
                session_id=session,
                number=number,
                language="en",
                began_at=answered,
                outcome=fate.outcome,
            )
            world.records.apply(Change(records=(LEAD.of(lead),)))


def campaign_of(cps: int, channels: int) -> Campaign:
    return Campaign(
        business_id=BUSINESS,
        campaign_id="scale",
        name="Scale",
        agent="leads",
        from_number="+254711000004",
        countries=frozenset({"KE"}),
        windows=ALWAYS,
        begins_at=None,
        ends_at=None,
        cps=cps,
        channels=channels,
        retries={
            Disposition.BUSY: Retry(15, 3),
            Disposition.NO_ANSWER: Retry(120, 2),
            Disposition.MACHINE: Retry(240, 2),
        },
        max_attempts=3,
        voicemail=Voicemail.HANG_UP,
        budget_micros=None,
        state=CampaignState.RUNNING,
    )


def contact_of(place: int, campaign: Campaign) -> Contact:
    number = E164(f"+2547{10_000_000 + place}")
    return Contact(
        business_id=BUSINESS,
        campaign_id=campaign.campaign_id,
        contact_id=contact_id_of(BUSINESS, number),
        number=number,
        name=f"Person {place}",
        language="en",
        zone="",
        consent=Consent("web form", "I agree to be called.", BEGINS - timedelta(days=30)),
        state=ContactState.WAITING,
        due_at=BEGINS - timedelta(days=1),
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.campaign_scale", description="A campaign in virtual time.")
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--cps", type=int, default=20)
    parser.add_argument("--channels", type=int, default=600)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} contacts")
    options = parser.parse_args()
    contacts = QUICK if options.quick else options.contacts
    started_s = time.perf_counter()
    world = Stage(contacts, options.cps, options.channels)
    laid_out_s = time.perf_counter() - started_s
    gc.freeze()  # the list stays to the end: looking through it again and again for what can go takes a tenth of the time
    world.run()
    took_s = time.perf_counter() - started_s
    problems = told(world, contacts, options.cps, options.channels, laid_out_s, took_s)
    print("every bound holds" if not problems else f"out of bounds: {'; '.join(problems)}")
    return 1 if problems else 0


def told(world: Stage, contacts: int, cps: int, channels: int, laid_out_s: float, took_s: float) -> list[str]:
    """Prints the figures; returns what is wrong with them."""
    carrier, counts = world.carrier, world.store.counts(BUSINESS, "scale")
    lasted = world.clock.now() - BEGINS
    print(f"contacts      {contacts:>9,}   laid out in {laid_out_s:.1f} s")
    print(f"calls placed  {carrier.placed:>9,}   {carrier.placed / contacts:.2f} for each contact")
    print(f"busiest second{carrier.busiest:>9,}   of {cps} allowed")
    print(f"channels      {carrier.most_live:>9,}   of {channels} allowed")
    messages = world.log.counted["Dialled"]
    print(f"put off       {messages - carrier.placed:>9,}   {messages / carrier.placed - 1:.2f} for each call")
    print(f"virtual time  {lasted.total_seconds() / 3_600:>9.1f} h, from {BEGINS:%a %H:%M} UTC")
    print(f"wall time     {took_s:>9.1f} s, and {time.process_time():.1f} s of one core")
    ends = ", ".join(f"{one.value} {count:,}" for one, count in counts.dispositions.items() if count)
    print(f"ends          {ends}")
    left = {state.value: counts.states[state] for state in ContactState if counts.states[state]}
    problems = []
    if sum(left.values()) != contacts or left.get("done", 0) + left.get("excluded", 0) != contacts:
        problems.append(f"contacts do not add up: {left}")
    if carrier.rings and max(carrier.rings.values()) > 1:
        problems.append("somebody was rung twice for one attempt")
    if carrier.busiest > cps or carrier.most_live > channels:
        problems.append("more calls than allowed")
    if world.told["campaign.finished"] != 1:
        problems.append("the end was not told of once")
    return problems


if __name__ == "__main__":
    sys.exit(main())
