"""The lead qualification agent, driven as a model drives it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pokea import agents
from pokea.consent import SUPPRESSION, is_suppressed
from pokea.directory import Directory
from pokea.leads import LEAD, PER_NUMBER_A_DAY, Lead, Outcome
from pokea.lines import PACKAGED
from pokea.phone_numbers import E164
from pokea.profile import Profile, load_profile
from pokea.retention import Recording
from pokea.toolkit import Effect, ToolResult
from tests.fakes.conversation import AMINA, CLINIC, SATURDAY, Conversation
from tests.fakes.memory_store import MemoryStore

MIZANI = load_profile(PACKAGED / "mizani.toml")
AGENT = agents.get("leads")


def call(language: str = "en", profile: Profile = MIZANI, a_number: E164 | None = AMINA) -> Conversation:
    return Conversation(profile=profile, agent="leads", language=language, a_number=a_number)


def store_of(conversation: Conversation) -> MemoryStore:
    assert isinstance(conversation.store, MemoryStore)
    return conversation.store


def answers(conversation: Conversation, *said: str) -> ToolResult:
    """Each in answer to the question that is open; the last result."""
    question = "opening"
    for words in said:
        result = conversation.tool("recordAnswer", {"question": question, "answer": words})
        question = str(result.payload.get("question", question))
    return result


def lead(conversation: Conversation) -> Lead:
    (found,) = store_of(conversation).all_records(LEAD)
    return found


def test_the_tools_are_declared_with_their_effects_and_the_opening_question_is_the_first() -> None:
    specs = {spec.name: spec for spec in AGENT.tools(MIZANI)}
    assert {name: spec.effect for name, spec in specs.items()} == {
        "nextQuestion": Effect.READ, "recordAnswer": Effect.NOTE, "optOut": Effect.PROTECT, "handOver": Effect.TRANSFER,
        "proposeMessage": Effect.PROPOSE, "speakLanguage": Effect.NOTE, "commitProposal": Effect.COMMIT, "endCall": Effect.END,
    }  # fmt: skip
    question = dict(specs["recordAnswer"].parameters)["properties"]["question"]  # type: ignore[index]
    assert question["enum"] == ["opening", "decides", "users", "start", "call_again"]


@pytest.mark.parametrize(("language", "ai"), [("en", "AI assistant"), ("sw", "akili bandia")])
@pytest.mark.parametrize(
    ("recording", "notice"), [(Recording.OFF, ()), (Recording.NOTICE, ("recorded", "inarekodiwa"))]
)
def test_the_first_sentence_says_who_calls_that_it_is_an_ai_and_why(
    language: str, ai: str, recording: Recording, notice: tuple[str, ...]
) -> None:
    greeting = AGENT.greeting(replace(MIZANI, recording=recording), language)
    assert MIZANI.leads is not None
    first, purpose = greeting.split(". ")[:2]
    assert ai in first
    assert MIZANI.name in first
    assert MIZANI.leads.purpose[language] in purpose
    assert "9" in greeting
    assert any(word in first for word in notice) is bool(notice)


def test_a_promising_lead_is_offered_a_colleague_at_once() -> None:
    conversation = call()
    hot = answers(conversation, "yes go ahead", "I decide", "about twenty five", "this month")
    assert hot.payload["status"] == "hot"
    then = hot.payload["then"]
    assert then["yes"]["tool"] == "handOver"  # type: ignore[index]
    assert then["yes"]["arguments"]["department"] == "sales"  # type: ignore[index]
    assert "100 points" in then["yes"]["arguments"]["reason"]  # type: ignore[index]
    assert then["no"]["tool"] == "proposeMessage"  # type: ignore[index]
    found = lead(conversation)
    assert (found.outcome, found.score, found.number) == (Outcome.HOT, 100, AMINA)
    assert [(reason.points, reason.reason, reason.quote) for reason in found.reasons] == [
        (30, "Decides about purchases", "I decide"),
        (40, "Ten users or more", "about twenty five"),
        (30, "Starts within a month", "this month"),
    ]


def test_answers_are_kept_per_question_with_the_words_they_were_given_in() -> None:
    conversation = call()
    answers(conversation, "yes", "my manager decides, you know", "three or four", "in three months")
    kept = {key: (answer.value, answer.quote) for key, answer in lead(conversation).answers.items()}
    assert kept == {
        "opening": ("yes", "yes"), "decides": ("no", "my manager decides, you know"), "users": ("3", "three or four"),
        "start": ("93", "in three months"),
    }  # fmt: skip


def test_a_lead_in_between_is_offered_a_call_back() -> None:
    warm = answers(call(), "yes", "yes", "four", "in three months")
    assert warm.payload["status"] == "warm"
    assert warm.payload["then"]["yes"]["arguments"]["message"] == "Please call me back about bookkeeping software."  # type: ignore[index]
    assert warm.payload["then"]["no"] == {"tool": "endCall", "arguments": {}}  # type: ignore[index]


def test_a_lead_that_will_not_buy_is_left_politely() -> None:
    conversation = call()
    cold = answers(conversation, "yes", "no", "two", "we are just looking")
    assert cold.payload["status"] == "cold"
    assert "endCall" in str(cold.payload["instruction"])
    assert lead(conversation).outcome is Outcome.COLD
    goodbye = conversation.tool("endCall")
    assert goodbye.end_call
    assert "Thank you for calling" not in str(goodbye.payload["say"])  # we called


def test_a_reply_that_does_not_answer_is_asked_once_more_in_other_words_and_then_passed_over() -> None:
    conversation = call()
    again = answers(conversation, "yes", "purple")
    assert again.payload["say"] == "I mean: is it you who decides what is bought, yes or no?"
    following = conversation.tool("recordAnswer", {"question": "decides", "answer": "green"})
    assert following.payload["question"] == "users"
    skipped = lead(conversation).answers["decides"]
    assert (skipped.value, skipped.state, skipped.quote) == ("", "skipped", "green")


def test_not_knowing_is_an_answer_and_worth_nothing() -> None:
    conversation = call()
    following = answers(conversation, "yes", "I am not sure, really")
    assert following.payload["question"] == "users"
    assert lead(conversation).answers["decides"].state == "unsure"
    assert lead(conversation).score == 0


def test_questions_come_in_order_and_no_later_one_can_be_answered_first() -> None:
    conversation = call()
    ahead = conversation.tool("recordAnswer", {"question": "start", "answer": "this month"})
    assert ahead.payload["question"] == "opening"
    assert store_of(conversation).all_records(LEAD) == ()


def test_an_earlier_answer_can_be_put_right_until_the_end() -> None:
    conversation = call()
    answers(conversation, "yes", "no", "twelve")
    corrected = conversation.tool("recordAnswer", {"question": "decides", "answer": "sorry, yes, it is me"})
    assert corrected.payload["question"] == "start"
    hot = conversation.tool("recordAnswer", {"question": "start", "answer": "this month"})
    assert hot.payload["status"] == "hot"
    assert lead(conversation).score == 100


def test_what_is_said_after_the_end_changes_nothing() -> None:
    conversation = call()
    answers(conversation, "yes", "no", "two", "we are just looking")
    before = lead(conversation)
    late = conversation.tool("recordAnswer", {"question": "decides", "answer": "yes"})
    assert late.payload["status"] == "cold"
    assert conversation.tool("nextQuestion").payload["status"] == "cold"
    assert lead(conversation) == before


def test_next_question_asks_the_open_question_again() -> None:
    conversation = call()
    assert conversation.tool("nextQuestion").payload["question"] == "opening"
    answers(conversation, "yes")
    asked = conversation.tool("nextQuestion")
    assert asked.payload["question"] == "decides"
    assert asked.payload["then"] == {
        "tool": "recordAnswer", "arguments": {"question": "decides"}, "fill": "answer", "expect": "yes_no",
    }  # fmt: skip


def test_a_bad_moment_leads_to_a_time_to_call_again() -> None:
    conversation = call()
    asked = answers(conversation, "no, I am busy")
    assert (asked.payload["question"], asked.payload["then"]["expect"]) == ("call_again", "when")  # type: ignore[index]
    done = conversation.tool("recordAnswer", {"question": "call_again", "answer": "tomorrow at ten in the morning"})
    assert done.end_call
    found = lead(conversation)
    assert (found.outcome, found.call_again) == (Outcome.UNFINISHED, "tomorrow at ten in the morning")
    assert found.call_again_at is not None
    assert found.call_again_at.isoformat() == "2026-11-22T07:00:00+00:00"


@pytest.mark.parametrize(
    ("language", "said"), [("en", "not at all"), ("en", "no, never mind"), ("sw", "hapana, sitaki")]
)
def test_whoever_wants_no_further_call_is_left_alone(language: str, said: str) -> None:
    conversation = call(language)
    left = answers(conversation, "no", said)
    assert left.end_call
    assert lead(conversation).outcome is Outcome.COLD


def test_whoever_asks_who_it_is_is_told_and_asked_again() -> None:
    again = answers(call(), "who is this?")
    assert again.payload["say"] == (
        "I am the AI assistant of Mizani Software, and this is about bookkeeping software. Do you have a minute for me now?"
    )


def test_an_opt_out_is_written_at_once_and_ends_the_call() -> None:
    conversation = call()
    answers(conversation, "yes", "yes")
    done = conversation.tool("optOut")
    assert (done.payload["status"], done.end_call) == ("opted_out", True)
    assert is_suppressed(conversation.store, MIZANI.business_id, AMINA)
    assert lead(conversation).outcome is Outcome.OPTED_OUT
    assert len(lead(conversation).answers) == 2


def test_an_opt_out_is_written_once() -> None:
    conversation = call()
    conversation.tool("optOut")
    writes = store_of(conversation).writes
    assert conversation.tool("optOut").payload["status"] == "opted_out"
    assert store_of(conversation).writes == writes
    assert conversation.called_by(AMINA).tool("optOut").payload["status"] == "opted_out"
    assert len(store_of(conversation).all_records(SUPPRESSION)) == 1


@pytest.mark.parametrize("said", ["please stop calling me", "usinipigie tena", "take me off your list"])
def test_stop_words_in_an_answer_opt_out_even_if_the_model_calls_it_an_answer(said: str) -> None:
    conversation = call()
    done = answers(conversation, "yes", said)
    assert done.payload["status"] == "opted_out"
    assert is_suppressed(conversation.store, MIZANI.business_id, AMINA)


def test_after_an_opt_out_nothing_else_is_asked() -> None:
    conversation = call()
    conversation.tool("recordAnswer", {"question": "opening", "answer": "yes"})
    conversation.tool("optOut")
    for tool, arguments in (("nextQuestion", {}), ("recordAnswer", {"question": "decides", "answer": "yes"})):
        result = conversation.tool(tool, arguments)
        assert (result.payload["status"], result.end_call) == ("opted_out", True)


def test_a_withheld_number_cannot_be_suppressed_and_is_not_said_to_be() -> None:
    conversation = call(a_number=None)
    done = conversation.tool("optOut")
    assert done.end_call
    assert "I cannot see your number" in str(done.payload["say"])
    assert store_of(conversation).all_records(SUPPRESSION) == ()
    later = conversation.tool("recordAnswer", {"question": "opening", "answer": "yes"})
    assert "I cannot see your number" in str(later.payload["say"])
    assert later.end_call


def test_one_number_cannot_fill_the_books() -> None:
    conversation = call()
    for _ in range(PER_NUMBER_A_DAY + 3):
        conversation = conversation.called_by(AMINA)
        last = conversation.tool("recordAnswer", {"question": "opening", "answer": "yes"})
    assert (last.payload["code"], last.end_call) == ("too_many", True)
    assert len(store_of(conversation).all_records(LEAD)) == PER_NUMBER_A_DAY


def test_without_anybody_to_hand_over_to_a_hot_lead_is_called_back() -> None:
    alone = replace(MIZANI, directory=Directory())
    assert answers(call(profile=alone), "yes", "yes", "twelve", "this month").payload["status"] == "warm"


def test_where_the_greeting_asks_about_recording_the_script_begins_after_the_answer() -> None:
    asking = replace(MIZANI, recording=Recording.ASK)
    conversation = call(profile=asking)
    assert "May I record it?" in AGENT.greeting(asking, "en")
    result = conversation.tool("recordingConsent", {"answer": "no"})
    assert result.recording is False
    assert (result.payload["status"], result.payload["question"]) == ("ask", "opening")
    assert result.payload["say"] == (
        "All right, this call is not recorded. Is now a good time for a few short questions?"
    )


def test_in_swahili_from_beginning_to_end() -> None:
    conversation = call("sw")
    hot = answers(conversation, "sawa, endelea", "naamua mimi", "watu kumi na wawili", "mwezi huu")
    assert hot.payload["say"] == "Asante. Inaonekana tunaweza kukusaidia. Nikuunganishe na mwenzangu sasa?"
    assert [answer.quote for answer in lead(conversation).answers.values()] == [
        "sawa, endelea", "naamua mimi", "watu kumi na wawili", "mwezi huu",
    ]  # fmt: skip


def test_a_profile_that_lacks_something_is_told() -> None:
    assert AGENT.problem(MIZANI) is None
    assert AGENT.problem(CLINIC) == "leads: the lead qualification agent needs its questions"
    assert (
        AGENT.problem(replace(MIZANI, directory=Directory())) == "leads.transfer: 'sales' is not a key of the directory"
    )


def test_the_instructions_and_standing_phrases_are_complete() -> None:
    text = AGENT.instructions(MIZANI, SATURDAY, "sw", True)
    assert "{" not in text
    assert "optOut" in text
    assert all("{" not in words for words in AGENT.phrases(MIZANI, "sw").values())


def test_an_unclear_answer_about_recording_is_no_refusal() -> None:
    conversation = call(profile=replace(MIZANI, recording=Recording.ASK))
    result = conversation.tool("recordingConsent", {"answer": "what for"})
    assert result.recording is None
    assert "May I record this call?" in str(result.payload["say"])
    assert result.payload["then"]["tool"] == "recordingConsent"  # type: ignore[index]


def test_a_no_to_recording_after_the_last_question_does_not_begin_again() -> None:
    conversation = call(profile=replace(MIZANI, recording=Recording.NOTICE))
    warm = answers(conversation, "yes", "yes", "four", "in three months")
    result = conversation.tool("recordingConsent", {"answer": "no"})
    assert result.recording is False
    assert result.payload["say"] == f"All right, this call is not recorded. {warm.payload['say']}"
    assert result.payload["then"] == warm.payload["then"]
