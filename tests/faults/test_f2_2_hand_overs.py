"""F2.2: calls that outlive their connections. The hand-over comes before the limit, at a turn boundary, in no time, and loses nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.core.engines import GEMINI, OPENAI, Engine
from bridge.core.frames import DropModel, EndReason, GoingAway, HangUp, Loss, ModelLost, OpenModel, UseModel
from bridge.core.limits import Limits
from bridge.core.session import SessionSettings
from tests.unit.bridge.rehearsal import BOOK, YES, Rehearsal

MINUTE_MS = 60_000
LONG = SessionSettings(limits=Limits(max_call_ms=2 * 60 * MINUTE_MS))
# (minutes of call, engine, age in ms at which the provider ends a connection, whether it announces that)
LIMITS = [
    (29, GEMINI, 10 * MINUTE_MS, True),
    (29, replace(GEMINI, name="gemini-15", rotate_ms=14 * MINUTE_MS), 15 * MINUTE_MS, False),
    (59, GEMINI, 10 * MINUTE_MS, False),
    (59, replace(GEMINI, name="gemini-58", rotate_ms=50 * MINUTE_MS), 58 * MINUTE_MS, False),
    (61, GEMINI, 10 * MINUTE_MS, True),
    (61, OPENAI, 60 * MINUTE_MS, False),
]


class LongCall(Rehearsal):
    """A caller with patience; a provider that ends every connection of a certain age."""

    def __init__(self, engine: Engine, limit_ms: float, *, says_so: bool) -> None:
        self.limit_ms = limit_ms
        self.says_so = says_so
        self.ages: dict[int, float] = {}
        self.gaps: list[float] = []
        super().__init__(engines=(engine,), settings=LONG, has_handles=engine.name.startswith("gemini"))

    def obeyed(self, order: object) -> None:
        if isinstance(order, OpenModel):
            self.ages[order.link] = getattr(self, "now", 0.0)
            self.at(self.limit_ms, lambda: self._reach_limit(order.link))
            if self.says_so:
                self.at(self.limit_ms - 60_000, lambda: self._emit(self.legs[order.link], GoingAway(60_000)))
        super().obeyed(order)  # type: ignore[arg-type]

    def _reach_limit(self, link: int) -> None:
        if not self.legs[link].is_dead:
            self._lose(self.legs[link], ModelLost(link, 1001, "", Loss.EXPIRED))

    def chat_until(self, minutes: float) -> None:
        """The caller and the agent exchange a word every ten seconds."""
        while self.now < minutes * MINUTE_MS and not self.session.ended:
            self.speak(f"hm, and {int(self.now)}", 700)  # nobody who has something to say says the same every time
            self.advance(10_000)


@pytest.mark.parametrize(("minutes", "engine", "limit_ms", "says_so"), LIMITS)
@pytest.mark.faults
def test_a_long_call_is_handed_over_before_every_limit(
    minutes: int, engine: Engine, limit_ms: int, says_so: bool
) -> None:
    talk_for(minutes, engine, limit_ms, says_so)


def test_a_call_that_outlives_its_connection_is_handed_over_before_that_ends() -> None:
    assert talk_for(1.5, replace(GEMINI, rotate_ms=MINUTE_MS), int(1.2 * MINUTE_MS), False) == 1


def talk_for(minutes: float, engine: Engine, limit_ms: int, says_so: bool) -> int:
    """Returns the number of hand-overs."""
    call = LongCall(engine, limit_ms, says_so=says_so)
    call.advance(1_000)
    call.speak(BOOK)
    call.advance(9_000)
    read_back = call.session.legs.read_back
    assert read_back.is_heard(call.now)
    call.chat_until(minutes)
    assert call.notes("model_lost") == [], "a limit was reached"
    handed_over = len(call.all(UseModel)) - 1
    assert handed_over >= max(1, int(minutes * MINUTE_MS / limit_ms) - 1)
    opened = {order.link: at for at, order in zip(call.ages.values(), call.all(OpenModel), strict=True)}
    for note, before in zip(call.notes("model_ready")[1:], call.all(DropModel), strict=True):
        assert before.link + 1 in opened
        assert note["after_ms"] - opened[before.link + 1] <= 500, "the caller had nobody for too long"
    # What was agreed on before is still known: the yes to a read-back of half an hour ago is only refused for its age.
    assert call.session.legs.ledger.confirmation is not None
    assert read_back.is_heard(call.now)
    call.speak(YES)
    call.advance(8_000)
    assert call.all(HangUp) == []
    assert call.session.ended is False
    return handed_over


def test_a_hand_over_waits_for_a_tool_that_runs() -> None:
    call = LongCall(replace(GEMINI, rotate_ms=5_000), 60_000, says_so=False)
    call.advance(1_000)
    call.advance(3_000)
    call.speak(BOOK)
    while not call.notes("tool_called"):
        call.advance(20)
    asked_ms = call.now
    while not call.notes("tool_returned"):
        call.advance(20)
        assert len(call.all(OpenModel)) == 1 or call.ages[2] < asked_ms


def test_the_longest_call_still_ends() -> None:
    call = LongCall(GEMINI, 10 * MINUTE_MS, says_so=False)
    call.session._patience._duration.deadline_ms = 30_000
    call.chat_until(1)
    assert call.ended is not None
    assert call.ended.reason is EndReason.MAX_DURATION
