"""How the time of a call was spent, in virtual milliseconds."""

from __future__ import annotations

import pytest

from bridge.core.frames import (
    Asked,
    CallerTranscribed,
    HandoffBegun,
    HandoffTold,
    ModelInterrupted,
    PeerConnected,
    SwitchClosed,
    ToolAsked,
    ToolReturned,
    TurnComplete,
)
from bridge.core.time_shares import shares_of
from pokea.billing.usage import CallShares
from pokea.toolkit import Effect
from tests.unit.bridge.virtual_call import TOOLS, VirtualCall, clips, context

NEAR_MS = 130  # a turn's ends are known to a few frames


def spent(call: VirtualCall) -> CallShares:
    call.feed(SwitchClosed(1000))
    assert call.ended is not None
    shares = call.ended.shares
    assert shares is not None
    parts = (shares.agent_ms, shares.caller_ms, shares.tools_ms, shares.hold_ms, shares.silence_ms)
    assert min(parts) >= 0
    assert sum(parts) == shares.total_ms == call.ended.duration_ms
    return shares


def near(milliseconds: int) -> object:
    return pytest.approx(milliseconds, abs=NEAR_MS)


def quiet_call() -> VirtualCall:
    call = VirtualCall(context(greeting=""))
    call.model_ready()
    call.advance(1_000)  # the ear gets to know the line
    return call


def test_a_call_in_which_nothing_happens_is_silence() -> None:
    call = quiet_call()
    assert spent(call) == CallShares(total_ms=1_000, silence_ms=1_000)


def test_the_greeting_and_the_models_speech_are_the_agents() -> None:
    call = VirtualCall(call_clips=clips(greeting=2_000))
    call.model_ready()
    call.advance(3_000)
    call.model_says(1_500, "Hello.")
    call.advance(2_500)
    assert spent(call).agent_ms == near(3_500)


def test_the_callers_speech_is_theirs_and_what_follows_is_silence() -> None:
    call = quiet_call()
    call.speech = [(1_500, 3_500)]
    call.advance(4_000)
    shares = spent(call)
    assert shares.caller_ms == near(2_000)
    assert shares.silence_ms == near(3_000)


def test_somebody_who_speaks_when_the_line_goes_counts_to_the_end() -> None:
    call = quiet_call()
    call.speech = [(1_500, 9_000)]
    call.advance(1_500)
    assert spent(call).caller_ms == near(1_000)


def test_an_utterance_that_was_stopped_counts_as_far_as_it_was_heard() -> None:
    call = quiet_call()
    call.model_says(10_000, "A long story.")
    call.advance(1_000)
    call.feed(ModelInterrupted(), TurnComplete())
    call.advance(3_000)
    assert spent(call).agent_ms == near(1_000)


def test_a_model_that_stalls_in_mid_sentence_is_not_heard_meanwhile() -> None:
    call = quiet_call()
    call.model_says(500, "One", complete=False)
    call.advance(1_500)
    call.model_says(500, "two.")
    call.advance(1_500)
    assert spent(call).agent_ms == near(1_000)


def test_where_both_speak_it_is_the_callers_time() -> None:
    call = quiet_call()
    call.speech = [(2_000, 3_000)]
    call.model_says(3_000, "Let me explain.")
    call.advance(4_000)
    call.feed(CallerTranscribed("mm", finished=True))
    shares = spent(call)
    assert shares.caller_ms == near(1_000)
    assert shares.agent_ms + shares.caller_ms <= 3_000 + 2 * NEAR_MS


def test_a_tool_counts_while_nobody_speaks() -> None:
    call = quiet_call()
    call.feed(ToolAsked("a", "findTimes", {}))
    call.advance(1_000)
    call.model_says(600, "One moment.")
    call.advance(1_000)
    call.feed(ToolReturned("a", {"status": "ok"}))
    call.advance(500)
    shares = spent(call)
    assert shares.tools_ms == near(1_400)
    assert shares.agent_ms == near(600)


def test_a_tool_that_never_answered_was_waited_for_to_the_end() -> None:
    call = quiet_call()
    call.feed(ToolAsked("a", "findTimes", {}))
    call.advance(1_200)
    assert spent(call).tools_ms == near(1_200)


def handed_over() -> VirtualCall:
    effects = {**TOOLS, "transferCall": Effect.TRANSFER}
    call = VirtualCall(context(greeting="", effects=effects))
    call.model_ready()
    call.advance(1_000)
    call.feed(ToolAsked("t", "transferCall", {}))
    call.feed(ToolReturned("t", {"status": "calling"}, handoff=HandoffBegun("h", dials=False, ring_s=30)))
    return call


def test_a_caller_who_waits_for_a_person_is_on_hold_whatever_is_said_meanwhile() -> None:
    call = handed_over()
    call.model_says(1_000, "I am calling somebody.")
    call.advance(4_000)
    call.feed(HandoffTold(Asked.STATUS, "failed", {"status": "nobody"}, "h"))
    call.model_says(500, "Nobody is there.")
    call.advance(2_000)
    shares = spent(call)
    assert shares.hold_ms == near(4_000)
    assert shares.agent_ms == near(500)
    assert shares.tools_ms == 0


def test_the_hold_ends_where_the_two_speak() -> None:
    call = handed_over()
    call.advance(2_000)
    call.feed(PeerConnected(), HandoffTold(Asked.STATUS, "accepted", None, "h"))
    call.speech = [(call.now + 500, call.now + 1_500)]
    for _ in range(30):
        call.session.peer_audio(bytes(640), call.now)
        call.advance(100)
    shares = spent(call)
    assert shares.hold_ms == near(2_000)
    assert shares.caller_ms == near(1_000)


def test_a_call_on_hold_that_ends_was_on_hold_to_its_end() -> None:
    call = handed_over()
    call.advance(2_500)
    assert spent(call).hold_ms == near(2_500)


def test_hold_comes_before_speech_and_speech_before_tools() -> None:
    shares = shares_of(100, hold=[(10, 30)], caller=[(20, 50)], agent=[(40, 70)], tools=[(0, 90)])
    assert shares == CallShares(total_ms=100, hold_ms=20, caller_ms=20, agent_ms=20, tools_ms=30, silence_ms=10)
