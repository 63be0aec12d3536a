"""The voice, with the real espeak-ng worker."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from local.speech.voice import AGENT, CALLER, SpeechError, Voice, levelled, trimmed


@pytest.fixture(scope="module")
def voice() -> Iterator[Voice]:
    with Voice("caller") as spoken:
        yield spoken


def samples_of(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000])
async def test_speech_has_the_same_length_at_every_rate(voice: Voice, rate_hz: int) -> None:
    pcm = await voice.say("next Thursday at two thirty", rate_hz=rate_hz)
    reference = await voice.say("next Thursday at two thirty", rate_hz=16_000)
    assert len(pcm) / rate_hz == pytest.approx(len(reference) / 16_000, abs=1e-3)


async def test_speech_is_at_minus_18_dbfs_and_never_clips(voice: Voice) -> None:
    samples = samples_of(await voice.say("I would like to book a cleaning next Thursday at two thirty"))
    voiced = samples[np.abs(samples) > 0.003]
    assert 20 * np.log10(np.sqrt(np.mean(voiced**2))) == pytest.approx(-18, abs=1)
    assert np.max(np.abs(samples)) < 1


async def test_silence_around_a_sentence_is_cut_off(voice: Voice) -> None:
    samples = samples_of(await voice.say("yes"))
    assert np.max(np.abs(samples[:320])) > 0.003
    assert np.max(np.abs(samples[-320:])) > 0.003


def test_a_fresh_worker_says_the_same_things_in_the_same_way() -> None:
    """Within one worker the pitch wavers a little from sentence to sentence, as espeak-ng means it to."""
    takes = []
    for _ in range(2):
        with Voice("caller") as fresh:
            takes.append([fresh.say_now("good morning"), fresh.say_now("yes please")])
    assert takes[0] == takes[1]


async def test_agent_and_caller_are_two_voices_in_every_language(voice: Voice) -> None:
    assert AGENT.keys() == CALLER.keys() == {"en", "sw"}
    with Voice("agent") as agent:
        for language in AGENT:
            assert await agent.say("nane", language=language) != await voice.say("nane", language=language)


async def test_a_faster_speaker_needs_less_time(voice: Voice) -> None:
    text = "one two three four five six seven"
    assert len(await voice.say(text, wpm=200)) < len(await voice.say(text, wpm=120))


@pytest.mark.parametrize("wrong", [{"language": "xx"}, {"voice": "nobody"}, {"wpm": 5}])
async def test_an_impossible_wish_is_refused_in_one_line(voice: Voice, wrong: dict[str, object]) -> None:
    with pytest.raises(SpeechError):
        await voice.say("hello", **wrong)  # type: ignore[arg-type]
    assert await voice.say("hello")


async def test_one_worker_serves_all_and_is_replaced_when_it_dies(voice: Voice) -> None:
    first = await voice.say("hello")
    pid = voice.worker_pid
    takes = await asyncio.gather(*(voice.say("hello") for _ in range(4)))
    assert {len(take) // 1_000 for take in takes} == {len(first) // 1_000}
    assert voice.worker_pid == pid is not None
    os.kill(pid, signal.SIGKILL)
    assert await voice.say("hello")
    assert voice.worker_pid != pid


def test_nothing_to_say_is_no_audio(voice: Voice) -> None:
    assert voice.say_now("") == b""


def test_silence_stays_silence() -> None:
    silence = np.zeros(100, np.float32)
    assert not levelled(silence).any()
    assert len(trimmed(silence)) == 0
