"""A cascade in virtual milliseconds: drives its machine as the link does, with services that answer when told to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from bridge.core.cascade import Cascade
from bridge.core.cascade_frames import (
    Abort,
    CascadeLimits,
    CascadeOrder,
    Complete,
    CompletionDone,
    Delta,
    Role,
    Speak,
    SpeechChunk,
    SpeechDone,
    Stage,
    StageEvent,
    StageFailed,
    ToolDelta,
    Transcribe,
    Transcribed,
)
from bridge.core.frames import (
    BeginCallerTurn,
    EndCallerTurn,
    HeardItem,
    LegCommand,
    Loss,
    ModelEvent,
    ModelSetup,
    ToolDeclaration,
)

T = TypeVar("T")
R = TypeVar("R", Transcribe, Complete, Speak)
FRAME = bytes(640)
SECOND = bytes(2 * 24_000)
TOOLS = (ToolDeclaration("findTimes", "Free times.", {"type": "object", "properties": {}}),)


class VirtualCascade:
    """Drives a machine as the link does. `orders` and `events` hold everything, oldest first."""

    def __init__(self, limits: CascadeLimits | None = None, instructions: str = "Be brief.") -> None:
        setup = ModelSetup("m", "v", instructions, TOOLS, language="en-KE")
        self.machine = Cascade(setup, "k", 24_000, limits, {Stage.TRANSCRIPTION: "hears", Stage.SPEECH: "speaks"})
        self.now_ms = 1_000.0
        self.orders: list[CascadeOrder] = []
        self.events: list[ModelEvent] = []
        self.finished: set[int] = set()

    def _take(self) -> None:
        self.orders += self.machine.orders
        self.events += self.machine.events
        self.machine.orders, self.machine.events = [], []

    def obey(self, *commands: LegCommand) -> None:
        for command in commands:
            self.machine.obey(command, self.now_ms)
            self._take()

    def result(self, *results: StageEvent) -> None:
        for result in results:
            if not isinstance(result, Delta | ToolDelta | SpeechChunk):
                self.finished.add(result.request)
            self.machine.result(result, self.now_ms)
            self._take()

    def advance(self, milliseconds: float) -> None:
        until = self.now_ms + milliseconds
        while self.machine.wake_ms <= until:
            self.now_ms = max(self.now_ms, self.machine.wake_ms)
            self.machine.time_passed(self.now_ms)
            self._take()
        self.now_ms = until

    def all(self, kind: type[T]) -> list[T]:
        return [one for one in (*self.orders, *self.events) if isinstance(one, kind)]

    def last(self, kind: type[T]) -> T:
        return self.all(kind)[-1]

    # --- acts ---------------------------------------------------------------------------------------------------------------

    def caller_speaks(self, milliseconds: int = 400) -> None:
        self.obey(BeginCallerTurn())
        for _ in range(milliseconds // 20):
            self.machine.audio(FRAME)
        self.obey(EndCallerTurn())

    def caller_says(self, words: str) -> None:
        self.caller_speaks()
        self.result(Transcribed(self.last(Transcribe).request, words))

    def model_writes(self, text: str, *, done: bool = True) -> None:
        request = self.last(Complete).request
        self.result(Delta(request, text))
        if done:
            self.result(CompletionDone(request))

    def model_asks(self, *calls: tuple[str, str, str]) -> None:
        """(id, name, arguments) each."""
        request = self.last(Complete).request
        self.result(*(ToolDelta(request, index, *call) for index, call in enumerate(calls)), CompletionDone(request))

    def voice_speaks(self, seconds: int = 1) -> None:
        """Everything that was asked for, and what is asked for thereupon."""
        while pending := self.pending(Speak):
            for _ in range(seconds):
                self.result(SpeechChunk(pending[0].request, SECOND))
            self.result(SpeechDone(pending[0].request))

    @property
    def aborted(self) -> set[int]:
        return {request for order in self.all(Abort) for request in order.requests}

    def pending(self, kind: type[R]) -> list[R]:
        """Requests that were neither answered nor aborted."""
        over = self.finished | self.aborted
        return [order for order in self.all(kind) if order.request not in over]

    def says(self, text: str, seconds: int = 1) -> None:
        self.model_writes(text)
        self.voice_speaks(seconds)

    @property
    def history(self) -> Sequence[tuple[str, str]]:
        """What the next completion is told, without the system message."""
        return told(self.last(Complete))


def told(order: Complete) -> Sequence[tuple[str, str]]:
    return [(message.role.value, message.text) for message in order.messages if message.role is not Role.SYSTEM]


def heard(item: str, heard_ms: int, generated_ms: int = 1_000) -> HeardItem:
    return HeardItem(item, heard_ms, generated_ms)


def failed(request: int, loss: Loss = Loss.NETWORK, code: int = 0) -> StageFailed:
    return StageFailed(request, loss, code, "why")
