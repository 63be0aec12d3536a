"""F1.12: the model sends a minute of speech in one second and the caller interrupts at 50 random instants, in 20 calls."""

from __future__ import annotations

import random

from bridge.core.frames import ModelAudio, ModelInterrupted, TurnComplete
from bridge.core.session import SessionSettings
from tests.unit.bridge.virtual_call import VirtualCall, context, voice_ms

CALLS, INSTANTS, SEED = 20, 50, 1_12
LEAD_MS = 160
MINUTE = [ModelAudio(voice_ms(500, 5_000)) for _ in range(120)]


def test_nothing_stale_leaves_after_an_interruption_and_the_lead_bounds_what_is_ahead() -> None:
    draw = random.Random(SEED)
    for number in range(CALLS):
        kill = number % 2 == 0
        # A 24 kHz leg needs no resampling, which is not what is tested here.
        settings = SessionSettings(kill_audio=kill, lead_ms=LEAD_MS)
        call = VirtualCall(context(greeting="", phrases={}, rate_hz=24_000), settings=settings)
        call.streaming = False
        call.model_ready()
        for _ in range(INSTANTS):
            start, sent_before = call.now, len(call.sent)
            call.feed(*MINUTE)
            call.advance(draw.randrange(0, 3_000))
            ahead_ms = sum(len(message) for _, message in call.sent[sent_before:]) / 48 - (call.now - start)
            assert ahead_ms <= LEAD_MS + 22, (SEED, number)
            call.feed(ModelInterrupted(), TurnComplete())
            stopped = len(call.sent)
            call.hear(bytes(960))  # the leg lives
            call.advance(draw.randrange(0, 400))
            assert not any(any(message) for _, message in call.sent[stopped:]), (SEED, number)
        heard = [note["heard_ms"] for note in call.notes("interrupted")]
        assert len(heard) == INSTANTS
        assert all(0 <= value <= 3_000 + LEAD_MS for value in heard)


def test_the_utterance_after_an_interruption_is_whole() -> None:
    draw = random.Random(SEED)
    for _ in range(CALLS):
        call = VirtualCall(context(greeting="", phrases={}))
        call.model_ready()
        call.feed(*MINUTE)
        call.advance(draw.randrange(0, 3_000))
        call.feed(ModelInterrupted(), TurnComplete())
        killed, before = call.now, len(call.sent)
        call.model_says(700)
        call.advance(1_500)
        after = [(at, message) for at, message in call.sent[before:] if any(message)]
        assert after[0][0] - killed >= 60  # what comes sooner is wiped with the rest
        samples = sum(len(message) for _, message in after) // 2
        assert samples - 2_560 >= 700 * 16  # all of it, then the tail in the last message
        assert call.notes("agent_said") == []  # no words were given
