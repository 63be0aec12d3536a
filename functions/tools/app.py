"""What the media bridge calls by Lambda Invoke: open, tool, handoff, close, beat. JSON in, JSON out; see `requests` for the shapes.

{"ok": true, "result": {…}}
{"ok": false, "error": {"code", "kind", "message", "retryable"}}     kind: one of KINDS, or Misuse
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from functions.tools.requests import Beat, Close, HandoffRequest, Open, Request, Tool, parse
from functions.tools.wiring import Tools, build
from pokea.adapters.observability import Log
from pokea.adapters.tokens import claimed_session
from pokea.errors import (
    CallError,
    Conflict,
    Denied,
    Indeterminate,
    NotFound,
    RejectedInput,
    Unauthorized,
    Unavailable,
)
from pokea.tracing import tool_call_of

Handler = Callable[[Any, Any], dict[str, object]]
KINDS = (Conflict, Denied, Unauthorized, RejectedInput, NotFound, Unavailable, Indeterminate)
HAND_OVER = "handOver"
REMAINING_MARGIN_S = 0.3  # of Lambda's own limit, kept back to answer in


@cache
def tools() -> Tools:
    return build(os.environ)


def make_handler(provide: Callable[[], Tools], log: Log) -> Handler:
    """The Lambda handler around the tools that `provide` gives."""

    def handler(event: Any, context: Any) -> dict[str, object]:
        started = time.perf_counter()
        operation, tool, session = "unknown", None, None
        try:
            request = parse(event)
            operation, parts = request.operation, provide()
            tool, session = _loggable(parts, getattr(request, "tool", None)), _session_of(request)
            with parts.traces.span(operation) as span:
                span.of(session, _parent_of(request, session), tool=tool)
                result = _in_time(parts, request, context)
                span.of(session, outcome=_outcome_of(result))
        except CallError as error:
            if isinstance(error, Unauthorized | RejectedInput):
                session = None  # whose call it is that somebody was refused for, nobody has proven
            kind = type(error).__name__
            log.warning("refused", session_id=session, operation=operation, tool=tool, code=error.code, error=kind)
            log.count("ToolRefused", operation=operation, kind=kind)
            return _failure(error)
        except Exception as error:
            log.error("tools failed", error, session_id=session, operation=operation, tool=tool)
            log.count("ToolFailed", operation=operation)
            return _failure(Indeterminate("internal", "something went wrong; it may or may not have been done"))
        if not isinstance(request, Beat):  # one every few seconds and worker, and its lease tells all that it would
            took_ms = round((time.perf_counter() - started) * 1_000)
            log.info("done", session_id=session, operation=operation, tool=tool, took_ms=took_ms)
        if (dropped := _dropped(request, event)) > 0:
            log.warning("a bridge names what cannot be any call or seat", count=dropped)
            log.count("BeatCut")
        if isinstance(request, Beat) and (untold := result.get("untold")):
            log.warning("the seats of a bridge were not told", bridge=request.bridge, code=untold)
            log.count("SeatsUntold")
        if (code := _refused_transfer(tool, result)) is not None:
            log.warning("hand-off refused", tool=tool, code=code)
            log.count("HandoffRefused", code=code)
        return {"ok": True, "result": result}

    return handler


def _loggable(parts: Tools, tool: str | None) -> str | None:
    """A tool's name, if it is one: a model can put anything in its place."""
    return tool if tool is None or parts.operations.has_tool(tool) else "unknown"


def _session_of(request: Request) -> str | None:
    """The call that is asked for. It is proven by the operation's own look at the token, or not done."""
    if isinstance(request, Beat):
        return None
    return request.session_id if isinstance(request, Open) else claimed_session(request.call_token)


def _parent_of(request: Request, session: str | None) -> bytes | None:
    return tool_call_of(session, request.tool_call_id) if session and isinstance(request, Tool) else None


def _outcome_of(result: Mapping[str, object]) -> str | None:
    """What a tool said came of it: one of a few words of ours."""
    payload = result.get("payload")
    status = payload.get("status") if isinstance(payload, Mapping) else None
    return status if isinstance(status, str) else None


def _dropped(request: Request, event: Any) -> int:
    """How many of the calls that a beat names were no session ids, and how many of its words on seats could not be used."""
    if not isinstance(request, Beat):
        return 0
    seats = {"release": request.release, "free": request.free, "seated": request.seated}
    unused = sum(name in event and bool(event[name] != used) for name, used in seats.items())
    return len(event.get("calls", ())) - len(request.calls) + unused


def _refused_transfer(tool: str | None, result: dict[str, object]) -> str | None:
    """Somebody wanted to be put through to where nobody of the business is: worth an alarm when it comes often."""
    payload = result.get("payload")
    if tool != HAND_OVER or not isinstance(payload, Mapping) or payload.get("status") != "refused":
        return None
    return str(payload.get("code", ""))


def _in_time(tools: Tools, request: Request, context: Any) -> dict[str, object]:
    """The operation's result. Raises Indeterminate("deadline") when its time is up: it may still be done."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    limit_s = remaining() / 1_000 - REMAINING_MARGIN_S if remaining else None
    now = tools.clock.now()
    try:
        return tools.deadline.run(lambda: _operate(tools, request, now), limit_s)
    except Unavailable as error:
        if error.code != "deadline":
            raise
        raise Indeterminate("deadline", error.message) from None


def _operate(tools: Tools, request: Request, now: Any) -> dict[str, object]:
    if isinstance(request, Open):
        return tools.operations.open(request, now)
    if isinstance(request, Close):
        return tools.operations.close(request, now)
    if isinstance(request, HandoffRequest):
        return tools.operations.handoff(request, now)
    if isinstance(request, Beat):
        return tools.operations.beat(request, now)
    return tools.operations.tool(request, now)


def _failure(error: CallError) -> dict[str, object]:
    kind = next((cls.__name__ for cls in KINDS if isinstance(error, cls)), "Misuse")
    detail = {"code": error.code, "kind": kind, "message": error.message, "retryable": error.retryable}
    return {"ok": False, "error": detail}


def warm() -> None:
    """Build everything the first call would otherwise wait for. Raises BadSettings and BadProfile."""
    tools().operations.warm()


handler = make_handler(tools, Log("tools"))

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
