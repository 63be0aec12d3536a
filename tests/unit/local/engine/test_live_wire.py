"""Client messages: both spellings, both alphabets, and nothing that is not a Live message."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.live_wire import (
    ActivityEnd,
    ActivityStart,
    AudioIn,
    AudioStreamEnd,
    BadMessage,
    ContentIn,
    ContextUpdate,
    TextIn,
    ToolAnswer,
    decode_base64,
    normalised,
    parse_message,
    parse_setup,
)


@given(data=st.binary(max_size=400), urlsafe=st.booleans(), padded=st.booleans())
def test_base64_of_either_alphabet_is_decoded_bit_exactly(data: bytes, urlsafe: bool, padded: bool) -> None:
    text = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(data).decode()
    assert decode_base64(text if padded else text.rstrip("=")) == data


@pytest.mark.parametrize("text", ["a", "ab cd", "äöü=", "AA*A"])
def test_what_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        decode_base64(text)


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"realtimeInput": {"audio": {"data": "AAA=", "mimeType": "audio/pcm;rate=8000"}}}, AudioIn(b"\0\0", 8_000)),
        ({"realtime_input": {"audio": {"data": "AAA=", "mime_type": "audio/pcm"}}}, AudioIn(b"\0\0", 16_000)),
        ({"realtimeInput": {"mediaChunks": [{"data": "_-8="}]}}, AudioIn(b"\xff\xef", 16_000)),
        ({"realtime_input": {"media_chunks": [{"data": "/+8="}]}}, AudioIn(b"\xff\xef", 16_000)),
        ({"realtimeInput": {"audioStreamEnd": True}}, AudioStreamEnd()),
        ({"realtime_input": {"audio_stream_end": True}}, AudioStreamEnd()),
        ({"realtimeInput": {"activityStart": {}}}, ActivityStart()),
        ({"realtimeInput": {"activityEnd": {}}}, ActivityEnd()),
        ({"realtimeInput": {"text": "hello"}}, TextIn("hello")),
        (
            {"client_content": {"turns": [{"role": "user", "parts": [{"text": "a"}]}], "turn_complete": True}},
            ContentIn(({"role": "user", "parts": [{"text": "a"}]},), True),
        ),
        ({"clientContent": {"turnComplete": True}}, ContentIn((), True)),
        (
            {"tool_response": {"function_responses": [{"id": "1", "name": "f", "response": {"free_times": [1]}}]}},
            ToolAnswer(({"id": "1", "name": "f", "response": {"free_times": [1]}},)),
        ),
        (
            {"contextUpdate": {"system_instruction": {"parts": []}}},
            ContextUpdate({"systemInstruction": {"parts": []}}),
        ),
    ],
)
def test_each_client_message_is_understood_in_either_spelling(message: dict[str, object], event: object) -> None:
    assert list(parse_message(message)) == [event]


@pytest.mark.parametrize(
    "message",
    [
        {},
        [],
        "text",
        {"unknown": {}},
        {"setup": {}},
        {"realtimeInput": []},
        {"realtimeInput": {"sound": {}}},
        {"realtimeInput": {"audio": {"data": "AAA=", "mimeType": "audio/mp3"}}},
        {"realtimeInput": {"audio": {"data": "AAA=", "mimeType": "audio/pcm;rate=fast"}}},
        {"realtimeInput": {"audio": {"data": "AA=="}}},
        {"toolResponse": {"functionResponses": [{"name": "f", "response": {}}]}},
    ],
)
def test_what_is_no_live_message_is_refused(message: object) -> None:
    with pytest.raises(BadMessage):
        list(parse_message(message))


def test_setup_keys_become_camel_case_but_the_names_of_parameters_stay() -> None:
    setup = {
        "model": "models/m",
        "system_instruction": {"parts": [{"text": "x"}]},
        "tools": [
            {
                "function_declarations": [
                    {
                        "name": "f",
                        "parameters": {
                            "properties": {
                                "starts_at": {"type": "STRING", "max_length": 3},
                                "properties": {"any_of": []},
                            }
                        },
                    }
                ]
            }
        ],
    }
    copy = parse_setup({"setup": setup})
    properties = copy["tools"][0]["functionDeclarations"][0]["parameters"]["properties"]
    assert properties == {"starts_at": {"type": "STRING", "maxLength": 3}, "properties": {"anyOf": []}}
    assert "systemInstruction" in copy


def test_arguments_and_labels_are_left_as_they_are() -> None:
    assert normalised({"some_call": {"args": {"a_b": 1}}, "labels": {"c_d": 2}}) == {
        "someCall": {"args": {"a_b": 1}},
        "labels": {"c_d": 2},
    }


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"realtimeInput": {"text": "x"}},
        {"setup": {}},
        {"setup": {"model": "m", "sessionResumption": {"handle": None}}},
    ],
)
def test_a_session_begins_with_a_sound_setup(message: object) -> None:
    with pytest.raises(BadMessage):
        parse_setup(message)


def test_the_text_of_content_is_that_of_the_latest_user_turn() -> None:
    turns = (
        {"role": "user", "parts": [{"text": "first"}]},
        {"role": "user", "parts": [{"text": "second"}, {"inlineData": {}}, {"text": "half"}]},
        {"role": "model", "parts": [{"text": "answer"}]},
    )
    assert ContentIn(turns, True).text == "second half"
    assert ContentIn((), True).text == ""
