"""Calls of which no bridge told how they ended, and calls that were left to the carrier to dial: one record each, and a true one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.records.secretary import Patience
from pokea.call_outcomes import Disposition
from pokea.call_record import CALL_RECORD, CallRecord
from pokea.call_summary import Summary
from pokea.errors import Unavailable
from pokea.ids import SessionId
from tests.support.control_plane import LINE, SESSION, ControlPlane, form, opened, posted
from tests.support.dialling import DiallingPlane
from tests.support.handed_over import HandOver


def the_record(plane: ControlPlane) -> CallRecord:
    (record,) = plane.bookings.all_records(CALL_RECORD)
    return record


def told_later(plane: ControlPlane) -> str:
    """The message that is heard five minutes after the carrier's word that the call is over."""
    (told,) = set(plane.delayed)
    assert told[1] == 300
    return told[0]


@pytest.mark.parametrize("route", ["/voice", "/call-events"])
def test_a_call_whose_bridge_died_leaves_a_record_of_that(route: str) -> None:
    plane = ControlPlane()
    opened(plane, plane.ring())
    plane.clock.advance(40)
    hang_up = posted(route, form("Completed", durationInSeconds="38"))
    (plane.voice if route == "/voice" else plane.events)(hang_up, None)
    message = told_later(plane)
    plane.clock.advance(300)
    assert plane.write_records(message) == []
    record = the_record(plane)
    assert (record.disposition, record.reason, record.duration_ms) == (Disposition.FAILED, "bridge_error", 38_000)
    assert (record.transcript_lines, record.summary_by) == (0, "rules")


def test_a_call_that_no_bridge_ever_opened_leaves_a_record_too() -> None:
    plane = ControlPlane()
    plane.ring()
    plane.ring("Completed")
    assert plane.write_records(told_later(plane)) == []
    record = the_record(plane)
    assert (record.disposition, record.reason) == (Disposition.ABANDONED, "caller_hung_up")


def test_a_stream_that_never_connected_is_our_failure() -> None:
    plane = ControlPlane()
    plane.ring()
    plane.events(posted("/stream-status", form("StreamError", streamEvent="stream-error", error="refused")), None)
    assert plane.write_records(told_later(plane)) == []
    assert the_record(plane).disposition is Disposition.FAILED
    assert SESSION in plane.callbacks.tasks


def test_a_call_that_was_closed_has_one_record_whatever_the_hooks_add() -> None:
    plane = ControlPlane()
    token = opened(plane, plane.ring())["result"]["call_token"]
    close = {"operation": "close", "call_token": token, "reason": "goodbye", "duration_ms": 9, "transcript": []}
    plane.tools(close, None)
    plane.ring("Completed")
    plane.events(posted("/call-events", form("Completed")), None)
    bodies = [*plane.ended, *(body for body, _ in plane.delayed)]
    assert len(bodies) == 3 and plane.write_records(*bodies) == []
    assert (the_record(plane).reason, the_record(plane).version) == ("goodbye", 1)


def test_a_queue_that_is_down_costs_the_carrier_no_document() -> None:
    plane = ControlPlane()
    plane.ring()

    def down(*_: Any) -> None:
        raise Unavailable("queue_unavailable")

    plane._ended = down  # type: ignore[method-assign, assignment]
    reception = plane.reception()
    from functions.voice import app as voice_app

    plane.voice = voice_app.make_handler(lambda: reception, plane._log("voice"))
    assert "<Response" in plane.ring("Completed")


# --- left to the carrier ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def over() -> HandOver:
    over = HandOver(DiallingPlane())
    over.hand_over()
    request = {
        "operation": "close", "call_token": over.token, "reason": "handed_over", "duration_ms": 1, "transcript": [],
        "tools": [{"name": "handOver", "status": "connecting", "took_ms": 1, "at_ms": 1}],
    }  # fmt: skip
    assert over.plane.tools(request, None)["ok"]
    return over


def dial_message(over: HandOver) -> str:
    """What the close told, to be heard once the dialling must have ended."""
    assert over.plane.ended == []
    body, delay_s = over.plane.delayed[0]
    assert delay_s == 25 + 60
    return body


@pytest.mark.parametrize(
    ("said", "disposition"),
    [
        ("completed", Disposition.HANDED_OVER),
        ("busy", Disposition.NOT_DONE),
        ("no-answer", Disposition.NOT_DONE),
        ("failed", Disposition.NOT_DONE),
    ],
)
def test_the_carriers_word_decides_whether_a_dialled_call_was_handed_over(
    over: HandOver, said: str, disposition: Disposition
) -> None:
    plane = over.plane
    plane.ring("StreamStopped")
    plane.ring("DialCompleted", dialCallStatus=said)
    assert plane.write_records(dial_message(over)) == []
    record = the_record(plane)
    assert record.disposition is disposition
    assert ("connected to a person" in record.summary) is (disposition is Disposition.HANDED_OVER)
    assert (SESSION in plane.callbacks.tasks) is (disposition is Disposition.NOT_DONE)


def test_somebody_who_is_still_talking_is_waited_for_and_not_for_ever(over: HandOver) -> None:
    plane, message = over.plane, dial_message(over)
    plane.ring("StreamStopped")
    plane.clock.advance(85)
    assert plane.write_records(message) == [message]
    assert plane.callbacks.tasks == {}
    plane.clock.advance(20 * 60)
    assert plane.write_records(message) == []
    assert the_record(plane).disposition is Disposition.UNCERTAIN
    assert plane.callbacks.tasks == {}


def test_a_dial_of_which_the_carrier_says_nothing_is_uncertain(over: HandOver) -> None:
    plane = over.plane
    plane.ring("StreamStopped")
    plane.ring("Completed")
    assert plane.write_records(dial_message(over)) == []
    assert the_record(plane).disposition is Disposition.UNCERTAIN


def test_a_caller_who_left_before_anybody_was_dialled_is_owed_a_call(over: HandOver) -> None:
    plane = over.plane
    plane.ring("Completed")
    assert plane.write_records(dial_message(over)) == []
    assert the_record(plane).disposition is Disposition.NOT_DONE
    task = plane.callbacks.tasks[SESSION]
    assert (task.reason, task.expires) == (
        "not_dialled",
        plane.profiles[LINE.business_id].retention.transcript_until(plane.clock.now()),
    )


# --- how long summaries may take ----------------------------------------------------------------------------------------------------


class Slow:
    """Fails as a model does whose answer is late; keeps how long it was given."""

    def __init__(self) -> None:
        self.limits: list[float] = []

    def summary(self, record: CallRecord, closing: Any, limit_s: float) -> Summary:
        self.limits.append(limit_s)
        raise Unavailable("summary_failed")


def closed_calls(plane: ControlPlane, count: int) -> list[str]:
    for number in range(count):
        session = SessionId(f"HD_{number:012x}")
        token = opened(plane, plane.ring(sessionId=session), session)["result"]["call_token"]
        said = [{"who": "caller", "text": "Hello", "at_ms": 1}]
        close = {"operation": "close", "call_token": token, "reason": "goodbye", "duration_ms": 9, "transcript": said}
        plane.tools(close, None)
    return plane.ended


class Context:
    function_name = "records"

    def get_remaining_time_in_millis(self) -> int:
        return 18_000


def test_after_one_failed_summary_the_rest_of_a_batch_is_written_by_rules() -> None:
    plane, model = ControlPlane(), Slow()
    plane.records = plane.records_of(plane.secretary(model))
    assert plane.write_records(*closed_calls(plane, 3)) == []
    assert model.limits == [15.0]
    assert {record.summary_by for record in plane.bookings.all_records(CALL_RECORD)} == {"rules"}
    assert len(plane.bookings.all_records(CALL_RECORD)) == 3


def test_a_summary_gets_what_is_left_of_the_functions_time_and_no_more() -> None:
    from tests.support.control_plane import queue_batch

    plane, model = ControlPlane(), Slow()
    plane.records = plane.records_of(plane.secretary(model))
    (message,) = closed_calls(plane, 1)
    assert plane.records(queue_batch({"m": message}), Context()) == {"batchItemFailures": []}
    assert model.limits == [8.0]


def test_with_no_time_left_no_model_is_asked() -> None:
    plane, model = ControlPlane(), Slow()
    (message,) = closed_calls(plane, 1)
    plane.secretary(model).take(message, "m", Patience(lambda: 9.0))
    assert model.limits == [] and the_record(plane).summary_by == "rules"


def test_nothing_said_does_not_cost_the_next_call_its_summary() -> None:
    plane, model, patience = ControlPlane(), Slow(), Patience()
    plane.ring()
    plane.ring("Completed")
    plane.secretary(model).take(told_later(plane), "m", patience)
    assert patience.limit_s == 15.0
    assert json.loads(told_later(plane))["call"] == SESSION
