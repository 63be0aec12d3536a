"""The life of the model's connections under one call: first connect, planned hand-over before a connection ages out, recovery.

    connecting ──ready──► ready ──aged or going away, at a turn boundary──► rotating ──ready──► ready
        │                   │                                                 │
        └──lost, once more──┴──lost──► recovering (resume once per handle, then fresh) ──lost──► gone

A new connection is open before the old one is dropped. Connections are numbered; what an old number reports later is ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bridge.core.engines import Engine
from bridge.core.frames import Command, DropModel, Loss, ModelLost, ModelSetup, OpenModel

CONNECT_MS = 8_000
_RECOVER_MS = 5_000
_ATTEMPTS = 2
_ROTATE_RETRY_MS = 5_000.0
_GOING_AWAY_MARGIN_MS = 2_000.0
_RECOVERIES_PER_CALL = 12


class Life(StrEnum):
    CONNECTING = "connecting"
    READY = "ready"
    ROTATING = "rotating"
    RECOVERING = "recovering"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Taken:
    """A connection became the one in use. `answer_owed`: the caller waited for the one before it when that was lost."""

    link: int
    first: bool
    answer_owed: bool
    input_hz: int


class ModelLife:
    def __init__(self, setup: ModelSetup, engines: Sequence[Engine], line_hz: int) -> None:
        self.state = Life.CONNECTING
        self.link = 0  # the connection in use, 0 for none
        engine = engines[0]
        self.input_hz = engine.input_hz(line_hz)
        self._engine = engine
        self._setup = replace(setup, model=engine.model, input_hz=self.input_hz, turn_detection=engine.turn_detection)
        self._opening = 0
        self._answer_owed = False
        self._numbers = 0
        self._attempts = 0
        self._recoveries = 0
        self._handle: str | None = None
        self._due_ms: float | None = None  # rotate at the first turn boundary after this
        self._must_ms: float | None = None  # rotate now, boundary or not
        self._ever_ready = False

    def start(self) -> list[Command]:
        return [self._open(None, CONNECT_MS, "")]

    def _open(self, handle: str | None, timeout_ms: int, history: str) -> OpenModel:
        self._numbers += 1
        self._attempts += 1
        self._opening = self._numbers
        instructions = self._setup.instructions
        if history and handle is None:
            instructions += f"\n\nThe call is already under way. So far:\n{history}\nContinue it; do not greet again."
        return OpenModel(
            self._numbers,
            replace(self._setup, instructions=instructions, resume_handle=handle),
            timeout_ms,
            self._engine.name,
        )

    def knows_handle(self, handle: str) -> None:
        self._handle = handle

    def going_away(self, time_left_ms: int, now_ms: float) -> None:
        self._due_ms = now_ms
        self._must_ms = now_ms + max(0.0, time_left_ms - _GOING_AWAY_MARGIN_MS)

    def ready(self, link: int, now_ms: float) -> tuple[Taken | None, list[Command]]:
        """A connection finished its setup."""
        if link != self._opening:
            return None, [DropModel(link)]
        commands: list[Command] = [DropModel(self.link)] if self.link else []
        taken = Taken(link, not self._ever_ready, self._answer_owed, self.input_hz)
        self.link, self._opening, self._attempts, self._ever_ready = link, 0, 0, True
        self._answer_owed = False
        self.state = Life.READY
        self._due_ms, self._must_ms = now_ms + self._engine.rotate_ms, None
        return taken, commands

    def lost(self, event: ModelLost, now_ms: float, history: str, *, answer_owed: bool) -> list[Command]:
        """A connection failed or ended. No commands and state GONE: the call has no model any more."""
        if event.link == self._opening:
            return self._attempt_failed(event, now_ms, history)
        if event.link != self.link:
            return []
        self.link, self._answer_owed = 0, answer_owed
        if self.state is Life.ROTATING:
            self.state = Life.RECOVERING  # the new connection is already on its way
            return []
        self._recoveries += 1
        if event.loss is Loss.REFUSED or self._recoveries > _RECOVERIES_PER_CALL:
            self.state = Life.GONE
            return []
        self.state = Life.RECOVERING
        if event.loss is Loss.STATE:
            self._handle = None
        return [self._open(self._take_handle(), _RECOVER_MS, history)]

    def _attempt_failed(self, event: ModelLost, now_ms: float, history: str) -> list[Command]:
        self._opening = 0
        if self.state is Life.ROTATING and self.link:
            self.state, self._attempts = Life.READY, 0
            self._due_ms = now_ms + _ROTATE_RETRY_MS
            return []
        if event.loss is Loss.REFUSED or self._attempts >= _ATTEMPTS:
            self.state = Life.GONE
            return []
        return [self._open(self._take_handle(), _RECOVER_MS, history)]

    def _take_handle(self) -> str | None:
        """Each handle resumes at most once: one that failed would fail again."""
        handle, self._handle = self._handle, None
        return handle

    def is_due(self, now_ms: float, at_boundary: bool) -> bool:
        """A planned hand-over should begin now: at a turn boundary once the connection is old, anywhere just before it ends."""
        deadline = self.deadline_ms(at_boundary)
        return deadline is not None and now_ms >= deadline

    def rotate(self, history: str) -> list[Command]:
        """Begin the hand-over."""
        self.state, self._due_ms, self._must_ms = Life.ROTATING, None, None
        return [self._open(self._take_handle(), _RECOVER_MS, history)]

    def replace_now(self, history: str) -> list[Command]:
        """The model hears and does not answer: start over on a fresh connection."""
        if self.state is not Life.READY:
            return []
        self.state, self._handle, self._answer_owed = Life.ROTATING, None, True
        return [self._open(None, _RECOVER_MS, history)]

    def deadline_ms(self, at_boundary: bool) -> float | None:
        if self.state is not Life.READY:
            return None
        return self._due_ms if at_boundary and self._due_ms is not None else self._must_ms
