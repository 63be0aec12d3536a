"""The cascade's machine in virtual time: what it asks of its services, and what it tells the session."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from bridge.core.cascade_frames import (
    Abort,
    CascadeLimits,
    Complete,
    CompletionDone,
    Delta,
    Lose,
    Message,
    Role,
    Speak,
    SpeechChunk,
    SpeechDone,
    TokensUsed,
    ToolDelta,
    Transcribe,
    Transcribed,
)
from bridge.core.frames import (
    AgentTranscribed,
    AnswerTool,
    BeginCallerTurn,
    CallerTranscribed,
    EndCallerTurn,
    GenerationComplete,
    Loss,
    ModelAudio,
    SayToModel,
    ServiceUsed,
    StopModel,
    TellModel,
    ToolAsked,
    TurnComplete,
    UsageReported,
    UsageUnknown,
)
from pokea.billing.usage import Meter
from tests.unit.bridge.virtual_cascade import FRAME, SECOND, TOOLS, VirtualCascade, failed, heard

# --- a turn ----------------------------------------------------------------------------------------------------------------


def test_a_turn_goes_through_the_three_services() -> None:
    cascade = VirtualCascade()
    cascade.caller_speaks(400)
    asked = cascade.last(Transcribe)
    assert (len(asked.pcm), asked.rate_hz, asked.language, asked.prompt) == (400 * 32, 16_000, "en", "")
    cascade.result(Transcribed(asked.request, "When are you open?"))
    assert cascade.last(Complete).messages == (
        Message(Role.SYSTEM, "Be brief."),
        Message(Role.USER, "When are you open?"),
    )
    assert cascade.last(Complete).tools == TOOLS
    cascade.says("From nine. Until five.")
    assert [order.text for order in cascade.all(Speak)] == ["From nine.", "Until five."]
    assert cascade.events == [
        ServiceUsed("hears", {Meter.HEARD_MS: 400}),
        CallerTranscribed("When are you open?", finished=True),
        ServiceUsed("speaks", {Meter.SPOKEN_CHARS: len("From nine.")}),
        UsageUnknown(),
        ServiceUsed("speaks", {Meter.SPOKEN_CHARS: len("Until five.")}),
        ModelAudio(SECOND, 24_000, "s1"),
        AgentTranscribed("From nine."),
        ModelAudio(SECOND, 24_000, "s2"),
        AgentTranscribed("Until five."),
        GenerationComplete(),
        TurnComplete(),
    ]


def test_the_first_sentence_is_spoken_while_the_completion_still_runs() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.model_writes("Good morning. What can", done=False)
    assert [order.text for order in cascade.all(Speak)] == ["Good morning."]
    cascade.voice_speaks()
    assert cascade.last(AgentTranscribed).text == "Good morning."
    assert not cascade.all(TurnComplete)
    cascade.model_writes(" I do?")
    cascade.voice_speaks()
    assert cascade.events[-1] == TurnComplete()


def test_the_next_turn_is_recognised_in_the_light_of_what_the_agent_said_last() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.says("Do you want Thursday at two?")
    cascade.caller_speaks()
    assert cascade.last(Transcribe).prompt == "Do you want Thursday at two?"


def test_after_a_takeover_the_last_words_come_from_the_brief() -> None:
    brief = '<call-so-far>\n{"turns": [{"who": "agent", "text": "At two?"}, {"who": "caller", "text": "Yes"}]}\n</call-so-far>'
    cascade = VirtualCascade(instructions=f"Be brief.\n\n{brief}")
    cascade.caller_speaks()
    assert cascade.last(Transcribe).prompt == "At two?"


def test_the_soft_beginning_of_a_turn_counts_whether_it_is_sent_before_or_after_the_announcement() -> None:
    cascade = VirtualCascade()
    for _ in range(50):
        cascade.machine.audio(FRAME)
    cascade.caller_speaks(400)
    assert len(cascade.last(Transcribe).pcm) == (300 + 400) * 32


def test_of_a_turn_without_end_the_last_minute_is_kept() -> None:
    cascade = VirtualCascade(CascadeLimits(utterance_ms=2_000))
    cascade.caller_speaks(5_000)
    assert len(cascade.last(Transcribe).pcm) == 2_000 * 32


def test_a_click_is_not_transcribed() -> None:
    cascade = VirtualCascade()
    cascade.caller_speaks(60)
    assert not cascade.all(Transcribe)
    assert cascade.events == [TurnComplete(asked=False)]


def test_noise_asks_nothing_of_the_model() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("[BLANK_AUDIO]")
    assert not cascade.all(Complete)
    assert cascade.events == [ServiceUsed("hears", {Meter.HEARD_MS: 400}), TurnComplete(asked=False)]


def test_a_turn_that_goes_on_while_its_beginning_is_transcribed_is_answered_once() -> None:
    cascade = VirtualCascade()
    cascade.caller_speaks()
    first = cascade.last(Transcribe).request
    cascade.obey(BeginCallerTurn())
    cascade.result(Transcribed(first, "I would like"))
    assert not cascade.all(Complete)
    for _ in range(20):
        cascade.machine.audio(FRAME)
    cascade.obey(EndCallerTurn())
    cascade.result(Transcribed(cascade.last(Transcribe).request, "to book."))
    assert cascade.history == [("user", "I would like"), ("user", "to book.")]
    assert len(cascade.all(Complete)) == 1


# --- tools -----------------------------------------------------------------------------------------------------------------


def test_a_tool_round_is_asked_answered_and_followed_by_one_completion() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Thursday?")
    cascade.model_asks(("a", "findTimes", '{"day":"Thu"}'), ("", "findTimes", ""))
    asked = cascade.all(ToolAsked)
    assert asked == [ToolAsked("a", "findTimes", {"day": "Thu"}), ToolAsked("call-k-2-1", "findTimes", {})]
    cascade.obey(AnswerTool("call-k-2-1", "findTimes", {"times": []}))
    assert len(cascade.all(Complete)) == 1
    cascade.obey(AnswerTool("a", "findTimes", {"say": "Two."}))
    follow_up = cascade.last(Complete).messages[1:]
    assert [message.role for message in follow_up] == [Role.USER, Role.ASSISTANT, Role.TOOL, Role.TOOL]
    assert [message.answers for message in follow_up[2:]] == ["a", "call-k-2-1"]
    assert [message.text for message in follow_up[2:]] == ['{"say": "Two."}', '{"times": []}']
    cascade.says("At two.")
    assert cascade.events[-1] == TurnComplete()
    assert len(cascade.all(TurnComplete)) == 1


def test_a_tool_is_asked_while_the_words_before_it_are_still_spoken() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Thursday?")
    cascade.model_writes("One moment.", done=False)
    cascade.model_asks(("a", "findTimes", "{}"))
    assert cascade.all(ToolAsked)
    cascade.voice_speaks()
    assert not cascade.all(TurnComplete)


def test_arguments_in_pieces_are_put_together_by_index() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Thursday?")
    request = cascade.last(Complete).request
    for piece in (
        ToolDelta(request, 0, "a", "findTimes", '{"da'),
        ToolDelta(request, 1, "b", "findTimes", "{}"),
        ToolDelta(request, 0, "", "", 'y":1}'),
    ):
        cascade.result(piece)
    cascade.result(CompletionDone(request))
    assert [(ask.tool_call_id, ask.arguments) for ask in cascade.all(ToolAsked)] == [("a", {"day": 1}), ("b", {})]


def test_calls_that_all_have_the_index_0_stay_apart() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Thursday?")
    request = cascade.last(Complete).request
    cascade.result(
        ToolDelta(request, 0, "a", "findTimes", "{}"),
        ToolDelta(request, 0, "b", "findTimes", "{}"),
        CompletionDone(request),
    )
    assert [ask.tool_call_id for ask in cascade.all(ToolAsked)] == ["a", "b"]


def test_an_id_that_a_server_uses_for_every_call_is_replaced() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Thursday?")
    cascade.model_asks(("call_0", "findTimes", "{}"))
    cascade.obey(AnswerTool("call_0", "findTimes", {}))
    cascade.model_asks(("call_0", "findTimes", "{}"))
    ids = [ask.tool_call_id for ask in cascade.all(ToolAsked)]
    assert len(set(ids)) == 2
    cascade.obey(AnswerTool(ids[1], "findTimes", {}))
    assert len(cascade.all(Complete)) == 3


def test_arguments_that_are_no_object_are_sent_back_to_the_model() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Thursday?")
    cascade.model_asks(("a", "findTimes", '{"day":'))
    assert not cascade.all(ToolAsked)
    assert "not one JSON object" in cascade.history[-1][1]


def test_a_model_that_only_ever_calls_tools_is_left_without_them() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Thursday?")
    for number in range(7):
        cascade.model_asks((f"a{number}", "findTimes", "{}"))
        cascade.obey(AnswerTool(f"a{number}", "findTimes", {}))
    assert [bool(order.tools) for order in cascade.all(Complete)] == [True] * 7 + [False]


def test_an_answer_to_a_tool_of_an_earlier_connection_is_told_to_the_model() -> None:
    cascade = VirtualCascade()
    cascade.obey(AnswerTool("old", "findTimes", {"say": "Two."}))
    assert cascade.history == [("user", '[Result of the tool findTimes: {"say": "Two."}]')]


# --- interruptions ---------------------------------------------------------------------------------------------------------


def test_a_stop_aborts_everything_and_keeps_of_the_words_what_was_heard() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.model_writes("One is here. Two is here. Three is here. Four", done=False)
    first, second = cascade.all(Speak)[:2]
    cascade.result(SpeechChunk(first.request, SECOND), SpeechDone(first.request), SpeechChunk(second.request, SECOND))
    cascade.result(SpeechDone(second.request))
    completion, third = cascade.last(Complete).request, cascade.last(Speak).request
    cascade.obey(StopModel((heard("s1", 1_000), heard("s2", 500))), BeginCallerTurn())
    assert set(cascade.last(Abort).requests) == {completion, third}
    before = len(cascade.events)
    cascade.result(
        Delta(completion, " more. And more. "),
        CompletionDone(completion),
        SpeechChunk(third, SECOND),
        SpeechDone(third),
    )
    assert len(cascade.events) == before
    cascade.caller_says("Wait")
    assert cascade.history == [("user", "Hello"), ("assistant", "One is here. Two is…"), ("user", "Wait")]


def test_what_was_sent_and_never_heard_is_not_remembered() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.says("One is here. Two is here.")
    cascade.obey(StopModel((heard("s1", 0), heard("s2", 0))))
    cascade.caller_says("Wait")
    assert cascade.history == [("user", "Hello"), ("user", "Wait")]


def test_a_sentence_still_being_synthesised_counts_by_its_words_and_not_by_what_came_of_it() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.model_writes("This sentence is a long one and takes more than three seconds to say.")
    cascade.result(SpeechChunk(cascade.last(Speak).request, SECOND))
    cascade.obey(StopModel((heard("s1", 1_000, 1_000),)))
    cascade.caller_says("Wait")
    assert cascade.history[1] == ("assistant", "This sentence is…")


def test_a_line_that_is_to_be_said_in_mid_sentence_breaks_that_sentence_off() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.model_writes("This sentence is a long one and takes more than three seconds to say.")
    cascade.result(SpeechChunk(cascade.last(Speak).request, SECOND))
    assert cascade.all(ModelAudio)
    cascade.obey(SayToModel("Go on."))
    assert cascade.all(GenerationComplete) == [GenerationComplete(broken=True)]


def test_words_before_a_sound_of_the_reply_make_it_void() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("I would like to book")
    cascade.model_writes("What", done=False)
    cascade.caller_says("a cleaning")
    assert cascade.history == [("user", "I would like to book"), ("user", "a cleaning")]
    assert len(cascade.all(Abort)) == 1


def test_noise_lets_a_prepared_reply_go_on_without_asking_again() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.obey(BeginCallerTurn())
    cascade.says("Good morning.")
    assert not cascade.all(ModelAudio)
    for _ in range(20):
        cascade.machine.audio(FRAME)
    cascade.obey(EndCallerTurn())
    cascade.result(Transcribed(cascade.last(Transcribe).request, ""))
    heard = [event for event in cascade.events if not isinstance(event, ServiceUsed | UsageUnknown)]
    assert [type(event) for event in heard[1:]] == [
        ModelAudio,
        AgentTranscribed,
        GenerationComplete,
        TurnComplete,
    ]
    assert len(cascade.all(Complete)) == 1


def test_a_tool_is_not_called_while_the_caller_may_be_taking_it_back() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Book it")
    cascade.obey(BeginCallerTurn())
    cascade.model_asks(("a", "findTimes", "{}"))
    assert not cascade.all(ToolAsked)
    cascade.caller_says("No, wait")
    assert not cascade.all(ToolAsked)
    assert cascade.history == [("user", "Book it"), ("user", "No, wait")]


def test_a_murmur_over_a_reply_that_the_session_lets_go_on_is_not_answered() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.says("One is here. Two is here.", seconds=3)
    cascade.caller_says("Mm")
    cascade.advance(10_000)
    assert len(cascade.all(Complete)) == 1
    cascade.caller_says("Book")
    assert cascade.history == [
        ("user", "Hello"),
        ("assistant", "One is here. Two is here."),
        ("user", "Mm"),
        ("user", "Book"),
    ]


def test_a_reply_goes_on_after_a_murmur() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.says("One is. Two is. Three is. Four is. Five is.", seconds=2)
    cascade.caller_says("Mm")
    for _ in range(5):
        cascade.advance(2_000)
        cascade.voice_speaks(2)
    assert cascade.last(AgentTranscribed).text == "Five is."
    assert not cascade.all(Abort)


def test_sentences_that_were_not_asked_for_yet_are_gone_after_a_stop() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.says("One is. Two is. Three is. Four is. Five is.", seconds=2)
    cascade.obey(StopModel((heard("s1", 2_000, 2_000), heard("s2", 0), heard("s3", 0))))
    cascade.caller_says("Wait")
    cascade.says("Yes?")
    assert [order.text for order in cascade.all(Speak)] == ["One is.", "Two is.", "Three is.", "Yes?"]


def test_after_a_stop_what_was_stopped_counts_as_played() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.says("One is here.", seconds=30)
    cascade.obey(StopModel((heard("s1", 0),)))
    cascade.caller_says("Wait")
    cascade.says("Shall I?")
    cascade.advance(1_500)
    cascade.caller_says("Yes")
    assert cascade.history[-1] == ("user", "Yes")


def test_two_turns_that_end_while_an_earlier_one_is_transcribed_are_transcribed_together() -> None:
    cascade = VirtualCascade()
    cascade.caller_speaks(400)
    first = cascade.last(Transcribe).request
    cascade.caller_speaks(200)
    cascade.caller_speaks(300)
    cascade.result(Transcribed(first, "I would like"))
    assert len(cascade.last(Transcribe).pcm) == 500 * 32


def test_an_answer_from_an_earlier_connection_waits_for_the_caller_too() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.says("One is here.")
    cascade.obey(AnswerTool("old", "findTimes", {}), BeginCallerTurn())
    sounds = len(cascade.all(ModelAudio))
    cascade.says("Two is free.")
    assert len(cascade.all(ModelAudio)) == sounds


def test_words_over_a_reply_are_answered_in_the_light_of_what_was_heard_of_it() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.says("One is here. Two is here.", seconds=3)
    cascade.caller_says("No, Friday")
    cascade.obey(StopModel((heard("s1", 3_000, 3_000), heard("s2", 0, 3_000))))
    assert cascade.history == [("user", "Hello"), ("assistant", "One is here."), ("user", "No, Friday")]
    assert len(cascade.pending(Complete)) == 1


def test_a_murmur_for_which_the_session_stops_the_agent_is_answered() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.says("One is here. Two is here.", seconds=3)
    cascade.caller_says("Mm")
    cascade.obey(StopModel((heard("s1", 3_000, 3_000), heard("s2", 0, 3_000))))
    assert cascade.history == [("user", "Hello"), ("assistant", "One is here."), ("user", "Mm")]


def test_a_stop_that_comes_after_the_new_words_does_not_leave_them_unanswered() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.says("One is here.")
    cascade.advance(1_100)
    cascade.caller_says("Friday")
    cascade.obey(StopModel((heard("s1", 900),)))
    assert cascade.history == [("user", "Hello"), ("assistant", "One is…"), ("user", "Friday")]
    cascade.says("Friday is free.")
    assert cascade.last(AgentTranscribed).text == "Friday is free."


def test_a_tool_that_was_asked_stays_asked_after_a_stop_and_its_answer_waits_for_the_caller() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Book it")
    cascade.model_asks(("a", "findTimes", "{}"))
    cascade.obey(StopModel(), BeginCallerTurn(), AnswerTool("a", "findTimes", {"say": "Done."}))
    assert len(cascade.all(Complete)) == 1
    cascade.caller_says("Hello?")
    assert [role for role, _ in cascade.history] == ["user", "assistant", "tool", "user"]


def test_the_caller_who_speaks_while_a_tool_works_is_answered_together_with_it() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Book it")
    cascade.model_asks(("a", "findTimes", "{}"))
    cascade.caller_says("Are you there?")
    assert len(cascade.all(Complete)) == 1
    cascade.obey(AnswerTool("a", "findTimes", {"say": "Done."}))
    assert [role for role, _ in cascade.history] == ["user", "assistant", "tool", "user"]
    assert len(cascade.all(Complete)) == 2


# --- the session's own words -----------------------------------------------------------------------------------------------


def test_what_the_session_has_it_say_voids_the_reply_before() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.model_writes("One", done=False)
    cascade.obey(SayToModel("[Ask whether they are there.]"))
    assert cascade.history == [("user", "Hello"), ("user", "[Ask whether they are there.]")]
    assert cascade.all(Abort)


def test_a_note_asks_for_no_answer_and_stands_in_the_system_message() -> None:
    cascade = VirtualCascade()
    cascade.obey(TellModel("The caller pressed 4."))
    assert not cascade.orders
    cascade.caller_says("Hello")
    assert cascade.last(Complete).messages[0].text.endswith("\n- The caller pressed 4.")


def test_the_language_models_tokens_are_counted_each_once() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.result(TokensUsed(cascade.last(Complete).request, 10, 5, 2, 15, cached=4))
    cascade.says("Good morning.")
    meters = {Meter.TEXT_IN: 6, Meter.TEXT_IN_CACHED: 4, Meter.TEXT_OUT: 3, Meter.THOUGHT_OUT: 2}
    assert cascade.all(UsageReported) == [UsageReported(10, 5, 2, 15, meters)]
    assert not cascade.all(UsageUnknown)


@pytest.mark.parametrize("ends", [True, False])
def test_a_completion_whose_tokens_nobody_counted_is_reported_as_such(ends: bool) -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.model_writes("Good morning. How", done=ends)
    if not ends:
        cascade.obey(SayToModel("[Say something else.]"))
        assert cascade.aborted
    assert len(cascade.all(UsageUnknown)) == 1
    assert not cascade.all(UsageReported)


def test_what_a_service_is_given_twice_it_bills_twice() -> None:
    cascade = VirtualCascade()
    cascade.caller_speaks(1_000)
    cascade.result(failed(cascade.last(Transcribe).request))
    assert [used.meters for used in cascade.all(ServiceUsed)] == [{Meter.HEARD_MS: 1_000}] * 2


# --- bounds ----------------------------------------------------------------------------------------------------------------


def test_no_more_than_two_sentences_are_spoken_ahead_of_the_one_that_plays() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.says("One is. Two is. Three is. Four is. Five is.", seconds=2)
    assert len(cascade.all(Speak)) == 3
    cascade.advance(1_900)
    assert len(cascade.all(Speak)) == 3
    cascade.advance(200)
    assert len(cascade.all(Speak)) == 4
    cascade.voice_speaks(2)
    cascade.advance(2_000)
    cascade.voice_speaks(2)
    assert cascade.events[-1] == TurnComplete()
    assert cascade.machine.wake_ms == inf


def test_a_sentence_that_is_there_before_the_one_before_it_waits_for_its_turn() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.model_writes("One is. Two is.")
    first, second = cascade.all(Speak)
    cascade.result(SpeechChunk(second.request, SECOND), SpeechDone(second.request))
    assert not cascade.all(ModelAudio)
    cascade.result(SpeechChunk(first.request, SECOND), SpeechDone(first.request))
    assert [event.item for event in cascade.all(ModelAudio)] == ["s1", "s2"]


def test_a_model_that_never_stops_is_cut_off() -> None:
    cascade = VirtualCascade(CascadeLimits(reply_chars=100))
    cascade.caller_says("Hello")
    request = cascade.last(Complete).request
    cascade.result(*(Delta(request, "And so on. ") for _ in range(20)))
    assert cascade.last(Abort).requests == (request,)


def test_of_a_long_conversation_the_latest_turns_are_told_and_no_tool_result_without_its_call() -> None:
    cascade = VirtualCascade(CascadeLimits(turns_kept=3))
    for number in range(6):
        cascade.caller_says(f"Question {number}")
        cascade.model_asks((f"a{number}", "findTimes", "{}"))
        cascade.obey(AnswerTool(f"a{number}", "findTimes", {}))
        cascade.says(f"Answer {number}.")
        cascade.advance(2_000)
    cascade.caller_says("Last")
    messages = cascade.last(Complete).messages
    assert [message.text for message in messages if message.role is Role.USER] == ["Question 4", "Question 5", "Last"]
    assert messages[1].role is Role.USER
    calls = [call.tool_call_id for message in messages for call in message.tool_calls]
    assert [message.answers for message in messages if message.role is Role.TOOL] == calls


# --- failures --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Transcribe, Complete, Speak])
def test_a_stage_that_fails_is_tried_once_more_and_then_the_leg_is_lost(kind: type[Any]) -> None:
    cascade = VirtualCascade()
    cascade.caller_speaks()
    if kind is not Transcribe:
        cascade.result(Transcribed(cascade.last(Transcribe).request, "Hello"))
    if kind is Speak:
        cascade.model_writes("Hello.")
    first = cascade.last(kind)
    cascade.result(failed(first.request))
    second = cascade.last(kind)
    assert second.request != first.request
    assert not cascade.all(Lose)
    cascade.result(failed(first.request))  # late news of the first one
    assert not cascade.all(Lose)
    cascade.result(failed(second.request))
    assert cascade.last(Lose) == Lose(0, "why", Loss.NETWORK)


@pytest.mark.parametrize("loss", [Loss.REFUSED, Loss.STATE])
def test_what_trying_again_cannot_help_is_not_tried_again(loss: Loss) -> None:
    cascade = VirtualCascade()
    cascade.caller_speaks()
    cascade.result(failed(cascade.last(Transcribe).request, loss, 404))
    assert cascade.last(Lose) == Lose(404, "why", loss)


def test_an_overloaded_service_is_given_a_moment() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.result(failed(cascade.last(Complete).request, Loss.OVERLOADED, 503))
    assert cascade.last(Complete).after_ms == 300


def test_a_completion_of_which_something_was_used_is_not_asked_for_again() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.model_writes("Good morning. What", done=False)
    cascade.result(failed(cascade.last(Complete).request))
    assert cascade.all(Lose)


def test_a_completion_whose_words_made_no_sentence_yet_starts_afresh() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.model_writes("Good mor", done=False)
    cascade.result(failed(cascade.last(Complete).request))
    cascade.says("Good morning.")
    assert cascade.all(AgentTranscribed) == [AgentTranscribed("Good morning.")]


def test_a_sentence_of_which_the_caller_heard_something_is_not_spoken_again() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.model_writes("Good morning.")
    request = cascade.last(Speak).request
    cascade.result(SpeechChunk(request, SECOND), failed(request))
    assert cascade.all(Lose)


def test_a_sentence_that_fails_behind_one_that_plays_is_spoken_again_in_its_place() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.model_writes("One is. Two is.")
    first, second = cascade.all(Speak)
    cascade.result(SpeechChunk(second.request, SECOND), failed(second.request))
    again = cascade.last(Speak)
    assert again.text == "Two is."
    cascade.result(SpeechChunk(again.request, SECOND), SpeechDone(again.request))
    cascade.result(SpeechChunk(first.request, SECOND), SpeechDone(first.request))
    assert [event.item for event in cascade.all(ModelAudio)] == ["s1", "s2"]


def test_a_lost_leg_does_nothing_more() -> None:
    cascade = VirtualCascade()
    cascade.caller_says("Hello")
    cascade.result(failed(cascade.last(Complete).request, Loss.REFUSED))
    orders, events = len(cascade.orders), len(cascade.events)
    cascade.caller_speaks()
    cascade.obey(SayToModel("x"), StopModel())
    assert (len(cascade.orders), len(cascade.events)) == (orders, events)
    assert cascade.machine.wake_ms == inf
