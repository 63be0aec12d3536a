"""events/*.json: one realistic input per function and case, taken by the real handlers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pokea.call_record import CALL_RECORD
from pokea.calls import CallStatus
from tests.support.control_plane import LINE, SESSION, ControlPlane, token_in

FOLDER = Path(__file__).resolve().parents[2] / "events"
EXAMPLE_SECRET = "a-path-secret-for-examples"


def event(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


@pytest.fixture
def plane() -> ControlPlane:
    return ControlPlane(environ={"POKEA_WEBHOOK_PATH_SECRET": EXAMPLE_SECRET})


def test_a_whole_call_from_the_example_events(plane: ControlPlane) -> None:
    ringing = plane.voice(event("ringing"), None)
    assert ringing["statusCode"] == 200
    assert plane.voice(event("answered"), None)["body"] == ringing["body"]
    opened = plane.tools({**event("tools-open"), "token": token_in(ringing["body"])}, None)
    call_token = opened["result"]["call_token"]  # type: ignore[index]
    found = plane.tools({**event("tools-tool"), "call_token": call_token}, None)
    assert found["ok"] is True
    asked = plane.tools({**event("tools-handoff"), "call_token": call_token}, None)
    assert asked["error"]["code"] == "not_your_handoff"  # type: ignore[index]  # nobody was handed over
    assert plane.tools({**event("tools-close"), "call_token": call_token}, None)["ok"] is True
    assert plane.records(event("ended"), None) == {"batchItemFailures": []}
    assert plane.bookings.record(CALL_RECORD, LINE.business_id, SESSION) is not None
    assert "<Stream" not in plane.voice(event("completed"), None)["body"]
    assert plane.events(event("call-completed"), None)["statusCode"] == 200
    call = plane.calls.call(SESSION)
    assert call is not None
    assert (call.status, call.duration_s, call.b_number) == (CallStatus.COMPLETED, 73, LINE.number)


def test_a_stream_error_from_the_example_event(plane: ControlPlane) -> None:
    plane.voice(event("ringing"), None)
    assert plane.events(event("stream-error"), None)["statusCode"] == 200
    assert SESSION in plane.callbacks.tasks


def test_every_example_is_used_or_is_an_event_of_the_api() -> None:
    used = {
        "ringing",
        "answered",
        "completed",
        "stream-error",
        "call-completed",
        "tools-open",
        "tools-tool",
        "tools-handoff",
        "tools-close",
        "ended",
        "deliveries",  # by tests/unit/functions/test_shipments.py
        "cdr",  # by tests/unit/functions/test_cdr_events.py
        "cdr-reconcile",
        "cdr-night",
        "cdr-final",
        "reports",  # by tests/unit/functions/test_reports.py
        "reports-schedule",
        "wallet",  # by tests/unit/functions/test_wallet.py
        "dial",  # by tests/unit/functions/test_dialer.py
        "campaign-due",  # by tests/unit/functions/test_campaigns_api.py
        "campaigns-plan",
        "reaper",  # by tests/unit/functions/test_reaper.py
        "task-stopped",
        "tools-beat",
        "calendars",  # by tests/faults/test_f3_11_artefacts.py
        "campaign-ended",
        "campaign-finished",
        "lead-qualified",  # by tests/contract/test_webhook_events.py
        "wallet-low",
        "spend-cap-reached",  # by tests/unit/adapters/test_spend_books.py
    }
    assert {path.stem for path in FOLDER.glob("*.json")} == used | {"calls", "healthz", "shipments", "card"}
    for name in ("calls", "healthz", "shipments", "card"):
        assert event(name)["version"] == "2.0"
