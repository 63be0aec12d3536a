from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pokea import calls
from pokea.calls import TABLE, TERMINAL, Call, CallStatus, Direction, Kind, apply
from pokea.errors import Conflict, Misuse
from pokea.events import (
    CallAnswered,
    CallEnded,
    CallFact,
    CallRang,
    CarrierIdLearned,
    StreamFailed,
    StreamStarted,
    StreamStopped,
)
from pokea.ids import BusinessId, CallId, SessionId
from pokea.phone_numbers import E164

T0 = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
RINGING = Call(
    session_id=SessionId("HD_0123456789ab"),
    business_id=BusinessId("whitedent"),
    agent="booking",
    direction=Direction.INBOUND,
    a_number=E164("+254722000111"),
    b_number=E164("+254711000001"),
    status=CallStatus.RINGING,
    created_at=T0,
)


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def told(call: Call, *facts: CallFact) -> Call:
    for fact in facts:
        call = apply(call, fact)
    return call


COMPLETED = CallEnded(at=after(75), status=CallStatus.COMPLETED, duration_s=73, hangup_cause="normal_clearing")


def test_a_call_goes_through_its_life() -> None:
    call = told(RINGING, CallRang(at=after(0)), StreamStarted(at=after(2)), CallAnswered(at=after(1)))
    assert (call.status, call.answered_at) == (CallStatus.ANSWERED, after(1))
    call = told(call, StreamStopped(at=after(74)), COMPLETED)
    assert (call.status, call.ended_at, call.duration_s) == (CallStatus.COMPLETED, after(75), 73)
    assert call.hangup_cause == "normal_clearing"
    assert calls.is_over(call)


@pytest.mark.parametrize("fact", [CallRang(at=after(0)), StreamStopped(at=after(3))])
def test_facts_that_say_nothing_new_return_the_same_object(fact: CallFact) -> None:
    for status in CallStatus:
        call = replace(RINGING, status=status)
        assert apply(call, fact) is call


def test_late_ringing_after_completed_is_ignored() -> None:
    over = told(RINGING, COMPLETED)
    assert apply(over, CallRang(at=after(90))) is over


def test_a_duplicate_is_ignored() -> None:
    over = told(RINGING, CallAnswered(at=after(1)), COMPLETED)
    assert apply(over, COMPLETED) is over
    assert apply(over, CallAnswered(at=after(1))) is over


def test_an_answer_reported_after_the_end_fills_the_time_and_keeps_the_end() -> None:
    over = told(RINGING, COMPLETED, CallAnswered(at=after(2)))
    assert (over.status, over.answered_at, over.ended_at) == (CallStatus.COMPLETED, after(2), after(75))


def test_an_answer_received_a_day_late_was_not_given_after_the_end() -> None:
    over = told(RINGING, COMPLETED, CallAnswered(at=after(86_400)))
    assert over.answered_at == over.ended_at == after(75)


def test_completed_may_be_the_first_thing_we_hear() -> None:
    assert told(RINGING, COMPLETED).status is CallStatus.COMPLETED


def test_a_stream_that_never_opened_fails_the_call() -> None:
    call = told(RINGING, StreamFailed(at=after(3), reason="connect_refused"))
    assert (call.status, call.stream_failed) == (CallStatus.FAILED, "connect_refused")


def test_a_stream_that_broke_after_opening_only_marks_the_call() -> None:
    call = told(calls.opened(RINGING, after(2)), CallAnswered(at=after(1)), StreamFailed(at=after(30), reason="1006"))
    assert (call.status, call.stream_failed) == (CallStatus.ANSWERED, "1006")
    assert told(call, COMPLETED).status is CallStatus.COMPLETED


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_every_end_ends_a_ringing_and_an_answered_call(status: CallStatus) -> None:
    end = CallEnded(at=after(9), status=status)
    assert told(RINGING, end).status is status
    assert told(RINGING, CallAnswered(at=after(1)), end).status is status


def test_the_carrier_id_is_kept_whenever_it_comes() -> None:
    fact = CarrierIdLearned(at=after(80), call_id=CallId("7c9e"))
    assert told(RINGING, COMPLETED, fact).carrier_call_id == "7c9e"
    assert told(RINGING, fact, COMPLETED).carrier_call_id == "7c9e"


def test_only_a_terminal_status_ends_a_call() -> None:
    with pytest.raises(Misuse, match="does not end"):
        CallEnded(at=T0, status=CallStatus.ANSWERED)
    with pytest.raises(Misuse, match="less than nothing"):
        CallEnded(at=T0, status=CallStatus.COMPLETED, duration_s=-1)


def test_a_repeated_hook_keeps_the_birth_of_the_stream_token() -> None:
    issued = calls.issue(RINGING, after(0.1))
    assert issued.stream_issued_at == after(0.1)
    assert calls.issue(issued, after(5)) is issued


def test_a_stream_token_is_used_once_and_not_after_the_end() -> None:
    open_call = calls.opened(RINGING, after(1))
    assert open_call.opened_at == after(1)
    with pytest.raises(Conflict) as used:
        calls.opened(open_call, after(2))
    assert used.value.code == "token_used"
    with pytest.raises(Conflict) as over:
        calls.opened(told(RINGING, COMPLETED), after(80))
    assert over.value.code == "call_over"


def test_the_table_answers_every_question() -> None:
    assert set(TABLE) == {(status, kind) for status in CallStatus for kind in Kind}


def test_no_fact_brings_an_ended_call_back() -> None:
    assert all(TABLE[status, kind] in TERMINAL for status in TERMINAL for kind in Kind)


def test_the_diagram_draws_every_change_and_no_more() -> None:
    drawn = {
        (line.split()[0], line.split()[2].rstrip(":"))
        for line in calls.diagram().splitlines()
        if "-->" in line and "[*]" not in line
    }
    assert drawn == {(before.value, now.value) for (before, _), now in TABLE.items() if before is not now}
    assert calls.diagram().startswith("stateDiagram-v2\n")
