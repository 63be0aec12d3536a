"""proposeMessage: what is missing is asked for, everything is read back, and nothing is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from pokea.errors import Unavailable
from pokea.lines import PACKAGED
from pokea.messages import (
    MESSAGE,
    PER_CALL,
    PER_NUMBER_A_DAY,
    WITHHELD_A_DAY,
    Message,
    messages_of_call,
    messages_of_day,
    plain,
)
from pokea.phone_numbers import E164
from pokea.profile import load_profile
from pokea.toolkit import Evidence, ToolResult
from tests.fakes.conversation import AMINA, Conversation
from tests.fakes.memory_store import MemoryStore

COLLEGE = load_profile(PACKAGED / "kilele.toml")
WORDS = "please call me back about my bill"


def call(language: str = "en", a_number: E164 | None = AMINA, **more: Any) -> Conversation:
    return Conversation(profile=COLLEGE, agent="receptionist", language=language, a_number=a_number, **more)


def propose(conversation: Conversation, **arguments: str) -> ToolResult:
    return conversation.tool("proposeMessage", {"message": WORDS, "name": "Amina Otieno", **arguments})


def kept(conversation: Conversation) -> tuple[Message, ...]:
    assert isinstance(conversation.store, MemoryStore)
    return conversation.store.all_records(MESSAGE)


def leave(conversation: Conversation, **arguments: str) -> ToolResult:
    return conversation.commit(propose(conversation, **arguments))


def test_a_message_is_read_back_and_kept_after_a_yes() -> None:
    conversation = call()
    proposed = propose(conversation, department="the accounts office please")
    assert proposed.payload["say"] == (
        "The message for the accounts office is: please call me back about my bill. It is from Amina Otieno. "
        "We call back on the number you are calling from. Shall I pass it on?"
    )
    assert kept(conversation) == ()
    done = conversation.commit(proposed)
    assert done.payload["status"] == "message_taken"
    (message,) = kept(conversation)
    assert (message.text, message.name, message.number, message.department) == (
        WORDS,
        "Amina Otieno",
        AMINA,
        "accounts",
    )
    assert (message.language, message.state, message.day.isoformat()) == ("en", "new", "2026-11-21")


def test_without_the_callers_yes_nothing_is_kept() -> None:
    conversation = call()
    refused = conversation.commit(propose(conversation), Evidence())
    assert refused.payload["code"] == "not_heard"
    assert kept(conversation) == ()


def test_what_is_missing_is_asked_one_thing_at_a_time_and_says_which_tool_takes_the_answer() -> None:
    conversation = call(a_number=None)
    asked = conversation.tool("proposeMessage")
    assert (asked.payload["status"], asked.payload["question"]) == ("ask", "message")
    assert asked.payload["then"] == {"tool": "proposeMessage", "arguments": {}, "fill": "message", "expect": "text"}
    asked = conversation.tool("proposeMessage", {"message": WORDS})
    assert asked.payload["then"] == {
        "tool": "proposeMessage", "arguments": {"message": WORDS}, "fill": "name", "expect": "name",
    }  # fmt: skip
    asked = propose(conversation)
    assert (asked.payload["question"], asked.payload["then"]["expect"]) == ("number", "digits")  # type: ignore[index]
    proposed = propose(conversation, number="oh seven two two triple oh one one one")
    assert "call back on zero seven two two" in str(proposed.payload["say"])
    conversation.commit(proposed)
    assert [message.number for message in kept(conversation)] == [E164("+254722000111")]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "zero seven three three double four five five six seven"),
        ("sw", "sifuri saba tatu tatu nne nne tano tano sita saba"),
        ("en", "my number is 0733 445 567"),
        ("en", "+254 733 445567"),
    ],
)
def test_another_number_than_the_callers_is_understood_and_read_back(language: str, said: str) -> None:
    conversation = call(language)
    leave(conversation, number=said)
    assert [message.number for message in kept(conversation)] == [E164("+254733445567")]


def test_the_number_i_am_calling_from_is_that_number() -> None:
    conversation = call()
    leave(conversation, number="the number I am calling from")
    assert [message.number for message in kept(conversation)] == [AMINA]


def test_a_number_that_is_not_understood_is_asked_for_again_and_never_guessed() -> None:
    conversation = call()
    again = propose(conversation, number="seven twenty two and then some")
    assert (again.payload["status"], again.payload["question"]) == ("ask", "number")
    assert "digit by digit" in str(again.payload["say"])


def test_whoever_has_no_number_to_give_still_leaves_the_message() -> None:
    conversation = call(a_number=None)
    propose(conversation)
    propose(conversation, number="I have none")
    proposed = propose(conversation, number="really, none")
    assert "We have no number to call back on." in str(proposed.payload["say"])
    done = conversation.commit(proposed)
    assert "no number to call you back" in str(done.payload["say"])
    assert [(message.number, message.text) for message in kept(conversation)] == [(None, WORDS)]


def test_whoever_gives_no_name_still_leaves_the_message() -> None:
    conversation = call()
    for name in ("", "R2D2"):
        assert propose(conversation, name=name).payload["question"] == "name"
    assert conversation.commit(propose(conversation, name="<b>")).payload["status"] == "message_taken"
    assert [message.name for message in kept(conversation)] == [""]


def test_the_same_message_twice_in_one_call_is_one_message() -> None:
    conversation = call()
    assert [leave(conversation).payload["status"] for _ in range(2)] == ["message_taken"] * 2
    assert len(kept(conversation)) == 1


def test_a_call_a_number_and_a_day_have_their_limits() -> None:
    conversation = call()
    for number in range(PER_CALL):
        leave(conversation, message=f"{WORDS} number {number}")
    refused = propose(conversation, message="one more")
    assert (refused.payload["status"], refused.payload["code"]) == ("refused", "too_many")
    assert refused.payload["then"]["yes"]["tool"] == "handOver"  # type: ignore[index]
    for number in range(PER_NUMBER_A_DAY):
        conversation = conversation.called_by(AMINA)
        propose_then = propose(conversation, message=f"again {number}")
        if propose_then.nonce:
            conversation.commit(propose_then)
    assert len(kept(conversation)) == PER_NUMBER_A_DAY
    conversation.clock.advance(timedelta(days=1).total_seconds())
    assert leave(conversation.called_by(AMINA)).payload["status"] == "message_taken"


def test_callers_without_a_number_share_one_limit() -> None:
    conversation = call(a_number=None)
    for number in range(WITHHELD_A_DAY + 5):
        conversation = conversation.called_by(None)
        proposed = propose(conversation, message=f"message {number}", number="0733445567")
        if proposed.nonce:
            conversation.commit(proposed)
    assert len(kept(conversation)) == WITHHELD_A_DAY
    assert leave(conversation.called_by(AMINA)).payload["status"] == "message_taken"


def test_a_limit_that_was_reached_between_the_read_back_and_the_yes_keeps_nothing() -> None:
    first, second = call(), call()
    second = first.called_by(AMINA)
    waiting = propose(second, message="the last one")
    for number in range(PER_NUMBER_A_DAY):
        leave(first.called_by(AMINA), message=f"quick {number}")
    assert second.commit(waiting).payload["code"] == "too_many"
    assert len(kept(first)) == PER_NUMBER_A_DAY


def test_calls_side_by_side_share_the_limit() -> None:
    first = call()
    waiting = [first.called_by(AMINA) for _ in range(PER_NUMBER_A_DAY * 3)]
    proposals = [(one, propose(one, message=f"from call {number}")) for number, one in enumerate(waiting)]

    def commit(pair: tuple[Conversation, ToolResult]) -> None:
        with suppress(Unavailable):  # lost too many races: nothing was written
            pair[0].commit(pair[1])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(commit, proposals))
    assert 1 <= len(kept(first)) <= PER_NUMBER_A_DAY


def test_an_unknown_department_is_nobody_in_particular() -> None:
    conversation = call()
    leave(conversation, department="+254900123456")
    assert [message.department for message in kept(conversation)] == [""]


@pytest.mark.parametrize(
    ("said", "kept_as"),
    [
        ("=cmd|' /C calc'!A0", "cmd ' /C calc'!A0"),
        ("<say>hello</say>", "say hello /say"),
        ("  +1+1  ", "1+1"),
        ("{name} [x] `rm`", "name x rm"),
        ("@SUM(A1)", "SUM(A1)"),
    ],
)
def test_markup_and_formulas_become_words(said: str, kept_as: str) -> None:
    assert plain(said) == kept_as


def test_messages_are_found_by_day_and_by_call() -> None:
    conversation = call()
    leave(conversation)
    other = conversation.called_by(AMINA)
    other.clock.advance(60)
    leave(other, message="the second")
    business, day = COLLEGE.business_id, kept(conversation)[0].day
    assert [message.text for message in messages_of_day(conversation.store, business, day)] == [WORDS, "the second"]
    of_call = messages_of_call(conversation.store, business, other.caller().session_id)
    assert [message.text for message in of_call] == ["the second"]


def test_in_swahili_too() -> None:
    conversation = call("sw")
    assert "Ujumbe wako ni upi" in str(conversation.tool("proposeMessage").payload["say"])
    assert "Niufikishe?" in str(propose(conversation).payload["say"])
    assert leave(conversation).payload["status"] == "message_taken"
    assert [message.language for message in kept(conversation)] == ["sw"]
