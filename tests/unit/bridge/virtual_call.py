"""A call in virtual milliseconds: drives a session exactly as the shell does, with a caller who speaks when told to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any, TypeVar

import numpy as np

from bridge.core.context import CallContext
from bridge.core.frames import (
    AgentTranscribed,
    CallTool,
    Command,
    EndCall,
    Event,
    FlushSwitch,
    GenerationComplete,
    ModelAudio,
    ModelReady,
    Note,
    OpenModel,
    TimePassed,
    ToolDeclaration,
    UseModel,
)
from bridge.core.session import CallSession, SessionSettings
from pokea.toolkit import Effect

C = TypeVar("C")
FRAME = 640
SILENCE = bytes(FRAME)
SPEECH = np.random.default_rng(7).integers(-6_000, 6_000, 320).astype("<i2").tobytes()

PHRASES = {
    "idle_ask": "Are you still there?",
    "idle_ask_again": "Hello, can you hear me?",
    "idle_goodbye": "I will hang up now. Goodbye.",
    "goodbye": "Goodbye.",
    "trouble": "Sorry, something went wrong.",
    "one_moment": "One moment, please.",
}
TOOLS = {
    "findTimes": Effect.READ,
    "proposeBooking": Effect.PROPOSE,
    "commitProposal": Effect.COMMIT,
    "endCall": Effect.END,
}


def context(**changes: Any) -> CallContext:
    values: dict[str, Any] = {
        "business_id": "corner-shop",
        "agent": "booking",
        "instructions": "Be brief.",
        "voice": "Kore",
        "greeting": "Hello, this is an AI.",
        "phrases": PHRASES,
        "tools": tuple(ToolDeclaration(name, name, {"type": "object", "properties": {}}) for name in TOOLS),
        "effects": TOOLS,
    }
    return CallContext(**{**values, **changes})


def voice_ms(milliseconds: int, level: int = 5_000) -> bytes:
    """So much model speech: a constant level at 24 kHz, so that every sample can be told from our silence."""
    return (np.ones(milliseconds * 24, dtype="<i2") * level).tobytes()


def clips(**lengths_ms: int) -> dict[str, bytes]:
    return {name: voice_ms(length, 3_000) for name, length in lengths_ms.items()}


ALL_CLIPS = clips(greeting=2_000, idle_ask=1_000, idle_ask_again=1_000, idle_goodbye=1_500, goodbye=800, trouble=1_200)


class VirtualCall:
    """`sent` is what went to the switch, with times; `orders` every command, in order."""

    def __init__(
        self,
        call_context: CallContext | None = None,
        call_clips: Mapping[str, bytes] | None = None,
        settings: SessionSettings | None = None,
    ) -> None:
        self.session = CallSession(settings or SessionSettings(), call_context or context(), call_clips or {})
        self.now = 0.0
        self.orders: list[Command] = []
        self.sent: list[tuple[float, bytes]] = []
        self.model_heard: list[tuple[float, bytes]] = []
        self.speech: Sequence[tuple[float, float]] = ()  # when the caller speaks, in call milliseconds
        self.streaming = True  # the switch sends audio
        self._next_frame_ms = 20.0
        self._nothing_before_ms = 0.0  # nothing is due in the session until then, unless something happens to it
        self._take(self.session.start(0.0))

    def _take(self, orders: list[Command]) -> None:
        self._nothing_before_ms = 0.0
        for order in orders:
            self.orders.append(order)
            if isinstance(order, FlushSwitch):
                self.sent.append((self.now, order.zeros))
                if order.kill:
                    self.sent.append((self.now, b"kill"))
            elif isinstance(order, UseModel):
                self.model_heard += [(self.now, frame) for frame in order.held]
            self.obeyed(order)
        while (message := self.session.pull(self.now)) is not None:
            self.sent.append((self.now, bytes(message)))
        if self.session.orders:
            self._take(self.session.take())

    def obeyed(self, order: Command) -> None:
        """For peers that react to what is ordered."""

    @property
    def peers_due_ms(self) -> float:
        """When a peer does something next."""
        return inf

    def peers_act(self) -> None:
        """Do what is due by now."""

    def feed(self, *events: Event) -> None:
        for event in events:
            self._take(self.session.handle(event, self.now))

    def hear(self, message: bytes) -> None:
        """One binary frame of the switch."""
        frames = self.session.caller_audio(message, self.now)
        self.model_heard += [(self.now, bytes(frame)) for frame in frames]
        self._take(self.session.take())

    def advance(self, milliseconds: float) -> None:
        """Let time pass: the caller's frames arrive, what is due is sent, deadlines fire."""
        until = self.now + milliseconds
        while not self.session.ended:
            if min(self._nothing_before_ms, self.peers_due_ms) > until:
                break
            due = min(self.session.deadline_ms, self.session.wake_ms, self._next_frame_ms)
            if min(due, self.peers_due_ms) > until:
                self._nothing_before_ms = due
                break
            due = min(due, self.peers_due_ms)
            self.now = max(self.now, due)
            if self.now >= self._next_frame_ms:
                self._next_frame_ms += 20
                if self.streaming:
                    self.hear(self._caller_frame(self.now))
            self._take([])
            if self.now >= self.peers_due_ms:
                self.peers_act()
            if self.now >= self.session.deadline_ms:
                self.now += 0.5
                self.feed(TimePassed())
                assert self.session.deadline_ms > self.now, "a deadline that stays due would be a busy loop"
        self.now = max(self.now, until)

    def _caller_frame(self, end_ms: float) -> bytes:
        speaks = any(begin <= end_ms - 20 < end for begin, end in self.speech)
        return SPEECH if speaks else SILENCE

    # --- the usual acts -----------------------------------------------------------------------------------------------------

    def model_ready(self) -> None:
        self.feed(ModelReady(self.last(OpenModel).link))

    def model_says(self, milliseconds: int, text: str = "", *, complete: bool = True) -> None:
        if text:
            self.feed(AgentTranscribed(text))
        for _ in range(milliseconds // 100):
            self.feed(ModelAudio(voice_ms(100)))
        if milliseconds % 100:
            self.feed(ModelAudio(voice_ms(milliseconds % 100)))
        if complete:
            self.feed(GenerationComplete())

    # --- what happened ------------------------------------------------------------------------------------------------------

    def all(self, kind: type[C]) -> list[C]:
        return [order for order in self.orders if isinstance(order, kind)]

    def last(self, kind: type[C]) -> C:
        return self.all(kind)[-1]

    def notes(self, event: str) -> list[Mapping[str, Any]]:
        return [order.fields for order in self.all(Note) if order.event == event]

    def tool_call(self) -> CallTool:
        return self.last(CallTool)

    def evidence(self) -> Any:
        return self.tool_call().evidence

    @property
    def ended(self) -> EndCall | None:
        ends = self.all(EndCall)
        return ends[0] if ends else None

    def sounds(self, level: int | None = None) -> Iterator[float]:
        """When messages with sound (of about this level) were sent."""
        for at, message in self.sent:
            if message != b"kill" and any(message):
                peak = int(np.abs(np.frombuffer(message, "<i2").astype(int)).max())
                if level is None or abs(peak - level) < level / 5:
                    yield at
