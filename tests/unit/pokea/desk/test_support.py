"""The support desk: who is calling, what they may hear, fixes step by step, tickets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pokea.accounts import TICKET, Factor, TicketStatus
from pokea.call_memory import MEMORY, CallMemory
from pokea.desk.support_fixes import understood_result
from pokea.toolkit import Evidence, ToolResult
from tests.fakes.conversation import SATURDAY, Conversation
from tests.fakes.memory_store import MemoryStore
from tests.support.customers import (
    BRIAN,
    KASI,
    OF_OTHERS,
    OF_OWN,
    OTHER,
    OTHER_PIN,
    OWN,
    PIN,
    call,
    customers,
    verified,
    verify,
)


def memory_of(line: Conversation) -> CallMemory:
    memory = line.store.record(MEMORY, line.profile.business_id, line.caller().session_id)
    assert memory is not None
    return memory


def payload(result: ToolResult) -> dict[str, Any]:
    return dict(result.payload)


def with_factors(*factors: Factor, by_number: tuple[Factor, ...] = ()) -> Conversation:
    assert KASI.support is not None
    rules = replace(KASI.support, factors=factors, factors_by_number=by_number)
    return call(profile=replace(KASI, support=rules))


# --- who is calling --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("accountStatus", {}),
        ("accountStatus", {"topic": "outage"}),
        ("orderStatus", {}),
        ("orderStatus", {"reference": "7301"}),
        ("proposeTicket", {"problem": "slow"}),
        ("proposeTicketNote", {"note": "slower"}),
    ],
)
def test_whatever_is_personal_begins_with_the_question_who_is_calling(tool: str, arguments: dict[str, str]) -> None:
    asked = payload(call().tool(tool, arguments))
    assert (asked["status"], asked["question"]) == ("ask", "reference")
    assert asked["then"]["tool"] == "verifyCaller"
    assert not any(word in asked["say"] for word in OF_OWN + OF_OTHERS)


def test_a_reference_and_the_pin_open_the_account() -> None:
    line = call()
    asked = payload(line.tool("verifyCaller", {"reference": "account one zero four two"}))
    assert (asked["question"], asked["expects_digits"]) == ("pin", 4)
    done = payload(line.tool("verifyCaller", {"answer": "four seven one one"}))
    assert done["status"] == "verified"
    assert memory_of(line).account == OWN
    assert memory_of(line).notes["verified_by"] == "account number and PIN"
    assert "Home 20" in payload(line.tool("accountStatus"))["say"]


def test_a_pin_by_keys_reaches_the_tool_without_the_model() -> None:
    line = call()
    line.tool("verifyCaller", {"reference": OWN})
    assert payload(line.tool("verifyCaller", {}, Evidence(keys=PIN)))["status"] == "verified"


def test_keys_go_before_what_the_model_says_the_answer_is() -> None:
    line = call()
    line.tool("verifyCaller", {"reference": OWN})
    assert payload(line.tool("verifyCaller", {"answer": PIN}, Evidence(keys="0000")))["code"] == "no_match"


def test_the_number_that_is_called_from_needs_two_factors_beside_it() -> None:
    line = call()
    asked = payload(line.tool("verifyCaller", {"reference": "I do not know it, take this number"}))
    assert asked["question"] == "name"
    asked = payload(line.tool("verifyCaller", {"answer": "Amina Otieno"}))
    assert asked["question"] == "pin"
    assert payload(line.tool("verifyCaller", {"answer": "4711"}))["status"] == "verified"
    assert memory_of(line).notes["verified_by"] == "full name and PIN"


def test_number_and_name_alone_never_open_an_account() -> None:
    line = call()
    line.tool("verifyCaller", {"reference": "this number"})
    line.tool("verifyCaller", {"answer": "Amina Otieno"})
    assert payload(line.tool("accountStatus"))["status"] == "ask"


def test_a_withheld_number_cannot_be_gone_by() -> None:
    asked = payload(call(a_number=None).tool("verifyCaller", {"reference": "this number"}))
    assert (asked["status"], asked["question"]) == ("ask", "reference")


def test_the_number_is_not_offered_where_the_business_wants_the_reference() -> None:
    line = with_factors(Factor.PIN)
    assert "this number" not in payload(line.tool("accountStatus"))["say"]
    assert payload(line.tool("verifyCaller", {"reference": "this number"}))["question"] == "reference"


def test_a_date_of_birth_may_be_a_factor() -> None:
    line = with_factors(Factor.NAME, Factor.BIRTH_DATE)
    line.tool("verifyCaller", {"reference": OWN})
    line.tool("verifyCaller", {"answer": "Amina Otieno"})
    assert payload(line.tool("verifyCaller", {"answer": "the 14th of March 1990"}))["status"] == "verified"


def test_no_factor_is_called_wrong_before_the_last() -> None:
    line = with_factors(Factor.NAME, Factor.PIN)
    line.tool("verifyCaller", {"reference": OWN})
    assert payload(line.tool("verifyCaller", {"answer": "Eve Mallory"}))["question"] == "pin"
    assert payload(line.tool("verifyCaller", {"answer": PIN}))["code"] == "no_match"


def test_wrong_pin_and_no_such_account_are_the_same_words() -> None:
    known, unknown = call(), call()
    for reference, line in ((OWN, known), ("9999", unknown)):
        line.tool("verifyCaller", {"reference": reference})
    wrong, nobody = known.tool("verifyCaller", {"answer": "0000"}), unknown.tool("verifyCaller", {"answer": "0000"})
    assert wrong.payload == nobody.payload


def test_three_failures_leave_only_a_human_even_for_the_right_pin() -> None:
    line = call()
    for _ in range(3):
        last = payload(verify(line, pin="0000"))
    assert last["code"] == "only_a_human"
    assert last["then"]["yes"]["tool"] == "handOver"
    assert last["then"]["yes"]["arguments"]["department"] in KASI.directory.people
    assert payload(verify(line))["code"] == "only_a_human"
    assert payload(line.tool("accountStatus"))["code"] == "only_a_human"


def test_ten_failures_in_a_day_close_an_account_for_every_call() -> None:
    store = customers()
    for _ in range(4):
        line = call(store, a_number=BRIAN)
        for _ in range(3):
            verify(line, pin="0000")
    assert payload(verify(call(store)))["code"] == "only_a_human"
    assert payload(verify(call(store), OTHER, OTHER_PIN))["status"] == "verified"  # nobody else's


def test_after_a_day_the_account_opens_again() -> None:
    store = customers()
    for _ in range(4):
        line = call(store)
        for _ in range(3):
            verify(line, pin="0000")
    tomorrow = call(store)
    tomorrow.clock.advance(24 * 3600 + 1)
    assert payload(verify(tomorrow))["status"] == "verified"


def test_answers_that_come_at_once_are_judged_one_at_a_time() -> None:
    """A model that sends eight PINs in parallel gets no more verdicts than attempts were counted."""
    line = call()
    line.tool("verifyCaller", {"reference": OWN})
    with ThreadPoolExecutor(8) as pool:
        answers = [
            payload(done) for done in pool.map(lambda n: line.tool("verifyCaller", {"answer": f"000{n}"}), range(8))
        ]
    verdicts = [answer for answer in answers if answer.get("code") == "no_match"]
    noted = memory_of(line).notes["verification"]
    assert isinstance(noted, dict)
    assert noted["failures"] == len(verdicts) >= 1
    assert all(answer["status"] == "ask" for answer in answers)


def test_an_unclear_answer_is_asked_again_and_costs_no_attempt() -> None:
    line = call()
    line.tool("verifyCaller", {"reference": OWN})
    for _ in range(2):
        asked = payload(line.tool("verifyCaller", {"answer": "what did you say"}))
        assert (asked["question"], asked["expects_digits"]) == ("pin", 4)
    assert payload(line.tool("verifyCaller", {"answer": PIN}))["status"] == "verified"


@pytest.mark.parametrize(
    ("reference", "unclear"), [("", {"reference": "this number"}), (OWN, {"answer": "what did you say"})]
)
def test_whoever_is_not_understood_three_times_is_offered_a_person(reference: str, unclear: dict[str, str]) -> None:
    line = call(a_number=None)
    if reference:
        line.tool("verifyCaller", {"reference": reference})
    told = [payload(line.tool("verifyCaller", unclear)) for _ in range(3)]
    assert [answer["status"] for answer in told] == ["ask", "ask", "refused"]
    assert told[-1]["then"]["yes"]["tool"] == "handOver"
    assert payload(verify(line))["status"] == "verified"  # it cost no attempt


def test_a_withheld_caller_is_not_told_to_say_this_number() -> None:
    assert "this number" not in payload(call(a_number=None).tool("accountStatus"))["say"]
    assert "this number" in payload(call().tool("accountStatus"))["say"]


def test_a_date_of_birth_is_asked_for_as_a_secret() -> None:
    line = with_factors(Factor.BIRTH_DATE)
    asked = payload(line.tool("verifyCaller", {"reference": OWN}))
    assert (asked["question"], asked["expects_digits"]) == ("birth_date", "secret")
    assert payload(line.tool("verifyCaller", {}, Evidence(keys="14031990")))["status"] == "verified"


def test_another_reference_begins_anew() -> None:
    line = call()
    line.tool("verifyCaller", {"reference": OTHER})
    line.tool("verifyCaller", {"reference": OWN})
    assert payload(line.tool("verifyCaller", {"answer": OTHER_PIN}))["code"] == "no_match"


def test_a_verified_caller_is_not_asked_again() -> None:
    assert payload(verified().tool("verifyCaller"))["status"] == "verified"


def test_the_pin_is_nowhere_in_the_store() -> None:
    line = call()
    line.tool("verifyCaller", {"reference": OWN})
    line.tool("verifyCaller", {"answer": "8642"})
    verify(line)
    assert isinstance(line.store, MemoryStore)
    stored = str(line.store._records.values()) + str(line.store._proposals)
    assert "8642" not in stored
    assert PIN not in stored


def test_the_greeting_names_nobody() -> None:
    from pokea import agents

    said = agents.get("support").greeting(KASI, "en") + agents.get("support").instructions(KASI, SATURDAY, "en", True)
    assert not any(word in said for word in ("Amina", "Brian", *OF_OTHERS))


# --- what they hear --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("balance", "You owe one thousand two hundred and fifty shillings and fifty cents."),
        ("plan", "Your plan is Home 20."),
        ("tickets", "You have one ticket open: number T 5 5 0 2 1 8, no connection in the kitchen, being worked on."),
        ("outage", "There is no known outage in your area."),
    ],
)
def test_one_topic_is_answered_alone(topic: str, words: str) -> None:
    said = payload(verified().tool("accountStatus", {"topic": topic}))["say"]
    assert said == f"{words} Is there anything else?"


def test_everything_at_once() -> None:
    told = payload(verified().tool("accountStatus"))
    assert told["plan"] == "Home 20"
    assert told["balance"] == "KES -1,250.50"
    assert told["tickets"] == [
        {"reference": "T550218", "problem": "no connection in the kitchen", "state": "in_progress"}
    ]


def test_an_outage_in_a_named_place_is_told_to_anybody() -> None:
    told = payload(call().tool("accountStatus", {"topic": "outage", "area": "in Ruaka"}))
    assert told["outage"] is True
    assert "a broken cable" in told["say"]
    assert payload(call().tool("accountStatus", {"topic": "outage", "area": "Kilimani"}))["outage"] is False


def test_the_latest_order_or_the_one_that_is_named() -> None:
    line = verified()
    assert payload(line.tool("orderStatus"))["reference"] == "7301"
    named = payload(line.tool("orderStatus", {"reference": "seven one zero two"}))
    assert (named["reference"], named["state"]) == ("7102", "delivered")


def test_anothers_order_and_no_order_are_the_same_words() -> None:
    line = verified()
    assert (
        line.tool("orderStatus", {"reference": "8444"}).payload
        == line.tool("orderStatus", {"reference": "1234"}).payload
    )


def test_swahili_is_answered_in_swahili() -> None:
    line = verified(language="sw")
    assert payload(line.tool("accountStatus", {"topic": "plan"}))["say"] == "Kifurushi chako ni Home 20. Kuna lingine?"


# --- fixes -----------------------------------------------------------------------------------------------------------------------


def test_a_fix_goes_step_by_step_and_ends_when_it_helped() -> None:
    line = call()
    first = payload(line.tool("startFix", {"problem": "my internet is slow"}))
    assert (first["step"], first["steps"], first["then"]["tool"]) == (1, 2, "fixStep")
    second = payload(line.tool("fixStep", {"result": "no it is still slow"}))
    assert second["step"] == 2
    assert payload(line.tool("fixStep", {"result": "yes it works now"}))["fixed"] is True
    tried = memory_of(line).notes["tried"]
    assert isinstance(tried, list)
    assert [one.rpartition(": ")[2] for one in tried] == ["did not help", "helped"]


def test_a_fix_that_is_exhausted_offers_a_ticket_with_the_callers_words() -> None:
    line = call()
    line.tool("startFix", {"problem": "my internet is slow"})
    for _ in range(2):
        last = payload(line.tool("fixStep", {"result": "no"}))
    assert last["then"]["yes"] == {"tool": "proposeTicket", "arguments": {"problem": "my internet is slow"}}


def test_an_unclear_result_is_asked_again_without_a_step() -> None:
    line = call()
    line.tool("startFix", {"problem": "the red light is on"})
    assert payload(line.tool("fixStep", {"result": "hmm let me see"}))["question"] == "result"
    assert payload(line.tool("fixStep", {"result": "it is green"}))["fixed"] is True


def test_an_unknown_problem_is_asked_once_and_then_becomes_a_ticket() -> None:
    line = call()
    asked = payload(line.tool("startFix", {"problem": "my phone has no signal"}))
    assert [choice["value"] for choice in asked["choices"]] == list(KASI.support.fixes)  # type: ignore[union-attr]
    again = payload(line.tool("startFix", {"problem": "my phone has no signal"}))
    assert again["then"]["yes"]["tool"] == "proposeTicket"


def test_a_known_outage_comes_before_any_fix() -> None:
    line = call()
    verify(line, OTHER, OTHER_PIN)
    told = payload(line.tool("startFix", {"problem": "no internet"}))
    assert told["outage"] is True
    assert "a broken cable" in told["say"]


def test_a_step_without_a_fix_asks_for_the_problem() -> None:
    assert payload(call().tool("fixStep", {"result": "yes"}))["question"] == "problem"


@pytest.mark.parametrize(
    ("said", "helped"),
    [
        ("yes", True),
        ("yes it is on", True),
        ("yes it works now", True),
        ("it is green", True),
        ("ndiyo inafanya kazi", True),
        ("no", False),
        ("no it is off", False),
        ("no it is still slow", False),
        ("it is red", False),
        ("still not working", False),
        ("it does not work", False),
        ("bado", False),
        ("hapana", False),
        ("nothing works", False),
        ("hakuna shida tena inafanya kazi", True),
        ("hakuna tatizo sasa", True),
        ("no more problems", True),
        ("sasa iko sawa", True),
        ("imerudi vizuri", True),
        ("imetulia", True),
        ("haiko sawa", False),
        ("si sawa", False),
        ("haijarudi", False),
        ("hakuna mabadiliko", False),
        ("bado kuna shida", False),
        ("sawa", None),
        ("yes but it is still slow", None),
        ("no it works now", None),
        ("what", None),
        ("I don't know", None),
        ("", None),
    ],
)
def test_what_came_of_a_step(said: str, helped: bool | None) -> None:
    assert understood_result(said) is helped


# --- tickets ---------------------------------------------------------------------------------------------------------------------


def test_a_ticket_is_opened_after_its_read_back_was_answered() -> None:
    line = verified()
    proposed = line.tool("proposeTicket", {"problem": "my internet is slow"})
    assert "my internet is slow" in payload(proposed)["say"]
    done = payload(line.commit(proposed))
    assert done["status"] == "ticket_opened"
    assert done["reference"] in [ticket.ticket_id for ticket in line.store.all_records(TICKET)]  # type: ignore[attr-defined]


def test_the_same_ticket_proposed_twice_is_opened_once() -> None:
    line = verified()
    first = line.commit(line.tool("proposeTicket", {"problem": "slow"}))
    again = line.commit(line.tool("proposeTicket", {"problem": "slow"}))
    assert first.payload["reference"] == again.payload["reference"]
    assert len(line.store.all_records(TICKET)) == 3  # type: ignore[attr-defined]


def test_a_ticket_without_words_takes_those_of_the_fix() -> None:
    line = verified()
    assert payload(line.tool("proposeTicket"))["then"] == {
        "tool": "proposeTicket", "arguments": {}, "fill": "problem", "expect": "text",
    }  # fmt: skip
    line.tool("startFix", {"problem": "my internet is slow"})
    assert payload(line.tool("proposeTicket"))["arguments"]["problem"] == "my internet is slow"


def test_a_note_goes_to_the_one_open_ticket() -> None:
    line = verified()
    done = payload(line.commit(line.tool("proposeTicketNote", {"note": "it is worse in the evening"})))
    assert (done["status"], done["reference"]) == ("ticket_updated", "T550218")


def test_a_note_needs_words_and_a_ticket_of_ones_own() -> None:
    line = verified()
    assert payload(line.tool("proposeTicketNote"))["then"]["fill"] == "note"
    assert payload(line.tool("proposeTicketNote", {"reference": "T660001", "note": "x y"}))["status"] == "none"


def test_of_several_tickets_the_caller_chooses() -> None:
    line = verified()
    line.commit(line.tool("proposeTicket", {"problem": "slow"}))
    asked = payload(line.tool("proposeTicketNote", {"note": "it is urgent"}))
    assert len(asked["choices"]) == 2
    assert asked["then"]["arguments"] == {"note": "it is urgent"}
    chosen = line.tool("proposeTicketNote", {"note": "it is urgent", "reference": "five five zero two one eight"})
    assert payload(chosen)["arguments"]["reference"] == "T550218"


def test_tickets_and_notes_have_a_cap() -> None:
    line = verified()
    for number in range(4):
        assert (
            payload(line.commit(line.tool("proposeTicket", {"problem": f"problem {number}"})))["status"]
            == "ticket_opened"
        )
    assert payload(line.tool("proposeTicket", {"problem": "one more"}))["code"] == "too_many"
    for number in range(10):
        note = line.tool("proposeTicketNote", {"reference": "T550218", "note": f"note {number}"})
        assert payload(line.commit(note))["status"] == "ticket_updated"
    assert payload(line.tool("proposeTicketNote", {"reference": "T550218", "note": "more"}))["code"] == "too_many"


def test_tickets_that_nobody_closed_do_not_shut_a_customer_out() -> None:
    line = verified()
    for number in range(4):
        line.commit(line.tool("proposeTicket", {"problem": f"problem {number}"}))
    for ticket in line.store.all_records(TICKET):  # type: ignore[attr-defined]
        line.store.put(TICKET.of(replace(ticket, opened_at=SATURDAY - timedelta(days=31))))  # type: ignore[attr-defined]
    assert payload(line.tool("proposeTicket", {"problem": "one more"}))["status"] == "proposed"


def test_a_proposal_for_one_account_is_not_carried_out_once_another_is_open() -> None:
    line = verified()
    proposed = line.tool("proposeTicket", {"problem": "slow"})
    verify(line, OTHER, OTHER_PIN)
    assert payload(line.commit(proposed))["code"] == "changed"
    assert len(line.store.all_records(TICKET)) == 2  # type: ignore[attr-defined]


def test_a_ticket_that_was_closed_meanwhile_takes_no_note() -> None:
    line = verified()
    proposed = line.tool("proposeTicketNote", {"note": "x y"})
    ticket = next(t for t in line.store.all_records(TICKET) if t.ticket_id == "T550218")  # type: ignore[attr-defined]
    line.store.put(TICKET.of(replace(ticket, status=TicketStatus.CLOSED)))  # type: ignore[attr-defined]
    assert payload(line.commit(proposed))["code"] == "no_ticket"
