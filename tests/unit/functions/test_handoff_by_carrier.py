"""Hand-off in mode dial: word is left with the carrier, which asks once the stream has gone and is told once whom to dial."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from local.carrier.documents import Dial, Say, Stream, parse_document
from pokea.calls import CallStatus
from pokea.ids import SessionId
from pokea.lines import PACKAGED, load_lines
from pokea.profile import load_profile
from pokea.toolkit import HandoffMode
from tests.support.control_plane import LINE, SESSION, form, opened, posted
from tests.support.dialling import DiallingPlane
from tests.support.handed_over import FRONT_DESK, HandOver

EMPTY = '<?xml version="1.0" encoding="UTF-8"?>\n<Response />'
FALLBACK = LINE.fallback_say


def read(document: str) -> tuple[object, ...]:
    """As the simulated carrier reads it."""
    return tuple(parse_document(document.encode(), "application/xml"))


@pytest.fixture
def over() -> HandOver:
    return HandOver(DiallingPlane())


def dials(documents: list[str]) -> int:
    return sum("<Dial" in document for document in documents)


def test_a_line_that_dials_has_nothing_behind_its_stream() -> None:
    (stream,) = read(DiallingPlane().ring())
    assert isinstance(stream, Stream)


def test_without_a_carrier_that_continues_the_document_keeps_its_fallback() -> None:
    stream, say = read(DiallingPlane(continues=False).ring())
    assert isinstance(stream, Stream) and isinstance(say, Say)


def test_the_tool_orders_a_dial_and_says_nothing_of_being_connected(over: HandOver) -> None:
    result = over.hand_over()
    assert (over.order["mode"], over.order["ring_s"], over.order["hop"]) == ("dial", 0, "")
    assert result["payload"]["status"] == "connecting"
    assert "connected" not in result["payload"]["say"]
    assert over.plane.rung == []  # the carrier dials, not we


@pytest.mark.parametrize("state", ["StreamStopped", "stream-stopped", "StreamError", "SomethingNew"])
def test_once_the_stream_has_gone_the_carrier_is_told_whom_to_dial(over: HandOver, state: str) -> None:
    over.hand_over()
    say, dial = read(over.plane.ring(state))
    assert isinstance(say, Say) and say.language == "en-KE"
    assert dial == Dial((str(FRONT_DESK.number),), str(LINE.number), 25.0)


@pytest.mark.parametrize(("nested", "number"), [(True, "Number"), (False, "Dial")])
def test_both_ways_of_naming_a_number_are_spoken(nested: bool, number: str) -> None:
    over = HandOver(DiallingPlane(nested=nested))
    over.hand_over()
    document = over.plane.ring("StreamStopped")
    element = next(ElementTree.fromstring(document).iter(number))
    assert element.text == FRONT_DESK.number
    assert read(document)[1] == Dial((str(FRONT_DESK.number),), str(LINE.number), 25.0)


def test_a_late_ring_or_answer_while_the_goodbye_is_spoken_dials_nobody(over: HandOver) -> None:
    over.hand_over()
    assert over.plane.ring("Ringing") == over.plane.ring("Answered") == EMPTY
    assert dials([over.plane.ring("StreamStopped")]) == 1


def test_an_event_on_the_other_url_does_not_use_up_the_dial(over: HandOver) -> None:
    over.hand_over()
    over.plane.events(posted("/stream-status", form("StreamStopped", streamEvent="stream-stopped")), None)
    assert dials([over.plane.ring("StreamStopped")]) == 1


def test_the_same_delivery_again_gets_the_same_answer_and_any_other_none(over: HandOver) -> None:
    over.hand_over()
    first = over.plane.ring("StreamStopped")
    assert over.plane.ring("StreamStopped") == first
    assert over.plane.ring("StreamStopped", streamSid="2") == EMPTY
    over.plane.clock.advance(15)
    assert over.plane.ring("StreamStopped") == EMPTY


def test_after_the_dial_nobody_is_dialled_again(over: HandOver) -> None:
    over.hand_over()
    asked = [over.plane.ring(state) for state in ("StreamStopped", "DialCompleted", "StreamStopped", "Completed")]
    assert dials(asked) == 1


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("", CallStatus.COMPLETED),
        ("completed", CallStatus.COMPLETED),
        ("busy", CallStatus.BUSY),
        ("no-answer", CallStatus.NO_ANSWER),
    ],
)
def test_what_came_of_the_dial_is_kept_with_the_call(over: HandOver, said: str, outcome: CallStatus) -> None:
    over.hand_over()
    over.plane.ring("StreamStopped")
    document = over.plane.ring("DialCompleted", **({"dialCallStatus": said} if said else {}))
    call = over.plane.calls.call(SESSION)
    assert call is not None and call.onward is not None
    assert (call.onward.outcome, call.status) == (outcome, CallStatus.ANSWERED)
    assert ("<Say" in document) is (outcome is not CallStatus.COMPLETED)
    assert over.state() == {"busy": "busy", "no-answer": "no_answer"}.get(said, "joined")


def test_the_bridge_s_close_does_not_end_a_call_that_the_carrier_goes_on_with(over: HandOver) -> None:
    over.hand_over()
    request = {
        "operation": "close", "call_token": over.token, "reason": "handed_over", "duration_ms": 1, "transcript": [],
    }  # fmt: skip
    assert over.plane.tools(request, None)["ok"]
    assert dials([over.plane.ring("StreamStopped")]) == 1
    over.plane.ring("Completed")
    call = over.plane.calls.call(SESSION)
    assert call is not None and call.status is CallStatus.COMPLETED


def test_a_lost_bridge_is_answered_with_what_the_line_has_for_that() -> None:
    over = HandOver(DiallingPlane())
    (say, _) = read(over.plane.ring("StreamStopped"))
    assert isinstance(say, Say) and say.text == FALLBACK


def test_a_stream_that_never_connected_is_answered_so_too() -> None:
    plane = DiallingPlane()
    plane.ring()
    say, _ = read(plane.ring("StreamStopped"))
    assert isinstance(say, Say) and say.text == FALLBACK


def test_a_hundred_calls_that_end_well_leave_no_dial() -> None:
    plane, documents = DiallingPlane(), []
    for number in range(100):
        session = SessionId(f"HD_{number:012x}")
        token = opened(plane, plane.ring(sessionId=session), session)["result"]["call_token"]
        request = {
            "operation": "close", "call_token": token, "reason": "goodbye", "duration_ms": 1, "transcript": [],
        }  # fmt: skip
        plane.tools(request, None)
        documents += [plane.ring(state, sessionId=session) for state in ("StreamStopped", "Completed", "StreamStopped")]
    assert dials(documents) == 0
    assert set(documents) == {EMPTY}


def test_a_caller_who_has_gone_meanwhile_is_not_dialled_for(over: HandOver) -> None:
    over.hand_over()
    over.plane.ring("Completed")
    assert over.plane.ring("StreamStopped") == EMPTY


def test_without_a_carrier_that_continues_nothing_is_tried_and_a_message_is_offered() -> None:
    over = HandOver(DiallingPlane(continues=False))
    result = over.hand_over()
    assert result["handoff"] is None
    assert result["payload"]["then"]["yes"]["tool"] == "proposeMessage"
    assert dials([over.plane.ring("StreamStopped")]) == 0


def test_the_mode_is_read_with_the_line(tmp_path: Path) -> None:
    text = (PACKAGED / "whitedent.toml").read_text() + '\n[handoff]\nmode = "dial"\n'
    (tmp_path / "clinic.toml").write_text(text)
    assert load_lines(tmp_path)[LINE.number].dials
    profile = load_profile(tmp_path / "clinic.toml")
    assert (profile.line.dials, profile.directory.rules.mode) == (True, HandoffMode.DIAL)
