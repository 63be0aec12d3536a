"""The Gemini Live codec by itself; tests/contract holds it against the official SDK."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.frames import (
    AgentTranscribed,
    AnswerTool,
    BeginCallerTurn,
    CallerTranscribed,
    EndCallerTurn,
    GenerationComplete,
    GoingAway,
    ModelAudio,
    ModelEvent,
    ModelInterrupted,
    ModelReady,
    ModelSetup,
    ResumeHandle,
    ToolAsked,
    ToolDeclaration,
    ToolsCancelled,
    TurnComplete,
    TurnDetection,
    UsageReported,
    WireError,
)
from bridge.wire import gemini_live
from pokea.billing.usage import Meter

PCM = bytes(range(250)) * 2


def decoded(message: dict[str, Any]) -> list[ModelEvent]:
    return gemini_live.decode(json.dumps(message).encode())


def audio(data: str, mime_type: str = "audio/pcm;rate=24000") -> dict[str, Any]:
    return {"serverContent": {"modelTurn": {"parts": [{"inlineData": {"mimeType": mime_type, "data": data}}]}}}


def setup_of(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"model": "gemini-3.8-live", "voice": "Kore", "instructions": "Be brief."}
    return dict(json.loads(gemini_live.encode_setup(ModelSetup(**{**values, **changes})))["setup"])


# --- out -------------------------------------------------------------------------------------------------------------------


def test_setup_says_everything_that_platforms_default_differently() -> None:
    setup = setup_of()
    assert setup["model"] == "models/gemini-3.8-live"
    assert setup["generationConfig"]["responseModalities"] == ["AUDIO"]
    assert set(setup["realtimeInputConfig"]["automaticActivityDetection"]) == {
        "disabled",
        "startOfSpeechSensitivity",
        "endOfSpeechSensitivity",
        "prefixPaddingMs",
        "silenceDurationMs",
    }
    assert setup["sessionResumption"] == {}
    assert "thinkingConfig" not in setup["generationConfig"]


def test_a_vertex_model_is_named_in_full() -> None:
    codec = gemini_live.GeminiLive("projects/p/locations/us-central1")
    codec.open(ModelSetup("gemini-3.8-live", "", ""))
    model = json.loads(codec.outbox[0])["setup"]["model"]
    assert model == "projects/p/locations/us-central1/publishers/google/models/gemini-3.8-live"
    assert gemini_live.model_path(model, "projects/other/locations/x") == model


def test_with_own_turn_detection_the_bridge_says_when_the_caller_speaks() -> None:
    assert setup_of(turn_detection=TurnDetection.OWN)["realtimeInputConfig"]["automaticActivityDetection"] == {
        "disabled": True
    }
    codec = gemini_live.GeminiLive()
    codec.obey(BeginCallerTurn())
    codec.obey(EndCallerTurn())
    assert [json.loads(message) for message in codec.outbox] == [
        {"realtimeInput": {"activityStart": {}}},
        {"realtimeInput": {"activityEnd": {}}},
    ]


def test_a_resumed_setup_names_its_handle() -> None:
    assert setup_of(resume_handle="h")["sessionResumption"] == {"handle": "h"}


def test_tools_block_and_their_schema_is_in_the_services_words() -> None:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "service": {"type": "string", "enum": ["cleaning"], "description": "which"},
            "when": {"type": ["string", "null"]},
            "days": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        },
        "required": ["service"],
    }
    setup = setup_of(
        tools=(ToolDeclaration("findTimes", "d", schema), ToolDeclaration("endCall", "e", {"type": "object"}))
    )
    first, second = setup["tools"][0]["functionDeclarations"]
    assert first["behavior"] == second["behavior"] == "BLOCKING"
    assert first["parameters"] == {
        "type": "OBJECT",
        "required": ["service"],
        "properties": {
            "service": {"type": "STRING", "enum": ["cleaning"], "description": "which"},
            "when": {"type": "STRING", "nullable": True},
            "days": {"type": "ARRAY", "items": {"type": "INTEGER", "minimum": 1}},
        },
    }
    assert "parameters" not in second


def test_caller_audio_is_one_message_with_its_rate() -> None:
    message = json.loads(gemini_live.encode_audio(memoryview(PCM)))
    blob = message["realtimeInput"]["audio"]
    assert blob["mimeType"] == "audio/pcm;rate=16000"
    assert base64.b64decode(blob["data"]) == PCM


def test_words_to_the_model_ask_for_an_answer_or_do_not() -> None:
    assert json.loads(gemini_live.encode_text("hi")) == {"realtimeInput": {"text": "hi"}}
    assert json.loads(gemini_live.encode_context("fact"))["clientContent"]["turnComplete"] is False


def test_a_tool_answer_names_its_call() -> None:
    message = json.loads(gemini_live.encode_tool_answer(AnswerTool("t1", "findTimes", {"status": "ok"})))
    assert message == {
        "toolResponse": {"functionResponses": [{"id": "t1", "name": "findTimes", "response": {"status": "ok"}}]}
    }


# --- in --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_audio_is_taken_in_both_base64_alphabets(encode: Any) -> None:
    pcm = bytes([0xFB, 0xFF] * 50)  # "+/" or "-_" in every group
    assert decoded(audio(encode(pcm).decode())) == [ModelAudio(pcm)]


def test_unpadded_url_safe_audio_is_taken_too() -> None:
    pcm = bytes([0xFB, 0xFF])
    assert decoded(audio(base64.urlsafe_b64encode(pcm).decode().rstrip("="))) == [ModelAudio(pcm)]


@pytest.mark.parametrize(
    ("mime_type", "rate_hz"),
    [
        ("audio/pcm", 24_000),
        ("audio/pcm;rate=24000", 24_000),
        ("audio/pcm; rate=16000", 16_000),
        ("audio/pcm;rate=8000", 8_000),
    ],
)
def test_the_rate_is_read_from_the_type(mime_type: str, rate_hz: int) -> None:
    (event,) = decoded(audio(base64.b64encode(PCM).decode(), mime_type))
    assert isinstance(event, ModelAudio)
    assert event.rate_hz == rate_hz


def test_thoughts_are_not_spoken() -> None:
    message = audio(base64.b64encode(PCM).decode())
    message["serverContent"]["modelTurn"]["parts"][0]["thought"] = True
    assert decoded(message) == []


def test_fields_that_come_together_take_effect_in_order() -> None:
    message = audio(base64.b64encode(PCM).decode())
    message["serverContent"] |= {
        "turnComplete": True,
        "generationComplete": True,
        "interrupted": True,
        "outputTranscription": {"text": "hello"},
        "inputTranscription": {"text": "hi", "finished": True},
    }
    message["usageMetadata"] = {"promptTokenCount": 1, "responseTokenCount": 2, "totalTokenCount": 3}
    assert decoded(message) == [
        CallerTranscribed("hi", finished=True),
        AgentTranscribed("hello"),
        ModelAudio(PCM),
        ModelInterrupted(),
        GenerationComplete(),
        TurnComplete(),
        UsageReported(1, 2, 0, 3, {Meter.TEXT_IN: 1, Meter.AUDIO_OUT: 2}),
    ]


@pytest.mark.parametrize(
    ("message", "events"),
    [
        ({"setupComplete": {"sessionId": "s"}}, [ModelReady()]),
        ({"toolCall": {"functionCalls": [{"id": "1", "name": "f", "args": {"a": [1]}}, {"id": "2", "name": "g"}]}},
         [ToolAsked("1", "f", {"a": [1]}), ToolAsked("2", "g", {})]),
        ({"toolCallCancellation": {"ids": ["1", "2"]}}, [ToolsCancelled(("1", "2"))]),
        ({"goAway": {"timeLeft": "9.5s"}}, [GoingAway(9_500)]),
        ({"goAway": {}}, [GoingAway(0)]),
        ({"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}}, [ResumeHandle("h")]),
        ({"sessionResumptionUpdate": {"newHandle": "h", "resumable": False}}, []),
        ({"sessionResumptionUpdate": {"newHandle": "", "resumable": True}}, []),
        ({"serverContent": {"interimInputTranscription": {"text": "x"}, "waitingForInput": True}}, []),
        ({"voiceActivity": {"type": "ACTIVITY_START"}}, []),
        ({"somethingNew": {"deep": [1, 2, {"x": None}]}}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_every_message_of_the_wire_is_understood_or_passed_over(
    message: dict[str, Any], events: list[ModelEvent]
) -> None:
    assert decoded(message) == events


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "message_not_json"),
        (b"\x80", "message_not_json"),
        (b"[]", "message_of_unknown_shape"),
        (b'{"serverContent":5}', "message_of_unknown_shape"),
        (json.dumps(audio("!!!!")).encode(), "message_of_unknown_shape"),
        (json.dumps(audio("AAA=")).encode(), None),
        (json.dumps(audio("AA==")).encode(), "audio_holds_half_a_sample"),
        (json.dumps(audio("AAA=", "audio/opus")).encode(), "audio_of_unknown_type"),
        (json.dumps(audio("AAA=", "audio/pcm;rate=44100")).encode(), "audio_of_unknown_type"),
        (b'{"toolCall":{"functionCalls":[{"name":"f"}]}}', "tool_call_without_id"),
        (b'{"goAway":{"timeLeft":"soon"}}', "duration_malformed"),
        (b'{"goAway":{"timeLeft":"infs"}}', "duration_malformed"),
    ],
)
def test_what_is_no_message_is_refused_by_name(payload: bytes, code: str | None) -> None:
    if code is None:
        assert gemini_live.decode(payload)
        return
    with pytest.raises(WireError) as refused:
        gemini_live.decode(payload)
    assert refused.value.code == code


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["serverContent", "modelTurn", "parts", "inlineData", "data", "toolCall", "functionCalls", "goAway", "x"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(_json)
def test_any_json_gives_events_or_a_refusal(value: Any) -> None:
    with contextlib.suppress(WireError):
        gemini_live.decode(json.dumps(value).encode())


@given(st.binary(max_size=200))
def test_any_bytes_give_events_or_a_refusal(payload: bytes) -> None:
    with contextlib.suppress(WireError):
        gemini_live.decode(payload)


@given(st.binary(max_size=500).filter(lambda pcm: len(pcm) % 2 == 0 and pcm))
def test_audio_survives_the_way_bit_for_bit(pcm: bytes) -> None:
    assert decoded(audio(base64.b64encode(pcm).decode())) == [ModelAudio(pcm)]
