"""F5.8: however many dialers, refusals and lost answers: no second ever holds more requests than the campaign's CPS, and never are more
calls under way than it has channels. In virtual time."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from pokea.campaigns.contact import ContactState
from tests.fakes.memory_campaigns import MemoryCampaigns
from tests.faults.broken.dialers import CountedChannels, LateAllTheSame, OneTurnOnly, WholeSeconds
from tests.support.dial_room import Room, always_lawful
from tests.support.dial_weather import Traffic, World, slow

CPS, CHANNELS = 5, 20


def busiest_second(moments: list[datetime]) -> int:
    """The most of `moments` that lie within one second, wherever it begins."""
    most, first = 0, 0
    for last, moment in enumerate(moments):
        while moments[first] <= moment - timedelta(seconds=1):
            first += 1
        most = max(most, last - first + 1)
    return most


def drive(
    count: int,
    seed: int,
    campaigns: Any = None,
    *,
    spread_s: float = 1 / CPS,
    longest_s: float = 6.0,
    minutes: int = 200,
    **world: Any,
) -> tuple[Room, Traffic, float]:
    """`spread_s`: between the planner's messages; `longest_s`: of the calls, which last half of it on average."""
    room = Room(campaigns=campaigns or MemoryCampaigns(), policies=always_lawful())
    room.open(count, cps=CPS, channels=CHANNELS, max_attempts=50)
    made = World(room, seed, **world)
    traffic = Traffic(made, longest_s=longest_s)
    began = room.clock.now()
    for _ in range(minutes):
        room.plan(spread_s=spread_s)
        made.wait(60)
        states = room.states()
        if not states["waiting"] + states["claimed"] + states["asked"] + states["ringing"]:
            break
    took_s = (room.board.asked[-1] - began).total_seconds() if room.board.asked else 0.0
    return room, traffic, took_s


def judge(room: Room, traffic: Traffic, count: int) -> None:
    asked = room.board.asked
    assert all(one <= other for one, other in pairwise(asked))
    assert busiest_second(asked) <= CPS, "too many requests within a second"
    assert traffic.most <= CHANNELS, "more calls than channels"
    assert room.states() == {"done": count}
    assert set(room.board.per_number.values()) == {1} and set(room.board.per_label.values()) == {1}
    assert room.campaigns.live(room.business, "spring") == ()


def test_the_line_is_never_asked_for_more_than_it_can_take() -> None:
    room, traffic, _ = drive(150, seed=1)
    judge(room, traffic, 150)


def test_a_burst_of_messages_and_long_calls_change_nothing_of_that() -> None:
    room, traffic, _ = drive(100, seed=2, spread_s=0, longest_s=40)
    judge(room, traffic, 100)
    assert traffic.most == CHANNELS


# What reads and writes of the stores take. Between its turn and its request an attempt is stored by three writes, one after the other.
SLOW = [(0.03, 0.03), (0.05, 0.15), (0.15, 0.3), (0.2, 0.5), (0.25, 0.25)]


def slowly(count: int, seed: int, reads_s: float, writes_s: float, **world: Any) -> tuple[Room, Traffic]:
    """As many dialers as keep the pace although each of them is busy with one contact for seconds."""
    room, traffic, took_s = drive(
        count, seed, minutes=20, dialers=40, weather=slow(reads_s, writes_s), longest_s=2.0, **world
    )
    judge(room, traffic, count)
    assert took_s < 15 * 60
    return room, traffic


@pytest.mark.parametrize(("reads_s", "writes_s"), SLOW[2:4])
def test_a_slow_store_breaks_no_pace_and_still_everybody_is_rung(reads_s: float, writes_s: float) -> None:
    slowly(30, 3, reads_s, writes_s)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("reads_s", "writes_s"), SLOW)
def test_a_slow_store_breaks_no_pace_for_a_hundred(reads_s: float, writes_s: float, seed: int) -> None:
    slowly(100, seed, reads_s, writes_s)


def test_who_cannot_be_looked_at_within_a_second_is_not_rung_and_not_lost() -> None:
    room, _, _ = drive(4, 1, minutes=3, dialers=10, weather=slow(0.9, 0.9))
    assert room.board.asked == [] and sum(room.states().values()) == 4
    assert set(room.states()) <= {"waiting", "claimed", "asked"}


def test_the_check_catches_a_dialer_that_has_only_one_turn() -> None:
    with pytest.raises(AssertionError):
        slowly(3, 3, 0.2, 0.5, cls=OneTurnOnly)


def test_the_check_catches_a_dialer_that_asks_although_its_turn_is_over() -> None:
    with pytest.raises(AssertionError, match="too many requests"):
        slowly(60, 3, 0.05, 0.3, cls=LateAllTheSame)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(3))
def test_the_line_is_never_asked_for_more_than_it_can_take_by_two_thousand(seed: int) -> None:
    room, traffic, took_s = drive(2_000, seed)
    judge(room, traffic, 2_000)
    # One answer of 25 is lost and holds its channel for two minutes or more: about 10 s of a channel for each call.
    assert took_s < 2_000 * 10 / CHANNELS * 1.5
    for contact in room.contacts():
        assert contact.state is ContactState.DONE and contact.attempts == 1


@pytest.mark.parametrize("broken", [WholeSeconds, CountedChannels])
def test_the_check_catches_a_pace_or_a_count_that_is_not_kept(broken: type[MemoryCampaigns]) -> None:
    with pytest.raises(AssertionError):
        room, traffic, _ = drive(100, seed=2, campaigns=broken(), spread_s=0, longest_s=40)
        judge(room, traffic, 100)
