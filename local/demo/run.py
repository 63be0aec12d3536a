"""Plays the demo's strands of calls through one stack, side by side, and judges each call."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.caller import Persona, ScriptedCaller
from local.demo.booking import DRAWN_STRANDS, STRANDS, Scenario
from local.demo.diary import entries_of
from local.demo.report import CallReport, Finished, judge
from local.demo.wishes import Wish, drawn_wish, fixed_wish
from local.speech.voice import Voice
from local.stack import Stack, core_table
from local.status import read_record
from pokea.adapters.dynamo_bookings import DynamoBookingStore
from pokea.booking import Appointment, AppointmentStatus, Taker, slot_keys, with_taker
from pokea.ids import AppointmentId, IntentKey, SessionId
from pokea.phone_numbers import E164
from pokea.ports import BookingChange
from pokea.profile import Profile

CALLS_SIDE_BY_SIDE = 8
CALL_LIMIT_S = 150.0
DRAWN_SERVICES = {"cleaning": "cleaning", "filling": "filling", "check up": "checkup", "whitening": "whitening"}
FIRST_CALLER = 254_722_000_200

Tell = Callable[[CallReport], None]


@dataclass(frozen=True)
class Strand:
    """Scenarios that share a caller and a diary."""

    scenarios: tuple[Scenario, ...]
    carrier: str
    wish: Wish
    drawn: bool
    profile: Profile
    caller_number: str


def strands(
    carriers: Sequence[str], seed: int, only: Sequence[str], now: datetime, profiles: Sequence[Profile]
) -> Iterator[Strand]:
    """Every strand to play; `profiles` gives each its own business, in order, and must be at least as many."""
    supply = iter(enumerate(profiles))
    for carrier in carriers:
        rng = random.Random(f"{seed} {carrier}")  # not for secrets: the same seed must draw the same calls
        for drawn, all_strands in ((False, STRANDS), (True, DRAWN_STRANDS)):
            for scenarios in all_strands:
                wish = drawn_wish(now.date(), rng, DRAWN_SERVICES) if drawn else fixed_wish(now.date())
                if only and not any(scenario.name in only for scenario in scenarios):
                    continue
                index, profile = next(supply)
                yield Strand(scenarios, carrier, wish, drawn, profile, f"+{FIRST_CALLER + index}")


def businesses_needed(carriers: Sequence[str]) -> int:
    return len(carriers) * (len(STRANDS) + len(DRAWN_STRANDS))


class Demo:
    """`voice` speaks for the callers. Recordings and the JSON report go to `out`."""

    def __init__(self, stack: Stack, voice: Voice, out: Path, tell: Tell) -> None:
        self._stack, self._voice, self._out, self._tell = stack, voice, out, tell
        self._store = DynamoBookingStore(core_table(stack.environ))
        self._lines = asyncio.Semaphore(CALLS_SIDE_BY_SIDE)

    async def play(self, all_strands: Sequence[Strand]) -> list[CallReport]:
        """The reports, those of the longest strands first: they begin first, so that the whole takes as long as one of them."""
        longest_first = sorted(all_strands, key=lambda strand: -len(strand.scenarios))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._play_strand(strand)) for strand in longest_first]
        return [report for task in tasks for report in task.result()]

    async def _play_strand(self, strand: Strand) -> list[CallReport]:
        reports = []
        async with self._lines:
            for scenario in strand.scenarios:
                report = await self._play(strand, scenario)
                self._tell(report)
                reports.append(report)
        return reports

    async def _play(self, strand: Strand, scenario: Scenario) -> CallReport:
        if scenario.slot_is_taken:
            await asyncio.to_thread(self._book_for_somebody_else, strand)
        kind = "drawn" if strand.drawn else "fixed"
        recording = self._out / f"booking-{scenario.name}-{strand.carrier}-{kind}.wav"
        recording.parent.mkdir(parents=True, exist_ok=True)
        tap = RecordTap(self._stack.records_dir)
        caller = ScriptedCaller(
            scenario.rules(strand.wish),
            self._voice,
            Persona(name=strand.wish.name, number=strand.caller_number),
            tap.agent_words,
            interruptions=scenario.interruptions(strand.wish),
            stay_silent=scenario.is_silent,
        )
        await caller.prepare()
        call = await self._stack.carrier.dial(
            strand.caller_number, strand.profile.line.number, caller, behaviour=strand.carrier, record=recording
        )
        tap.session_id = call.session_id
        await call.ended(CALL_LIMIT_S)
        entries = await asyncio.to_thread(entries_of, self._store, strand.profile, strand.caller_number)
        finished = Finished(
            scenario, strand.wish, strand.carrier, strand.drawn, call, caller, await tap.whole(), entries, recording
        )
        return judge(finished, self._out)

    def _book_for_somebody_else(self, strand: Strand) -> None:
        """Put an earlier caller's appointment where this one wants to be."""
        rules = strand.profile.booking
        service = rules.services[strand.wish.service_key]
        now, start = datetime.now(UTC), strand.wish.starts_at.replace(tzinfo=rules.tz).astimezone(UTC)
        end = start + service.length
        earlier = Appointment(
            appointment_id=AppointmentId("earlier"),
            business_id=rules.business_id,
            service=service.key,
            resource=rules.resource,
            starts_at=start,
            ends_at=end,
            name="an earlier caller",
            a_number=E164(f"+{FIRST_CALLER - 1}"),
            status=AppointmentStatus.BOOKED,
            session_id=SessionId("HD_000000000000"),
            intent_key=IntentKey("earlier"),
        )
        taken = tuple(
            with_taker(slot, earlier.appointment_id, Taker(), now)
            for slot in self._store.slots(slot_keys(rules, start, end))
        )
        self._store.apply(BookingChange(slots=taken, appointment=earlier))


class RecordTap:
    """Reads a call's record while it is written. `session_id` is known once the call was placed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.session_id = ""

    @property
    def path(self) -> Path:
        return self._folder / f"{self.session_id}.jsonl"

    def events(self) -> list[dict[str, Any]]:
        return read_record(self.path) if self.session_id and self.path.exists() else []

    def agent_words(self) -> list[str]:
        return [str(event["text"]) for event in self.events() if event["event"] == "agent_said"]

    async def whole(self, within_s: float = 5.0) -> list[dict[str, Any]]:
        """The record with its last event; the bridge may write that a moment after the carrier ended the call."""
        for _ in range(int(within_s / 0.05)):
            if any(event["event"] == "ended" for event in self.events()):
                break
            await asyncio.sleep(0.05)
        return self.events()


def write_report(reports: Sequence[CallReport], out: Path) -> None:
    (out / "demo.json").write_text(json.dumps([report.to_json() for report in reports], indent=2), encoding="utf-8")
