"""F5.8: however many dialers, refusals and lost answers: no second ever holds more requests than the campaign's CPS, and never are more
calls under way than it has channels. In virtual time."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from pokea.campaigns.contact import ContactState
from tests.fakes.memory_campaigns import MemoryCampaigns
from tests.faults.broken.dialers import CountedChannels, WholeSeconds
from tests.support.dial_room import Room, always_lawful
from tests.support.dial_weather import Traffic, World

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
    count: int, seed: int, campaigns: Any = None, *, spread_s: float = 1 / CPS, longest_s: float = 6.0
) -> tuple[Room, Traffic, float]:
    """`spread_s`: between the planner's messages; `longest_s`: of the calls, which last half of it on average."""
    room = Room(campaigns=campaigns or MemoryCampaigns(), policies=always_lawful())
    room.open(count, cps=CPS, channels=CHANNELS, max_attempts=50)
    world = World(room, seed)
    traffic = Traffic(world, longest_s=longest_s)
    began = room.clock.now()
    for _ in range(200):
        room.plan(spread_s=spread_s)
        world.wait(60)
        states = room.states()
        if not states["waiting"] + states["claimed"] + states["asked"] + states["ringing"]:
            break
    took_s = (room.board.asked[-1] - began).total_seconds()
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


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(3))
def test_the_line_is_never_asked_for_more_than_it_can_take_by_two_thousand(seed: int) -> None:
    room, traffic, took_s = drive(2_000, seed)
    judge(room, traffic, 2_000)
    assert took_s < 2_000 / CPS * 2.5
    for contact in room.contacts():
        assert contact.state is ContactState.DONE and contact.attempts == 1


@pytest.mark.parametrize("broken", [WholeSeconds, CountedChannels])
def test_the_check_catches_a_pace_or_a_count_that_is_not_kept(broken: type[MemoryCampaigns]) -> None:
    with pytest.raises(AssertionError):
        room, traffic, _ = drive(100, seed=2, campaigns=broken(), spread_s=0, longest_s=40)
        judge(room, traffic, 100)
