"""Latency per turn: the caller's last sample of speech to the first sample of the answer heard."""

from __future__ import annotations

from bridge.core.frames import CallerTranscribed, SwitchClosed, TurnAnswered
from bridge.core.playout import Speaker, Utterance
from bridge.core.turn_clock import TURNS_KEPT, TurnClock
from tests.unit.bridge.virtual_call import VirtualCall, context


def spoken(started_ms: float | None, speaker: Speaker = Speaker.MODEL) -> Utterance:
    utterance = Utterance(speaker, 16_000)
    utterance.started_ms = started_ms
    return utterance


def test_a_turn_is_measured_from_the_end_of_the_callers_speech() -> None:
    clock = TurnClock()
    clock.over(spoken(5_400), [(1_000, 2_000), (4_000, 5_000)])
    assert clock.latency_ms == [400]


def test_one_turn_is_answered_once() -> None:
    clock = TurnClock()
    turns = [(4_000.0, 5_000.0)]
    clock.over(spoken(5_400), turns)
    clock.over(spoken(9_000), turns)
    assert clock.latency_ms == [400]


def test_fillers_prompts_greetings_and_what_was_never_heard_answer_nothing() -> None:
    clock = TurnClock()
    turns = [(4_000.0, 5_000.0)]
    for speaker in (Speaker.FILLER, Speaker.PROMPT, Speaker.GREETING, Speaker.FAREWELL):
        clock.over(spoken(5_400, speaker), turns)
    clock.over(spoken(None), turns)
    clock.over(spoken(5_500), turns)
    assert clock.latency_ms == [500]


def test_a_turn_that_is_not_over_is_not_answered() -> None:
    clock = TurnClock()
    clock.over(spoken(5_400), [(1_000, 2_000), (5_000, None)])
    assert clock.latency_ms == [3_400]


def test_what_the_wait_was_made_of() -> None:
    clock, turns = TurnClock(), [(4_000.0, 5_000.0)]
    clock.stopped(turns, 5_300)
    answer = spoken(6_500)
    answer.received_ms, answer.sent_ms = 6_400, 6_420
    turn = clock.over(answer, turns, lambda now_ms: [(5_350, 5_850), (6_450, 6_490)], 9_000)
    assert turn is not None
    assert turn.at_ms == 5_000
    assert list(turn.parts.values()) == [300, 600, 500, 20, 80]
    assert turn.latency_ms == 1_500


def test_a_model_that_answers_before_our_ear_is_sure_ends_the_turn_itself() -> None:
    clock, turns = TurnClock(), [(4_000.0, 5_000.0)]
    answer = spoken(5_200)
    answer.received_ms, answer.sent_ms = 5_150, 5_160
    clock.stopped(turns, 5_300)
    turn = clock.over(answer, turns)
    assert turn is not None and list(turn.parts.values()) == [150, 0, 0, 10, 40]


def test_an_endless_call_keeps_a_bounded_number() -> None:
    clock = TurnClock()
    for turn in range(TURNS_KEPT + 10):
        clock.over(spoken(turn * 1_000 + 500), [(turn * 1_000 - 200, turn * 1_000)])
    assert len(clock.latency_ms) == TURNS_KEPT


def test_a_call_reports_its_turns_tools_and_language_at_the_end() -> None:
    call = VirtualCall(context(greeting="", language="sw"))
    call.model_ready()
    call.advance(1_000)
    call.speech = [(call.now, call.now + 800)]
    call.advance(1_400)
    call.feed(CallerTranscribed("habari", finished=True))
    call.model_says(600, "Habari.")
    call.advance(2_000)
    call.feed(SwitchClosed(1000))
    assert call.ended is not None
    assert call.ended.language == "sw"
    (turn,) = call.ended.turns
    assert 500 <= turn.latency_ms <= 800
    assert 200 <= turn.endpointing_ms <= 500, "our ear calls it the end a moment after the last sample"
    assert (turn.tool_ms, turn.pacing_ms, turn.playout_ms) == (0, 0, 0)
    assert [order.latency for order in call.all(TurnAnswered)] == [turn], (
        "told when it was heard, and once more at the end"
    )
