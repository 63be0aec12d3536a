"""L4: bookings never outnumber capacity, one wish books once, nothing is lost: judged by the slot checker, which knows no product code.

Races are made on purpose: before a write reaches the store, another caller gets through whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.booking import live_takers
from pokea.free_times import alternatives, free_on
from pokea.phone_numbers import E164
from pokea.ports import Change
from pokea.toolkit import ToolResult
from tests.fakes.conversation import CLINIC, Conversation
from tests.fakes.memory_store import MemoryStore
from tests.oracles.slot_checker import check
from tests.support.sizes import examples

TIMES = ("10 am", "10:15 am", "10:30 am", "11 am", "2 pm")
NUMBERS = [E164(f"+25472200{number:04d}") for number in range(4)]
NAMES = ("Amina Otieno", "Brian Kamau", "Carol Njeri", "David Mutua")
SERVICES = ("cleaning", "filling", "checkup")


@dataclass
class RacingStore(MemoryStore):
    """Lets somebody else in between a read and the write that follows it."""

    capacity: int = 1
    waiting: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def apply(self, change: Change) -> None:
        if self.waiting:
            self.waiting.pop()()
        assert all(len(slot.takers) <= self.capacity for slot in change.slots), "holds count as takers too"
        super().apply(change)


@dataclass
class Clinic:
    """Callers at one desk, and the history for the judge. Minutes of the diary are named by their ISO text."""

    capacity: int
    store: RacingStore = field(default_factory=RacingStore)
    history: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        profile = replace(CLINIC, booking=replace(CLINIC.booking, capacity=self.capacity))
        self.store.capacity = self.capacity
        first = Conversation(store=self.store, profile=profile)
        self.callers = [first.called_by(number) for number in NUMBERS]

    def act(self, who: int, kind: str, service: str, time: str) -> None:
        caller = self.callers[who]
        event: dict[str, Any] = {
            "type": "invoke",
            "id": len(self.history),
            "op": kind,
            "appointment": f"none-{len(self.history)}",
        }
        self.history.append(event)
        proposed = caller.tool(*self._wish(who, kind, service, time))
        done = caller.commit(proposed) if proposed.payload["status"] == "proposed" else None
        is_done = done is not None and done.payload["status"] in ("booked", "moved", "cancelled")
        if is_done:
            self._describe(event, kind, cast(ToolResult, done))
        self.history.append({"type": "ok" if is_done else "fail", "id": event["id"]})

    def _wish(self, who: int, kind: str, service: str, time: str) -> tuple[str, dict[str, str]]:
        if kind == "book":
            return "proposeBooking", {"service": service, "when": f"Thursday at {time}", "name": NAMES[who]}
        reference = self._own(who)
        if kind == "move":
            return "proposeMove", {"name": NAMES[who], "when": f"Thursday at {time}", "reference": reference}
        return "proposeCancel", {"name": NAMES[who], "reference": reference}

    def _own(self, who: int) -> str:
        own = self.store.appointments_of(self.callers[who].profile.business_id, NUMBERS[who])
        return str(own[0].appointment_id) if own else "none"

    def _describe(self, event: dict[str, Any], kind: str, done: ToolResult) -> None:
        reference = cast(str, done.payload["reference"])
        event["appointment"] = reference
        stored = next(a for a in self.store.all_appointments() if a.appointment_id == reference)
        if kind == "book":
            event["intent"] = stored.intent_key + reference
        if kind != "cancel":
            event["slots"] = quarters(stored.starts_at, stored.ends_at)

    def final(self) -> dict[str, Any]:
        return {
            "slots": {
                slot.key.starts_at.isoformat(): [
                    owner for owner, taker in slot.takers.items() if taker.held_until is None
                ]
                for slot in self.store.all_slots()
            },
            "appointments": {
                a.appointment_id: {
                    "state": a.status.value,
                    "intent": a.intent_key + a.appointment_id,
                    "slots": quarters(a.starts_at, a.ends_at),
                }
                for a in self.store.all_appointments()
            },
        }


def quarters(start: datetime, end: datetime) -> list[str]:
    return [(start + timedelta(minutes=15 * n)).isoformat() for n in range(round((end - start).total_seconds() / 900))]


steps = st.tuples(
    st.integers(0, 3),
    st.sampled_from(["book", "book", "book", "move", "move", "cancel"]),
    st.sampled_from(SERVICES),
    st.sampled_from(TIMES),
)
rounds = st.lists(st.tuples(steps, st.lists(steps, max_size=2)), max_size=12)


@settings(max_examples=examples(25, 600))
@given(st.integers(1, 2), rounds)
def test_no_history_oversells_loses_or_doubles(capacity: int, script: list[tuple[Any, list[Any]]]) -> None:
    clinic = Clinic(capacity)
    for step, rivals in script:
        clinic.store.waiting = [lambda rival=rival: clinic.act(*rival) for rival in rivals]  # type: ignore[misc]
        clinic.act(*step)
        clinic.store.waiting = []
        now = clinic.callers[0].clock.now()
        assert all(len(live_takers(slot, now)) <= capacity for slot in clinic.store.all_slots())
        clinic.callers[0].clock.advance(95)  # holds of refused wishes lapse between rounds
    assert check(clinic.history, clinic.final(), capacity) == []


@settings(max_examples=examples(15, 200))
@given(st.lists(steps, max_size=8), st.sampled_from(SERVICES), st.sampled_from(TIMES))
def test_what_is_offered_can_be_booked_and_what_is_not_cannot(script: list[Any], service: str, time: str) -> None:
    clinic = Clinic(1)
    for step in script:
        clinic.act(*step)
        clinic.callers[0].clock.advance(95)
    asker = Conversation(store=clinic.store, profile=clinic.callers[0].profile, clock=clinic.callers[0].clock)
    rules, now = asker.profile.booking, asker.clock.now()
    thursday = datetime(2026, 11, 26, 9, 0, tzinfo=rules.tz)
    free = set(free_on(rules, rules.services[service], thursday.date(), None, now, clinic.store.slots))
    for quarter in range(-4, 34):
        start = thursday + timedelta(minutes=15 * quarter)
        result = asker.propose(start.strftime("%Y-%m-%dT%H:%M"), service, "Zawadi Were")
        assert (result.payload["status"] == "proposed") == (start in free)
    near = alternatives(rules, rules.services[service], thursday, now, clinic.store.slots)
    assert set(near) <= free
    assert near == sorted(near, key=lambda start: abs(start - thursday))
