"""The switch's text frames, subprotocol `audio.drachtio.org`, in both directions. Binary frames are bare PCM and need no codec.

The peer is old C code that is lenient in what it sends: the metadata frame may come late or never, two texts may share one frame
(`{..}{..}`), DTMF has `event` where everything else has `type`. So is this decoder: any bytes give frames or a `WireError`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.core.frames import DtmfPressed, MarkReached, StreamMetadata, SwitchEvent, SwitchNotice, WireError

SUBPROTOCOL = "audio.drachtio.org"
TEXT_LIMIT_BYTES = 65_536
KILL_AUDIO = b'{"type":"killAudio"}'
_DTMF_DIGITS = frozenset("0123456789*#ABCD")
_DTMF_CLOCK_PER_MS = 8
_DECODER = json.JSONDecoder()


def decode_text(payload: bytes) -> list[SwitchEvent]:
    """Every message in one text frame, in order. Raises WireError."""
    if len(payload) > TEXT_LIMIT_BYTES:
        raise WireError("text_too_long", f"{len(payload)} bytes")
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise WireError("text_not_utf8") from None
    return [_event(value) for value in _objects(text)]


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    at, end = _skip_space(text, 0), len(text)
    while at < end:
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            raise WireError("text_not_json", f"at character {at}") from None
        if not isinstance(value, dict):
            raise WireError("text_not_an_object", f"at character {at}")
        yield value
        at = _skip_space(text, at)


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _event(value: Mapping[str, Any]) -> SwitchEvent:
    kind = value.get("event", value.get("type"))
    if kind is None:
        return StreamMetadata(value)
    if not isinstance(kind, str):
        raise WireError("kind_not_a_string")
    if kind == "dtmf":
        return _dtmf(value)
    if kind == "mark":
        return _mark(value)
    return SwitchNotice(kind[:64])


def _dtmf(value: Mapping[str, Any]) -> DtmfPressed:
    digit = str(value.get("dtmf", value.get("digit", ""))).upper()
    if digit not in _DTMF_DIGITS:
        raise WireError("dtmf_digit_unknown")
    try:
        duration = int(value.get("duration", 0))
    except (TypeError, ValueError, OverflowError):
        raise WireError("dtmf_duration_not_a_number") from None
    return DtmfPressed(digit, max(0, duration) // _DTMF_CLOCK_PER_MS)


def _mark(value: Mapping[str, Any]) -> MarkReached:
    fields = value.get("data")
    if not isinstance(fields, Mapping):
        raise WireError("mark_without_data")
    return MarkReached(str(fields.get("name", ""))[:128], fields.get("event") == "cleared")
