"""The booking agent's gate: what was not heard and answered is not carried out, and nothing happens twice."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from pokea.errors import Indeterminate
from pokea.ports import Change
from pokea.toolkit import Evidence, ToolResult
from tests.fakes.conversation import AMINA, CLINIC, Conversation, heard_and_answered
from tests.fakes.memory_store import MemoryStore
from tests.unit.pokea.desk.booking_words import (
    BRIAN,
    THURSDAY_HALF_PAST_TWO,
    booked_starts,
    code,
    said,
    seated,
    status,
    store_of,
    times,
)


def test_an_unheard_read_back_is_read_again_and_then_counts() -> None:
    call = Conversation()
    proposed = call.propose(THURSDAY_HALF_PAST_TWO)
    refusal = call.commit(proposed, Evidence(at_ms=4_000))
    assert (code(refusal), said(refusal)) == ("not_heard", said(proposed))
    assert refusal.nonce == proposed.nonce
    assert refusal.payload["arguments"] == proposed.payload["arguments"]
    assert status(call.commit(refusal)) == "booked"


def test_reading_again_renews_the_proposal_and_its_hold() -> None:
    call = Conversation()
    proposed = call.propose(THURSDAY_HALF_PAST_TWO)
    call.clock.advance(50)
    silent = replace(heard_and_answered(str(proposed.nonce)), caller_turns=())
    assert code(call.commit(proposed, silent)) == "not_answered"
    call.clock.advance(50)
    assert status(call.called_by(BRIAN).propose(THURSDAY_HALF_PAST_TWO, name="Brian Kamau")) == "taken"
    assert status(call.commit(proposed)) == "booked"


def test_reading_a_cancellation_again_needs_no_hold() -> None:
    call = Conversation()
    call.book(THURSDAY_HALF_PAST_TWO)
    proposed = call.tool("proposeCancel", {"name": "Amina"})
    assert code(call.commit(proposed, Evidence())) == "not_heard"
    assert status(call.commit(proposed)) == "cancelled"


def test_after_ninety_seconds_the_proposal_is_old() -> None:
    call = Conversation()
    proposed = call.propose(THURSDAY_HALF_PAST_TWO)
    call.clock.advance(90)
    assert code(call.commit(proposed)) == "nonce_old"
    assert booked_starts(call) == []


def test_changed_arguments_void_the_proposal_and_free_its_slots() -> None:
    call = Conversation()
    proposed = call.propose(THURSDAY_HALF_PAST_TWO)
    forged = ToolResult(
        {**proposed.payload, "arguments": {**cast(dict[str, str], proposed.payload["arguments"]), "name": "Eve"}}
    )
    assert code(call.commit(forged)) == "changed"
    assert seated(call) == 0
    assert code(call.commit(proposed)) == "nonce_old"
    assert booked_starts(call) == []


def test_a_repeated_tool_call_gets_the_same_answer_and_another_is_refused() -> None:
    call = Conversation()
    proposed = call.propose(THURSDAY_HALF_PAST_TWO)
    first = call.commit(proposed, tool_call_id="t-same")
    writes = store_of(call).writes
    call.clock.advance(300)
    assert call.commit(proposed, tool_call_id="t-same").payload == first.payload
    assert code(call.commit(proposed, tool_call_id="t-other")) == "nonce_used"
    assert store_of(call).writes == writes


def test_the_nonce_of_another_call_is_unknown() -> None:
    amina = Conversation()
    proposed = amina.propose(THURSDAY_HALF_PAST_TWO)
    assert code(amina.called_by(AMINA).commit(proposed)) == "nonce_unknown"
    assert booked_starts(amina) == []


@pytest.mark.parametrize("arguments", [{}, {"nonce": ""}, {"nonce": "x"}, {"nonce": "wrong-names", "arguments": {}}])
def test_a_made_up_nonce_is_unknown(arguments: dict[str, object]) -> None:
    call = Conversation()
    call.tool("listAppointments", {"name": "Nobody"})
    assert code(call.tool("commitProposal", arguments, heard_and_answered("x"))) == "nonce_unknown"


def test_a_hold_that_lapsed_while_confirming_still_books_a_free_time() -> None:
    call = Conversation()
    proposed = call.propose(THURSDAY_HALF_PAST_TWO)
    call.clock.advance(70)
    assert status(call.commit(proposed)) == "booked"


def test_a_hold_that_lapsed_while_confirming_is_refused_if_somebody_took_the_time() -> None:
    amina = Conversation()
    proposed = amina.propose(THURSDAY_HALF_PAST_TWO)
    amina.clock.advance(70)
    amina.called_by(BRIAN).book(THURSDAY_HALF_PAST_TWO, name="Brian Kamau")
    refusal = amina.commit(proposed)
    assert (code(refusal), refusal.nonce) == ("not_free", None)
    assert times(refusal) == ["2026-11-26T14:00", "2026-11-26T15:00", "2026-11-26T13:45"]
    assert code(amina.commit(proposed)) == "nonce_old"
    assert booked_starts(amina) == ["11-26 14:30"]


def test_reading_again_notices_that_the_time_is_gone() -> None:
    amina = Conversation()
    proposed = amina.propose(THURSDAY_HALF_PAST_TWO)
    amina.clock.advance(70)
    amina.called_by(BRIAN).book(THURSDAY_HALF_PAST_TWO, name="Brian Kamau")
    assert code(amina.commit(proposed, Evidence())) == "not_free"


def test_a_start_that_passes_while_confirming_is_refused() -> None:
    call = Conversation()
    call.clock.advance(59 * 60 + 30)  # 10:59:30
    proposed = call.propose("today at 11 am")
    assert status(proposed) == "proposed"
    call.clock.advance(40)
    assert code(call.commit(proposed)) == "past"
    assert (booked_starts(call), seated(call)) == ([], 0)


def test_a_service_that_vanished_from_the_profile_is_not_booked() -> None:
    call = Conversation()
    proposed = call.propose(THURSDAY_HALF_PAST_TWO)
    without = {key: service for key, service in CLINIC.booking.services.items() if key != "cleaning"}
    call.profile = replace(CLINIC, booking=replace(CLINIC.booking, services=without))
    assert code(call.commit(proposed, Evidence())) == "not_heard"
    assert code(call.commit(proposed)) == "changed"
    assert booked_starts(call) == []


class LostReply(MemoryStore):
    """Loses the reply to writes that carry an appointment, before or after writing."""

    def __init__(self, *, written: bool) -> None:
        super().__init__()
        self.written = written

    def apply(self, change: Change) -> None:
        if change.appointment is None:
            super().apply(change)
            return
        if self.written:
            super().apply(change)
        raise Indeterminate("reply_lost")


def test_a_lost_reply_is_settled_by_reading() -> None:
    call = Conversation(store=LostReply(written=True))
    assert status(call.commit(call.propose(THURSDAY_HALF_PAST_TWO))) == "booked"
    assert booked_starts(call) == ["11-26 14:30"]


def test_nothing_is_claimed_while_it_is_unknown() -> None:
    call = Conversation(store=LostReply(written=False))
    with pytest.raises(Indeterminate):
        call.commit(call.propose(THURSDAY_HALF_PAST_TWO))
