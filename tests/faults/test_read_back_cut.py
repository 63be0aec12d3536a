"""Playback cut at each 100 ms of a read-back: nothing is committed, whatever the caller and the model do afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from bridge.core.frames import ModelInterrupted, ModelLost, ToolAsked, ToolReturned, TurnComplete
from bridge.core.session import SessionSettings
from pokea.ids import Nonce
from pokea.toolkit import CallerTurn, Evidence, ReadBack
from tests.fakes.conversation import Conversation
from tests.unit.bridge.virtual_call import VirtualCall, context

READ_BACK_MS = 4_000
WHEN = "2026-11-26T14:30"


def evidence_of(order: Any) -> Evidence:
    """The evidence as the tools function reads it from a tool call."""
    said = order.evidence["read_back"]
    read_back = said and ReadBack(Nonce(said["nonce"]), *(said[key] for key in list(said)[1:]))
    turns = tuple(CallerTurn(turn["started_at_ms"], turn["ended_at_ms"]) for turn in order.evidence["caller_turns"])
    return Evidence(order.evidence["at_ms"], read_back, turns)


def interrupted(call: VirtualCall) -> None:
    call.feed(ModelInterrupted(), TurnComplete())


def interrupted_and_speaking_on(call: VirtualCall) -> None:
    call.feed(ModelInterrupted(), TurnComplete())
    call.model_says(1_500)
    call.advance(2_500)


def model_lost(call: VirtualCall) -> None:
    call.feed(ModelLost(1, 1011))
    call.advance(300)
    call.model_ready()


def committing_too_early(call: VirtualCall) -> None:
    """The model does not wait: it asks for the commit in the middle of its own sentence."""


CUTS: list[Callable[[VirtualCall], None]] = [interrupted, interrupted_and_speaking_on, model_lost, committing_too_early]


@pytest.mark.parametrize("kill", [True, False])
@pytest.mark.parametrize("cut", CUTS)
def test_a_read_back_cut_at_any_100_ms_commits_nothing(cut: Callable[[VirtualCall], None], kill: bool) -> None:
    for cut_at_ms in range(0, READ_BACK_MS, 100):
        talk = Conversation()
        proposed = talk.propose(WHEN)
        assert proposed.nonce is not None
        call = VirtualCall(context(greeting=""), settings=SessionSettings(kill_audio=kill))
        call.model_ready()
        call.feed(ToolAsked("p1", "proposeBooking", {}), ToolReturned("p1", proposed.payload, proposed.nonce))
        call.model_says(READ_BACK_MS, str(proposed.payload["say"]), complete=cut is not model_lost)
        call.advance(cut_at_ms)
        cut(call)
        if cut is not committing_too_early:
            call.speech = [(call.now + 300, call.now + 900)]  # "yes"
            call.advance(2_000)
        arguments = {"nonce": proposed.nonce, "arguments": proposed.payload["arguments"]}
        call.feed(ToolAsked("c1", "commitProposal", arguments))
        evidence = evidence_of(call.tool_call())
        result = talk.commit(proposed, evidence)
        assert result.payload["status"] == "refused", (cut_at_ms, evidence)
        assert talk.tool("listAppointments", {"name": "Amina Otieno"}).payload["status"] == "none"


def test_the_same_read_back_heard_to_its_end_and_answered_does_commit() -> None:
    talk = Conversation()
    proposed = talk.propose(WHEN)
    call = VirtualCall(context(greeting=""))
    call.model_ready()
    call.feed(ToolAsked("p1", "proposeBooking", {}), ToolReturned("p1", proposed.payload, cast(str, proposed.nonce)))
    call.model_says(READ_BACK_MS, str(proposed.payload["say"]))
    call.advance(READ_BACK_MS + 300)
    call.speech = [(call.now, call.now + 600)]
    call.advance(1_500)
    call.feed(ToolAsked("c1", "commitProposal", {}))
    assert talk.commit(proposed, evidence_of(call.tool_call())).payload["status"] == "booked"
