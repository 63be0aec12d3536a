"""functions/stream_status: what the carrier reports about streams and calls."""

from __future__ import annotations

from typing import Any

import pytest

from pokea.calls import CallStatus
from pokea.errors import Unavailable
from pokea.ids import SessionId
from tests.support.control_plane import (
    CALLER,
    LINE,
    NOW,
    SESSION,
    ControlPlane,
    CountingCallStore,
    form,
    opened,
    posted,
)

CALL_ID = "0f9c1b7e-5a7d-4c1e-9a51-2f6a3c1d8e90"


@pytest.fixture
def plane() -> ControlPlane:
    return ControlPlane()


def report(plane: ControlPlane, fields: dict[str, Any], path: str = "/stream-status", **options: Any) -> int:
    options.setdefault("content_type", "application/json")
    return int(plane.events(posted(path, fields, **options), None)["statusCode"])


def envelope_a(kind: str, **data: Any) -> dict[str, Any]:
    inside = {"call_id": CALL_ID, "pbx_call_id": SESSION, "direction": "inbound", "from": CALLER, "to": LINE.number}
    return {"kind": kind, "event_id": f"evt_{kind}", "occurred_at": NOW.isoformat(), "data": {**inside, **data}}


def test_a_stream_that_never_connected_fails_the_call_and_leaves_a_callback_task(
    plane: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    plane.ring()
    error = {"streamEvent": "stream-error", "name": SESSION, "error": "connection refused"}
    assert report(plane, error) == 200
    call = plane.calls.call(SESSION)
    assert call is not None
    assert (call.status, call.stream_failed) == (CallStatus.FAILED, "connection refused")
    task = plane.callbacks.tasks[SESSION]
    assert (task.business_id, task.number, task.reason) == (LINE.business_id, CALLER, "connection refused")
    assert '"moment":"never_connected"' in capsys.readouterr().out


def test_a_stream_that_broke_in_mid_call_is_recorded_and_nothing_more(
    plane: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(plane, plane.ring())
    assert report(plane, {"streamEvent": "stream-error", "sessionId": SESSION}) == 200
    call = plane.calls.call(SESSION)
    assert call is not None
    assert (call.status, call.stream_failed) == (CallStatus.ANSWERED, "stream_error")
    assert plane.callbacks.tasks == {}
    assert '"moment":"mid_call"' in capsys.readouterr().out


def test_a_repeated_delivery_counts_once(plane: ControlPlane, capsys: pytest.CaptureFixture[str]) -> None:
    plane.ring()
    for _ in range(4):
        assert report(plane, {"streamEvent": "stream-error", "sessionId": SESSION}) == 200
    assert len(plane.callbacks.tasks) == 1
    assert capsys.readouterr().out.count('"StreamFailed":[') == 1


def test_a_delivery_that_failed_half_way_is_taken_in_full_the_next_time() -> None:
    class Forgetful(CountingCallStore):
        broken = True

        def first_sight(self, session_id: SessionId, event_id: str, at: Any) -> bool:
            if self.broken:
                raise Unavailable("store_unavailable")
            return super().first_sight(session_id, event_id, at)

    plane = ControlPlane(calls=(store := Forgetful()))
    plane.ring()
    error = {"streamEvent": "stream-error", "sessionId": SESSION}
    assert report(plane, error) == 503
    store.broken = False
    assert report(plane, error) == 200
    assert list(plane.callbacks.tasks) == [SESSION]


@pytest.mark.parametrize(
    "event",
    [
        envelope_a("call.completed", status="completed", duration_seconds=73, hangup_cause="normal_clearing"),
        {
            "event_kind": "call.completed",
            "event_id": "evt_b",
            "payload": {
                "pbx_call_id": SESSION,
                "id": CALL_ID,
                "duration_seconds": "73",
                "hangup_cause": "normal_clearing",
            },
        },
        {**form("Completed"), "durationInSeconds": "73", "id": CALL_ID, "hangup_cause": "normal_clearing"},
    ],
    ids=["kind-data", "event_kind-payload", "forwarded"],
)
def test_each_of_the_three_envelopes_ends_the_call_alike(plane: ControlPlane, event: dict[str, Any]) -> None:
    plane.ring()
    assert report(plane, event, "/call-events") == 200
    call = plane.calls.call(SESSION)
    assert call is not None
    assert (call.status, call.duration_s, call.hangup_cause) == (CallStatus.COMPLETED, 73, "normal_clearing")
    assert call.carrier_call_id == CALL_ID


@pytest.mark.parametrize(
    ("reason", "status"),
    [("no_answer", CallStatus.NO_ANSWER), ("busy", CallStatus.BUSY), ("network", CallStatus.FAILED)],
)
def test_a_failed_call_is_named_by_its_reason(plane: ControlPlane, reason: str, status: CallStatus) -> None:
    plane.ring()
    assert report(plane, envelope_a("call.failed", failure_reason=reason), "/call-events") == 200
    call = plane.calls.call(SESSION)
    assert call is not None
    assert call.status is status


def test_an_event_before_the_first_ring_creates_the_call(plane: ControlPlane) -> None:
    assert report(plane, envelope_a("call.started"), "/call-events") == 200
    assert "<Stream" in plane.ring()


@pytest.mark.parametrize(
    "kind", ["call.recording.ready", "call.supervision.started", "wallet.low_balance", "number.released"]
)
def test_events_of_no_consequence_are_acknowledged(plane: ControlPlane, kind: str) -> None:
    plane.ring()
    before = plane.calls.call(SESSION)
    assert report(plane, envelope_a(kind, status="completed"), "/call-events") == 200
    after = plane.calls.call(SESSION)
    assert before is not None and after is not None
    assert after.status is before.status


def test_an_event_that_names_no_session_is_acknowledged_and_counted(
    plane: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(plane, {"kind": "call.completed", "data": {"call_id": CALL_ID}}, "/call-events") == 200
    assert "EventWithoutCall" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["/stream-status", "/call-events"])
@pytest.mark.parametrize("secret", [None, "wrong-secret-wrong-secret"])
def test_a_report_by_another_path_is_refused_and_leaves_no_trace(path: str, secret: str | None) -> None:
    plane = ControlPlane(calls=(store := CountingCallStore()))
    assert report(plane, form("Completed"), path, secret=secret) == 401
    assert store.touched == 0


def test_a_store_that_fails_asks_for_another_delivery() -> None:
    class Down(CountingCallStore):
        def call(self, session_id: SessionId) -> Any:
            raise Unavailable("store_unavailable")

    assert report(ControlPlane(calls=Down()), form("Completed")) == 503
