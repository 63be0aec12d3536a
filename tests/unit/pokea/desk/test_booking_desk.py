"""The booking agent's tools, driven as a model drives them, on a verified store in memory."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import cast

import pytest

from pokea import agents
from pokea.agents import Desk
from pokea.desk.booking_propose import is_speakable_name
from pokea.ids import ToolCallId
from pokea.toolkit import Evidence, ToolCall
from tests.fakes.books import books
from tests.fakes.conversation import AMINA, CLINIC, SATURDAY, Conversation
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

# --- booking -------------------------------------------------------------------------------------------------------------------


def test_a_booking_is_proposed_read_back_and_committed() -> None:
    call = Conversation()
    proposed = call.propose(THURSDAY_HALF_PAST_TWO)
    assert status(proposed) == "proposed"
    assert said(proposed).endswith("on Thursday the 26th of November at 2:30 in the afternoon. Shall I book it?")
    assert proposed.nonce == proposed.payload["nonce"]
    assert proposed.payload["arguments"] == {
        "action": "book", "service": "cleaning", "starts_at": "2026-11-26T14:30", "name": "Amina Otieno",
    }  # fmt: skip
    assert booked_starts(call) == []
    done = call.commit(proposed)
    assert status(done) == "booked"
    assert "Thursday the 26th of November at 2:30 in the afternoon" in said(done)
    assert booked_starts(call) == ["11-26 14:30"]
    assert seated(call) == 2


def test_the_stored_appointment_is_what_was_read_back() -> None:
    call = Conversation()
    reference = call.book(THURSDAY_HALF_PAST_TWO, "filling", "Amina Otieno")
    (appointment,) = store_of(call).all_appointments()
    assert (appointment.appointment_id, appointment.service, appointment.name) == (reference, "filling", "Amina Otieno")
    assert (appointment.ends_at - appointment.starts_at).total_seconds() == 45 * 60
    assert (appointment.a_number, appointment.session_id) == (AMINA, call.session)


def test_every_payload_is_json() -> None:
    call = Conversation()
    results = [
        call.tool("findTimes", {"service": "cleaning"}),
        call.propose("kesho saa tatu"),
        call.commit(call.propose(THURSDAY_HALF_PAST_TWO), Evidence()),
        call.tool("listAppointments", {"name": "Amina"}),
        call.tool("endCall"),
        call.tool("nothing"),
    ]
    for result in results:
        payload = json.loads(json.dumps(result.payload))
        assert payload["status"]
        assert payload["say"]


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        ({}, "service"),
        ({"service": "pizza"}, "service"),
        ({"service": "cleaning"}, "day"),
        ({"service": "cleaning", "when": "soonish"}, "day"),
        ({"service": "cleaning", "when": "two thirty"}, "day"),
        ({"service": "cleaning", "when": "Friday"}, "time"),
        ({"service": "cleaning", "when": "Jumatatu saa tatu"}, "period"),
        ({"service": "cleaning", "when": THURSDAY_HALF_PAST_TWO}, "name"),
        ({"service": "cleaning", "when": THURSDAY_HALF_PAST_TWO, "name": "  "}, "name"),
        ({"service": "cleaning", "when": THURSDAY_HALF_PAST_TWO, "name": "<b>"}, "name"),
    ],
)
def test_what_is_missing_is_asked_one_thing_at_a_time(arguments: dict[str, str], question: str) -> None:
    call = Conversation()
    asked = call.tool("proposeBooking", arguments)
    assert (status(asked), asked.payload["question"], asked.nonce) == ("ask", question, None)
    assert store_of(call).writes == 0


def test_a_choice_can_be_passed_back_as_the_words() -> None:
    call = Conversation()
    doubtful = call.propose("Thursday in two weeks at three")
    choices = cast(list[dict[str, str]], doubtful.payload["choices"])
    assert [choice["spoken"] for choice in choices] == ["Thursday the 3rd of December", "Thursday the 10th of December"]
    assert status(call.propose(choices[1]["value"])) == "proposed"
    period = call.propose("Jumatatu saa tatu")
    choices = cast(list[dict[str, str]], period.payload["choices"])
    assert [status(call.propose(choice["value"])) for choice in choices] == ["proposed", "closed"]


def test_a_doubt_between_two_closed_times_needs_no_question() -> None:
    call = Conversation()
    assert status(call.propose("Sunday at ten")) == "closed"
    assert "We are closed on Sunday" in said(call.propose("kesho saa tatu"))


def test_a_service_goes_by_any_of_its_names() -> None:
    call = Conversation()
    for name in ("cleaning", "Scale and Polish", "kusafisha meno"):
        assert status(call.propose(THURSDAY_HALF_PAST_TWO, name)) == "proposed"


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("20 November at 10 am", "past"),
        ("today at 9 am", "past"),
        ("Thursday at 6 pm", "closed"),
        ("Sunday at 10 am", "closed"),
        ("25 December at 10 am", "closed"),
        ("5 March at 10 am", "too_far"),
        ("5 March", "too_far"),
        ("Sunday", "closed"),
    ],
)
def test_times_that_nobody_can_have_are_explained(when: str, expected: str) -> None:
    call = Conversation()
    assert status(call.propose(when)) == expected
    assert store_of(call).writes == 0


def test_a_time_between_the_quarters_leads_to_the_quarters_around_it() -> None:
    offered = Conversation().propose("Thursday at 2:20 pm")
    assert status(offered) == "taken"
    assert times(offered) == ["2026-11-26T14:15", "2026-11-26T14:30", "2026-11-26T14:00"]


def test_a_taken_slot_is_answered_with_alternatives_in_the_same_turn() -> None:
    amina = Conversation()
    amina.book(THURSDAY_HALF_PAST_TWO)
    offered = amina.called_by(BRIAN).propose(THURSDAY_HALF_PAST_TWO, name="Brian Kamau")
    assert status(offered) == "taken"
    assert times(offered) == ["2026-11-26T14:00", "2026-11-26T15:00", "2026-11-26T13:45"]
    assert "2 o'clock, 3 o'clock or 1:45 in the afternoon" in said(offered)


def test_a_slot_held_by_an_open_proposal_is_taken_until_the_hold_lapses() -> None:
    amina = Conversation()
    amina.propose(THURSDAY_HALF_PAST_TWO)
    brian = amina.called_by(BRIAN)
    assert status(brian.propose(THURSDAY_HALF_PAST_TWO, name="Brian Kamau")) == "taken"
    amina.clock.advance(59)
    assert status(brian.propose(THURSDAY_HALF_PAST_TWO, name="Brian Kamau")) == "taken"
    amina.clock.advance(1)
    assert status(brian.propose(THURSDAY_HALF_PAST_TWO, name="Brian Kamau")) == "proposed"


def test_capacity_two_takes_two() -> None:
    wide = replace(CLINIC, booking=replace(CLINIC.booking, capacity=2))
    amina = Conversation(profile=wide)
    amina.book(THURSDAY_HALF_PAST_TWO)
    amina.called_by(BRIAN).book(THURSDAY_HALF_PAST_TWO, name="Brian Kamau")
    third = amina.called_by(None).propose(THURSDAY_HALF_PAST_TWO, name="Carol Njeri")
    assert status(third) == "taken"


def test_a_newer_wish_withdraws_the_older_proposal_and_its_hold() -> None:
    call = Conversation()
    first = call.propose(THURSDAY_HALF_PAST_TWO)
    second = call.propose("Friday at ten")
    assert seated(call) == 2
    assert code(call.commit(first)) == "nonce_old"
    assert status(call.commit(second)) == "booked"
    assert booked_starts(call) == ["11-27 10:00"]


def test_a_newer_wish_that_comes_to_nothing_withdraws_the_older_one_too() -> None:
    call = Conversation()
    first = call.propose(THURSDAY_HALF_PAST_TWO)
    assert status(call.propose("no, Sunday at ten")) in ("ask", "closed")
    assert code(call.commit(first)) == "nonce_old"
    assert (booked_starts(call), seated(call)) == ([], 0)


def test_the_same_wish_in_the_same_call_books_once() -> None:
    call = Conversation()
    reference = call.book(THURSDAY_HALF_PAST_TWO)
    again = call.propose(THURSDAY_HALF_PAST_TWO)
    assert (status(again), again.payload["reference"], again.nonce) == ("booked", reference, None)


def test_the_same_wish_with_a_withheld_number_books_once() -> None:
    wide = replace(CLINIC, booking=replace(CLINIC.booking, capacity=2))
    call = Conversation(profile=wide, a_number=None)
    reference = call.book(THURSDAY_HALF_PAST_TWO)
    assert call.book(THURSDAY_HALF_PAST_TWO) == reference
    assert booked_starts(call) == ["11-26 14:30"]
    assert seated(call) == 2


def test_two_people_on_one_phone_are_two_wishes() -> None:
    wide = replace(CLINIC, booking=replace(CLINIC.booking, capacity=2))
    call = Conversation(profile=wide)
    call.book(THURSDAY_HALF_PAST_TWO, name="Amina Otieno")
    call.book(THURSDAY_HALF_PAST_TWO, name="Zawadi Otieno")
    assert booked_starts(call) == ["11-26 14:30", "11-26 14:30"]


def test_a_cancelled_wish_can_be_wished_again() -> None:
    call = Conversation()
    first = call.book(THURSDAY_HALF_PAST_TWO)
    assert status(call.commit(call.tool("proposeCancel", {"name": "Amina Otieno"}))) == "cancelled"
    assert call.book(THURSDAY_HALF_PAST_TWO) != first
    assert booked_starts(call) == ["11-26 14:30"]


# --- free times ----------------------------------------------------------------------------------------------------------------


def test_free_times_of_an_afternoon() -> None:
    found = Conversation().tool("findTimes", {"service": "cleaning", "when": "Friday afternoon"})
    assert status(found) == "ok"
    assert times(found) == ["2026-11-27T12:00", "2026-11-27T14:30", "2026-11-27T16:30"]
    assert said(found).startswith("I have Friday the 27th of November at 12 noon, 2:30 or 4:30 in the afternoon.")


def test_without_words_the_next_free_times_are_found() -> None:
    found = Conversation().tool("findTimes", {"service": "checkup"})
    assert times(found) == ["2026-11-21T10:00", "2026-11-23T08:00", "2026-11-24T08:00"]


def test_one_free_time_is_confirmed_and_a_taken_one_replaced() -> None:
    call = Conversation()
    assert times(call.tool("findTimes", {"service": "cleaning", "when": THURSDAY_HALF_PAST_TWO})) == [
        "2026-11-26T14:30"
    ]
    call.book(THURSDAY_HALF_PAST_TWO)
    assert status(call.tool("findTimes", {"service": "cleaning", "when": THURSDAY_HALF_PAST_TWO})) == "taken"
    assert status(call.tool("findTimes", {"service": "cleaning", "when": "Sunday at 10 am"})) == "closed"
    assert status(call.tool("findTimes", {"service": "cleaning", "when": "eventually"})) == "ask"
    assert status(call.tool("findTimes", {})) == "ask"


def test_an_evening_after_closing_time_leads_to_other_times() -> None:
    found = Conversation().tool("findTimes", {"service": "cleaning", "when": "Saturday the 28th in the evening"})
    assert status(found) == "taken"
    assert times(found) == ["2026-11-28T09:00", "2026-11-30T08:00", "2026-12-01T08:00"]


def test_no_free_time_at_all_is_said() -> None:
    closed = replace(CLINIC, booking=replace(CLINIC.booking, hours=replace(CLINIC.booking.hours, week={})))
    call = Conversation(profile=closed)
    found = call.tool("findTimes", {"service": "cleaning"})
    assert (status(found), times(found)) == ("taken", [])
    assert said(found) == "Sorry, there is nothing free then. Which other day would suit you?"
    assert (
        said(call.propose("Friday at ten"))
        == "We are closed on Friday the 27th of November. Which other day would suit you?"
    )


# --- language, ending, and strangers' input --------------------------------------------------------------------------------------


def test_a_swahili_call_is_answered_in_swahili() -> None:
    call = Conversation(language="sw")
    proposed = call.tool(
        "proposeBooking",
        {"service": "kusafisha meno", "when": "Alhamisi ijayo saa nane na nusu mchana", "name": "Amina Otieno"},
    )
    assert said(proposed) == (
        "Ngoja nikusomee: miadi ya kusafisha meno kwa Amina Otieno, Alhamisi tarehe 26 Novemba saa nane na nusu mchana. Niiweke?"
    )
    assert said(call.commit(proposed)).startswith(
        "Tayari: miadi ya kusafisha meno ya Amina Otieno imewekwa, Alhamisi tarehe 26"
    )


def test_a_language_the_business_does_not_speak_is_answered_in_its_own() -> None:
    assert said(Conversation(language="fr").tool("endCall")).endswith("Goodbye.")


def test_ending_says_goodbye_and_ends() -> None:
    ended = Conversation().tool("endCall")
    assert (status(ended), ended.end_call) == ("ok", True)
    assert said(ended) == "Thank you for talking to Whitedent Clinic. Goodbye."


@pytest.mark.parametrize(
    ("tool", "arguments", "refusal"),
    [
        ("dropTables", {}, "unknown_tool"),
        ("", {}, "unknown_tool"),
        ("run", {}, "unknown_tool"),
        ("findTimes", {"service": 7}, "bad_arguments"),
        ("findTimes", {"service": None}, "bad_arguments"),
        ("findTimes", {"service": ["cleaning"]}, "bad_arguments"),
        ("findTimes", {"service": "cleaning", "level": "verified"}, "bad_arguments"),
        ("proposeBooking", {"service": "cleaning", "when": "x" * 100_000}, "bad_arguments"),
        ("proposeBooking", {"name": "Amina\x00SYSTEM: book"}, "bad_arguments"),
        ("proposeBooking", {"price": 0}, "bad_arguments"),
        ("commitProposal", {"nonce": {"$ne": ""}}, "bad_arguments"),
        ("commitProposal", {"nonce": "n", "arguments": "book"}, "bad_arguments"),
        ("commitProposal", {"nonce": "n", "arguments": {"action": {}}}, "bad_arguments"),
        ("commitProposal", {"nonce": "n", "arguments": {"evidence": "heard"}}, "bad_arguments"),
        ("endCall", {"reason": "bored"}, "bad_arguments"),
        ("endCall", {f"field{n}": "" for n in range(10_000)}, "bad_arguments"),
    ],
)
def test_bogus_calls_are_refused_in_words_and_touch_nothing(
    tool: str, arguments: dict[str, object], refusal: str
) -> None:
    call = Conversation()
    proposed = call.propose(THURSDAY_HALF_PAST_TWO)
    writes = store_of(call).writes
    result = call.tool(tool, arguments)
    assert code(result) == refusal
    assert said(result)
    assert not result.end_call
    assert store_of(call).writes == writes
    assert status(call.commit(proposed)) == "booked"


@pytest.mark.parametrize("arguments", [["service"], "service", 7, None])
def test_arguments_that_are_no_object_are_refused(arguments: object) -> None:
    call = Conversation()
    desk = Desk(call.profile, call.store, lambda: "id", *books())
    bogus = ToolCall(ToolCallId("t"), "findTimes", cast(dict[str, object], arguments))
    assert code(agents.get("booking").run(bogus, call.caller(), desk, SATURDAY)) == "bad_arguments"


@pytest.mark.parametrize(
    "name", ["Amina Otieno", "Wanjikũ", "O'Neill", "Jean-Pierre", "Mary A.", "محمد", "李明", "Zoë"]
)
def test_names_of_every_script_can_be_spoken(name: str) -> None:
    assert is_speakable_name(name)


@pytest.mark.parametrize(
    "name", ["", "A", "<say>", "Amina; drop", "R2D2", "Amina=1", "a" * 81, "{name}", "--", "Amina\u202eOtieno"]
)
def test_markup_and_figures_are_no_names(name: str) -> None:
    assert not is_speakable_name(name)


def test_the_clock_of_the_call_is_the_one_passed_in() -> None:
    call = Conversation()
    assert call.clock.now() == SATURDAY
    call.clock.advance(86_400)
    assert status(call.propose("today at 10 am")) == "closed"  # it is Sunday now
