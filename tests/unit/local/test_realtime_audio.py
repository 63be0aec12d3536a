"""Audio of the simulated Realtime service."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core import g711
from local.realtime_audio import Converter, resampled, ulaw_decoded, ulaw_encoded

NOISE = np.random.default_rng(5).integers(-8_000, 8_000, 4_800).astype("<i2").tobytes()


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8_000, 16_000), (24_000, 16_000), (24_000, 8_000), (16_000, 16_000)])
@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(0, 4_800), max_size=8))
def test_pieces_come_out_as_if_they_were_one(from_hz: int, to_hz: int, cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), 4_800]
    converter = Converter(from_hz, to_hz)
    made = b"".join(converter.push(NOISE[2 * a : 2 * b]) for a, b in pairwise(bounds)) + converter.rest()
    assert made == resampled(NOISE, from_hz, to_hz)


def test_two_implementations_of_g711_agree() -> None:
    codes = bytes(range(256))
    assert ulaw_decoded(codes) == g711.decode(codes)
    samples = np.arange(-32_768, 32_768, dtype="<i2").tobytes()
    ours = np.frombuffer(ulaw_decoded(ulaw_encoded(samples)), "<i2").astype(int)
    theirs = np.frombuffer(g711.decode(g711.encode(samples)), "<i2").astype(int)
    exact = np.frombuffer(samples, "<i2").astype(int)
    assert np.all(
        np.abs(ours - exact) <= np.abs(theirs - exact)
    )  # the nearest code, where the standard's rounding may differ
    assert np.abs(ours - theirs).max() <= 1_024
