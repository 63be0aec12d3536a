"""The result of one demo call: what the record, the recording, the switch and the store say, and whether it is as it must be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from local.audio.analysis import Recording, Samples, barge_in_stop_ms, load, speech_segments, summarise
from local.caller import ScriptedCaller, Spoken
from local.carrier.call import Call
from local.demo.bills import Account, CallBill
from local.demo.diary import Entry
from local.demo.handoff import THANKS, THANKS_IN_SWAHILI
from local.demo.mailbox import Mailbox
from local.demo.plan import Strand
from local.demo.scenario import HumanLeg, OnTape, Played, Problems, Row, Scenario, expect

MIN_SPEECH_MS = 600  # each side of a conversation says at least this much
LATE_MS = 100  # a telephone whose clock was later than this lost frames to a busy machine
NOT_KEPT = "[not kept]"  # what the record says instead of a secret


@dataclass(frozen=True)
class Latency:
    """Milliseconds. `first_audio_ms`: socket open → first sample sent. `reply_ms_p50`: end of caller speech → first sample heard.
    `barge_in_stop_ms`: the caller's onset → the last stale sample heard."""

    first_audio_ms: int | None
    reply_ms_p50: int | None
    barge_in_stop_ms: int | None


@dataclass(frozen=True)
class CallReport:
    """One item of `pokea demo --json`. `recording` is relative to the output folder.

    engine: who answered; "a>b": b was to take over from a. death: the state in which the engine was cut off, if it was. tries: 2 for a call
    that was played again because something was wrong with it the first time; first_problems: what. misheard: what the caller said that
    perhaps nobody understood word for word. late_ms: how late the telephone's clock ever was, which is the machine's fault.
    """

    agent: str
    scenario: str
    engine: str
    carrier: str
    track: str
    rate_hz: int
    death: str
    drawn: bool
    ok: bool
    outcome: str
    call_id: str
    transcript: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    recording: str
    latency: Latency
    store: list[dict[str, str]]
    problems: Problems = field(default_factory=list)
    bill: CallBill | None = None
    tries: int = 1
    first_problems: Problems = field(default_factory=list)
    misheard: list[str] = field(default_factory=list)
    late_ms: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Finished:
    """What is at hand when a call is over."""

    engine: str
    scenario: Scenario
    strand: Strand
    call: Call
    caller: ScriptedCaller | Mailbox
    record: list[dict[str, Any]]
    entries: list[Entry]
    recording: Path
    stored: list[Row] = field(default_factory=list)
    human: HumanLeg | None = None
    fixed: Mapping[str, Samples] = field(default_factory=dict)
    tape: OnTape | None = None


def judge(finished: Finished, out: Path) -> CallReport:
    scenario, record = finished.scenario, finished.record
    sound = load(finished.recording)
    played = _played(finished, sound)
    problems = [
        *_sound_problems(scenario, sound),
        *_line_problems(finished),
        *_track_problems(finished),
        *scenario.judge(played),
    ]
    ground = finished.strand.ground
    return CallReport(
        agent=finished.strand.area.agent,
        scenario=scenario.name,
        engine=finished.engine,
        carrier=ground.carrier,
        track=ground.track,
        rate_hz=ground.rate_hz,
        death=scenario.death,
        drawn=finished.strand.drawn,
        ok=not problems,
        outcome=scenario.outcome if not problems else "failed",
        call_id=finished.call.session_id,
        transcript=[
            {"who": str(event["event"]).removesuffix("_said"), "text": event["text"], "at_ms": event["at_ms"]}
            for event in record
            if event["event"] in ("agent_said", "caller_said")
        ],
        tools=[
            {"tool": event["tool"], "status": event["status"], "took_ms": event["took_ms"]}
            for event in record
            if event["event"] == "tool_returned"
        ],
        recording=str(finished.recording.relative_to(out)),
        latency=_latency(finished, sound),
        store=[*(entry.to_json() for entry in finished.entries), *finished.stored],
        problems=problems,
        misheard=misheard(_to_the_agent(finished), played.caller_said),
        late_ms=round(finished.call.line.late_ms_max),
    )


def _to_the_agent(finished: Finished) -> list[Spoken]:
    """Whoever is rung says hello before anybody listens for words, and what is said after a join is for a person."""
    lines = finished.caller.spoken[1 if finished.scenario.is_placed else 0 :]
    return [line for line in lines if line.text not in (THANKS, THANKS_IN_SWAHILI)]


def misheard(lines: Sequence[Spoken], understood: Sequence[str]) -> list[str]:
    """What was said and perhaps never understood as it was said. A secret is in no record, so each stands for one line that is missing:
    the last ones, because nobody knows which."""
    left = [_plain(words) for words in understood]
    secrets = understood.count(NOT_KEPT)
    missed: list[str] = []
    for line in lines:
        if line.aside:
            continue
        if (words := _plain(line.text)) in left:
            left.remove(words)
        else:
            missed.append(line.text)
    return missed[: len(missed) - secrets] if secrets else missed


def _plain(words: str) -> str:
    return " ".join(re.findall(r"[\w']+", words.lower()))


def why_it_failed(report: CallReport) -> list[str]:
    """For a person: what is wrong, and what may have caused it."""
    return [
        *report.problems,
        *([f"perhaps not understood: {', '.join(map(repr, report.misheard))}"] if report.misheard else []),
        *([f"the telephone's clock was up to {report.late_ms} ms late"] if report.late_ms > LATE_MS else []),
    ]


def never_began(engine: str, strand: Strand, scenario: Scenario, recording: str, problem: str) -> CallReport:
    """Of a call that could not be placed, or that nobody could follow."""
    ground = strand.ground
    return CallReport(
        agent=strand.area.agent,
        scenario=scenario.name,
        engine=engine,
        carrier=ground.carrier,
        track=ground.track,
        rate_hz=ground.rate_hz,
        death=scenario.death,
        drawn=strand.drawn,
        ok=False,
        outcome="failed",
        call_id="",
        transcript=[],
        tools=[],
        recording=recording,
        latency=Latency(None, None, None),
        store=[],
        problems=[problem],
    )


def with_problems(report: CallReport, problems: Problems) -> CallReport:
    """`report` with what was found out after it was written."""
    if not problems:
        return report
    return replace(report, ok=False, outcome="failed", problems=[*report.problems, *problems])


def with_bill(report: CallReport, account: Account) -> CallReport:
    """`report` with what its call cost; a bill that did not come, or is not right, makes it fail."""
    return with_problems(replace(report, bill=account.bill), list(account.problems))


def _played(finished: Finished, sound: Recording) -> Played:
    record = finished.record

    def texts(kind: str) -> list[str]:
        return [str(event["text"]) for event in record if event["event"] == kind]

    return Played(
        engine=finished.engine,
        wish=finished.strand.wish,
        entries=finished.entries,
        tools=[(event["tool"], event["status"]) for event in record if event["event"] == "tool_returned"],
        agent_said=texts("agent_said"),
        caller_said=texts("caller_said"),
        was_interrupted=any(event["event"] == "interrupted" for event in record),
        ended_because=next((str(event["reason"]) for event in record if event["event"] == "ended"), "nothing recorded"),
        sound=sound,
        lines=finished.caller.spoken,
        notes=record,
        stored=finished.stored,
        human=finished.human,
        fixed=finished.fixed,
        tape=finished.tape,
    )


def _sound_problems(scenario: Scenario, sound: Recording) -> Problems:
    """Both sides must really be heard in the recording."""
    summary = summarise(sound)
    return [
        *expect(summary.agent_speech_ms >= MIN_SPEECH_MS, f"the agent is heard for {summary.agent_speech_ms} ms only"),
        *expect(
            scenario.is_silent or summary.caller_speech_ms >= MIN_SPEECH_MS,
            f"the caller speaks for {summary.caller_speech_ms} ms only",
        ),
        *expect(bool(sound.caller.any()), "the caller's channel is digital silence"),
    ]


def _line_problems(finished: Finished) -> Problems:
    """A call ends because it was ended, with one stream, no fallback leg, and nobody giving up."""
    call = finished.call
    return [
        *expect(len(call.streams) == 1, f"{len(call.streams)} streams instead of 1"),
        *expect(
            len(call.dial_legs) == finished.scenario.dialled_legs,
            f"the carrier dialled {len(call.dial_legs)} legs instead of {finished.scenario.dialled_legs}",
        ),
        *expect(not finished.caller.gave_up, "the caller gave up"),
        *expect(call.status == "completed", f"the carrier says {call.status}"),
    ]


HEARD_WITHIN_MS = 1_500  # the caller's sound comes this long before the agent is stopped by it


def _track_problems(finished: Finished) -> Problems:
    """An agent that hears itself interrupts itself: it may be stopped only where its caller made a sound."""
    if finished.strand.ground.track == "inbound":
        return []
    offset_ms = _recording_begins_ms(finished)
    stops = [int(event["at_ms"]) + offset_ms for event in finished.record if event["event"] == "interrupted"]
    lines = finished.caller.spoken
    unasked = [
        at_ms
        for at_ms in stops
        if not any(
            line.start_ms <= at_ms <= (line.end_ms if line.end_ms is not None else at_ms) + HEARD_WITHIN_MS
            for line in lines
        )
    ]
    return [f"the agent was interrupted {at_ms} ms into the call, when the caller was silent" for at_ms in unasked]


def _recording_begins_ms(finished: Finished) -> int:
    """What to add to a time of the call record, which begins with the stream, for one of the recording, which begins with the answer."""
    call = finished.call
    answered_ms = next((moment.at_ms for moment in call.timeline if moment.what == "answered"), 0)
    opened_ms = call.streams[0].opened_at_ms if call.streams else None
    return (opened_ms or answered_ms) - answered_ms


def _latency(finished: Finished, sound: Recording) -> Latency:
    stream = finished.call.streams[0] if finished.call.streams else None
    first_audio = None
    if stream and stream.first_audio_at_ms is not None and stream.opened_at_ms is not None:
        first_audio = stream.first_audio_at_ms - stream.opened_at_ms
    onsets = [spoken.start_ms for spoken in finished.caller.spoken if spoken.interrupts]
    return Latency(
        first_audio_ms=first_audio,
        reply_ms_p50=summarise(sound).reply_ms_p50 if speech_segments(sound.caller, sound.rate_hz) else None,
        barge_in_stop_ms=barge_in_stop_ms(sound, onsets[0]) if onsets else None,
    )
