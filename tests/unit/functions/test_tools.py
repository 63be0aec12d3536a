"""functions/tools: open, tool and close, as the media bridge asks for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pokea.billing.usage import CallShares, Meter, ModelUsage
from pokea.calls import CallStatus
from pokea.desk.agent import PHRASES
from pokea.errors import Unavailable
from pokea.ids import SessionId
from pokea.toolkit import Level
from tests.support.control_plane import (
    CALLER,
    LINE,
    NOW,
    PROFILES,
    SESSION,
    TOKEN_KEY,
    ControlPlane,
    CountingCallStore,
    opened,
    token_in,
)

NO_EVIDENCE = {"at_ms": 0, "read_back": None, "caller_turns": []}


@pytest.fixture
def plane() -> ControlPlane:
    return ControlPlane()


def call_token(plane: ControlPlane) -> str:
    return str(opened(plane, plane.ring())["result"]["call_token"])


def tool_request(token: str, tool: str, **arguments: Any) -> dict[str, Any]:
    return {
        "operation": "tool",
        "call_token": token,
        "tool_call_id": "t1",
        "tool": tool,
        "arguments": arguments,
        "evidence": NO_EVIDENCE,
    }


def close_request(token: str, **changes: Any) -> dict[str, Any]:
    said = [{"who": "agent", "text": "Hello", "at_ms": 40}, {"who": "caller", "text": "Hi", "at_ms": 900}]
    return {
        "operation": "close",
        "call_token": token,
        "reason": "goodbye",
        "duration_ms": 61_000,
        "transcript": said,
        **changes,
    }


def error_of(reply: dict[str, Any]) -> dict[str, Any]:
    assert reply["ok"] is False, reply
    assert set(reply["error"]) == {"code", "kind", "message", "retryable"}
    return dict(reply["error"])


def test_open_returns_a_call_token_and_everything_the_bridge_needs(plane: ControlPlane) -> None:
    result = opened(plane, plane.ring())["result"]
    context, profile = result["context"], PROFILES[LINE.business_id]
    assert set(context) == {
        "business", "session_id", "direction", "a_number_masked",
        "agent", "language", "instructions", "voice", "tools", "greeting", "recording",
        "retention", "stop", "phrases", "other_phrases", "limits", "stream", "handoff", "opening",
        "answering",
    }  # fmt: skip
    assert context["business"] == {"id": profile.business_id, "name": profile.name, "zone": profile.zone}
    assert context["limits"] == {"max_call_s": 900}
    assert context["stream"] == {"rate_hz": 16000, "track": "inbound_track"}
    assert set(context["phrases"]) == set(PHRASES)
    assert profile.name in context["greeting"]
    assert "commitProposal" in [tool["name"] for tool in context["tools"]]
    token = plane.signer.read_call_token(result["call_token"], now=NOW)
    assert (token.session_id, token.business_id, token.a_number, token.level) == (
        SESSION, LINE.business_id, CALLER, Level.CLAIMED,
    )  # fmt: skip


def test_open_marks_the_call_answered_and_opened(plane: ControlPlane) -> None:
    opened(plane, plane.ring())
    call = plane.calls.call(SESSION)
    assert call is not None
    assert (call.status, call.opened_at) == (CallStatus.ANSWERED, NOW)


def test_a_stream_token_opens_once(plane: ControlPlane) -> None:
    document = plane.ring()
    assert opened(plane, document)["ok"] is True
    error = error_of(opened(plane, document))
    assert (error["kind"], error["code"]) == ("Conflict", "token_used")


def test_a_stream_token_does_not_open_a_call_that_is_over(plane: ControlPlane) -> None:
    document = plane.ring()
    plane.ring("Completed")
    assert error_of(opened(plane, document))["code"] == "call_over"


def test_a_call_that_the_store_missed_is_entered_when_the_bridge_opens_it(plane: ControlPlane) -> None:
    token = plane.signer.stream_token(SESSION, LINE.business_id, issued_at=NOW, release="r1")
    assert opened(plane, f'token={token}"')["ok"] is True
    call = plane.calls.call(SESSION)
    assert call is not None
    assert (call.a_number, call.b_number, call.opened_at) == (None, LINE.number, NOW)


def test_a_tool_runs_for_the_call_that_its_token_names(plane: ControlPlane) -> None:
    reply = plane.tools(tool_request(call_token(plane), "endCall"), None)
    assert reply["ok"] is True
    assert set(reply["result"]) == {"payload", "nonce", "end_call", "handoff", "language", "recording"}  # type: ignore[call-overload]
    assert reply["result"]["payload"]["status"] == "ok"  # type: ignore[index]
    assert reply["result"]["end_call"] is True  # type: ignore[index]


def test_what_was_done_is_logged_by_the_id_of_its_call_and_a_beat_is_not(plane: ControlPlane) -> None:
    token = call_token(plane)
    plane.logged.seek(0)
    plane.logged.truncate()
    assert plane.tools({"operation": "beat", "bridge": "b1", "calls": [SESSION]}, None)["ok"]
    assert plane.logged.getvalue() == ""
    assert plane.tools(tool_request(token, "endCall"), None)["ok"]
    assert f'"session_id":"{SESSION}"' in plane.logged.getvalue()
    assert "unclassified" not in plane.logged.getvalue()


def test_an_unknown_tool_is_a_refusal_for_the_model_and_no_error(plane: ControlPlane) -> None:
    reply = plane.tools(tool_request(call_token(plane), "dropTables"), None)
    assert reply["result"]["payload"]["status"] == "refused"  # type: ignore[index]


@pytest.mark.parametrize("age_s", [900 + 3_600 + 120, 24 * 3_600])
def test_an_old_call_token_is_refused(plane: ControlPlane, age_s: int) -> None:
    token = call_token(plane)
    plane.clock.advance(age_s)
    error = error_of(plane.tools(tool_request(token, "endCall"), None))
    assert (error["kind"], error["code"]) == ("Unauthorized", "token_expired")


def test_a_stream_token_is_no_call_token_and_a_call_token_no_stream_token(plane: ControlPlane) -> None:
    document = plane.ring()
    stream_token = token_in(document)
    assert error_of(plane.tools(tool_request(stream_token, "endCall"), None))["kind"] == "Unauthorized"
    grant = opened(plane, document)["result"]["call_token"]
    assert error_of(opened(plane, f'token={grant}"'))["kind"] == "Unauthorized"


def test_close_ends_the_call_and_keeps_what_was_heard(plane: ControlPlane) -> None:
    token = call_token(plane)
    plane.clock.advance(61)
    assert plane.tools(close_request(token), None) == {"ok": True, "result": {}}
    call = plane.calls.call(SESSION)
    assert call is not None
    assert (call.status, call.ended_at, call.hangup_cause) == (
        CallStatus.COMPLETED,
        NOW + timedelta(seconds=61),
        "goodbye",
    )
    closing = plane.closings.closings[SESSION]
    assert [(said.who, said.text) for said in closing.transcript] == [("agent", "Hello"), ("caller", "Hi")]


def test_close_keeps_what_the_models_used_and_how_the_time_was_spent(plane: ControlPlane) -> None:
    usage = [{"engine": "gemini", "model": "m", "meters": {"text_in": 900}, "turns": 3, "silent_turns": 1}]
    shares = {"total_ms": 9, "agent_ms": 2, "caller_ms": 3, "tools_ms": 0, "hold_ms": 0, "silence_ms": 4}
    assert plane.tools(close_request(call_token(plane), usage=usage, shares=shares), None)["ok"] is True
    closing = plane.closings.closings[SESSION]
    assert closing.usage == (ModelUsage("gemini", "m", {Meter.TEXT_IN: 900}, 3, 1),)
    assert closing.shares == CallShares(total_ms=9, agent_ms=2, caller_ms=3, silence_ms=4)


@pytest.mark.parametrize("trimming", ["much", 7, None, {}, [[]], [{"engine": 7}], [{"meters": {"text_in": -1}}]])
def test_no_close_is_refused_for_figures_that_are_none(plane: ControlPlane, trimming: object) -> None:
    assert plane.tools(close_request(call_token(plane), usage=trimming, shares=trimming), None)["ok"] is True
    closing = plane.closings.closings[SESSION]
    assert (closing.usage, closing.shares) == ((), None)


def test_a_call_that_lost_every_model_leaves_a_task_to_call_back_with_the_facts_so_far(plane: ControlPlane) -> None:
    token = call_token(plane)
    fact = {
        "tool": "proposeBooking",
        "arguments": {"service": "cleaning", "when": "friday at two"},
        "result": {"status": "proposed", "say": "Shall I book it?"},
    }
    for _ in range(2):
        plane.tools(close_request(token, reason="model_lost", facts=[fact]), None)
    (task,) = plane.callbacks.tasks.values()
    assert (task.session_id, task.number, task.reason) == (SESSION, CALLER, "model_lost")
    assert task.notes == (
        "agent: Hello",
        "caller: Hi",
        "proposeBooking: proposed Shall I book it?",
    )


def test_a_call_that_ended_well_leaves_no_task(plane: ControlPlane) -> None:
    plane.tools(close_request(call_token(plane)), None)
    assert plane.callbacks.tasks == {}


def test_the_first_close_stands(plane: ControlPlane) -> None:
    token = call_token(plane)
    plane.tools(close_request(token), None)
    assert plane.tools(close_request(token, reason="idle"), None)["ok"] is True
    assert plane.closings.closings[SESSION].reason == "goodbye"


@pytest.mark.parametrize(
    "change",
    [
        {"price": 1}, {"lvl": "verified"}, {"business_id": "other"}, {"evidence": {**NO_EVIDENCE, "heard": True}},
        {"operation": "refund"}, {"operation": None}, {"tool": 7}, {"arguments": []}, {"arguments": {"x": "y" * 20_000}},
        {"call_token": ""}, {"evidence": {**NO_EVIDENCE, "at_ms": -1}}, {"evidence": {**NO_EVIDENCE, "at_ms": "1"}},
        {"evidence": {**NO_EVIDENCE, "caller_turns": [{"started_at_ms": 0, "ended_at_ms": 1}] * 17}},
    ],
)  # fmt: skip
def test_a_request_with_anything_undeclared_is_refused(plane: ControlPlane, change: dict[str, Any]) -> None:
    request = {**tool_request(call_token(plane), "endCall"), **change}
    assert error_of(plane.tools(request, None))["kind"] == "RejectedInput"


@pytest.mark.parametrize("event", [None, [], "open", 7, {}, {"operation": "open"}])
def test_an_invocation_that_is_no_request_is_refused(plane: ControlPlane, event: object) -> None:
    assert error_of(plane.tools(event, None))["kind"] == "RejectedInput"


def test_a_message_never_repeats_what_was_sent(plane: ControlPlane) -> None:
    request = {**tool_request("secret-token-text", "endCall"), "tool": "Amina Otieno " * 30}
    assert "Amina" not in str(plane.tools(request, None))


def test_a_store_that_is_down_is_unavailable_and_retryable() -> None:
    class Down(CountingCallStore):
        def call(self, session_id: SessionId) -> Any:
            raise Unavailable("store_unavailable")

    plane = ControlPlane(calls=Down())
    token = plane.signer.stream_token(SESSION, LINE.business_id, issued_at=NOW, release="r1")
    error = error_of(opened(plane, f'token={token}"'))
    assert (error["kind"], error["retryable"]) == ("Unavailable", True)


def test_what_nobody_expected_is_indeterminate_and_logged_without_content() -> None:
    class Broken(CountingCallStore):
        def call(self, session_id: SessionId) -> Any:
            raise ZeroDivisionError("Amina Otieno +254700000001")

    plane = ControlPlane(calls=Broken())
    token = plane.signer.stream_token(SESSION, LINE.business_id, issued_at=NOW, release="r1")
    reply = opened(plane, f'token={token}"')
    assert error_of(reply)["kind"] == "Indeterminate"
    assert "Amina" not in str(reply) + plane.logged.getvalue()
    assert "ZeroDivisionError" in plane.logged.getvalue()


def test_a_call_token_signed_with_another_key_is_refused(plane: ControlPlane) -> None:
    from pokea.adapters.tokens import TokenSigner

    other = TokenSigner(TOKEN_KEY[::-1])
    token = other.stream_token(SESSION, LINE.business_id, issued_at=NOW, release="r1")
    assert error_of(opened(plane, f'token={token}"'))["code"] == "token_invalid"
