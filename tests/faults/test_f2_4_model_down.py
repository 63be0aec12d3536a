"""F2.4: one provider is down for a minute. The calls of a process stop hammering it together, and come back without a rush."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable

import pytest

from bridge.core.breaker import TABLE, Breaker, Circuit, Outcome
from bridge.core.frames import Loss
from tests.faults.broken import silent_bridges

CALLS, DOWN_MS, UP_MS, END_MS = 100, 10_000.0, 70_000.0, 90_000.0


class Provider:
    """100 calls that share a breaker, each with its own pace; attempts take 300 ms, or 500 ms to fail."""

    def __init__(self, seed: int) -> None:
        self.breaker = Breaker()
        self.connects: list[float] = []
        self.refused_first_ms: float | None = None
        self.back_ms: dict[int, float] = {}
        self._draw = random.Random(seed)
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()

    def at(self, when_ms: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._agenda, (when_ms, next(self._order), act))

    def run(self) -> None:
        for call in range(CALLS):
            self.at(DOWN_MS + self._draw.uniform(0, 200), lambda now, call=call: self._lose(call, now))  # type: ignore[misc]
        while self._agenda and self._agenda[0][0] <= END_MS:
            when_ms, _, act = heapq.heappop(self._agenda)
            act(when_ms)

    def _lose(self, call: int, now_ms: float) -> None:
        self.breaker.failed(Loss.NETWORK, now_ms)
        self._attempt(call, now_ms)

    def _attempt(self, call: int, now_ms: float) -> None:
        if not self.breaker.admit(now_ms):
            if self.refused_first_ms is None:
                self.refused_first_ms = now_ms
            self.at(now_ms + self._draw.uniform(900, 1_100), lambda now: self._attempt(call, now))
            return
        self.connects.append(now_ms)
        if now_ms >= UP_MS:
            self.at(now_ms + 300, lambda now: self._is_back(call, now))
        else:
            self.at(now_ms + 500, lambda now: self._fail(call, now))

    def _is_back(self, call: int, now_ms: float) -> None:
        self.breaker.succeeded(now_ms)
        self.back_ms[call] = now_ms

    def _fail(self, call: int, now_ms: float) -> None:
        self.breaker.failed(Loss.NETWORK, now_ms)
        self.at(now_ms + self._draw.uniform(900, 1_100), lambda now: self._attempt(call, now))


def a_minute_without(seed: int) -> None:
    world = Provider(seed)
    world.run()
    assert world.refused_first_ms is not None, "nobody was ever held back"
    assert world.refused_first_ms - DOWN_MS <= 5_000
    open_ms = [at for at in world.connects if world.refused_first_ms < at < UP_MS]
    for second in range(int(world.refused_first_ms), int(UP_MS), 500):
        assert (
            sum(1 for at in open_ms if second <= at < second + 1_000) <= 2
        )  # one a second, wherever the second begins
    assert len(open_ms) <= (UP_MS - DOWN_MS) / 1_000 + 1
    assert len(world.back_ms) == CALLS
    assert max(world.back_ms.values()) - UP_MS <= 10_000
    first_ms = min(world.back_ms.values())
    rush = [at for at in world.connects if UP_MS <= at < first_ms]
    assert len(rush) <= 2, "everybody tried before the first one had succeeded"


@pytest.mark.parametrize("seed", range(5))
def test_a_provider_that_is_down_is_probed_once_a_second_and_not_overrun_when_it_returns(seed: int) -> None:
    a_minute_without(seed)


def test_calls_without_a_breaker_are_caught() -> None:
    with silent_bridges.always_admits(), pytest.raises(AssertionError):
        a_minute_without(1)


def test_the_table_is_whole_and_a_failure_always_reopens_what_was_half_open() -> None:
    assert all(set(row) == set(Outcome) for row in TABLE.values())
    assert set(TABLE) == set(Circuit)
    assert TABLE[Circuit.HALF_OPEN][Outcome.FAILURE] is Circuit.OPEN


def test_a_session_that_expires_says_nothing_about_the_provider() -> None:
    breaker = Breaker()
    for at in range(100):
        breaker.failed(Loss.EXPIRED, at)
        breaker.failed(Loss.STATE, at)
    assert breaker.circuit is Circuit.CLOSED


def test_failures_far_apart_are_not_a_breakdown() -> None:
    breaker = Breaker()
    for minute in range(20):
        breaker.failed(Loss.NETWORK, minute * 60_000)
        assert breaker.admit(minute * 60_000 + 1)
    assert breaker.circuit is Circuit.CLOSED


def test_one_failure_among_successes_is_not_a_breakdown() -> None:
    breaker = Breaker()
    for at in range(0, 10_000, 100):
        breaker.failed(Loss.NETWORK, at)
        breaker.succeeded(at + 50)
    assert breaker.circuit is Circuit.CLOSED
