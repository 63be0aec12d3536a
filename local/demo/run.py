"""Plays the demo's shifts of calls through one stack, side by side, and judges each call."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack, nullcontext, suppress
from math import inf
from pathlib import Path

import httpx

from local.carrier import Call
from local.demo.admission import Admission, Lines, Processors
from local.demo.bills import Account, Cashier
from local.demo.businesses import write_copies
from local.demo.own_voice import own_voice_problems
from local.demo.placing import Line
from local.demo.plan import Shift
from local.demo.play import Player, recording_name
from local.demo.report import CallReport, never_began, with_bill, with_problems
from local.demo.scenario import Scenario
from local.engine.recogniser import HEARD_DIR, WORKERS_SETTING
from local.event_sources import POLL_SETTING
from local.processes import ChildFailed
from local.speech.voice import Voice
from local.stack import Desk, DeskOptions, Stack
from pokea.adapters.dynamo_cdrs import DynamoCdrs
from pokea.errors import CallError

CALLS_SIDE_BY_SIDE = Lines(fewest=18, most=26, unknown=18)
OTHERS_SIDE_BY_SIDE = 4  # of small desks, beside those
OVER_WITHIN_S = 30.0  # a second call may ring on for a moment
SHIFTS_SIDE_BY_SIDE = 4  # each is five processes and more
DESK_EVERY_S = 8.0  # opening one costs some seconds of a core, and so do the first words of its calls
POLL_S = 3  # of a desk's queues: most of them are idle, and there are many
PLAN_S, IDLE_PLAN_S = 8, 60  # a plan asks the store about every business of a desk; most desks have no campaign

Tell = Callable[[CallReport], None]


class Demo:
    """`voice` speaks for the callers. Recordings and the JSON report go to `out`."""

    def __init__(
        self, stack: Stack, voice: Voice, out: Path, tell: Tell, *, side_by_side: Lines = CALLS_SIDE_BY_SIDE
    ) -> None:
        self._stack, self._out, self._tell = stack, out, tell
        self.accounts: dict[str, tuple[str, Account]] = {}
        """What each call cost, with its agent, by its recording."""
        self._player = Player(stack, voice, out)
        self._cashier = Cashier(DynamoCdrs(stack.cdrs_table()), stack.carrier)
        self._lines = Admission(side_by_side, Processors().spare)
        self._other_lines = asyncio.Semaphore(min(side_by_side.most, OTHERS_SIDE_BY_SIDE))
        self._desks = asyncio.Semaphore(min(side_by_side.most, SHIFTS_SIDE_BY_SIDE))
        self._opening = asyncio.Lock()  # in their order: the first desk has most of the calls
        self._opened_at = -inf

    async def play(self, shifts: Sequence[Shift]) -> list[CallReport]:
        """The reports in the order of the shifts. Raises ChildFailed when a desk does not open."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._play_shift(shift, self._lines_of(shift))) for shift in shifts]
        except* ChildFailed as failures:
            raise failures.exceptions[0] from None
        return [report for task in tasks for report in task.result()]

    def _lines_of(self, shift: Shift) -> Admission | asyncio.Semaphore:
        """A desk of few calls does not wait behind one of many."""
        return self._other_lines if len(shift.strands) <= OTHERS_SIDE_BY_SIDE else self._lines

    async def _play_shift(self, shift: Shift, free: Admission | asyncio.Semaphore) -> list[CallReport]:
        state = self._stack.options.state_dir
        profiles_dir, heard_dir = state / "profiles" / shift.name, state / "heard" / shift.name
        copies = [strand.copy for strand in shift.strands]
        continues = {"POKEA_CARRIER_CONTINUES": "on"} if shift.continues else {}
        options = DeskOptions(
            shift.name,
            shift.legs,
            profiles_dir,
            gateway_environ={**continues, POLL_SETTING: str(POLL_S), "POKEA_CAMPAIGN_PLAN_S": str(_plan_s(shift))},
            bridge_environ=continues,
            engine_environ={HEARD_DIR: str(heard_dir), **_ears(shift)},
        )
        async with self._desks, AsyncExitStack() as opened:
            async with self._opening:
                await asyncio.sleep(max(0.0, self._opened_at + DESK_EVERY_S - time.monotonic()))
                await asyncio.to_thread(write_copies, copies, profiles_dir)
                desk = await opened.enter_async_context(self._stack.desk(options))
                self._opened_at = time.monotonic()
            by_number = {str(profile.line.number): profile for profile in desk.profiles.values()}
            lines = [
                Line(strand, by_number[copy.number], desk) for strand, copy in zip(shift.strands, copies, strict=True)
            ]
            reports = await self._take_calls(shift, lines, free)
        return self._looked_into(shift, desk, heard_dir, reports)

    async def _take_calls(
        self, shift: Shift, lines: Sequence[Line], free: Admission | asyncio.Semaphore
    ) -> list[CallReport]:
        turnstile = asyncio.Lock() if shift.staggered else None
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._play_strand(shift, line, turnstile, free)) for line in lines]
        return [report for task in tasks for report in task.result()]

    async def _play_strand(
        self, shift: Shift, line: Line, turnstile: asyncio.Lock | None, free: Admission | asyncio.Semaphore
    ) -> list[CallReport]:
        async with asyncio.TaskGroup() as bills:
            billed = []
            async with free:
                await self._player.seed(line)
                for scenario in line.strand.scenarios:
                    report, calls = await self._call(shift, line, scenario, turnstile)
                    billed.append(bills.create_task(self._billed(report, calls)))
        return [task.result() for task in billed]

    async def _call(
        self, shift: Shift, line: Line, scenario: Scenario, turnstile: asyncio.Lock | None
    ) -> tuple[CallReport, Sequence[Call]]:
        """A call that cannot be placed is a failed call, and the others go on."""
        try:
            return await self._player.play(shift, line, scenario, turnstile or nullcontext())
        except (CallError, OSError, RuntimeError, TimeoutError, httpx.HTTPError) as problem:
            recording = f"{recording_name(shift, line.strand, scenario)}.wav"
            what = f"the call could not be played: {type(problem).__name__}: {problem}"
            return never_began(shift.engine, line.strand, scenario, recording, what), ()

    async def _billed(self, report: CallReport, calls: Sequence[Call]) -> CallReport:
        """Its bill comes a while after the call, while other calls go on; its desk stays open until then."""
        for call in calls:
            with suppress(TimeoutError):
                await call.ended(OVER_WITHIN_S)
        if not calls:
            self._tell(report)
            return report
        account = await self._cashier.account_of(calls)
        self.accounts[report.recording] = report.agent, account
        report = with_bill(report, account)
        self._tell(report)
        return report

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


def deaths_in(log: Path) -> Iterable[str]:
    """The states in which an engine's process cut a call off, as it printed them."""
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("{"):
            with suppress(ValueError):
                event = json.loads(line)
                if event.get("event") == "killed":
                    yield str(event.get("state"))


def _ears(shift: Shift) -> dict[str, str]:
    """A desk with a call at a time needs no second recogniser, which takes a second of a processor to begin."""
    return {WORKERS_SETTING: "1"} if len(shift.strands) == 1 else {}


def _plan_s(shift: Shift) -> int:
    scenarios = (scenario for strand in shift.strands for scenario in strand.scenarios)
    return PLAN_S if any(scenario.campaign for scenario in scenarios) else IDLE_PLAN_S


def write_report(reports: Sequence[CallReport], out: Path) -> None:
    (out / "demo.json").write_text(json.dumps([report.to_json() for report in reports], indent=2), encoding="utf-8")
