"""The tools client: one deadline, few retries of what certainly did not happen, and truthful words for the rest."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from bridge.core.context import Owner
from bridge.core.frames import Asked, CallTool, EndCall, EndReason, HandoffBegun, HandoffTold
from bridge.shell.tool_client import InvokeFailed, ToolClient, failure_words
from functions.tools.requests import parse
from pokea.billing.usage import CallShares, Meter, ModelUsage
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
async def test_what_did_not_happen_is_tried_again_with_the_same_id(first: Any) -> None:
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


@pytest.mark.parametrize("trouble", [error("Unavailable"), InvokeFailed("refused", sent=False)])
async def test_there_are_at_most_two_retries(trouble: Any) -> None:
    function = Function(*[trouble] * 9)
    assert (await client(function).call("token", ORDER)).payload["status"] == "error"
    assert len(function.requests) == 3


async def test_a_commit_that_may_have_happened_is_asked_again_under_its_own_id() -> None:
    order = CallTool("t7", "commitProposal", {"nonce": "n"}, {"at_ms": 5})
    done = {"ok": True, "result": {"payload": {"status": "booked"}}}
    function = Function(InvokeFailed("reset", sent=True), b"not json", done)
    assert (await client(function).call("token", order)).payload["status"] == "booked"
    assert {request["tool_call_id"] for request in function.requests} == {"t7"}


async def test_a_commit_of_which_one_try_may_have_happened_stays_unknown() -> None:
    order = CallTool("t7", "commitProposal", {"nonce": "n"}, {"at_ms": 5})
    function = Function(InvokeFailed("reset", sent=True), *[InvokeFailed("refused", sent=False)] * 2)
    assert (await client(function).call("token", order)).payload["status"] == "unknown"


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
    assert not {"usage", "shares"} & set(request)


async def test_the_end_says_what_the_models_used_and_how_the_time_was_spent() -> None:
    function = Function({"ok": True, "result": {}})
    usage = (ModelUsage("gemini", "gemini-3.8-live", {Meter.TEXT_IN: 900, Meter.AUDIO_OUT: 40}, 3, 1),)
    shares = CallShares(total_ms=1_200, agent_ms=700, silence_ms=500)
    await client(function).close("token", EndCall(EndReason.IDLE, 1_200, (), usage=usage, shares=shares))
    (request,) = function.requests
    assert request["usage"] == [
        {
            "engine": "gemini",
            "model": "gemini-3.8-live",
            "meters": {"text_in": 900, "audio_out": 40},
            "turns": 3,
            "silent_turns": 1,
        }
    ]
    assert request["shares"] == {
        "total_ms": 1_200,
        "agent_ms": 700,
        "caller_ms": 0,
        "tools_ms": 0,
        "hold_ms": 0,
        "silence_ms": 500,
    }


def test_words_for_the_model_never_promise_what_is_not_known() -> None:
    assert "do not say that it was done" in str(failure_words(Indeterminate("x"))["instruction"])


# --- hand-offs ---------------------------------------------------------------------------------------------------------------

HANDOFF = "0123456789abcdef01234567"
CONTEXT = {"handoff": {"id": "h1", "owner_url": "ws://10.0.0.7:41000", "hop": "secret-hop"}}


async def test_open_names_the_private_door_and_learns_where_the_caller_is() -> None:
    function = Function(
        {"ok": True, "result": {"call_token": "t", "context": CONTEXT}},
        {"ok": True, "result": {"call_token": "t", "context": {"handoff": None}}},
    )
    tools = client(function)
    tools.relay = "ws://10.0.0.8:42000"
    opened = await tools.open("HD_1", "token")
    assert function.requests[0]["relay"] == "ws://10.0.0.8:42000"
    assert (opened.context.handoff_id, opened.owner) == ("h1", Owner("ws://10.0.0.7:41000", "secret-hop"))
    assert "secret-hop" not in repr(opened)
    assert (await tools.open("HD_2", "token")).owner is None


@pytest.mark.parametrize(
    "handoff",
    [
        {"id": "h1"},
        {"id": "h1", "owner_url": "http://x", "hop": "h"},
        {"id": "h1", "owner_url": "ws://x", "hop": "a\nb"},
    ],
)
async def test_a_persons_leg_without_a_way_to_the_caller_is_not_opened(handoff: dict[str, str]) -> None:
    function = Function({"ok": True, "result": {"call_token": "t", "context": {"handoff": handoff}}})
    with pytest.raises(RejectedInput):
        await client(function).open("HD_1", "token")


@pytest.mark.parametrize(
    ("order", "begun"),
    [
        ({"handoff_id": "h1", "mode": "attended", "ring_s": 25, "hop": "x"}, HandoffBegun("h1", False, 25, "x")),
        ({"handoff_id": "h1", "mode": "dial", "ring_s": 0}, HandoffBegun("h1", True, 0)),
        (
            {"handoff_id": "h1", "mode": "attended", "ring_s": 25, "hop": "x", "answer_s": 145},
            HandoffBegun("h1", False, 25, "x", 145),
        ),
        (
            {"handoff_id": "h1", "mode": "attended", "ring_s": 25, "hop": "x", "answer_s": 9_999},
            HandoffBegun("h1", False, 25, "x"),
        ),
        ({"handoff_id": "h1", "mode": "attended", "ring_s": 9_999, "hop": "x"}, HandoffBegun("h1", False, 120, "x")),
        ({"handoff_id": "", "mode": "attended"}, None),
        ({"handoff_id": "h1", "mode": "beam"}, None),
        ("h1", None),
        (None, None),
    ],
)
async def test_the_order_to_hand_over_is_taken_from_the_tools_answer(order: object, begun: HandoffBegun | None) -> None:
    function = Function({"ok": True, "result": {"payload": {"status": "connecting"}, "handoff": order}})
    assert (await client(function).call("token", ORDER)).handoff == begun


async def test_a_hand_off_is_asked_about_and_the_words_come_back() -> None:
    function = Function({"ok": True, "result": {"state": "declined", "payload": {"status": "declined"}}})
    told = await client(function).handoff("token", "h1", Asked.STATUS)
    assert told == HandoffTold(Asked.STATUS, "declined", {"status": "declined"}, "h1")
    (request,) = function.requests
    assert request == {"operation": "handoff", "call_token": "token", "handoff_id": "h1", "asked": "status"}


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize("asked", [Asked.STATUS, Asked.ACCEPT])
async def test_only_what_is_not_asked_again_anyway_is_tried_again(asked: Asked, sent: bool) -> None:
    answer = {"ok": True, "result": {"state": "accepted", "payload": None}}
    function = Function(InvokeFailed("down", sent=sent), answer)
    if asked is Asked.STATUS:
        with pytest.raises(Unavailable if not sent else Indeterminate):
            await client(function).handoff("token", "h1", asked)
    else:
        assert (await client(function).handoff("token", "h1", asked)).state == "accepted"


async def test_every_message_about_a_hand_off_is_one_that_the_tools_function_takes() -> None:
    function = Function(*[{"ok": True, "result": {"call_token": "t", "context": {}, "payload": {}, "state": "x"}}] * 20)
    tools = client(function)
    tools.relay = "ws://127.0.0.1:40123"
    evidence = {"at_ms": 5, "read_back": None, "caller_turns": []}
    await tools.open("HD_1", "token")
    await tools.call("token", CallTool("t1", "handOver", {}, evidence, (("agent", "Hello."), ("caller", "Hi."))))
    for asked in Asked:
        await tools.handoff("token", HANDOFF, asked)
    for reason in EndReason:
        await tools.close("token", EndCall(reason, 1_200, (), handoff_id=HANDOFF))
    for message in function.requests:
        parse(message)
    assert function.requests[1]["last_turns"] == [["agent", "Hello."], ["caller", "Hi."]]
    assert function.requests[-1]["handoff"] == HANDOFF


async def test_who_answered_is_reported_where_somebody_judged_it() -> None:
    function = Function(*[{"ok": True, "result": {}}] * 2)
    tools = client(function)
    await tools.close("token", EndCall(EndReason.MACHINE, 9_000, (), answerer="fax"))
    await tools.close("token", EndCall(EndReason.GOODBYE, 9_000, ()))
    assert (function.requests[0]["reason"], function.requests[0]["answerer"]) == ("machine", "fax")
    assert "answerer" not in function.requests[1]
    assert parse(function.requests[0]).answerer == "fax"  # type: ignore[union-attr]
