"""Traces with one safeguard taken out each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from bridge.shell import call_trace
from functions.tools import app as tools_app
from functions.voice.reception import Reception
from pokea import tracing
from pokea.adapters import tracing as sending
from pokea.sautikit.hooks import parse_hook


@contextmanager
def numbers_of_callers() -> Iterator[None]:
    """Somebody says who calls in the span of a hook, and the sending lets every attribute pass."""

    def answer(self: Reception, request: Any, span: sending.OpenSpan) -> bytes:
        hook = parse_hook(request.body, request.headers, request.query)
        span.of(hook.session_id, caller=str(hook.a_number))
        return _answer(self, request, span)

    def everything(fields: Mapping[str, object]) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if isinstance(value, str | int | bool)}

    _answer = Reception._answer
    with mock.patch.object(Reception, "_answer", answer), mock.patch.object(sending, "harmless", everything):
        yield


@contextmanager
def a_trace_for_each_process() -> Iterator[None]:
    """Draws the id of a trace, as every SDK does where nothing was passed along."""
    with mock.patch.object(tracing.Span, "trace_id", property(lambda self: os.urandom(16))):
        yield


@contextmanager
def a_tool_that_hangs_on_nothing() -> Iterator[None]:
    """The tools function and the bridge name the span between them differently."""
    with mock.patch.object(tools_app, "tool_call_of", lambda session, tool_call_id: os.urandom(8)):
        yield


@contextmanager
def half_a_turn() -> Iterator[None]:
    """Leaves out what the model took."""

    def turn(self: call_trace.CallTrace, latency: Any) -> None:
        _turn(self, call_trace.TurnLatency(**{**_fields(latency), "model_ms": 0, "tool_ms": 0}))

    def _fields(latency: Any) -> dict[str, int]:
        return {"at_ms": latency.at_ms, **latency.parts}

    _turn = call_trace.CallTrace.turn
    with mock.patch.object(call_trace.CallTrace, "turn", turn):
        yield
