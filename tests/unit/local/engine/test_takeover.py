"""A dialogue rebuilt from the brief of a call that another engine began."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.engine.dialogue import CallTool, Dialogue, Say
from local.engine.phrases import PHRASES
from local.engine.subject import Subject
from local.engine.takeover import brief_in, restored
from local.engine.talks import talk_for

SERVICES = {"trim": ("trim", "beard trim"), "wash": ("wash",)}
DIARY = Subject(frozenset({"proposeBooking", "endCall"}), SERVICES)
SPOKEN = PHRASES["en"]
WISH = {"service": "trim", "when": "monday at ten", "name": "Jane Doe"}
ARGUMENTS = {"action": "book", "service": "trim", "starts_at": "2030-01-07T10:00", "name": "Jane Doe"}
READ_BACK = "Let me read that back: trim for Jane Doe, on Monday at 10. Shall I book it?"
PROPOSED = {"status": "proposed", "say": READ_BACK, "nonce": "n1", "arguments": ARGUMENTS}
BOOKED = {"status": "booked", "say": "Done: trim for Jane Doe is booked. Is there anything else?"}

OPENING = [
    ("agent", "Hello, this is the barber. How can I help you?"),
    ("caller", "I would like to book a trim on Monday at ten."),
]
NAMED = [*OPENING, ("agent", SPOKEN.name), ("caller", "my name is jane doe")]
PROPOSE = CallTool("proposeBooking", WISH)
COMMIT = CallTool("commitProposal", {"nonce": "n1", "arguments": ARGUMENTS})


def fact(tool: str, arguments: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    return {"tool": tool, "arguments": arguments, "result": result}


PROPOSAL = fact("proposeBooking", WISH, PROPOSED)
BOOKING = fact("commitProposal", dict(COMMIT.arguments), BOOKED)


def taken_over(
    turns: list[tuple[str, str]], *facts: dict[str, Any], heard: bool | None = None, language: str = "en"
) -> Dialogue:
    """`heard`: whether the open confirmation's read-back was; None: nothing is open."""
    brief = {
        "language": language,
        "turns": [{"who": who, "text": text} for who, text in turns],
        "facts": list(facts),
        "open_confirmation": None
        if heard is None
        else {"nonce": "n1", "read_back_heard": heard, "arguments": ARGUMENTS},
        "answer_owed": True,
    }
    found = brief_in(f"You are a barber.\n\n<call-so-far>\n{json.dumps(brief)}\n</call-so-far>")
    assert found == brief
    return restored(found, DIARY, "en")


def test_the_opening_wish_that_nobody_answered_is_answered() -> None:
    talk = taken_over(OPENING)
    assert talk.noted() == [Say(SPOKEN.name)]
    assert talk.heard("my name is jane doe") == [PROPOSE]


def test_a_question_that_was_cut_is_asked_whole_and_what_is_known_is_not_asked() -> None:
    talk = taken_over([*OPENING, ("agent", "May I")])
    assert talk.noted() == [Say(SPOKEN.name)]
    assert talk.heard("my name is jane doe") == [PROPOSE]


def test_a_tool_that_was_asked_and_never_answered_is_asked_again() -> None:
    assert taken_over(NAMED).noted() == [PROPOSE]


def test_a_proposal_of_which_no_word_was_heard_is_made_again() -> None:
    talk = taken_over(NAMED, PROPOSAL, heard=False)
    assert talk.noted() == [PROPOSE]
    assert talk.tool_answered("proposeBooking", {**PROPOSED, "nonce": "n2"}) == [Say(READ_BACK)]
    assert talk.heard("yes please") == [CallTool("commitProposal", {"nonce": "n2", "arguments": ARGUMENTS})]


def test_a_read_back_that_was_cut_is_proposed_again_with_the_same_wish() -> None:
    assert taken_over([*NAMED, ("agent", "Let me read that back: trim")], PROPOSAL, heard=False).noted() == [PROPOSE]


@pytest.mark.parametrize("filler", [[], [("agent", "One moment, please.")]])
def test_a_yes_to_a_read_back_that_was_heard_is_committed(filler: list[tuple[str, str]]) -> None:
    talk = taken_over([*NAMED, ("agent", READ_BACK), ("caller", "Yes, please."), *filler], PROPOSAL, heard=True)
    assert talk.noted() == [COMMIT]


def test_a_yes_that_was_never_heard_is_waited_for_and_nothing_is_proposed_again() -> None:
    talk = taken_over([*NAMED, ("agent", READ_BACK)], PROPOSAL, heard=True)
    assert talk.noted() == [Say(READ_BACK)]
    assert talk.heard("yes") == [COMMIT]


def test_a_yes_said_twice_to_nobody_is_one_yes() -> None:
    turns = [*NAMED, ("agent", READ_BACK), ("caller", "yes please"), ("caller", "yes please")]
    assert taken_over(turns, PROPOSAL, heard=True).noted() == [COMMIT]


def test_a_caller_who_wonders_whether_anybody_is_there_gets_the_answer_that_is_owed() -> None:
    talk = taken_over([*NAMED, ("agent", READ_BACK), ("caller", "yes please")], PROPOSAL, heard=True)
    assert talk.heard("hello") == [COMMIT]
    assert talk.heard("hello") != [COMMIT]


def test_a_no_said_before_the_owed_yes_was_acted_on_wins() -> None:
    talk = taken_over([*NAMED, ("agent", READ_BACK), ("caller", "yes please")], PROPOSAL, heard=True)
    assert talk.heard("no") == [Say(SPOKEN.other_time)]
    assert talk.noted() == [Say(SPOKEN.other_time)]


def test_a_no_that_was_answered_leaves_no_proposal_behind() -> None:
    turns = [*NAMED, ("agent", READ_BACK), ("caller", "no"), ("agent", SPOKEN.other_time), ("caller", "monday at two")]
    talk = taken_over(turns, PROPOSAL, heard=True)
    assert talk.noted() == [CallTool("proposeBooking", {**WISH, "when": "monday at two"})]


def test_what_was_done_but_not_said_is_said_and_not_done_again() -> None:
    talk = taken_over([*NAMED, ("agent", READ_BACK), ("caller", "yes")], PROPOSAL, BOOKING)
    assert talk.noted() == [Say(BOOKED["say"])]
    assert talk.heard("no thank you") == [CallTool("endCall", {})]


def test_the_name_is_kept_for_the_next_wish() -> None:
    turns = [*NAMED, ("agent", READ_BACK), ("caller", "yes"), ("agent", BOOKED["say"])]
    talk = taken_over(turns, PROPOSAL, BOOKING)
    assert talk.heard("i would like to book a wash on friday at nine") == [
        CallTool("proposeBooking", {"service": "wash", "when": "friday at nine", "name": "Jane Doe"})
    ]


def test_offered_times_can_still_be_chosen() -> None:
    offer = [{"starts_at": "A", "spoken": "Monday at 11"}, {"starts_at": "B", "spoken": "Monday at 12"}]
    taken = {"status": "taken", "say": "Sorry, that is taken. I have Monday at 11 or 12.", "times": offer}
    talk = taken_over([*NAMED, ("agent", "Sorry, that is taken.")], fact("proposeBooking", WISH, taken))
    assert talk.heard("the second one") == [CallTool("proposeBooking", {**WISH, "when": "B"})]


def test_a_farewell_is_not_followed_by_a_question() -> None:
    bye = fact("endCall", {}, {"status": "ok", "say": "Thank you. Goodbye."})
    talk = taken_over([*OPENING, ("caller", "goodbye")], BOOKING, bye)
    assert talk.noted() == [Say("Thank you. Goodbye.")]
    assert talk.heard("hello") == []


def test_a_call_in_which_nothing_was_heard_asks_for_it_again() -> None:
    assert taken_over([OPENING[0]]).noted() == [Say(SPOKEN.say_again)]


def test_the_language_of_the_call_is_spoken() -> None:
    talk = taken_over([("agent", "Hujambo"), ("caller", "naomba wash kesho")], language="sw")
    assert talk.noted() == [Say(PHRASES["sw"].name)]
    assert taken_over([], language="fr").language == "en"


@pytest.mark.parametrize(
    "instructions",
    ["", "no brief", "<call-so-far>\n{broken\n</call-so-far>", "<call-so-far>\n{]}\n</call-so-far>", "<call-so-far>"],
)
def test_instructions_without_a_brief_begin_a_fresh_dialogue(instructions: str) -> None:
    assert brief_in(instructions) is None


@pytest.mark.parametrize(
    "brief",
    [{}, {"turns": "x", "facts": 3, "open_confirmation": []}, {"turns": [1, {"who": "caller"}], "facts": [{}]}],
)
def test_a_brief_with_unknown_contents_is_survived(brief: dict[str, Any]) -> None:
    assert restored(brief, DIARY, "en").noted()


def test_a_dialogue_that_goes_on_by_itself_repeats_its_last_words_or_its_last_question_to_a_tool() -> None:
    talk = talk_for(DIARY)
    assert talk.noted() == [Say(SPOKEN.say_again)]
    talk.heard("i would like to book a trim on monday at ten")
    assert talk.noted() == [Say(SPOKEN.name)]
    talk.heard("my name is jane doe")
    assert talk.noted() == [PROPOSE]
    talk.tool_answered("proposeBooking", PROPOSED)
    assert talk.noted() == [Say(READ_BACK)]
