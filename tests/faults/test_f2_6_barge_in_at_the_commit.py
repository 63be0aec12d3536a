"""F2.6: the caller speaks while the booking is being made, the model asks for it again, its cancellation comes late: one booking, kept."""

from __future__ import annotations

import random

import pytest

from bridge.core.frames import (
    AnswerTool,
    CallTool,
    ModelInterrupted,
    TellModel,
    ToolAsked,
    ToolReturned,
    ToolsCancelled,
    TurnComplete,
)
from tests.fakes.conversation import Conversation
from tests.faults.broken import silent_bridges
from tests.support.sizes import examples
from tests.unit.bridge.virtual_call import VirtualCall, context

ROUNDS = examples(60, 300)
WHEN = "2026-11-26T14:30"


def one_round(seed: int) -> None:
    """A commit, and everything that can happen around it in any order."""
    draw = random.Random(seed)
    talk = Conversation()
    proposed = talk.propose(WHEN)
    arguments = {"nonce": proposed.nonce, "arguments": proposed.payload["arguments"]}
    call = VirtualCall(context(greeting=""))
    call.model_ready()
    call.feed(ToolAsked("c1", "commitProposal", arguments))
    pending = ["returned", "asked again", "cancelled", "interrupted"]
    draw.shuffle(pending)
    for step in pending:
        call.advance(draw.uniform(0, 400))
        if step == "returned":
            call.feed(_run(talk, "c1", arguments))
        elif step == "asked again":
            call.feed(ToolAsked("c2", "commitProposal", arguments))
            if call.last(CallTool).tool_call_id == "c2":
                call.feed(_run(talk, "c2", arguments))
        elif step == "cancelled":
            call.feed(ToolsCancelled(("c1",)))
        else:
            call.feed(ModelInterrupted(), TurnComplete())
    assert len(talk.tool("listAppointments", {"name": "Amina Otieno"}).payload["appointments"]) == 1  # type: ignore[arg-type]
    assert len(call.all(CallTool)) == 1, "the booking was asked for twice"
    second = [order for order in call.all(AnswerTool) if order.tool_call_id == "c2"]
    assert [order.payload["status"] for order in second] == ["booked"], "the model was not told of the booking"
    for order in call.all(TellModel):
        assert "booked" in order.text


def _run(talk: Conversation, tool_call_id: str, arguments: dict[str, object]) -> ToolReturned:
    from tests.fakes.conversation import heard_and_answered

    done = talk.tool("commitProposal", arguments, heard_and_answered(str(arguments["nonce"])), tool_call_id)
    return ToolReturned(tool_call_id, done.payload, done.nonce)


def test_whatever_the_order_there_is_one_booking_and_the_model_knows_of_it() -> None:
    for seed in range(ROUNDS):
        one_round(seed)


def test_a_desk_that_forgets_what_it_did_is_caught() -> None:
    with silent_bridges.forgets_commits(), pytest.raises(AssertionError):
        for seed in range(ROUNDS):
            one_round(seed)
