"""What a call came to: the table, row by row, and what stands above what."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pokea.billing.statements.words import outcome_words
from pokea.call_outcomes import BY_AGENT, BY_REASON, BY_STATUS, Disposition, commits_of, disposition_of, is_uncertain
from pokea.call_record import CallRecord, fields_of, quantile
from pokea.call_summary import _SAID, by_rules, material, notes_for, of_model, schema_for
from pokea.confirm import Proposal, ProposalState
from pokea.ids import BusinessId, Nonce, SessionId, ToolCallId
from pokea.phone_numbers import E164
from pokea.sautikit.callbacks import may_owe
from pokea.sautikit.closings import CloseReason, Closing, Said, ToolUse

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
RECORD = CallRecord(
    business_id=BusinessId("b"),
    session_id=SessionId("HD_1"),
    agent="support",
    direction="inbound",
    disposition=Disposition.TALKED,
    reason="goodbye",
    language="en",
    a_number=E164("+254700000001"),
    b_number=E164("+254711000003"),
    began_at=NOW,
    ended_at=NOW,
    duration_ms=60_000,
    kept_until=NOW,
)
SPOKE = (Said("agent", "Hello", 0), Said("caller", "Hi", 900))


def closing(
    reason: CloseReason = CloseReason.GOODBYE, *tools: tuple[str, str], said: tuple[Said, ...] = SPOKE
) -> Closing:
    return Closing(
        session_id=SessionId("HD_1"),
        business_id=BusinessId("b"),
        reason=reason,
        duration_ms=60_000,
        transcript=said,
        truncated=False,
        closed_at=NOW,
        tools=tuple(ToolUse(name, status, 100, 1_000) for name, status in tools),
    )


def proposal(
    action: str, outcome: object, state: ProposalState = ProposalState.USED, minute: int = 0, **arguments: Any
) -> Proposal:
    return Proposal(
        nonce=Nonce(f"n{minute}"),
        session_id=SessionId("HD_1"),
        business_id=BusinessId("b"),
        action=action,
        arguments={"action": action, **arguments},
        read_back="Shall I?",
        proposed_at=NOW + timedelta(minutes=minute),
        state=state,
        used_by=ToolCallId("t"),
        outcome=json.dumps(outcome) if isinstance(outcome, dict) else outcome,  # type: ignore[arg-type]
    )


def of(agent: str, closed: Closing, *proposals: Proposal) -> Disposition:
    return disposition_of(agent, closed, commits_of(proposals), uncertain=is_uncertain(proposals))


@pytest.mark.parametrize("status", BY_STATUS)
def test_a_commit_names_the_outcome_whichever_agent_made_it(status: str) -> None:
    done = proposal("anything", {"status": status, "say": "Done."})
    assert of("booking", closing(), done) is BY_STATUS[status]


@pytest.mark.parametrize(("action", "outcome"), [("book", "booked"), ("move", "moved"), ("cancel", "cancelled")])
def test_the_diarys_proposals_keep_an_id(action: str, outcome: str) -> None:
    assert of("booking", closing(), proposal(action, "A-17")) == outcome


@pytest.mark.parametrize(("agent", "row"), [(agent, row) for agent, rows in BY_AGENT.items() for row in rows])
def test_every_row_of_every_agent_is_reached(agent: str, row: tuple[str, str, Disposition]) -> None:
    tool, status, disposition = row
    assert of(agent, closing(CloseReason.GOODBYE, (tool, status))) is disposition


@pytest.mark.parametrize("reason", [reason for reason in CloseReason if reason in BY_REASON])
def test_every_reason_has_an_outcome_where_no_tool_did_anything(reason: CloseReason) -> None:
    assert of("booking", closing(reason)) is BY_REASON[reason]


def test_an_opt_out_stands_above_everything() -> None:
    booked = proposal("book", "A-17")
    assert of("leads", closing(CloseReason.GOODBYE, ("optOut", "opted_out")), booked) is Disposition.OPTED_OUT


def test_the_latest_commit_counts_and_a_message_only_where_nothing_else_was_done() -> None:
    message = proposal("message", {"status": "message_taken"}, minute=3)
    booked, cancelled = proposal("book", "A-17"), proposal("cancel", "A-17", minute=1)
    assert of("booking", closing(), booked, cancelled, message) is Disposition.CANCELLED
    assert of("reception", closing(), message) is Disposition.MESSAGE


def test_what_was_only_proposed_or_voided_was_not_done() -> None:
    for state in (ProposalState.OPEN, ProposalState.VOID):
        left = proposal("book", None, state)
        assert of("booking", closing(CloseReason.CALLER_HUNG_UP), left) is Disposition.ABANDONED


def test_a_claim_without_an_outcome_is_uncertain_and_never_done() -> None:
    claimed = proposal("ticket", None)
    assert commits_of([claimed]) == ()
    assert of("support", closing(), claimed) is Disposition.UNCERTAIN


def test_only_refusals_are_not_done() -> None:
    assert of("booking", closing(CloseReason.GOODBYE, ("proposeBooking", "refused"))) is Disposition.NOT_DONE


@pytest.mark.parametrize("agent", BY_AGENT)
@pytest.mark.parametrize(
    "reason", [CloseReason.CALLER_HUNG_UP, CloseReason.MAX_DURATION, CloseReason.GOODBYE, CloseReason.HANDED_OVER]
)
def test_a_call_that_a_person_took_was_handed_over_however_it_ended(agent: str, reason: CloseReason) -> None:
    booked = proposal("book", "A-17")
    taken = closing(reason, ("accountStatus", "refused"), ("handOver", "accepted"))
    assert of(agent, taken) is Disposition.HANDED_OVER
    assert of(agent, taken, booked) is Disposition.HANDED_OVER


@pytest.mark.parametrize("status", ["connecting", "declined", "no_answer", "failed", "refused"])
def test_a_hand_off_that_nobody_took_is_none(status: str) -> None:
    assert of("support", closing(CloseReason.CALLER_HUNG_UP, ("handOver", status))) is not Disposition.HANDED_OVER


def test_a_call_that_broke_after_a_person_had_taken_it_failed_and_says_what_is_owed() -> None:
    broken = replace(closing(CloseReason.BRIDGE_ERROR, ("fixStep", "ok"), ("handOver", "accepted")), handoff="h1")
    assert of("support", broken) is Disposition.FAILED
    told = by_rules(replace(RECORD, disposition=Disposition.FAILED, reason="bridge_error"), broken).text
    assert told.startswith("The call broke on our side. A call back is owed.")
    owing_nothing = by_rules(
        replace(RECORD, disposition=Disposition.FAILED, reason="bridge_error"), replace(broken, handoff=None)
    )
    assert "owed" not in owing_nothing.text


def test_of_a_call_that_was_turned_away_nothing_is_said_that_nobody_knows() -> None:
    """It may have been one number that rang too often, and a person may have been rung in the agent's place."""
    away = closing(CloseReason.TURNED_AWAY, said=())
    assert of("booking", away) is Disposition.TURNED_AWAY
    told = by_rules(replace(RECORD, disposition=Disposition.TURNED_AWAY, reason="turned_away"), away).text
    assert told.startswith("The call was not taken: every place was taken, or too many rang.")
    assert [word for word in ("line", "nobody", "told so") if word in told] == []
    assert outcome_words(Disposition.TURNED_AWAY.value) == "not taken"


def test_silence_is_told_from_leaving() -> None:
    assert of("booking", closing(CloseReason.IDLE, said=())) is Disposition.SILENT
    assert of("booking", closing(CloseReason.CALLER_HUNG_UP, said=())) is Disposition.ABANDONED


@pytest.mark.parametrize("said", [(), SPOKE])
def test_a_machine_that_picked_up_is_no_talk_no_failure_and_owes_nothing(said: tuple[Said, ...]) -> None:
    met = closing(CloseReason.MACHINE, said=said)
    assert of("leads", met) is Disposition.MACHINE
    assert not may_owe(met)
    told = by_rules(replace(RECORD, disposition=Disposition.MACHINE, reason="machine"), met).text
    assert told.startswith("An answering machine or a fax picked up.")
    assert "owed" not in told


def test_an_agent_of_the_businesss_own_has_an_outcome_too() -> None:
    assert of("florist", closing(CloseReason.GOODBYE, ("findBouquet", "ok"))) is Disposition.ANSWERED


def test_fields_hold_the_facts_as_they_were_left_without_words_for_the_ear() -> None:
    booked = proposal("book", "A-17", service="cleaning")
    moved = proposal(
        "move", {"status": "moved", "say": "Moved.", "reference": "A-17", "starts_at": "2026-11-26T14:30"}, minute=1
    )
    assert fields_of(commits_of([moved, booked])) == {
        "appointment": {"status": "moved", "reference": "A-17", "starts_at": "2026-11-26T14:30"}
    }


def test_every_outcome_has_a_sentence() -> None:
    assert set(_SAID) == set(Disposition)


@pytest.mark.parametrize("values", [(), (5,), (1, 2, 3, 4), tuple(range(100))])
def test_quantiles_are_values_that_were_measured(values: tuple[int, ...]) -> None:
    for share in (0.5, 0.9):
        found = quantile(values, share)
        assert found is None if not values else sum(value <= (found or 0) for value in values) >= share * len(values)


# --- a model's summary -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("agent", [*BY_AGENT, "florist"])
def test_a_model_is_asked_for_a_summary_and_notes_of_its_agent(agent: str) -> None:
    schema = schema_for(agent)
    assert schema["required"] == ["summary"]
    assert set(schema["properties"]) == {"summary", *notes_for(agent)}  # type: ignore[call-overload]


def test_a_models_answer_is_cut_to_what_was_asked_for() -> None:
    answer = {
        "summary": " x " * 2_000,
        "topic": "y" * 2_000,
        "appointment": {"status": "booked"},
        "mood": 7,
        "follow_up": " ",
    }
    found = of_model("booking", answer, "some-model")
    assert found is not None
    assert len(found.text) <= 1_200 and set(found.noted) == {"topic"} and len(str(found.noted["topic"])) == 300


@pytest.mark.parametrize("answer", [None, [], "text", {}, {"summary": ""}, {"summary": 7}])
def test_what_is_no_summary_is_none(answer: object) -> None:
    assert of_model("booking", answer, "some-model") is None


def test_the_model_is_told_what_was_done_and_nothing_by_which_anybody_could_be_found() -> None:
    canaries = ["ACC-7741", "id_number", "+254700999888", "14 Baobab Lane", "Wanjiru Canary", "T-1041"]
    fields = {
        "account": {"id": canaries[0], "verified_by": canaries[1]},
        "message": {"status": "message_taken", "number": canaries[2], "message": canaries[4]},
        "shipment": {"status": "rescheduled", "address": canaries[3], "day": "2026-11-26", "action": canaries[2] * 9},
        "appointment": {"status": "booked", "service": "cleaning", "name": canaries[4], "reference": canaries[5]},
        "tried": [canaries[3]],
    }
    told = material(replace(RECORD, fields=fields), closing(said=()))
    assert [word for word in canaries if word in told] == []
    for word in ("message_taken", "rescheduled", "2026-11-26", "cleaning", "booked", "appointment"):
        assert word in told
