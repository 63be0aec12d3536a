"""F1.1: a bridge is killed under its calls, and the switch does not come back. Virtual time; the real control plane and the real reaper.

Four bridges with calls in every state, one of them killed at a drawn second; besides a carrier that is away for a while, a control plane
that no bridge reaches for a while, and ECS that tells of the end or does not. Whatever was drawn:

- each call that the killed bridge had is ended by REST, closed and told of within the bound, and its caller is owed a call;
- no call of a bridge that lives is touched, also while the control plane hears nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from bridge.shell.heart import BEAT_S
from functions.reaper.reaper import Reaper
from pokea.ids import SessionId
from pokea.orphans import LIFE, SURE, VOUCHED
from tests.faults.broken.reapers import (
    BelievesALongSilence,
    BelievesEveryLapse,
    BelievesWhoComesBack,
    ClosesFirst,
    ForgetsWhatFailed,
    NeverLooksAgain,
    OwesNothing,
    WaitsForTheCarrier,
)
from tests.support.control_plane import SESSION
from tests.support.reaping import Bridge, Floor

SWEEP_S = 60  # as the template has it
BOUND_S = (LIFE + VOUCHED).total_seconds() + SWEEP_S + 1
CARRIER_AWAY_S = 130
DEAF_S = 600  # a control plane that hears no bridge, at most


@dataclass
class Weather:
    """What is drawn. `told_by_ecs_s`: so many seconds after the death; None: never. `deaf`: when the control plane hears no bridge."""

    killed_at_s: int
    told_by_ecs_s: int | None
    carrier_away: bool
    deaf: range


def weather_of(seed: int) -> Weather:
    draw = random.Random(seed)
    began_s = draw.randrange(230, 290)  # after the bound, so that both can be told apart
    deaf = range(began_s, began_s + draw.choice([0, 15, 25, 29, 31, 35, 45, 195, DEAF_S]))
    return Weather(draw.randrange(20, 80), draw.choice([None, 5, 30]), seed % 3 == 1, deaf)


class Night:
    """Runs second by second; `ended_s`: when the carrier was told to end a leg."""

    def __init__(self, reaper_class: type[Reaper], seed: int, calls: int) -> None:
        self.floor = Floor(reaper_class=reaper_class)
        self.weather = weather_of(seed)
        self.draw = random.Random(seed + 1_000)
        self.bridges = [self.floor.bridge(f"b{index}", f"t{index}") for index in range(4)]
        self.due_s = {bridge.name: float(self.draw.randrange(10)) for bridge in self.bridges}
        self.ended_s: dict[str, int] = {}
        self.closed: set[SessionId] = set()
        for index in range(calls):
            bridge = self.bridges[index % 4]
            bridge.open(SessionId(f"HD_{seed:04x}{index:08x}"))
        self.victim = self.bridges[0]

    def run(self, seconds: int) -> None:
        for second in range(seconds):
            self._second(second)
            self.floor.plane.clock.advance(1)
            for session in self.floor.hung_up:
                self.ended_s.setdefault(session, second)

    def _second(self, second: int) -> None:
        weather = self.weather
        since = second - weather.killed_at_s
        self.floor.carrier_is_down = weather.carrier_away and 0 <= since < CARRIER_AWAY_S
        if since == 0:
            self.victim.dead = True
        for bridge in self.bridges:
            self._beat(bridge, second)
        if since < 0 and second % 7 == 3:
            self._one_ends_well()
        if since == weather.told_by_ecs_s:
            self.floor.run(stopped=self.victim)
        if second % SWEEP_S == SWEEP_S - 1:
            self.floor.run()

    def _beat(self, bridge: Bridge, second: int) -> None:
        """As bridge.shell.heart does it: what was not heard is said again after the three seconds that it was waited for, or sooner."""
        bridge.beats_lost = second in self.weather.deaf
        if second >= self.due_s[bridge.name]:
            bridge.beat()
            self.due_s[bridge.name] = second + (4 if bridge.beats_lost else BEAT_S)

    def _one_ends_well(self) -> None:
        bridge: Bridge = self.draw.choice(self.bridges)
        if len(bridge.calls) > 1:
            session = self.draw.choice(sorted(bridge.calls))
            bridge.close(session)
            self.closed.add(session)

    def breaches(self) -> list[str]:
        found, plane = [], self.floor.plane
        bound_s = BOUND_S + (CARRIER_AWAY_S if self.weather.carrier_away else 0)
        for session in self.victim.calls:
            took_s = self.ended_s.get(session, 10**6) - self.weather.killed_at_s
            if took_s > bound_s:
                found.append(f"{session} heard silence for {took_s} s")
            if session not in plane.closings.closings or not self.floor.told_of(session):
                found.append(f"{session} has no closing, or nobody was told of it")
            if session not in plane.callbacks.tasks:
                found.append(f"{session} is owed a call")
        for bridge in self.bridges[1:]:
            found += [f"{session} was alive" for session in bridge.calls if session in self.ended_s]
        found += [f"{session} had ended well" for session in self.closed if session in self.ended_s]
        found += [f"{session} had ended well" for session in self.closed if session in plane.callbacks.tasks]
        return found


def breaches_of(reaper_class: type[Reaper], seed: int, calls: int = 16) -> list[str]:
    night = Night(reaper_class, seed, calls)
    night.run(960)
    assert night.victim.calls and len(night.victim.calls) < calls
    return night.breaches()


@pytest.mark.parametrize("seed", range(3))
def test_no_call_outlives_its_bridge_and_none_dies_of_anothers_death(seed: int) -> None:
    assert breaches_of(Reaper, seed) == []


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(3, 40))
def test_the_same_of_many_nights(seed: int) -> None:
    assert breaches_of(Reaper, seed, calls=50) == []


@pytest.mark.faults
@pytest.mark.parametrize(
    "broken",
    [BelievesEveryLapse, BelievesALongSilence, BelievesWhoComesBack, ForgetsWhatFailed, ClosesFirst, OwesNothing],
)
def test_a_reaper_that_is_wrong_is_found_out(broken: type[Reaper]) -> None:
    assert any(breaches_of(broken, seed, calls=8) for seed in range(40))


def ends_who_comes_back(reaper_class: type[Reaper]) -> bool:
    """Two bridges are believed dead; one of them is heard again while the legs of the other are ended, sixteen at a time."""
    floor = Floor(reaper_class=reaper_class)
    dead, late, witness = floor.bridge("b1", "t1"), floor.bridge("b2", "t2"), floor.bridge("b3", "t3")
    for index in range(40):
        dead.open(SessionId(f"HD_{index:012x}"))
    late.open(LATE)
    for bridge in (dead, late, witness):
        bridge.beat()
    for _ in range(6):
        floor.plane.clock.advance(10)
        witness.beat()
    floor.while_it_hangs_up = late.beat
    floor.run()
    assert len(floor.hung_up) >= 40
    return LATE in floor.hung_up


LATE = SessionId("HD_ffffffffffff")


def test_a_bridge_that_is_heard_during_the_run_keeps_its_calls() -> None:
    assert not ends_who_comes_back(Reaper)
    assert ends_who_comes_back(NeverLooksAgain)


def owed_without_a_carrier(reaper_class: type[Reaper]) -> bool:
    """A run that has no time for any leg; of two bridges, each with a call, one caller has hung up already."""
    floor = Floor(reaper_class=reaper_class)
    first, second = floor.bridge("b1", "t1"), floor.bridge("b2", "t1")
    first.open(LATE)
    second.open(SESSION)
    first.beat()
    second.beat()
    floor.plane.ring("Completed")
    assert floor.run(stopped=first, left_ms=30_000)["ended"] <= 1
    assert floor.hung_up == []
    return floor.told_of(SESSION) and {LATE, SESSION} <= set(floor.plane.callbacks.tasks)


def test_what_needs_no_carrier_does_not_wait_for_one() -> None:
    assert owed_without_a_carrier(Reaper)
    assert not owed_without_a_carrier(WaitsForTheCarrier)


def test_a_worker_alone_is_ended_when_it_is_sure_that_nobody_is_there() -> None:
    floor = Floor()
    only = floor.bridge("b1")
    only.open(SessionId("HD_000000000001"))
    only.beat()
    only.dead = True
    took_s = 0
    while not floor.hung_up:
        took_s += SWEEP_S
        floor.plane.clock.advance(SWEEP_S)
        floor.run()
    assert took_s <= LIFE.total_seconds() + SURE.total_seconds() + SWEEP_S
