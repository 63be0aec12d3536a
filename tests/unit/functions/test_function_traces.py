"""What each function tells of a call in its trace, and when it tells nothing."""

from __future__ import annotations

from typing import Any

import pytest

from pokea.adapters.tracing import Traces
from pokea.errors import Unavailable
from pokea.tracing import root_of, tool_call_of
from tests.fakes.memory_store import MemoryCallStore
from tests.support.cdr_office import CdrOffice, about, carrier_record
from tests.support.control_plane import SESSION, ControlPlane, form, opened, posted
from tests.unit.adapters.test_tracing import Kept


class DeafStore(MemoryCallStore):
    def call(self, session_id: Any) -> Any:
        raise Unavailable("store_unavailable", "the table of +254700000001 does not answer")

    create_call = put_call = call


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_a_hook_is_told_with_its_state_and_what_was_answered(kept: Kept) -> None:
    plane = ControlPlane(traces=lambda service: Traces(kept))
    plane.ring()
    plane.ring("Completed")
    assert [(span.name, span.attributes.get("state"), span.attributes.get("reply")) for span in kept.spans] == [
        ("hook", "ringing", "stream"),
        ("hook", "completed", "empty"),
    ]
    assert {span.parent_id for span in kept.spans} == {root_of(SESSION)}


def test_a_store_that_fails_is_told_by_its_code_and_the_caller_is_answered_all_the_same(kept: Kept) -> None:
    plane = ControlPlane(calls=DeafStore(), traces=lambda service: Traces(kept))
    assert "<Stream" in plane.ring()
    (span,) = kept.spans
    assert (span.attributes["error"], span.attributes["code"]) == ("Unavailable", "store_unavailable")
    assert "254700000001" not in str(span.attributes)


def test_a_forged_hook_leaves_nothing_in_the_call_that_it_names(kept: Kept) -> None:
    plane = ControlPlane(traces=lambda service: Traces(kept))
    assert plane.voice(posted("/voice", form("Ringing"), secret="guessed-by-somebody"), None)["statusCode"] == 401
    assert (
        plane.events(posted("/call-events", form("Ringing"), secret="guessed-by-somebody"), None)["statusCode"] == 401
    )
    assert kept.spans == []


def test_a_tool_hangs_on_the_bridges_wait_for_it_and_a_token_that_is_none_leaves_nothing(kept: Kept) -> None:
    plane = ControlPlane(traces=lambda service: Traces(kept))
    token = str(opened(plane, plane.ring())["result"]["call_token"])
    kept.spans.clear()
    request = {
        "operation": "tool",
        "call_token": token,
        "tool_call_id": "t1",
        "tool": "sing of +254700000001",
        "arguments": {"song": "Canary"},
        "evidence": {"at_ms": 0, "read_back": None, "caller_turns": []},
    }
    assert plane.tools(request, None)["ok"]
    assert not plane.tools({**request, "call_token": token[:-2] + "xx"}, None)["ok"]
    assert plane.tools({"operation": "beat", "bridge": "b1", "calls": [SESSION]}, None)["ok"]
    (span,) = kept.spans
    assert (span.name, span.parent_id) == ("tool", tool_call_of(SESSION, "t1"))
    assert span.attributes == {"session_id": SESSION, "tool": "unknown", "outcome": "refused"}


def test_the_call_as_a_whole_is_told_once_it_is_over_and_each_look_at_it(kept: Kept) -> None:
    plane = ControlPlane(traces=lambda service: Traces(kept))
    office = CdrOffice(plane)
    opened(plane, plane.ring())
    kept.spans.clear()
    assert office.take(about()) == []
    assert [span.name for span in kept.spans] == ["cdr"], "somebody is still talking"
    office.books.records = [carrier_record()]
    assert office.take(about(attempt=1)) == [] and office.take(about(attempt=2)) == []
    assert [span.name for span in kept.spans] == ["cdr", "call", "cdr", "cdr"]
    whole = kept.spans[1]
    assert (whole.span_id, whole.parent_id) == (root_of(SESSION), None)
    assert (whole.ended_ns - whole.began_ns) // 10**9 == 76


def test_a_call_that_somebody_asked_to_look_at_is_told_as_a_whole_all_the_same_and_once(kept: Kept) -> None:
    plane = ControlPlane(traces=lambda service: Traces(kept))
    office = CdrOffice(plane)
    opened(plane, plane.ring())
    office.books.records = [carrier_record()]
    kept.spans.clear()
    assert office.request("POST", "/cdr/reconcile", {"call": SESSION})[0] == 200
    assert [(span.name, span.span_id) for span in kept.spans] == [("call", root_of(SESSION))]
    assert office.take(about(attempt=1)) == []
    assert [span.name for span in kept.spans] == ["call", "cdr"]


def test_a_record_is_told_when_it_is_written(kept: Kept) -> None:
    plane = ControlPlane(traces=lambda service: Traces(kept))
    token = str(opened(plane, plane.ring())["result"]["call_token"])
    closing = {"operation": "close", "call_token": token, "reason": "goodbye", "duration_ms": 9, "transcript": []}
    assert plane.tools(closing, None)["ok"]
    kept.spans.clear()
    assert plane.write_records() == [] and plane.write_records() == []
    (span,) = kept.spans
    assert (span.name, span.attributes["outcome"]) == ("record", "abandoned")
