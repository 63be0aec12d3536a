"""Runs a frame recording through the bridge's core in virtual time, and compares what leaves with what left.

As long as both agree, the core is asked for audio at the very moments at which the recorded call asked: the same input at the same times
must give the same output, to the byte. From the first difference on the replay keeps time by itself, as the bridge's shell does.
"""

from __future__ import annotations

import hashlib
import wave
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bridge.core.frames import (
    AnswerTool,
    BeginCallerTurn,
    Buffer,
    Command,
    DropModel,
    EndCall,
    EndCallerTurn,
    Event,
    FlushSwitch,
    LegLost,
    ModelLost,
    ModelReady,
    Note,
    OpenModel,
    SayToModel,
    StopModel,
    TellModel,
    TimePassed,
    UseModel,
    WireError,
)
from bridge.core.recording import Head, Kind, Record, decode_event
from bridge.core.session import CallSession
from bridge.wire import audio_fork, gemini_live
from bridge.wire.leg import LegCodec
from bridge.wire.openai_realtime import DIALECTS, OpenAIRealtime

_LEG_COMMANDS = (SayToModel, TellModel, AnswerTool, StopModel, BeginCallerTurn, EndCallerTurn)
_OUT = (Kind.SWITCH_AUDIO_OUT, Kind.SWITCH_TEXT_OUT)


@dataclass(frozen=True, slots=True)
class Difference:
    """What the replay sent instead of a recorded message; one of the two may be missing."""

    at_ms: float
    message: int  # counted from 0
    recorded: str
    replayed: str


@dataclass
class Outcome:
    sent: list[tuple[float, bytes | str]] = field(default_factory=list)  # what left for the switch; text is str
    recorded: list[tuple[float, bytes | str]] = field(default_factory=list)
    caller: list[tuple[float, bytes]] = field(default_factory=list)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    transcript: Sequence[Mapping[str, Any]] = ()
    difference: Difference | None = None
    model_identical: bool = True
    missing_records: int = 0

    @property
    def identical(self) -> bool:
        return self.difference is None


class Replay:
    def __init__(self, head: Head, records: Sequence[Record]) -> None:
        clips = dict(_clip(record.payload) for record in records if record.kind is Kind.CLIP)
        self.outcome = Outcome()
        self._wires = head.wires
        self._records = records
        self._session = CallSession(head.settings, head.context, clips)
        self._started = False
        self._now = 0.0
        self._out: deque[bytes | str] = deque()  # left the core, and not yet compared
        self._setups: dict[int, OpenModel] = {}
        self._codecs: dict[int, LegCodec] = {}
        self._link = 0  # the one in use
        self._model_out: dict[int, Any] = defaultdict(hashlib.sha256)
        self._model_out_recorded: dict[int, Any] = defaultdict(hashlib.sha256)
        self._inputs: dict[Kind, Callable[[Record], None]] = {
            Kind.START: lambda _: self._start(),
            Kind.SWITCH_AUDIO_IN: self._caller_audio,
            Kind.SWITCH_TEXT_IN: self._switch_text,
            Kind.MODEL_OPEN: self._model_open,
            Kind.MODEL_IN: self._model_in,
            Kind.MODEL_SAID: lambda record: self._model_said(record.link, decode_event(record.payload)),
            Kind.EVENT: self._event,
            Kind.PEER_AUDIO_IN: self._peer_audio,
        }

    def run(self) -> Outcome:
        """Raises BadRecording."""
        for record in self._records:
            if record.kind in _OUT:
                self._recorded_out(record)
            elif record.kind in (Kind.MODEL_OUT, Kind.MODEL_SOUND):
                self._model_out_recorded[record.link].update(record.payload)
            elif record.kind is Kind.DROPPED:
                self.outcome.missing_records += int(record.payload)
            elif record.kind in self._inputs:
                self._until(record.at_ms)
                self._inputs[record.kind](record)
        self._finish()
        return self.outcome

    def _finish(self) -> None:
        outcome = self.outcome
        if self._out and outcome.difference is None:
            outcome.difference = Difference(self._now, len(outcome.recorded), "nothing", _named(self._out[0]))
        outcome.model_identical = all(
            self._model_out[link].digest() == recorded.digest() for link, recorded in self._model_out_recorded.items()
        )
        if not outcome.transcript:
            outcome.transcript = tuple(self._session.minutes.lines)

    # --- time ---------------------------------------------------------------------------------------------------------------

    def _until(self, at_ms: float) -> None:
        """Let time pass. While the replay agrees, the recorded instants do that."""
        if self.outcome.difference is not None and self._started:
            while not self._session.ended:
                due = min(self._session.deadline_ms, self._session.wake_ms)
                if due > at_ms:
                    break
                self._now = max(self._now, due)
                self._pull_all()
                if self._now >= self._session.deadline_ms:
                    self._now += 0.5
                    self._handle(TimePassed())
        self._now = max(self._now, at_ms)

    def _pull_all(self) -> None:
        while not self._session.ended and (message := self._session.pull(self._now)) is not None:
            self._sent(bytes(message))
        self._obey(self._session.take())

    # --- what came in -------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._started = True
        self._obey(self._session.start(self._now))

    def _caller_audio(self, record: Record) -> None:
        self.outcome.caller.append((self._now, record.payload))
        for frame in self._session.caller_audio(record.payload, self._now):
            self._to_model(self._link, frame)
        if self._started:
            self._obey(self._session.take())

    def _peer_audio(self, record: Record) -> None:
        message = self._session.peer_audio(record.payload, self._now)
        if message is not None:
            self._sent(bytes(message))

    def _switch_text(self, record: Record) -> None:
        try:
            events = audio_fork.decode_text(record.payload)
        except WireError:
            return
        for event in events:
            self._handle(event)

    def _model_open(self, record: Record) -> None:
        codec, order = self._codecs.get(record.link), self._setups.get(record.link)
        if codec is not None and order is not None:
            codec.open(order.setup)
            self._flush(record.link)

    def _model_in(self, record: Record) -> None:
        codec = self._codecs.get(record.link)
        if codec is None:
            return
        try:
            events = codec.receive(record.payload)
        except (LegLost, WireError):
            return  # what became of the connection is a record of its own
        self._flush(record.link)
        for event in events:
            self._model_said(record.link, ModelReady(record.link) if isinstance(event, ModelReady) else event)

    def _model_said(self, link: int, event: Event) -> None:
        if link == self._link or isinstance(event, ModelReady):
            self._handle(event)

    def _event(self, record: Record) -> None:
        event = decode_event(record.payload)
        if isinstance(event, TimePassed) and self.outcome.difference is not None:
            return
        if isinstance(event, ModelLost) and event.link == self._link:
            self._link = 0
        self._handle(event)

    def _handle(self, event: Event) -> None:
        self._obey(self._session.handle(event, self._now))
        if self.outcome.difference is not None:
            self._pull_all()

    # --- what goes out ------------------------------------------------------------------------------------------------------

    def _obey(self, orders: Sequence[Command]) -> None:
        for order in orders:
            if isinstance(order, FlushSwitch):
                self._sent(order.zeros)
                if order.kill:
                    self._sent(audio_fork.KILL_AUDIO.decode())
            elif isinstance(order, OpenModel):
                self._setups[order.link] = order
                codec = self._codec(order.engine)
                if codec is not None:
                    self._codecs[order.link] = codec
            elif isinstance(order, UseModel):
                self._link = order.link
                for frame in order.held:
                    self._to_model(order.link, frame)
            elif isinstance(order, DropModel):
                self._codecs.pop(order.link, None)
            elif isinstance(order, _LEG_COMMANDS):
                self._tell(order)
            elif isinstance(order, Note):
                self.outcome.timeline.append({"at_ms": round(self._now), "event": order.event, **order.fields})
            elif isinstance(order, EndCall):
                self.outcome.transcript = order.transcript

    def _tell(self, order: Any) -> None:
        codec = self._codecs.get(self._link)
        if codec is not None:
            codec.obey(order)
            self._flush(self._link)

    def _flush(self, link: int) -> None:
        codec = self._codecs[link]
        for message in codec.outbox:
            self._model_out[link].update(message)
        codec.outbox.clear()

    def _to_model(self, link: int, frame: Buffer) -> None:
        codec = self._codecs.get(link)
        if codec is not None:
            self._model_out[link].update(codec.audio(frame))

    def _codec(self, engine: str) -> LegCodec | None:
        """None for an engine without a wire of its own: its events were recorded instead."""
        if engine == "gemini":
            return gemini_live.GeminiLive(self._wires.get(engine, ""))
        if engine in ("openai", "openai-compatible"):
            return OpenAIRealtime(DIALECTS[self._wires.get(engine) or "openai"])
        return None

    def _sent(self, message: bytes | str) -> None:
        self.outcome.sent.append((self._now, message))
        if self.outcome.difference is None:
            self._out.append(message)

    def _recorded_out(self, record: Record) -> None:
        outcome = self.outcome
        is_text = record.kind is Kind.SWITCH_TEXT_OUT
        recorded: bytes | str = record.payload.decode() if is_text else record.payload
        outcome.recorded.append((record.at_ms, recorded))
        if outcome.difference is not None:
            return
        self._until(record.at_ms)
        if not self._out:
            message = self._session.pull(self._now)
            if message is not None:
                self._sent(bytes(message))
            if self._started:
                self._obey(self._session.take())
        replayed = self._out.popleft() if self._out else None
        if replayed != recorded:
            outcome.difference = Difference(record.at_ms, len(outcome.recorded) - 1, _named(recorded), _named(replayed))
            self._out.clear()


def _clip(payload: bytes) -> tuple[str, bytes]:
    name, _, pcm = payload.partition(b"\0")
    return name.decode(), pcm


def _named(message: bytes | str | None) -> str:
    if message is None:
        return "nothing"
    if isinstance(message, str):
        return message[:80]
    kind = "silence" if not any(message) else f"sound (sha256 {hashlib.sha256(message).hexdigest()[:12]})"
    return f"{len(message)} bytes of {kind}"


def write_wav(path: Path, outcome: Outcome, rate_hz: int) -> None:
    """Stereo: left what the caller said, right what they heard, were every message played in turn and killAudio obeyed at once."""
    left, right = _laid_out(outcome.caller, rate_hz), _laid_out(outcome.sent, rate_hz)
    samples = np.zeros((max(len(left), len(right)), 2), dtype="<i2")
    samples[: len(left), 0], samples[: len(right), 1] = left, right
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())


def _laid_out(messages: Sequence[tuple[float, bytes | str]], rate_hz: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Each message where it sounds: when it came, or behind the one before it."""
    track = bytearray()
    for at_ms, message in messages:
        at = round(at_ms * rate_hz / 1000) * 2
        if isinstance(message, str):
            if "killAudio" in message:
                del track[at:]
            continue
        if len(track) < at:
            track += bytes(at - len(track))
        track += message
    return np.frombuffer(bytes(track[: len(track) // 2 * 2]), "<i2")
