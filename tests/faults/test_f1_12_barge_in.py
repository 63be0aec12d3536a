"""F1.12: the model sends a minute of speech in one second and the caller interrupts at 50 random instants, in 20 calls, at three leads."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from bridge.core.frames import (
    CallerTranscribed,
    GenerationComplete,
    ModelAudio,
    ModelInterrupted,
    StopModel,
    TurnComplete,
)
from bridge.core.session import SessionSettings
from tests.unit.bridge.virtual_call import VirtualCall, context, voice_ms

INSTANTS, SEED = 50, 1_12
LEADS_MS = (40, 160, 300)
LEVEL = 5_000
MINUTE = [ModelAudio(voice_ms(500, LEVEL), item="minute") for _ in range(120)]
few_or_all = pytest.mark.parametrize("calls", [3, pytest.param(20, marks=pytest.mark.faults)])


def on_a_line(number: int) -> tuple[VirtualCall, int]:
    """A 24 kHz leg needs no resampling, which is not what is tested here."""
    lead_ms = LEADS_MS[number % 3]
    settings = SessionSettings(kill_audio=number % 2 == 0, lead_ms=lead_ms)
    call = VirtualCall(context(greeting="", phrases={}, rate_hz=24_000), settings=settings)
    call.streaming = False
    call.model_ready()
    return call, lead_ms


@few_or_all
def test_nothing_stale_leaves_after_an_interruption_and_the_lead_bounds_what_is_ahead(calls: int) -> None:
    draw = random.Random(SEED)
    for number in range(calls):
        call, lead_ms = on_a_line(number)
        for _ in range(INSTANTS):
            start, sent_before = call.now, len(call.sent)
            call.feed(*MINUTE)
            call.advance(draw.randrange(0, 3_000))
            ahead_ms = sum(len(message) for _, message in call.sent[sent_before:]) / 48 - (call.now - start)
            assert ahead_ms <= lead_ms + 22, (SEED, number)
            told = len(call.all(StopModel))
            call.feed(ModelInterrupted(), TurnComplete())
            stopped = len(call.sent)
            call.hear(bytes(960))  # the leg lives
            call.advance(draw.randrange(0, 400))
            assert not any(any(message) for _, message in call.sent[stopped:]), (SEED, number)
            (item,) = call.all(StopModel)[told].heard
            assert item.heard_ms == call.notes("interrupted")[-1]["heard_ms"]
        heard = [note["heard_ms"] for note in call.notes("interrupted")]
        assert len(heard) == INSTANTS
        assert all(0 <= value <= 3_000 + lead_ms for value in heard)


@few_or_all
def test_the_utterance_after_an_interruption_is_whole(calls: int) -> None:
    draw = random.Random(SEED)
    for _ in range(calls):
        call = VirtualCall(context(greeting="", phrases={}, rate_hz=24_000))
        call.streaming = False
        call.model_ready()
        call.feed(*MINUTE)
        call.advance(draw.randrange(0, 3_000))
        call.feed(ModelInterrupted(), TurnComplete())
        killed, before = call.now, len(call.sent)
        call.model_says(700)
        call.advance(1_500)
        after = [(at, message) for at, message in call.sent[before:] if any(message)]
        assert after[0][0] - killed >= 60  # what comes sooner is wiped with the rest
        assert (
            sum(len(message) for _, message in after) // 2 >= 700 * 24
        )  # all of it, then the tail in the last message
        assert call.notes("agent_said") == []  # no words were given


# --- without waiting for the model -----------------------------------------------------------------------------------------

CALLER = np.random.default_rng(7).integers(-6_000, 6_000, 480).astype("<i2").tobytes()
SILENCE = bytes(960)
SPOKE_MS = 1_200


def sound_ms(call: VirtualCall, since: int) -> list[float]:
    """When sound was sent, from message `since` on."""
    return [at for at, message in call.sent[since:] if message != b"kill" and any(message)]


def speak(call: VirtualCall, milliseconds: int, frame: bytes) -> None:
    for _ in range(milliseconds // 20):
        call.advance(20)
        call.hear(frame)


@few_or_all
def test_a_caller_who_speaks_stops_the_agent_before_the_model_has_noticed_and_words_make_it_final(calls: int) -> None:
    draw = random.Random(SEED)
    for number in range(calls):
        call, _ = on_a_line(number)
        speak(call, 1_000, SILENCE)
        for _ in range(INSTANTS // 10):
            call.feed(*MINUTE, GenerationComplete())
            speak(call, draw.randrange(15, 100) * 20, SILENCE)
            began, before, told = call.now, len(call.sent), len(call.all(StopModel))
            speak(call, SPOKE_MS, CALLER)
            stopped = max(sound_ms(call, before))
            assert stopped - began <= 280 + 22, (SEED, number)  # and the caller hears at most the lead after that
            call.feed(CallerTranscribed("wait, please", finished=True))
            final = len(call.sent)
            speak(call, 1_000, SILENCE)
            assert sound_ms(call, final) == [], (SEED, number)
            (stop,) = call.all(StopModel)[told:]
            (item,) = stop.heard
            heard_ms = item.heard_ms
            assert call.notes("interrupted")[-1]["heard_ms"] == heard_ms
            call.feed(TurnComplete())


@few_or_all
def test_an_interruption_that_was_nothing_is_taken_back_to_the_sample(calls: int) -> None:
    """A cough for which the model stops: the rest is said, from at most 200 ms before the place where the caller was."""
    draw = random.Random(SEED)
    for number in range(calls):
        call, _ = on_a_line(number)
        speak(call, 1_000, SILENCE)
        for _ in range(INSTANTS // 10):
            began = call.now
            pcm = np.linspace(1_000, 20_000, 4_000 * 24).astype("<i2").tobytes()
            call.feed(*(ModelAudio(pcm[at : at + 24_000]) for at in range(0, len(pcm), 24_000)), GenerationComplete())
            before = len(call.sent)
            speak(call, draw.randrange(15, 100) * 20, SILENCE)
            speak(call, 200, CALLER)
            speak(call, 80, SILENCE)
            said_ms = call.now - began
            held = len(call.sent)
            call.feed(ModelInterrupted(), TurnComplete())
            speak(call, 1_060, SILENCE)
            assert sound_ms(call, held) == [], (SEED, number)
            speak(call, 5_500, SILENCE)
            places = [
                int(np.frombuffer(message, "<i2")[0])
                for _, message in call.sent[before:]
                if message != b"kill" and any(message)
            ]
            jumps = [(was, now) for was, now in pairwise(places) if now < was]
            again_ms = [(was - now) * 4_000 / 19_000 for was, now in jumps]
            assert len(jumps) <= 1, (SEED, number)
            if call.session.voice._kill:  # what was taken back is said again, and up to 200 ms before it
                assert all(again <= LEADS_MS[number % 3] + 200 + 22 for again in again_ms), (SEED, number, again_ms)
            assert max(places) >= 19_800
            assert said_ms > 0
        assert call.notes("interrupted") == []
