"""Plays the demo's shifts of calls through one stack, side by side, and judges each call."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.caller import Persona, ScriptedCaller
from local.carrier import Call, Quirks
from local.demo.booking import Scenario
from local.demo.businesses import Copy, write_copies
from local.demo.diary import entries_of
from local.demo.own_voice import own_voice_problems
from local.demo.plan import Shift, Strand
from local.demo.report import CallReport, Finished, judge, with_problems
from local.engine.recogniser import HEARD_DIR
from local.processes import ChildFailed
from local.speech.voice import Voice
from local.stack import Desk, DeskOptions, Stack
from local.status import read_record
from pokea.adapters.dynamo_store import DynamoStore
from pokea.booking import Appointment, AppointmentStatus, Taker, slot_keys, with_taker
from pokea.ids import AppointmentId, IntentKey, SessionId
from pokea.phone_numbers import E164
from pokea.ports import Change
from pokea.profile import Profile

CALLS_SIDE_BY_SIDE = 12
SHIFTS_SIDE_BY_SIDE = 3  # opening a desk costs a few seconds of a core: not too many at once
CALL_LIMIT_S = 150.0
ANSWERED_WITHIN_S = 10.0
FIRST_CALLER = 254_722_000_200

Tell = Callable[[CallReport], None]


@dataclass(frozen=True)
class Line:
    """Where a strand calls, and from which number."""

    strand: Strand
    profile: Profile
    caller_number: str


class Demo:
    """`voice` speaks for the callers. Recordings and the JSON report go to `out`; `example` is the business that is copied."""

    def __init__(self, stack: Stack, voice: Voice, example: str, out: Path, tell: Tell) -> None:
        self._stack, self._voice, self._example, self._out, self._tell = stack, voice, example, out, tell
        self._store = DynamoStore(stack.core_table())
        self._lines = asyncio.Semaphore(CALLS_SIDE_BY_SIDE)
        self._desks = asyncio.Semaphore(SHIFTS_SIDE_BY_SIDE)
        self._next_index = 0

    async def play(self, shifts: Sequence[Shift]) -> list[CallReport]:
        """The reports in the order of the shifts. Raises ChildFailed when a desk does not open."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._play_shift(shift)) for shift in shifts]
        except* ChildFailed as failures:
            raise failures.exceptions[0] from None
        return [report for task in tasks for report in task.result()]

    async def _play_shift(self, shift: Shift) -> list[CallReport]:
        state = self._stack.options.state_dir
        first = self._next_index
        self._next_index += len(shift.strands)
        copies = [
            Copy(
                first + position,
                "inbound_track" if strand.ground.track == "inbound" else "both_tracks",
                strand.ground.rate_hz,
            )
            for position, strand in enumerate(shift.strands)
        ]
        profiles_dir, heard_dir = state / "profiles" / shift.name, state / "heard" / shift.name
        async with self._desks:
            write_copies(self._example, copies, profiles_dir)
            options = DeskOptions(shift.name, shift.legs, profiles_dir, engine_environ={HEARD_DIR: str(heard_dir)})
            async with self._stack.desk(options) as desk:
                by_number = {str(profile.line.number): profile for profile in desk.profiles.values()}
                lines = [
                    Line(strand, by_number[copy.number], f"+{FIRST_CALLER + copy.index}")
                    for strand, copy in zip(shift.strands, copies, strict=True)
                ]
                reports = await self._take_calls(shift, lines)
        return self._looked_into(shift, desk, heard_dir, reports)

    async def _take_calls(self, shift: Shift, lines: Sequence[Line]) -> list[CallReport]:
        turnstile = asyncio.Lock() if shift.staggered else None
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._play_strand(shift, line, turnstile)) for line in lines]
        return [report for task in tasks for report in task.result()]

    async def _play_strand(self, shift: Shift, line: Line, turnstile: asyncio.Lock | None) -> list[CallReport]:
        reports = []
        async with self._lines:
            for scenario in line.strand.scenarios:
                report = await self._play(shift, line, scenario, turnstile)
                self._tell(report)
                reports.append(report)
        return reports

    async def _play(self, shift: Shift, line: Line, scenario: Scenario, turnstile: asyncio.Lock | None) -> CallReport:
        strand = line.strand
        recording = self._out / f"{recording_name(shift, strand, scenario)}.wav"
        recording.parent.mkdir(parents=True, exist_ok=True)
        tap = RecordTap(self._stack.records_dir)
        caller = ScriptedCaller(
            scenario.rules(strand.wish),
            self._voice,
            Persona(name=strand.wish.name, number=line.caller_number),
            tap.agent_words,
            interruptions=scenario.interruptions(strand.wish),
            asides=scenario.asides,
            stay_silent=scenario.is_silent,
        )
        async with turnstile or nullcontext():
            if scenario.slot_is_taken:
                await asyncio.to_thread(self._book_for_somebody_else, line)
            await caller.prepare()
            call = await self._dial(line, caller, recording)
            tap.session_id = call.session_id
            if turnstile is not None:
                await tap.until("model_ready", ANSWERED_WITHIN_S)
        problems = await _ended(call)
        entries = await asyncio.to_thread(entries_of, self._store, line.profile, line.caller_number)
        finished = Finished(shift.engine, scenario, strand, call, caller, await tap.whole(), entries, recording)
        return with_problems(judge(finished, self._out), problems)

    async def _dial(self, line: Line, caller: ScriptedCaller, recording: Path) -> Call:
        ground = line.strand.ground
        return await self._stack.carrier.dial(
            line.caller_number,
            line.profile.line.number,
            caller,
            behaviour=ground.carrier,
            leg_rate_hz=ground.rate_hz,
            record=recording,
            quirks=Quirks(both_tracks_layout="stereo" if ground.track == "stereo" else "mixed"),
        )

    def _looked_into(self, shift: Shift, desk: Desk, heard_dir: Path, reports: list[CallReport]) -> list[CallReport]:
        """What only the engines' side of the calls can show: whether each death was died, and what the model heard."""
        problems: dict[str, list[str]] = {report.recording: [] for report in reports}
        died = Counter(state for leg in shift.legs if leg.kill for state in deaths_in(desk.engine_logs[leg.name]))
        for report in reports:
            if report.death and not died[report.death]:
                problems[report.recording].append(f"the engine was never cut off in the state {report.death!r}")
            died[report.death] -= 1
        both_tracks = {
            report.recording: self._out / report.recording for report in reports if report.track != "inbound"
        }
        if both_tracks and heard_dir.exists():
            for key, found in own_voice_problems(heard_dir, both_tracks).items():
                problems[key] += found
        judged = [with_problems(report, problems[report.recording]) for report in reports]
        for report in judged:
            if problems[report.recording]:
                self._tell(report)
        return judged

    def _book_for_somebody_else(self, line: Line) -> None:
        """Put an earlier caller's appointment where this one wants to be."""
        rules, wish = line.profile.booking, line.strand.wish
        service = rules.services[wish.service_key]
        now, start = datetime.now(UTC), wish.starts_at.replace(tzinfo=rules.tz).astimezone(UTC)
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
        self._store.apply(Change(slots=taken, appointment=earlier))


async def _ended(call: Call) -> list[str]:
    """Wait for the end of a call; one that does not end is ended, and that is its problem."""
    try:
        await call.ended(CALL_LIMIT_S)
    except TimeoutError:
        call.hang_up("api", "demo_limit")
        with suppress(TimeoutError):
            await call.ended(CALL_LIMIT_S / 10)
        return [f"the call did not end within {CALL_LIMIT_S:.0f} s"]
    return []


def recording_name(shift: Shift, strand: Strand, scenario: Scenario) -> str:
    """Different for every call of a run."""
    ground = strand.ground
    parts = [scenario.name, shift.engine.replace(">", "-then-"), ground.carrier, "drawn" if strand.drawn else "fixed"]
    if ground.track != "inbound":
        parts.append(ground.track)
    if ground.rate_hz != 16_000:
        parts.append(f"{ground.rate_hz // 1000}k")
    return "booking-" + "-".join(parts)


def deaths_in(log: Path) -> Iterable[str]:
    """The states in which an engine's process cut a call off, as it printed them."""
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("{"):
            with suppress(ValueError):
                event = json.loads(line)
                if event.get("event") == "killed":
                    yield str(event.get("state"))


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

    async def until(self, wanted: str, within_s: float) -> None:
        """Returns when the record names the event, or when the time is up."""
        for _ in range(int(within_s / 0.05)):
            if any(event["event"] == wanted for event in self.events()):
                return
            await asyncio.sleep(0.05)

    async def whole(self, within_s: float = 5.0) -> list[dict[str, Any]]:
        """The record with its last event; the bridge may write that a moment after the carrier ended the call."""
        await self.until("ended", within_s)
        return self.events()


def write_report(reports: Sequence[CallReport], out: Path) -> None:
    (out / "demo.json").write_text(json.dumps([report.to_json() for report in reports], indent=2), encoding="utf-8")
