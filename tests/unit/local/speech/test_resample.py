"""Resampling keeps what both rates can carry, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.speech.resample import resample

RATES = (8_000, 16_000, 24_000)


def sine(rate_hz: int, frequency_hz: float, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(rate_hz * seconds)) / rate_hz).astype(np.float32)


@pytest.mark.parametrize("to_hz", RATES)
@pytest.mark.parametrize("frequency_hz", [200.0, 1_000.0, 3_000.0])
def test_a_tone_that_both_rates_carry_stays_as_it_is(to_hz: int, frequency_hz: float) -> None:
    converted = resample(sine(22_050, frequency_hz), 22_050, to_hz)
    wanted = sine(to_hz, frequency_hz, len(converted) / to_hz)[: len(converted)]
    edge = to_hz // 50
    assert np.max(np.abs(converted - wanted)[edge:-edge]) < 1e-3


@pytest.mark.parametrize(("frequency_hz", "to_hz"), [(9_000.0, 16_000), (4_800.0, 8_000), (10_500.0, 16_000)])
def test_a_tone_above_the_new_rate_is_silent_and_not_folded_back(frequency_hz: float, to_hz: int) -> None:
    converted = resample(sine(22_050, frequency_hz), 22_050, to_hz)
    edge = to_hz // 50
    assert np.max(np.abs(converted[edge:-edge])) < 1e-3


@settings(deadline=None, max_examples=40)
@given(count=st.integers(0, 5_000), from_hz=st.sampled_from((22_050, *RATES)), to_hz=st.sampled_from(RATES))
def test_the_length_follows_from_the_rates(count: int, from_hz: int, to_hz: int) -> None:
    converted = resample(np.zeros(count, np.float32), from_hz, to_hz)
    assert len(converted) == -(-count * to_hz // from_hz)


@settings(deadline=None, max_examples=20)
@given(level=st.floats(-1, 1, width=32))
def test_a_constant_stays_constant_away_from_the_edges(level: float) -> None:
    converted = resample(np.full(4_000, level, np.float32), 22_050, 16_000)
    assert np.allclose(converted[100:-100], level, atol=1e-4)
