"""µ-law, held against its own definition: nearest of 255 values, and the value of every code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core import g711

# G.711 table 2a, the positive decision values of the first code of each segment, and the largest.
KNOWN = {
    0xFF: 0,
    0xFE: 8,
    0xEF: 132,
    0xDF: 396,
    0xCF: 924,
    0xBF: 1980,
    0xAF: 4092,
    0x9F: 8316,
    0x8F: 16764,
    0x80: 32124,
}


def test_every_known_value_is_its_codes_value_on_both_sides_of_zero() -> None:
    for code, value in KNOWN.items():
        assert np.frombuffer(g711.decode(bytes([code])), "<i2") == value
        assert np.frombuffer(g711.decode(bytes([code & 0x7F])), "<i2") == -value


def test_every_code_comes_back_as_itself_except_minus_zero() -> None:
    codes = bytes(range(256))
    assert g711.encode(g711.decode(codes)) == codes.replace(b"\x7f", b"\xff")


@given(st.binary(max_size=400).filter(lambda pcm: len(pcm) % 2 == 0))
def test_a_sample_is_off_by_no_more_than_its_segments_step(pcm: bytes) -> None:
    before = np.frombuffer(pcm, "<i2").astype(int)
    after = np.frombuffer(g711.decode(g711.encode(pcm)), "<i2").astype(int)
    assert len(after) == len(before)
    assert np.all(np.abs(after - before) <= np.maximum(8, np.abs(before) // 16 + 8) + 640 * (np.abs(before) > 32_124))


def test_silence_is_silence_and_half_a_sample_is_refused() -> None:
    assert set(g711.encode(bytes(320))) == {g711.ULAW_SILENCE}
    with pytest.raises(ValueError, match="buffer size"):
        g711.encode(b"\x00")
