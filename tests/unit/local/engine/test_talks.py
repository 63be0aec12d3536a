"""A dialogue that knows no business: its tools lead it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.engine.dialogue import Act, CallTool, Dialogue, Say
from local.engine.expectation import Expectation
from local.engine.phrases import PHRASES
from local.engine.subject import Subject, subject_of
from local.engine.takeover import restored
from local.engine.talks import talk_for
from local.engine.talks.booking import BookingTalk

SPOKEN = PHRASES["en"]
TOOLS = frozenset(
    {
        "handOver",
        "proposeMessage",
        "speakLanguage",
        "commitProposal",
        "endCall",
        "accountStatus",
        "startFix",
        "reschedule",
        "proposeTicket",
    }
)
PEOPLE = {"front_desk": ("front desk", "reception"), "sales": ("sales",)}
DESK = Subject(TOOLS, people=PEOPLE, required={"proposeTicket": ("problem",)})


def talk(language: str = "en", subject: Subject = DESK) -> Dialogue:
    return talk_for(subject, language)


def answered(dialogue: Dialogue, tool: str, **payload: Any) -> list[Act]:
    return dialogue.tool_answered(tool, {"status": "ok", "say": "Well.", **payload})


def asks(tool: str, fill: str, expect: str, **arguments: str) -> dict[str, Any]:
    return {"tool": tool, "arguments": arguments, "fill": fill, "expect": expect}


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("what is my balance", CallTool("accountStatus", {"topic": "balance"})),
        ("my internet is slow", CallTool("startFix", {"problem": "my internet is slow"})),
        ("can you deliver it tomorrow afternoon", CallTool("reschedule", {"when": "tomorrow afternoon"})),
        ("connect me to a person", CallTool("handOver", {"reason": "connect me to a person"})),
        (
            "i would like to speak to the front desk",
            CallTool("handOver", {"reason": "i would like to speak to the front desk", "department": "front_desk"}),
        ),
    ],
)
def test_an_opening_calls_the_tool_it_is_for(words: str, call: CallTool) -> None:
    assert talk().heard(words) == [call]


def test_what_no_declared_tool_is_for_is_asked_again() -> None:
    assert talk().heard("where is my parcel") == [Say(SPOKEN.say_again)]
    assert talk(subject=Subject(frozenset({"trackShipment"}))).heard("where is my parcel") == [
        CallTool("trackShipment", {})
    ]


def test_a_person_whom_nobody_declared_is_not_asked_for() -> None:
    assert talk(subject=Subject(frozenset({"handOver"}))).heard("connect me to sales") == [Say(SPOKEN.say_again)]


def test_an_argument_that_a_tool_cannot_do_without_is_asked_for() -> None:
    dialogue = talk()
    assert dialogue.heard("i want to report a problem") == [Say(SPOKEN.questions["problem"])]
    assert dialogue.expectation is Expectation.TEXT
    assert dialogue.heard("my internet is slow") == [CallTool("proposeTicket", {"problem": "my internet is slow"})]


@pytest.mark.parametrize(
    ("expect", "expectation"),
    [
        ("name", Expectation.NAME),
        ("when", Expectation.WHEN),
        ("number", Expectation.NUMBER),
        ("digits", Expectation.DIGITS),
        ("reference", Expectation.DIGITS),
        ("tracking", Expectation.TRACKING),
        ("place", Expectation.PLACE),
        ("yes_no", Expectation.YES_NO),
        ("choice", Expectation.CHOICE),
        ("text", Expectation.TEXT),
        ("something new", Expectation.TEXT),
    ],
)
def test_the_callers_own_words_go_to_the_tool_that_asked_for_them(expect: str, expectation: Expectation) -> None:
    dialogue = talk()
    assert answered(dialogue, "recordAnswer", then=asks("recordAnswer", "answer", expect, question="seats")) == [
        Say("Well.")
    ]
    assert dialogue.expectation is expectation
    assert dialogue.heard("about twelve")[0].arguments["question"] == "seats"  # type: ignore[union-attr]


def test_a_name_is_passed_on_without_the_words_around_it() -> None:
    dialogue = talk()
    answered(dialogue, "proposeMessage", then=asks("proposeMessage", "name", "name", message="m"))
    assert dialogue.heard("my name is jane doe") == [CallTool("proposeMessage", {"message": "m", "name": "Jane Doe"})]


def test_a_choice_is_made_by_its_place_or_by_its_name() -> None:
    choices = [{"value": "d1", "spoken": "Monday the 1st"}, {"value": "d2", "spoken": "the green box"}]
    for words, value in (("the second one", "d2"), ("the green box", "d2"), ("neither", "neither")):
        dialogue = talk()
        answered(dialogue, "t", choices=choices, then=asks("reschedule", "when", "choice"))
        assert dialogue.heard(words) == [CallTool("reschedule", {"when": value})]


def test_a_question_of_yes_or_no_leads_either_way_and_nowhere() -> None:
    step = {"tool": "handOver", "arguments": {"department": "sales"}}
    for words, acts in (
        ("yes please", [CallTool("handOver", {"department": "sales"})]),
        ("no thank you", [Say(SPOKEN.anything_else)]),
        ("potato", [Say(SPOKEN.say_again)]),
    ):
        dialogue = talk()
        answered(dialogue, "t", then={"expect": "yes_no", "yes": step, "no": None})
        assert dialogue.heard(words) == acts
    dialogue = talk()
    answered(dialogue, "t", then={"expect": "yes_no", "yes": None, "no": step})
    assert dialogue.heard("no") == [CallTool("handOver", {"department": "sales"})]


def test_a_proposal_is_committed_by_a_yes_and_dropped_by_a_no() -> None:
    for words, acts in (
        ("yes please", [CallTool("commitProposal", {"nonce": "n", "arguments": {"a": "1"}})]),
        ("no", [Say(SPOKEN.left_alone)]),
    ):
        dialogue = talk()
        answered(dialogue, "proposeMessage", nonce="n", arguments={"a": "1"})
        assert dialogue.expectation is Expectation.YES_NO
        assert dialogue.heard(words) == acts
        assert dialogue.proposal is None


def test_a_proposal_may_say_what_a_no_leads_to() -> None:
    dialogue = talk()
    other = {"tool": "reschedule", "arguments": {"when": "another"}}
    answered(dialogue, "reschedule", nonce="n", then={"expect": "yes_no", "yes": None, "no": other})
    assert dialogue.heard("no") == [CallTool("reschedule", {"when": "another"})]
    dialogue = talk()
    answered(dialogue, "reschedule", nonce="n", then={"expect": "yes_no", "yes": None, "no": other})
    assert dialogue.heard("yes")[0].name == "commitProposal"  # type: ignore[union-attr]


def test_once_the_caller_is_known_the_wish_is_taken_up_again_and_both_answers_are_one() -> None:
    dialogue = talk()
    wish = dialogue.heard("what is my balance")
    answered(dialogue, "accountStatus", then=asks("verifyCaller", "reference", "reference"))
    assert dialogue.heard("one zero four two") == [CallTool("verifyCaller", {"reference": "one zero four two"})]
    assert answered(dialogue, "verifyCaller", status="verified", say="Thank you.") == wish
    assert answered(dialogue, "accountStatus", say="You owe nothing.") == [Say("Thank you. You owe nothing.")]


def test_keys_that_are_kept_from_us_make_the_tool_that_waits_for_them_look() -> None:
    dialogue = talk()
    assert dialogue.keyed() == []
    answered(dialogue, "t", expects_digits=4, then=asks("verifyCaller", "answer", "digits"))
    assert dialogue.keyed() == [CallTool("verifyCaller", {})]


def test_a_lead_that_is_cold_hears_why_and_goodbye_in_one() -> None:
    dialogue = talk()
    assert answered(dialogue, "recordAnswer", status="cold", say="Nothing for you.") == [CallTool("endCall", {})]
    assert answered(dialogue, "endCall", say="Goodbye.") == [Say("Nothing for you. Goodbye.")]
    assert dialogue.heard("hello") == []


def test_free_words_are_no_wish_but_a_person_can_always_be_asked_for() -> None:
    dialogue = talk()
    answered(dialogue, "proposeTicket", then=asks("proposeTicket", "problem", "text"))
    assert dialogue.heard("what is my balance") == [CallTool("proposeTicket", {"problem": "what is my balance"})]
    answered(dialogue, "proposeTicket", then=asks("proposeTicket", "problem", "text"))
    assert dialogue.heard("connect me to a person") == [CallTool("handOver", {"reason": "connect me to a person"})]


def test_a_new_wish_after_a_read_back_leaves_the_old_one() -> None:
    dialogue = talk()
    answered(dialogue, "reschedule", nonce="n", arguments={})
    assert dialogue.heard("what is my balance") == [CallTool("accountStatus", {"topic": "balance"})]
    assert dialogue.proposal is None


def test_the_language_changes_once_the_tool_says_so() -> None:
    dialogue = talk()
    assert dialogue.heard("do you speak swahili") == [CallTool("speakLanguage", {"language": "sw"})]
    assert dialogue.language == "en"
    answered(dialogue, "speakLanguage", say="Sawa. Nikusaidie vipi?")
    assert dialogue.language == "sw"
    assert dialogue.heard("niunganishe na mtu") == [CallTool("handOver", {"reason": "niunganishe na mtu"})]


def test_nothing_more_ends_the_call_and_a_bare_yes_is_asked_for_more() -> None:
    dialogue = talk()
    answered(dialogue, "accountStatus")
    assert dialogue.heard("yes please") == [Say(SPOKEN.what_then)]
    assert dialogue.heard("no thank you") == [CallTool("endCall", {})]
    dialogue = talk(subject=Subject(frozenset({"accountStatus"})))
    assert dialogue.heard("goodbye") == [Say(SPOKEN.goodbye)]


@pytest.mark.parametrize(
    ("words", "call"),
    [("yes please", CallTool("acceptCall", {})), ("no thank you", CallTool("declineCall", {"reason": "no thank you"}))],
)
def test_a_human_takes_the_call_or_leaves_it(words: str, call: CallTool) -> None:
    whisper = talk(subject=Subject(frozenset({"acceptCall", "declineCall"})))
    assert whisper.expectation is Expectation.YES_NO
    assert whisper.heard("what") == [Say(SPOKEN.say_again)]
    assert whisper.heard(words) == [call]


def test_what_the_greeting_has_asked_is_answered_by_the_first_words() -> None:
    questions = {"name": "recordAnswer", "parameters": {"properties": {"question": {"enum": ["opening", "seats"]}}}}
    lead = talk_for(subject_of([questions, {"name": "optOut"}]))
    assert lead.heard("yes go ahead") == [CallTool("recordAnswer", {"question": "opening", "answer": "yes go ahead"})]
    assert talk_for(subject_of([questions, {"name": "optOut"}])).heard("stop calling me") == [CallTool("optOut", {})]


def test_the_instructions_may_say_where_the_first_words_go() -> None:
    then = asks("deliveryAnswer", "answer", "yes_no")
    subject = Subject(frozenset({"deliveryAnswer"}))
    instructions = f"You ring people.\n- The greeting has asked. First answer: {json.dumps(then)}"
    dialogue = talk_for(subject, "en", instructions)
    assert dialogue.expectation is Expectation.YES_NO
    assert dialogue.heard("yes i will be at home") == [CallTool("deliveryAnswer", {"answer": "yes i will be at home"})]
    assert talk_for(Subject(frozenset({"other"})), "en", instructions).then is None


def test_what_is_not_about_the_diary_is_led_by_the_tools_there_too() -> None:
    booking = Subject(TOOLS | {"proposeBooking"}, services={"trim": ("trim",)}, people=PEOPLE)
    dialogue = talk(subject=booking)
    assert isinstance(dialogue, BookingTalk)
    assert dialogue.heard("connect me to sales")[0].name == "handOver"  # type: ignore[union-attr]
    answered(
        dialogue,
        "handOver",
        status="declined",
        then={"expect": "yes_no", "yes": {"tool": "proposeMessage"}, "no": None},
    )
    assert dialogue.heard("yes please") == [CallTool("proposeMessage", {})]
    answered(dialogue, "proposeMessage", then=asks("proposeMessage", "message", "text"))
    assert dialogue.heard("please call me back") == [CallTool("proposeMessage", {"message": "please call me back"})]
    answered(dialogue, "proposeMessage", nonce="n", arguments={"action": "message"})
    assert dialogue.heard("no") == [Say(SPOKEN.left_alone)]
    assert dialogue.heard("i would like to book a trim on monday at ten") == [Say(SPOKEN.name)]


def test_a_waiting_list_is_offered_in_the_middle_of_a_booking() -> None:
    booking = Subject(TOOLS | {"proposeBooking"}, services={"trim": ("trim",)})
    dialogue = talk(subject=booking)
    dialogue.heard("i would like to book a trim on monday at ten")
    dialogue.heard("my name is jane doe")
    step = {"tool": "proposeWaitingList", "arguments": {"service": "trim", "name": "Jane Doe"}}
    answered(dialogue, "proposeBooking", status="full", then={"expect": "yes_no", "yes": step, "no": None})
    assert dialogue.heard("yes please") == [CallTool("proposeWaitingList", {"service": "trim", "name": "Jane Doe"})]


# --- a call that another engine began --------------------------------------------------------------------------------------


def taken_over(
    turns: list[tuple[str, str]], *facts: tuple[str, dict[str, Any], dict[str, Any]], **more: Any
) -> Dialogue:
    brief = {
        "turns": [{"who": who, "text": text} for who, text in turns],
        "facts": [{"tool": tool, "arguments": given, "result": result} for tool, given, result in facts],
        **more,
    }
    return restored(brief, DESK, "en")


BALANCE = ("accountStatus", {"topic": "balance"})
ASKED = {"status": "ask", "say": "What is your account number?", "then": asks("verifyCaller", "reference", "reference")}
GREETED = ("agent", "Hello. How can I help you?")
WISHED = ("caller", "what is my balance")


def test_an_answer_to_a_tools_question_that_nobody_took_is_taken() -> None:
    turns = [GREETED, WISHED, ("agent", ASKED["say"]), ("caller", "one zero four two")]
    assert taken_over(turns, (*BALANCE, ASKED)).noted() == [
        CallTool("verifyCaller", {"reference": "one zero four two"})
    ]


def test_a_tools_question_that_was_not_heard_is_asked() -> None:
    dialogue = taken_over([GREETED, WISHED], (*BALANCE, ASKED))
    assert dialogue.noted() == [Say(ASKED["say"])]
    assert dialogue.expectation is Expectation.DIGITS


def test_the_wish_is_known_to_the_engine_that_takes_over() -> None:
    verified = {"status": "verified", "say": "Thank you."}
    dialogue = taken_over([GREETED, WISHED], (*BALANCE, ASKED), ("verifyCaller", {"reference": "1"}, verified))
    assert dialogue.noted() == [CallTool(*BALANCE)]


def test_a_read_back_that_was_cut_is_proposed_again_by_the_tool_that_made_it() -> None:
    made = ("proposeMessage", {"message": "m", "name": "Jane"})
    proposed = {
        "status": "proposed",
        "say": "The message is m. Shall I pass it on?",
        "nonce": "n",
        "arguments": {"a": "1"},
    }
    open_ = {"nonce": "n", "arguments": {"a": "1"}}
    cut = taken_over([GREETED], (*made, proposed), open_confirmation={**open_, "read_back_heard": False})
    assert cut.noted() == [CallTool(*made)]
    heard = taken_over(
        [GREETED, ("agent", proposed["say"])], (*made, proposed), open_confirmation={**open_, "read_back_heard": True}
    )
    assert heard.noted() == [Say(proposed["say"])]
    assert heard.heard("yes please") == [CallTool("commitProposal", open_)]
