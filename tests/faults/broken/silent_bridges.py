"""Bridges with one safeguard of the model's side taken out each. Every row about lost models must be seen to fail against one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

from bridge.core import watchdog
from bridge.core.breaker import Breaker
from bridge.core.ledger import CallLedger
from bridge.core.model_life import ModelLife
from bridge.core.repeats import Repeats
from bridge.core.tool_desk import ToolDesk
from bridge.core.watchdog import Watchdog

Breaks = Callable[[], AbstractContextManager[None]]


@contextmanager
def no_filler() -> Iterator[None]:
    """Lets the caller wait."""
    with mock.patch.object(Watchdog, "_filler_ms", lambda self, line: float("inf")):
        yield


@contextmanager
def no_ladder() -> Iterator[None]:
    """Waits for a model that is silent until it speaks."""
    with mock.patch.object(watchdog, "LADDER", ((float("inf"), watchdog.Alarm.NUDGE),) * 4):
        yield


@contextmanager
def resumes_twice() -> Iterator[None]:
    """Tries a handle again that has failed."""
    failed = ModelLife._failed

    def again(self: Any, attempt: Any, *known: Any) -> Any:
        if attempt.handle is not None:
            self._plan.appendleft(attempt)
        return failed(self, attempt, *known)

    with mock.patch.object(ModelLife, "_failed", again):
        yield


@contextmanager
def reruns_tools() -> Iterator[None]:
    """Does not know the calls of a model that is gone."""

    def left(self: ToolDesk, *, resumed: bool) -> None:
        self._open.clear()
        self._kept.clear()

    with mock.patch.object(ToolDesk, "left", left):
        yield


@contextmanager
def forgets_facts() -> Iterator[None]:
    """Drops what tools answered when their asker dies."""
    with (
        mock.patch.object(CallLedger, "since", lambda self, number: []),
        mock.patch.object(CallLedger, "facts", property(lambda self: ())),
    ):
        yield


@contextmanager
def no_brief() -> Iterator[None]:
    """Starts a fresh model without a word about the call."""
    with mock.patch.object(CallLedger, "brief", lambda self, unfinished, **known: ""):
        yield


@contextmanager
def keeps_repeating() -> Iterator[None]:
    """Plays whatever a model says, as often as it says it."""
    with mock.patch.object(Repeats, "takes", property(lambda self: False)):
        yield


@contextmanager
def always_admits() -> Iterator[None]:
    """Has every call hammer a provider that is down."""
    with mock.patch.object(Breaker, "admit", lambda self, now_ms: True):
        yield


@contextmanager
def no_tool_breaker() -> Iterator[None]:
    """Runs the same tool as often as it is asked for."""
    with mock.patch("bridge.core.tool_desk._REPEATS_AT_MOST", 10_000):
        yield


@contextmanager
def forgets_commits() -> Iterator[None]:
    """Runs a commit again whenever it is asked for again."""
    with mock.patch.object(ToolDesk, "_keep", lambda self, item, event: False):
        yield
