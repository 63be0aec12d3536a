"""Spans as OpenTelemetry's own library writes them: golden/otlp.json holds its bytes for the same spans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pokea.otlp import encode
from pokea.tracing import Kind, Span, span_id_of

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden/otlp.json").read_text())


def span_of(row: dict[str, Any]) -> Span:
    session = GOLDEN["session_id"]
    return Span(
        name=row["name"],
        session_id=session,
        span_id=span_id_of(session, *row["span"]),
        parent_id=None if row["parent"] is None else span_id_of(session, *row["parent"]),
        began_ns=row["began"],
        ended_ns=row["ended"],
        kind=Kind(row["kind"]),
        attributes=row["attributes"],
        failed=row["failed"],
    )


def test_spans_are_the_bytes_that_opentelemetrys_own_library_makes_of_them() -> None:
    assert encode(GOLDEN["resource"], map(span_of, GOLDEN["spans"])).hex() == GOLDEN["hex"]


def test_a_time_that_no_clock_of_ours_tells_ends_nobodys_thread() -> None:
    odd, zero = ({**GOLDEN["spans"][0], "began": began} for began in (-1, 0))
    assert encode(GOLDEN["resource"], [span_of(odd)]) == encode(GOLDEN["resource"], [span_of(zero)])
