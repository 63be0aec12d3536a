"""The hand-off of a campaign's lead: as many at once as there are people, and whoever finds nobody is told so and owed a call."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pokea.campaigns.briefing import Briefed
from pokea.campaigns.reps import CAMPAIGN_REPS, Reps
from pokea.errors import Denied
from pokea.leads import LEAD, OWED, Lead, Outcome
from pokea.lines import PACKAGED
from pokea.ports import Change
from pokea.profile import load_profile
from pokea.toolkit import ToolResult
from pokea.transfer import HANDOFF, Event, Handoff, HandoffState, moved
from tests.fakes.conversation import AMINA, Conversation
from tests.fakes.exchange import MemoryExchange
from tests.fakes.memory_store import MemoryStore

MIZANI = load_profile(PACKAGED / "mizani.toml")
ANSWERS = (
    ("opening", "yes go ahead"),
    ("decides", "I decide"),
    ("users", "about twenty five"),
    ("start", "this month"),
)


def call(store: MemoryStore | None = None, reps: int = 1, agent: str = "leads", **more: Any) -> Conversation:
    briefed = Briefed(campaign_id="spring", contact_id="c1", reps=reps)
    return Conversation(profile=MIZANI, agent=agent, store=store or MemoryStore(), briefed=briefed, **more)


def hot(conversation: Conversation) -> ToolResult:
    result = ToolResult({})
    for question, said in ANSWERS:
        result = conversation.tool("recordAnswer", {"question": question, "answer": said})
    return result


def asks_for_a_person(conversation: Conversation, name: str = "t1") -> ToolResult:
    arguments = {"department": "sales", "reason": "wants it"}
    return conversation.tool("handOver", arguments, tool_call_id=f"{conversation.session}-{name}")


def lead(conversation: Conversation) -> Lead:
    found = conversation.store.record(LEAD, MIZANI.business_id, conversation.session)
    assert found is not None
    return found


def handoff(conversation: Conversation) -> Handoff:
    found = conversation.store.records_by(HANDOFF, MIZANI.business_id, conversation.session)
    return found[-1]


def happens(conversation: Conversation, event: Event) -> None:
    conversation.store.apply(Change(records=(HANDOFF.of(moved(handoff(conversation), event)),)))


def record(conversation: Conversation) -> Reps:
    found = conversation.store.record(CAMPAIGN_REPS, MIZANI.business_id, "spring")
    assert found is not None
    return found


def busy(store: MemoryStore) -> Conversation:
    """Somebody else's hot lead, with whom the only person talks."""
    other = call(store)
    assert asks_for_a_person(other).handoff is not None
    happens(other, Event.JOIN)
    return other


def test_a_hot_lead_is_put_through_while_somebody_is_free_and_nobody_else_can_have_that_person() -> None:
    first = call()
    assert hot(first).payload["then"]["yes"]["tool"] == "handOver"  # type: ignore[index]
    assert asks_for_a_person(first).handoff is not None
    assert [entry.session_id for entry in record(first).held] == [first.session]
    second = first.called_by(AMINA)
    result = asks_for_a_person(second)
    assert (result.payload["status"], result.payload["code"], result.handoff) == ("busy", "no_rep", None)
    assert len(first.exchange.rung) == 1


def test_whoever_becomes_hot_while_nobody_is_free_is_told_so_and_says_when_to_be_called() -> None:
    store = MemoryStore()
    other = busy(store)
    conversation = call(store)
    asked = hot(conversation)
    assert "all my colleagues are talking" in str(asked.payload["say"]).casefold()
    assert asked.payload["then"] == {
        "tool": "recordAnswer",
        "arguments": {"question": "call_again"},
        "fill": "answer",
        "expect": "when",
    }
    assert conversation.exchange.rung == []
    assert lead(conversation).outcome is Outcome.HOT and lead(conversation).unserved_at == conversation.clock.now()
    done = conversation.tool("recordAnswer", {"question": "call_again", "answer": "tomorrow at ten in the morning"})
    assert done.end_call and "noted" in str(done.payload["say"])
    owed = conversation.store.records_by(LEAD, MIZANI.business_id, OWED)
    assert [(one.session_id, one.call_again) for one in owed] == [
        (conversation.session, "tomorrow at ten in the morning")
    ]
    assert owed[0].call_again_at is not None and owed[0].outcome is Outcome.HOT and owed[0].score == 100
    assert len(other.exchange.rung) == 1


def test_whoever_finds_nobody_at_the_transfer_is_never_rung_for_and_is_owed_a_call_at_once() -> None:
    store = MemoryStore()
    conversation = call(store)
    hot(conversation)
    busy(store)  # between the answer and the yes
    result = asks_for_a_person(conversation)
    assert result.payload["status"] == "call_owed" and result.handoff is None
    assert result.payload["then"]["tool"] == "recordAnswer"  # type: ignore[index]
    assert conversation.exchange.rung == []
    assert lead(conversation).is_owed_a_call  # also if they hang up now


def test_whoever_wants_no_call_either_is_owed_none() -> None:
    store = MemoryStore()
    busy(store)
    conversation = call(store)
    hot(conversation)
    done = conversation.tool("recordAnswer", {"question": "call_again", "answer": "not at all"})
    assert done.end_call and not lead(conversation).is_owed_a_call
    assert lead(conversation).outcome is Outcome.HOT


def test_what_is_no_time_is_asked_once_more_and_then_the_call_stays_owed() -> None:
    store = MemoryStore()
    busy(store)
    conversation = call(store)
    hot(conversation)
    again = conversation.tool("recordAnswer", {"question": "call_again", "answer": "bla bla"})
    assert (again.end_call, again.payload["question"]) == (False, "call_again")
    done = conversation.tool("recordAnswer", {"question": "call_again", "answer": "bla bla"})
    assert done.end_call and lead(conversation).is_owed_a_call and lead(conversation).call_again == ""


def test_an_opt_out_still_stands_above_it() -> None:
    store = MemoryStore()
    busy(store)
    conversation = call(store)
    hot(conversation)
    assert conversation.tool("optOut").payload["status"] == "opted_out"
    assert lead(conversation).outcome is Outcome.OPTED_OUT


@pytest.mark.parametrize("language", ["en", "sw"])
def test_a_campaign_without_people_says_nothing_about_anybody_being_busy(language: str) -> None:
    conversation = call(reps=0, language=language)
    said = str(hot(conversation).payload["say"]).casefold()
    assert "talking" not in said and "wanazungumza" not in said
    refused = asks_for_a_person(conversation)
    assert refused.payload["status"] == "call_owed" and conversation.exchange.rung == []


@pytest.mark.parametrize(
    "event", [Event.DECLINE, Event.NOT_ANSWERED, Event.WAS_BUSY, Event.CANCEL, Event.CALLER_LEFT, Event.LEFT]
)
def test_a_hand_off_that_is_over_frees_its_person_without_anybody_giving_them_back(event: Event) -> None:
    first = call()
    asks_for_a_person(first)
    if event is Event.LEFT:
        happens(first, Event.JOIN)
    happens(first, event)
    assert asks_for_a_person(first.called_by(AMINA)).handoff is not None


def test_a_person_who_was_never_rung_is_free() -> None:
    exchange = MemoryExchange(trouble=Denied("carrier_refuses", "no"))
    first = call(exchange=exchange)
    assert asks_for_a_person(first).handoff is None
    assert handoff(first).state is HandoffState.FAILED
    exchange.trouble = None
    assert asks_for_a_person(first.called_by(AMINA)).handoff is not None


def test_a_conversation_holds_its_person_as_long_as_it_can_last_and_no_longer() -> None:
    first = call()
    asks_for_a_person(first)
    happens(first, Event.JOIN)
    first.clock.advance(2 * 3_600)
    assert asks_for_a_person(first.called_by(AMINA)).handoff is None
    (entry,) = record(first).held  # whoever should have told of its end has crashed
    assert record(first).under_way(entry.until - timedelta(seconds=1)) == (entry,)
    assert record(first).under_way(entry.until) == ()


def test_somebody_who_is_rung_for_and_does_not_answer_is_free_when_their_time_is_up() -> None:
    first = call()
    asks_for_a_person(first)
    first.clock.advance(180)
    assert handoff(first).state is HandoffState.PLACING  # its bridge is gone, and nobody has said so
    assert asks_for_a_person(first.called_by(AMINA)).handoff is not None


def test_the_same_tool_call_again_holds_nobody_twice_and_a_second_try_keeps_the_one() -> None:
    first = call(reps=2)
    assert asks_for_a_person(first).handoff == asks_for_a_person(first).handoff
    assert len(record(first).held) == 1
    happens(first, Event.DECLINE)
    assert asks_for_a_person(first, "t2").handoff is not None
    assert len(record(first).held) == 1


def test_a_lead_who_is_put_through_after_all_is_owed_no_call() -> None:
    store = MemoryStore()
    other = busy(store)
    conversation = call(store)
    hot(conversation)
    happens(other, Event.LEFT)
    assert asks_for_a_person(conversation).handoff is not None
    assert not lead(conversation).is_owed_a_call


def test_calls_of_no_campaign_and_of_another_one_count_for_themselves() -> None:
    store = MemoryStore()
    busy(store)
    free = Conversation(profile=MIZANI, agent="leads", store=store)
    assert asks_for_a_person(free).handoff is not None
    elsewhere = replace(free.called_by(AMINA), briefed=Briefed(campaign_id="autumn", reps=1))
    assert asks_for_a_person(elsewhere).handoff is not None


def test_a_caller_who_is_no_lead_is_offered_a_message() -> None:
    store = MemoryStore()
    busy(store)
    result = asks_for_a_person(call(store, agent="receptionist"))
    assert result.payload["then"]["yes"]["tool"] == "proposeMessage"  # type: ignore[index]
