"""The tools client: one deadline, one retry of what certainly did not happen, and truthful words for the rest."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from bridge.core.frames import CallTool, EndCall, EndReason
from bridge.shell.tool_client import InvokeFailed, ToolClient, failure_words
from pokea.errors import Conflict, Indeterminate, RejectedInput, Unauthorized, Unavailable

ORDER = CallTool("t1", "findTimes", {"when": "friday"}, {"at_ms": 5})


class Function:
    """Answers each Invoke in turn: a reply to send, or an error to raise."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.requests: list[dict[str, Any]] = []

    def __call__(self, request: bytes, timeout_s: float) -> bytes:
        self.requests.append(json.loads(request))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, bytes) else json.dumps(reply).encode()


def client(function: Any, deadline_s: float = 3.0) -> ToolClient:
    return ToolClient(function, deadline_s, "bridge-1")


def error(kind: str, code: str = "c") -> dict[str, Any]:
    return {"ok": False, "error": {"kind": kind, "code": code, "message": "m", "retryable": False}}


async def test_a_call_carries_arguments_and_evidence_and_brings_the_nonce_back() -> None:
    function = Function({"ok": True, "result": {"payload": {"status": "proposed"}, "nonce": "n1", "end_call": False}})
    returned = await client(function).call("token", ORDER)
    assert (returned.payload, returned.nonce, returned.end_call, returned.failed) == (
        {"status": "proposed"},
        "n1",
        False,
        False,
    )
    assert function.requests == [
        {
            "operation": "tool",
            "call_token": "token",
            "tool_call_id": "t1",
            "tool": "findTimes",
            "arguments": {"when": "friday"},
            "evidence": {"at_ms": 5},
        }
    ]


async def test_open_gives_the_context_or_the_error_that_the_function_named() -> None:
    function = Function(
        {"ok": True, "result": {"call_token": "t", "context": {"greeting": "hi"}}},
        error("Conflict"),
        error("Unauthorized"),
    )
    tools = client(function)
    opened = await tools.open("HD_1", "jwt")
    assert (opened.call_token, opened.context.greeting) == ("t", "hi")
    with pytest.raises(Conflict):
        await tools.open("HD_1", "jwt")
    with pytest.raises(Unauthorized):
        await tools.open("HD_1", "jwt")


@pytest.mark.parametrize(
    "reply", [{"ok": True, "result": {}}, {"ok": True, "result": {"call_token": 5, "context": {}}}]
)
async def test_an_opening_without_token_or_context_is_unavailable(reply: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        await client(Function(reply)).open("HD_1", "jwt")


async def test_a_malformed_context_is_refused() -> None:
    reply = {"ok": True, "result": {"call_token": "t", "context": {"tools": 5}}}
    with pytest.raises(RejectedInput):
        await client(Function(reply)).open("HD_1", "jwt")


@pytest.mark.parametrize("first", [error("Unavailable"), InvokeFailed("refused", sent=False)])
async def test_what_did_not_happen_is_tried_once_more_with_the_same_id(first: Any) -> None:
    function = Function(first, {"ok": True, "result": {"payload": {"status": "ok"}}})
    returned = await client(function).call("token", ORDER)
    assert returned.payload == {"status": "ok"}
    assert [request["tool_call_id"] for request in function.requests] == ["t1", "t1"]


@pytest.mark.parametrize(
    "first",
    [
        error("Indeterminate"),
        InvokeFailed("reset", sent=True),
        b"not json",
        {"ok": True},
        {"what": 1},
        error("Surprise"),
    ],
)
async def test_what_may_have_happened_is_never_tried_again_and_called_unknown(first: Any) -> None:
    function = Function(first)
    returned = await client(function).call("token", ORDER)
    assert len(function.requests) == 1
    assert returned.failed
    assert (returned.payload["status"], returned.payload["retryable"]) == ("unknown", False)
    assert returned.nonce is None


@pytest.mark.parametrize("kind", ["Conflict", "Denied", "NotFound", "RejectedInput", "Misuse", "Unauthorized"])
async def test_a_plain_failure_says_that_nothing_was_changed(kind: str) -> None:
    returned = await client(Function(error(kind, "why"))).call("token", ORDER)
    assert (returned.payload["status"], returned.payload["code"]) == ("error", "why")
    assert "nothing was changed" in str(returned.payload["instruction"])


async def test_the_deadline_ends_a_call_as_unknown() -> None:
    release = threading.Event()

    def slow(request: bytes, timeout_s: float) -> bytes:
        release.wait(5)
        return b"{}"

    returned = await client(slow, 0.2).call("token", ORDER)
    release.set()
    assert returned.payload["code"] == "tools_timeout"
    assert returned.payload["status"] == "unknown"


async def test_the_end_is_reported_with_what_was_heard() -> None:
    function = Function({"ok": True, "result": {}})
    await client(function).close("token", EndCall(EndReason.IDLE, 1_200, ({"who": "agent", "text": "hi", "at_ms": 0},)))
    (request,) = function.requests
    assert (request["operation"], request["reason"], request["duration_ms"]) == ("close", "idle", 1_200)
    assert request["transcript"] == [{"who": "agent", "text": "hi", "at_ms": 0}]


def test_words_for_the_model_never_promise_what_is_not_known() -> None:
    assert "do not say that it was done" in str(failure_words(Indeterminate("x"))["instruction"])
