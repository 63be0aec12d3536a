"""A hand-off in virtual time, where two things happen at once: answers in flight, a caller who goes, a control plane that is gone."""

from __future__ import annotations

import pytest

from bridge.core.frames import (
    AnswerTool,
    Asked,
    AskHandoff,
    CallTool,
    DtmfPressed,
    EndReason,
    HandoffBegun,
    HandoffTold,
    HangUp,
    OpenModel,
    SayToModel,
    SwitchClosed,
    SwitchCongested,
    ToolAsked,
    ToolReturned,
    ToolsCancelled,
)
from bridge.core.handing_over import NOBODY, RINGING
from bridge.core.handoff import Stage
from bridge.core.limits import Limits
from bridge.core.session import SessionSettings
from tests.unit.bridge.core.test_handing_over import asked, briefing, calling, joined
from tests.unit.bridge.joined_calls import CONNECTING, HANDOFF, RING_S, Pair

GOODBYE = {"status": "ok", "say": "Goodbye."}


# --- answers in flight ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", ["endCall", "findTimes"])
def test_a_tool_that_answers_after_the_join_ends_and_wakes_nothing(late: str) -> None:
    pair, person = briefing()
    caller = pair.caller
    caller.feed(ToolAsked("t2", late, {}))
    pair.advance(100)
    person.feed(DtmfPressed("1", 100))
    pair.advance(400)
    assert caller.session.handoff.is_joined
    seen = len(caller.orders)
    caller.feed(ToolReturned("t2", GOODBYE, end_call=late == "endCall"))
    pair.advance(20_000)
    assert caller.session.handoff.is_joined
    assert person.session.handoff.is_joined
    assert not [order for order in caller.orders[seen:] if isinstance(order, HangUp | OpenModel | SayToModel)]
    assert caller.notes("alarm") == []


def test_the_answer_of_an_end_that_was_asked_for_with_the_acceptance_ends_nothing() -> None:
    pair, person = briefing()
    person.feed(ToolAsked("p1", "acceptCall", {}))
    person.feed(ToolAsked("p2", "endCall", {}))
    person.feed(ToolReturned("p1", {"status": "accepted", "say": "Connecting."}))
    person.feed(ToolReturned("p2", GOODBYE, end_call=True))
    pair.advance(3_000)
    assert person.session.handoff.is_joined
    assert pair.caller.session.handoff.is_joined
    assert person.all(HangUp) == []


def test_a_no_that_comes_after_the_yes_ends_nothing() -> None:
    pair, person = briefing()
    person.feed(ToolAsked("p1", "declineCall", {}))
    person.feed(DtmfPressed("1", 100))
    person.feed(ToolReturned("p1", {"status": "declined", "say": "Goodbye."}, end_call=True))
    pair.advance(3_000)
    assert person.session.handoff.is_joined
    assert person.all(HangUp) == []


# --- the model asks again --------------------------------------------------------------------------------------------------------


def test_a_model_that_asks_again_while_somebody_is_rung_is_told_so_and_nobody_is_asked() -> None:
    pair = calling()
    caller = pair.caller
    caller.feed(ToolsCancelled(("t1",)))  # the caller spoke
    caller.feed(ToolAsked("t2", "handOver", {"reason": "wants a person, now"}))
    assert [order.tool_call_id for order in caller.all(CallTool)] == ["t1"]
    assert caller.last(AnswerTool) == AnswerTool("t2", "handOver", RINGING)
    assert RINGING["status"] == "connecting"
    seen = len(caller.orders)
    pair.advance(15_000)
    assert not [order for order in caller.orders[seen:] if isinstance(order, HangUp | OpenModel | SayToModel)]
    assert asked(pair, "caller") == []
    pair.state = "briefing"
    person = pair.person_answers()
    pair.advance(100)
    person.feed(DtmfPressed("1", 100))
    pair.advance(400)
    assert caller.session.handoff.is_joined


def test_a_question_of_another_kind_is_still_asked_meanwhile() -> None:
    pair = calling()
    pair.caller.feed(ToolAsked("t2", "findTimes", {}))
    assert pair.caller.last(CallTool).tool_call_id == "t2"


def test_after_nobody_came_somebody_may_be_asked_for_again() -> None:
    pair = calling()
    pair.state, pair.payload = "busy", {"status": "busy", "say": "They are on another call."}
    pair.advance(1_200)
    pair.caller.feed(ToolAsked("t2", "handOver", {"reason": "somebody else then"}))
    assert pair.caller.last(CallTool).tool_call_id == "t2"


# --- cancelled -------------------------------------------------------------------------------------------------------------------


def test_a_goodbye_while_the_telephone_rings_stops_the_ringing_at_once() -> None:
    pair = calling()
    caller = pair.caller
    caller.feed(ToolAsked("t2", "endCall", {}))
    pair.advance(100)
    caller.feed(ToolReturned("t2", GOODBYE, end_call=True))
    assert caller.last(AskHandoff) == AskHandoff(HANDOFF, Asked.CANCEL)
    assert caller.session.handoff.table.stage is Stage.OVER
    pair.advance(20_000)
    assert caller.ended is not None
    assert asked(pair, "caller") == [Asked.CANCEL]


def test_a_cancel_that_was_never_answered_is_asked_for_again_with_the_end() -> None:
    pair = calling()
    pair.is_silent = True
    pair.advance(RING_S * 1_000 + 60_000 + 6_000)
    assert pair.caller.last(AnswerTool).payload == NOBODY
    pair.caller.feed(SwitchClosed(1000))
    assert pair.caller.ended is not None
    assert (pair.caller.ended.handoff_id, pair.caller.ended.handoff_asked) == (HANDOFF, Asked.CANCEL)


def test_a_cancel_that_was_answered_is_not_repeated() -> None:
    pair = calling()
    pair.is_silent = True
    pair.advance(RING_S * 1_000 + 60_000 + 6_000)
    pair.caller.feed(HandoffTold(Asked.CANCEL, "cancelled", None, HANDOFF))
    pair.caller.feed(SwitchClosed(1000))
    assert pair.caller.ended is not None
    assert pair.caller.ended.handoff_asked is None


# --- how long --------------------------------------------------------------------------------------------------------------------


def test_a_business_with_a_long_brief_is_waited_for_as_long_as_it_said() -> None:
    pair = Pair()
    caller = pair.caller
    caller.model_ready()
    pair.advance(900)
    caller.feed(ToolAsked("t1", "handOver", {}))
    caller.feed(ToolReturned("t1", CONNECTING, handoff=HandoffBegun(HANDOFF, False, RING_S, answer_s=RING_S + 120)))
    pair.state = "briefing"
    pair.advance((RING_S + 120 + 14) * 1_000)
    assert asked(pair, "caller") == []
    pair.advance(2_000)
    assert asked(pair, "caller") == [Asked.CANCEL]


def test_a_conversation_with_a_person_is_not_cut_by_the_agents_longest_call() -> None:
    limits = Limits(max_call_ms=30_000, max_joined_ms=120_000)
    pair = Pair(settings=SessionSettings(limits=limits))
    pair.caller.model_ready()
    pair.advance(1_500)
    pair.hand_over()
    pair.advance(1_000)
    person = pair.person_answers()
    pair.advance(100)
    person.feed(DtmfPressed("1", 100))
    pair.advance(400)
    began = pair.now
    pair.advance(115_000)
    assert pair.caller.session.handoff.is_joined
    pair.advance(10_000)
    assert pair.now - began > 120_000
    assert {leg.last(HangUp).reason for leg in pair.legs} == {EndReason.MAX_DURATION, EndReason.HANDED_OVER}


# --- the person's leg --------------------------------------------------------------------------------------------------------------


def test_a_yes_just_before_the_idle_goodbye_counts() -> None:
    pair, person = briefing()
    while not person.notes("idle_prompt") or len(person.notes("idle_prompt")) < 2:
        pair.advance(20)
    patience = person.session._patience
    while (due := patience.deadline_ms) is None or due - person.now > 60:
        pair.advance(20)
    person.feed(DtmfPressed("1", 100))  # the control plane takes 150 ms to answer
    pair.advance(1_000)
    assert person.session.handoff.is_joined
    assert pair.caller.session.handoff.is_joined


# --- the line ---------------------------------------------------------------------------------------------------------------------


def test_a_congested_leg_does_not_take_the_other_one_for_dead() -> None:
    pair, person = joined()
    pair.caller.feed(SwitchCongested(True))
    pair.advance(14_000)
    assert pair.caller.session.handoff.is_joined
    assert pair.caller.all(HangUp) == []
    pair.caller.feed(SwitchCongested(False))
    pair.advance(1_000)
    assert person.session.handoff.is_joined
