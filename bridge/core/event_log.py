"""What the bridge says of its calls to those who bill them, and how it keeps that: bodies of events, records of a segment file.

A body is one JSON object, as the queue is given it: ids, times and counts, never words, names or telephone numbers.

    {"version": 1, "call": …, "business": …,
     "said": {"event": "opened" | "closed", "index": n, "at": RFC 3339, "bridge": …, and of a call that is over
              "stream_ms", "reason", "handoff", "usage", "shares"}}

`index` grows within a call and orders its events; `stream_ms` is by a monotonic clock. `at` is for people: clocks are set.

A segment file is records one after the other, and nothing else:

    length   4 bytes, little-endian: of the body
    check    4 bytes, little-endian: CRC-32 of length and body
    body

A file that was cut off anywhere is read up to its last whole record. The length is part of the check, so that the zeros which a file system
may leave behind after a crash are no record.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.core.frames import EndCall
from pokea.billing.usage import shares_to_json, usage_to_json
from pokea.errors import Misuse

BODY_BYTES = 64 * 1024  # no event comes near it
HEAD_BYTES = 8
_HEAD = struct.Struct("<II")
_LENGTH = struct.Struct("<I")


# --- events ----------------------------------------------------------------------------------------------------------------


def opened(call: str, business: str, index: int, at: str, bridge: str) -> bytes:
    """The stream token of the call was spent here."""
    return _body(call, business, {"event": "opened", "index": index, "at": at, "bridge": bridge})


def closed(
    call: str, business: str, index: int, at: str, bridge: str, end: EndCall, stream_ms: int, handoff_id: str
) -> bytes:
    """The call is over here. `stream_ms`: from the socket's opening to its end. `handoff_id`: of the call's latest hand-off, or of the one
    that it is the person's leg of."""
    said = {
        "event": "closed",
        "index": index,
        "at": at,
        "bridge": bridge,
        "stream_ms": stream_ms,
        "reason": end.reason.value,
        "handoff": handoff_id,
        "usage": usage_to_json(end.usage),
        "shares": shares_to_json(end.shares),
    }
    return _body(call, business, said)


def _body(call: str, business: str, said: Mapping[str, object]) -> bytes:
    message = {"version": 1, "call": call, "business": business, "said": said}
    return json.dumps(message, separators=(",", ":")).encode()


def call_of(body: bytes) -> str:
    """Whose event it is; "" for a body that names no call."""
    try:
        message = json.loads(body)
    except ValueError:
        return ""
    call = message.get("call") if isinstance(message, dict) else None
    return call if isinstance(call, str) else ""


# --- records ---------------------------------------------------------------------------------------------------------------


def encode_record(body: bytes) -> bytes:
    """Raises Misuse for a body that no reader would accept."""
    if not 0 < len(body) <= BODY_BYTES:
        raise Misuse("bad_event", f"an event of {len(body)} bytes")
    return _HEAD.pack(len(body), check_of(body)) + body


def check_of(body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(_LENGTH.pack(len(body))))


@dataclass(frozen=True, slots=True)
class Scan:
    """The whole records at the beginning of some bytes; `good_bytes` is where the last of them ends."""

    bodies: tuple[bytes, ...]
    good_bytes: int


def scan(data: bytes) -> Scan:
    bodies, at = [], 0
    while at + HEAD_BYTES <= len(data):
        length, check = _HEAD.unpack_from(data, at)
        start = at + HEAD_BYTES
        body = data[start : start + length] if 0 < length <= BODY_BYTES else b""
        if not body or len(body) < length or check_of(body) != check:
            break
        bodies.append(body)
        at = start + length
    return Scan(tuple(bodies), at)
