"""An opt-out takes effect at once, before anything else is said, whatever the model does."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.frames import (
    AgentTranscribed,
    CallerTranscribed,
    CallTool,
    DrainExpired,
    DtmfPressed,
    EndReason,
    FlushSwitch,
    HangUp,
    Loss,
    ModelAudio,
    ModelLost,
    SayToModel,
    SwitchClosed,
    ToolReturned,
)
from bridge.core.stop_words import StopWords
from pokea.consent import STOP_KEY, STOP_PHRASES
from tests.unit.bridge.virtual_call import VirtualCall, clips, context, voice_ms

STOP = StopWords(STOP_PHRASES, STOP_KEY, "optOut")
LAST_WORDS_MS = 1_400
CLIPS = clips(goodbye=800, trouble=1_200, opted_out=LAST_WORDS_MS)
PHRASES = {"opted_out": "All right. We will not call this number again. Goodbye."}


def lead_call(call_clips: dict[str, bytes] | None = None, **changes: Any) -> VirtualCall:
    """A lead is on the line, and the agent is in mid-sentence."""
    call = VirtualCall(
        context(stop=STOP, greeting="", phrases=PHRASES, **changes), CLIPS if call_clips is None else call_clips
    )
    call.model_ready()
    call.advance(100)
    call.model_says(5_000, "We have an offer that you will surely", complete=False)
    call.advance(800)
    return call


def says(call: VirtualCall, *pieces: str) -> None:
    for piece in pieces:
        call.feed(CallerTranscribed(piece))


def answer(call: VirtualCall) -> None:
    call.feed(ToolReturned(call.tool_call().tool_call_id, {"status": "opted_out", "say": "…"}, end_call=True))


def order_of(call: VirtualCall, *kinds: type[Any]) -> list[type[Any]]:
    return [type(order) for order in call.orders if isinstance(order, kinds)]


@pytest.mark.parametrize(
    "words", ["Please stop calling me!", "Don't call me again.", "USINIPIGIE tena", "Tafadhali niondoe kwenye orodha"]
)
def test_the_tool_is_called_before_the_agent_is_even_silenced(words: str) -> None:
    call = lead_call()
    says(call, words)
    assert order_of(call, CallTool, FlushSwitch) == [CallTool, FlushSwitch]
    assert (call.tool_call().name, call.tool_call().arguments) == ("optOut", {})
    assert set(call.evidence()) >= {"at_ms", "read_back", "caller_turns"}


def test_words_that_come_in_pieces_are_understood() -> None:
    call = lead_call()
    says(call, "do not ca", "ll me a", "gain")
    assert call.tool_call().name == "optOut"


def test_nothing_is_said_until_the_tool_has_answered_and_then_only_the_last_words() -> None:
    call = lead_call()
    says(call, "stop calling me")
    stopped = call.now
    call.feed(AgentTranscribed("But wait"), ModelAudio(voice_ms(600)))
    call.advance(700)
    assert not [at for at in call.sounds() if at > stopped]
    answer(call)
    call.advance(LAST_WORDS_MS + 1_000)
    assert [at for at in call.sounds(3_000) if at > stopped]
    assert not [at for at in call.sounds(5_000) if at > stopped]
    assert call.last(HangUp).reason is EndReason.GOODBYE


def test_a_tool_that_does_not_answer_delays_the_goodbye_by_two_seconds_and_no_more() -> None:
    call = lead_call()
    says(call, "stop calling me")
    stopped = call.now
    call.advance(6_000)
    first = next(at for at in call.sounds(3_000) if at > stopped)
    assert 2_000 <= first - stopped <= 2_200
    assert call.all(HangUp)


def test_the_key_does_the_same() -> None:
    call = lead_call()
    call.feed(DtmfPressed("9", 100))
    assert order_of(call, CallTool, FlushSwitch) == [CallTool, FlushSwitch]


def test_the_key_within_a_number_is_a_digit() -> None:
    call = lead_call()
    call.feed(DtmfPressed("1", 100), DtmfPressed("9", 100))
    assert not call.all(CallTool)


def test_over_last_words_of_another_kind_the_key_has_the_tool_called_and_nothing_else_said() -> None:
    call = lead_call()
    call.advance(500)
    call.feed(DrainExpired())
    call.advance(100)
    said = call.session.mouth.closing
    assert said is not None
    assert said.ours
    call.feed(DtmfPressed("9", 100))
    assert call.tool_call().name == "optOut"
    answer(call)
    assert call.session.mouth.closing is said
    call.advance(5_000)
    assert call.last(HangUp).reason is EndReason.BRIDGE_ERROR
    assert len(call.all(CallTool)) == 1


def test_it_works_without_any_model() -> None:
    call = lead_call()
    call.feed(ModelLost(call.session.legs.life.link, 1006, "", Loss.NETWORK))
    call.advance(500)
    call.feed(DtmfPressed("9", 100))
    assert call.tool_call().name == "optOut"
    answer(call)
    call.advance(LAST_WORDS_MS + 1_000)
    assert list(call.sounds(3_000))
    assert call.last(HangUp).reason is EndReason.GOODBYE


def test_without_a_clip_the_model_says_the_last_words() -> None:
    call = lead_call({})
    says(call, "stop calling me")
    assert not call.all(SayToModel)
    answer(call)
    assert "We will not call this number again" in call.last(SayToModel).text
    call.model_says(1_000, "All right. We will not call this number again. Goodbye.")
    call.advance(3_000)
    assert call.all(HangUp)


def test_without_clip_and_model_the_line_is_hung_up() -> None:
    call = VirtualCall(context(stop=STOP, greeting="", phrases=PHRASES), {})
    call.feed(DtmfPressed("9", 100))
    answer(call)
    assert call.all(HangUp)


def test_it_is_asked_for_once_and_stands_in_the_tools_of_the_call() -> None:
    call = lead_call()
    says(call, "stop calling me", " stop calling me")
    answer(call)
    call.feed(SwitchClosed(1000))
    assert len(call.all(CallTool)) == 1
    assert call.ended is not None
    (used,) = call.ended.tools
    assert (used["name"], used["status"]) == ("optOut", "opted_out")
    assert [line["text"] for line in call.ended.transcript if line["who"] == "caller"] == ["stop calling me"]


def test_an_agent_without_the_tool_has_no_stop_words() -> None:
    call = VirtualCall(context(greeting=""), CLIPS)
    call.model_ready()
    says(call, "stop calling me")
    call.feed(DtmfPressed("9", 100))
    assert not call.all(CallTool)


@pytest.mark.parametrize(
    "words", ["call me on Monday", "please do call me again", "I stopped at nine", "nipigie kesho"]
)
def test_other_words_do_not_end_a_call(words: str) -> None:
    call = lead_call()
    says(call, words)
    assert not call.all(CallTool)
