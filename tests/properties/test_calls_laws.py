"""F4.4: facts arrive one to five times, in any order, some never: the call ends up the same as once in order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pokea.calls import TERMINAL, Call, CallStatus, Direction, apply, opened
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
FRESH = Call(
    session_id=SessionId("HD_0123456789ab"),
    business_id=BusinessId("whitedent"),
    agent="booking",
    direction=Direction.INBOUND,
    a_number=None,
    b_number=E164("+254711000001"),
    status=CallStatus.RINGING,
    created_at=T0,
)

times = st.integers(0, 90_000).map(lambda seconds: T0 + timedelta(seconds=seconds))
facts = st.one_of(
    st.builds(CallRang, at=times),
    st.builds(CallAnswered, at=times),
    st.builds(StreamStarted, at=times),
    st.builds(StreamStopped, at=times),
    st.builds(StreamFailed, at=times, reason=st.sampled_from(["refused", "1006"])),
    st.builds(CarrierIdLearned, at=times, call_id=st.sampled_from([CallId("c1"), CallId("c2")])),
    st.builds(
        CallEnded,
        at=times,
        status=st.sampled_from(sorted(TERMINAL)),
        duration_s=st.none() | st.integers(0, 3600),
        hangup_cause=st.none() | st.sampled_from(["normal_clearing", "user_busy"]),
    ),
)
starts = st.sampled_from([FRESH, opened(FRESH, T0 + timedelta(seconds=2))])


def told(call: Call, of: Sequence[CallFact]) -> Call:
    for fact in of:
        call = apply(call, fact)
    return call


LIFE: tuple[CallFact, ...] = (
    CallRang(at=T0),
    CarrierIdLearned(at=T0 + timedelta(seconds=1), call_id=CallId("c1")),
    CallAnswered(at=T0 + timedelta(seconds=2)),
    StreamStarted(at=T0 + timedelta(seconds=3)),
    StreamStopped(at=T0 + timedelta(seconds=70)),
    CallEnded(
        at=T0 + timedelta(seconds=71), status=CallStatus.COMPLETED, duration_s=69, hangup_cause="normal_clearing"
    ),
)
BROKEN = (*LIFE[:4], StreamFailed(at=T0 + timedelta(seconds=40), reason="1006"), LIFE[5])


@pytest.mark.parametrize("life", [LIFE, BROKEN])
@pytest.mark.parametrize("start", [FRESH, opened(FRESH, T0 + timedelta(seconds=2))])
def test_all_permutations_of_six_facts_give_the_same_call(life: tuple[CallFact, ...], start: Call) -> None:
    in_order = told(start, life)
    assert all(told(start, order) == in_order for order in itertools.permutations(life))


@given(starts, st.lists(facts, max_size=7), st.data())
def test_any_facts_in_any_order_and_number_give_the_same_call(
    start: Call, some: list[CallFact], data: st.DataObject
) -> None:
    repeated = [fact for fact in some for _ in range(data.draw(st.integers(1, 5)))]
    assert told(start, data.draw(st.permutations(repeated))) == told(start, some)


@given(starts, st.lists(facts, max_size=8))
def test_an_ended_call_never_comes_back_and_times_keep_their_order(start: Call, some: list[CallFact]) -> None:
    call = start
    for fact in some:
        after = apply(call, fact)
        assert call.status not in TERMINAL or after.status in TERMINAL
        assert after.version == call.version
        assert after.answered_at is None or after.ended_at is None or after.answered_at <= after.ended_at
        call = after
