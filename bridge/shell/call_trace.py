"""What the bridge tells of a call in its trace (pokea.tracing): its own time with it, each turn and each tool that was waited for.

Spans are made once a turn and once a tool, and sent by a thread of its own: the sound never waits for them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from bridge.core.frames import CallTool, EndCall, EndReason, ToolReturned
from bridge.settings import BridgeSettings
from pokea.adapters.otlp_http import ToCollector
from pokea.adapters.tracing import Traces, harmless
from pokea.tracing import STREAM, TOOL_CALL, Kind, Span, Value, root_of, span_id_of, tool_call_of
from pokea.turn_latency import TurnLatency

TURNS_TRACED = 100  # X-Ray shows no trace of more than half a megabyte; the metrics have every turn
TOOLS_TRACED = 100
_FAILURES = (EndReason.BRIDGE_ERROR, EndReason.MODEL_LOST)


def tracing_of(settings: BridgeSettings, bridge_id: str) -> Tracing:
    resource = {"service.name": "pokea-bridge", "service.version": settings.release, "service.instance.id": bridge_id}
    return Tracing(Traces(ToCollector(resource, settings.otlp_endpoint)), bridge_id)


class Tracing:
    """Of all calls of a worker."""

    def __init__(self, traces: Traces, bridge_id: str, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self.traces = traces
        self._bridge_id = bridge_id
        self._wall_ns = wall_ns

    def of_call(self, session_id: str, business_id: str) -> CallTrace:
        """At the moment at which the call's clock begins."""
        said: dict[str, object] = {"session_id": session_id, "business_id": business_id, "bridge": self._bridge_id}
        return CallTrace(self.traces, session_id, said, self._wall_ns())


class CallTrace:
    def __init__(self, traces: Traces, session_id: str, said: dict[str, object], began_ns: int) -> None:
        self._traces = traces
        self._session_id = session_id
        self._said = said
        self._began_ns = began_ns
        self._stream = span_id_of(session_id, STREAM)
        self._turns = self._tools = 0

    def turn(self, turn: TurnLatency) -> None:
        self._turns += 1
        if self._turns > TURNS_TRACED:
            return
        whole = os.urandom(8)
        spans = [self._span("turn", whole, self._stream, turn.at_ms, turn.latency_ms, count=self._turns)]
        at_ms = turn.at_ms
        thinking_ms = turn.model_ms + turn.tool_ms
        parts = (("endpointing", turn.endpointing_ms), ("model", thinking_ms))
        for name, took_ms in (*parts, ("pacing", turn.pacing_ms), ("playout", turn.playout_ms)):
            if took_ms:
                spans.append(self._span(name, os.urandom(8), whole, at_ms, took_ms, took_ms=took_ms))
            at_ms += took_ms
        self._traces.add(*spans)

    def tool(self, order: CallTool, answer: ToolReturned, began_ms: float, ended_ms: float) -> None:
        """A tool that the bridge waited for. Its name was looked up before: it is one of the agent's own."""
        self._tools += 1
        if self._tools > TOOLS_TRACED:
            return
        status = answer.payload.get("status")
        said: dict[str, Value | None] = {"tool": order.name, "outcome": status if isinstance(status, str) else None}
        span_id = tool_call_of(self._session_id, order.tool_call_id)
        took_ms = ended_ms - began_ms
        span = self._span(
            TOOL_CALL, span_id, self._stream, began_ms, took_ms, kind=Kind.CLIENT, failed=answer.failed, **said
        )
        self._traces.add(span)

    def closed(self, end: EndCall) -> None:
        said: dict[str, Value | None] = {"reason": end.reason.value, "count": self._turns}
        fields: dict[str, object] = {**self._said, **said}
        self._traces.add(
            Span(
                name=STREAM,
                session_id=self._session_id,
                span_id=self._stream,
                parent_id=root_of(self._session_id),
                began_ns=self._began_ns,
                ended_ns=self._ns(end.duration_ms),
                kind=Kind.SERVER,
                attributes=harmless(fields),
                failed=end.reason in _FAILURES,
            )
        )

    def _span(
        self,
        name: str,
        span_id: bytes,
        parent_id: bytes,
        at_ms: float,
        for_ms: float,
        kind: Kind = Kind.INTERNAL,
        failed: bool = False,
        **said: Value | None,
    ) -> Span:
        return Span(
            name=name,
            session_id=self._session_id,
            span_id=span_id,
            parent_id=parent_id,
            began_ns=self._ns(at_ms),
            ended_ns=self._ns(at_ms + for_ms),
            kind=kind,
            attributes=harmless({"session_id": self._session_id, **said}),
            failed=failed,
        )

    def _ns(self, at_ms: float) -> int:
        return self._began_ns + int(at_ms * 1_000_000)
