from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pokea.call_status import CallStatus
from pokea.errors import RejectedInput
from pokea.events import CallAnswered, CallEnded, CallRang, CarrierIdLearned, StreamFailed
from pokea.phone_numbers import E164
from pokea.sautikit import hook_names
from pokea.sautikit.hook_names import HookState
from pokea.sautikit.hooks import Hook, facts_of, oriented, parse_hook

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
UUID = "0f9c1b7e-5a7d-4c1e-9a51-2f6a3c1d8e90"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OWN, CALLER = E164("+254711000001"), E164("+254700000001")


def form(**fields: str) -> Hook:
    return parse_hook(urlencode(fields).encode(), FORM)


def as_json(**fields: Any) -> Hook:
    return parse_hook(json.dumps(fields).encode(), JSON)


@pytest.mark.parametrize("name", [*hook_names.SESSION, *hook_names.EITHER_ID])
def test_the_session_id_is_found_under_every_name(name: str) -> None:
    hook = form(**{name: "HD_1a2b3c4d5e6f", "callSessionState": "Ringing"})
    assert (hook.session_id, hook.call_id) == ("HD_1a2b3c4d5e6f", None)


@pytest.mark.parametrize("name", hook_names.EITHER_ID)
def test_a_uuid_is_the_rest_id_wherever_it_stands(name: str) -> None:
    hook = as_json(data={name: UUID, "sessionId": "HD_1"}, kind="call.started")
    assert (hook.session_id, hook.call_id) == ("HD_1", UUID)


@pytest.mark.parametrize("outer", hook_names.ENVELOPES)
def test_an_id_may_be_nested(outer: str) -> None:
    assert as_json(**{outer: {"id": "HD_77"}}).session_id == "HD_77"


def test_a_stream_event_without_a_session_is_known_by_the_name_we_gave_the_stream() -> None:
    hook = form(name="HD_77", streamSid="st_1", streamEvent="stream-started")
    assert (hook.session_id, hook.state) == ("HD_77", HookState.STREAM_STARTED)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"callSessionState": "Ringing"}, HookState.RINGING),
        ({}, HookState.RINGING),
        ({"callSessionState": "Answered"}, HookState.ANSWERED),
        ({"callSessionState": "Answered", "streamEvent": "stream-started"}, HookState.STREAM_STARTED),
        ({"callSessionState": "Completed", "streamEvent": "stream-stopped"}, HookState.COMPLETED),
        ({"callSessionState": "StreamError"}, HookState.STREAM_ERROR),
        ({"streamStatus": "completed"}, HookState.STREAM_STOPPED),
        ({"streamStatus": "failed"}, HookState.STREAM_ERROR),
        ({"callSessionState": "dial-completed"}, HookState.DIAL_COMPLETED),
        ({"callSessionState": "Ringing", "isActive": "0"}, HookState.COMPLETED),
        ({"isActive": "false"}, HookState.COMPLETED),
        ({"callSessionState": "Answered", "isActive": "0"}, HookState.ANSWERED),
        ({"status": "no-answer"}, HookState.NO_ANSWER),
        ({"callSessionState": "Failed", "hangup_cause": "USER_BUSY"}, HookState.BUSY),
        ({"callSessionState": "Failed", "hangup_cause": "ORIGINATOR_CANCEL"}, HookState.CANCELED),
        ({"callSessionState": "Teleported"}, HookState.UNKNOWN),
        ({"kind": "call.failed", "status": "no_answer"}, HookState.NO_ANSWER),
        ({"kind": "call.recording.ready", "status": "completed"}, HookState.OTHER),
        ({"kind": "wallet.low_balance"}, HookState.OTHER),
    ],
)
def test_the_state_of_a_hook(fields: dict[str, str], state: HookState) -> None:
    assert form(sessionId="HD_1", **fields).state is state


def test_the_state_may_stand_in_a_header() -> None:
    hook = parse_hook(b'{"data":{"sessionId":"HD_1"}}', {**JSON, "x-sautikit-event": "call.completed"})
    assert hook.state is HookState.COMPLETED


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+254700000001", CALLER),
        ("254700000001", CALLER),
        ("00254700000001", CALLER),
        (" 254700000001", CALLER),
        ("+254 700-000 001", CALLER),
        ("0700000001", None),
        ("anonymous", None),
        ("+2547٠٠٠٠٠٠٠١", None),
        ("sip:alice@example.com", None),
    ],
)
def test_caller_numbers(text: str, number: E164 | None) -> None:
    assert form(sessionId="HD_1", callerNumber=text).a_number == number


def test_a_plus_that_nobody_escaped_is_still_a_plus() -> None:
    assert parse_hook(b"sessionId=HD_1&callerNumber=+254700000001", FORM).a_number == CALLER


def test_the_dialled_number_may_stand_behind_a_client_name() -> None:
    assert form(sessionId="HD_1", destinationNumber="agent-7", clientDialedNumber=OWN).b_number == OWN


def test_swapped_numbers_are_put_right_only_when_the_caller_is_our_own_line() -> None:
    swapped = Hook(state=HookState.RINGING, a_number=OWN, b_number=CALLER)
    assert (oriented(swapped, [OWN]).a_number, oriented(swapped, [OWN]).b_number) == (CALLER, OWN)
    assert oriented(swapped, [OWN, CALLER]) is swapped
    assert oriented(swapped, []) is swapped


def test_a_call_of_ours_is_not_swapped() -> None:
    placed = Hook(state=HookState.RINGING, a_number=OWN, b_number=CALLER, outbound=True)
    assert oriented(placed, [OWN]) is placed
    assert (
        form(sessionId="HD_1", direction="Outbound").outbound
        and not form(sessionId="HD_1", direction="Inbound").outbound
    )


def test_the_label_comes_from_the_body_or_the_query() -> None:
    assert form(sessionId="HD_1", clientRequestId="pk1").client_request_id == "pk1"
    assert parse_hook(b"sessionId=HD_1", FORM, {"clientRequestId": "pk2"}).client_request_id == "pk2"
    assert form(sessionId="HD_1", clientRequestId="a b").client_request_id is None


@pytest.mark.parametrize("session", ["attempt/pk1", "HD 1", "../x", "a" * 200, "é", "HD_1\n"])
def test_a_session_id_that_no_switch_gives_is_refused(session: str) -> None:
    if session == "HD_1\n":  # surrounding white space is nobody's business
        assert form(sessionId=session).session_id == "HD_1"
        return
    with pytest.raises(RejectedInput):
        form(sessionId=session)


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"', b'{"a":' * 100_000, b"\xff", b"x" * 300_000])
def test_what_is_no_hook_is_refused(body: bytes) -> None:
    with pytest.raises(RejectedInput):
        parse_hook(body, JSON)


@given(st.binary(max_size=300), st.sampled_from([FORM, JSON, {}]))
def test_any_bytes_are_a_hook_or_are_refused(body: bytes, headers: dict[str, str]) -> None:
    try:
        hook = parse_hook(body, headers)
    except RejectedInput:
        return
    facts_of(hook, NOW)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(
    [name for row in vars(hook_names).values() if isinstance(row, tuple) for name in row if isinstance(name, str)]
)


@given(st.dictionaries(_NAMES, _VALUES, max_size=8), st.dictionaries(_NAMES, _VALUES, max_size=8))
def test_known_names_with_any_values_are_a_hook_or_are_refused(outer: dict[str, Any], inner: dict[str, Any]) -> None:
    try:
        hook = as_json(**{**outer, "data": inner})
    except RejectedInput:
        return
    facts_of(hook, NOW)


def test_a_repeated_delivery_is_known_by_its_event_id_then_its_header_then_its_bytes() -> None:
    assert as_json(event_id="evt_1").event_id == "evt_1"
    assert parse_hook(b"{}", {**JSON, "x-sautikit-event-id": "evt_2"}).event_id == "evt_2"
    assert parse_hook(b"{}", {**JSON, "x-sautikit-idempotency-key": "key"}).event_id == "key"
    assert as_json(a=1).event_id == as_json(a=1).event_id != as_json(a=2).event_id


def test_facts_of_a_completed_call_carry_the_carriers_own_times() -> None:
    hook = as_json(
        kind="call.completed",
        occurred_at="2026-11-23T08:59:30Z",
        data={
            "pbx_call_id": "HD_1",
            "call_id": UUID,
            "answered_at": "2026-11-23T08:58:00+00:00",
            "ended_at": "2026-11-23T11:59:13+03:00",
            "duration_seconds": 73,
            "hangup_cause": "normal_clearing",
        },
    )
    assert facts_of(hook, NOW) == (
        CarrierIdLearned(at=datetime(2026, 11, 23, 8, 59, 30, tzinfo=UTC), call_id=hook.call_id),  # type: ignore[arg-type]
        CallAnswered(at=datetime(2026, 11, 23, 8, 58, tzinfo=UTC)),
        CallEnded(
            at=datetime(2026, 11, 23, 8, 59, 13, tzinfo=UTC),
            status=CallStatus.COMPLETED,
            duration_s=73,
            hangup_cause="normal_clearing",
        ),
    )


def test_a_time_in_the_future_is_taken_as_the_time_of_receipt() -> None:
    hook = Hook(state=HookState.RINGING, occurred_at=NOW + timedelta(hours=5))
    assert facts_of(hook, NOW) == (CallRang(at=NOW),)


def test_a_stream_error_carries_its_reason() -> None:
    hook = form(sessionId="HD_1", streamEvent="stream-error", error="refused\x07" + "x" * 500)
    (fact,) = facts_of(hook, NOW)
    assert isinstance(fact, StreamFailed)
    assert fact.reason == ("refused" + "x" * 500)[:80]
