"""What the bridge tells of a call in its trace: bounded, and nothing that a model made up."""

from __future__ import annotations

from bridge.core.frames import CallTool, EndCall, EndReason, ToolReturned
from bridge.shell.call_trace import TOOLS_TRACED, TURNS_TRACED, Tracing
from pokea.adapters.tracing import Traces
from pokea.tracing import NAMES, root_of, span_id_of, tool_call_of
from pokea.turn_latency import TurnLatency
from tests.unit.adapters.test_tracing import Kept

SESSION, BEGAN_NS = "HD_0a1b2c3d4e5f", 1_795_424_400_000_000_000
TURN = TurnLatency(at_ms=2_000, endpointing_ms=300, model_ms=500, tool_ms=100, pacing_ms=0, playout_ms=10)


def traced() -> tuple[Kept, Tracing]:
    kept = Kept()
    return kept, Tracing(Traces(kept), "bridge-1", lambda: BEGAN_NS)


def test_the_parts_of_a_turn_follow_one_another_on_the_calls_own_clock() -> None:
    kept, tracing = traced()
    tracing.of_call(SESSION, "whitedent").turn(TURN)
    whole, *parts = kept.spans
    assert (whole.name, whole.parent_id) == ("turn", span_id_of(SESSION, "stream"))
    assert [(part.name, part.began_ns - BEGAN_NS, part.ended_ns - part.began_ns) for part in parts] == [
        ("endpointing", 2_000_000_000, 300_000_000),
        ("model", 2_300_000_000, 600_000_000),
        ("playout", 2_900_000_000, 10_000_000),
    ]
    assert {part.parent_id for part in parts} == {whole.span_id}
    assert {span.name for span in kept.spans} <= NAMES


def test_a_tool_has_the_span_that_the_tools_function_hangs_its_own_on() -> None:
    kept, tracing = traced()
    trace = tracing.of_call(SESSION, "whitedent")
    answer = ToolReturned("call +254700000001", {"status": "ok", "say": "Canary"}, failed=True)
    trace.tool(CallTool("call +254700000001", "findTimes", {"name": "Canary"}, {}), answer, 1_000, 1_250)
    (span,) = kept.spans
    assert span.span_id == tool_call_of(SESSION, "call +254700000001")
    assert span.attributes == {"session_id": SESSION, "tool": "findTimes", "outcome": "ok"}
    assert span.failed and span.ended_ns - span.began_ns == 250_000_000


def test_an_endless_call_has_a_trace_that_ends() -> None:
    kept, tracing = traced()
    trace = tracing.of_call(SESSION, "whitedent")
    for number in range(TURNS_TRACED + 50):
        trace.turn(TURN)
        trace.tool(CallTool(str(number), "findTimes", {}, {}), ToolReturned(str(number), {}), 0, 1)
    trace.closed(EndCall(EndReason.BRIDGE_ERROR, 9_000, ()))
    assert len(kept.spans) == 4 * TURNS_TRACED + TOOLS_TRACED + 1
    last = kept.spans[-1]
    assert (last.name, last.parent_id, last.failed) == ("stream", root_of(SESSION), True)
    assert last.attributes["count"] == TURNS_TRACED + 50
