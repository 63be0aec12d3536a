"""Bookers for race tests: they read, decide with the product's own rules, write, and keep a history for the slot checker."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from pokea.booking import (
    Appointment,
    AppointmentStatus,
    BookingRules,
    Refused,
    Service,
    Slot,
    SlotKey,
)
from pokea.booking_decisions import decide_book, decide_cancel, decide_move, keys_for, keys_of
from pokea.errors import Conflict, Indeterminate, Unavailable
from pokea.free_times import alternatives
from pokea.hours import Opening, OpeningHours
from pokea.ids import AppointmentId, BusinessId, IntentKey, SessionId
from pokea.ports import BookingStore, Change
from tests.support.store_samples import NOW, NUMBER

MAX_DECISIONS = 100  # a decision is made anew only because somebody else's write succeeded
SERVICE = Service("cleaning", 30)
MORNING = NOW + timedelta(hours=3)


def rules_of(business: str, capacity: int) -> BookingRules:
    return BookingRules(
        business_id=BusinessId(business),
        tz=ZoneInfo("UTC"),
        hours=OpeningHours({day: (Opening.parse("08:00-12:00"),) for day in range(7)}),
        services={SERVICE.key: SERVICE},
        capacity=capacity,
    )


class History:
    """Events in the order they were written down; with a file, processes can share it and nothing written is lost when one dies."""

    _ids = itertools.count(1)

    def __init__(self, path: Path | None = None) -> None:
        self.events: list[dict[str, Any]] = []
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if path is not None else None
        self._lock = threading.Lock()

    def invoke(self, **event: Any) -> str:
        with self._lock:
            number = f"{os.getpid()}.{next(self._ids)}"
        self._write({"type": "invoke", "id": number, **event})
        return number

    def end(self, number: str, outcome: str) -> None:
        self._write({"type": outcome, "id": number})

    def _write(self, event: dict[str, Any]) -> None:
        with self._lock:
            self.events.append(event)
            if self._file is not None:
                os.write(self._file, json.dumps(event).encode() + b"\n")  # one append: whole, or not at all

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)

    @staticmethod
    def read(path: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in path.read_text().splitlines()]


@dataclass(frozen=True, slots=True)
class Taken:
    """The wanted time is gone; these are near it."""

    times: Sequence[datetime]


@dataclass
class Booker:
    """One caller's side of the diary. Every method answers as a caller is answered; None: nobody knows what happened."""

    store: BookingStore
    rules: BookingRules
    history: History = field(default_factory=History)
    now: datetime = NOW

    def book(self, intent: str, start: datetime) -> Appointment | Taken | None:
        wanted = self._appointment(intent, start)
        keys = keys_for(self.rules, SERVICE, start)

        def decide() -> Appointment | Taken:
            known = self.store.appointment(wanted.business_id, wanted.appointment_id)
            if known is not None:
                return known
            decision = decide_book(self.rules, wanted, self._slots(keys), "no-hold", self.now)
            if isinstance(decision, Refused):
                return self._taken(start)
            self.store.apply(Change(slots=decision, appointment=wanted, token=f"book {intent}"))
            return wanted

        return self._settle(decide, op="book", intent=intent, appointment=wanted.appointment_id, slots=names(keys))

    def move(self, name: str, start: datetime) -> Appointment | Taken | None:
        def decide() -> Appointment | Taken:
            before = self._known(name)
            keys = {*keys_of(self.rules, before), *keys_for(self.rules, SERVICE, start)}
            decision = decide_move(
                self.rules, before, start, self._slots(sorted(keys, key=starts)), "no-hold", self.now
            )
            if isinstance(decision, Refused):
                return self._taken(start)
            after, slots = decision
            self.store.apply(Change(slots=slots, appointment=after, token=uuid4().hex))
            return after

        return self._settle(decide, op="move", appointment=name, slots=names(keys_for(self.rules, SERVICE, start)))

    def cancel(self, name: str) -> Appointment | Taken | None:
        def decide() -> Appointment | Taken:
            before = self._known(name)
            decision = decide_cancel(self.rules, before, self._slots(keys_of(self.rules, before)), self.now)
            if isinstance(decision, Refused):
                return Taken(())
            after, slots = decision
            self.store.apply(Change(slots=slots, appointment=after, token=uuid4().hex))
            return after

        return self._settle(decide, op="cancel", appointment=name)

    def _settle(self, decide: Callable[[], Appointment | Taken], **event: Any) -> Appointment | Taken | None:
        number = self.history.invoke(**event)
        try:
            answer = self._decided(decide)
        except Indeterminate:
            self.history.end(number, "info")
            return None
        except Unavailable:
            self.history.end(number, "fail")
            return None
        self.history.end(number, "fail" if isinstance(answer, Taken) else "ok")
        return answer

    def _decided(self, decide: Callable[[], Appointment | Taken]) -> Appointment | Taken:
        for _ in range(MAX_DECISIONS):
            try:
                return decide()
            except Conflict:
                continue  # the world moved on: decide again on what is there now
        raise AssertionError(f"no decision held in {MAX_DECISIONS} tries")

    def _taken(self, start: datetime) -> Taken:
        return Taken(alternatives(self.rules, SERVICE, start, self.now, self.store.slots))

    def _known(self, name: str) -> Appointment:
        known = self.store.appointment(self.rules.business_id, AppointmentId(name))
        assert known is not None
        return known

    def _slots(self, keys: Sequence[SlotKey]) -> Mapping[SlotKey, Slot]:
        return {slot.key: slot for slot in self.store.slots(keys)}

    def _appointment(self, intent: str, start: datetime) -> Appointment:
        return Appointment(
            appointment_id=AppointmentId(hashlib.sha256(intent.encode()).hexdigest()[:20]),
            business_id=self.rules.business_id,
            service=SERVICE.key,
            resource=self.rules.resource,
            starts_at=start,
            ends_at=start + SERVICE.length,
            name="Sample Caller",
            a_number=NUMBER,
            status=AppointmentStatus.BOOKED,
            session_id=SessionId("HD_000000000001"),
            intent_key=IntentKey(intent),
        )


def starts(key: SlotKey) -> datetime:
    return key.starts_at


def names(keys: Sequence[SlotKey]) -> list[str]:
    return [key.starts_at.isoformat(timespec="minutes") for key in keys]


def final_read(client: Any, table: str) -> dict[str, Any]:
    """What stands in the table in the end, in the slot checker's words; read without any of the product's code."""
    items = [item for page in client.get_paginator("scan").paginate(TableName=table) for item in page["Items"]]
    slots = {
        _minute(item["starts_at"]["S"]): sorted(o for o, taker in item["takers"]["M"].items() if not taker["M"])
        for item in items
        if item["pk"]["S"].startswith("SLOTS#")
    }
    appointments = {
        item["appointment_id"]["S"]: {
            "state": item["status"]["S"],
            "intent": item["intent_key"]["S"],
            "slots": _quarters(item["starts_at"]["S"], item["ends_at"]["S"]),
        }
        for item in items
        if item["pk"]["S"].startswith("APPT#")
    }
    return {"slots": slots, "appointments": appointments}


def _minute(stored: str) -> str:
    return datetime.fromisoformat(stored).isoformat(timespec="minutes")


def _quarters(starts_at: str, ends_at: str) -> list[str]:
    start, end = datetime.fromisoformat(starts_at), datetime.fromisoformat(ends_at)
    count = int((end - start) / timedelta(minutes=15))
    return [(start + n * timedelta(minutes=15)).isoformat(timespec="minutes") for n in range(count)]
