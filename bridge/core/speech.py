"""The bridge's own ear on the caller: energy over an adaptive floor, and a voice in it, in 20 ms frames.

It attests when the caller spoke: for confirmations, for barge-in, for the idle timer and for latency figures. A turn begins when at least
60 ms are clearly above the floor and 60 ms of that have a voice: a pitch in the telephone band that is not just one or two tones. So key
tones, ring-back, hum, bursts of noise, clicks and a slammed door are nobody; nor is a whisper. What precedes the voice (the s of "see")
belongs to the turn. The turn ends with 180 ms of quiet.

The floor is the quietest frame of the last two seconds, and is known after half a second: a steady noise stops counting within two
seconds, while speech, which pauses, keeps counting. The voice is looked for only in loud frames and only until a turn has begun: silence
and running speech cost an energy.
"""

from __future__ import annotations

from collections import deque
from math import inf

import numpy as np
from numpy.typing import NDArray

from bridge.core.frames import FRAME_MS, Buffer

_EVERY = 4  # every fourth sample is enough for an energy
_LOUDER = 6.0  # speech is at least this much (8 dB) above the floor
_QUIETEST = 90.0**2  # and above -51 dBFS
_BRIEFEST_FRAMES = 3  # 60 ms
_PAUSE_FRAMES = 9  # 180 ms of quiet end a turn
_FLOOR_WINDOW_FRAMES = 25
_TURNS_KEPT = 64

_EAR_HZ = 8_000
_HOP = _EAR_HZ * FRAME_MS // 1000
_WINDOW = 2 * _HOP  # 40 ms: two periods of the deepest voice
_FFT = 512
_LOW, _HIGH = 300 * _FFT // _EAR_HZ, 3_700 * _FFT // _EAR_HZ  # a telephone's band; hum and thuds lie below it
_PITCH_LAGS = slice(_EAR_HZ // 400, _EAR_HZ // 50 + 1)
_SHARE_OF_LAG = _WINDOW / (_WINDOW - np.arange(_WINDOW, dtype=np.float32)[_PITCH_LAGS])
_EMPHASIS = (4 * np.sin(np.pi * np.arange(_FFT // 2 + 1) / _FFT) ** 2).astype(
    np.float32
)  # a first difference: formants count more
_NOISE_IN_BAND = float(_WINDOW * _EMPHASIS[_LOW:_HIGH].sum())  # of white noise with power 1
_PEAK = np.arange(-3, 4)  # bins around a tone: 47 Hz each way
_PERIODIC = 0.5  # white noise stays below 0.3, voices are mostly above 0.6
_TONAL = 0.85  # share of the strongest two tones in the band; key tones have 0.95
_TONAL_EMPHASISED = 0.75  # the same after the first difference; a voice has 0.7 at most
_VOICED_WINDOWS = 2  # 60 ms
_BAND_SHARE = 0.1  # hum and slammed doors have less of their energy in the band; the deepest voices 0.12
_BEFORE_VOICE_FRAMES = 15  # what of the sound before the voice may belong to the turn

_Floats = NDArray[np.float32]


class SpeechDetector:
    """`turns` holds (started_ms, ended_ms) of the caller's turns, oldest first; the running one has ended_ms None."""

    def __init__(self, rate_hz: int) -> None:
        self.listen_at(rate_hz)
        self._minima: deque[float] = deque(maxlen=4)
        self._floor = _QUIETEST
        self._window_min = inf
        self._window_left = _FLOOR_WINDOW_FRAMES
        self._loud = 0
        self._voiced = 0
        self._quiet = 0
        self._started_ms: float | None = None
        self.turns: deque[tuple[float, float | None]] = deque(maxlen=_TURNS_KEPT)

    def listen_at(self, rate_hz: int) -> None:
        """The frames that follow have this rate."""
        self._samples = rate_hz * FRAME_MS // 1000
        self._strides = 2 * self._samples, 2 * _EVERY  # in bytes: from frame to frame, and within one
        self._scale = _EVERY / self._samples
        self._filled = float(
            self._samples // _EVERY
        )  # energy of samples of -1, with which the switch and the echo guard fill gaps
        self._before: _Floats | None = None  # the last frame, if it was loud and nobody speaks yet

    @property
    def noise(self) -> float | None:
        """The power of the line's noise; None until it is known."""
        return self._floor if self._minima else None

    @property
    def is_speaking(self) -> bool:
        return self._started_ms is not None

    @property
    def quiet_ms(self) -> int:
        """How long the caller has been silent within the running turn."""
        return self._quiet * FRAME_MS if self._started_ms is not None else 0

    def hear(self, frames: Buffer, at_ms: float) -> bool:
        """Whole 20 ms frames, the first of which began at `at_ms`. True if a turn began or ended. Several frames at once cost little more
        than one."""
        shape = len(frames) // (2 * self._samples), self._samples // _EVERY
        signal = np.ndarray(shape, np.int16, frames, 0, self._strides).astype(np.float32)
        energies: list[float] = np.vecdot(signal, signal).tolist()
        quietest = min(energies)
        highest, lowest = max(energies) * self._scale, quietest * self._scale
        threshold = max(_QUIETEST, min(self._floor, self._window_min) * _LOUDER)
        if highest <= threshold and self._started_ms is None:
            self._loud = self._voiced = 0
            self._before = None
            self._follow(energies, quietest)
            return False
        if lowest > threshold and self._started_ms is not None:
            self._quiet = 0
            self._follow(energies, quietest)
            return False
        voices = self._voices(frames, threshold) if self._started_ms is None else [0] * len(energies)
        changed = False
        for index, energy in enumerate(energies):
            changed |= self._judge(energy * self._scale > threshold, voices[index], at_ms + index * FRAME_MS)
        self._follow(energies, quietest)
        return changed

    def _judge(self, loud: bool, voice: int, at_ms: float) -> bool:
        if loud:
            self._loud += 1
            self._voiced = max(0, self._voiced + voice)
            self._quiet = 0
            return self._loud >= _BRIEFEST_FRAMES and self._voiced >= _VOICED_WINDOWS and self._start(at_ms)
        self._quiet += 1
        if self._started_ms is None:
            self._loud = self._voiced = 0
            return False
        return self._quiet == _PAUSE_FRAMES and self._end(at_ms - (_PAUSE_FRAMES - 1) * FRAME_MS)

    def _follow(self, energies: list[float], lowest: float) -> None:
        if lowest == self._filled:  # a gap does not make the line quieter
            lowest = min((energy for energy in energies if energy != self._filled), default=inf)
        self._window_min = min(self._window_min, lowest * self._scale)
        self._window_left -= len(energies)
        if self._window_left <= 0 and self._window_min < inf:
            self._minima.append(self._window_min)
            self._floor = min(self._minima)
            self._window_min, self._window_left = inf, _FLOOR_WINDOW_FRAMES

    def _start(self, at_ms: float) -> bool:
        if self._started_ms is not None:
            return False
        self._started_ms = at_ms - (min(self._loud, _BEFORE_VOICE_FRAMES) - 1) * FRAME_MS
        self.turns.append((self._started_ms, None))
        self._before = None
        return True

    def _end(self, at_ms: float) -> bool:
        assert self._started_ms is not None  # only a turn that began can end
        self.turns[-1] = (self._started_ms, at_ms)
        self._started_ms = None
        self._loud = self._voiced = 0
        return True

    def _voices(self, frames: Buffer, threshold: float) -> list[int]:
        """For each frame: what it and the one before it hold, as `voiced` says."""
        sound = np.frombuffer(frames, np.int16).astype(np.float32)
        step = self._samples // _HOP
        if step > 1:
            sound = sound.reshape(-1, step).sum(axis=1) * np.float32(1 / step)
        before = np.zeros(_HOP, np.float32) if self._before is None else self._before
        self._before = sound[-_HOP:]
        sound = np.concatenate((before, sound))
        count = len(sound) // _HOP - 1
        windows = np.ndarray((count, _WINDOW), np.float32, sound, 0, (4 * _HOP, 4))
        found: list[int] = voiced(windows, threshold, self._floor).tolist()
        return found


def voiced(windows: _Floats, threshold: float, floor: float) -> NDArray[np.int8]:
    """Which windows (n, 320) of 8 kHz sound hold a voice: 1, or a tone: less than -1, or neither: 0.

    threshold: the power that counts as loud. floor: the power of the noise around it, which hides how pure a tone is.
    """
    spectra = np.fft.rfft(windows, _FFT)
    power: _Floats = np.asarray(spectra.real**2 + spectra.imag**2, np.float32)
    power[:, :_LOW] = 0
    power[:, _HIGH:] = 0
    correlation = np.fft.irfft(power)
    energy = correlation[:, 0] + np.float32(1e-3)
    period = (correlation[:, _PITCH_LAGS] * _SHARE_OF_LAG).max(axis=1) / energy
    loud = np.maximum(np.vecdot(windows, windows), threshold * _WINDOW / 2)
    found: NDArray[np.int8] = ((period > _PERIODIC) & (energy > _BAND_SHARE * loud)).astype(np.int8)
    if found.any():
        tone = _purity(power, 0.0) > _TONAL
        tone &= _purity(power * _EMPHASIS, floor * _NOISE_IN_BAND) > _TONAL_EMPHASISED
        found[tone] = -_VOICED_WINDOWS
    return found


def _purity(power: _Floats, noise: float) -> _Floats:
    """The share of the two strongest tones in each spectrum, after `noise` is taken away."""
    total = power.sum(axis=1)
    power = power.copy()
    rows = np.arange(len(power))[:, None]
    tones = np.zeros(len(power), np.float32)
    for _ in range(2):
        bins = np.clip(power.argmax(axis=1)[:, None] + _PEAK, 0, power.shape[1] - 1)
        tones += power[rows, bins].sum(axis=1)
        power[rows, bins] = 0
    share: _Floats = tones / np.maximum(total - np.float32(noise), tones + np.float32(1e-3))
    return share
