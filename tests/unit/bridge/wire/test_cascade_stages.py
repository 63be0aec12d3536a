"""The bytes of the cascade's three services."""

from __future__ import annotations

import io
import json
import struct
import wave
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.cascade_frames import (
    Complete,
    CompletionDone,
    Delta,
    Message,
    Role,
    Speak,
    StageEvent,
    StageFailed,
    TokensUsed,
    ToolCall,
    ToolDelta,
    Transcribe,
    Transcribed,
)
from bridge.core.frames import Loss, ToolDeclaration, WireError
from bridge.wire import chat, speech, stage_errors, transcription


def event(chunk: Any) -> bytes:
    return f"data: {json.dumps(chunk)}\n\n".encode()


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


def finish(reason: str = "stop") -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


def read(*pieces: bytes) -> list[StageEvent]:
    stream = chat.ChatStream(7)
    return [found for piece in pieces for found in stream.feed(piece)] + stream.end()


CALL = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x"'}}
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "total_tokens": 13,
    "completion_tokens_details": {"reasoning_tokens": 1},
}
WHOLE = b"".join(
    [
        b": ping\r\n\r\n",
        b"event: message\r\nid: 1\r\n",
        event(delta(role="assistant", content="")),
        event(delta(content="Karibu, ☕ ")),
        event(delta(tool_calls=[CALL])),
        event(delta(tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}])),
        event(finish("tool_calls")).replace(b"\n", b"\r\n"),
        event({"choices": [], "usage": USAGE}),
        b"data: [DONE]\n\n",
    ]
)  # fmt: skip
EVENTS = [
    Delta(7, "Karibu, ☕ "),
    ToolDelta(7, 0, "a", "f", '{"x"'),
    ToolDelta(7, 0, "", "", ":1}"),
    TokensUsed(7, 9, 4, 1, 13),
    CompletionDone(7),
]


@given(st.lists(st.integers(0, len(WHOLE)), max_size=30))
def test_a_stream_says_the_same_however_it_is_cut(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(WHOLE)]
    assert read(*(WHOLE[start:end] for start, end in pairwise(bounds))) == EVENTS


SCRAPS = [b"data:", b" ", b"\n", b"\r", b"{", b"}", b"[]", b'{"choices":[{"delta":{}}]}', b"null", b"1", b"[DONE]"]


@given(st.binary(max_size=300) | st.lists(st.sampled_from(SCRAPS)).map(b"".join))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        events = read(data)
    except WireError:
        return
    assert isinstance(events[-1], CompletionDone | StageFailed)


def test_a_stream_that_ends_without_done_is_complete_if_the_model_had_finished() -> None:
    assert read(event(delta(content="Yes.")), event(finish())) == [Delta(7, "Yes."), CompletionDone(7)]


def test_a_stream_that_ends_before_that_was_cut() -> None:
    assert read(event(delta(content="Yes")))[-1] == StageFailed(7, Loss.NETWORK, 0, "the stream was cut")


def test_an_event_behind_the_last_line_break_counts() -> None:
    assert read(event(delta(content="Yes.")), b"data: [DONE]") == [Delta(7, "Yes."), CompletionDone(7)]


def test_nothing_counts_after_the_end() -> None:
    assert read(b"data: [DONE]\n\n" + event(delta(content="x")), event(delta(content="y"))) == [CompletionDone(7)]


@pytest.mark.parametrize(
    ("error", "loss", "code"),
    [
        ({"error": {"message": "Slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"}}, Loss.OVERLOADED, 0),
        ({"error": {"message": "gone", "code": 503}}, Loss.OVERLOADED, 503),
        ({"error": {"message": "bad", "type": "BadRequestError", "code": 400}}, Loss.STATE, 400),
        ({"error": "CUDA error"}, Loss.NETWORK, 0),
    ],
)  # fmt: skip
def test_an_error_in_mid_stream_ends_it(error: Any, loss: Loss, code: int) -> None:
    *before, last = read(event(delta(content="Wa")), event(error), event(delta(content="it")))
    assert before == [Delta(7, "Wa")]
    assert isinstance(last, StageFailed)
    assert (last.loss, last.code) == (loss, code)


def test_a_whole_tool_call_may_come_in_one_piece_without_id_or_index_and_with_an_object() -> None:
    call = {"function": {"name": "f", "arguments": {"x": 1}}}
    assert read(event(delta(tool_calls=[call])))[0] == ToolDelta(7, 0, "", "f", '{"x": 1}')


def test_an_answer_that_is_not_streamed_after_all_is_understood() -> None:
    whole = {"choices": [{"message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]}
    assert read(event(whole)) == [Delta(7, "Yes."), CompletionDone(7)]


@pytest.mark.parametrize("data", [b"data: {oops\n", b"data: [1]\n", b"data: " + b"[" * 100_000 + b"\n"])
def test_what_is_no_chat_stream_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        read(data)


def test_an_endless_line_is_refused() -> None:
    stream = chat.ChatStream(7)
    with pytest.raises(WireError):
        for _ in range(20):
            stream.feed(b"data: " + b"x" * 100_000)


def test_a_request_tells_the_conversation_in_the_services_form() -> None:
    messages = (
        Message(Role.SYSTEM, "Be brief."),
        Message(Role.USER, "Thursday?"),
        Message(Role.ASSISTANT, "", (ToolCall("a", "f", "{}"),)),
        Message(Role.TOOL, '{"say":"Two."}', answers="a"),
    )
    tools = (ToolDeclaration("f", "Free times.", {"type": "object", "properties": {}}),)
    assert chat.request_body(Complete(1, messages, tools), "m") == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Thursday?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "a", "content": '{"say":"Two."}'},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "description": "Free times.",
                    "parameters": {"type": "object", "properties": {}},
                },
            }
        ],
    }


def test_without_tools_none_are_named() -> None:
    assert "tools" not in chat.request_body(Complete(1, ()), "m")


# --- transcription ---------------------------------------------------------------------------------------------------------


def test_an_utterance_is_a_wav_file() -> None:
    with wave.open(io.BytesIO(transcription.wav(b"\x01\x00\x02\x00", 16_000))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        assert file.readframes(10) == b"\x01\x00\x02\x00"


def test_the_form_leaves_out_what_is_unknown() -> None:
    assert transcription.form(Transcribe(1, b"", 16_000), "m") == {"model": "m", "response_format": "json"}
    assert transcription.form(Transcribe(1, b"", 16_000, "At two?", "sw"), "m") == {
        "model": "m",
        "response_format": "json",
        "prompt": "At two?",
        "language": "sw",
    }


def test_a_transcription_is_its_text() -> None:
    assert transcription.decode(3, b'{"text":" Yes. ","usage":{}}') == Transcribed(3, " Yes. ")


@pytest.mark.parametrize("body", [b"", b"Yes.", b"[]", b"{}", b'{"text":null}', b"\xff"])
def test_a_transcription_without_text_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        transcription.decode(3, body)


# --- speech ----------------------------------------------------------------------------------------------------------------


def test_a_sentence_is_asked_for_as_pcm() -> None:
    assert speech.request_body(Speak(1, "Hello."), "m", "") == {
        "model": "m",
        "input": "Hello.",
        "response_format": "pcm",
    }
    assert speech.request_body(Speak(1, "Hello."), "m", "af")["voice"] == "af"


PCM = struct.pack("<100h", *range(-50, 50))


def riff(rate_hz: int = 24_000, channels: int = 1, bits: int = 16) -> bytes:
    fmt = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * 2, 2, bits)
    return b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00" + fmt + b"LIST\x03\x00\x00\x00abc\x00data\xff\xff\xff\xff"


@given(st.sampled_from([b"", riff()]), st.lists(st.integers(0, 300), max_size=20))
def test_samples_stay_whole_and_a_files_head_is_taken_off_however_the_body_is_cut(head: bytes, cuts: list[int]) -> None:
    whole, body = head + PCM, speech.SpeechBody(24_000)
    bounds = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [body.feed(whole[start:end]) for start, end in pairwise(bounds)]
    assert all(len(piece) % 2 == 0 for piece in pieces)
    assert b"".join(pieces) == PCM


@pytest.mark.parametrize("head", [riff(rate_hz=22_050), riff(channels=2), riff(bits=8), b"RIFF" + bytes(5_000)])
def test_speech_at_another_rate_or_in_another_form_is_refused(head: bytes) -> None:
    with pytest.raises(WireError):
        speech.SpeechBody(24_000).feed(head + PCM)


# --- refusals --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason", "loss"),
    [
        (401, "", Loss.REFUSED),
        (403, "", Loss.REFUSED),
        (404, "", Loss.REFUSED),
        (429, "", Loss.OVERLOADED),
        (503, "", Loss.OVERLOADED),
        (400, "", Loss.STATE),
        (500, "", Loss.NETWORK),
        (502, "upstream unavailable", Loss.OVERLOADED),
        (0, "", Loss.NETWORK),
    ],
)
def test_a_status_says_what_to_try_next(status: int, reason: str, loss: Loss) -> None:
    assert stage_errors.loss_of(status, reason) is loss


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error":{"message":"No such model","type":"not_found"}}', "not_found: No such model"),
        (b'{"error":"busy"}', "busy"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b'{"object":"error","message":"x","type":"BadRequestError","code":400}', "BadRequestError: x"),
        (b"<html>", ""),
        (b"[]", ""),
    ],
)
def test_a_reason_is_found_in_every_form_of_error(body: bytes, reason: str) -> None:
    assert stage_errors.reason_in(body) == reason
