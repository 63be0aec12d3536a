"""The moves of a contact: what the table allows, and what every move leaves behind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pokea.campaigns import moves
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.campaigns.moves import TABLE, Move
from pokea.errors import Misuse
from pokea.ids import SessionId
from tests.contract.campaign_store_contract import AT, a_campaign, a_contact

LATER = AT + timedelta(minutes=30)


def claimed() -> Contact:
    return moves.claimed(a_contact(a_campaign()), AT)


def asked() -> Contact:
    return moves.asked(claimed(), "pk1", AT)


def test_only_asked_leads_to_a_telephone_and_only_claimed_leads_to_asked() -> None:
    assert {edge.starts for edge in TABLE.values() if edge.ends is ContactState.RINGING} == {(ContactState.ASKED,)}
    assert TABLE[Move.ASK].starts == (ContactState.CLAIMED,)


def test_nothing_leads_out_of_what_is_final() -> None:
    for edge in TABLE.values():
        assert not {ContactState.DONE, ContactState.EXCLUDED} & set(edge.starts)


def test_whoever_may_be_ringing_is_never_excluded_and_never_claimed() -> None:
    for move in (Move.EXCLUDE, Move.CLAIM, Move.DEFER, Move.ASK):
        assert not {ContactState.ASKED, ContactState.RINGING} & set(TABLE[move].starts)


def test_every_state_but_the_first_is_reached_and_every_move_is_in_the_diagram() -> None:
    assert {edge.ends for edge in TABLE.values()} == set(ContactState)
    drawn = moves.diagram()
    for move, edge in TABLE.items():
        for start in edge.starts:
            assert f"    {start.value} --> {edge.ends.value}: {move.value}\n" in drawn


def test_a_move_that_is_not_in_the_table_is_our_bug() -> None:
    waiting = a_contact(a_campaign())
    with pytest.raises(Misuse, match="waiting"):
        moves.asked(waiting, "pk1", AT)
    with pytest.raises(Misuse):
        moves.excluded(asked(), "suppressed")
    with pytest.raises(Misuse):
        moves.claimed(moves.done(asked(), Disposition.HOT), AT)


def test_an_attempt_counts_from_the_moment_it_is_noted_and_has_a_label_of_its_own() -> None:
    one = asked()
    assert (one.attempts, one.label, one.asked_at) == (1, "pk1", AT)
    waiting = moves.again(moves.ringing(one, SessionId("HD_1")), LATER, Disposition.BUSY)
    assert (waiting.state, waiting.due_at, waiting.disposition) == (ContactState.WAITING, LATER, Disposition.BUSY)
    with pytest.raises(Misuse):
        moves.asked(moves.claimed(waiting, LATER), "pk1", LATER)
    with pytest.raises(Misuse):
        moves.asked(moves.claimed(waiting, LATER), "", LATER)
    two = moves.asked(moves.claimed(waiting, LATER), "pk2", LATER)
    assert (two.attempts, two.session_id, two.disposition) == (2, None, None)


def test_who_was_certainly_not_rung_has_one_attempt_less() -> None:
    back = moves.not_rung(moves.sought(asked(), AT), LATER, "carrier_busy")
    assert (back.state, back.attempts, back.due_at, back.reason) == (ContactState.WAITING, 0, LATER, "carrier_busy")
    assert back.sought_at is None and back.asked_at is None and back.label == "pk1"


def test_the_first_look_for_a_lost_call_is_the_one_that_counts() -> None:
    once = moves.sought(asked(), AT)
    assert moves.sought(once, LATER).sought_at == AT
    assert moves.ringing(once, None).sought_at is None


def test_a_lapsed_claim_is_due_at_once() -> None:
    free = moves.unclaimed(claimed(), LATER)
    assert (free.state, free.due_at, free.claimed_at) == (ContactState.WAITING, LATER, None)
