"""functions/campaigns: whom the planner queues, what it settles, and what it leaves to others."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.campaigns import app
from pokea.billing.wallet import Standing
from pokea.campaigns import health, steering
from pokea.campaigns.campaign import CampaignState
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.errors import Unavailable
from pokea.ids import SessionId
from pokea.ports import Change
from tests.support.campaign_samples import BUSINESS, MONDAY, SATURDAY_NIGHT, Office, campaign, contact, contacts

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def office() -> Office:
    return Office()


def test_due_contacts_are_claimed_and_queued_at_the_campaigns_pace(office: Office) -> None:
    office.add(campaign(cps=2, channels=1_000), contacts(200))
    assert office.plan() == 110  # turns are 0.55 s apart
    assert len(office.in_state(ContactState.CLAIMED)) == 110
    assert [delay for _, delay in office.queue.sent] == [int(number * 0.55) for number in range(110)]
    message, _ = office.queue.sent[0]
    stored = office.store.contact(BUSINESS, "year-end", str(message["contact"]))
    assert stored is not None
    assert message == {
        "version": 1,
        "business": BUSINESS,
        "campaign": "year-end",
        "contact": stored.contact_id,
        "contact_version": stored.version,
    }


def test_a_second_plan_queues_nobody_twice(office: Office) -> None:
    office.add(campaign(channels=5), contacts(50))
    assert office.plan() == 15
    assert office.plan() == 0
    assert len(set(office.queue.named)) == 15


def test_what_the_law_forbids_now_is_put_off_without_a_message(office: Office) -> None:
    office.clock = type(office.clock)(SATURDAY_NIGHT)
    office.add(campaign(), contacts(30))
    assert office.plan() == 0
    assert office.queue.sent == []
    assert {one.due_at.isoformat() for one in office.in_state(ContactState.WAITING)} == {"2026-11-23T05:00:00+00:00"}


def test_who_may_not_be_rung_takes_nobodys_place(office: Office) -> None:
    """Those without proof of their consent are the first ones of the list."""
    without = [
        replace(one, due_at=MONDAY - timedelta(days=10), consent=replace(one.consent, source=""))
        for one in contacts(70)
    ]
    office.add(campaign(cps=1, channels=1_000), [*without, *(contact(1_000 + place) for place in range(100))])
    assert office.plan() == 55
    assert len(office.in_state(ContactState.EXCLUDED)) == 70


def test_the_campaign_with_the_higher_priority_goes_first(office: Office) -> None:
    office.add(campaign(campaign_id="low", priority=0), contacts(5, campaign(campaign_id="low")))
    office.add(campaign(campaign_id="high", priority=9), contacts(5, campaign(campaign_id="high")))
    office.plan()
    assert [message["campaign"] for message, _ in office.queue.sent] == ["high"] * 5 + ["low"] * 5


def test_calls_under_way_take_their_channels(office: Office) -> None:
    office.add(campaign(cps=50, channels=10), contacts(100))
    office.ring(contacts(10))
    assert office.plan() == 20


def test_nobody_is_queued_while_the_wallet_is_short(office: Office) -> None:
    office.add(campaign(), contacts(5))
    office.standing = Standing.LOW
    assert office.plan() == 0
    office.standing = Standing.OK
    assert office.plan() == 5


def test_an_empty_wallet_pauses_until_it_is_filled(office: Office) -> None:
    office.add(campaign(state=CampaignState.PAUSED, reason=steering.WALLET_EMPTY), contacts(5))
    office.standing = Standing.EMPTY
    assert (office.plan(), office.campaign().state) == (0, CampaignState.PAUSED)
    office.standing = Standing.OK
    assert (office.plan(), office.campaign().state) == (5, CampaignState.RUNNING)


def test_a_pause_of_its_owner_is_nobody_elses(office: Office) -> None:
    office.add(campaign(state=CampaignState.PAUSED, reason=steering.OWNER), contacts(5))
    assert (office.plan(), office.campaign().reason) == (0, steering.OWNER)


def test_after_the_breaker_has_cooled_one_probe_is_queued(office: Office) -> None:
    office.add(campaign(state=CampaignState.PAUSED, reason=health.FAILURES), contacts(50))
    tripped = replace(health.healthy(BUSINESS, "year-end", MONDAY), until=MONDAY + timedelta(minutes=5), trips=1)
    office.records.apply(Change(records=(health.CAMPAIGN_HEALTH.of(tripped),)))
    assert (office.plan(), office.campaign().state) == (0, CampaignState.PAUSED)
    office.clock.advance(301)
    assert (office.plan(), office.campaign().state) == (1, CampaignState.RUNNING)
    assert office.plan() == 0


def test_a_spent_budget_pauses_the_campaign(office: Office) -> None:
    office.add(campaign(budget_micros=12_000_000), contacts(50))
    assert office.plan() == 2
    for one in office.in_state(ContactState.CLAIMED):
        office.store.put_contact(replace(one, state=ContactState.DONE, disposition=Disposition.COLD))
    office.store.charge(BUSINESS, "year-end", "pk1", 9_000_000)
    assert office.plan() == 0
    assert (office.campaign().state, office.campaign().reason) == (CampaignState.PAUSED, steering.BUDGET_SPENT)


def test_the_last_contact_ends_the_campaign_and_the_bus_is_told_once(office: Office) -> None:
    office.add(campaign(), contacts(2, state=ContactState.DONE, disposition=Disposition.HOT))
    office.plan()
    office.plan()
    assert office.campaign().state is CampaignState.FINISHED
    assert [kind for kind, _ in office.told] == ["campaign.finished"]


def test_a_campaign_without_a_list_is_not_finished_before_it_begins(office: Office) -> None:
    office.add(campaign())
    office.plan()
    assert office.campaign().state is CampaignState.RUNNING


def test_a_cancelled_list_is_cleared_away_and_calls_under_way_are_left_alone(office: Office) -> None:
    office.add(campaign(state=CampaignState.CANCELLED), contacts(30))
    (ringing,) = office.ring(contacts(1))
    assert office.plan() == 0
    assert {one.reason for one in office.in_state(ContactState.EXCLUDED)} == {"cancelled"}
    assert len(office.in_state(ContactState.EXCLUDED)) == 29
    office.plan()
    assert office.campaign().reason == ""  # somebody still talks
    office.store.put_contact(replace(ringing, state=ContactState.DONE, disposition=Disposition.COLD))
    office.plan()
    assert office.campaign().reason == steering.SWEPT
    assert office.planner().campaigns() == []


def test_after_its_end_whoever_still_waits_is_never_rung(office: Office) -> None:
    office.add(campaign(ends_at=MONDAY - timedelta(minutes=1)), contacts(10))
    assert office.plan() == 0
    assert {one.reason for one in office.in_state(ContactState.EXCLUDED)} == {"campaign_over"}
    office.plan()
    assert office.campaign().state is CampaignState.FINISHED


def test_a_claim_whose_message_got_lost_lapses(office: Office) -> None:
    office.add(campaign(), contacts(3))
    office.queue.is_down = True
    with pytest.raises(Unavailable):
        office.plan()
    office.queue.is_down = False
    office.clock.advance(599)
    assert office.plan() == 0
    office.clock.advance(1)
    assert office.plan() == 3


def test_plans_that_follow_each_other_closely_look_for_lost_ones_once_a_minute(office: Office) -> None:
    office.ahead_s = 2.0
    office.add(campaign(), contacts(1))
    office.ask(contact(0), timedelta(seconds=30))
    reads: list[datetime] = []
    read = office.store.in_state

    def counted(*name: Any) -> tuple[Contact, ...]:
        if name[2] is ContactState.ASKED:
            reads.append(office.clock.now())
        return read(*name)

    office.store.in_state = counted  # type: ignore[method-assign]
    planner = office.planner()
    for _ in range(91):
        planner.look(office.campaign(), 100)
        office.clock.advance(2)
    assert [(at - reads[0]).total_seconds() for at in reads] == [0, 60, 120]
    assert not office.in_state(ContactState.ASKED)


def test_a_look_that_failed_is_made_again_by_the_next_plan(office: Office) -> None:
    office.ahead_s = 2.0
    office.add(campaign(), contacts(1))
    office.queue.is_down = True
    planner = office.planner()
    with pytest.raises(Unavailable):
        planner.look(office.campaign(), 100)
    office.queue.is_down = False
    office.clock.advance(600)
    read = office.store.in_state

    def broken(*name: Any) -> tuple[Contact, ...]:
        office.store.in_state = read  # type: ignore[method-assign]
        raise Unavailable("table_unavailable")

    office.store.in_state = broken  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        planner.look(office.campaign(), 100)
    office.clock.advance(2)
    assert planner.look(office.campaign(), 100) == 1  # the claim whose message was lost


def test_a_lost_answer_is_looked_for_and_never_asked_again(office: Office) -> None:
    office.add(campaign(), contacts(1))
    asked = office.ask(contact(0), timedelta(seconds=30))
    office.plan()
    assert office.carrier.asked == []  # one look at what the hooks have said comes first
    office.clock.advance(60)
    office.carrier.rows = [{"id": "c1", "session_id": "HD_1", "client_request_id": asked.label, "status": "ringing"}]
    office.plan()
    (found,) = office.in_state(ContactState.RINGING)
    assert (found.session_id, found.label) == ("HD_1", asked.label)
    assert office.queue.sent == []


def test_a_call_that_the_carrier_never_had_is_rung_under_another_label(office: Office) -> None:
    office.add(campaign(), contacts(1))
    asked = office.ask(contact(0), timedelta(seconds=30))
    office.plan()
    for _ in range(2):
        office.clock.advance(60)
        office.plan()
    (queued,) = office.in_state(ContactState.CLAIMED)
    assert (queued.attempts, queued.label) == (0, asked.label)
    assert office.store.attempts(BUSINESS, queued.number).rung_at == ()
    assert office.store.live(BUSINESS, "year-end") == ()


def test_nothing_follows_from_a_list_that_could_not_be_read(office: Office) -> None:
    office.add(campaign(), contacts(1))
    office.ask(contact(0), timedelta(seconds=30))
    office.carrier.is_down = True
    for _ in range(10):
        office.plan()
        office.clock.advance(60)
    assert len(office.in_state(ContactState.ASKED)) == 1


def test_a_call_that_should_be_over_is_asked_after_and_given_up_at_last(office: Office) -> None:
    office.add(campaign(), contacts(2))
    old, gone = office.ring([contact(0)], timedelta(minutes=30)), office.ring([contact(1)], timedelta(hours=3))
    office.plan()
    assert office.asked_after == [SessionId(str(old[0].session_id))]
    (done,) = office.in_state(ContactState.DONE)
    assert (done.contact_id, done.disposition, done.reason) == (
        gone[0].contact_id, Disposition.UNKNOWN, "never_heard",
    )  # fmt: skip


def test_time_that_is_up_leaves_the_rest_to_the_next_plan(office: Office) -> None:
    office.add(campaign(), contacts(5))
    office.is_over = lambda: True
    assert office.plan() == 0
    office.is_over = lambda: False
    assert office.plan() == 5


class Parts:
    """The function's parts around an office whose first campaign cannot be looked at."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def planner(self, is_over: Any) -> Any:
        planner = self.office.planner()
        look = planner.look

        def failing(found: Any, room: int) -> int:
            if found.campaign_id == "broken":
                raise ZeroDivisionError
            return look(found, room)

        planner.look = failing  # type: ignore[method-assign]
        return planner


def test_one_broken_campaign_costs_the_others_nothing(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    office.add(campaign(campaign_id="broken", priority=9))
    office.add(campaign(), contacts(5))
    parts: Any = Parts(office)
    handler = app.make_handler(lambda: parts, office.log)
    event = json.loads((ROOT / "events/campaigns-plan.json").read_text())
    assert handler(event, None) == {"queued": 5}
    assert '"CampaignNotPlanned":[1.0]' in capsys.readouterr().out.replace(" ", "")
