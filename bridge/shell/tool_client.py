"""The bridge's only way to the business: the tools Lambda, invoked with a deadline, its failures turned into truthful words."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.core.context import CallContext, Owner, parse_context, parse_owner
from bridge.core.frames import Asked, CallTool, EndCall, HandoffBegun, HandoffTold, ToolReturned
from bridge.shell.seats import Seats
from pokea.billing.usage import shares_to_json, usage_to_json
from pokea.errors import (
    CallError,
    Conflict,
    Denied,
    Indeterminate,
    Misuse,
    NotFound,
    RejectedInput,
    Unauthorized,
    Unavailable,
)
from pokea.sautikit.closings import RecordingPointer
from pokea.turn_latency import turns_to_json

_KINDS: dict[str, type[CallError]] = {
    kind.__name__: kind
    for kind in (Conflict, Denied, Unauthorized, RejectedInput, NotFound, Unavailable, Indeterminate, Misuse)
}
_THREADS = 32
_WAITING_AT_MOST = 128
_RETRIES = 2
_PAUSE_S = 0.15  # doubled per retry; half of it is drawn, so that bridges do not come back in step
_REPEATABLE = "commitProposal"  # done once per tool call id, however often it is asked for
_RING_AT_MOST_S = 120
_ANSWER_AT_MOST_S = 300

_UNKNOWN = (
    "It is not known whether this was done. Tell the caller so honestly, do not say that it was done or that it failed, "
    "and offer that the business calls back to confirm."
)
_FAILED = "This could not be done now and nothing was changed. Tell the caller so honestly and offer to try once more or a call back."


class InvokeFailed(CallError):
    """Transport trouble of one Invoke. `sent`: the function may have run."""

    def __init__(self, problem: str, *, sent: bool) -> None:
        super().__init__("invoke_failed", problem)
        self.sent = sent


class Invoke(Protocol):
    def __call__(self, request: bytes, timeout_s: float) -> bytes:
        """The function's reply. Raises InvokeFailed. Called in a worker thread."""


def lambda_invoke(function: str, deadline_s: float) -> Invoke:
    """Invoke by boto3 (`AWS_ENDPOINT_URL_LAMBDA` points it elsewhere). No retries inside: this module decides about them."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

    config = Config(
        connect_timeout=min(1.0, deadline_s),
        read_timeout=deadline_s,
        retries={"total_max_attempts": 1},
        max_pool_connections=_THREADS,
    )
    client = boto3.client("lambda", config=config)

    def invoke(request: bytes, timeout_s: float) -> bytes:
        try:
            reply = client.invoke(FunctionName=function, InvocationType="RequestResponse", Payload=request)
            payload: bytes = reply["Payload"].read()
        except (ConnectTimeoutError, EndpointConnectionError) as problem:
            raise InvokeFailed(type(problem).__name__, sent=False) from problem
        except ClientError as problem:
            status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            raise InvokeFailed(f"HTTP {status}", sent=status >= 500) from problem
        except BotoCoreError as problem:
            raise InvokeFailed(type(problem).__name__, sent=True) from problem
        if reply.get("FunctionError"):
            raise InvokeFailed("the function failed", sent=True)
        return payload

    return invoke


@dataclass(frozen=True, slots=True)
class Opened:
    call_token: str
    context: CallContext
    owner: Owner | None = None  # of a person's leg: the bridge that has the caller
    seated_at: int | None = None  # when a seat was kept for the call, in seconds since the epoch


class ToolClient:
    def __init__(self, invoke: Invoke, deadline_s: float, bridge_id: str) -> None:
        self._invoke = invoke
        self._deadline_s = deadline_s
        self._bridge_id = bridge_id
        self._threads = ThreadPoolExecutor(_THREADS, "tools")
        self._waiting = 0
        self.relay = ""  # where other bridges reach this worker

    def shut_down(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def open(self, session_id: str, token: str) -> Opened:
        """Spend a stream token. Raises Unauthorized, Denied, Conflict, NotFound, RejectedInput, or Unavailable."""
        request = {"operation": "open", "session_id": session_id, "token": token, "bridge": self._bridge_id}
        if self.relay:
            request["relay"] = self.relay
        result = await self._request(request, retry=False)
        call_token, context = result.get("call_token"), result.get("context")
        if not isinstance(call_token, str) or not isinstance(context, Mapping):
            raise Unavailable("bad_reply", "open: no call token or no context")
        seated_at = result.get("seated_at")
        known_at = seated_at if isinstance(seated_at, int) else None
        return Opened(call_token, parse_context(context), parse_owner(context), known_at)

    async def call(self, call_token: str, order: CallTool) -> ToolReturned:
        """The answer for the model, whatever happens: an error becomes words that claim nothing untrue."""
        request: dict[str, Any] = {
            "operation": "tool",
            "call_token": call_token,
            "tool_call_id": order.tool_call_id,
            "tool": order.name,
            "arguments": order.arguments,
            "evidence": order.evidence,
        }
        if order.last_turns:
            request["last_turns"] = [list(turn) for turn in order.last_turns]
        try:
            result = await self._request(request, retry=True, repeatable=order.name == _REPEATABLE)
        except CallError as problem:
            return ToolReturned(order.tool_call_id, failure_words(problem), failed=True)
        payload, nonce = result.get("payload"), result.get("nonce")
        if not isinstance(payload, Mapping):
            return ToolReturned(order.tool_call_id, failure_words(Indeterminate("bad_reply")), failed=True)
        return ToolReturned(
            order.tool_call_id,
            payload,
            nonce if isinstance(nonce, str) else None,
            bool(result.get("end_call")),
            handoff=_handoff(result.get("handoff")),
            language=language if isinstance(language := result.get("language"), str) else None,
            recording=recording if isinstance(recording := result.get("recording"), bool) else None,
        )

    async def handoff(self, call_token: str, handoff_id: str, asked: Asked) -> HandoffTold:
        """Ask or tell the control plane about a hand-off. Raises CallError."""
        request = {"operation": "handoff", "call_token": call_token, "handoff_id": handoff_id, "asked": asked.value}
        again = asked is not Asked.STATUS  # which comes once more anyway; the others may be said twice
        result = await self._request(request, retry=again, repeatable=again)
        payload = result.get("payload")
        words = payload if isinstance(payload, Mapping) else None
        return HandoffTold(asked, str(result.get("state", "")), words, handoff_id)

    async def close(self, call_token: str, end: EndCall, recording: RecordingPointer | None = None) -> None:
        """Report the end of a call, once. Raises CallError."""
        request: dict[str, Any] = {
            "operation": "close",
            "call_token": call_token,
            "reason": end.reason.value,
            "duration_ms": end.duration_ms,
            "transcript": list(end.transcript),
        }
        if end.facts:
            request["facts"] = list(end.facts)
        if end.handoff_id:
            request["handoff"] = end.handoff_id
        latency_ms = [turn.latency_ms for turn in end.turns]
        known = {"language": end.language, "latency_ms": latency_ms, "tools": list(end.tools)}
        known["turns"] = turns_to_json(end.turns)
        request |= {name: value for name, value in known.items() if value}
        if end.usage:
            request["usage"] = usage_to_json(end.usage)
        if end.shares is not None:
            request["shares"] = shares_to_json(end.shares)
        if end.answerer:
            request["answerer"] = end.answerer
        if recording is not None:
            request["recording"] = {"key": recording.key, "bytes": recording.size_bytes, "ms": recording.ms}
        await self._request(request, retry=True)

    async def beat(self, task: str, calls: Sequence[str], leaving: bool = False, seats: Seats | None = None) -> None:
        """Say that this bridge lives, with which calls and how many places. Raises CallError; the next beat makes up for it."""
        request: dict[str, Any] = {"operation": "beat", "bridge": self._bridge_id, "calls": list(calls)}
        if task:
            request["task"] = task
        if leaving:
            request["leaving"] = True
        if seats is not None:
            request |= {"release": seats.release, "free": seats.free, "seated": list(seats.seated)}
        await self._request(request, retry=False)

    async def _request(self, request: Mapping[str, Any], *, retry: bool, repeatable: bool = False) -> Mapping[str, Any]:
        """One operation within the deadline. Tried again, with the same ids: what certainly did not happen, and with `repeatable` also
        what may have happened."""
        body = json.dumps(request, default=str).encode()
        deadline = time.monotonic() + self._deadline_s
        unsure: Indeterminate | None = None
        for number in range(_RETRIES + 1):
            try:
                return _result(await self._in_thread(body, deadline))
            except (Unavailable, Indeterminate) as problem:
                unsure = problem if isinstance(problem, Indeterminate) else unsure
                may_repeat = retry and (repeatable or isinstance(problem, Unavailable))
                pause = _PAUSE_S * 2**number * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
                if number == _RETRIES or not may_repeat or deadline - time.monotonic() < 2 * pause:
                    raise unsure or problem from None
            await asyncio.sleep(pause)
        raise Misuse("no_tries", "a request needs at least one try")

    async def _in_thread(self, body: bytes, deadline: float) -> bytes:
        if self._waiting >= _WAITING_AT_MOST:
            raise Unavailable("tools_busy", "too many tool calls wait for a thread")
        left = max(0.05, deadline - time.monotonic())
        self._waiting += 1
        try:
            work = asyncio.get_running_loop().run_in_executor(self._threads, self._invoke, body, left)
            async with asyncio.timeout(left):
                return await work
        except TimeoutError:
            raise Indeterminate("tools_timeout", "no answer within the deadline") from None
        except InvokeFailed as problem:
            if problem.sent:
                raise Indeterminate("tools_failed", problem.message) from problem
            raise Unavailable("tools_unreachable", problem.message) from problem
        finally:
            self._waiting -= 1


def _handoff(value: object) -> HandoffBegun | None:
    """The order in a tool's answer. One that cannot be followed is none: the model is then given the answer at once."""
    if not isinstance(value, Mapping):
        return None
    handoff_id, ring_s, hop, mode = (value.get(key) for key in ("handoff_id", "ring_s", "hop", "mode"))
    if not isinstance(handoff_id, str) or not handoff_id or mode not in ("attended", "dial"):
        return None
    ring_s = ring_s if isinstance(ring_s, int) and 0 <= ring_s <= _RING_AT_MOST_S else _RING_AT_MOST_S
    answer_s = value.get("answer_s")
    answer_s = answer_s if isinstance(answer_s, int) and ring_s <= answer_s <= _ANSWER_AT_MOST_S else 0
    return HandoffBegun(handoff_id, mode == "dial", ring_s, hop if isinstance(hop, str) else "", answer_s)


def _result(reply: bytes) -> Mapping[str, Any]:
    try:
        message = json.loads(reply)
    except ValueError:
        raise Indeterminate("bad_reply", "the reply is not JSON") from None
    if isinstance(message, dict) and message.get("ok") is True and isinstance(message.get("result"), dict):
        result: dict[str, Any] = message["result"]
        return result
    error = message.get("error") if isinstance(message, dict) else None
    if not isinstance(error, dict):
        raise Indeterminate("bad_reply", "the reply is neither a result nor an error")
    kind = _KINDS.get(str(error.get("kind")), Indeterminate)
    raise kind(str(error.get("code", "unknown")), str(error.get("message", "")))


def failure_words(problem: CallError) -> dict[str, object]:
    """What the model is told about a failed call."""
    uncertain = isinstance(problem, Indeterminate)
    return {
        "status": "unknown" if uncertain else "error",
        "code": problem.code,
        "retryable": False,
        "instruction": _UNKNOWN if uncertain else _FAILED,
    }
