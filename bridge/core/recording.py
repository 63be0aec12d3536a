"""The frame recording of one call: everything that reached the core and everything it sent, so that the call can be run once more.

A recording is one line of JSON (`Head`) and then records: kind (1 byte), link (2), call time in milliseconds (8, float), length of the
payload (4), all little-endian, and the payload. docs/frames.md describes it for readers without this code.

Keys that the caller pressed and secrets in the switch's texts are masked before they are written; sound and the words of the model are
not: a recording is as private as the call.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeAlias

import msgspec

from bridge.core.context import CallContext
from bridge.core.frames import (
    AgentTranscribed,
    Buffer,
    CallerSpeech,
    CallerTranscribed,
    DrainExpired,
    Event,
    GenerationComplete,
    GoingAway,
    HandoffTold,
    ModelAudio,
    ModelInterrupted,
    ModelLost,
    ModelReady,
    PeerConnected,
    PeerLost,
    PeerSaid,
    ResumeHandle,
    ServiceUsed,
    SwitchClosed,
    SwitchCongested,
    TimePassed,
    ToolAsked,
    ToolReturned,
    ToolsCancelled,
    TurnComplete,
    UsageReported,
    UsageUnknown,
)
from bridge.core.session import SessionSettings

VERSION = 1
_RECORD = struct.Struct("<BHdI")
_JSON = json.JSONDecoder()
_DIGIT_KEYS = frozenset({"dtmf", "digit", "digits"})
_DIGIT_RUN = re.compile(rb"[0-9*#]+")
_SECRET_KEY = re.compile(r"token|auth|secret|passw|api[-_]?key|cookie|signature", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"((?:token|key|signature)=)[^&\s\"']+|\bBearer\s+\S+", re.IGNORECASE)


class Kind(IntEnum):
    """What a record holds. "In" is what reached the bridge."""

    SWITCH_AUDIO_IN = 1
    SWITCH_TEXT_IN = 2
    SWITCH_AUDIO_OUT = 3
    SWITCH_TEXT_OUT = 4
    MODEL_OPEN = 5  # the link's socket is up: its codec speaks first
    MODEL_IN = 6  # one message of the model's wire
    MODEL_OUT = 7  # one message to the model, other than sound
    MODEL_SAID = 8  # an event of a link that has no wire of its own (the cascade), as JSON
    EVENT = 9  # what the shell told the session, as JSON: [type, fields]
    CLIP = 10  # a rendered phrase of this call: name, NUL, 24 kHz PCM
    START = 11  # the call's task ran: the session was started
    MODEL_SOUND = 13  # one message to the model with sound of the caller
    PEER_AUDIO_IN = 14  # sound of the other leg of a hand-off
    DROPPED = 12  # so many records are missing here (JSON number): the disk was too slow or the file too long


class BadRecording(ValueError):
    """Not a frame recording, or one that was cut off."""


@dataclass(frozen=True, slots=True)
class Head:
    """`masked`: what was taken out before it was written."""

    session_id: str
    began: str  # wall clock, ISO 8601
    settings: SessionSettings
    context: CallContext
    upgrade: Mapping[str, str] = field(default_factory=dict)  # path and headers of the request, secrets masked
    wires: Mapping[str, str] = field(
        default_factory=dict
    )  # what an engine's codec was set up with: a dialect, a Vertex parent
    masked: tuple[str, ...] = ("dtmf", "secrets")
    pokea_frames: int = VERSION


@dataclass(frozen=True, slots=True)
class Record:
    kind: Kind
    link: int
    at_ms: float
    payload: bytes


def encode_head(head: Head) -> bytes:
    return msgspec.json.encode(head) + b"\n"


def append_record(out: bytearray, kind: int, link: int, at_ms: float, payload: Buffer) -> None:
    out += _RECORD.pack(kind, link & 0xFFFF, at_ms, len(payload))
    out += payload


def decode_head(line: bytes) -> Head:
    """Raises BadRecording."""
    try:
        head = msgspec.json.decode(line, type=Head)
    except (msgspec.ValidationError, msgspec.DecodeError) as problem:
        raise BadRecording(f"the head cannot be read: {problem}") from None
    if head.pokea_frames != VERSION:
        raise BadRecording(f"version {head.pokea_frames} of the format; this is {VERSION}")
    return head


def decode(data: bytes) -> tuple[Head, list[Record]]:
    """A whole recording. A last record that was cut off is left out. Raises BadRecording."""
    line, newline, rest = data.partition(b"\n")
    if not newline:
        raise BadRecording("there is no head")
    return decode_head(line), list(_records(rest))


def _records(data: bytes) -> Iterator[Record]:
    at = 0
    while at + _RECORD.size <= len(data):
        kind, link, at_ms, size = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if at + size > len(data):
            return
        try:
            yield Record(Kind(kind), link, at_ms, data[at : at + size])
        except ValueError:
            raise BadRecording(f"record of unknown kind {kind} at byte {at}") from None
        at += size


# --- events as JSON --------------------------------------------------------------------------------------------------------

_EVENTS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        SwitchClosed,
        SwitchCongested,
        ModelLost,
        ToolReturned,
        HandoffTold,
        PeerConnected,
        PeerSaid,
        PeerLost,
        TimePassed,
        DrainExpired,
        ModelReady,
        ModelAudio,
        ModelInterrupted,
        CallerSpeech,
        GenerationComplete,
        TurnComplete,
        CallerTranscribed,
        AgentTranscribed,
        ToolAsked,
        ToolsCancelled,
        GoingAway,
        ResumeHandle,
        UsageReported,
        UsageUnknown,
        ServiceUsed,
    )
}
RecordedEvent: TypeAlias = Event


def encode_event(event: RecordedEvent) -> bytes:
    return msgspec.json.encode([type(event).__name__, event])


def decode_event(payload: bytes) -> RecordedEvent:
    """Raises BadRecording."""
    try:
        name, fields = msgspec.json.decode(payload)
        event: RecordedEvent = msgspec.convert(fields, _EVENTS[name])
    except (msgspec.ValidationError, msgspec.DecodeError, KeyError, TypeError, ValueError) as problem:
        raise BadRecording(f"an event cannot be read: {problem!r}") from None
    return event


# --- masking ---------------------------------------------------------------------------------------------------------------


def masked_text(text: bytes) -> bytes:
    """A text frame of the switch without what the caller pressed (a 0 for every key) and without secrets. What is no JSON is not kept."""
    try:
        left = text.decode("utf-8-sig").strip()
        parts = []
        while left:
            value, end = _JSON.raw_decode(left)
            parts.append(json.dumps(_masked(value), ensure_ascii=False))
            left = left[end:].lstrip()
    except (ValueError, RecursionError):
        return b""
    return "".join(parts).encode(errors="replace")


def masked_digits(message: bytes, pressed: str, at_least: int, by: bytes = b"0") -> bytes:
    """`message` without the runs of at least so many digits that the caller pressed in that order; `by` stands for each of them."""

    def mask(run: re.Match[bytes]) -> bytes:
        return by * len(run[0]) if len(run[0]) >= at_least and run[0].decode() in pressed else run[0]

    return _DIGIT_RUN.sub(mask, message)


def _masked(value: Any, key: str = "") -> Any:
    if key.lower() in _DIGIT_KEYS:
        return "0" * max(1, len(str(value)))
    if _SECRET_KEY.search(key):
        return "masked"
    if isinstance(value, dict):
        return {name: _masked(member, name) for name, member in value.items()}
    if isinstance(value, list):
        return [_masked(member) for member in value]
    return _SECRET_VALUE.sub(r"\1masked", value) if isinstance(value, str) else value


def masked_headers(path: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The upgrade request as it may be kept: the query holds the stream token, so only the path stays."""
    kept = {
        name: "masked" if _SECRET_KEY.search(name) or name == "sec-websocket-key" else _masked(value)
        for name, value in headers.items()
    }
    return {":path": path, **kept}
