"""The way our voice takes back into the caller's channel: what was played, how late it returns, and what the line makes of it.

Audio is float32 in units of one PCM16 step, shape (n,), at the line's rate. Positions count samples of the call at that rate.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bridge.core.frames import Buffer

Audio = NDArray[np.float32]

_KEPT_MS = 2_600  # the longest delay, the window that looks for it, the filter, and what a stall makes late
_ROOM_MS = 400  # how seldom the timeline is moved
_SEARCH_HZ = 8_000
_MEMORY = 0.997  # how much of what the filter knows stays true from frame to frame
_NOISE_MEMORY = 0.8
_TINY = 1e-3
_QUIET_SHARE = 0.05  # of the loudest stretch: below it a match means nothing


class Played:
    """What the caller was given to hear; silence where nothing was."""

    def __init__(self, rate_hz: int) -> None:
        self._kept = rate_hz * _KEPT_MS // 1000
        self._size = self._kept + rate_hz * _ROOM_MS // 1000
        self._samples = np.zeros(0, np.int16)  # made when something is played
        self._base = 0  # position of the first one
        self.end = 0

    def put(self, pcm: Buffer, position: int) -> None:
        """What was at or behind `position` gives way."""
        if not len(self._samples):
            self._samples = np.zeros(self._size, np.int16)
            self._base = self.end = position
        samples = np.frombuffer(pcm, np.int16)[-self._size // 2 :]
        end = position + len(samples)
        if end > self._base + self._size:
            self._forget(max(position - self._kept, self._base))
        if position < self._base or position > self._base + self._size - len(samples):
            self._samples.fill(0)  # a clock that jumped: nothing before it can come back
            self._base = self.end = position
        if position != self.end:
            low, high = sorted((position, self.end))
            self._samples[low - self._base : high - self._base] = 0
        self._samples[position - self._base : end - self._base] = samples
        self.end = end

    def _forget(self, first: int) -> None:
        kept = max(0, min(self.end - first, self._size))
        shifted = self._samples[first - self._base : first - self._base + kept].copy()
        self._samples[:kept] = shifted
        self._samples[kept:] = 0
        self._base = first

    def wipe(self, position: int) -> None:
        """Nothing from `position` on is ever heard."""
        if self._base <= position < self.end:
            self._samples[position - self._base : self.end - self._base] = 0
            self.end = position

    def read(self, position: int, count: int) -> Audio:
        """The `count` samples from `position` on."""
        at = position - self._base
        if at >= 0 and at + count <= len(self._samples):
            return self._samples[at : at + count].astype(np.float32)
        out = np.zeros(count, np.float32)
        low, high = max(at, 0), min(at + count, len(self._samples))
        if low < high:
            out[low - at : high - at] = self._samples[low:high]
        return out


@lru_cache(maxsize=64)
def _fft_size(least: int) -> int:
    """A length that transforms fast: a power of two, or 3, 5 or 9 times one."""
    return min(odd << max(0, int(np.ceil(np.log2(least / odd)))) for odd in (1, 3, 5, 9))


def find_delay(sound: Audio, played: Audio, rate_hz: int, quiet_share: float = _QUIET_SHARE) -> tuple[float, int]:
    """Where in `played` `sound` fits best: (correlation from 0 to 1, offset in samples). `played` is the longer one. What is quieter there
    than `quiet_share` of the loudest place counts for less."""
    step = rate_hz // _SEARCH_HZ
    if step > 1:
        sound = sound[: len(sound) // step * step].reshape(-1, step).sum(axis=1)
        played = played[: len(played) // step * step].reshape(-1, step).sum(axis=1)
    size = _fft_size(len(played))
    spectrum = np.conj(np.fft.rfft(sound, size)) * np.fft.rfft(played, size)
    offsets = len(played) - len(sound) + 1
    match = np.abs(np.fft.irfft(spectrum, size)[:offsets])
    total = np.cumsum(np.concatenate((np.zeros(1), played * played)), dtype=np.float64)
    energy = total[len(sound) :] - total[:offsets]
    loudest = float(energy.max())
    if loudest <= 0:
        return 0.0, 0
    match /= np.sqrt(np.maximum(energy, quiet_share * loudest) * float(sound @ sound) + 1.0)
    best = int(match.argmax())
    return float(match[best]), best * step


class EchoPath:
    """A filter of one frame's length that learns what the line makes of what was played: a Kalman filter on each frequency.

    It needs no switch for double talk: what it cannot explain counts as noise and slows the learning down.
    """

    def __init__(self, frame: int) -> None:
        self._frame = frame
        self._reversed = np.zeros(frame, np.float32)  # the taps, last one first
        self._padded = np.zeros(2 * frame, np.float32)
        self.restart(1.0)

    def restart(self, gain: float) -> None:
        """Forget the line. `gain`: about how loud it gives our voice back, 1 for as loud as it was played."""
        self._reversed.fill(0)
        self._weights = np.zeros(self._frame + 1, np.complex64)
        self._noise = np.zeros(self._frame + 1, np.float32)
        self.doubt_again(gain)

    def doubt_again(self, gain: float) -> None:
        """What was learned may be wrong by now: learn fast."""
        self._doubt = np.full(self._frame + 1, gain * gain, np.float32)

    def predict(self, played: Audio) -> Audio:
        """What of `played` (two frames) comes back during the second one."""
        return np.correlate(played[1:], self._reversed, "valid")

    def learn(self, played: Audio, error: Audio) -> None:
        """`error`: what was left of the line when the prediction from `played` was taken away."""
        frame, weights, doubt = self._frame, self._weights, self._doubt
        self._padded[frame:] = error
        wrong = np.fft.rfft(self._padded)
        spectrum = np.fft.rfft(played)
        power = spectrum.real**2 + spectrum.imag**2
        self._noise *= _NOISE_MEMORY
        self._noise += (1 - _NOISE_MEMORY) * (wrong.real**2 + wrong.imag**2)
        step = doubt / (doubt * power + 2 * self._noise + _TINY)
        change = np.fft.irfft(step * spectrum.conj() * wrong)
        change[frame:] = 0  # the filter is one frame long: what wraps around is not part of it
        self._reversed += change[frame - 1 :: -1]
        weights += np.fft.rfft(change)
        doubt *= _MEMORY * (1 - 0.5 * step * power)
        doubt += (1 - _MEMORY) * (weights.real**2 + weights.imag**2)
