"""F4.4: hooks repeated, shuffled, lost, a day late, the end first: the call ends up as if they had come once and in order, and the carrier
gets one Stream document per session."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pokea.calls import Call, CallStatus
from pokea.ids import SessionId
from tests.faults.broken.control_plane import DedupeOff, LastHookWins
from tests.support.control_plane import CALLER, LINE, NOW, ControlPlane, form, opened, posted

CALLS, SEED = 10_000, 4_4
CALL_ID = "0f9c1b7e-5a7d-4c1e-9a51-2f6a3c1d8e90"
Deliver = Callable[[ControlPlane, SessionId], str]


def _voice(state: str, **fields: str) -> Deliver:
    def deliver(plane: ControlPlane, session: SessionId) -> str:
        return plane.ring(state, sessionId=session, **fields)

    return deliver


def _event(path: str, fields: Callable[[SessionId], dict[str, Any]]) -> Deliver:
    def deliver(plane: ControlPlane, session: SessionId) -> str:
        reply = plane.events(posted(path, fields(session), content_type="application/json"), None)
        assert reply["statusCode"] == 200
        return ""

    return deliver


def _completed_event(session: SessionId) -> dict[str, Any]:
    data = {"call_id": CALL_ID, "pbx_call_id": session, "from": CALLER, "to": LINE.number, "status": "completed"}
    times = {"answered_at": "2026-11-23T08:58:00Z", "ended_at": "2026-11-23T08:59:13Z", "duration_seconds": 73}
    return {
        "kind": "call.completed",
        "event_id": f"e-{session}",
        "data": {**data, **times, "hangup_cause": "normal_clearing"},
    }


SIX: Sequence[Deliver] = (
    _voice("Ringing"),
    _voice("Answered"),
    _event("/stream-status", lambda session: {"streamEvent": "stream-started", **form("", sessionId=session)}),
    _voice("StreamStopped"),
    _voice("Completed", durationInSeconds="73"),
    _event("/call-events", _completed_event),
)


def final(plane: ControlPlane, session: SessionId) -> Call:
    """The call without what depends, rightly, on when a hook arrived."""
    call = plane.calls.call(session)
    assert call is not None
    return replace(
        call, version=0, stream_issued_at=None, created_at=NOW, session_id=SessionId("any"), open_metadata=""
    )


def in_order(kind: type[ControlPlane]) -> Call:
    plane, session = kind(), SessionId("HD_in_order")
    for deliver in SIX:
        deliver(plane, session)
    return final(plane, session)


def check_order(plane: ControlPlane, session: SessionId, deliveries: Sequence[Deliver], expected: Call) -> None:
    documents = [document for deliver in deliveries if "<Stream" in (document := deliver(plane, session))]
    assert len(set(documents)) <= 1, "more than one Stream document"
    assert final(plane, session) == expected


def check_permutations(kind: type[ControlPlane], step: int = 1) -> None:
    plane, expected = kind(), in_order(ControlPlane)
    assert (expected.status, expected.duration_s, expected.carrier_call_id) == (CallStatus.COMPLETED, 73, CALL_ID)
    for number, order in enumerate(itertools.islice(itertools.permutations(SIX), 0, None, step)):
        check_order(plane, SessionId(f"HD_{number:012d}"), order, expected)


def disorderly(draw: random.Random) -> list[Deliver]:
    """Each of the six one to five times, shuffled."""
    deliveries = [deliver for deliver in SIX for _ in range(draw.randint(1, 5))]
    draw.shuffle(deliveries)
    return deliveries


def check_disorder(kind: type[ControlPlane], count: int) -> None:
    draw, plane, expected = random.Random(SEED), kind(), in_order(ControlPlane)
    for number in range(count):
        check_order(plane, SessionId(f"HD_{number:012d}"), disorderly(draw), expected)


@pytest.mark.usefixtures("capsys")
def test_orders_of_six_hooks_give_the_same_call_and_one_document() -> None:
    check_permutations(ControlPlane, step=7)


@pytest.mark.faults
@pytest.mark.usefixtures("capsys")
def test_all_orders_of_six_hooks_give_the_same_call_and_one_document() -> None:
    check_permutations(ControlPlane)


@pytest.mark.usefixtures("capsys")
def test_repeated_and_shuffled_hooks_give_the_same_call_and_one_document() -> None:
    check_disorder(ControlPlane, 60)


@pytest.mark.faults
@pytest.mark.usefixtures("capsys")
def test_ten_thousand_disorderly_calls() -> None:
    check_disorder(ControlPlane, CALLS)


def subsets() -> Iterator[tuple[Deliver, ...]]:
    for size in range(1, len(SIX) + 1):
        yield from itertools.combinations(SIX, size)


@pytest.mark.usefixtures("capsys")
def test_lost_hooks_leave_what_the_others_say_in_any_order() -> None:
    plane = ControlPlane()
    draw = random.Random(SEED)
    for number, kept in enumerate(subsets()):
        calls = []
        for turn in range(3):
            session = SessionId(f"HD_{number:09d}_{turn}")
            for deliver in draw.sample(kept, len(kept)) if turn else kept:
                deliver(plane, session)
            if plane.calls.call(session) is not None:
                calls.append(final(plane, session))
        assert all(call == calls[0] for call in calls), number
        if set(kept) & {SIX[4], SIX[5]}:
            assert calls[0].status is CallStatus.COMPLETED


@pytest.mark.usefixtures("capsys")
def test_hooks_a_day_late_change_neither_the_end_nor_its_time() -> None:
    plane, session = ControlPlane(), SessionId("HD_late")
    SIX[0](plane, session)
    SIX[5](plane, session)
    ended = plane.calls.call(session)
    assert ended is not None
    plane.clock.advance(86_400)
    for deliver in (*SIX, *reversed(SIX)):
        assert "<Stream" not in deliver(plane, session)
    late = plane.calls.call(session)
    assert late is not None
    assert (late.status, late.ended_at, late.duration_s) == (ended.status, ended.ended_at, ended.duration_s)


@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize("position", range(len(SIX) + 1))
def test_once_the_stream_is_open_no_hook_gets_another_document(position: int) -> None:
    plane, session = ControlPlane(), SessionId("HD_open")
    document = SIX[0](plane, session)
    assert opened(plane, document, session)["ok"] is True
    for deliver in (*SIX[position:], *SIX[:position]):
        assert "<Stream" not in deliver(plane, session)
    call = plane.calls.call(session)
    assert call is not None
    assert call.opened_at == NOW


def check_deliveries_are_counted_once(kind: type[ControlPlane], capsys: pytest.CaptureFixture[str]) -> None:
    plane = kind()
    capsys.readouterr()
    plane.ring()
    error = {"streamEvent": "stream-error", **form("")}
    for _ in range(5):
        plane.events(posted("/stream-status", error, content_type="application/json"), None)
    assert capsys.readouterr().out.count('"StreamFailed":[') == 1
    assert len(plane.callbacks.tasks) == 1


def test_an_event_delivered_five_times_counts_once(capsys: pytest.CaptureFixture[str]) -> None:
    check_deliveries_are_counted_once(ControlPlane, capsys)


def test_the_check_sees_a_build_without_dedupe(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError):
        check_deliveries_are_counted_once(DedupeOff, capsys)


@pytest.mark.usefixtures("capsys")
def test_the_check_sees_a_build_that_believes_in_order() -> None:
    with pytest.raises(AssertionError):
        check_permutations(LastHookWins)
    with pytest.raises(AssertionError):
        check_disorder(LastHookWins, 20)
