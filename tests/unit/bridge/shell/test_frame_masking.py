"""What never gets into a frame recording: keys that were pressed, tokens, and what nobody could read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.frames import DtmfPressed
from bridge.core.recording import BadRecording, decode_event, masked_digits, masked_headers, masked_text
from bridge.wire.audio_fork import decode_text


@given(digits=st.text("0123456789*#", min_size=1, max_size=1), key=st.sampled_from(["dtmf", "digit"]))
def test_a_pressed_key_is_a_zero_and_still_a_pressed_key(digits: str, key: str) -> None:
    text = json.dumps({"event": "dtmf", key: digits, "duration": "1600"}).encode()
    assert decode_text(masked_text(text)) == [DtmfPressed("0", 200)]


def test_keys_are_masked_however_they_are_written() -> None:
    escaped = b'{"event":"dtmf","\\u0064tmf":"7"}{"a":{"digits":"4711"}}'
    masked = masked_text(escaped)
    assert b"7" not in masked
    assert b'"digits": "0000"' in masked


@pytest.mark.parametrize(
    "value",
    [
        {"authorization": "Bearer abc123secret"},
        {"headerMetadata": {"X-Api-Key": "abc123secret"}},
        {"streamToken": "abc123secret"},
        {"url": "wss://bridge/audio?call=1&token=abc123secret"},
        {"note": "use Bearer abc123secret please"},
    ],
)
def test_secrets_are_masked_wherever_they_stand(value: dict[str, object]) -> None:
    assert b"abc123secret" not in masked_text(json.dumps(value).encode())


def test_keys_that_come_back_in_words_are_masked_too() -> None:
    told = b'{"text":"The caller pressed 4 7 1 1 #."}'
    assert masked_digits(told, "4711#", 1) == b'{"text":"The caller pressed 0 0 0 0 0."}'
    asked = b'{"args":{"pin":"4711","year":2026,"day":7}}'
    assert masked_digits(asked, "4711#", 3, b"1") == b'{"args":{"pin":"1111","year":2026,"day":7}}'


@given(st.binary(max_size=200))
def test_what_is_no_json_is_not_kept(data: bytes) -> None:
    masked = masked_text(data)
    if masked:
        decoder, text = json.JSONDecoder(), masked.decode()
        while text:
            _, end = decoder.raw_decode(text)
            text = text[end:]


def test_of_the_upgrade_the_path_and_harmless_headers_are_kept() -> None:
    headers = {
        "host": "bridge",
        "authorization": "Basic xyz",
        "sec-websocket-key": "k",
        "cookie": "a=b",
        "origin": "http://x",
    }
    assert masked_headers("/audio", headers) == {
        ":path": "/audio",
        "host": "bridge",
        "authorization": "masked",
        "sec-websocket-key": "masked",
        "cookie": "masked",
        "origin": "http://x",
    }


@given(st.binary(max_size=100))
def test_an_event_that_cannot_be_read_is_a_bad_recording(data: bytes) -> None:
    with pytest.raises(BadRecording):
        decode_event(data)
