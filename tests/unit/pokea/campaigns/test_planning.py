"""How many contacts a plan queues, and what it makes of a campaign as a whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from math import ceil
from typing import Any

import pytest

from pokea.campaigns import planning
from pokea.campaigns.campaign import CampaignState
from pokea.campaigns.contact import ContactState, Disposition
from pokea.campaigns.country_policy import packaged_policies
from pokea.campaigns.planning import Sight, Turn, places, turn_of
from pokea.campaigns.ports import Counts
from tests.support.campaign_samples import MONDAY, SATURDAY_NIGHT, campaign, contact


def counts(**states: int) -> Counts:
    return Counts({state: states.get(state.value, 0) for state in ContactState}, dict.fromkeys(Disposition, 0))


def sight(of: dict[str, Any] | None = None, **changes: Any) -> Sight:
    given: dict[str, Any] = {"counts": counts(waiting=10_000), "live": 0, "queue_room": 10_000}
    return Sight(campaign=campaign(**(of or {})), **{**given, **changes})


def test_no_more_are_queued_than_can_be_placed_until_the_next_plan() -> None:
    """Turns are 1.1 / cps seconds apart, and more than there are turns would only be put off."""
    assert places(sight({"cps": 2, "channels": 1_000})) == ceil(60 / 0.55)
    assert places(sight({"cps": 2, "channels": 1_000}, ahead_s=3)) == 6


def test_no_more_are_queued_than_channels_become_free_until_the_next_plan() -> None:
    """Each channel takes a call, and one more for every half minute."""
    assert places(sight({"cps": 50, "channels": 10})) == 10 + 20
    assert places(sight({"cps": 50, "channels": 10}, live=10)) == 20
    assert places(sight({"cps": 50, "channels": 10}, live=10, ahead_s=3)) == 1


def test_who_is_queued_already_is_not_queued_again() -> None:
    assert places(sight({"cps": 2, "channels": 1_000}, counts=counts(waiting=100, claimed=105))) == 5
    assert places(sight({"cps": 2, "channels": 1_000}, counts=counts(waiting=100, claimed=200))) == 0


def test_the_queue_takes_no_more_than_it_has_room_for() -> None:
    assert places(sight(queue_room=7)) == 7
    assert places(sight(queue_room=-3)) == 0


def test_an_open_breaker_lets_nobody_be_queued_and_a_half_open_one_a_probe() -> None:
    assert places(sight(room=0)) == 0
    assert places(sight(room=1)) == 1
    assert places(sight(room=1, counts=counts(waiting=9, claimed=1))) == 0


def test_no_more_hot_leads_are_risked_than_people_are_free() -> None:
    assert places(sight({"channels": 100, "cps": 50}, in_air=3, ahead_s=1)) == 4
    assert places(sight({"channels": 100, "cps": 50}, in_air=0)) == 0


@pytest.mark.parametrize(
    ("spent", "live", "claimed", "expected"),
    [(0, 0, 0, 20), (50, 0, 0, 10), (50, 6, 3, 1), (99, 0, 0, 0), (120, 0, 0, 0)],
)
def test_calls_under_way_and_queued_ones_are_paid_for_before_more_are_queued(
    spent: int, live: int, claimed: int, expected: int
) -> None:
    found = sight(
        {"budget_micros": 100}, spent_micros=spent, call_micros=5, live=live, counts=counts(waiting=90, claimed=claimed)
    )
    assert places(found) == expected


def test_without_a_price_the_budget_bounds_nothing_until_it_is_spent() -> None:
    assert places(sight({"budget_micros": 100}, call_micros=None, spent_micros=99)) == places(sight())
    assert places(sight({"budget_micros": 100}, call_micros=None, spent_micros=100)) == 0


@pytest.mark.parametrize("state", [state for state in CampaignState if state is not CampaignState.RUNNING])
def test_what_does_not_run_queues_nobody(state: CampaignState) -> None:
    assert places(sight({"state": state})) == 0


def test_a_campaign_is_finished_when_nobody_is_left_and_not_while_somebody_rings() -> None:
    assert turn_of(sight(counts=counts(done=5, excluded=1))) is Turn.FINISH
    for state in ("waiting", "claimed", "asked", "ringing"):
        assert turn_of(sight(counts=counts(done=5, **{state: 1}))) is Turn.GO_ON


def test_a_spent_budget_pauses_once_the_last_call_is_over() -> None:
    spent = {"spent_micros": 98, "call_micros": 5}
    assert turn_of(sight({"budget_micros": 100}, live=1, **spent)) is Turn.GO_ON
    assert turn_of(sight({"budget_micros": 100}, live=0, **spent)) is Turn.PAUSE_FOR_BUDGET


def test_who_may_be_rung_later_is_put_off_until_then_and_who_never_may_is_left_out() -> None:
    policies = packaged_policies()
    assert planning.screened(contact(1), campaign(), policies, MONDAY) is None
    put_off = planning.screened(contact(1), campaign(), policies, SATURDAY_NIGHT)
    assert put_off is not None
    assert (put_off.state, put_off.due_at.isoformat()) == (ContactState.WAITING, "2026-11-23T05:00:00+00:00")
    abroad = campaign(countries=frozenset({"UG"}))
    excluded = planning.screened(contact(1, abroad), abroad, policies, MONDAY)
    assert excluded is not None and (excluded.state, excluded.reason) == (ContactState.EXCLUDED, "not_in_campaign")


def test_messages_are_spread_behind_those_that_wait_already() -> None:
    found = sight({"cps": 2}, counts=counts(waiting=10, claimed=4))
    assert [planning.delay_s(number, found) for number in range(4)] == [2, 2, 3, 3]


def test_higher_priorities_go_first_and_clearing_away_last() -> None:
    low, high = campaign(campaign_id="a", priority=-1), campaign(campaign_id="b", priority=5)
    over = campaign(campaign_id="c", priority=50, state=CampaignState.CANCELLED)
    assert [one.campaign_id for one in planning.in_order([over, low, high])] == ["b", "a", "c"]


@pytest.mark.parametrize("ahead_s", [1, 2, 3, 7, 30, 60])
def test_lost_ones_are_looked_for_once_a_minute_however_often_plans_are_drawn(ahead_s: int) -> None:
    looks: list[int] = []
    for second in range(0, 3_600, ahead_s):
        last = MONDAY + timedelta(seconds=looks[-1]) if looks else None
        if planning.is_time_to_seek(last, MONDAY + timedelta(seconds=second), ahead_s):
            looks.append(second)
    pauses = [after - before for before, after in pairwise(looks)]
    assert looks[0] == 0 and max(pauses) <= 60 and min(pauses) > 60 - ahead_s


def test_a_plan_that_comes_early_or_after_a_clock_was_set_back_looks_for_lost_ones() -> None:
    assert planning.is_time_to_seek(MONDAY, MONDAY + timedelta(seconds=58), 60)  # the next one comes in another minute
    assert planning.is_time_to_seek(MONDAY, MONDAY - timedelta(hours=1), 2)
    assert not planning.is_time_to_seek(MONDAY, MONDAY + timedelta(seconds=57), 2)


def test_a_call_that_should_be_over_is_asked_after_one_minute_in_ten() -> None:
    ringing = replace(contact(1), state=ContactState.RINGING, asked_at=MONDAY)
    asked = [
        minute
        for minute in range(240)
        if planning.is_to_be_asked_after(ringing, MONDAY + timedelta(minutes=minute, seconds=30))
    ]
    assert asked == list(range(20, 180, 10))


def test_the_rest_of_a_list_takes_at_least_what_pace_and_channels_allow() -> None:
    slow = campaign(cps=1, channels=1_000)
    assert planning.shortest_s(counts(waiting=3_600), slow) == ceil(3_600 * 1.1)
    assert planning.shortest_s(counts(waiting=100), campaign(cps=50, channels=10)) == 100 * 120 / 10
