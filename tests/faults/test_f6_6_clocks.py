"""F6.6: the bridge's wall clock is wrong by minutes, steps back in mid-call, jumps by an hour; hooks come late. Durations stay what the
carrier says or a monotonic clock counted, and the bridge's own count of its events, not their times, tells which word is the last."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from pokea.billing.cdr import Cdr, CdrState
from tests.faults.broken import reconcilers
from tests.support.told_calls import NOW, Told

CALLS, SEED = 1_000, 6_6
OFF = (
    timedelta(minutes=5),
    timedelta(minutes=-5),
    timedelta(seconds=-10),
    timedelta(hours=1),
    timedelta(hours=-1),
    timedelta(0),
)


def told_with(draw: random.Random, number: int) -> tuple[Told, list[str]]:
    """A call whose bridge has one error of its clock when it opens, and another when it closes; some witnesses are lost."""
    talk_s = draw.randrange(1, 1_800)
    told = Told(
        session=f"HD_{number:012d}", outbound=draw.random() < 0.5, talk_s=talk_s, stream_ms=talk_s * 1_000 - draw.randrange(900),  # type: ignore[arg-type]
        bridge_off=draw.choice(OFF),
    )  # fmt: skip
    told.begun()
    told.bridge_off += draw.choice(OFF)
    told.clock = NOW + timedelta(seconds=talk_s + 2)
    ends = {"hooks": told.completed, "closing": told.closed, "outbox": told.bridge_closed, "record": told.carrier_said}
    kept = draw.sample(sorted(ends), draw.randint(1, 4))
    for name in kept:
        told.clock += timedelta(seconds=draw.choice((0, 1, 3_600, 86_400)))
        ends[name]()
    return told, kept


def check_durations(told: Told, kept: list[str]) -> None:
    told.round()
    person = next(cdr for leg, cdr in told.latest.items() if leg != "stream")
    stream = told.latest["stream"]
    if "record" in kept or "hooks" in kept:
        assert person.talk_s == told.talk_s, kept
    else:
        assert person.talk_s is not None and abs(person.talk_s - told.talk_s) <= 1, kept
    if {"closing", "outbox"} & set(kept):
        assert stream.talk_s == -(-told.stream_ms // 1_000), kept
    for cdr in (person, stream):
        check_own_times(cdr)
    assert person.state is (CdrState.FINAL if "record" in kept else CdrState.PROVISIONAL)
    assert not person.findings, "a clock's error is no disagreement about the bill"


def check_own_times(cdr: Cdr) -> None:
    """A record's own times never contradict its talk, and never run backwards."""
    if cdr.talk_s is None:
        return
    assert cdr.talk_s >= 0
    if cdr.answered_at is not None and cdr.ended_at is not None:
        assert 0 <= cdr.talk_s - (cdr.ended_at - cdr.answered_at).total_seconds() < 1


def check_calls(count: int, seed: int) -> None:
    for number in range(count):
        told, kept = told_with(random.Random(f"{seed}/{number}"), number)
        try:
            check_durations(told, kept)
        except AssertionError as breach:
            raise AssertionError(f"seed {seed}, call {number}: {breach}") from breach


def test_no_wall_clock_decides_how_long_a_call_was() -> None:
    check_calls(150, SEED)


@pytest.mark.faults
def test_a_thousand_calls_under_wrong_clocks() -> None:
    check_calls(CALLS, SEED + 1)


@pytest.mark.parametrize("off", OFF)
def test_the_bridges_count_tells_its_last_word_not_the_times_it_gives(off: timedelta) -> None:
    told = Told(bridge_off=off).begun()
    told.said("closed", 1, stream_ms=40_000)
    told.bridge_off = -off
    told.said("closed", 2, stream_ms=72_400)
    (stream,) = [cdr for cdr in told.drafts() if cdr.leg == "stream"]
    assert stream.talk_s == 73


@pytest.mark.parametrize("off", OFF)
def test_where_only_the_bridge_is_left_its_clock_says_when_and_never_for_how_long(off: timedelta) -> None:
    told = Told(bridge_off=off)
    told.said("opened", 0)
    told.bridge_off = timedelta(seconds=-10)
    told.bridge_closed()
    for cdr in told.drafts():
        assert cdr.talk_s == 73
        assert cdr.answered_at == told.answered_at + off
        check_own_times(cdr)


@pytest.mark.parametrize(
    "build", [reconcilers.bridge_clock_measures, reconcilers.wall_clocks_measure], ids=lambda build: build.__name__
)
def test_the_check_sees_a_build_that_believes_a_wall_clock(build: reconcilers.Breaks) -> None:
    with build(), pytest.raises(AssertionError):
        check_calls(40, SEED)
