"""The breaker of a campaign, and how many calls may be in the air while people wait for hot leads."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from math import comb

import pytest

from pokea.campaigns.campaign import CampaignState
from pokea.campaigns.health import (
    COOLING,
    FAILURES,
    LEAST,
    LONGEST_COOLING,
    PROBES,
    RISK,
    UNSURE_BELOW,
    Health,
    Seen,
    after_call,
    calls_for,
    has_tripped,
    healthy,
    hot_rate,
    in_the_air,
    may_put_through,
    may_resume,
    paused,
    room,
)
from tests.support.settled import BUSINESS, CAMPAIGN, MONDAY

FRESH = healthy(BUSINESS, CAMPAIGN.campaign_id, MONDAY)
STOPPED = replace(CAMPAIGN, state=CampaignState.PAUSED, reason=FAILURES)


def after_calls(health: Health, fates: str, start: datetime = MONDAY, every_s: int = 5) -> Health:
    """`fates`: "." for a call that went well, "x" for one that failed."""
    for number, fate in enumerate(fates):
        begun = start + timedelta(seconds=number * every_s)
        ended = begun + timedelta(seconds=every_s)
        health = after_call(health, Seen(f"{start.timestamp()}-{number}", begun, ended, fate == "x"), ended)
    return health


@pytest.mark.parametrize(
    ("fates", "trips"),
    [
        ("xxxx", 0),
        ("xxxxx", 1),
        ("x.x.x", 1),
        ("x.x..", 0),
        ("..........x", 0),
        (".....xxxxx", 1),
        (".", 0),
    ],
)
def test_it_trips_at_half_of_at_least_five_calls(fates: str, trips: int) -> None:
    health = after_calls(FRESH, fates)
    assert health.trips == trips
    assert (room(health, 0, MONDAY + timedelta(seconds=60)) == 0) == bool(trips)


def test_calls_that_lie_far_apart_do_not_trip_it() -> None:
    assert after_calls(FRESH, "x" * 20, every_s=60).trips == 0


def test_the_same_call_counts_once() -> None:
    once = after_calls(FRESH, "xxxx")
    assert after_call(once, once.seen[-1], MONDAY) is once


def test_while_it_is_open_nobody_is_rung_and_then_one_at_a_time() -> None:
    health = after_calls(FRESH, "xxxxx")
    assert health.until is not None
    assert room(health, 0, health.until - timedelta(seconds=1)) == 0
    assert (room(health, 0, health.until), room(health, 1, health.until), room(health, 3, health.until)) == (1, 0, 0)
    assert room(FRESH, 17, MONDAY) is None
    assert room(None, 17, MONDAY) is None


def test_probes_that_go_well_close_it_and_the_old_failures_are_forgotten() -> None:
    health = after_calls(FRESH, "xxxxx")
    assert health.until is not None
    assert after_calls(health, "." * (PROBES - 1), health.until).until is not None
    closed = after_calls(health, "." * PROBES, health.until)
    assert (closed.until, closed.trips) == (None, 0)
    assert after_calls(closed, "x", health.until + timedelta(seconds=60)).trips == 0


def test_a_probe_that_fails_doubles_the_cooling_up_to_an_hour() -> None:
    health, coolings = after_calls(FRESH, "xxxxx"), [COOLING]
    for _ in range(6):
        assert health.until is not None
        begun = health.until
        health = after_calls(health, "x", begun)
        assert health.until is not None
        coolings.append(health.until - begun - timedelta(seconds=5))
    assert coolings[:4] == [COOLING, 2 * COOLING, 4 * COOLING, 8 * COOLING]
    assert coolings[-1] == LONGEST_COOLING


def test_calls_that_were_under_way_when_it_tripped_are_no_probes() -> None:
    health = after_calls(FRESH, "xxxxx")
    assert health.until is not None
    late = Seen("late", MONDAY, health.until + timedelta(seconds=5), True)
    assert after_call(health, late, health.until + timedelta(seconds=5)).trips == 1


def test_a_trip_is_seen_once() -> None:
    before = after_calls(FRESH, "xxxx")
    tripped = after_calls(before, "x", MONDAY + timedelta(seconds=30))
    assert has_tripped(before, tripped) and has_tripped(None, tripped)
    assert not has_tripped(tripped, after_calls(tripped, "x", MONDAY + timedelta(seconds=40)))


def test_only_what_the_breaker_paused_goes_on_by_itself() -> None:
    health = after_calls(FRESH, "xxxxx")
    assert health.until is not None
    assert paused(CAMPAIGN) == STOPPED
    assert paused(STOPPED) is None
    assert not may_resume(STOPPED, health, health.until - timedelta(seconds=1))
    assert may_resume(STOPPED, health, health.until)
    assert not may_resume(replace(STOPPED, reason="owner"), health, health.until)
    assert not may_resume(CAMPAIGN, health, health.until)


def test_broken_lines_are_found_within_a_few_calls() -> None:
    """Of 200 lines that break three calls of four, the breaker stops nearly all within 20; of 200 that break one in twenty hardly any."""
    found = [after_calls(FRESH, "".join(random.Random(n).choices("x.", [3, 1], k=20))).trips for n in range(200)]
    good = [after_calls(FRESH, "".join(random.Random(n).choices("x.", [1, 19], k=20))).trips for n in range(200)]
    assert sum(trips > 0 for trips in found) >= 190
    assert sum(trips > 0 for trips in good) <= 2
    assert LEAST <= 5


def test_without_people_there_is_no_bound() -> None:
    assert in_the_air(replace(CAMPAIGN, reps=0), 0, 5, 100) is None


def test_while_little_is_known_there_are_as_many_calls_as_free_people() -> None:
    assert in_the_air(CAMPAIGN, 0, 0, 0) == 2
    assert in_the_air(CAMPAIGN, 1, 0, UNSURE_BELOW - 1) == 1
    assert in_the_air(CAMPAIGN, 2, 0, 1_000) == 0


def test_no_more_hot_leads_are_put_through_than_people_are_free() -> None:
    assert [may_put_through(CAMPAIGN.reps, busy) for busy in range(4)] == [True, True, False, False]


@pytest.mark.parametrize("free", [1, 2, 5, 10])
@pytest.mark.parametrize(("hot", "settled"), [(0, 30), (3, 100), (20, 200), (100, 1_000), (500, 1_000), (100, 100)])
def test_the_bound_is_the_largest_that_keeps_the_risk(free: int, hot: int, settled: int) -> None:
    """Against the binomial distribution in fractions."""
    rate = Fraction(hot_rate(hot, settled))
    bound = calls_for(free, hot, settled, 200)

    def risk(calls: int) -> Fraction:
        kept = sum(comb(calls, k) * rate**k * (1 - rate) ** (calls - k) for k in range(min(free, calls) + 1))
        return Fraction(1) - kept

    assert bound >= free
    assert risk(bound) <= Fraction(RISK)
    assert bound == 200 or risk(bound + 1) > Fraction(RISK)


def test_the_rate_that_is_reckoned_with_is_higher_than_what_was_seen() -> None:
    for hot, settled in ((0, 30), (3, 100), (50, 100), (99, 100)):
        assert hot / settled < hot_rate(hot, settled) <= 1.0
    assert hot_rate(0, UNSURE_BELOW - 1) == 1.0


def test_in_simulated_hours_more_hot_leads_than_people_are_as_rare_as_promised() -> None:
    rng, rate, overrun, rounds = random.Random(7), 0.08, 0, 4_000
    bound = calls_for(2, 80, 1_000, 100)
    for _ in range(rounds):
        overrun += sum(rng.random() < rate for _ in range(bound)) > 2
    assert bound > 2
    assert overrun <= rounds * RISK * 1.5
