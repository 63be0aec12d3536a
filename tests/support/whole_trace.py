"""One whole call through the real functions and the real bridge, and what its trace must be: one, without a gap, without anybody in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.shell.call_trace import Tracing
from local.live_server import LiveServer
from local.model import Stage, scripted
from pokea.adapters.otlp_http import ToCollector
from pokea.adapters.tracing import Traces
from tests.integration.bridge_peers import running_bridge, switch_call, until
from tests.oracles.otlp_reader import ReadSpan
from tests.support.cdr_office import CdrOffice, about, carrier_record
from tests.support.collector import Collector, collecting, patient
from tests.support.control_plane import CALLER, LINE, SESSION, ControlPlane, token_in

CALLER_WORDS, AGENT_WORDS = "My name is Wanjiru Canary.", "Good day to you, Canary."
# Whoever calls, whom they call, what is said: as they are written, and as digits alone.
CANARIES = ("Canary", "Wanjiru", CALLER.lstrip("+"), str(LINE.number).lstrip("+"))
# Each span of the call, the service that tells it, and the span that it hangs on.
EXPECTED = {
    ("pokea-voice", "hook", "call"),
    ("pokea-tools", "open", "call"),
    ("pokea-bridge", "stream", "call"),
    ("pokea-bridge", "turn", "stream"),
    ("pokea-bridge", "endpointing", "turn"),
    ("pokea-bridge", "model", "turn"),
    ("pokea-bridge", "tool_call", "stream"),
    ("pokea-tools", "tool", "tool_call"),
    ("pokea-tools", "close", "call"),
    ("pokea-records", "record", "call"),
    ("pokea-cdr", "cdr", "call"),
    ("pokea-cdr", "call", ""),
}
MAY_BE = {("pokea-bridge", "pacing", "turn"), ("pokea-bridge", "playout", "turn")}


async def _model(stage: Stage) -> None:
    await stage.caller_turn(CALLER_WORDS)
    await stage.call("findTimes", service="cleaning")
    await stage.say(AGENT_WORDS, 300)


class Exporters:
    """One of each service, to one collector."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._open: list[Traces] = []

    def __call__(self, service: str) -> Traces:
        traces = Traces(ToCollector({"service.name": f"pokea-{service}"}, self._collector.url))
        self._open.append(traces)
        return traces

    def close(self) -> None:
        for traces in self._open:
            traces.close()
        assert [traces.dropped for traces in self._open] == [0] * len(self._open)


async def traced_call(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Collector:
    """Everything that was collected of one call: a hook, a conversation with a tool in it, a hang-up, its record and its detail record."""
    patient(monkeypatch)
    with collecting() as collector:
        exporters = Exporters(collector)
        plane = ControlPlane(traces=exporters)
        office = CdrOffice(plane)
        async with (
            LiveServer(scripted(_model)) as model,
            running_bridge(
                model.url,
                lambda event: dict(plane.tools(event, None)),
                folder,
                monkeypatch,
                tracing=Tracing(exporters("bridge"), "bridge-1"),
            ) as bridge,
        ):
            url = bridge.url(call=SESSION, token=token_in(plane.ring()))
            async with switch_call(bridge, url) as switch:
                await asyncio.sleep(0)
                switch.speak(400)
                await switch.first_sound_s()
                await until(lambda: switch.silent_for_ms() > 350, "the agent has spoken")
                await switch.hang_up()
                await until(lambda: plane.closings.closing(SESSION) is not None, "the call is closed")
        assert plane.write_records() == []
        office.books.records = [carrier_record()]
        assert office.take(about(attempt=1)) == []
        await asyncio.to_thread(exporters.close)
        return collector


def complaints(collector: Collector) -> Iterator[str]:
    """What is wrong with what was collected of that call."""
    spans = collector.spans
    if len({span.trace_id for span in spans}) != 1:
        yield "more than one trace"
    named = {span.span_id: span.name for span in spans}
    found = {(span.service, span.name, named.get(span.parent_id, span.parent_id)) for span in spans}
    yield from (f"missing: {one}" for one in EXPECTED - found)
    yield from (f"not expected: {one}" for one in found - EXPECTED - MAY_BE)
    raw = b"".join(collector.bodies)
    yield from (f"somebody is in it: {canary}" for canary in CANARIES if canary.encode() in raw)
    for span in spans:
        if span.attributes.get("session_id") != SESSION or span.ended_ns < span.began_ns:
            yield f"{span.name} does not say whose or when it is"
        if sorted(span.attributes.get("aws.xray.annotations", ())) != sorted(
            set(span.attributes) - {"aws.xray.annotations"}
        ):
            yield f"{span.name} cannot be searched for by its attributes"
    yield from _order(spans)


def _order(spans: list[ReadSpan]) -> Iterator[str]:
    """The parts of a turn follow one another and fill it, within the time of the stream."""
    by_id = {span.span_id: span for span in spans}
    for turn in (span for span in spans if span.name == "turn"):
        parts = sorted((span for span in spans if span.parent_id == turn.span_id), key=lambda span: span.began_ns)
        edges = [turn.began_ns, *(part.ended_ns for part in parts)]
        if [part.began_ns for part in parts] != edges[:-1] or edges[-1] != turn.ended_ns:
            yield "the parts of a turn do not fill it"
        stream = by_id.get(turn.parent_id)
        if stream is not None and not stream.began_ns <= turn.began_ns <= turn.ended_ns <= stream.ended_ns:
            yield "a turn outside the call"
