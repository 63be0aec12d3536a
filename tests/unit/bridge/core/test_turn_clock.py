"""Latency per turn: the caller's last sample of speech to the first sample of the answer heard."""

from __future__ import annotations

from bridge.core.frames import CallerTranscribed, SwitchClosed
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
    (latency,) = call.ended.latency_ms
    assert 500 <= latency <= 800
