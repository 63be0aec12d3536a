"""F2.7: 1,000 calls of tools as no sane model makes them: a structured answer each, nothing twice, nothing after the end."""

from __future__ import annotations

import random

from bridge.core.frames import AnswerTool, CallTool, SwitchClosed, ToolAsked, ToolReturned, ToolsCancelled
from tests.unit.bridge.virtual_call import TOOLS, VirtualCall, context

CALLS, SEED = 1_000, 2_7
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
    open_ids: list[str] = []
    for number in range(CALLS):
        name, arguments = draw.choice(NAMES), draw.choice(ARGUMENTS)
        reused = draw.choice(open_ids) if open_ids and draw.random() < 0.1 else f"id-{number}"
        before = len(call.all(AnswerTool)) + len(call.all(CallTool))
        call.feed(ToolAsked(reused, name, arguments))
        after = len(call.all(AnswerTool)) + len(call.all(CallTool))
        assert after - before == (0 if reused in open_ids else 1), (SEED, number)
        if call.all(CallTool) and call.last(CallTool).tool_call_id == reused and reused not in open_ids:
            assert name in TOOLS
            assert len(str(arguments)) < 20_000
            open_ids.append(reused)
        assert len(open_ids) <= 8
        if open_ids and draw.random() < 0.4:
            done = open_ids.pop(draw.randrange(len(open_ids)))
            if draw.random() < 0.3:
                call.feed(ToolsCancelled((done, "never-asked")))
            call.feed(ToolReturned(done, {"status": "ok"}), ToolReturned(done, {"status": "again"}))
    answered = [order.tool_call_id for order in call.all(AnswerTool)]
    assert "again" not in {order.payload["status"] for order in call.all(AnswerTool)}
    assert len(answered) == len(set(answered))


def test_an_answer_after_the_end_changes_nothing() -> None:
    call = VirtualCall(context(greeting="", phrases={}))
    call.model_ready()
    call.feed(ToolAsked("t1", "findTimes", {}), SwitchClosed(1000))
    before = len(call.orders)
    call.feed(ToolReturned("t1", {"status": "ok"}), ToolAsked("t2", "commitProposal", {}))
    assert len(call.orders) == before
