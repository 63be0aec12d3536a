"""Plays one call: sets the stage, lets it begin, waits until every leg is over, and gathers what there is to judge."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from local.audio.analysis import Samples, load
from local.caller import Persona, ScriptedCaller
from local.carrier import Call
from local.carrier.party import RATE_HZ
from local.clips import Clip
from local.demo.businesses import people_of
from local.demo.diary import entries_of
from local.demo.fixed_lines import read_clip
from local.demo.mailbox import Mailbox
from local.demo.placing import Callee, Line, Placer
from local.demo.plan import Shift, Strand
from local.demo.report import CallReport, Finished, judge, with_problems
from local.demo.scenario import Human, HumanLeg, OnTape, Scenario, Scene
from local.demo.tap import CalleeTap, RecordTap
from local.speech.voice import Voice
from local.stack import Stack
from pokea.adapters.dynamo_store import DynamoStore
from pokea.ports import Change

CALL_LIMIT_S = 150.0
ANSWERED_WITHIN_S = 10.0
SETTLED_WITHIN_S = 5.0
HELLO = {"en": "hello", "sw": "habari"}  # of whoever is rung: we listen before we speak


@dataclass(frozen=True)
class Second:
    """The human's telephone of one call."""

    person: ScriptedCaller
    tap: CalleeTap
    recording: Path


class Player:
    """`voice` speaks for the callers and for the humans; recordings go to `out`."""

    def __init__(self, stack: Stack, voice: Voice, out: Path) -> None:
        self._stack, self._voice, self._out = stack, voice, out
        self._store = DynamoStore(stack.core_table())
        self._placer = Placer(stack)

    async def seed(self, line: Line) -> None:
        """Put what the strand's business knows into the store."""
        await asyncio.to_thread(self._seed, line)

    def _seed(self, line: Line) -> None:
        records = line.strand.area.records(line.profile, line.strand.wish, datetime.now(UTC))
        if records:
            self._store.apply(Change(records=records))

    async def play(
        self, shift: Shift, line: Line, scenario: Scenario, one_at_a_time: AbstractAsyncContextManager[object]
    ) -> tuple[CallReport, list[Call]]:
        """The report, and the carrier's calls to be billed for: the call and the second ones that it led to."""
        strand = line.strand
        recording = self._out / f"{recording_name(shift, strand, scenario)}.wav"
        recording.parent.mkdir(parents=True, exist_ok=True)
        tap = RecordTap(self._stack.records_dir)
        caller = await self._caller(line, scenario, tap)
        second = self._second(line, scenario, recording)
        async with one_at_a_time:
            scene = Scene(self._store, line.profile, strand.wish, line.caller_number)
            await asyncio.to_thread(scenario.before, scene)
            await caller.prepare()
            if second is not None:
                await second.person.prepare()
            self._staff_telephones(line, scenario, second)
            call = await self._placer.begin(line, scenario, caller, recording)
            tap.session_id = call.session_id
            caller.press = call.press
            if shift.staggered:
                await tap.until("model_ready", ANSWERED_WITHIN_S)
        problems = await _ended(call)
        human = await self._human(second)
        record = await tap.whole()
        entries = await asyncio.to_thread(entries_of, self._store, line.profile, line.caller_number)
        stored = await asyncio.to_thread(strand.area.stored, self._store, line.profile, strand.wish, call.session_id)
        stored += await self._placer.outcome(line, scenario)
        finished = Finished(
            shift.engine,
            scenario,
            strand,
            call,
            caller,
            record,
            entries,
            recording,
            stored,
            human,
            await self._fixed_lines(line, scenario),
            _tape(caller, recording),
        )
        # In a thread: to look for sounds in a minute of sound takes a while, and other calls' clocks run in this one.
        report = await asyncio.to_thread(judge, finished, self._out)
        return with_problems(report, problems), [call, *self._second_calls(line, call)]

    async def _caller(self, line: Line, scenario: Scenario, tap: RecordTap) -> Callee:
        wish = line.strand.wish
        language = line.profile.language
        if scenario.mailbox:
            return Mailbox(scenario.mailbox, await self._voice.say(scenario.mailbox, language=language))
        number = scenario.calls_from(wish) if scenario.calls_from else line.caller_number
        return ScriptedCaller(
            scenario.rules(wish),
            self._voice,
            Persona(name=str(getattr(wish, "name", "")), number=number, language=language),
            tap.agent_words,
            interruptions=scenario.interruptions(wish),
            asides=scenario.asides,
            greeting=HELLO[language] if scenario.is_placed else "",
            stay_silent=scenario.is_silent,
        )

    def _second(self, line: Line, scenario: Scenario, recording: Path) -> Second | None:
        """The human who will pick up, if one does."""
        if scenario.human is None or not scenario.human.rules:
            return None
        tap = CalleeTap(self._stack.records_dir, self._stack.carrier, _first_person(line.strand))
        language = line.profile.language
        person = ScriptedCaller(
            scenario.human.rules,
            self._voice,
            Persona(name="", number=_first_person(line.strand), language=language),
            tap.agent_words,
            may_follow=lambda: tap.has("handed_over"),  # by ear alone nobody could tell when the line is theirs
            greeting=scenario.human.greeting,
            seed=2,
        )
        return Second(person, tap, recording.with_name(f"{recording.stem}-human.wav"))

    def _staff_telephones(self, line: Line, scenario: Scenario, second: Second | None) -> None:
        """Whoever the directory names picks up, or lets it ring."""
        human = scenario.human or Human()
        for number in people_of(line.strand.copy).values():
            if second is None:
                self._stack.carrier.answer_with(number, "no_answer", 600.0, behaviour=line.strand.ground.carrier)
            else:
                person = second.person
                self._stack.carrier.answer_with(
                    number,
                    lambda person=person: person,  # type: ignore[misc]
                    human.ring_s,
                    behaviour=line.strand.ground.carrier,
                    record=second.recording,
                )

    async def _fixed_lines(self, line: Line, scenario: Scenario) -> dict[str, Samples]:
        """As a call plays them: from the clips, which every voice of an agent has."""
        profile = line.profile
        lines = scenario.fixed(profile)
        keys = {name: Clip(profile.voice, text, profile.language).key for name, text in lines.items()}
        return await asyncio.to_thread(
            lambda: {name: read_clip(self._stack.clips_dir / f"{key}.wav", RATE_HZ) for name, key in keys.items()}
        )

    # --- how it ends --------------------------------------------------------------------------------------------------------

    def _second_calls(self, line: Line, call: Call) -> list[Call]:
        """Those that were placed to the people of the directory since the call began, answered or not."""
        people = set(people_of(line.strand.copy).values())
        return [
            other
            for other in self._stack.carrier.calls
            if other.facts.b_number in people and other.started_at >= call.started_at
        ]

    async def _human(self, second: Second | None) -> HumanLeg | None:
        """What became of the human's telephone; None if nobody picked up."""
        if second is None or not second.person.is_answered:
            return None
        call = second.tap.call()
        if call is None:  # dialled by the carrier itself
            return HumanLeg(None, second.person.heard, second.person.spoken, [])
        with suppress(TimeoutError):
            await call.ended(SETTLED_WITHIN_S)
        second.tap.session_id = call.session_id
        notes = await second.tap.whole()
        return HumanLeg(load(second.recording), second.person.heard, second.person.spoken, notes)


def _tape(party: Callee, recording: Path) -> OnTape | None:
    if not isinstance(party, Mailbox):
        return None
    return OnTape(party.records_from_ms, party.write(recording.with_name(f"{recording.stem}-mailbox.wav")))


def _first_person(strand: Strand) -> str:
    return next(iter(people_of(strand.copy).values()))


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
    return f"{strand.area.agent}-" + "-".join(parts)
