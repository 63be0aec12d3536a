"""When a call is looked at again, and what is told of its records once they are settled."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrFinding, CdrState, Witness
from pokea.billing.cdr_asking import AFTER_S, LIVE_AFTER_S, LIVE_LOOKS, NO_MORE, is_live, next_look
from pokea.billing.cdr_news import (
    after_telling,
    awaiting,
    detail_of,
    fallback_label,
    is_awaited,
    nothing_told,
    placed_charges,
    untold,
)
from pokea.calls import Call, CallStatus
from pokea.calls import Direction as CallDirection
from pokea.ids import BusinessId, SessionId
from pokea.onward import Onward
from pokea.phone_numbers import E164

NOON = datetime(2031, 3, 1, 12, tzinfo=UTC)
OPEN = Cdr(
    business_id=BusinessId("whitedent"),
    session_id=SessionId("HD_1"),
    leg="callee",
    call_id=SessionId("HD_1"),
    direction=Direction.OUTBOUND,
    agent="booking",
    a_number="+254711000001",
    b_number="+254722000111",
    began_at=NOON,
    answered_at=NOON,
    ended_at=NOON + timedelta(seconds=40),
    talk_s=40,
    status="completed",
    state=CdrState.PROVISIONAL,
    witnesses=(Witness.HOOKS,),
    made_at=NOON,
    reason="first account",
    client_request_id="pk1",
    version=1,
    charge_micros=2_000_000,
    currency="KES",
)
LIVE = replace(OPEN, ended_at=None, talk_s=None, status="in_progress", charge_micros=None)
FINAL = replace(OPEN, state=CdrState.FINAL, version=2, outcome="booked")
STREAM = replace(OPEN, leg="stream", direction=Direction.STREAM, charge_micros=300_000)
CALL = Call(
    session_id=SessionId("HD_1"),
    business_id=BusinessId("whitedent"),
    agent="booking",
    direction=CallDirection.OUTBOUND,
    a_number=E164("+254711000001"),
    b_number=E164("+254722000111"),
    status=CallStatus.COMPLETED,
    created_at=NOON,
)


def looks(cdr: Cdr, attempt: int = 0) -> list[int]:
    """The pauses between all looks that follow, if each finds the same."""
    pauses = []
    while (following := next_look(attempt, [cdr])) is not None:
        attempt, delay_s = following
        pauses.append(delay_s)
    return pauses


def test_an_ended_call_is_asked_about_with_growing_pauses_and_then_left_to_the_night() -> None:
    assert looks(OPEN) == list(AFTER_S) == [8, 30, 90, 300, 900]


def test_a_call_that_goes_on_is_looked_at_every_quarter_of_an_hour_for_six_hours() -> None:
    assert is_live([LIVE])
    assert looks(LIVE) == [LIVE_AFTER_S] * LIVE_LOOKS


def test_once_it_has_ended_the_short_pauses_begin() -> None:
    assert next_look(-3, [OPEN]) == (1, 8)


def test_what_the_night_found_is_not_asked_for_again_before_the_next() -> None:
    assert next_look(NO_MORE, [OPEN]) is None and next_look(NO_MORE, [LIVE]) is None


def test_nothing_follows_once_every_leg_is_settled_and_the_outcome_is_known() -> None:
    assert next_look(0, [FINAL]) is None
    assert looks(replace(FINAL, outcome="")) == [330]  # the call's own record is still being written
    assert next_look(0, [FINAL, OPEN]) == (1, 8)
    assert next_look(0, [replace(FINAL, state=CdrState.UNRECONCILED)]) is None
    assert next_look(0, []) == (1, 8)


# --- news ---------------------------------------------------------------------------------------------------------------------


def test_many_words_about_one_call_lead_to_one_row_of_looks() -> None:
    news = nothing_told(CALL.business_id, CALL.session_id, NOON)
    assert not is_awaited(news, 0, 8, NOON)
    asked = awaiting(news, 1, 8, NOON)
    assert is_awaited(asked, 0, 8, NOON)  # another word of the same moment
    assert not is_awaited(
        asked, 1, 30, NOON + timedelta(seconds=7)
    )  # the awaited look itself, by a clock that is behind
    assert not is_awaited(asked, 0, 8, NOON + timedelta(seconds=9))  # it should have come
    slow = awaiting(asked, 5, 900, NOON)
    assert not is_awaited(slow, 0, 8, NOON)  # a new word wants a quick look
    assert is_awaited(awaiting(slow, 1, 8, NOON), 4, 900, NOON)  # which takes the place of the slow one


def test_each_settled_version_is_news_once() -> None:
    news = nothing_told(CALL.business_id, CALL.session_id, NOON)
    assert untold([OPEN], news) == ()
    assert untold([FINAL, OPEN], news) == (FINAL,)
    told = after_telling(news, [FINAL], {})
    assert untold([FINAL], told) == ()
    corrected = replace(FINAL, version=3)
    assert untold([corrected], told) == (corrected,)
    assert after_telling(told, [], {}) is told


def test_the_event_holds_ids_and_no_number_no_amount() -> None:
    detail = detail_of(replace(FINAL, findings=(CdrFinding(Difference.WRONG_RATE, "evidence"),)))
    assert detail["idempotency_key"] == "HD_1/callee/2"
    assert not any(part in str(detail) for part in ("2547", "2000000", "evidence"))


def test_a_placed_call_costs_its_leg_and_its_stream() -> None:
    assert placed_charges(CALL, [FINAL, STREAM]) == {"pk1": 2_300_000}


@pytest.mark.parametrize(
    ("legs", "charges"),
    [
        ([replace(FINAL, charge_micros=None)], {}),  # unknown is not 0
        ([FINAL, replace(STREAM, charge_micros=None, talk_s=None)], {}),  # may still come to something
        ([FINAL, replace(STREAM, charge_micros=None)], {"pk1": 2_000_000}),  # streams are not in the price list
        ([replace(FINAL, charge_micros=0, talk_s=0, status="busy")], {"pk1": 0}),  # frees what was reserved
        ([replace(FINAL, leg="caller", direction=Direction.INBOUND)], {}),
    ],
)
def test_what_is_not_known_is_left_out(legs: list[Cdr], charges: dict[str, int]) -> None:
    assert placed_charges(CALL, legs) == charges


def test_what_the_carrier_dialled_itself_is_settled_under_the_hand_offs_label() -> None:
    onward = Onward(handoff_id="h", number=E164("+254722000999"), words="", language="en", ring_s=20)
    told = replace(onward, given_at=NOON)
    caller = replace(FINAL, leg="caller", direction=Direction.INBOUND, client_request_id="")
    dialled = replace(caller, leg="transfer", direction=Direction.TRANSFER, charge_micros=700_000)
    assert placed_charges(replace(CALL, onward=told), [caller, dialled], "ho") == {"ho": 700_000}
    assert placed_charges(replace(CALL, onward=told), [caller, replace(dialled, charge_micros=None)], "ho") == {}
    assert placed_charges(replace(CALL, onward=told), [caller], "ho") == {}  # dialled, and nobody has said more
    assert placed_charges(replace(CALL, onward=onward), [caller], "ho") == {"ho": 0}  # never told to dial
    fallback = {fallback_label(CALL): 700_000}
    assert placed_charges(CALL, [caller, dialled]) == fallback  # nobody had told it to
    assert placed_charges(CALL, [FINAL, dialled]) == {"pk1": 2_000_000, **fallback}
    assert placed_charges(CALL, [caller, replace(dialled, charge_micros=None)]) == {}
    ringing = replace(CALL, onward=onward, status=CallStatus.ANSWERED)
    assert placed_charges(ringing, [caller], "ho") == {}
