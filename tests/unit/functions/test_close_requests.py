"""The end of a call is taken whatever else a bridge tells with it: a model has a say in names, arguments and words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.tools.requests import Beat, Close, parse
from pokea.errors import RejectedInput
from tests.support.control_plane import SESSION, ControlPlane, opened

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=70), inner, max_size=40),
    max_leaves=12,
)
FACT = st.fixed_dictionaries(
    {"tool": st.text(max_size=90), "arguments": JSON, "result": st.dictionaries(st.text(max_size=4), JSON, max_size=3)}
)
USE = st.fixed_dictionaries(
    {"name": st.text(max_size=90) | JSON, "status": JSON, "took_ms": JSON, "at_ms": st.integers()}
)
TRIMMINGS = st.fixed_dictionaries(
    {},
    optional={
        "facts": JSON | st.lists(FACT | JSON, max_size=60),
        "tools": JSON | st.lists(USE | JSON, max_size=4),
        "latency_ms": JSON | st.lists(st.integers(), max_size=600),
        "recording": JSON,
        "language": JSON,
        "handoff": JSON,
        "turns": JSON,
    },
)
CLOSE = {"operation": "close", "call_token": "t", "reason": "goodbye", "duration_ms": 900, "transcript": []}


def close(**changes: Any) -> Close:
    request = parse({**CLOSE, **changes})
    assert isinstance(request, Close)
    return request


@settings(max_examples=60, deadline=None)
@given(TRIMMINGS)
def test_a_call_is_over_whatever_else_is_told(trimmings: dict[str, Any]) -> None:
    request = close(**trimmings)
    assert len(request.facts) <= 50 and len(request.latency_ms) <= 500
    assert len(request.learned()) == len([fact.line for fact in request.facts])
    assert len(request.used()) == len(request.tools) and request.recorded() is None


def test_a_tool_asked_with_too_many_arguments_costs_no_record() -> None:
    fact = {"tool": "findTimes", "arguments": {f"a{index}": 1 for index in range(33)}, "result": {"status": "ok"}}
    (kept,) = close(facts=[fact, {"tool": 7}, "x"]).facts
    assert (kept.tool, len(kept.arguments)) == ("findTimes", 32)


def test_what_is_too_long_is_cut_and_what_is_none_is_dropped() -> None:
    use = {"name": "n" * 90, "status": "s" * 90, "took_ms": 1, "at_ms": 2}
    said = [{"who": "caller", "text": "x" * 20_001, "at_ms": 1}, {"who": "nobody", "text": "", "at_ms": 1}]
    request = close(
        tools=[use, {**use, "took_ms": -1}],
        latency_ms=[*range(600), -1, "4"],
        recording={"key": "k", "bytes": -1, "ms": 1},
        transcript=said,
        handoff="h" * 129,
        language="english",
    )
    assert [(len(tool.name), len(tool.status)) for tool in request.tools] == [(64, 64)]
    assert request.latency_ms[-1] == 599 and len(request.latency_ms) == 498
    assert (request.recording, request.handoff, request.language) == (None, None, "")
    assert [len(line.text) for line in request.transcript] == [20_000]


def test_what_is_well_formed_is_kept_as_it_is() -> None:
    request = close(
        facts=[{"tool": "findTimes", "arguments": {"service": "cleaning"}, "result": {"status": "ok"}}],
        tools=[{"name": "findTimes", "status": "ok", "took_ms": 1, "at_ms": 2}],
        latency_ms=[900],
        turns=[[4_000, 300, 500, 0, 40, 60], [5_000, -1, 0, 0, 0, 0], "turn"],
        recording={"key": "k", "bytes": 9, "ms": 1},
        handoff="ho_1",
        language="sw",
    )
    assert (request.handoff, request.language, request.latency_ms) == ("ho_1", "sw", [900])
    assert [turn.latency_ms for turn in request.turns] == [900]
    assert request.recorded() and request.learned()[0].arguments == {"service": "cleaning"}
    assert [use.name for use in request.used()] == ["findTimes"]


def test_such_a_call_leaves_its_record() -> None:
    plane = ControlPlane()
    token = str(opened(plane, plane.ring())["result"]["call_token"])
    fact = {"tool": "findTimes", "arguments": {f"a{index}": 1 for index in range(33)}, "result": {"status": "ok"}}
    reply = plane.tools({**CLOSE, "call_token": token, "facts": [fact]}, None)
    assert reply["ok"] is True
    assert SESSION in plane.closings.closings and plane.write_records() == []


def test_the_line_of_a_fact_repeats_nothing_that_was_asked_with() -> None:
    fact = {"tool": "verifyCaller", "arguments": {"answer": "4417"}, "result": {"status": "ask", "say": "And then?"}}
    (kept,) = close(facts=[fact]).facts
    assert kept.line == "verifyCaller: ask And then?"


def test_a_newer_bridge_ends_its_calls_and_lives_after_a_way_back_to_these_functions() -> None:
    plane = ControlPlane()
    token = str(opened(plane, plane.ring())["result"]["call_token"])
    beat = {"operation": "beat", "bridge": "b1", "calls": [SESSION], "of_the_future": {"seats": 7}}
    assert plane.tools(beat, None)["ok"] is True
    heard = parse(beat)
    assert isinstance(heard, Beat) and heard.calls == [SESSION] and not hasattr(heard, "of_the_future")
    assert plane.tools({**CLOSE, "call_token": token, "of_the_future": ["mood"]}, None)["ok"] is True
    assert SESSION in plane.closings.closings and plane.write_records() == []


@pytest.mark.parametrize(
    "request_of_authority",
    [
        {"operation": "open", "session_id": SESSION, "token": "t", "bridge": "b1"},
        {
            "operation": "tool",
            "call_token": "t",
            "tool_call_id": "t1",
            "tool": "findTimes",
            "arguments": {},
            "evidence": {"at_ms": 0, "read_back": None, "caller_turns": []},
        },
        {"operation": "handoff", "call_token": "t", "handoff_id": "0" * 24, "asked": "status"},
    ],
)
def test_whatever_asks_for_something_is_refused_with_a_field_that_nobody_knows(
    request_of_authority: dict[str, Any],
) -> None:
    assert parse(request_of_authority)
    with pytest.raises(RejectedInput):
        parse({**request_of_authority, "of_the_future": 1})
