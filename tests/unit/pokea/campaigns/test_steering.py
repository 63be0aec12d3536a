"""Orders for campaigns, their schedules, and the rules that stop and finish them."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from pokea.campaigns import steering
from pokea.campaigns.campaign import Campaign, CampaignState
from pokea.campaigns.steering import Order, ordered
from pokea.errors import Conflict, NotFound, Unavailable
from tests.fakes.memory_campaigns import MemoryCampaigns
from tests.support.campaign_samples import BUSINESS, campaign

DRAFT, RUNNING, PAUSED = CampaignState.DRAFT, CampaignState.RUNNING, CampaignState.PAUSED
CANCELLED, FINISHED = CampaignState.CANCELLED, CampaignState.FINISHED


@pytest.mark.parametrize(
    ("state", "order", "after"),
    [
        (DRAFT, Order.START, RUNNING), (RUNNING, Order.START, RUNNING), (PAUSED, Order.START, RUNNING),
        (FINISHED, Order.START, RUNNING), (CANCELLED, Order.START, None), (RUNNING, Order.PAUSE, PAUSED),
        (PAUSED, Order.PAUSE, PAUSED), (DRAFT, Order.PAUSE, None), (CANCELLED, Order.PAUSE, None),
        (FINISHED, Order.PAUSE, None), (PAUSED, Order.RESUME, RUNNING), (RUNNING, Order.RESUME, RUNNING),
        (DRAFT, Order.RESUME, None), (CANCELLED, Order.RESUME, None), (FINISHED, Order.RESUME, None),
        (DRAFT, Order.CANCEL, CANCELLED), (RUNNING, Order.CANCEL, CANCELLED), (PAUSED, Order.CANCEL, CANCELLED),
        (CANCELLED, Order.CANCEL, CANCELLED), (FINISHED, Order.CANCEL, None),
    ],
)  # fmt: skip
def test_every_order_in_every_state(state: CampaignState, order: Order, after: CampaignState | None) -> None:
    before = campaign(state=state, reason=steering.OWNER if state is PAUSED else "")
    if after is None:
        with pytest.raises(Conflict):
            ordered(before, order)
    else:
        assert ordered(before, order).state is after


@pytest.mark.parametrize(("state", "order"), list(product(CampaignState, Order)))
def test_an_order_given_twice_is_given_once(state: CampaignState, order: Order) -> None:
    try:
        once = ordered(campaign(state=state), order)
    except Conflict:
        return
    assert ordered(once, order) is once


def test_a_campaign_with_a_schedule_waits_for_it_once_it_is_started() -> None:
    armed = ordered(campaign(state=DRAFT, schedule="rate(1 day)"), Order.START)
    assert (armed.state, armed.reason) == (PAUSED, steering.SCHEDULED)
    assert ordered(armed, Order.START) is armed
    assert steering.due(armed).state is RUNNING
    assert ordered(armed, Order.RESUME).state is RUNNING  # its owner does not want to wait


@pytest.mark.parametrize("reason", [steering.OWNER, steering.BUDGET_SPENT, steering.WALLET_EMPTY, "failure_rate"])
def test_a_schedule_starts_nothing_that_was_stopped_for_a_reason(reason: str) -> None:
    stopped = campaign(state=PAUSED, reason=reason, schedule="rate(1 day)")
    assert steering.due(stopped) is stopped


def test_a_schedule_takes_up_what_was_finished_and_leaves_what_was_cancelled() -> None:
    assert steering.due(campaign(state=FINISHED)).state is RUNNING
    assert steering.due(campaign(state=CANCELLED)).state is CANCELLED


def test_a_rule_undoes_no_pause_of_its_owner() -> None:
    owners = campaign(state=PAUSED, reason=steering.OWNER)
    assert steering.resumed(owners, steering.WALLET_EMPTY) is owners
    assert steering.paused(owners, steering.BUDGET_SPENT) is owners
    emptied = steering.paused(campaign(), steering.WALLET_EMPTY)
    assert ordered(emptied, Order.PAUSE).reason == steering.OWNER
    assert steering.resumed(emptied, steering.WALLET_EMPTY).state is RUNNING


def test_rules_of_a_campaign_change_while_it_stands_still_only() -> None:
    known = campaign(state=RUNNING, version=3)
    assert steering.redefined(known, replace(known, state=DRAFT, reason="", version=0)) is known
    with pytest.raises(Conflict, match="pause it"):
        steering.redefined(known, campaign(cps=9))
    changed = steering.redefined(replace(known, state=PAUSED, reason=steering.OWNER), campaign(cps=9))
    assert (changed.cps, changed.state, changed.reason, changed.version) == (9, PAUSED, steering.OWNER, 3)


class Contested(MemoryCampaigns):
    """Somebody else writes between every read and its write, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def campaign(self, business_id: str, campaign_id: str) -> Campaign | None:  # type: ignore[override]
        found = super().campaign(BUSINESS, campaign_id)
        if found is not None and self.times > 0:
            self.times -= 1
            super().put_campaign(replace(found, priority=found.priority + 1))
        return found


def test_whoever_loses_a_race_decides_anew_and_gives_up_at_last() -> None:
    store = Contested(0)
    store.put_campaign(campaign(state=DRAFT))
    store.times = 3
    after = steering.steer(store, BUSINESS, "year-end", lambda known: ordered(known, Order.START))
    assert (after.state, after.priority) == (RUNNING, 3)
    store.times = 100
    with pytest.raises(Unavailable):
        steering.steer(store, BUSINESS, "year-end", lambda known: ordered(known, Order.PAUSE))
    with pytest.raises(NotFound):
        steering.steer(store, BUSINESS, "nobody", lambda known: known)
