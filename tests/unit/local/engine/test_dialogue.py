"""The engine's rule dialogue: words and tool results in, acts out."""

from __future__ import annotations

from typing import Any

import pytest

from local.engine.dialogue import CallTool, Dialogue, Say
from local.engine.expectation import Expectation
from local.engine.session import language_of, spread
from local.engine.subject import Subject, subject_of
from local.engine.talks import talk_for

SERVICES = {"trim": ("trim", "beard trim"), "wash": ("wash",)}


def dialogue(**settings: Any) -> Dialogue:
    return talk_for(Subject(frozenset({"proposeBooking", "endCall"}), SERVICES), **settings)


def asked_to_book(talk: Dialogue) -> CallTool:
    talk.heard("i would like to book a trim on monday at ten")
    (act,) = talk.heard("my name is jane doe")
    assert isinstance(act, CallTool)
    return act


def proposed(talk: Dialogue) -> None:
    asked_to_book(talk)
    talk.tool_answered(
        "proposeBooking", {"status": "proposed", "nonce": "n1", "arguments": {"a": 1}, "say": "Shall I?"}
    )


def test_a_wish_with_everything_but_the_name_asks_for_the_name_and_then_proposes() -> None:
    talk = dialogue()
    assert talk.heard("i would like to book a beard trim on monday at ten") == [Say(talk.phrases.name)]
    assert talk.expectation is Expectation.NAME
    assert talk.heard("my name is jane doe") == [
        CallTool("proposeBooking", {"service": "trim", "when": "monday at ten", "name": "Jane Doe"})
    ]


@pytest.mark.parametrize(
    ("words", "question", "expectation"),
    [
        ("i want to book an appointment", "which_service", Expectation.SERVICE),
        ("i would like to book a wash", "when_to_book", Expectation.WHEN),
        ("i want to move my appointment", "when_to_move", Expectation.WHEN),
        ("please cancel my appointment", "name", Expectation.NAME),
    ],
)
def test_what_is_missing_is_asked_for(words: str, question: str, expectation: Expectation) -> None:
    talk = dialogue()
    assert talk.heard(words) == [Say(getattr(talk.phrases, question))]
    assert talk.expectation is expectation


def test_a_proposal_is_spoken_word_for_word_and_committed_only_after_a_yes() -> None:
    talk = dialogue()
    asked_to_book(talk)
    payload = {"status": "proposed", "nonce": "n1", "arguments": {"a": 1}, "say": "Trim, Monday at ten. Shall I?"}
    assert talk.tool_answered("proposeBooking", payload) == [Say("Trim, Monday at ten. Shall I?")]
    assert talk.expectation is Expectation.YES_NO
    assert talk.heard("yes please") == [CallTool("commitProposal", {"nonce": "n1", "arguments": {"a": 1}})]


def test_another_time_over_the_read_back_is_a_no_to_it() -> None:
    talk = dialogue()
    proposed(talk)
    (act,) = talk.heard("tuesday at two thirty")
    assert act == CallTool("proposeBooking", {"service": "trim", "when": "tuesday at two thirty", "name": "Jane Doe"})


def test_a_no_to_the_read_back_commits_nothing_and_asks_for_another_time() -> None:
    talk = dialogue()
    proposed(talk)
    assert talk.heard("no") == [Say(talk.phrases.other_time)]
    assert talk.proposal is None


@pytest.mark.parametrize(
    ("words", "value"), [("the first one", "A"), ("the second one", "B"), ("friday at nine", "friday at nine")]
)
def test_an_offered_time_can_be_taken_by_its_place_or_refused_for_another(words: str, value: str) -> None:
    talk = dialogue()
    asked_to_book(talk)
    offer = [{"starts_at": "A", "spoken": "Monday at 11"}, {"starts_at": "B", "spoken": "Monday at 12"}]
    talk.tool_answered("proposeBooking", {"status": "taken", "say": "Taken.", "times": offer})
    assert talk.expectation is Expectation.CHOICE
    assert talk.heard(words) == [CallTool("proposeBooking", {"service": "trim", "when": value, "name": "Jane Doe"})]


def test_a_third_of_two_choices_is_not_guessed() -> None:
    talk = dialogue()
    asked_to_book(talk)
    talk.tool_answered(
        "proposeBooking", {"status": "taken", "say": "Taken.", "times": [{"starts_at": "A", "spoken": "x"}]}
    )
    assert talk.heard("the third one") == [Say(talk.phrases.no_such_choice)]


def test_the_answer_to_a_question_about_the_time_is_joined_to_the_first_words() -> None:
    talk = dialogue()
    asked_to_book(talk)
    talk.tool_answered("proposeBooking", {"status": "ask", "question": "time", "choices": [], "say": "At what time?"})
    (act,) = talk.heard("in the morning")
    assert isinstance(act, CallTool)
    assert act.arguments["when"] == "monday at ten in the morning"


def test_after_the_change_a_no_ends_the_call_and_nothing_is_said_after_it() -> None:
    talk = dialogue()
    proposed(talk)
    talk.heard("yes")
    talk.tool_answered("commitProposal", {"status": "booked", "say": "Done. Anything else?"})
    assert talk.heard("no thank you") == [CallTool("endCall", {})]
    assert talk.tool_answered("endCall", {"status": "ok", "say": "Bye."}) == [Say("Bye.")]
    assert talk.heard("hello") == []


def test_a_refused_commit_repeats_the_read_back_and_waits_for_a_new_yes() -> None:
    talk = dialogue()
    proposed(talk)
    talk.heard("yes")
    refused = {
        "status": "refused",
        "code": "not_heard",
        "nonce": "n1",
        "arguments": {"a": 1},
        "say": "Let me say it again.",
    }
    assert talk.tool_answered("commitProposal", refused) == [Say("Let me say it again.")]
    assert talk.heard("yes") == [CallTool("commitProposal", {"nonce": "n1", "arguments": {"a": 1}})]


def test_what_is_not_understood_is_asked_again_and_then_explained() -> None:
    talk = dialogue()
    assert [talk.heard(None) for _ in range(3)] == [
        [Say(talk.phrases.say_again)],
        [Say(talk.phrases.say_again)],
        [Say(talk.what_i_understand)],
    ]


def test_services_and_their_names_come_from_the_tools_declaration() -> None:
    declaration = {
        "name": "proposeBooking",
        "parameters": {
            "properties": {
                "service": {
                    "enum": ["trim", "deep_wash"],
                    "description": "What to book. trim: Trim, beard-trim, kunyoa; other: x",
                }
            }
        },
    }
    assert subject_of([{"name": "endCall"}, declaration]).services == {
        "trim": ("trim", "beard trim", "kunyoa"),
        "deep_wash": ("deep wash",),
    }
    assert subject_of([]).services == {}


def test_swahili_is_spoken_where_the_instructions_name_it_first() -> None:
    assert (
        language_of({"systemInstruction": {"parts": [{"text": "You speak Swahili. You also speak English."}]}}) == "sw"
    )
    assert language_of({}) == "en"
    talk = dialogue(language="sw")
    assert talk.heard("kwaheri") == [CallTool("endCall", {})]


def test_transcript_pieces_put_together_are_the_text() -> None:
    text = "one two three four five six seven"
    for count in (1, 2, 3, 7, 12):
        assert "".join(spread(text, count)) == text
        assert len(spread(text, count)) == count


@pytest.mark.parametrize("words", [None, "mm", "okay", "yes", "uh huh yes"])
def test_a_murmur_over_the_agent_is_no_turn(words: str | None) -> None:
    talk = dialogue()
    proposed(talk)
    assert talk.overheard(words) == []
    assert talk.proposal is not None


def test_words_over_the_agent_are_heard_as_usual() -> None:
    talk = dialogue()
    proposed(talk)
    (act,) = talk.overheard("tuesday at two thirty")
    assert isinstance(act, CallTool)
    swahili = dialogue(language="sw")
    assert swahili.overheard("ndio") == []
