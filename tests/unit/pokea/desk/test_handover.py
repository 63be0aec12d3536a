"""handOver at the desk: whom it rings, whom it never rings, and what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pokea import agents
from pokea.call_memory import MEMORY, CallMemory
from pokea.desk.brief import brief_of
from pokea.directory import Directory
from pokea.errors import Denied, Indeterminate, Unavailable
from pokea.hours import Opening, OpeningHours
from pokea.ids import SessionId
from pokea.phone_numbers import E164
from pokea.profile import Profile
from pokea.retention import Recording
from pokea.toolkit import Evidence, HandoffMode, Level, ToolResult
from pokea.transfer import HANDOFF, Handoff, HandoffState
from pokea.words import WORDS
from tests.fakes.conversation import AMINA, CLINIC, SATURDAY, Conversation
from tests.fakes.exchange import MemoryExchange
from tests.fakes.memory_store import MemoryStore

FRONT_DESK = CLINIC.directory.people["front_desk"]


def call(**more: Any) -> Conversation:
    return Conversation(**more)  # Saturday, 10:00 in Nairobi: the front desk is there


def stored(conversation: Conversation) -> Handoff:
    assert isinstance(conversation.store, MemoryStore)
    (handoff,) = conversation.store.all_records(HANDOFF)
    return handoff


def with_directory(**changes: Any) -> Profile:
    return replace(CLINIC, directory=replace(CLINIC.directory, **changes))


def offers_a_message(result: ToolResult) -> bool:
    following = result.payload["then"]
    assert isinstance(following, dict)
    return bool(following["yes"]["tool"] == "proposeMessage" and following["no"] is None)


def test_every_agent_can_hand_over_and_names_people_by_key() -> None:
    (spec,) = [tool for tool in agents.get("booking").tools(CLINIC) if tool.name == "handOver"]
    department = spec.parameters["properties"]["department"]  # type: ignore[index]
    assert department["enum"] == list(CLINIC.directory.people)
    assert "front_desk: the front desk, front desk" in department["description"]
    assert "+" not in str(spec.parameters)


@pytest.mark.parametrize(
    "said", [{}, {"department": "front_desk"}, {"department": "the front desk please"}, {"department": "mapokezi"}]
)
def test_the_caller_is_handed_to_the_person_meant(said: dict[str, str]) -> None:
    conversation = call()
    result = conversation.tool("handOver", {"reason": "a question", **said})
    assert result.payload["status"] == "connecting"
    assert result.handoff is not None and result.handoff.mode is HandoffMode.ATTENDED
    (rung,) = conversation.exchange.rung
    assert (rung.number, rung.person) == (FRONT_DESK.number, "front_desk")


@pytest.mark.parametrize(
    "department", ["+252612345678", "boss", "nine hundred", "front", "directory.boss.number", "../boss"]
)
def test_somebody_who_is_not_listed_is_asked_back_and_nobody_is_rung(department: str) -> None:
    conversation = call()
    result = conversation.tool("handOver", {"reason": "x", "department": department})
    assert (result.payload["status"], result.payload["code"]) == ("refused", "unknown_department")
    assert "the front desk" in str(result.payload["say"])
    assert result.payload["then"] == {
        "tool": "handOver", "arguments": {"reason": "x"}, "fill": "department", "expect": "choice",
    }  # fmt: skip
    assert (conversation.exchange.rung, result.handoff) == ([], None)


def test_a_number_is_no_argument_of_the_tool() -> None:
    conversation = call()
    result = conversation.tool("handOver", {"reason": "x", "number": "+252612345678"})
    assert result.payload["code"] == "bad_arguments"
    assert conversation.exchange.rung == []


def test_after_hours_a_message_is_offered() -> None:
    conversation = call()
    conversation.clock.advance(timedelta(hours=8).total_seconds())
    result = conversation.tool("handOver", {"reason": "x"})
    assert result.payload["status"] == "closed"
    assert offers_a_message(result)
    assert (conversation.exchange.rung, result.handoff) == ([], None)


def test_who_stands_in_is_rung_and_named() -> None:
    closed = replace(FRONT_DESK, hours=OpeningHours({}), fallback="night")
    night = replace(
        FRONT_DESK, key="night", names={"en": ("the night desk",), "sw": ("zamu ya usiku",)}, number=E164("+254711000102"),
        hours=OpeningHours({day: (Opening(0, 1440),) for day in range(7)}), fallback="",
    )  # fmt: skip
    conversation = call(profile=with_directory(people={"front_desk": closed, "night": night}))
    result = conversation.tool("handOver", {"reason": "x"})
    assert "the night desk" in str(result.payload["say"])
    assert [handoff.number for handoff in conversation.exchange.rung] == [night.number]


def test_a_number_that_the_policy_forbids_is_refused_with_words() -> None:
    odd = replace(FRONT_DESK, number=E164("+881612345678"))
    conversation = call(profile=with_directory(people={"front_desk": odd}))
    result = conversation.tool("handOver", {"reason": "x"})
    assert (result.payload["status"], result.payload["code"]) == ("refused", "not_allowed")
    assert offers_a_message(result)
    assert conversation.exchange.rung == []


def test_a_business_without_a_directory_offers_a_message() -> None:
    conversation = call(profile=replace(CLINIC, directory=Directory()))
    result = conversation.tool("handOver", {"reason": "x"})
    assert (result.payload["code"], offers_a_message(result)) == ("nobody_listed", True)


@pytest.mark.parametrize(
    "trouble", [Denied("wallet.insufficient_funds"), Unavailable("rate_limited"), Denied("dial_policy")]
)
def test_a_carrier_that_rings_nobody_is_told_to_the_caller(trouble: Exception) -> None:
    conversation = call(exchange=MemoryExchange(trouble=trouble))  # type: ignore[arg-type]
    result = conversation.tool("handOver", {"reason": "x"})
    assert (result.payload["status"], result.handoff) == ("failed", None)
    assert offers_a_message(result)
    assert stored(conversation).state is HandoffState.FAILED


def test_a_carrier_that_may_have_rung_somebody_is_waited_for() -> None:
    conversation = call(exchange=MemoryExchange(trouble=Indeterminate("carrier_unanswered")))
    result = conversation.tool("handOver", {"reason": "x"})
    assert result.handoff is not None
    assert stored(conversation).state is HandoffState.PLACING


def test_what_is_known_of_the_caller_goes_with_them() -> None:
    conversation = call()
    memory = CallMemory(
        business_id=CLINIC.business_id, session_id=SessionId(conversation.session), began_at=SATURDAY, account="A-77",
        notes={"verified_by": "PIN and full name", "tried": ["router restart: did not help"]}, said_name="Zawadi Mwangaza",
    )  # fmt: skip
    conversation.store.put(MEMORY.of(memory))  # type: ignore[attr-defined]
    turns = tuple(("caller", f"line {number}") for number in range(14))
    conversation.tool("handOver", {"reason": "slow internet"}, Evidence(last_turns=turns))
    handoff = stored(conversation)
    assert (handoff.caller_name, handoff.caller_number, handoff.account) == ("Zawadi Mwangaza", AMINA, "A-77")
    assert (handoff.level, handoff.verified_by) == (Level.VERIFIED, "PIN and full name")
    assert handoff.tried == ("router restart: did not help",)
    assert handoff.last_turns == turns[-12:]
    brief = brief_of(handoff, CLINIC)
    for fact in ("Zawadi Mwangaza", "PIN and full name", "A-77", "slow internet", "router restart", "Press 1"):
        assert fact in brief
    assert AMINA not in brief


def test_a_caller_of_whom_nothing_is_known_is_announced_so() -> None:
    conversation = call(a_number=None)
    conversation.tool("handOver", {"reason": ""})
    brief = brief_of(stored(conversation), CLINIC)
    assert "has not given a name" in brief
    assert "not been verified" in brief


def test_the_brief_is_in_the_person_s_language_and_names_the_caller_s() -> None:
    swahili_only = replace(FRONT_DESK, languages=("sw",))
    conversation = call(profile=with_directory(people={"front_desk": swahili_only}))
    conversation.tool("handOver", {"reason": "x"})
    brief = brief_of(stored(conversation), conversation.profile)
    assert brief.startswith("Habari, kuna simu yako")
    assert "Kiingereza" in brief


@pytest.mark.parametrize("language", ["en", "sw"])
def test_a_caller_is_answered_in_their_language(language: str) -> None:
    result = call(language=language).tool("handOver", {"reason": "x"})
    words = WORDS[language]["handoff_connecting"].format(name=FRONT_DESK.called(language))
    assert result.payload["say"] == words


def test_no_hand_off_is_said_to_be_done() -> None:
    told = [text for key, text in WORDS["en"].items() if key.startswith("handoff_")]
    assert not [text for text in told if "connected you" in text or "are connected" in text]


def dialling(may_dial: bool) -> Conversation:
    rules = replace(CLINIC.directory.rules, mode=HandoffMode.DIAL)
    return call(profile=with_directory(rules=rules), exchange=MemoryExchange(may_dial=may_dial))


def test_in_mode_dial_word_is_left_with_the_carrier() -> None:
    conversation = dialling(may_dial=True)
    result = conversation.tool("handOver", {"reason": "x"})
    assert result.handoff is not None
    assert (result.handoff.mode, result.handoff.ring_s, result.handoff.hop) == (HandoffMode.DIAL, 0, "")
    ((handoff, words),) = conversation.exchange.words
    assert (handoff.number, words) == (FRONT_DESK.number, "Please stay on the line.")
    assert conversation.exchange.rung == []


def test_in_mode_dial_on_a_carrier_that_does_not_go_on_nothing_is_tried() -> None:
    conversation = dialling(may_dial=False)
    result = conversation.tool("handOver", {"reason": "x"})
    assert (result.payload["code"], result.handoff) == ("carrier_does_not_continue", None)
    assert offers_a_message(result)
    assert isinstance(conversation.store, MemoryStore)
    assert conversation.store.all_records(HANDOFF) == ()


def test_the_internal_agent_is_nobody_s_to_choose() -> None:
    assert "whisper" not in agents.NAMES
    assert agents.get("whisper").name == "whisper"
    assert [tool.name for tool in agents.get("whisper").tools(CLINIC)] == ["acceptCall", "declineCall"]


@pytest.mark.parametrize(
    ("tool", "status", "ends"), [("acceptCall", "accepted", False), ("declineCall", "declined", True)]
)
def test_the_human_s_answer_is_the_bridge_s_to_carry_out(tool: str, status: str, ends: bool) -> None:
    result = call(agent="whisper").tool(tool)
    assert (result.payload["status"], result.end_call) == (status, ends)
    assert "caller_gone" in agents.get("whisper").phrases(CLINIC, "sw")


@pytest.mark.parametrize("recording", Recording)
def test_who_is_rung_hears_of_a_recording_before_they_take_the_call(recording: Recording) -> None:
    conversation = call()
    conversation.tool("handOver", {"reason": "x"})
    brief = brief_of(stored(conversation), replace(CLINIC, recording=recording))
    assert ("may be recorded" in brief) is (recording is not Recording.OFF)
