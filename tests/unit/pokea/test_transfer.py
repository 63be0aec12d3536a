"""The states of a hand-off: a table, in which whatever comes late, twice or in any order does no harm."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pokea.calls import Call, CallStatus, Direction
from pokea.errors import Misuse
from pokea.ids import BusinessId, SessionId
from pokea.onward import REPEATED_WITHIN, Onward
from pokea.onward import given as told
from pokea.phone_numbers import E164
from pokea.privacy import classified
from pokea.toolkit import HandoffMode
from pokea.transfer import (
    FAILED_STATES,
    HANDOFF,
    OVER,
    TABLE,
    WAYS,
    Event,
    Handoff,
    HandoffState,
    attempt_of,
    diagram,
    handoff_id,
    is_due,
    moved,
    seen_on_leg,
    seen_on_owner,
)

T0 = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PERSON = E164("+254711000101")
FRESH = Handoff(
    business_id=BusinessId("whitedent"),
    handoff_id="0" * 24,
    session_id=SessionId("HD_1"),
    person="front_desk",
    person_name="the front desk",
    number=PERSON,
    mode=HandoffMode.ATTENDED,
    state=HandoffState.PLACING,
    created_at=T0,
    ring_until=T0 + timedelta(seconds=30),
    answer_until=T0 + timedelta(seconds=70),
    language="en",
    spoken_to_person="en",
    hop="secret",
)
events = st.lists(st.sampled_from(list(Event)), max_size=12)
S = HandoffState
RANK = {state: rank for rank, state in enumerate([S.PLACING, S.RINGING, S.BRIEFING, S.ACCEPTED, S.JOINED])}


def after(*of: Event, start: Handoff = FRESH) -> Handoff:
    for event in of:
        start = moved(start, event)
    return start


def a_leg(status: CallStatus = CallStatus.RINGING, **more: Any) -> Call:
    call = Call(
        session_id=SessionId("HD_2"), business_id=FRESH.business_id, agent="whisper", direction=Direction.OUTBOUND,
        a_number=None, b_number=PERSON, status=status, created_at=T0,
    )  # fmt: skip
    return replace(call, **more)


def test_the_table_has_a_cell_for_every_state_and_event() -> None:
    assert set(TABLE) == {(state, event) for state in HandoffState for event in Event}


@given(events)
def test_an_end_stays_an_end_and_nothing_goes_back(of: list[Event]) -> None:
    handoff = FRESH
    for event in of:
        before, handoff = handoff, moved(handoff, event)
        if before.state in OVER:
            assert handoff is before
        elif handoff.state not in OVER:
            assert RANK[handoff.state] >= RANK[before.state]


@given(events, st.sampled_from(list(Event)))
def test_whatever_is_told_twice_in_a_row_was_told_once(of: list[Event], event: Event) -> None:
    once = after(*of, event)
    assert moved(once, event) is once


@given(events)
def test_joined_is_reached_only_by_a_join_and_a_leg_that_left_is_never_waited_for(of: list[Event]) -> None:
    state = after(*of).state
    if state is HandoffState.JOINED:
        assert Event.JOIN in of
    if Event.LEFT in of or Event.CALLER_LEFT in of:
        assert state in OVER


@given(st.permutations([Event.RANG, Event.OPENED, Event.ACCEPT, Event.JOIN]))
def test_the_four_steps_to_a_conversation_lead_there_in_any_order(of: list[Event]) -> None:
    assert after(*of).state is HandoffState.JOINED


@pytest.mark.parametrize("late", [Event.RANG, Event.OPENED, Event.ACCEPT, Event.JOIN, Event.TIME_UP])
@pytest.mark.parametrize("end", sorted(OVER))
def test_what_comes_after_the_end_is_a_no_op(end: HandoffState, late: Event) -> None:
    over = replace(FRESH, state=end)
    assert moved(over, late) is over


def test_the_diagram_shows_every_state_and_every_end() -> None:
    drawn = diagram()
    assert drawn.startswith("stateDiagram-v2\n    [*] --> placing\n")
    assert all(state.value in drawn for state in HandoffState)
    assert all(f"    {state.value} --> [*]" in drawn for state in OVER)


@pytest.mark.parametrize(
    ("leg", "state"),
    [
        (a_leg(), HandoffState.RINGING),
        (a_leg(CallStatus.ANSWERED), HandoffState.RINGING),
        (a_leg(CallStatus.ANSWERED, opened_at=T0), HandoffState.BRIEFING),
        (a_leg(CallStatus.BUSY), HandoffState.BUSY),
        (a_leg(CallStatus.NO_ANSWER), HandoffState.NO_ANSWER),
        (a_leg(CallStatus.CANCELED), HandoffState.NO_ANSWER),
        (a_leg(CallStatus.COMPLETED), HandoffState.NO_ANSWER),
        (a_leg(CallStatus.FAILED), HandoffState.FAILED),
        (a_leg(CallStatus.COMPLETED, opened_at=T0), HandoffState.DECLINED),
    ],
)
def test_the_human_s_leg_tells_how_far_it_has_come(leg: Call, state: HandoffState) -> None:
    assert after(*seen_on_leg(a_leg(placed_as=leg.session_id), leg)).state is state


def test_an_attempt_that_nobody_answered_for_leaves_everything_open() -> None:
    assert seen_on_leg(None, None) == ()
    assert after(*seen_on_leg(a_leg(), None)).state is HandoffState.PLACING
    assert after(*seen_on_leg(a_leg(CallStatus.FAILED), None)).state is HandoffState.FAILED


@pytest.mark.parametrize(
    ("given_at", "outcome", "status", "state"),
    [
        (None, None, CallStatus.ANSWERED, HandoffState.PLACING),
        (T0, None, CallStatus.ANSWERED, HandoffState.RINGING),
        (T0, None, CallStatus.COMPLETED, HandoffState.RINGING),  # nobody knows whether they spoke
        (T0, CallStatus.COMPLETED, CallStatus.ANSWERED, HandoffState.JOINED),
        (T0, CallStatus.BUSY, CallStatus.ANSWERED, HandoffState.BUSY),
        (T0, CallStatus.COMPLETED, CallStatus.COMPLETED, HandoffState.ENDED),
        (None, None, CallStatus.COMPLETED, HandoffState.CANCELLED),
    ],
)
def test_the_caller_s_own_call_tells_what_came_of_the_carrier_s_dialling(
    given_at: datetime | None, outcome: CallStatus | None, status: CallStatus, state: HandoffState
) -> None:
    onward = Onward(
        handoff_id="0" * 24, number=PERSON, words="", language="en-KE", ring_s=25, given_at=given_at, outcome=outcome
    )
    assert after(*seen_on_owner(a_leg(status, onward=onward))).state is state


@pytest.mark.parametrize(
    ("state", "after_s", "due"),
    [
        (HandoffState.PLACING, 29, False), (HandoffState.PLACING, 30, True), (HandoffState.RINGING, 30, True),
        (HandoffState.BRIEFING, 69, False), (HandoffState.BRIEFING, 70, True), (HandoffState.ACCEPTED, 99, False),
        (HandoffState.ACCEPTED, 100, True), (HandoffState.JOINED, 9_000, False),
    ],
)  # fmt: skip
def test_each_wait_has_its_own_end(state: HandoffState, after_s: int, due: bool) -> None:
    assert is_due(replace(FRESH, state=state), T0 + timedelta(seconds=after_s)) is due


def test_one_tool_call_names_one_hand_off_and_one_attempt() -> None:
    one, other = (handoff_id(SessionId("HD_1"), call) for call in ("t1", "t2"))  # type: ignore[arg-type]
    assert one != other
    assert one == handoff_id(SessionId("HD_1"), "t1")  # type: ignore[arg-type]
    assert attempt_of(replace(FRESH, handoff_id=one)) != attempt_of(replace(FRESH, handoff_id=other))


def test_every_field_says_what_it_tells_about_a_person() -> None:
    with pytest.raises(Misuse, match="hop"):
        classified(Handoff, {name: pii for name, pii in HANDOFF.privacy.items() if name != "hop"})


def test_a_hand_off_is_found_by_its_call_and_forgotten_after_a_month() -> None:
    assert tuple(HANDOFF.lookups(FRESH)) == ("HD_1",)
    assert HANDOFF.kept_until(FRESH) == T0 + timedelta(days=30)


@pytest.mark.parametrize(
    ("carrier", "mode", "way"),
    [
        ("documented", HandoffMode.ATTENDED, HandoffMode.ATTENDED),
        ("observed", HandoffMode.ATTENDED, HandoffMode.ATTENDED),
        ("documented", HandoffMode.DIAL, HandoffMode.DIAL),
        ("observed", HandoffMode.DIAL, None),
    ],
)
def test_how_a_hand_off_is_made_on_each_carrier(carrier: str, mode: HandoffMode, way: HandoffMode | None) -> None:
    from local.carrier.behaviour import BEHAVIOURS

    assert WAYS[mode, BEHAVIOURS[carrier].continues_after_stream] is way


def test_who_was_told_to_dial_is_told_again_only_for_the_same_delivery_within_seconds() -> None:
    onward = Onward(handoff_id="0" * 24, number=PERSON, words="", language="en-KE", ring_s=25)
    first = told(onward, "e1", T0)
    assert first is not None and (first.given_at, first.given_to) == (T0, "e1")
    assert told(first, "e1", T0 + timedelta(seconds=3)) is first
    assert told(first, "e2", T0) is None
    assert told(first, "e1", T0 + REPEATED_WITHIN) is None
    assert told(replace(first, outcome=CallStatus.BUSY), "e1", T0) is None


def test_nobody_who_failed_to_be_reached_counts_as_reached() -> None:
    assert {HandoffState.ENDED} == OVER - FAILED_STATES
