"""Spans in OpenTelemetry's own bytes: an ExportTraceServiceRequest of OTLP 1, as protobuf.

Twelve fields of it are all we have, and the functions say them while a telephone rings, so they are written here and not by the SDK, whose
import alone takes longer than a caller's ring may (docs/adr/0037). Fields are written in the order of their numbers, as protobuf's own
library does: tests/contract/golden/otlp.json holds what that made of the same spans.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from pokea.tracing import Span, Value

SCOPE = "pokea"
# X-Ray finds traces by annotations, and makes annotations of those attributes that this one names.
ANNOTATIONS = "aws.xray.annotations"
_VARINT, _FIXED64, _BYTES = 0, 1, 2
_ERROR = 2
_SMALL = [bytes([value]) for value in range(128)]  # numbers of one byte; fields have no others


def encode(resource: Mapping[str, str], spans: Iterable[Span]) -> bytes:
    """`resource` says whose spans they are: service.name and the like."""
    described = b"".join(_message(1, _attribute(name, value)) for name, value in resource.items())
    scoped = _message(1, _text(1, SCOPE)) + b"".join(_message(2, _span(span)) for span in spans)
    return _message(1, _message(1, described) + _message(2, scoped))


def _span(span: Span) -> bytes:
    parts = [_message(1, span.trace_id), _message(2, span.span_id)]
    if span.parent_id is not None:
        parts.append(_message(4, span.parent_id))
    parts += [_text(5, span.name), _number(6, span.kind), _time(7, span.began_ns), _time(8, span.ended_ns)]
    parts += [_message(9, _attribute(name, value)) for name, value in span.attributes.items()]
    if span.attributes:
        parts.append(_annotations(tuple(span.attributes)))
    if span.failed:
        parts.append(_message(15, _number(3, _ERROR)))
    return b"".join(parts)


@lru_cache(maxsize=64)  # a few kinds of spans say all there is to say
def _annotations(names: tuple[str, ...]) -> bytes:
    return _message(9, _attribute(ANNOTATIONS, names))


def _attribute(name: str, value: Value | Sequence[str]) -> bytes:
    return _text(1, name) + _message(2, _value(value))


def _value(value: Value | Sequence[str]) -> bytes:
    if isinstance(value, str):
        return _text(1, value)
    if isinstance(value, bool):
        return _number(2, int(value))
    if isinstance(value, int):
        return _number(3, value)
    return _message(5, b"".join(_message(1, _value(one)) for one in value))


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode("utf-8", "replace"))


def _message(number: int, content: bytes) -> bytes:
    size = len(content)
    return _SMALL[number << 3 | _BYTES] + (_SMALL[size] if size < 128 else _varint(size)) + content


def _number(number: int, value: int) -> bytes:
    return _SMALL[number << 3 | _VARINT] + _varint(value % (1 << 64))


def _time(number: int, since_1970_ns: int) -> bytes:
    return _SMALL[number << 3 | _FIXED64] + max(0, since_1970_ns).to_bytes(8, "little")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
