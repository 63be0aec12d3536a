"""The life of the model's connections under one call: first connect, planned hand-over, recovery, another engine, giving up.

What is tried next follows from why the last connection was lost:

    network, expired   resume the session, once per handle; then a fresh session; then the next engine
    state              a fresh session; then the next engine
    overloaded         the next engine at once
    refused            the next engine at once, and this one never again in this call

When every engine was tried, all but the refused ones are tried again after a pause, until somebody gives up. A new connection is open
before an old one that still lives is dropped. The preferred engine is returned to only by the next call: a caller is not moved twice.
Connections are numbered; what an old number reports later is ignored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from bridge.core.diagrams import draw
from bridge.core.engines import Engine
from bridge.core.frames import Command, DropModel, Loss, ModelLost, ModelSetup, OpenModel

CONNECT_MS = 4_000
FRESH_MS = 3_000
RESUME_MS = (
    1_500  # a session that can be continued answers quickly; one that cannot must not cost the caller's patience
)
PAUSE_MS = 1_000.0
_ROTATE_RETRY_MS = 5_000.0
_BOUNDARY_WAIT_MS = 45_000.0  # how long a planned hand-over waits for a turn boundary
_GOING_AWAY_MARGIN_MS = 2_500.0
_TOOL_MARGIN_MS = 1_500.0  # a tool call under way may delay a hand-over this much more
_RECOVERIES_PER_CALL = 12

Brief = Callable[[], str]


class Life(StrEnum):
    CONNECTING = "connecting"  # the call's first connection
    READY = "ready"
    ROTATING = "rotating"  # one is in use, its successor is being opened
    RECOVERING = "recovering"  # none is in use, one is being opened
    WAITING = "waiting"  # none is in use or being opened
    GONE = "gone"


class Change(StrEnum):
    OPENED = "opened"
    LOST = "lost"  # the one in use
    FAILED = "failed"  # the one being opened, and another is tried at once
    PAUSED = "paused"  # the same, and nothing is left to be tried for the moment
    REPLACED = "replaced"  # a successor is wanted
    KEPT = "kept"  # no successor is wanted any more, or there is none
    RETRIED = "retried"
    EXHAUSTED = "exhausted"


TABLE: dict[Life, dict[Change, Life]] = {
    Life.CONNECTING: {
        Change.OPENED: Life.READY,
        Change.FAILED: Life.CONNECTING,
        Change.PAUSED: Life.WAITING,
        Change.EXHAUSTED: Life.GONE,
    },
    Life.READY: {
        Change.LOST: Life.RECOVERING,
        Change.PAUSED: Life.WAITING,
        Change.REPLACED: Life.ROTATING,
        Change.EXHAUSTED: Life.GONE,
    },
    Life.ROTATING: {
        Change.OPENED: Life.READY,
        Change.LOST: Life.RECOVERING,
        Change.FAILED: Life.ROTATING,
        Change.REPLACED: Life.ROTATING,
        Change.KEPT: Life.READY,
        Change.EXHAUSTED: Life.GONE,
    },
    Life.RECOVERING: {
        Change.OPENED: Life.READY,
        Change.FAILED: Life.RECOVERING,
        Change.PAUSED: Life.WAITING,
        Change.EXHAUSTED: Life.GONE,
    },
    Life.WAITING: {
        Change.RETRIED: Life.RECOVERING,
        Change.EXHAUSTED: Life.GONE,
    },
    Life.GONE: {},
}


@dataclass(frozen=True, slots=True)
class Taken:
    """A connection became the one in use. `resumed`: its model remembers the call up to its handle."""

    link: int
    engine: Engine
    input_hz: int
    first: bool
    resumed: bool


@dataclass(frozen=True, slots=True)
class _Attempt:
    engine: Engine
    handle: str | None = None


class ModelLife:
    """`brief` arguments write what a fresh session is told; they are asked only when one is opened."""

    def __init__(self, setup: ModelSetup, engines: Sequence[Engine], line_hz: int) -> None:
        self.state = Life.CONNECTING
        self.link = 0  # the connection in use, 0 for none
        self.engine = engines[0]  # that of the connection in use, or of the last one
        self._engines = tuple(engines)
        self._setup = setup
        self._line_hz = line_hz
        self._plan: deque[_Attempt] = deque()
        self._opening: _Attempt | None = None
        self._numbers = 0
        self._recoveries = 0
        self._refused: set[str] = set()
        self._handle: str | None = None  # of the session in use, not yet spent
        self._ever_ready = False
        self._for_silence = False  # the one in use is being replaced because it does not answer
        self._due_ms: float | None = None  # hand over at the first turn boundary after this
        self._must_ms = inf  # hand over now, boundary or not
        self._retry_ms = inf

    # --- what happens to connections ----------------------------------------------------------------------------------------

    def start(self) -> list[Command]:
        self._plan.extend(_Attempt(engine) for engine in self._engines)
        return [self._open(self._plan.popleft(), CONNECT_MS, str)]

    def knows_handle(self, handle: str) -> None:
        self._handle = handle

    def going_away(self, time_left_ms: int, now_ms: float) -> None:
        self._due_ms = now_ms
        self._must_ms = now_ms + max(0.0, time_left_ms - _GOING_AWAY_MARGIN_MS)

    def ready(self, link: int, now_ms: float) -> tuple[Taken | None, list[Command]]:
        """A connection finished its setup. Anything but the one being opened is dropped."""
        opened = self._opening
        if opened is None or link != self._numbers or self.state is Life.GONE:
            return None, [DropModel(link)]
        commands: list[Command] = [DropModel(self.link)] if self.link else []
        self._turn(Change.OPENED)
        if opened.engine is not self.engine or opened.handle is None:
            self._handle = None  # a handle belongs to its session
        self.link, self.engine, self._opening = link, opened.engine, None
        taken = Taken(link, opened.engine, self.input_hz, not self._ever_ready, opened.handle is not None)
        self._ever_ready = True
        self._plan.clear()
        self._due_ms = now_ms + opened.engine.rotate_ms
        self._must_ms = self._due_ms + _BOUNDARY_WAIT_MS
        return taken, commands

    def lost(self, event: ModelLost, now_ms: float, brief: Brief) -> list[Command]:
        """A connection failed or ended. The state tells the rest: READY again means that the old one is still good."""
        if self._opening is not None and event.link == self._numbers:
            return self._failed(self._opening, event.loss, now_ms, brief)
        if event.link != self.link or not self.link:
            return []
        self.link = 0
        if self.state is Life.GONE:
            return []  # given up while it stood, for the silence of its model: the last words are ours
        self._recoveries += 1
        if self._recoveries > _RECOVERIES_PER_CALL:
            return self.give_up()
        if self.state is Life.ROTATING:
            self._turn(Change.LOST)  # the successor is already on its way
            return []
        self._plan_for(event.loss)
        return self._next(Change.LOST, now_ms, brief)

    def _plan_for(self, loss: Loss) -> None:
        """What is tried after losing the connection in use."""
        self._plan.clear()
        if loss is Loss.REFUSED:
            self._refused.add(self.engine.name)
        if loss in (Loss.NETWORK, Loss.EXPIRED):
            handle = self._take_handle()
            if handle is not None:
                self._plan.append(_Attempt(self.engine, handle))
        if loss in (Loss.NETWORK, Loss.EXPIRED, Loss.STATE):
            self._plan.append(_Attempt(self.engine))
        self._plan.extend(_Attempt(engine) for engine in self._others())

    def _others(self) -> list[Engine]:
        """The engines after the one in use, then those before it, without the refused ones."""
        at = self._engines.index(self.engine)
        order = self._engines[at + 1 :] + self._engines[:at]
        return [engine for engine in order if engine.name not in self._refused]

    def _failed(self, failed: _Attempt, loss: Loss, now_ms: float, brief: Brief) -> list[Command]:
        self._opening = None
        if loss is Loss.REFUSED:
            self._refused.add(failed.engine.name)
        if loss in (Loss.REFUSED, Loss.OVERLOADED):
            self._plan = deque(attempt for attempt in self._plan if attempt.engine is not failed.engine)
        if self.link and not self._plan:
            self._turn(Change.KEPT)
            self._due_ms = now_ms + _ROTATE_RETRY_MS
            return []
        return self._next(Change.FAILED, now_ms, brief)

    def _next(self, change: Change, now_ms: float, brief: Brief) -> list[Command]:
        if self._plan:
            self._turn(change)
            attempt = self._plan.popleft()
            return [self._open(attempt, RESUME_MS if attempt.handle else FRESH_MS, brief)]
        if all(engine.name in self._refused for engine in self._engines):
            return self.give_up()
        self._turn(Change.PAUSED)
        self._retry_ms = now_ms + PAUSE_MS
        return []

    # --- what is wanted of them ---------------------------------------------------------------------------------------------

    def hand_over(self, brief: Brief) -> list[Command]:
        """The connection grows old: begin to replace it by a continuation of itself."""
        self._turn(Change.REPLACED)
        self._due_ms, self._must_ms, self._for_silence = None, inf, False
        self._plan = deque([_Attempt(self.engine)])
        handle = self._take_handle()
        attempt = _Attempt(self.engine, handle) if handle is not None else self._plan.popleft()
        return [self._open(attempt, FRESH_MS, brief)]

    def replace(self, brief: Brief, *, other_engine: bool) -> list[Command]:
        """The model hears and does not answer, or its successor takes too long: try a fresh one, of another engine if there is one."""
        if self.state is not Life.READY and not (other_engine and self.state is Life.ROTATING):
            return []  # something else is on its way already
        others = [_Attempt(engine) for engine in self._others()]
        self._plan = deque(others if other_engine and others else [_Attempt(self.engine), *others])
        self._for_silence = True
        self._handle = None  # the session it continues is what is stuck
        commands: list[Command] = [DropModel(self._numbers)] if self._opening is not None else []
        self._turn(Change.REPLACED)
        return [*commands, self._open(self._plan.popleft(), FRESH_MS, brief)]

    def keep(self) -> list[Command]:
        """The model that was to be replaced answers after all."""
        if self.state is not Life.ROTATING or not self._for_silence:
            return []
        self._turn(Change.KEPT)
        self._opening = None
        self._plan.clear()
        return [DropModel(self._numbers)]

    def retry(self, brief: Brief) -> list[Command]:
        """The pause is over: try every engine again."""
        self._turn(Change.RETRIED)
        self._retry_ms = inf
        self._plan.extend(_Attempt(engine) for engine in self._engines if engine.name not in self._refused)
        return [self._open(self._plan.popleft(), FRESH_MS, brief)]

    def give_up(self) -> list[Command]:
        """No more attempts."""
        if self.state is Life.GONE:
            return []
        commands: list[Command] = [DropModel(self._numbers)] if self._opening is not None else []
        self._turn(Change.EXHAUSTED)
        self._opening, self._retry_ms = None, inf
        self._plan.clear()
        return commands

    def retire(self) -> list[Command]:
        """No model is needed any more."""
        commands = self.give_up()
        if self.link:
            commands.append(DropModel(self.link))
            self.link = 0
        return commands

    def _turn(self, change: Change) -> None:
        self.state = TABLE[self.state][change]

    def _take_handle(self) -> str | None:
        """Each handle resumes at most once: one that failed would fail again."""
        handle, self._handle = self._handle, None
        return handle

    def _open(self, attempt: _Attempt, timeout_ms: int, brief: Brief) -> OpenModel:
        self._numbers += 1
        self._opening = attempt
        engine = attempt.engine
        is_told = self._ever_ready and attempt.handle is None
        setup = replace(
            self._setup,
            model=engine.model,
            instructions=self._setup.instructions + (brief() if is_told else ""),
            resume_handle=attempt.handle,
            input_hz=engine.input_hz(self._line_hz),
            turn_detection=engine.turn_detection,
        )
        return OpenModel(self._numbers, setup, timeout_ms, engine.name)

    # --- time ---------------------------------------------------------------------------------------------------------------

    @property
    def input_hz(self) -> int:
        """What the connection in use is fed."""
        return self.engine.input_hz(self._line_hz)

    @property
    def is_gone(self) -> bool:
        return self.state is Life.GONE

    def is_old(self, now_ms: float, *, at_boundary: bool, tool_runs: bool) -> bool:
        """A planned hand-over should begin now: at a turn boundary once the connection is old, anywhere just before it ends."""
        return now_ms >= self._hand_over_ms(at_boundary=at_boundary, tool_runs=tool_runs)

    def is_rested(self, now_ms: float) -> bool:
        return self.state is Life.WAITING and now_ms >= self._retry_ms

    def deadline_ms(self, *, at_boundary: bool, tool_runs: bool) -> float:
        return min(self._retry_ms, self._hand_over_ms(at_boundary=at_boundary, tool_runs=tool_runs))

    def _hand_over_ms(self, *, at_boundary: bool, tool_runs: bool) -> float:
        if self.state is not Life.READY:
            return inf
        must = self._must_ms + (_TOOL_MARGIN_MS if tool_runs else 0.0)
        return must if self._due_ms is None or not at_boundary else min(self._due_ms, must)


def diagram() -> str:
    return draw(TABLE, Life.CONNECTING, Life.GONE)
