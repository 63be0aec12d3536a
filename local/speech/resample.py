"""Rational polyphase resampling of whole utterances."""

from __future__ import annotations

from functools import lru_cache
from math import gcd

import numpy as np
import numpy.typing as npt

_TAPS_PER_PHASE = 32
_KAISER_BETA = 8.0  # about 80 dB of stop band
_PASS_BAND = 0.92  # of the lower Nyquist frequency: the rest is the filter's transition


@lru_cache(maxsize=8)
def _block_filter(up: int, down: int) -> tuple[npt.NDArray[np.float32], int]:
    """The matrix that turns `down` input samples and their neighbours into `up` output samples, and the neighbours on the left.

    Its columns are the phases of one windowed sinc, each at the place where its output lies: one matrix product then resamples a
    whole utterance.
    """
    cutoff = _PASS_BAND * min(1.0, up / down)
    # Going down, the filter must be longer by the same ratio to keep its steepness.
    half = round(_TAPS_PER_PHASE * max(1.0, down / up)) // 2
    inputs = np.arange(-half, down + half)  # positions relative to the block's first sample
    outputs = np.arange(up) * down / up
    distance = inputs[:, None] - outputs[None, :]
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (distance / half) ** 2, 0, None))) / np.i0(_KAISER_BETA)
    weights = cutoff * np.sinc(cutoff * distance) * window * (np.abs(distance) < half)
    return np.asarray(weights / weights.sum(axis=0, keepdims=True), dtype=np.float32), half


def resample(samples: npt.NDArray[np.float32], from_hz: int, to_hz: int) -> npt.NDArray[np.float32]:
    """samples: shape (n,) at from_hz → shape (ceil(n · to_hz / from_hz),), no delay added."""
    if from_hz == to_hz or not len(samples):
        return samples
    divisor = gcd(from_hz, to_hz)
    up, down = to_hz // divisor, from_hz // divisor
    weights, half = _block_filter(up, down)
    blocks = -(-len(samples) // down)
    padded = np.zeros(blocks * down + 2 * half, dtype=np.float32)
    padded[half : half + len(samples)] = samples
    windows = np.lib.stride_tricks.sliding_window_view(padded, down + 2 * half)[::down]
    count = -(-len(samples) * up // down)
    return np.asarray((windows @ weights).reshape(-1)[:count], dtype=np.float32)
