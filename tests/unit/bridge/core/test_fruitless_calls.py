"""S7: whole calls in which something is always heard and nothing is ever said, or always the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.core.frames import (
    CallerTranscribed,
    EndReason,
    GenerationComplete,
    HangUp,
    SwitchClosed,
    TurnComplete,
    UsageReported,
)
from bridge.core.limits import Limits
from bridge.core.session import SessionSettings
from tests.unit.bridge.virtual_call import ALL_CLIPS, VirtualCall

CLIPS = {**ALL_CLIPS, "one_moment": ALL_CLIPS["idle_ask"]}


def talking(limits: Limits | None = None) -> VirtualCall:
    call = VirtualCall(call_clips=CLIPS, settings=SessionSettings(limits=limits or Limits()))
    call.model_ready()
    call.advance(2_500)  # the greeting is over
    return call


def until_hung_up(call: VirtualCall, at_most_ms: int) -> float:
    """When the bridge hung up."""
    started = call.now
    while not call.all(HangUp):
        assert call.now - started < at_most_ms, "the call goes on and on"
        call.advance(250)
    return call.now - started


def test_a_steady_noise_is_asked_and_then_ended() -> None:
    call = talking()
    call.speech = [(call.now, call.now + 600_000)]
    took_ms = until_hung_up(call, 60_000)
    assert 20_000 <= took_ms <= 50_000
    assert call.notes("idle_prompt")
    assert call.all(HangUp)[0].reason is EndReason.IDLE


@pytest.mark.parametrize("period_ms", [2_000, 5_000, 11_000])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_so_is_music_with_pauses_in_it_and_a_model_that_hears_nobody(period_ms: int, share: float) -> None:
    call = talking()
    call.speech = [(at, at + period_ms * share) for at in range(int(call.now), 400_000, period_ms)]
    took_ms = until_hung_up(call, 75_000)
    assert took_ms >= 20_000
    assert call.all(HangUp)[0].reason in (EndReason.IDLE, EndReason.FRUITLESS)


def test_the_same_words_over_and_over_end_the_call() -> None:
    call = talking()
    for _ in range(12):
        if call.all(HangUp):
            break
        call.speech = [*call.speech, (call.now, call.now + 1_200)]
        call.advance(2_000)
        call.feed(CallerTranscribed("For sales, press one.", finished=True))
        call.model_says(1_500, "Sorry, I did not catch that.")
        call.feed(TurnComplete())
        call.advance(3_000)
    assert call.all(HangUp)[0].reason is EndReason.FRUITLESS
    assert call.now < 60_000


def test_a_conversation_is_not_ended() -> None:
    call = talking()
    for turn in range(12):
        call.speech = [*call.speech, (call.now, call.now + 1_200)]
        call.advance(2_000)
        call.feed(CallerTranscribed(f"and then number {turn}", finished=True))
        call.model_says(1_500, f"I see {turn}.")
        call.feed(TurnComplete())
        call.advance(3_000)
    assert not call.all(HangUp)


def test_a_call_that_costs_more_than_it_may_is_ended_with_a_goodbye() -> None:
    call = talking(replace(Limits(), max_tokens=10_000))
    call.feed(UsageReported(6_000, 300, 0, 6_300))
    call.advance(1_000)
    assert not call.all(HangUp)
    call.feed(UsageReported(6_000, 300, 0, 6_300))
    call.advance(3_000)
    assert call.all(HangUp)[0].reason is EndReason.FRUITLESS
    assert any(call.sounds(3_000))


def test_nothing_is_asked_of_somebody_who_is_being_answered() -> None:
    call = talking()
    call.speech = [(call.now, call.now + 1_000)]
    call.advance(1_800)
    call.feed(CallerTranscribed("tell me everything", finished=True))
    for _ in range(40):
        call.model_says(1_000, "More.", complete=False)
        call.advance(1_000)
    call.feed(GenerationComplete())
    assert not call.notes("idle_prompt")
    call.feed(SwitchClosed(1000))


def test_a_conversation_that_nobody_writes_down_goes_on() -> None:
    call = talking()
    for _ in range(15):
        call.speech = [*call.speech, (call.now, call.now + 1_200)]
        call.advance(2_000)
        call.model_says(1_500)
        call.feed(TurnComplete())
        call.advance(3_000)
    assert not call.all(HangUp)
