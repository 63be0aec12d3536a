"""The bridge's own ear: what counts as a caller's turn, and what does not."""

from __future__ import annotations

import numpy as np
import pytest

from bridge.core.speech import SpeechDetector

RATE_HZ = 16_000
SAMPLES = 320


def noise(level: float, seed: int) -> bytes:
    return bytes((np.random.default_rng(seed).standard_normal(SAMPLES) * level).astype("<i2").tobytes())


def turns(levels: list[tuple[float, int]]) -> list[tuple[float, float | None]]:
    """The turns found in a sound whose level changes: (RMS level, milliseconds) each."""
    detector, at = SpeechDetector(RATE_HZ), 0
    for level, milliseconds in levels:
        for _ in range(milliseconds // 20):
            detector.hear(noise(level, at), float(at))
            at += 20
    return list(detector.turns)


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


def test_a_click_is_no_turn() -> None:
    assert turns([(20, 1_000), (8_000, 40), (20, 1_000)]) == []


def test_a_pause_between_words_does_not_end_a_turn_but_200_ms_do() -> None:
    assert len(turns([(20, 1_000), (2_000, 300), (20, 120), (2_000, 300), (20, 400)])) == 1
    assert len(turns([(20, 1_000), (2_000, 300), (20, 220), (2_000, 300), (20, 400)])) == 2


def test_a_turn_under_way_has_no_end() -> None:
    ((started, ended),) = turns([(20, 1_000), (2_000, 500)])
    assert (started, ended) == (1_000, None)


def test_steady_noise_stops_counting_and_a_caller_above_it_counts_again() -> None:
    found = turns([(20, 1_000), (1_000, 6_000), (8_000, 600), (1_000, 1_000)])
    assert len(found) == 2
    assert found[0][1] is not None
    assert found[0][1] - found[0][0] < 2_600
    assert found[1][0] == pytest.approx(7_000, abs=20)


def test_frames_heard_together_give_the_same_turns_as_one_by_one() -> None:
    sound = b"".join(noise(level, index) for index, level in enumerate([20] * 50 + [3_000] * 21 + [20] * 30))
    together = SpeechDetector(RATE_HZ)
    together.hear(sound, 0.0)
    assert list(together.turns) == [(1_000, 1_420)]
