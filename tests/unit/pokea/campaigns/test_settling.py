"""Settling, worked by hand: what an attempt came to, and what becomes of the contact."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pokea.calls import Call, CallStatus
from pokea.campaigns.campaign import CampaignState, Retry
from pokea.campaigns.contact import ContactState, Disposition
from pokea.campaigns.settling import (
    FINAL,
    WEIGHT,
    Known,
    Next,
    NotYet,
    Settled,
    Told,
    after,
    cancelled,
    disposition_of,
    settle,
)
from pokea.leads import Outcome
from pokea.sautikit.closings import CLOSE_COMES_WITHIN_S, CloseReason, ToolUse
from tests.support.settled import (
    CAMPAIGN,
    MONDAY,
    POLICIES,
    SESSION,
    closed,
    lead,
    placed,
    ringing,
    talked,
    unanswered,
    waiting,
)

NOW = MONDAY + timedelta(minutes=2)
LONG_AFTER = MONDAY + timedelta(seconds=70 + CLOSE_COMES_WITHIN_S)
GOODBYE, HUNG_UP, IDLE = CloseReason.GOODBYE, CloseReason.CALLER_HUNG_UP, CloseReason.IDLE


def settled(known: Known, now: datetime = NOW, **changes: Any) -> Settled:
    found = settle(ringing(**changes), CAMPAIGN, known, POLICIES, (), now)
    assert isinstance(found, Settled), found
    return found


@pytest.mark.parametrize(
    ("known", "disposition"),
    [
        (Known(call=talked(), closing=closed(GOODBYE, "yes"), lead=lead(Outcome.HOT)), Disposition.HOT),
        (Known(call=talked(), closing=closed(GOODBYE, "yes"), lead=lead(Outcome.WARM)), Disposition.WARM),
        (Known(call=talked(), closing=closed(GOODBYE, "no"), lead=lead(Outcome.COLD)), Disposition.COLD),
        (Known(call=talked(), closing=closed(GOODBYE, "later"), lead=lead(call_again="on Friday")), Disposition.CALL_AGAIN),
        (Known(call=talked(), closing=closed(GOODBYE, "who is it?"), lead=lead()), Disposition.ANSWERED),
        (Known(call=talked(), closing=closed(GOODBYE, tools=(ToolUse("endCall", "ok", 1, 1),))), Disposition.ANSWERED),
        (Known(call=talked(), closing=closed(HUNG_UP)), Disposition.HUNG_UP),
        (Known(call=talked(), closing=closed(IDLE)), Disposition.SILENCE),
        (Known(call=talked(), closing=closed(GOODBYE, answerer="silence")), Disposition.SILENCE),
        (Known(call=talked(), closing=closed(GOODBYE, "leave a message", answerer="machine")), Disposition.MACHINE),
        (Known(call=talked(), closing=closed(GOODBYE, answerer="fax")), Disposition.FAX),
        (Known(call=talked(), closing=closed(CloseReason.MACHINE, "hello?", answerer="machine")), Disposition.MACHINE),
        (Known(call=talked(), closing=closed(CloseReason.MACHINE, answerer="fax")), Disposition.FAX),
        (Known(call=talked(), closing=closed(CloseReason.MACHINE, "leave a message")), Disposition.MACHINE),
        (Known(call=talked(), closing=closed(CloseReason.BRIDGE_ERROR, "yes")), Disposition.FAILED),
        (Known(call=unanswered(CallStatus.BUSY)), Disposition.BUSY),
        (Known(call=unanswered(CallStatus.NO_ANSWER)), Disposition.NO_ANSWER),
        (Known(call=unanswered(CallStatus.CANCELED)), Disposition.NO_ANSWER),
        (Known(call=unanswered(CallStatus.FAILED)), Disposition.FAILED),
        (Known(call=unanswered(CallStatus.FAILED, hangup_cause="CALL_REJECTED")), Disposition.BLOCKED),
        (Known(call=unanswered(CallStatus.FAILED), carrier_status="blocked"), Disposition.BLOCKED),
        (Known(call=unanswered(CallStatus.COMPLETED)), Disposition.NO_ANSWER),
        (Known(call=unanswered(CallStatus.COMPLETED), carrier_status="busy"), Disposition.BUSY),
        (Known(call=unanswered(CallStatus.BUSY), opted_out=True), Disposition.OPTED_OUT),
        (Known(call=talked(), closing=closed(GOODBYE, "yes"), lead=lead(Outcome.HOT), opted_out=True), Disposition.OPTED_OUT),
        (Known(call=talked(), closing=closed(GOODBYE, "no"), lead=lead(Outcome.COLD), ), Disposition.COLD),
        (Known(call=talked(), closing=closed(answerer="machine"), lead=lead(Outcome.COLD)), Disposition.MACHINE),
        (Known(call=talked(), closing=closed(answerer="machine"), lead=lead(Outcome.HOT)), Disposition.HOT),
        (Known(call=talked(), closing=closed(GOODBYE, "yes", answerer="person")), Disposition.ANSWERED),
        (Known(call=placed(), lost=True), Disposition.UNKNOWN),
    ],
)  # fmt: skip
def test_what_an_attempt_came_to(known: Known, disposition: Disposition) -> None:
    assert disposition_of(known, NOW) is disposition


@pytest.mark.parametrize("call", [placed(), placed(status=CallStatus.ANSWERED, answered_at=MONDAY), talked()])
def test_nothing_is_settled_while_more_is_to_be_heard(call: Call) -> None:
    assert disposition_of(Known(call=call, lead=lead(Outcome.HOT)), NOW) is None
    assert isinstance(settle(ringing(), CAMPAIGN, Known(call=call), POLICIES, (), NOW), NotYet)


def test_a_call_whose_bridge_is_lost_is_settled_once_nobody_will_tell_any_more() -> None:
    waits = settle(ringing(), CAMPAIGN, Known(call=talked()), POLICIES, (), NOW)
    assert waits == NotYet(LONG_AFTER)
    assert disposition_of(Known(call=talked()), LONG_AFTER) is Disposition.FAILED
    assert disposition_of(Known(call=talked(), lead=lead(Outcome.HOT)), LONG_AFTER) is Disposition.HOT


def test_who_hangs_up_before_a_bridge_has_the_call_has_hung_up() -> None:
    assert disposition_of(Known(call=talked(opened_at=None)), LONG_AFTER) is Disposition.HUNG_UP
    broken = talked(opened_at=None, stream_failed="no route")
    assert disposition_of(Known(call=broken), LONG_AFTER) is Disposition.FAILED


def test_every_disposition_has_its_weight_and_an_opt_out_outweighs_all() -> None:
    assert set(WEIGHT) == set(Disposition)
    assert max(WEIGHT, key=WEIGHT.__getitem__) is Disposition.OPTED_OUT


@pytest.mark.parametrize(
    ("status", "minutes"), [(CallStatus.BUSY, 15), (CallStatus.NO_ANSWER, 120), (CallStatus.FAILED, 30)]
)
def test_the_next_attempt_comes_after_the_time_its_disposition_has(status: CallStatus, minutes: int) -> None:
    call = unanswered(status)
    found = settled(Known(call=call))
    assert call.ended_at is not None
    assert (found.next, found.due_at) == (Next.AGAIN, call.ended_at + timedelta(minutes=minutes))
    moved = after(ringing(), found, SESSION)
    assert (moved.state, moved.due_at, moved.disposition) == (ContactState.WAITING, found.due_at, found.disposition)


def test_a_retry_that_falls_into_the_night_waits_for_the_morning() -> None:
    evening = datetime(2026, 11, 23, 16, 50, tzinfo=UTC)  # 19:50 in Nairobi
    found = settled(Known(call=unanswered(CallStatus.NO_ANSWER, ended_at=evening)), now=evening + timedelta(minutes=1))
    assert found.due_at is not None and found.due_at > evening + timedelta(hours=10)


def test_a_disposition_without_a_rule_is_not_rung_again() -> None:
    found = settled(Known(call=talked(), closing=closed(HUNG_UP)))
    assert (found.next, found.reason) == (Next.DONE, "hung_up")


@pytest.mark.parametrize("disposition", sorted(FINAL))
def test_no_rule_rings_somebody_again_who_is_done(disposition: Disposition) -> None:
    generous = replace(CAMPAIGN, retries=dict.fromkeys(Disposition, Retry(1, 9)), max_attempts=9)
    outcomes = {"hot": Outcome.HOT, "warm": Outcome.WARM, "cold": Outcome.COLD}
    known = {
        Disposition.BLOCKED: Known(call=unanswered(CallStatus.FAILED, hangup_cause="blocked")),
        Disposition.FAX: Known(call=talked(), closing=closed(answerer="fax")),
        Disposition.ANSWERED: Known(call=talked(), closing=closed(GOODBYE, "hm")),
        Disposition.OPTED_OUT: Known(call=talked(), closing=closed(GOODBYE, "stop"), opted_out=True, suppressed=True),
        Disposition.UNKNOWN: Known(call=placed(), lost=True),
    }.get(disposition) or Known(call=talked(), closing=closed(GOODBYE, "yes"), lead=lead(outcomes[disposition]))
    found = settle(ringing(), generous, known, POLICIES, (), NOW)
    assert isinstance(found, Settled)
    assert (found.disposition, found.next) == (disposition, Next.DONE)


def test_attempts_end_with_the_rule_of_the_disposition_or_with_the_campaign() -> None:
    assert settled(Known(call=unanswered(CallStatus.NO_ANSWER)), attempts=2).reason == "attempts"
    assert settled(Known(call=unanswered(CallStatus.BUSY)), attempts=2).next is Next.AGAIN
    assert settled(Known(call=unanswered(CallStatus.BUSY)), attempts=3).reason == "attempts"


def test_the_caps_of_a_country_hold_for_retries_too() -> None:
    """The Kenyan pack lets nobody be rung more often a day than it says: the next attempt is tomorrow's."""
    rung = (MONDAY - timedelta(hours=1), MONDAY - timedelta(minutes=30))
    found = settle(ringing(attempts=1), CAMPAIGN, Known(call=unanswered(CallStatus.BUSY)), POLICIES, rung, NOW)
    assert isinstance(found, Settled) and found.due_at is not None
    assert found.due_at - MONDAY > timedelta(hours=12)


def test_who_named_a_time_is_rung_then_and_not_by_the_campaigns_delay() -> None:
    named = MONDAY + timedelta(days=2, hours=3)
    known = Known(call=talked(), closing=closed(GOODBYE, "x"), lead=lead(call_again="Wednesday", call_again_at=named))
    assert settled(known).due_at == named
    at_night = MONDAY.replace(hour=22) + timedelta(days=1)
    unlawful = replace(known, lead=lead(call_again="at night", call_again_at=at_night))
    later = settled(unlawful).due_at
    assert later is not None and timedelta(hours=4) < later - at_night < timedelta(hours=12)


def test_a_time_that_is_past_or_was_not_understood_leaves_the_campaigns_delay() -> None:
    for at in (None, MONDAY - timedelta(hours=1)):
        told = lead(call_again="soon", call_again_at=at)
        known = Known(call=talked(), closing=closed(GOODBYE, "soon"), lead=told)
        assert settled(known).due_at == MONDAY + timedelta(seconds=70, minutes=180)


@pytest.mark.parametrize("state", [CampaignState.CANCELLED, CampaignState.FINISHED])
def test_a_campaign_that_is_over_rings_nobody_again(state: CampaignState) -> None:
    over = replace(CAMPAIGN, state=state)
    found = settle(ringing(), over, Known(call=unanswered(CallStatus.BUSY)), POLICIES, (), NOW)
    assert isinstance(found, Settled) and found.next is Next.DONE


def test_a_campaign_that_is_paused_keeps_its_retries() -> None:
    paused = replace(CAMPAIGN, state=CampaignState.PAUSED)
    found = settle(ringing(), paused, Known(call=unanswered(CallStatus.BUSY)), POLICIES, (), NOW)
    assert isinstance(found, Settled) and found.next is Next.AGAIN


def test_a_number_that_opted_out_elsewhere_is_not_rung_again() -> None:
    found = settled(Known(call=unanswered(CallStatus.BUSY), suppressed=True))
    assert (found.disposition, found.next, found.reason) == (Disposition.BUSY, Next.DONE, "suppressed")


def test_leads_worth_a_call_are_told_of_and_others_are_not() -> None:
    for outcome in (Outcome.HOT, Outcome.WARM):
        found = settled(Known(call=talked(), closing=closed(GOODBYE, "yes"), lead=lead(outcome)))
        assert found.events == (Told.LEAD_QUALIFIED,)
    cold = settled(Known(call=talked(), closing=closed(GOODBYE, "no"), lead=lead(Outcome.COLD)))
    assert cold.events == ()


def test_word_about_an_earlier_attempt_changes_nothing() -> None:
    assert settle(ringing("pk2"), CAMPAIGN, Known(call=unanswered(CallStatus.BUSY)), POLICIES, (), NOW) is None


def test_what_is_settled_is_settled_again_only_by_something_weightier() -> None:
    busy = after(ringing(), settled(Known(call=unanswered(CallStatus.BUSY))), SESSION)
    assert settle(busy, CAMPAIGN, Known(call=unanswered(CallStatus.BUSY)), POLICIES, (), NOW) is None
    blocked = settle(
        busy, CAMPAIGN, Known(call=unanswered(CallStatus.BUSY), carrier_status="blocked"), POLICIES, (), NOW
    )
    assert isinstance(blocked, Settled)
    assert after(busy, blocked, SESSION).state is ContactState.DONE


@pytest.mark.parametrize("state", [ContactState.CLAIMED, ContactState.EXCLUDED])
def test_who_is_claimed_for_the_next_attempt_or_excluded_is_left_alone(state: ContactState) -> None:
    known = Known(call=unanswered(CallStatus.BUSY))
    assert settle(ringing(state=state), CAMPAIGN, known, POLICIES, (), NOW) is None


def test_a_call_of_which_nobody_tells_an_end_is_given_up_after_hours() -> None:
    assert isinstance(settle(ringing(), CAMPAIGN, Known(call=placed()), POLICIES, (), NOW), NotYet)
    found = settled(Known(call=placed()), now=MONDAY + timedelta(hours=2))
    assert (found.disposition, found.next) == (Disposition.UNKNOWN, Next.DONE)


def test_queued_contacts_are_cancelled_and_those_being_rung_are_not() -> None:
    for state in ContactState:
        off = cancelled(waiting(state=state), "suppressed")
        if state in (ContactState.WAITING, ContactState.CLAIMED):
            assert off is not None and (off.state, off.reason) == (ContactState.EXCLUDED, "suppressed")
        else:
            assert off is None
