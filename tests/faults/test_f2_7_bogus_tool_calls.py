"""F2.7: 1,000 calls of tools as no sane model makes them: a structured answer each, nothing twice, nothing after the end."""

from __future__ import annotations

import random

from bridge.core.frames import AnswerTool, CallTool, EndCall, SwitchClosed, ToolAsked, ToolReturned, ToolsCancelled
from tests.support.sizes import examples
from tests.unit.bridge.virtual_call import TOOLS, VirtualCall, context

CALLS, SEED = examples(250, 1_000), 2_7
NAMES = [*TOOLS, "dropTable", "", "findTimes ", "commitProposal\n"]
ARGUMENTS = [
    {},
    {"when": None},
    {"when": ["x"] * 50},
    {"when": "x" * 100_000},
    {"a": {"b": {"c": [1, 2.5, True, "ü"]}}},
]


def test_every_bogus_call_gets_one_structured_answer() -> None:
    draw = random.Random(SEED)
    call = VirtualCall(context(greeting="", phrases={}))
    call.model_ready()
    running: list[str] = []
    asked: set[str] = set()
    cancelled: set[str] = set()
    for number in range(CALLS):
        name, arguments = draw.choice(NAMES), draw.choice(ARGUMENTS)
        tool_call_id = draw.choice(running) if running and draw.random() < 0.1 else f"id-{number}"
        before = len(call.all(CallTool))
        call.feed(ToolAsked(tool_call_id, name, {**arguments, "n": number % 60}))
        if len(call.all(CallTool)) > before:
            assert call.last(CallTool).tool_call_id == tool_call_id
            assert tool_call_id not in asked
            assert name in TOOLS
            assert len(str(arguments)) < 20_000
            running.append(tool_call_id)
        asked.add(tool_call_id)
        assert len(running) <= 8
        if running and draw.random() < 0.4:
            done = running.pop(draw.randrange(len(running)))
            if draw.random() < 0.3:
                call.feed(ToolsCancelled((done, "never-asked")))
                cancelled.add(done)
            call.feed(ToolReturned(done, {"status": "ok"}), ToolReturned(done, {"status": "again"}))
        call.advance(draw.choice((0, 0, 50, 500)))
    for tool_call_id in running:
        call.feed(ToolReturned(tool_call_id, {"status": "ok"}))
    answers = call.all(AnswerTool)
    answered = [order.tool_call_id for order in answers]
    assert "again" not in {order.payload["status"] for order in answers}
    assert {order.payload["status"] for order in answers} == {"ok", "error"}
    assert len(answered) == len(set(answered))
    assert asked - set(answered) <= cancelled


def test_what_was_done_before_the_end_is_in_the_last_report() -> None:
    call = VirtualCall(context(greeting="", phrases={}))
    call.model_ready()
    call.feed(ToolAsked("c1", "commitProposal", {"nonce": "n1"}), ToolReturned("c1", {"status": "booked"}))
    call.feed(SwitchClosed(1000))
    assert call.last(EndCall).facts == (
        {"tool": "commitProposal", "arguments": {"nonce": "n1"}, "result": {"status": "booked"}},
    )


def test_an_answer_after_the_end_changes_nothing() -> None:
    call = VirtualCall(context(greeting="", phrases={}))
    call.model_ready()
    call.feed(ToolAsked("t1", "findTimes", {}), SwitchClosed(1000))
    before = len(call.orders)
    call.feed(ToolReturned("t1", {"status": "ok"}), ToolAsked("t2", "commitProposal", {}))
    assert len(call.orders) == before
