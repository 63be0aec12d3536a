from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.carrier.resample import Resampler, through_g711

RATES = [(16_000, 8000), (8000, 16_000), (24_000, 16_000), (24_000, 8000), (16_000, 16_000), (48_000, 16_000)]


def sine(rate_hz: int, frequency_hz: float, duration_s: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    at = np.arange(int(rate_hz * duration_s)) / rate_hz
    return np.asarray(np.rint(8000 * np.sin(2 * np.pi * frequency_hz * at)), dtype=np.int16)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_a_tone_keeps_its_level_and_its_duration(from_hz: int, to_hz: int) -> None:
    out = Resampler(from_hz, to_hz).process(sine(from_hz, 1000, 1.0))
    assert len(out) == to_hz
    settled = out[to_hz // 10 : -to_hz // 10].astype(float)
    assert np.sqrt((settled**2).mean()) == pytest.approx(8000 / np.sqrt(2), rel=0.02)


@given(cuts=st.lists(st.integers(1, 500), min_size=1, max_size=12), rates=st.sampled_from(RATES))
def test_the_result_does_not_depend_on_how_the_stream_is_cut(cuts: list[int], rates: tuple[int, int]) -> None:
    stream = sine(rates[0], 440, 0.4)[: sum(cuts)]
    whole = Resampler(*rates).process(stream)
    cutter, at, parts = Resampler(*rates), 0, []
    for size in cuts:
        parts.append(cutter.process(stream[at : at + size]))
        at += size
    assert np.array_equal(np.concatenate(parts), whole)


def test_what_an_8_khz_leg_cannot_carry_does_not_come_back_as_another_tone() -> None:
    out = Resampler(16_000, 8000).process(sine(16_000, 6000, 1.0))
    assert np.abs(out[800:-800]).max() < 80


def test_g711_is_close_stable_and_odd() -> None:
    samples = np.arange(-32000, 32000, 37, dtype=np.int16)
    coded = through_g711(samples)
    assert np.abs(coded.astype(int) - samples).max() <= 1024
    assert np.array_equal(through_g711(coded), coded), "a second trip changes nothing"
    assert np.array_equal(through_g711((-samples).astype(np.int16)), -coded)
    quiet = np.arange(-100, 100, dtype=np.int16)
    assert np.abs(through_g711(quiet).astype(int) - quiet).max() <= 8
