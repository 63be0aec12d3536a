"""Whole calls in virtual time: what the session orders when."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bridge.core.engines import GEMINI
from bridge.core.frames import (
    AgentTranscribed,
    AnswerTool,
    CallerTranscribed,
    CallTool,
    DrainExpired,
    DropModel,
    EndReason,
    FlushSwitch,
    GenerationComplete,
    GoingAway,
    HangUp,
    Loss,
    ModelAudio,
    ModelInterrupted,
    ModelLost,
    ModelReady,
    ModelSetup,
    OpenModel,
    ResumeHandle,
    SayToModel,
    SwitchClosed,
    SwitchCongested,
    TellModel,
    ToolAsked,
    ToolReturned,
    ToolsCancelled,
    TurnComplete,
    UseModel,
)
from bridge.core.session import SessionSettings
from bridge.core.turns import Turn
from tests.unit.bridge.virtual_call import ALL_CLIPS, SPEECH, VirtualCall, clips, context, voice_ms


def call_so_far(setup: ModelSetup) -> Any:
    """What a successor is told."""
    return json.loads(setup.instructions.partition("<call-so-far>")[2].partition("</call-so-far>")[0])


def talking(call_clips: dict[str, bytes] | None = None, **changes: object) -> VirtualCall:
    """A call whose model is there and whose greeting (if any) was heard."""
    call = VirtualCall(context(greeting="", **changes), call_clips)
    call.model_ready()
    call.advance(100)
    return call


# --- beginning -------------------------------------------------------------------------------------------------------------


def test_the_greeting_sounds_at_once_while_the_model_is_still_being_connected() -> None:
    call = VirtualCall(call_clips=ALL_CLIPS)
    assert [(at, len(message)) for at, message in call.sent] == [
        (0.0, 8 * 640)
    ]  # 160 ms of lead as a burst, in one message
    assert call.notes("first_audio") == [{"at_ms": 0}]
    assert len(call.all(OpenModel)) == 1


def test_the_model_is_told_that_the_greeting_was_played() -> None:
    assert "Hello, this is an AI." in VirtualCall(call_clips=ALL_CLIPS).last(OpenModel).setup.instructions
    assert "Hello, this is an AI." not in VirtualCall().last(OpenModel).setup.instructions


def test_without_a_clip_the_model_is_asked_to_greet() -> None:
    call = VirtualCall()
    call.model_ready()
    assert "Hello, this is an AI." in call.last(SayToModel).text


def test_the_callers_first_words_wait_for_the_model_for_at_most_three_seconds() -> None:
    call = VirtualCall()
    call.advance(5_000)
    call.model_ready()
    assert len(call.last(UseModel).held) == 150
    call.advance(100)
    assert len(call.model_heard) == 155


def test_a_first_message_full_of_backlog_is_not_heard_by_anybody() -> None:
    call = VirtualCall(context(greeting=""))
    call.model_ready()
    call.hear(SPEECH * 61)  # 39,040 bytes
    assert len(call.model_heard) == 1
    assert not call.session.uplink.detector.is_speaking


def test_model_speech_stops_the_greeting() -> None:
    call = VirtualCall(call_clips=ALL_CLIPS)
    call.model_ready()
    call.advance(400)
    call.feed(ModelAudio(voice_ms(200)))
    assert call.last(FlushSwitch).kill
    call.advance(600)
    flushed = next(at for at, message in call.sent if message == b"kill")
    assert not [at for at in call.sounds(3_000) if at > flushed]
    assert list(call.sounds(5_000))


def test_the_callers_words_stop_the_greeting() -> None:
    call = VirtualCall(call_clips=ALL_CLIPS)
    call.model_ready()
    call.advance(800)
    call.feed(CallerTranscribed("I need an appointment"))
    assert len(call.all(FlushSwitch)) == 1
    (said,) = call.notes("agent_said")
    assert said == {"text": "Hello,", "heard": False}


def test_after_kill_audio_nothing_is_sent_for_60_to_100_ms() -> None:
    call = talking()
    call.model_says(2_000)
    call.advance(500)
    call.feed(ModelInterrupted())
    killed = call.now
    call.feed(ModelAudio(voice_ms(500)))
    call.advance(300)
    first = next(at for at, message in call.sent if at > killed)
    assert 60 <= first - killed <= 100


# --- speaking and being interrupted ----------------------------------------------------------------------------------------


def test_speech_is_paced_with_the_lead_and_followed_by_silence_that_pushes_it_out() -> None:
    call = talking()
    start = call.now
    call.model_says(1_000)
    call.advance(2_000)
    sent = 0
    for at, message in call.sent[:-1]:
        sent += len(message)
        assert sent <= (at - start + 160 + 2) * 32, "never more than the lead ahead"
    assert sum(len(message) for at, message in call.sent if at == start) == 160 * 32
    everything = b"".join(message for _, message in call.sent)
    # a second of speech, what the filter still held (padded to a frame), then 160 ms of silence
    assert len(everything) == 32_000 + 640 + 5_120
    assert not any(everything[-5_120:])


def test_an_interruption_drops_the_queue_and_truncates_what_was_heard() -> None:
    call = talking()
    call.model_says(3_000, "one two three four five six seven eight nine ten", complete=False)
    call.advance(1_500)
    call.feed(ModelInterrupted(), TurnComplete())
    stop = call.now
    call.advance(1_000)
    assert not [at for at in call.sounds(5_000) if at > stop]
    (said,) = call.notes("agent_said")
    assert said == {"text": "one two three four five", "heard": False}
    (cut,) = call.notes("interrupted")
    assert cut["heard_ms"] == pytest.approx(1_500, abs=20)
    assert call.session.turns.turn is Turn.INTERRUPTED


def test_without_kill_audio_the_silence_is_still_pushed_and_nothing_is_held() -> None:
    call = VirtualCall(context(greeting=""), settings=SessionSettings(kill_audio=False, lead_ms=40))
    call.model_ready()
    call.model_says(2_000)
    call.advance(500)
    call.feed(ModelInterrupted())
    assert call.last(FlushSwitch).kill is False
    assert len(call.last(FlushSwitch).zeros) == 5_120


def test_an_interruption_of_nothing_sends_nothing() -> None:
    call = talking()
    call.feed(ModelInterrupted())
    assert call.all(FlushSwitch) == []
    assert call.notes("interrupted") == []


def test_words_that_were_heard_to_the_end_enter_the_transcript_whole() -> None:
    call = talking()
    call.model_says(600, "Good morning.")
    call.advance(1_000)
    assert call.notes("agent_said") == [{"text": "Good morning.", "heard": True}]
    assert call.session.turns.turn is Turn.LISTENING


def test_the_callers_line_is_closed_when_the_agent_begins() -> None:
    call = talking()
    call.feed(CallerTranscribed("a clean"), CallerTranscribed("ing please"))
    call.model_says(200)
    assert call.notes("caller_said") == [{"text": "a cleaning please"}]


# --- tools and what is proven about them -----------------------------------------------------------------------------------


def ask(call: VirtualCall, name: str, tool_call_id: str = "t1", **arguments: object) -> None:
    call.feed(ToolAsked(tool_call_id, name, arguments))


def proposed(call: VirtualCall, nonce: str = "n1") -> None:
    ask(call, "proposeBooking", "p1", when="friday")
    call.feed(ToolReturned("p1", {"status": "proposed", "say": "Friday at two, yes?"}, nonce=nonce))


def test_a_read_back_heard_and_answered_is_attested() -> None:
    call = talking()
    proposed(call)
    call.model_says(1_000, "Friday at two, yes?")
    call.advance(1_200)
    call.speech = [(call.now + 200, call.now + 700)]
    call.advance(1_500)
    ask(call, "commitProposal", "c1", nonce="n1")
    read_back = call.evidence()["read_back"]
    assert read_back["nonce"] == "n1"
    assert read_back["heard_ms"] == read_back["generated_ms"] == 1_001  # the filter's tail is sound too
    (turn,) = call.evidence()["caller_turns"]
    assert turn["started_at_ms"] >= read_back["finished_at_ms"]
    assert turn["ended_at_ms"] == pytest.approx(turn["started_at_ms"] + 500, abs=40)
    assert turn["ended_at_ms"] < call.evidence()["at_ms"]


def test_a_commit_without_a_word_spoken_shows_no_read_back() -> None:
    call = talking()
    proposed(call)
    ask(call, "commitProposal", "c1", nonce="n1")
    read_back = call.evidence()["read_back"]
    assert (read_back["started_at_ms"], read_back["finished_at_ms"], read_back["heard_ms"]) == (None, None, 0)


def test_what_was_said_before_the_proposal_is_no_read_back() -> None:
    call = talking()
    ask(call, "proposeBooking", "p1")
    call.model_says(800, "One moment.", complete=False)
    call.feed(ToolReturned("p1", {"status": "proposed"}, nonce="n1"))
    call.advance(2_000)
    ask(call, "commitProposal", "c1")
    assert call.evidence()["read_back"]["started_at_ms"] is None


def test_an_interrupted_read_back_never_counts_even_if_the_model_speaks_on() -> None:
    call = talking()
    proposed(call)
    call.model_says(1_000)
    call.advance(900)
    call.feed(ModelInterrupted(), TurnComplete())
    call.model_says(400)
    call.advance(3_000)
    ask(call, "commitProposal", "c1")
    assert call.evidence()["read_back"]["finished_at_ms"] is None


def test_a_refused_commit_with_its_nonce_arms_the_watch_again() -> None:
    call = talking()
    proposed(call)
    ask(call, "commitProposal", "c1")
    call.feed(ToolReturned("c1", {"status": "refused", "code": "not_heard"}, nonce="n1"))
    call.model_says(600)
    call.advance(1_500)
    ask(call, "commitProposal", "c2")
    assert call.evidence()["read_back"]["finished_at_ms"] is not None


def test_a_read_back_cut_off_by_the_loss_of_the_model_is_not_complete() -> None:
    call = talking()
    proposed(call)
    call.model_says(1_000, complete=False)
    call.feed(ModelLost(1, 1011))
    call.advance(3_000)
    call.model_ready()
    ask(call, "commitProposal", "c1")
    assert call.evidence()["read_back"]["finished_at_ms"] is None


SAY = "Cleaning for Jane, on Friday at two. Shall I book it?"


def read_back_lost() -> VirtualCall:
    """A proposal whose read-back broke off with its model; another one is there."""
    call = talking()
    ask(call, "proposeBooking", "p1", when="friday")
    call.feed(ToolReturned("p1", {"status": "proposed", "say": SAY}, nonce="n1"))
    call.model_says(400, "Cleaning for", complete=False)
    call.feed(ModelLost(1, 1011))
    call.advance(600)
    call.model_ready()
    return call


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ([f"Sorry about that. {SAY}"], True),
        (["Cleaning for Jane, on Friday at two.", "Shall I book it?"], True),
        (["Sorry, where were we?"], False),
        (["Cleaning for Jane, on Friday at four. Shall I book it?"], False),
        (["Cleaning for Jane, on Friday at two."], False),
        (["One moment."], False),
    ],
)
def test_after_a_change_of_model_only_the_very_words_of_the_proposal_are_its_read_back(
    said: list[str], counts: bool
) -> None:
    call = read_back_lost()
    for number, sentence in enumerate(said):
        call.feed(ModelAudio(voice_ms(600), item=f"s{number}"), AgentTranscribed(sentence))
    call.feed(GenerationComplete(), TurnComplete())
    call.advance(3_000)
    ask(call, "commitProposal", "c1", nonce="n1")
    read_back = call.evidence()["read_back"]
    assert (read_back["finished_at_ms"] is not None) is counts
    assert (read_back["heard_ms"] == read_back["generated_ms"] > 500) is counts


def test_a_repeated_read_back_stays_heard_whatever_is_said_after_it() -> None:
    call = read_back_lost()
    for sentence in (SAY, "Are you still there?"):
        call.model_says(600, sentence)
        call.feed(TurnComplete())
        call.advance(1_000)
    ask(call, "commitProposal", "c1", nonce="n1")
    assert call.evidence()["read_back"]["finished_at_ms"] is not None


def test_a_read_back_in_several_parts_is_heard_when_the_last_of_them_is() -> None:
    call = talking()
    proposed(call)
    call.feed(ModelAudio(voice_ms(600), item="s1"))
    call.advance(700)
    ask(call, "commitProposal", "c1", nonce="n1")
    assert call.evidence()["read_back"]["finished_at_ms"] is None
    call.feed(ModelAudio(voice_ms(600), item="s2"), GenerationComplete(), TurnComplete())
    call.advance(1_000)
    ask(call, "commitProposal", "c2", nonce="n1", again=True)
    assert call.evidence()["read_back"]["finished_at_ms"] is not None


def test_a_callers_yes_during_the_read_back_is_not_an_answer_to_it() -> None:
    call = talking()
    proposed(call)
    call.speech = [(call.now + 500, call.now + 900)]
    call.model_says(1_000)
    call.advance(1_600)
    ask(call, "commitProposal", "c1")
    (turn,) = call.evidence()["caller_turns"]
    assert turn["started_at_ms"] < call.evidence()["read_back"]["finished_at_ms"]


def test_tool_calls_run_while_audio_flows() -> None:
    call = talking()
    call.model_says(1_000, complete=False)
    ask(call, "findTimes")
    before = len(call.sent)
    call.advance(200)
    assert len(call.sent) - before == 10
    call.feed(ToolReturned("t1", {"status": "ok"}))
    assert call.last(AnswerTool) == AnswerTool("t1", "findTimes", {"status": "ok"})
    assert call.notes("tool_returned")[0]["took_ms"] == pytest.approx(200, abs=5)


def test_a_tool_nobody_declared_is_refused_without_asking() -> None:
    call = talking()
    ask(call, "deleteEverything")
    assert call.all(CallTool) == []
    assert call.last(AnswerTool).payload["code"] == "unknown_tool"


def test_a_cancelled_lookup_is_forgotten() -> None:
    call = talking()
    ask(call, "findTimes")
    call.feed(ToolsCancelled(("t1",)), ToolReturned("t1", {"status": "ok"}))
    assert call.all(AnswerTool) == []


def test_a_cancelled_commit_is_kept_told_and_given_to_whoever_asks_again() -> None:
    call = talking()
    ask(call, "commitProposal", "c1", nonce="n1")
    call.feed(ToolsCancelled(("c1",)), ToolReturned("c1", {"status": "booked", "reference": "AB12"}))
    assert "AB12" in call.last(TellModel).text
    ask(call, "commitProposal", "c2", nonce="n1")
    assert len(call.all(CallTool)) == 1
    assert call.last(AnswerTool) == AnswerTool("c2", "commitProposal", {"status": "booked", "reference": "AB12"})


def test_a_cancelled_commit_that_was_refused_is_simply_asked_again() -> None:
    call = talking()
    ask(call, "commitProposal", "c1")
    call.feed(ToolsCancelled(("c1",)), ToolReturned("c1", {"status": "refused"}, nonce="n1"))
    ask(call, "commitProposal", "c2")
    assert [order.tool_call_id for order in call.all(CallTool)] == ["c1", "c2"]


# --- the end ---------------------------------------------------------------------------------------------------------------


def test_the_goodbye_is_heard_to_its_end_before_the_hang_up() -> None:
    call = talking()
    ask(call, "endCall")
    call.feed(ToolReturned("t1", {"status": "ok", "say": "Goodbye."}, end_call=True))
    call.advance(700)
    said_at = call.now
    call.model_says(1_200, "Goodbye.")
    call.advance(1_190)
    assert call.all(HangUp) == []
    call.advance(300)  # heard by our clock; the switch and the network still hold its last syllable
    assert call.all(HangUp) == []
    call.advance(300)
    (order,) = call.all(HangUp)
    assert (order.reason, order.by_rest) == (EndReason.GOODBYE, True)
    assert call.notes("agent_said")[-1] == {"text": "Goodbye.", "heard": True}
    call.feed(SwitchClosed(1000))
    assert call.ended is not None
    assert call.ended.reason is EndReason.GOODBYE
    assert call.ended.transcript[-1] == {"who": "agent", "text": "Goodbye.", "at_ms": pytest.approx(said_at, abs=25)}


def test_a_model_that_owes_its_goodbye_is_helped_out_by_the_clip() -> None:
    call = talking(clips(goodbye=800))
    ask(call, "endCall")
    call.feed(ToolReturned("t1", {"status": "ok"}, end_call=True))
    call.advance(2_900)
    assert not list(call.sounds(3_000))
    call.advance(2_000)
    assert list(call.sounds(3_000))
    assert len(call.all(HangUp)) == 1


def test_without_a_clip_an_owed_goodbye_ends_in_a_hang_up() -> None:
    call = talking()
    ask(call, "endCall")
    call.feed(ToolReturned("t1", {"status": "ok"}, end_call=True))
    call.advance(3_100)
    assert len(call.all(HangUp)) == 1


def test_a_goodbye_said_before_the_end_was_asked_for_is_not_said_twice() -> None:
    call = talking(clips(goodbye=800))
    call.model_says(2_000, "Goodbye.")
    ask(call, "endCall")
    call.feed(ToolReturned("t1", {"status": "ok"}, end_call=True))
    call.advance(5_000)
    assert not list(call.sounds(3_000))
    assert len(call.all(HangUp)) == 1


def test_a_caller_who_has_more_to_say_keeps_the_call() -> None:
    call = talking()
    ask(call, "endCall")
    call.feed(ToolReturned("t1", {"status": "ok"}, end_call=True))
    call.model_says(1_000)
    call.advance(300)
    call.feed(ModelInterrupted(), TurnComplete(), CallerTranscribed("wait, one more thing"))
    ask(call, "findTimes", "t2")
    call.feed(ToolReturned("t2", {"status": "ok"}))
    call.model_says(500)
    call.advance(4_000)
    assert call.all(HangUp) == []


def test_a_caller_who_hangs_up_ends_the_call_with_what_was_heard() -> None:
    call = talking()
    call.feed(CallerTranscribed("hello"))
    call.model_says(2_000, "one two three four")
    call.advance(1_000)
    call.feed(SwitchClosed(1000))
    assert call.ended is not None
    assert call.ended.reason is EndReason.CALLER_HUNG_UP
    assert [(line["who"], line["text"]) for line in call.ended.transcript] == [
        ("caller", "hello"),
        ("agent", "one two"),
    ]
    before = len(call.orders)
    call.feed(ModelAudio(voice_ms(100)), SwitchClosed(1000))
    assert len(call.orders) == before


def test_a_socket_that_we_broke_is_a_bridge_error() -> None:
    call = talking()
    call.feed(SwitchClosed(1006, by_us=True))
    assert call.ended is not None
    assert call.ended.reason is EndReason.BRIDGE_ERROR


def test_the_longest_call_ends_politely() -> None:
    call = talking(clips(goodbye=800), max_call_ms=60_000)
    for _ in range(12):
        call.model_says(1_000)
        call.advance(4_950)
    assert call.all(HangUp) == []
    call.advance(2_000)
    assert call.last(HangUp).reason is EndReason.MAX_DURATION
    assert call.notes("agent_said")[-1]["heard"] is True


def test_a_drained_bridge_says_sorry_and_hangs_up() -> None:
    call = talking(clips(trouble=1_000))
    call.model_says(3_000)
    call.advance(500)
    call.feed(DrainExpired())
    call.advance(2_000)
    assert call.last(HangUp).reason is EndReason.BRIDGE_ERROR
    assert list(call.sounds(3_000))


# --- silence ---------------------------------------------------------------------------------------------------------------


def test_a_silent_caller_is_asked_twice_and_then_let_go() -> None:
    call = talking({name: pcm for name, pcm in ALL_CLIPS.items() if name != "greeting"})
    call.advance(40_000)
    assert [prompt["n"] for prompt in call.notes("idle_prompt")] == [1, 2]
    assert next(call.sounds(3_000)) == pytest.approx(8_000, abs=25)
    assert call.last(HangUp).reason is EndReason.IDLE
    assert [line["text"] for line in call.notes("agent_said")] == [
        "Are you still there?",
        "Hello, can you hear me?",
        "I will hang up now. Goodbye.",
    ]


def test_prompts_without_clips_are_asked_of_the_model_and_still_lead_to_the_end() -> None:
    call = talking()
    call.advance(8_100)
    assert "Are you still there?" in call.last(SayToModel).text
    call.model_says(1_000, "Are you still there?")
    call.feed(TurnComplete())
    call.advance(8_100)
    assert "can you hear me" in call.last(SayToModel).text
    call.model_says(1_000)
    call.feed(TurnComplete())
    call.advance(8_100)
    call.model_says(1_000)
    call.advance(2_000)
    assert call.last(HangUp).reason is EndReason.IDLE


def test_a_caller_who_speaks_is_not_asked() -> None:
    call = talking(clips(idle_ask=1_000))
    call.speech = [(begin, begin + 600) for begin in range(5_000, 60_000, 6_000)]
    for turn in range(7):
        call.advance(6_000)
        call.feed(CallerTranscribed(f"still looking, {turn}", finished=True))
    assert call.notes("idle_prompt") == []


def test_steady_noise_on_the_line_does_not_keep_a_silent_call_alive() -> None:
    call = talking({name: pcm for name, pcm in ALL_CLIPS.items() if name != "greeting"})
    call.speech = [(0, 1e9)]
    call.advance(60_000)
    assert call.last(HangUp).reason is EndReason.IDLE


def test_a_leg_that_sends_nothing_for_ten_seconds_is_ended() -> None:
    call = talking()
    call.streaming = False
    call.advance(11_000)
    assert len(call.all(HangUp)) == 1


def test_while_the_switch_does_not_read_nothing_is_sent() -> None:
    call = talking()
    call.model_says(3_000)
    call.advance(500)
    call.feed(SwitchCongested(True))
    before = len(call.sent)
    call.advance(1_000)
    assert len(call.sent) == before
    call.feed(SwitchCongested(False))
    call.advance(100)
    assert len(call.sent) > before


# --- the model's connections -----------------------------------------------------------------------------------------------


def test_an_old_connection_is_replaced_at_a_turn_boundary_with_the_new_one_open_first() -> None:
    call = VirtualCall(context(greeting="", phrases={}), settings=SessionSettings((replace(GEMINI, rotate_ms=10_000),)))
    call.model_ready()
    call.feed(ResumeHandle("h1"))
    call.advance(9_500)
    call.model_says(2_000)
    call.advance(1_000)
    assert len(call.all(OpenModel)) == 1  # the agent is being heard
    call.advance(1_500)
    assert call.last(OpenModel).setup.resume_handle == "h1"
    assert call.all(DropModel) == []
    heard = len(call.model_heard)
    call.advance(400)
    assert len(call.model_heard) == heard  # held for the new connection
    call.feed(ModelReady(2))
    kinds = [type(order) for order in call.orders if isinstance(order, DropModel | UseModel)]
    assert kinds == [UseModel, DropModel, UseModel]
    assert len(call.model_heard) - heard >= 20
    assert call.all(SayToModel) == []


def test_go_away_forces_the_exchange_before_time_runs_out() -> None:
    call = talking()
    call.model_says(30_000, complete=False)
    call.feed(GoingAway(9_500))
    call.advance(6_500)
    assert len(call.all(OpenModel)) == 1
    call.advance(600)
    assert len(call.all(OpenModel)) == 2


def test_a_failed_exchange_keeps_the_old_connection() -> None:
    call = VirtualCall(context(greeting="", phrases={}), settings=SessionSettings((replace(GEMINI, rotate_ms=10_000),)))
    call.model_ready()
    call.advance(10_100)
    call.feed(ModelLost(2, 0, "no answer"))
    assert call.last(UseModel).link == 1
    heard = len(call.model_heard)
    call.advance(200)
    assert len(call.model_heard) > heard
    call.advance(6_000)
    assert len(call.all(OpenModel)) == 3


def test_a_lost_model_is_resumed_once_and_then_started_afresh_with_what_was_said() -> None:
    call = talking()
    call.feed(ResumeHandle("h1"), CallerTranscribed("a cleaning please", finished=True))
    call.model_says(500, "Which day?")
    call.advance(1_000)
    call.feed(ModelLost(1, 1006))
    assert call.last(OpenModel).setup.resume_handle == "h1"
    call.feed(ModelLost(2, 1007, loss=Loss.STATE))
    fresh = call.last(OpenModel).setup
    assert fresh.resume_handle is None
    assert call_so_far(fresh)["turns"] == [
        {"who": "caller", "text": "a cleaning please"},
        {"who": "agent", "text": "Which day?"},
    ]
    call.feed(ModelReady(3))
    call.advance(100)
    assert call.last(UseModel).link == 3
    assert call.all(HangUp) == []


def test_a_model_lost_while_the_caller_waits_is_told_to_go_on() -> None:
    call = talking()
    call.speech = [(call.now + 100, call.now + 800)]
    call.advance(1_200)
    call.feed(CallerTranscribed("a cleaning please", finished=True))
    call.feed(ModelLost(1, 1011))
    call.model_ready()
    assert call_so_far(call.last(OpenModel).setup)["answer_owed"] is True
    assert call.last(SayToModel).text.startswith("[The connection was interrupted")
    assert not call.last(UseModel).held  # the words are in the brief: as sound they would be answered twice


def test_what_the_lost_model_had_not_understood_reaches_the_next_one_as_sound() -> None:
    call = talking()
    call.speech = [(call.now + 100, call.now + 800)]
    call.advance(1_200)
    call.feed(CallerTranscribed("a clea"), ModelLost(1, 1011))
    call.model_ready()
    brief = call_so_far(call.last(OpenModel).setup)
    assert (brief["turns"], brief["answer_owed"]) == ([{"who": "caller", "text": "a clea"}], True)

    call = talking()
    call.speech = [(call.now + 100, call.now + 800)]
    call.advance(700)
    call.feed(CallerTranscribed("a clea"), ModelLost(1, 1011))
    call.advance(300)
    call.model_ready()
    brief = call_so_far(call.last(OpenModel).setup)
    assert (brief["turns"], brief["answer_owed"]) == ([], False)
    assert sum(any(frame) for frame in call.last(UseModel).held) >= 34
    assert call.all(SayToModel) == []


def test_a_model_that_cannot_be_had_is_tried_for_twelve_seconds_and_then_apologised_for() -> None:
    call = talking(clips(trouble=1_200))
    call.feed(ModelLost(1, 1011))
    lost_at = call.now
    while not list(call.sounds(3_000)):
        call.feed(ModelLost(call.last(OpenModel).link, 0))
        call.advance(100)
        assert call.now - lost_at <= 13_000
    assert call.now - lost_at > 12_000
    assert 10 <= len(call.all(OpenModel)) <= 16
    call.advance(2_000)
    assert call.last(HangUp).reason is EndReason.MODEL_LOST


def test_a_refused_key_is_not_tried_again() -> None:
    call = VirtualCall(call_clips=clips(trouble=1_000))
    call.feed(ModelLost(1, 403, loss=Loss.REFUSED))
    assert len(call.all(OpenModel)) == 1
    call.advance(2_000)
    assert call.last(HangUp).reason is EndReason.MODEL_LOST


def test_what_an_abandoned_connection_reports_is_ignored() -> None:
    call = talking()
    call.feed(ModelLost(1, 1006))
    call.feed(ModelReady(2))
    call.feed(ModelLost(1, 1006))
    assert len(call.all(OpenModel)) == 2
    call.feed(ModelReady(7))
    assert call.last(DropModel).link == 7


def test_a_model_that_hears_and_says_nothing_is_nudged_and_then_replaced() -> None:
    call = talking()
    call.feed(CallerTranscribed("hello?"))
    call.advance(3_600)
    assert "interrupted" in call.last(SayToModel).text
    call.advance(2_000)
    assert len(call.all(OpenModel)) == 2


# --- details ---------------------------------------------------------------------------------------------------------------


def test_half_the_declared_rate_is_noticed_and_listened_to_as_such() -> None:
    call = VirtualCall(context(greeting=""))
    call.streaming = False
    call.model_ready()
    for _ in range(60):
        call.advance(20)
        call.hear(bytes(320))
    assert call.notes("stream_layout") == [{"layout": "half_rate"}]
    assert all(len(frame) == 640 for _, frame in call.model_heard)
    assert len(call.model_heard) == pytest.approx(36, abs=2)  # 1 s at half speed before it was known, then real time


def test_two_channels_are_refused_with_an_apology() -> None:
    call = VirtualCall(context(greeting=""), clips(trouble=1_000))
    call.streaming = False
    for _ in range(60):
        call.advance(20)
        call.hear(bytes(1_280))
    call.advance(2_000)
    assert call.last(HangUp).reason is EndReason.BRIDGE_ERROR


def test_an_eight_kilohertz_leg_is_resampled_both_ways() -> None:
    call = VirtualCall(context(greeting="", rate_hz=8_000))
    call.streaming = False
    call.model_ready()
    call.hear(bytes(320))
    assert len(call.model_heard[-1][1]) == 640
    call.model_says(1_000)
    call.advance(1_500)
    assert {len(message) % 320 for _, message in call.sent} == {0}
    assert (
        sum(len(message) for _, message in call.sent) == 16_000 + 320 + 2_560
    )  # a second, the filter's rest, the silence


def test_late_words_of_an_utterance_still_belong_to_it() -> None:
    call = talking()
    call.feed(ModelAudio(voice_ms(400)), AgentTranscribed("Good "), GenerationComplete(), AgentTranscribed("day."))
    call.advance(1_000)
    assert call.notes("agent_said") == [{"text": "Good day.", "heard": True}]
