"""What the models say they used, as each wire writes it."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.frames import (
    CallerTranscribed,
    ModelAudio,
    ModelEvent,
    ModelSetup,
    ServiceUsed,
    TurnComplete,
    UsageReported,
    WireError,
)
from bridge.wire.chat import ChatStream
from bridge.wire.gemini_live import GeminiLive
from bridge.wire.openai_realtime import OpenAIRealtime
from pokea.billing.usage import Meter

CAPTURED = {
    "promptTokenCount": 522,
    "responseTokenCount": 42,
    "totalTokenCount": 564,
    "thoughtsTokenCount": 136,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 332}, {"modality": "AUDIO", "tokenCount": 165}],
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 42}],
}
AUDIO = {
    "serverContent": {"modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AAA="}}]}}
}
TURN_COMPLETE = {"serverContent": {"turnComplete": True}}


def gemini(*messages: Any) -> list[ModelEvent]:
    """What one connection makes of them."""
    codec = GeminiLive()
    return [event for message in messages for event in codec.receive(json.dumps(message).encode())]


def report_of(usage: Any) -> UsageReported:
    (event,) = gemini({"usageMetadata": usage})
    assert isinstance(event, UsageReported)
    return event


# --- Gemini Live -----------------------------------------------------------------------------------------------------------


def test_a_prompts_tokens_that_no_list_names_count_as_text_and_thoughts_by_themselves() -> None:
    assert report_of(CAPTURED) == UsageReported(
        522,
        42,
        136,
        564,
        {Meter.TEXT_IN: 332 + 25, Meter.AUDIO_IN: 165, Meter.AUDIO_OUT: 42, Meter.THOUGHT_OUT: 136},
    )


def test_both_platforms_names_of_the_models_own_tokens_are_read() -> None:
    vertex = {
        name.replace("response", "candidates"): value for name, value in CAPTURED.items() if name != "totalTokenCount"
    }
    assert report_of(vertex).meters == report_of(CAPTURED).meters


def test_words_beside_the_sound_are_text_out() -> None:
    details = [{"modality": "AUDIO", "tokenCount": 30}, {"modality": "TEXT", "tokenCount": 8}]
    usage = {"promptTokenCount": 1, "responseTokenCount": 42, "responseTokensDetails": details}
    assert report_of(usage).meters == {Meter.TEXT_IN: 1, Meter.AUDIO_OUT: 30, Meter.TEXT_OUT: 12}


def test_pictures_tools_results_and_the_cache_have_their_meters() -> None:
    usage = {
        "promptTokenCount": 1_000,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 400},
            {"modality": "AUDIO", "tokenCount": 500},
            {"modality": "VIDEO", "tokenCount": 60},
            {"modality": "IMAGE", "tokenCount": 40},
        ],
        "cachedContentTokenCount": 350,
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 300}, {"modality": "AUDIO", "tokenCount": 50}],
        "toolUsePromptTokenCount": 70,
    }
    meters = report_of(usage).meters
    assert meters == {
        Meter.TEXT_IN: 100 + 70,
        Meter.TEXT_IN_CACHED: 300,
        Meter.AUDIO_IN: 450,
        Meter.AUDIO_IN_CACHED: 50,
        Meter.IMAGE_IN: 100,
    }


def test_a_cache_that_is_not_broken_down_is_text_first() -> None:
    usage = {"promptTokenCount": 30, "cachedContentTokenCount": 25}
    usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": 10}, {"modality": "AUDIO", "tokenCount": 20}]  # type: ignore[assignment]
    assert report_of(usage).meters == {Meter.TEXT_IN_CACHED: 10, Meter.AUDIO_IN_CACHED: 15, Meter.AUDIO_IN: 5}


@pytest.mark.parametrize(
    "usage",
    [
        [],
        "many",
        -1,
        {"promptTokenCount": -5, "responseTokenCount": "a lot", "promptTokensDetails": 7},
        {"promptTokenCount": True, "promptTokensDetails": [None, 3, {"modality": ["TEXT"], "tokenCount": 4}]},
        {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10**30}], "responseTokenCount": 1.5},
        {"promptTokenCount": "9" * 5_000},
    ],
)
def test_figures_that_are_none_break_nothing_and_count_nothing(usage: Any) -> None:
    events = gemini({"serverContent": {"turnComplete": True}, "usageMetadata": usage})
    assert events == [TurnComplete(), UsageReported(0, 0, 0, 0)]


def test_numbers_in_strings_are_numbers_as_protobuf_may_write_them() -> None:
    assert report_of({"promptTokenCount": "522", "responseTokenCount": 4.0}).meters == {
        Meter.TEXT_IN: 522,
        Meter.AUDIO_OUT: 4,
    }


def test_a_report_that_comes_again_with_the_turns_end_is_one() -> None:
    usage = {"usageMetadata": CAPTURED}
    events = gemini(AUDIO, usage, TURN_COMPLETE | usage, usage)
    assert [type(event) for event in events] == [ModelAudio, UsageReported, TurnComplete]


@pytest.mark.parametrize(
    "work",
    [AUDIO, {"toolCall": {"functionCalls": [{"id": "1", "name": "f"}]}}],
)
def test_two_turns_with_the_same_figures_are_two(work: dict[str, Any]) -> None:
    turn = (work, TURN_COMPLETE | {"usageMetadata": CAPTURED})
    events = gemini(*turn, *turn, work | {"usageMetadata": CAPTURED})
    assert len([event for event in events if isinstance(event, UsageReported)]) == 3


def test_reports_that_differ_are_both_counted() -> None:
    more = CAPTURED | {"promptTokenCount": 600}
    events = gemini(AUDIO, {"usageMetadata": CAPTURED}, {"usageMetadata": more})
    assert len([event for event in events if isinstance(event, UsageReported)]) == 2


_NAMES = ["modality", "tokenCount", "cachedContentTokenCount", "cacheTokensDetails", "type", "seconds", "input_tokens"]
_NAMES += ["input_token_details", "output_tokens", "output_token_details", "cached_tokens", "cached_tokens_details"]
_NAMES += ["text_tokens", "audio_tokens", "reasoning_tokens"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*CAPTURED, *_NAMES]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(_JSON)
def test_whatever_gemini_says_a_turn_used_the_turn_itself_is_heard(usage: Any) -> None:
    events = gemini(TURN_COMPLETE | {"usageMetadata": usage})
    assert events[0] == TurnComplete()
    for event in events:
        assert not isinstance(event, UsageReported) or all(amount > 0 for amount in event.meters.values())


# --- OpenAI Realtime -------------------------------------------------------------------------------------------------------

USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 60, "audio_tokens": 4, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}


def openai(*messages: Any) -> list[ModelEvent]:
    codec = OpenAIRealtime()
    codec.open(ModelSetup("gpt-realtime-2.1", "", "", input_hz=24_000))
    return [event for message in messages for event in codec.receive(json.dumps(message).encode())]


def done(response_id: str, usage: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": response_id, "status": "completed", "usage": usage, **fields}}


def test_what_came_from_the_cache_is_taken_out_of_the_input() -> None:
    meters = {
        Meter.TEXT_IN: 59,
        Meter.TEXT_IN_CACHED: 60,
        Meter.AUDIO_IN: 9,
        Meter.AUDIO_IN_CACHED: 4,
        Meter.TEXT_OUT: 30,
        Meter.AUDIO_OUT: 91,
    }
    assert openai(done("r1", USAGE)) == [UsageReported(132, 121, 0, 253, meters), TurnComplete()]
    assert sum(meters.values()) == USAGE["total_tokens"]


def test_what_was_thought_is_taken_out_of_the_output() -> None:
    usage = {**USAGE, "output_token_details": {"text_tokens": 30, "audio_tokens": 91, "reasoning_tokens": 20}}
    report = openai(done("r1", usage))[0]
    assert isinstance(report, UsageReported)
    assert (report.meters[Meter.TEXT_OUT], report.meters[Meter.THOUGHT_OUT]) == (10, 20)


def test_a_response_that_is_reported_done_again_is_counted_once() -> None:
    events = openai(done("r1", USAGE), done("r1", USAGE), done("r2", USAGE))
    assert len([event for event in events if isinstance(event, UsageReported)]) == 2


def test_a_cancelled_response_is_billed_too() -> None:
    assert any(isinstance(event, UsageReported) for event in openai(done("r1", USAGE, status="cancelled")))


def test_servers_that_count_nothing_report_nothing() -> None:
    assert openai(done("r1", None)) == [TurnComplete()]


@pytest.mark.parametrize(
    ("usage", "meters"),
    [
        ({"type": "duration", "seconds": 2.5}, {Meter.HEARD_MS: 2_500}),
        (
            {
                "type": "tokens",
                "input_tokens": 14,
                "input_token_details": {"text_tokens": 2, "audio_tokens": 12},
                "output_tokens": 5,
                "total_tokens": 19,
            },
            {Meter.TEXT_IN: 2, Meter.AUDIO_IN: 12, Meter.TEXT_OUT: 5},
        ),
        ({"type": "duration", "seconds": "long"}, None),
        ({"type": "duration", "seconds": -1}, None),
        (None, None),
    ],
)
def test_the_transcription_is_billed_beside_the_response_under_its_own_name(usage: Any, meters: Any) -> None:
    kind = "conversation.item.input_audio_transcription.completed"
    events = openai({"type": kind, "item_id": "i1", "transcript": "hello", "usage": usage})
    used = [] if meters is None else [ServiceUsed("gpt-transcribe", meters)]
    assert events == [CallerTranscribed("hello", finished=True), *used]


@given(_JSON)
def test_whatever_openai_says_a_response_used_its_end_is_heard(usage: Any) -> None:
    with contextlib.suppress(WireError):
        assert openai(done("r1", usage))[-1] == TurnComplete()


# --- the cascade's language model ------------------------------------------------------------------------------------------


def chunk(**fields: Any) -> bytes:
    return f"data: {json.dumps({'choices': [], **fields})}\n\n".encode()


def test_a_server_that_counts_in_every_chunk_is_believed_once_and_last() -> None:
    first = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    last = {**first, "completion_tokens": 4, "total_tokens": 13, "prompt_tokens_details": {"cached_tokens": 6}}
    stream = ChatStream(1)
    events = stream.feed(chunk(usage=first) + chunk(usage=last) + b"data: [DONE]\n\n")
    (used, _) = events
    assert (used.prompt, used.response, used.total, used.cached) == (9, 4, 13, 6)  # type: ignore[union-attr]


def test_a_stream_that_breaks_off_has_still_used_what_it_said() -> None:
    stream = ChatStream(1)
    stream.feed(chunk(usage={"prompt_tokens": 9}))
    assert [type(event).__name__ for event in stream.end()] == ["TokensUsed", "StageFailed"]


def test_work_and_its_report_in_one_message_are_a_new_turn() -> None:
    both = {**AUDIO, "usageMetadata": CAPTURED}
    assert [type(event) for event in gemini(both, both)] == [ModelAudio, UsageReported] * 2
