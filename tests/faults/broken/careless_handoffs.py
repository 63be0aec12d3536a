"""Bridges with one safeguard of a hand-off taken out each. Every row about hand-offs must be seen to fail against one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

from bridge.core import handing_over, handoff
from bridge.core.frames import JoinPeer, ToolReturned
from bridge.core.handing_over import CallerSide, PersonSide, Side
from bridge.core.handoff import Handoff
from bridge.core.join import Join
from bridge.core.watchdog import Watchdog
from bridge.shell import relay
from bridge.shell.handoff_desk import HandoffDesk

Breaks = Callable[[], AbstractContextManager[None]]


@contextmanager
def opens_to_everybody() -> Iterator[None]:
    """Lets every bridge in that knows the name of a hand-off."""
    with mock.patch.object(relay.hmac, "compare_digest", lambda given, expected: True):
        yield


@contextmanager
def writes_the_hop_down() -> Iterator[None]:
    """Tells the session, and so the recording, what the other bridge proves itself with."""
    keep = HandoffDesk.keep_hop

    def careless(self: HandoffDesk, event: ToolReturned) -> ToolReturned:
        keep(self, event)
        return event

    with mock.patch.object(HandoffDesk, "keep_hop", careless):
        yield


@contextmanager
def reminds_the_model() -> Iterator[None]:
    """Takes a caller who waits for a person for one who waits for the model."""
    with mock.patch.object(Watchdog, "excuse", lambda self: None):
        yield


@contextmanager
def speaks_over_the_agent() -> Iterator[None]:
    """Asks the caller to wait whenever it is time."""
    with mock.patch.object(Side, "_quiet_since_ms", lambda self: 0.0):
        yield


@contextmanager
def waits_for_ever() -> Iterator[None]:
    """Rings until somebody answers."""
    with mock.patch.object(handoff, "BRIEF_MS", float("inf")):
        yield


@contextmanager
def connects_too_early() -> Iterator[None]:
    """Joins the two as soon as the person has answered the telephone."""
    start = PersonSide.start

    def early(self: Any, now_ms: float) -> None:
        start(self, now_ms)
        self._emit(JoinPeer())

    def passes(self: Any, data: bytes, now_ms: float) -> bytes | None:
        self._join = self._join or self._new_join()
        found: bytes | None = self._join.push(data, now_ms)
        return found

    with mock.patch.object(PersonSide, "start", early), mock.patch.object(Side, "peer_audio", passes):
        yield


@contextmanager
def claims_to_be_connected() -> Iterator[None]:
    """Gives the agent the answer while the telephone rings."""
    with mock.patch.object(CallerSide, "tool_returned", lambda self, event, now_ms: event):
        yield


@contextmanager
def keeps_everything() -> Iterator[None]:
    """Passes on what is late, however late."""
    build = Join.__init__

    def patient(self: Any, *parts: Any) -> None:
        build(self, *parts)
        self._limit_ms = 1e9

    with mock.patch.object(Join, "__init__", patient):
        yield


@contextmanager
def ignores_a_hang_up() -> Iterator[None]:
    """Leaves the one alone whose partner has gone."""
    with mock.patch.object(Side, "said", lambda self, word, now_ms: None):
        yield


@contextmanager
def ignores_a_loss() -> Iterator[None]:
    """Does not notice that the other leg's bridge is gone."""
    with (
        mock.patch.object(Handoff, "peer_lost", lambda self, now_ms: None),
        mock.patch.object(handoff, "PEER_SILENT_MS", float("inf")),
    ):
        yield


@contextmanager
def tells_nobody() -> Iterator[None]:
    """Ends a call without a word to the control plane about its hand-off."""
    with mock.patch.object(Side, "closed", lambda self, reason: None):
        yield


@contextmanager
def forgets_a_lost_asker() -> Iterator[None]:
    """Answers only a model that still waits."""
    answered = handing_over.Legs.tool_returned

    def lazy(self: Any, event: Any, now_ms: float, **more: Any) -> bool:
        return answered(self, event, now_ms, **{**more, "must_tell": False})

    with mock.patch.object(handing_over.Legs, "tool_returned", lazy):
        yield


@contextmanager
def joins_without_asking() -> Iterator[None]:
    """Joins a person to a caller who may have gone."""
    accept = PersonSide._accept

    def hasty(self: Any) -> None:
        accept(self)
        self._take(0.0)

    with mock.patch.object(PersonSide, "_accept", hasty):
        yield


@contextmanager
def leaves_people_alone() -> Iterator[None]:
    """Notices neither a hang-up of the other side nor the loss of its bridge."""
    with ignores_a_hang_up(), ignores_a_loss():
        yield
