"""Judges what bookers did at one diary, from their history and one final read. Knows nothing of how it was done.

The history is a list of events in the order in which they were written down:

    {"type": "invoke", "id": 7, "op": "book",   "intent": "w1", "appointment": "a1", "slots": ["2031-03-03T09:00", …]}
    {"type": "invoke", "id": 8, "op": "move",   "appointment": "a1", "slots": […]}
    {"type": "invoke", "id": 9, "op": "cancel", "appointment": "a1"}
    {"type": "ok" | "fail" | "info", "id": 7}

`ok`: it happened. `fail`: it did not. `info`, or no second event at all: nobody knows, because the writer died or the reply was lost; the
final read settles it either way. The final read:

    {"slots": {"2031-03-03T09:00": ["a1", …]}, "appointments": {"a1": {"state": "booked"|"cancelled", "intent": "w1", "slots": […]}}}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NEVER = float("inf")  # the end of an operation of which no end is known


@dataclass(frozen=True, slots=True)
class Operation:
    kind: str
    appointment: str
    intent: str
    slots: tuple[str, ...]
    outcome: str  # "ok", "fail" or "info"
    began: int  # position in the history
    ended: float

    @property
    def may_have_happened(self) -> bool:
        return self.outcome != "fail"

    def is_over_before(self, other: Operation) -> bool:
        return self.ended < other.began


def operations(history: Iterable[Mapping[str, Any]]) -> list[Operation]:
    began: dict[Any, tuple[int, Mapping[str, Any]]] = {}
    ended: dict[Any, tuple[int, str]] = {}
    for position, event in enumerate(history):
        if event["type"] == "invoke":
            assert event["id"] not in began, f"operation {event['id']} was begun twice"
            began[event["id"]] = (position, event)
        else:
            assert event["id"] in began and event["id"] not in ended, f"operation {event['id']} has a stray end"
            ended[event["id"]] = (position, event["type"])
    return [_operation(position, event, ended.get(number)) for number, (position, event) in began.items()]


def _operation(began: int, event: Mapping[str, Any], end: tuple[int, str] | None) -> Operation:
    outcome = end[1] if end else "info"
    return Operation(
        kind=event["op"],
        appointment=event["appointment"],
        intent=event.get("intent", ""),
        slots=tuple(event.get("slots", ())),
        outcome=outcome,
        began=began,
        ended=end[0] if end and outcome != "info" else NEVER,
    )


def check(history: Iterable[Mapping[str, Any]], final: Mapping[str, Any], capacity: int) -> list[str]:
    """Every breach found, in plain words; an empty list is a pass."""
    done = operations(history)
    appointments: Mapping[str, Any] = final["appointments"]
    return [
        *_oversold(final["slots"], capacity),
        *_torn(final["slots"], appointments),
        *_doubled(appointments),
        *_phantoms(done, appointments),
        *(breach for name in _booked_names(done) for breach in _misremembered(name, done, appointments.get(name))),
    ]


def _oversold(slots: Mapping[str, Sequence[str]], capacity: int) -> Iterator[str]:
    for slot, takers in slots.items():
        if len(takers) > capacity:
            yield f"oversold: {slot} has {len(takers)} takers, capacity {capacity}"


def _torn(slots: Mapping[str, Sequence[str]], appointments: Mapping[str, Any]) -> Iterator[str]:
    """The slots and the appointments must tell the same story."""
    in_slots = {(slot, name) for slot, takers in slots.items() for name in takers}
    in_appointments = {
        (slot, name) for name, one in appointments.items() if one["state"] == "booked" for slot in one["slots"]
    }
    for slot, name in sorted(in_slots - in_appointments):
        yield f"torn: {slot} is taken by {name}, which is not booked there"
    for slot, name in sorted(in_appointments - in_slots):
        yield f"torn: {name} is booked at {slot}, which does not know it"


def _doubled(appointments: Mapping[str, Any]) -> Iterator[str]:
    for intent, count in Counter(one["intent"] for one in appointments.values()).items():
        if count > 1:
            yield f"doubled: one intent {intent} made {count} appointments"


def _phantoms(done: Sequence[Operation], appointments: Mapping[str, Any]) -> Iterator[str]:
    possible = {one.appointment for one in done if one.kind == "book" and one.may_have_happened}
    for name in sorted(appointments.keys() - possible):
        yield f"phantom: {name} exists, but nobody may have booked it"


def _booked_names(done: Sequence[Operation]) -> list[str]:
    return sorted({one.appointment for one in done if one.kind == "book" and one.outcome == "ok"})


def _misremembered(name: str, done: Sequence[Operation], stored: Mapping[str, Any] | None) -> Iterator[str]:
    """What an appointment that was surely booked may look like in the end."""
    if stored is None:
        yield f"lost: {name} was booked and is gone"
        return
    cancels = [one for one in done if one.appointment == name and one.kind == "cancel" and one.may_have_happened]
    if stored["state"] == "cancelled" and not cancels:
        yield f"lost: {name} was booked and is cancelled by nobody"
    if stored["state"] == "booked" and any(one.outcome == "ok" for one in cancels):
        yield f"undead: {name} was cancelled and is booked"
    if stored["state"] == "booked" and tuple(stored["slots"]) not in _possible_places(name, done):
        yield f"misplaced: {name} is at {stored['slots'][0]}, where nobody last put it"


def _possible_places(name: str, done: Sequence[Operation]) -> set[tuple[str, ...]]:
    """Where the latest moves put it: every one that no other sure move came wholly after. Without a sure move, also where it began.

    A book places an appointment only as it makes it, before any move of it: a wish repeated later finds it wherever it is by then.
    """
    own = [one for one in done if one.appointment == name and one.slots and one.may_have_happened]
    moves = [one for one in own if one.kind == "move"]
    sure = [one for one in moves if one.outcome == "ok"]
    latest = {one.slots for one in moves if not any(one.is_over_before(later) for later in sure)}
    return latest if sure else latest | {one.slots for one in own}
