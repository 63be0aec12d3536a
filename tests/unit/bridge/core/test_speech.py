"""The bridge's own ear: what counts as a caller's turn, and what does not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from bridge.core import speech
from bridge.core.speech import SpeechDetector
from local.speech.voice import Voice
from tests.support.lines import SPOKEN_DBFS, Audio, as_pcm, at_level, delayed, noise
from tests.support.sounds import NOBODY

RATE_HZ = 16_000
SAMPLES = 320


def voice(level: float, seed: int) -> bytes:
    """20 ms of a buzz at 150 Hz with the harmonics of a vowel, and a little breath; RMS `level`. Frames join without a seam."""
    time = np.arange(SAMPLES) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * 150 * harmonic * time + harmonic) for harmonic in range(1, 12))
    breath = np.random.default_rng(seed).standard_normal(SAMPLES) * 0.1
    return bytes((level * (buzz / np.sqrt(5.5) + breath)).astype("<i2").tobytes())


def hiss(level: float, seed: int) -> bytes:
    return bytes((np.random.default_rng(seed).standard_normal(SAMPLES) * level).astype("<i2").tobytes())


def turns(levels: list[tuple[float, int]]) -> list[tuple[float, float | None]]:
    """The turns found in a voice whose level changes: (RMS level, milliseconds) each. Below 50 it is only a line's hiss."""
    detector, at = SpeechDetector(RATE_HZ), 0
    for level, milliseconds in levels:
        for _ in range(milliseconds // 20):
            detector.hear((voice if level >= 50 else hiss)(level, at), float(at))
            at += 20
    return list(detector.turns)


def heard(sound: Audio, rate_hz: int, frames: int = 1) -> SpeechDetector:
    """A detector that has listened to `sound`, so many frames at a time."""
    detector = SpeechDetector(rate_hz)
    pcm, size = as_pcm(sound).tobytes(), rate_hz // 25 * frames
    for at in range(0, len(pcm) // size * size, size):
        detector.hear(pcm[at : at + size], at * 500 / rate_hz)
    return detector


def test_silence_and_comfort_noise_are_nobody() -> None:
    detector = SpeechDetector(RATE_HZ)
    for index in range(500):
        detector.hear(b"\xff\xff" * SAMPLES, index * 20.0)  # the switch fills silence with samples of -1
    assert list(detector.turns) == []
    assert turns([(30, 10_000)]) == []


@pytest.mark.parametrize("level", [250, 800, 3_000, 12_000])
def test_a_turn_is_found_with_its_beginning_and_end(level: float) -> None:
    (turn,) = turns([(20, 1_000), (level, 600), (20, 600)])
    assert turn[0] == pytest.approx(1_000, abs=20)
    assert turn[1] == pytest.approx(1_600, abs=20)


def test_a_turn_begins_with_the_hiss_before_its_voice() -> None:
    detector = SpeechDetector(RATE_HZ)
    for index in range(75):
        sound = hiss(20, index) if index < 50 else hiss(900, index) if index < 57 else voice(3_000, index)
        detector.hear(sound, index * 20.0)
    assert detector.turns[0][0] == pytest.approx(1_000, abs=20)


def test_a_click_is_no_turn() -> None:
    assert turns([(20, 1_000), (8_000, 40), (20, 1_000)]) == []


def test_a_pause_between_words_does_not_end_a_turn_but_200_ms_do() -> None:
    assert len(turns([(20, 1_000), (2_000, 300), (20, 120), (2_000, 300), (20, 400)])) == 1
    assert len(turns([(20, 1_000), (2_000, 300), (20, 220), (2_000, 300), (20, 400)])) == 2


def test_a_turn_under_way_has_no_end_and_says_how_long_it_has_been_quiet() -> None:
    ((started, ended),) = turns([(20, 1_000), (2_000, 500)])
    assert (started, ended) == (1_000, None)
    detector = SpeechDetector(RATE_HZ)
    quiet = []
    for index in range(40):
        detector.hear(voice(2_000, index) if 20 <= index < 30 else hiss(20, index), index * 20.0)
        quiet.append(detector.quiet_ms)
    assert quiet[:30] == [0] * 30
    assert quiet[30:] == [20, 40, 60, 80, 100, 120, 140, 160, 0, 0]  # 180 ms end the turn


def test_a_steady_buzz_stops_counting_and_a_caller_above_it_counts_again() -> None:
    found = turns([(20, 1_000), (1_000, 6_000), (8_000, 600), (1_000, 1_000)])
    assert len(found) == 2
    assert found[0][1] is not None
    assert found[0][1] - found[0][0] < 2_600
    assert found[1][0] == pytest.approx(7_000, abs=20)


def test_frames_heard_together_give_the_same_turns_as_one_by_one() -> None:
    sound = b"".join(
        (voice if level > 50 else hiss)(level, index)
        for index, level in enumerate([20] * 50 + [3_000] * 21 + [20] * 30)
    )
    together = SpeechDetector(RATE_HZ)
    together.hear(sound, 0.0)
    assert list(together.turns) == [(1_000, 1_420)]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
@pytest.mark.parametrize("frames", [1, 5])
@pytest.mark.parametrize("name", NOBODY)
def test_what_is_on_a_line_and_is_nobody_begins_no_turn(name: str, rate_hz: int, frames: int) -> None:
    allowed = 1 if name == "doors" else 0  # some 20 bangs: one may ring like a voice
    assert len(heard(NOBODY[name](20 * rate_hz, rate_hz, 5), rate_hz, frames).turns) <= allowed


def test_a_detector_that_asks_for_no_voice_takes_tones_noise_and_doors_for_speech(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The broken build of the row above."""
    monkeypatch.setattr(speech, "voiced", lambda windows, threshold, floor: np.ones(len(windows), np.int8))
    for name in ("key tones", "busy tone", "ring-back", "noise bursts", "doors"):
        assert len(heard(NOBODY[name](20 * RATE_HZ, RATE_HZ, 5), RATE_HZ).turns) >= 3, name


def test_a_detector_that_takes_tones_for_voices_hears_key_presses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, with only the check for tones taken out."""
    monkeypatch.setattr(speech, "_TONAL", 2.0)
    for name in ("key tones", "busy tone", "fax tone"):
        assert len(heard(NOBODY[name](20 * RATE_HZ, RATE_HZ, 5), RATE_HZ).turns) >= 3, name


@pytest.fixture(scope="module")
def caller() -> Iterator[Voice]:
    with Voice("caller") as voice:
        yield voice


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
@pytest.mark.parametrize(("language", "name"), [("en", ""), ("en", "en-us+f3"), ("sw", ""), ("sw", "sw+m3")])
def test_short_answers_are_heard_at_every_level_and_over_noise(
    caller: Voice, language: str, name: str, rate_hz: int
) -> None:
    for text in {"en": ("Yes please.", "Stop.", "No, wait."), "sw": ("Ndio.", "Hapana asante.", "Saa tatu.")}[language]:
        pcm = caller.say_now(text, language=language, voice=name, rate_hz=rate_hz)
        words = np.frombuffer(pcm, "<i2").astype(np.float32)
        for level in (0, -10, -20):
            for ratio in (40, 20, 10):
                sound = delayed(at_level(words, level), rate_hz, len(words) + 2 * rate_hz)
                found = heard(sound + noise(len(sound), SPOKEN_DBFS + level - ratio, 3), rate_hz).turns
                assert found, (text, level, ratio)
                assert 900 <= found[0][0] <= 1_260, (text, level, ratio)
                assert found[-1][1] is not None
                assert found[-1][1] <= 1_040 + len(words) * 1_000 / rate_hz + (0 if ratio > 10 else 200)


def test_a_gap_filled_by_the_switch_or_the_echo_guard_does_not_make_the_line_seem_quieter() -> None:
    """The noise that comes back after 300 ms of filled silence is still noise, though it buzzes like a voice."""

    def after(filling: bytes) -> list[tuple[float, float | None]]:
        detector = SpeechDetector(RATE_HZ)
        for index in range(200):
            detector.hear(filling if 150 <= index < 165 else voice(1_000, index), index * 20.0)
        assert detector.noise is not None
        return [turn for turn in detector.turns if turn[0] > 2_600]

    assert after(b"\xff\xff" * (RATE_HZ // 50)) == []
    assert len(after(bytes(2 * RATE_HZ // 50))) == 1
