"""Reads what an OpenTelemetry collector is sent: an ExportTraceServiceRequest of OTLP 1, from its protobuf bytes. Shares no code with what
writes it. Unknown fields and broken bytes raise ValueError."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ReadSpan:
    service: str
    resource: dict[str, Any]
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    began_ns: int
    ended_ns: int
    attributes: dict[str, Any]
    failed: bool


def read_spans(body: bytes) -> list[ReadSpan]:
    return [span for number, part in _fields(body) if _must(number, 1) for span in _resource_spans(part)]


def _resource_spans(body: bytes) -> list[ReadSpan]:
    resource: dict[str, Any] = {}
    found: list[bytes] = []
    for number, part in _fields(body):
        if number == 1:
            resource = dict(_attribute(one) for inner, one in _fields(part) if _must(inner, 1))
        elif _must(number, 2):
            found += [one for inner, one in _fields(part) if inner == 2]
    return [_span(one, resource) for one in found]


def _span(body: bytes, resource: dict[str, Any]) -> ReadSpan:
    parts = list(_fields(body))
    single = {number: part for number, part in parts if number != 9}
    if set(single) - {1, 2, 4, 5, 6, 7, 8, 15} or not {1, 2, 5, 6, 7, 8} <= set(single):
        raise ValueError(f"a span of the fields {sorted(single)}")
    status = dict(_fields(single.get(15, b"")))
    return ReadSpan(
        service=str(resource.get("service.name", "")),
        resource=resource,
        name=single[5].decode(),
        trace_id=single[1].hex(),
        span_id=single[2].hex(),
        parent_id=single.get(4, b"").hex(),
        kind=single[6],
        began_ns=single[7],
        ended_ns=single[8],
        attributes=dict(_attribute(part) for number, part in parts if number == 9),
        failed=status.get(3) == 2,
    )


def _attribute(body: bytes) -> tuple[str, Any]:
    parts = dict(_fields(body))
    return parts[1].decode(), _value(parts[2])


def _value(body: bytes) -> Any:
    ((number, part),) = _fields(body)
    if number == 1:
        return part.decode()
    if number == 2:
        return bool(part)
    if number == 3:
        return part - (1 << 64) if part >> 63 else part
    if number == 5:
        return [_value(one) for _, one in _fields(part)]
    raise ValueError(f"a value of kind {number}")


def _fields(body: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(body):
        key, at = _varint(body, at)
        if key & 7 == 0:
            value, at = _varint(body, at)
            yield key >> 3, value
            continue
        if key & 7 == 1:
            size = 8
        elif key & 7 == 2:
            size, at = _varint(body, at)
        else:
            raise ValueError(f"wire type {key & 7}")
        if at + size > len(body):
            raise ValueError("cut off")
        part = body[at : at + size]
        yield key >> 3, int.from_bytes(part, "little") if key & 7 == 1 else part
        at += size


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(body):
            raise ValueError("cut off")
        value |= (body[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not body[at - 1] & 0x80:
            return value, at


def _must(number: int, expected: int) -> bool:
    if number != expected:
        raise ValueError(f"field {number} where {expected} belongs")
    return True
