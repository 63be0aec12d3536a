"""functions/records: one record of every call that is over, whatever the queue does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pokea.call_outcomes import Disposition
from pokea.call_record import CALL_RECORD, CallRecord
from pokea.errors import Unavailable
from pokea.ids import SessionId
from pokea.sautikit.closings import RecordingPointer
from tests.support.control_plane import (
    LINE,
    PROFILES,
    SESSION,
    ControlPlane,
    opened,
    queue_batch,
)

NO_EVIDENCE = {"at_ms": 0, "read_back": None, "caller_turns": []}


@pytest.fixture
def plane() -> ControlPlane:
    return ControlPlane()


def closed(plane: ControlPlane, session: SessionId = SESSION, **changes: Any) -> str:
    """A call that is over. Returns its call token."""
    document = plane.ring(sessionId=session)
    token = str(opened(plane, document, session)["result"]["call_token"])
    said = [
        {"who": "agent", "text": "Hello", "at_ms": 40},
        {"who": "caller", "text": "A cleaning please", "at_ms": 900},
    ]
    request = {
        "operation": "close",
        "call_token": token,
        "reason": "goodbye",
        "duration_ms": 61_000,
        "transcript": said,
        **changes,
    }
    reply = plane.tools(request, None)
    assert reply["ok"] is True, reply
    return token


def the_record(plane: ControlPlane, session: SessionId = SESSION) -> CallRecord:
    record = plane.bookings.record(CALL_RECORD, LINE.business_id, session)
    assert record is not None
    return record


def used(name: str, status: str) -> dict[str, object]:
    return {"name": name, "status": status, "took_ms": 120, "at_ms": 9_000}


def test_a_call_that_ended_leaves_its_record(plane: ControlPlane) -> None:
    closed(
        plane,
        language="sw",
        latency_ms=[900, 700, 1_100],
        turns=[[4_000, 300, 500, 0, 40, 60], [9_000, 300, 300, 0, 40, 60], [12_000, 300, 400, 300, 40, 60]],
        tools=[used("findTimes", "ok")],
        recording={"key": f"recordings/{LINE.business_id}/2026-11-23/{SESSION}.wav", "bytes": 64_044, "ms": 1_000},
        handoff="ho_1",
    )
    assert plane.write_records() == []
    record = the_record(plane)
    assert (record.disposition, record.reason, record.language) == (Disposition.DELIVERED_INFO, "goodbye", "sw")
    assert (record.latency_ms, record.latency_p50_ms, record.latency_p90_ms) == ((900, 700, 1_100), 900, 1_100)
    assert [turn.latency_ms for turn in record.turns] == [*record.latency_ms]
    assert [*record.latency_parts_p50_ms.values()] == [300, 400, 0, 40, 60]
    assert [(tool.name, tool.status) for tool in record.tools] == [("findTimes", "ok")]
    assert record.recording == RecordingPointer(
        f"recordings/{LINE.business_id}/2026-11-23/{SESSION}.wav", 64_044, 1_000
    )
    assert (record.handoff, record.transcript_lines, record.summary_by) == ("ho_1", 2, "rules")
    assert "A cleaning please" in record.summary
    whats = [moment.what for moment in record.timeline]
    assert whats.index("rang") < whats.index("taken by the bridge") < whats.index("closed: goodbye")


def test_an_older_bridge_that_reports_less_is_understood(plane: ControlPlane) -> None:
    closed(plane)
    plane.write_records()
    record = the_record(plane)
    assert (record.language, record.latency_ms, record.tools, record.recording) == ("", (), (), None)
    assert record.latency_p50_ms is None and record.latency_parts_p50_ms == {}


def test_the_first_record_stands(plane: ControlPlane) -> None:
    closed(plane)
    (message,) = plane.ended
    assert plane.write_records(message, message, message) == []
    first = the_record(plane)
    plane.clock.advance(60)
    assert plane.write_records(message) == []
    assert the_record(plane) == first
    assert first.version == 1


def test_a_close_that_is_repeated_tells_the_queue_again_and_changes_nothing(plane: ControlPlane) -> None:
    token = closed(plane)
    repeated = {"operation": "close", "call_token": token, "reason": "idle", "duration_ms": 1, "transcript": []}
    plane.tools(repeated, None)
    assert len(plane.ended) == 2
    plane.write_records()
    assert the_record(plane).reason == "goodbye"


def test_a_recording_of_another_call_is_not_taken_over(plane: ControlPlane) -> None:
    for key in (
        f"recordings/{LINE.business_id}/2026-11-23/HD_other.wav",
        f"recordings/other/2026-11-23/{SESSION}.wav",
        f"recordings/{LINE.business_id}/../{SESSION}/{SESSION}.wav",
        "x.wav",
    ):
        plane = ControlPlane()
        closed(plane, recording={"key": key, "bytes": 1, "ms": 1})
        assert plane.closings.closings[SESSION].recording is None


@pytest.mark.parametrize(
    "body",
    [
        "", "not json", "[]", "null", "{}", '{"call": 7, "business": "whitedent"}', '{"version": 2, "call": "HD_1", "business": "b"}',
        '{"call": "HD_0a1b2c3d4e5f"}', '{"call": "../x", "business": "b"}', '{"call": "HD_1", "business": "b", "extra": 1}', "x" * 262_144,
        json.dumps({"call": "HD_unknown", "business": "whitedent"}), json.dumps({"call": SESSION, "business": "nobody"}),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_comes_back_alone(plane: ControlPlane, body: str) -> None:
    closed(plane)
    assert plane.write_records(body, plane.ended[0]) == [body]
    assert the_record(plane)


def test_a_call_that_is_not_closed_yet_comes_back(plane: ControlPlane) -> None:
    plane.ring()
    message = json.dumps({"call": SESSION, "business": LINE.business_id})
    assert plane.write_records(message) == [message]


def test_a_record_of_another_business_cannot_be_asked_for(plane: ControlPlane) -> None:
    closed(plane)
    other = next(business for business in plane.profiles if business != LINE.business_id)
    message = json.dumps({"call": SESSION, "business": other})
    assert plane.write_records(message) == [message]
    assert plane.bookings.all_records(CALL_RECORD) == ()


def test_a_store_that_is_down_keeps_every_message_in_the_queue(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise Unavailable("store_unavailable")

    closed(plane)
    monkeypatch.setattr(plane.bookings, "apply", down)
    assert plane.write_records() == plane.ended
    monkeypatch.undo()
    assert plane.write_records() == []
    assert the_record(plane)


def test_the_answer_names_only_what_failed(plane: ControlPlane) -> None:
    closed(plane)
    answer = plane.records(queue_batch({"good": plane.ended[0], "bad": "{"}), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}


def test_how_long_it_is_kept_is_the_businesss_choice() -> None:
    from dataclasses import replace

    from pokea.retention import Retention

    base = ControlPlane()
    profile = replace(base.profiles[LINE.business_id], retention=Retention(transcript_days=3, recording_days=7))
    plane = ControlPlane(profiles={**base.profiles, LINE.business_id: profile})
    closed(plane, recording={"key": f"recordings/{LINE.business_id}/2026-11-23/{SESSION}.wav", "bytes": 9, "ms": 9})
    plane.write_records()
    record = the_record(plane)
    assert (record.kept_until - record.ended_at).days == 3
    assert record.recording_until is not None and (record.recording_until - record.ended_at).days == 7
    assert CALL_RECORD.kept_until(record) == record.kept_until
    closing = plane.closings.closings[SESSION]
    assert closing.kept_until == record.kept_until


def test_an_opt_out_that_the_bridge_did_not_live_to_hear_of_is_in_the_record() -> None:
    """The caller pressed 9 and hung up: the tool wrote the suppression, and the bridge reported no tool."""
    lead = next(profile for profile in PROFILES.values() if profile.line.agent == "leads")
    plane = ControlPlane()
    document = plane.ring(destinationNumber=str(lead.line.number))
    token = str(opened(plane, document)["result"]["call_token"])
    request = {
        "operation": "tool",
        "call_token": token,
        "tool_call_id": "o",
        "tool": "optOut",
        "arguments": {},
        "evidence": NO_EVIDENCE,
    }
    assert plane.tools(request, None)["result"]["payload"]["status"] == "opted_out"  # type: ignore[index]
    close = {
        "operation": "close",
        "call_token": token,
        "reason": "caller_hung_up",
        "duration_ms": 900,
        "transcript": [],
    }
    plane.tools(close, None)
    assert plane.write_records() == []
    record = plane.bookings.record(CALL_RECORD, lead.business_id, SESSION)
    assert record is not None and record.disposition is Disposition.OPTED_OUT


def test_what_a_call_leaves_beside_its_words_is_kept_no_longer_than_they_are() -> None:
    from dataclasses import replace

    from pokea.adapters.dynamo_items import proposal_item
    from pokea.call_memory import MEMORY
    from pokea.retention import Retention
    from pokea.transfer import HANDOFF
    from tests.support.handed_over import HandOver

    base = ControlPlane()
    brief = {k: replace(p, retention=Retention(transcript_days=1)) for k, p in base.profiles.items()}
    over = HandOver(ControlPlane(profiles=brief))
    over.tool("proposeMessage", "", "t0", message="Please call", name="Wanjiru", number="+254722000111")
    over.hand_over()
    plane = over.plane
    until = brief[LINE.business_id].retention.transcript_until(plane.clock.now())
    (memory,) = plane.bookings.all_records(MEMORY)
    (handoff,) = plane.bookings.all_records(HANDOFF)
    (proposal,) = plane.bookings.proposals_of(SESSION)
    assert MEMORY.kept_until(memory) == HANDOFF.kept_until(handoff) == until
    assert proposal_item(proposal)["expires_at"] == {"N": str(int(until.timestamp()))}
    close = {
        "operation": "close", "call_token": over.token, "reason": "model_lost", "duration_ms": 9, "transcript": [],
    }  # fmt: skip
    plane.tools(close, None)
    assert plane.callbacks.tasks[SESSION].expires == until
