"""functions/voice: a hook comes in, a voice document goes out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from pokea.calls import CallStatus, Direction
from pokea.ids import SessionId
from pokea.lines import Line
from pokea.phone_numbers import E164
from tests.support.control_plane import (
    CALLER,
    LINE,
    LINES,
    NOW,
    PATH_SECRET,
    SESSION,
    ControlPlane,
    CountingCallStore,
    form,
    opened,
    posted,
    token_in,
)
from tests.support.handed_over import HUMAN, HandOver

WORDS = {"say_first": "Welcome.", "fallback_say": "Sorry, one moment.", "fallback_number": E164("+254711000199")}
EMPTY = '<?xml version="1.0" encoding="UTF-8"?>\n<Response />'


def with_words(**more: Any) -> dict[E164, Line]:
    """The lines of all businesses, with words before and behind the stream."""
    return {number: replace(line, **WORDS, **more) for number, line in LINES.items()}


@pytest.fixture
def plane() -> ControlPlane:
    return ControlPlane()


def test_a_ring_is_answered_with_a_stream_that_says_everything_explicitly(plane: ControlPlane) -> None:
    stream = ElementTree.fromstring(plane.ring()).find("Stream")
    assert stream is not None
    assert stream.attrib == {
        "url": f"wss://media.example.com/g/r1/audio?call={SESSION}&token={token_in(plane.ring())}",
        "connect": "true",
        "track": "inbound_track",
        "outputSamplingRate": "16000",
        "bidirectionalSamplingRate": "16000",
        "name": SESSION,
        "statusCallback": f"https://api.example.com/stream-status/{PATH_SECRET}",
        "statusEvents": "stream-started stream-stopped stream-error",
        "openMetadata": f'{{"agent":"booking","business":"{LINE.business_id}","direction":"inbound","session":"{SESSION}"}}',
    }


def test_the_call_is_stored_before_its_document_is_out(plane: ControlPlane) -> None:
    plane.ring()
    call = plane.calls.call(SESSION)
    assert call is not None
    assert (call.business_id, call.a_number, call.b_number) == (LINE.business_id, CALLER, LINE.number)
    assert (call.direction, call.status, call.stream_issued_at) == (Direction.INBOUND, CallStatus.RINGING, NOW)


@pytest.mark.parametrize(
    "states", [("Ringing", "Ringing"), ("Ringing", "Answered", "Ringing"), ("Answered", "Answered")]
)
def test_before_the_stream_is_open_every_set_up_hook_gets_the_identical_document(
    plane: ControlPlane, states: tuple[str, ...]
) -> None:
    documents = set()
    for state in states:
        documents.add(plane.ring(state))
        plane.clock.advance(7)
    assert len(documents) == 1
    assert "<Stream" in documents.pop()


def test_after_the_stream_is_open_a_repeated_ring_gets_the_empty_document(plane: ControlPlane) -> None:
    document = plane.ring()
    assert opened(plane, document)["ok"] is True
    assert plane.ring() == plane.ring("Answered") == EMPTY


@pytest.mark.parametrize("state", ["StreamStarted", "StreamStopped", "StreamError", "stream-started", "DialCompleted"])
def test_what_reports_a_stream_or_a_dial_never_gets_a_second_stream(plane: ControlPlane, state: str) -> None:
    plane.ring()
    assert plane.ring(state) == EMPTY


@pytest.mark.parametrize("state", ["Completed", "Failed", "Busy", "no-answer", "hangup"])
def test_an_end_gets_the_empty_document_and_is_recorded(plane: ControlPlane, state: str) -> None:
    plane.ring()
    assert plane.ring(state, durationInSeconds="73") == EMPTY
    call = plane.calls.call(SESSION)
    assert call is not None
    assert (call.ended_at, call.duration_s) == (NOW, 73)


def test_completed_for_a_session_never_seen_is_recorded_and_not_answered(plane: ControlPlane) -> None:
    assert plane.ring("Completed", durationInSeconds="5") == EMPTY
    call = plane.calls.call(SESSION)
    assert call is not None
    assert (call.status, call.stream_issued_at) == (CallStatus.COMPLETED, None)
    assert plane.ring("Ringing") == EMPTY


def test_a_state_with_an_unknown_name_is_a_first_ring_once(plane: ControlPlane) -> None:
    assert "<Stream" in plane.ring("Prerouting")
    assert plane.ring("Prerouting") == EMPTY
    assert "<Stream" in plane.ring("Ringing")


def test_a_hook_without_a_state_is_a_ring(plane: ControlPlane) -> None:
    assert "<Stream" in plane.ring("")


def test_an_unknown_number_is_told_so_politely(plane: ControlPlane) -> None:
    document = ElementTree.fromstring(plane.ring(destinationNumber="+254799999999"))
    assert [verb.tag for verb in document] == ["Say", "Hangup"]
    assert plane.calls.call(SESSION) is None


def test_swapped_numbers_are_put_right(plane: ControlPlane) -> None:
    assert "<Stream" in plane.ring(callerNumber=LINE.number, destinationNumber=CALLER)
    call = plane.calls.call(SESSION)
    assert call is not None
    assert (call.a_number, call.b_number, call.direction) == (CALLER, LINE.number, Direction.INBOUND)


def test_a_call_placed_by_other_means_is_outbound_too(plane: ControlPlane) -> None:
    assert "<Stream" in plane.ring(callerNumber=LINE.number, destinationNumber=CALLER, direction="Outbound")
    call = plane.calls.call(SESSION)
    assert call is not None
    assert (call.a_number, call.b_number, call.direction) == (LINE.number, CALLER, Direction.OUTBOUND)


@pytest.mark.parametrize("number", ["anonymous", "", "withheld", "0712345678"])
def test_a_withheld_caller_number_is_none(plane: ControlPlane, number: str) -> None:
    assert "<Stream" in plane.ring(callerNumber=number)
    call = plane.calls.call(SESSION)
    assert call is not None
    assert call.a_number is None


@pytest.mark.parametrize("path", ["/", "/voice"])
def test_both_paths_take_a_secret_segment(plane: ControlPlane, path: str) -> None:
    reply = plane.voice(posted(path, form("Ringing")), None)
    assert reply["statusCode"] == 200
    assert reply["headers"]["Content-Type"] == "application/xml"
    assert "<Stream" in reply["body"]


@pytest.mark.parametrize(
    "secret",
    [None, "", "wrong-secret-wrong-secret", PATH_SECRET[:-1], PATH_SECRET + "x", PATH_SECRET.upper(), "a/b", "é\\"],
)
@pytest.mark.parametrize("path", ["/", "/voice"])
def test_a_hook_by_another_path_is_refused_and_leaves_no_trace(path: str, secret: str | None) -> None:
    plane = ControlPlane(calls=(store := CountingCallStore()))
    reply = plane.voice(posted(path, form("Ringing"), secret=secret), None)
    assert reply["statusCode"] == 401
    assert store.touched == 0


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b'{"sessionId":"../../etc"}'])
def test_an_authentic_body_that_is_no_hook_is_refused(plane: ControlPlane, body: bytes) -> None:
    event = posted("/voice", body, content_type="application/octet-stream")
    reply = plane.voice(event, None)
    if body == b"[]":  # a form with one odd field and no state: a ring for nobody
        assert reply["statusCode"] == 200
    else:
        assert reply["statusCode"] == 400
    assert plane.calls.call(SESSION) is None


def test_a_json_body_is_read_like_a_form(plane: ControlPlane) -> None:
    reply = plane.voice(posted("/voice", form("Ringing"), content_type="application/json"), None)
    assert "<Stream" in reply["body"]


def test_nothing_personal_is_logged(plane: ControlPlane) -> None:
    plane.ring()
    plane.ring("Completed")
    logged = plane.logged.getvalue()
    assert logged
    assert CALLER not in logged
    assert CALLER.lstrip("+") not in logged
    assert PATH_SECRET not in logged
    assert "token" not in logged
    assert all("unclassified" not in json.loads(line) for line in logged.splitlines())


def test_two_sessions_do_not_share_a_token(plane: ControlPlane) -> None:
    one, other = plane.ring(), plane.ring(sessionId="HD_ffffffffffff")
    assert token_in(one) != token_in(other)
    reply = opened(plane, one, SessionId("HD_ffffffffffff"))
    assert reply["error"]["kind"] == "Unauthorized"  # type: ignore[index]


def test_the_person_of_a_hand_off_hears_none_of_the_customers_words() -> None:
    """Their leg is rung from the business's line, whose greeting and fallback are for callers."""
    over = HandOver(ControlPlane(numbers=with_words()))
    over.hand_over()
    document = ElementTree.fromstring(over.hook("Answered"))
    assert [verb.tag for verb in document] == ["Stream"]
    caller = ElementTree.fromstring(over.plane.ring(sessionId="HD_dddddddddddd"))
    assert [verb.tag for verb in caller] == ["Say", "Stream", "Say", "Dial"]


def test_a_lost_stream_of_the_persons_leg_rings_nobody_else_and_owes_nobody_a_call() -> None:
    over = HandOver(ControlPlane(numbers=with_words(dials=True), continues=True))
    over.hand_over()
    over.hook("Answered")
    assert over.hook("StreamStopped") == EMPTY
    lost = {"streamEvent": "stream-error", "name": HUMAN, "error": "connection refused"}
    assert over.plane.events(posted("/stream-status", lost, content_type="application/json"), None)["statusCode"] == 200
    leg = over.plane.calls.call(HUMAN)
    assert leg is not None and leg.stream_failed == "connection refused"
    assert over.plane.callbacks.tasks == {}
