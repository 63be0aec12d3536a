"""One trace per call, whose ids are computed and never carried: whoever knows a call's session id knows its trace (docs/adr/0037).

    call                      the whole of it, from its first ring to its end; told by the function that keeps detail records
    ├─ hook                   each request of the carrier's: voice, stream_status
    ├─ open, close, handoff   what the bridge asked of the tools function
    ├─ stream                 the bridge's time with it
    │  ├─ turn                the caller's last speech → the first sample of the answer that they heard
    │  │  └─ endpointing, model, pacing, playout
    │  └─ tool_call           as the bridge waited for it
    │     └─ tool             as the tools function did it
    ├─ record, settle         what was made of it afterwards
    └─ cdr                    each look at its detail records

A span holds ids, codes and times: `ATTRIBUTES` is all that it can hold, and each has a class that may be logged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from pokea.privacy import LOGGABLE, Pii

CALL, STREAM, TOOL_CALL = "call", "stream", "tool_call"
NAMES = frozenset(
    {
        CALL,
        STREAM,
        TOOL_CALL,
        *("hook", "open", "close", "handoff", "tool", "cdr", "record", "settle"),
        *("turn", "endpointing", "model", "pacing", "playout"),
    }
)
Value = str | int | bool

# What a span may say. All of them are also fields of our log lines; numbers and words of callers are not among either's.
ATTRIBUTES: Mapping[str, Pii] = {
    "session_id": Pii.ID,
    "business_id": Pii.ID,
    "bridge": Pii.ID,
    "release": Pii.NONE,
    "direction": Pii.NONE,
    "state": Pii.NONE,
    "reply": Pii.NONE,
    "operation": Pii.NONE,
    "tool": Pii.NONE,
    "reason": Pii.NONE,
    "outcome": Pii.NONE,
    "code": Pii.NONE,
    "error": Pii.NONE,
    "count": Pii.NONE,
    "took_ms": Pii.NONE,
}


class Kind(IntEnum):
    """As OpenTelemetry numbers them."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    CONSUMER = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One stretch of a call's time. `began_ns` and `ended_ns`: since 1970. `parent_id` is None for the call itself."""

    name: str
    session_id: str
    span_id: bytes
    parent_id: bytes | None
    began_ns: int
    ended_ns: int
    kind: Kind = Kind.INTERNAL
    attributes: Mapping[str, Value] = field(default_factory=dict)
    failed: bool = False

    @property
    def trace_id(self) -> bytes:
        return trace_id_of(self.session_id)


def trace_id_of(session_id: str) -> bytes:
    """16 bytes, the same in every process. There is no time in them: a hook, a bridge and a queue would each know another one."""
    return _digest("trace", session_id)[:16]


def span_id_of(session_id: str, *names: str) -> bytes:
    """8 bytes: of a span that others hang theirs on, named by what both sides know of it."""
    return _digest("span", session_id, *names)[:8]


def root_of(session_id: str) -> bytes:
    return span_id_of(session_id, CALL)


def tool_call_of(session_id: str, tool_call_id: str) -> bytes:
    """The span of the bridge's wait for a tool: parent of what the tools function says of it."""
    return span_id_of(session_id, TOOL_CALL, tool_call_id)


def xray_id(trace_id: bytes) -> str:
    """As X-Ray writes it."""
    text = trace_id.hex()
    return f"1-{text[:8]}-{text[8:]}"


def attributes(fields: Mapping[str, Value | None]) -> dict[str, Value]:
    """Those of `fields` that a span may hold, in the order of `ATTRIBUTES`. What is unknown is left out."""
    return {
        name: value
        for name, pii in ATTRIBUTES.items()
        if pii in LOGGABLE and (value := fields.get(name)) is not None and value != ""
    }


def _digest(*names: str) -> bytes:
    """Lengths are part of it, so that no two lists of names are one text."""
    text = "".join(f"{len(name)}:{name}" for name in names)
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
