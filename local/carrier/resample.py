"""Sample rates of the switch: a small stateful resampler and the G.711 of an 8 kHz leg."""

from __future__ import annotations

from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]  # shape (n,), little-endian on every machine this runs on

_HALF_TAPS = 16  # zero crossings on each side of the filter: 2 ms of delay between 16 and 8 kHz


class Resampler:
    """Converts one stream of mono samples; the result does not depend on how the stream is cut into calls."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        step = gcd(from_hz, to_hz)
        self._up, self._down = to_hz // step, from_hz // step
        self._taps = _low_pass(self._up, self._down)
        self._history = np.zeros(len(self._taps) - 1, dtype=np.float32)
        self._phase = 0  # index in the next upsampled block of the next sample to keep

    def process(self, samples: Samples) -> Samples:
        if self._up == self._down or not len(samples):
            return samples
        stuffed = np.zeros(len(samples) * self._up, dtype=np.float32)
        stuffed[:: self._up] = samples
        block = np.concatenate((self._history, stuffed))
        self._history = block[len(stuffed) :]
        kept = np.convolve(block, self._taps, "valid")[self._phase :: self._down]
        self._phase = (self._phase - len(stuffed)) % self._down
        return np.clip(np.rint(kept), -32768, 32767).astype(np.int16)


@lru_cache
def _low_pass(up: int, down: int) -> NDArray[np.float32]:
    widest = max(up, down)
    position = np.arange(-_HALF_TAPS * widest, _HALF_TAPS * widest + 1)
    taps = np.sinc(position / widest) * np.kaiser(len(position), 7.0)
    return np.asarray(taps * (up / taps.sum()), dtype=np.float32)


@lru_cache
def _mu_law_round_trip() -> Samples:
    """What each of the 65,536 sample values becomes after G.711 µ-law coding and decoding (ITU-T G.711), by its uint16 view."""
    value = np.arange(-32768, 32768, dtype=np.int32)
    magnitude = np.minimum(np.abs(value) // 4, 8158) + 33  # 14-bit magnitude plus the coding bias
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    mantissa = (magnitude >> (exponent + 1)) & 0x0F
    decoded = ((2 * mantissa + 33) << exponent) - 33
    table = np.empty(65536, dtype=np.int16)
    table[value & 0xFFFF] = (np.sign(value) * decoded * 4).astype(np.int16)
    return table


def through_g711(samples: Samples) -> Samples:
    """The samples after one trip over an 8 kHz telephone line."""
    return _mu_law_round_trip()[samples.view(np.uint16)]
