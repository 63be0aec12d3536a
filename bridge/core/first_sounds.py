"""What is heard on a line before anybody of ours has spoken: phrases with their pauses, in windows of 40 ms.

A pause is judged against the voice itself, not against the line: whoever speaks is nearer to the telephone than the television, so
what is some 10 dB softer than they were is quiet. The whole story is judged again with every look, because a loud "hello" makes quiet of
what seemed to be speech before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from bridge.core.frames import Buffer
from bridge.core.line_tones import EAR_HZ, WINDOW, WINDOW_MS, Floats, Tone, ToneEar
from bridge.core.speech import voiced

_LOOK_WINDOWS = 4  # 160 ms are looked at together: a look has its price
_TALK_LOOKS = 3  # while somebody talks on, it is worth judging only every so many looks
_KEPT_WINDOWS = 75_000 // WINDOW_MS  # every verdict is final before
_SOFTEST = 90.0**2  # -51 dBFS
_STANDS_OUT = 4.0  # 6 dB over the line's noise
_SOFTER = 0.08  # 11 dB under the voice is a pause
_NOT_SOFTER = 0.25  # 6 dB under the voice is none, however noisy the line
_NEAR = 0.25  # 6 dB under the voice is still whoever spoke
_SMOOTHED = 5  # windows: syllables differ by more than a speaker and a television do
_LOUDEST = 4  # so many windows were at least as loud as the level of the voice
_VOICED_WINDOWS = 2
_BRIDGED = 6  # windows: a shorter pause is none
_TONE_MS = 120.0  # a vowel may be as pure for a moment
# No telephone signals lower (from 300 on, beeps would be lost); below it a long vowel of a high voice is as pure for as long as it lasts.
_TONE_HZ = 290.0
_GAP_MS = 200.0  # what is missing on the line for longer was silent

_Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A voice without a pause of 240 ms. Milliseconds on the line's clock."""

    began_ms: float
    ended_ms: float

    @property
    def lasts_ms(self) -> float:
        return self.ended_ms - self.began_ms


class FirstSounds:
    """Hears whole 20 ms frames at `rate_hz`; `until_ms` is the end of what was judged."""

    def __init__(self, rate_hz: int) -> None:
        self._step = rate_hz // EAR_HZ
        self._look_bytes = 2 * WINDOW * self._step * _LOOK_WINDOWS
        self._unheard = bytearray()
        self._power = np.zeros(_KEPT_WINDOWS, np.float32)
        self._voice = np.zeros(_KEPT_WINDOWS, np.bool_)
        self._count = 0
        self._from_ms: float | None = None
        self._due_ms = -inf  # when the next frame begins if nothing is missing
        self._ms_per_byte = 1000 / (EAR_HZ * self._step * 2)
        self._quiet_below = float(_SOFTEST)
        self.near_until_ms = -inf  # when whoever was loudest was last heard, as far as `phrases` knows
        self._looks = 0
        self._ear = ToneEar()
        self.seeks_voices = True  # else only tones are listened for

    @property
    def tones(self) -> list[Tone]:
        return self._ear.tones

    @property
    def data_ms(self) -> float:
        return self._ear.data_ms

    @property
    def until_ms(self) -> float:
        return (self._from_ms or 0.0) + self._count * WINDOW_MS

    def hear(self, frames: Buffer, at_ms: float) -> bool:
        """`at_ms`: when the first of the frames began. True if there is something new worth judging."""
        if at_ms - self._due_ms > _GAP_MS:
            self._resume(at_ms)
        self._due_ms += len(frames) * self._ms_per_byte
        self._unheard += frames
        if len(self._unheard) < self._look_bytes:
            return False
        size = len(self._unheard) // self._look_bytes * self._look_bytes
        sound = np.frombuffer(bytes(self._unheard[:size]), "<i2").astype(np.float32)
        del self._unheard[:size]
        if self._step > 1:
            sound = sound.reshape(-1, self._step).sum(axis=1) * np.float32(1 / self._step)
        return self._look(sound.reshape(-1, WINDOW))

    def _resume(self, at_ms: float) -> None:
        """The first frame, or one after a hole: what is missing was as quiet as the quietest so far."""
        if self._from_ms is None:
            self._from_ms = self._due_ms = at_ms
            return
        first = self._count
        last = self._count = min(_KEPT_WINDOWS, first + int((at_ms - self._due_ms) / WINDOW_MS))
        self._power[first:last] = self._power[:first].min() if first else 1.0
        self._due_ms += (last - first) * WINDOW_MS
        self._ear.quiet()

    def _look(self, windows: Floats) -> bool:
        at_ms, first = self.until_ms, self._count
        windows = windows[: _KEPT_WINDOWS - first]
        last = self._count = first + len(windows)
        power = self._power[first:last] = np.vecdot(windows, windows) / np.float32(WINDOW)
        loud = power > _SOFTEST
        self._looks += 1
        if not loud.any():
            self._ear.quiet()
            return True
        if self.seeks_voices:
            self._voice[first:last] = (voiced(windows, _SOFTEST, 0.0) > 0) & loud
        tones = self._ear.hear(windows, at_ms)
        return any(tones) or bool(power.min() < self._quiet_below) or self._looks % _TALK_LOOKS == 0

    def phrases(self) -> list[Phrase]:
        """What was said so far, oldest first; the last one may go on."""
        tone = self._of_tones()
        power, voice = self._power[: self._count], self._voice[: self._count] & ~tone
        if np.count_nonzero(voice) < _VOICED_WINDOWS:
            return []
        noise = float(np.sort(power)[len(power) // 10])
        smooth = _smoothed(np.where(tone, noise, power))
        heard = np.sort(smooth[voice])
        voice_power = float(heard[-min(_LOUDEST, len(heard))])
        threshold = max(_SOFTEST, _SOFTER * voice_power, min(_STANDS_OUT * noise, _NOT_SOFTER * voice_power))
        self._quiet_below = threshold
        from_ms = self._from_ms or 0.0
        self.near_until_ms = from_ms + (int(np.flatnonzero(smooth > _NEAR * voice_power)[-1]) + 1) * WINDOW_MS
        return [
            Phrase(from_ms + first * WINDOW_MS, from_ms + last * WINDOW_MS)
            for first, last in _stretches(smooth > threshold)
            if np.count_nonzero(voice[first:last]) >= _VOICED_WINDOWS
        ]

    def _of_tones(self) -> _Flags:
        """Which windows hold a tone that lasts, its edges included."""
        found = np.zeros(self._count, np.bool_)
        for tone in self.tones:
            if tone.lasts_ms >= _TONE_MS and tone.hz >= _TONE_HZ:
                first, last = (
                    int((at_ms - (self._from_ms or 0.0)) / WINDOW_MS) for at_ms in (tone.began_ms, tone.until_ms)
                )
                found[max(0, first - 1) : last + 1] = True
        return found


def _smoothed(power: Floats) -> Floats:
    """The mean of each window and two on either side."""
    half = _SMOOTHED // 2
    sums = np.cumsum(np.concatenate((np.zeros(1), power)))
    at = np.arange(len(power))
    first, last = np.maximum(at - half, 0), np.minimum(at + half + 1, len(power))
    smooth: Floats = ((sums[last] - sums[first]) / (last - first)).astype(np.float32)
    return smooth


def _stretches(active: _Flags) -> list[tuple[int, int]]:
    """(first, behind the last) of each run of True, with short pauses bridged."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], active, [False]))))
    runs: list[tuple[int, int]] = []
    for first, last in edges.reshape(-1, 2).tolist():
        if runs and first - runs[-1][1] < _BRIDGED:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return runs
