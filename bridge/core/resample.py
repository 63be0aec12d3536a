"""Streaming sample-rate conversion between 8, 16 and 24 kHz: a polyphase FIR, short enough for a conversation.

The output does not depend on how the input is cut: coefficients are whole numbers and samples are whole numbers, so every sum is exact in
float64 and rounding happens once, at the end. n input samples give exactly floor(n / down) * up output samples, 20 ms always give 20 ms,
and nothing is held back beyond `down - 1` samples. The filter delays by `delay_ms` (at most 3.3 ms); `drain` returns that tail.

    pair            delay      alias or image rejection
    24 → 16, 16 → 24    1.8 ms     ≥ 75 dB beyond 8.4 kHz, flat to 7.0 kHz
    24 → 8,  16 → 8     3.2 ms     ≥ 75 dB beyond 4.2 kHz, flat to 3.4 kHz
    8 → 24,  8 → 16     3.2 ms     ≥ 75 dB beyond 4.2 kHz, flat to 3.4 kHz
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from bridge.core.frames import Buffer

RATES_HZ = (8_000, 16_000, 24_000)
_GAIN_BITS = 18
_KAISER_BETA = 8.0  # about 81 dB
_STEPS_PER_BLOCK = 20  # measured: among the fastest shapes for 20 to 100 ms chunks
_HIGHEST, _LOWEST = 32767.0 * 2**_GAIN_BITS, -32768.0 * 2**_GAIN_BITS
# Adding this leaves a float64 whose last bit is worth one output step: it rounds to the nearest sample, half to even, and the lowest 16
# bits of the sum are that sample.
_ROUNDER = 1.5 * 2.0 ** (52 + _GAIN_BITS)
_Samples = NDArray[np.float64]
_SAMPLE = np.dtype("<i2")


@dataclass(frozen=True)
class _Design:
    up: int
    down: int
    window: int  # input samples that one step of `down` inputs looks at
    step: _Samples  # (window, up): one step
    block: _Samples  # (window + (steps - 1) * down, steps * up): many steps in one product
    delay_ms: float


def _taps(rate_in: int, rate_out: int, up: int) -> NDArray[np.float64]:
    """Low-pass at the common rate, odd length, whole-number coefficients that sum to up * 2**_GAIN_BITS."""
    common = rate_in * up
    narrow = min(rate_in, rate_out)
    passed, stopped = {8_000: (3_400, 4_200), 16_000: (7_000, 8_400)}[narrow]
    transition = 2 * np.pi * (stopped - passed) / common
    order = int(np.ceil((81 - 8) / (2.285 * transition)))
    length = order + 1 + order % 2
    time = np.arange(length) - (length - 1) / 2
    cutoff = (passed + stopped) / common  # in cycles per sample, doubled
    taps = np.sinc(cutoff * time) * np.kaiser(length, _KAISER_BETA)
    whole: _Samples = np.rint(taps / taps.sum() * up * 2**_GAIN_BITS)
    return whole


@lru_cache(maxsize=16)
def _design(rate_in: int, rate_out: int) -> _Design:
    common = gcd(rate_in, rate_out)
    up, down = rate_out // common, rate_in // common
    taps = _taps(rate_in, rate_out, up)
    # Output k stands at common-rate position k * down; tap j meets input i where i * up = k * down - j.
    history = -(-(len(taps) - 1) // up)
    window = history + down
    step = np.zeros((window, up))
    for phase in range(up):
        position = phase * down
        for column in range(window):
            tap = position - (column - history) * up
            if 0 <= tap < len(taps):
                step[column, phase] = taps[tap]
    block = np.zeros((window + (_STEPS_PER_BLOCK - 1) * down, _STEPS_PER_BLOCK * up))
    for index in range(_STEPS_PER_BLOCK):
        block[index * down : index * down + window, index * up : (index + 1) * up] = step
    delay_ms = (len(taps) - 1) / 2 / (rate_in * up) * 1000
    return _Design(up, down, window, step, block, delay_ms)


def _windows(signal: bytes, first: int, rows: int, advance: int, width: int) -> _Samples:
    """Row r holds the samples `signal[first + r * advance :][:width]`. Cut and converted in one step, which costs least."""
    return np.ndarray((rows, width), _SAMPLE, signal, 2 * first, (2 * advance, 2)).astype(np.float64)


def warm_up() -> None:
    """Design every filter now, so that no call pays for it."""
    for rate_in in RATES_HZ:
        for rate_out in RATES_HZ:
            if rate_in != rate_out:
                Resampler(rate_in, rate_out).push(bytes(960))


class Resampler:
    """One direction of one call. pcm: little-endian int16, mono."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self.up = self.down = 1  # `down` samples make `up`
        self.delay_ms = 0.0
        self._same = rate_in == rate_out
        if self._same:
            return
        self._design = design = _design(rate_in, rate_out)
        self._rate_in = rate_in
        self.up, self.down, self.delay_ms = design.up, design.down, design.delay_ms
        self.reset()

    def reset(self) -> None:
        """Forget what was heard, as after an interruption."""
        if not self._same:
            self._history = bytes(2 * (self._design.window - self._design.down))

    def push(self, pcm: Buffer) -> Buffer:
        """The converted audio that is complete by now. `pcm` holds whole samples."""
        if self._same:
            return pcm
        design = self._design
        signal = self._history + pcm
        kept = design.window - design.down
        steps = (len(signal) // 2 - kept) // design.down
        self._history = signal[2 * steps * design.down :]
        if not steps:
            return b""
        return self._convolve(signal, steps)

    def _convolve(self, signal: bytes, steps: int) -> bytes:
        design = self._design
        blocks, rest = divmod(steps, _STEPS_PER_BLOCK)
        advance = _STEPS_PER_BLOCK * design.down
        sums = np.empty(steps * design.up)
        done = blocks * _STEPS_PER_BLOCK * design.up
        if blocks:
            windows = _windows(signal, 0, blocks, advance, len(design.block))
            np.matmul(windows, design.block, out=sums[:done].reshape(blocks, -1))
        if rest:
            windows = _windows(signal, blocks * advance, rest, design.down, design.window)
            np.matmul(windows, design.step, out=sums[done:].reshape(rest, -1))
        np.minimum(sums, _HIGHEST, out=sums)
        np.maximum(sums, _LOWEST, out=sums)
        sums += _ROUNDER
        return sums.view(_SAMPLE)[::4].tobytes()

    def drain(self) -> Buffer:
        """The tail that the filter still holds, at the end of an utterance; the resampler then starts afresh."""
        if self._same:
            return b""
        tail = self.push(self.silence(len(self._history) // 2 - (self._design.window - self._design.down)))
        self.reset()
        return tail

    def silence(self, waiting: int) -> bytes:
        """What pushes the tail out, where `waiting` samples at the end make no step yet."""
        if self._same:
            return b""
        samples = int(np.ceil(self.delay_ms / 1000 * self._rate_in / self.down)) * self.down
        return bytes(2 * (samples + (-(samples + waiting) % self.down)))


class Conversion:
    """One utterance on its way between two rates. It is kept as it comes and converted when it is taken, because much of what a model
    says is interrupted before its time comes; how much it makes is known at once."""

    __slots__ = ("_pieces", "_resampler", "_waiting")

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._resampler = Resampler(rate_in, rate_out)
        self._pieces: deque[Buffer] = deque()
        self._waiting = 0  # samples at the end that make no step yet

    @property
    def is_waiting(self) -> bool:
        """Something is left to be taken."""
        return bool(self._pieces)

    def push(self, pcm: Buffer) -> int:
        """Returns how many samples it makes."""
        self._pieces.append(pcm)
        steps, self._waiting = divmod(self._waiting + len(pcm) // 2, self._resampler.down)
        return steps * self._resampler.up

    def end(self) -> int:
        """Nothing more comes. Returns how many samples the filter's tail makes."""
        silence = self._resampler.silence(self._waiting)
        return self.push(silence) if silence else 0

    def take(self) -> Buffer:
        """The oldest of what was pushed, converted."""
        return self._resampler.push(self._pieces.popleft())
