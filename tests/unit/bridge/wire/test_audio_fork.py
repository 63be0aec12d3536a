"""The switch's text frames: lenient in what is taken, strict in what comes out."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.frames import DtmfPressed, MarkReached, StreamMetadata, SwitchNotice, WireError
from bridge.wire.audio_fork import KILL_AUDIO, TEXT_LIMIT_BYTES, decode_text


def test_the_first_frame_is_metadata_of_any_content() -> None:
    assert decode_text(b'{"sessionId":"HD_0","sampleRate":16000}') == [
        StreamMetadata({"sessionId": "HD_0", "sampleRate": 16_000})
    ]


def test_two_texts_in_one_frame_are_two_events() -> None:
    frame = (
        b'{"a":1}{"event":"dtmf","dtmf":"5","duration":"1600"} {"type":"mark","data":{"name":"m","event":"playout"}}'
    )
    assert decode_text(frame) == [StreamMetadata({"a": 1}), DtmfPressed("5", 200), MarkReached("m", cleared=False)]


@pytest.mark.parametrize("frame", [b"", b"  \n"])
def test_an_empty_frame_says_nothing(frame: bytes) -> None:
    assert decode_text(frame) == []


def test_a_byte_order_mark_is_no_offence() -> None:
    assert decode_text(b"\xef\xbb\xbf{}") == [StreamMetadata({})]


def test_unknown_kinds_are_named_and_bounded() -> None:
    assert decode_text(b'{"type":"playDone","data":{}}') == [SwitchNotice("playDone")]
    assert decode_text(json.dumps({"type": "x" * 1_000}).encode()) == [SwitchNotice("x" * 64)]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\xff\xfe", "text_not_utf8"),
        (b"{", "text_not_json"),
        (b"{}x", "text_not_json"),
        (b"[" * 10_000, "text_not_json"),
        (b"[1]", "text_not_an_object"),
        (b'{"event":5}', "kind_not_a_string"),
        (b'{"event":"dtmf"}', "dtmf_digit_unknown"),
        (b'{"event":"dtmf","dtmf":"55"}', "dtmf_digit_unknown"),
        (b'{"event":"dtmf","dtmf":"5","duration":"long"}', "dtmf_duration_not_a_number"),
        (b'{"event":"dtmf","dtmf":"5","duration":1e999}', "dtmf_duration_not_a_number"),
        (b'{"type":"mark"}', "mark_without_data"),
        (b"{" + b" " * TEXT_LIMIT_BYTES + b"}", "text_too_long"),
    ],
)
def test_what_is_no_message_is_refused_by_name(frame: bytes, code: str) -> None:
    with pytest.raises(WireError) as refused:
        decode_text(frame)
    assert refused.value.code == code


def test_a_refusal_never_quotes_the_message() -> None:
    with pytest.raises(WireError) as refused:
        decode_text(b'{"secret":"0722"')
    assert "0722" not in str(refused.value)


@given(st.binary(max_size=300))
def test_any_bytes_give_events_or_a_refusal(frame: bytes) -> None:
    with contextlib.suppress(WireError):
        decode_text(frame)


def test_kill_audio_is_exactly_what_the_switch_knows() -> None:
    assert json.loads(KILL_AUDIO) == {"type": "killAudio"}
