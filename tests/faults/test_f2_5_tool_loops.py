"""F2.5: a model that asks for the same tool again and again. It runs a few times, then it is refused; a hang-up happens once, and soon."""

from __future__ import annotations

import pytest

from bridge.core.frames import AnswerTool, CallTool, HangUp, ToolAsked, ToolReturned
from tests.faults.broken import silent_bridges
from tests.unit.bridge.virtual_call import VirtualCall, clips, context

ASKED = 300


def looping() -> VirtualCall:
    """300 times the same question in 10 seconds."""
    call = VirtualCall(context(greeting="", phrases={}))
    call.model_ready()
    for number in range(ASKED):
        call.feed(ToolAsked(f"c{number}", "findTimes", {"when": "friday"}))
        if call.all(CallTool) and call.last(CallTool).tool_call_id == f"c{number}":
            call.feed(ToolReturned(f"c{number}", {"status": "ok"}))
        call.advance(33)
    return call


def test_the_fourth_call_of_the_same_in_ten_seconds_is_refused_with_a_reason() -> None:
    call = looping()
    assert len(call.all(CallTool)) == 3
    answers = call.all(AnswerTool)
    assert len(answers) == len({answer.tool_call_id for answer in answers}) == ASKED
    refused = [answer.payload for answer in answers if answer.payload["status"] == "error"]
    assert len(refused) == ASKED - 3
    assert {(payload["code"], payload["retryable"]) for payload in refused} == {("repeated_call", False)}


def test_without_the_breaker_every_call_runs() -> None:
    with silent_bridges.no_tool_breaker():
        assert len(looping().all(CallTool)) == ASKED


def test_other_arguments_are_another_question() -> None:
    call = VirtualCall(context(greeting="", phrases={}))
    call.model_ready()
    for day in range(10):
        call.feed(ToolAsked(f"c{day}", "findTimes", {"when": f"day {day}"}), ToolReturned(f"c{day}", {"status": "ok"}))
    assert len(call.all(CallTool)) == 10


def test_after_ten_seconds_the_same_may_be_asked_again() -> None:
    call = VirtualCall(context(greeting="", phrases={}))
    call.model_ready()
    for number in range(12):
        call.feed(ToolAsked(f"c{number}", "findTimes", {}), ToolReturned(f"c{number}", {"status": "ok"}))
        call.advance(3_400)
    assert len(call.all(CallTool)) == 12


@pytest.mark.parametrize("speaks", [True, False])
def test_a_hang_up_asked_for_300_times_happens_once_within_five_seconds_and_after_the_goodbye(speaks: bool) -> None:
    call = VirtualCall(context(greeting=""), clips(goodbye=800))
    call.model_ready()
    call.advance(1_000)
    first_ms = call.now
    for number in range(ASKED):
        call.feed(ToolAsked(f"c{number}", "endCall", {}))
        if call.all(CallTool) and call.last(CallTool).tool_call_id == f"c{number}":
            call.feed(ToolReturned(f"c{number}", {"status": "ok"}, end_call=True))
        if speaks and number == 5:
            call.model_says(1_000, "Goodbye.")
        if not call.all(HangUp):
            call.advance(20)
    while not call.all(HangUp):
        call.advance(20)
    assert call.now - first_ms <= 5_000
    assert len(call.all(HangUp)) == 1
    assert len([order for order in call.all(CallTool) if order.name == "endCall"]) == 1
    assert call.notes("agent_said")[-1] == {"text": "Goodbye.", "heard": True}
