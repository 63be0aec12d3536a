"""Tones on a telephone line: what fax machines, exchanges and answering machines say without words.

Sound is looked at in windows of 40 ms. A tone is pure when nearly all of the telephone's band is one frequency; a voice is never that for
longer than a vowel, and never on one pitch. Two tones at once, as keys send them, are not pure and so are nothing here; two that lie close
together, as in some ringing tones, are one that wavers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import inf

import numpy as np
from numpy.typing import NDArray

EAR_HZ = 8_000
WINDOW_MS = 40
WINDOW = EAR_HZ * WINDOW_MS // 1000

_FFT = 512
_HANN = np.hanning(WINDOW).astype(np.float32)
_LOW, _HIGH = 200 * _FFT // EAR_HZ, 3_900 * _FFT // EAR_HZ
_WIDTH = np.arange(-4, 5)  # the window's main lobe: 63 Hz each way
_PURE = 0.85  # share of the band; a tone 9 dB above white noise still has it
_STEADY_HZ = 20.0  # sung and spoken pitch moves more within 100 ms
_DATA = slice(
    1_550 * _FFT // EAR_HZ, 1_950 * _FFT // EAR_HZ
)  # both frequencies of V.21's answering side, 1,650 and 1,850 Hz
_DATA_SHARE = 0.8
_MISFIT = 0.9  # a square wave fits still, and a tone 6 dB above white noise
_WAVERS = 0.06  # 30 to 60 Hz within the band
_DATA_CONSTANT = (0.1, 0.75)  # 2 cos of 1,525 to 1,935 Hz
_TONES_KEPT = 48

Floats = NDArray[np.float32]


@dataclass(slots=True)
class Tone:
    """One steady tone; times are the line's, in milliseconds. `is_over` once something else, or nothing, followed it."""

    hz: float
    began_ms: float
    until_ms: float
    is_over: bool = False

    @property
    def lasts_ms(self) -> float:
        return self.until_ms - self.began_ms

    def lies(self, low_hz: float, high_hz: float) -> bool:
        return low_hz <= self.hz <= high_hz


class ToneEar:
    """`tones`: the steady tones so far, oldest first, from the second window on. `data_ms`: how long a modem has been sending."""

    def __init__(self) -> None:
        self.tones: list[Tone] = []
        self.data_ms = 0.0
        self._constant = 0.0  # of the last window
        self._last: Tone | None = None  # of the last window; not listed before a second one agrees

    def hear(self, windows: Floats, at_ms: float) -> list[bool]:
        """windows: shape (n, 320), 8 kHz, one after another; the first began at `at_ms`. Which of them are tones."""
        worth = self._worth_a_look(windows)
        looked_at = np.flatnonzero(worth)
        if not len(looked_at):
            self.quiet()
            return [False] * len(windows)
        hertz, share, data = np.zeros((3, len(windows)), np.float32)
        hertz[looked_at], share[looked_at], data[looked_at] = analysed(windows[looked_at])
        return [
            self._window(float(hertz[i]), bool(share[i] > _PURE), bool(data[i] > _DATA_SHARE), at_ms + i * WINDOW_MS)
            for i in range(len(windows))
        ]

    def _worth_a_look(self, windows: Floats) -> NDArray[np.bool_]:
        """Which windows may be one tone, or a modem's two. For a sine the sum of a sample's neighbours is the sample times a constant,
        which is cheap to find; most speech fits no constant for two windows running."""
        middle, around = windows[:, 1:-1], windows[:, :-2] + windows[:, 2:]
        energy = np.vecdot(middle, middle) + np.float32(1.0)
        constant = np.vecdot(around, middle) / energy
        misfit = np.vecdot(around, around) / energy - constant**2
        fits = misfit < _MISFIT
        before = np.empty_like(constant)
        before[0], before[1:] = self._constant, constant[:-1]
        steady = fits & (np.abs(constant - before) < _WAVERS)
        steady[:-1] |= steady[1:]
        self._constant = float(constant[-1])
        is_data: NDArray[np.bool_] = fits & (constant > _DATA_CONSTANT[0]) & (constant < _DATA_CONSTANT[1])
        worth: NDArray[np.bool_] = steady | is_data
        return worth

    def quiet(self) -> None:
        """A window in which nothing is loud enough to be looked at."""
        self.data_ms = 0.0
        self._end()

    def _window(self, hertz: float, is_pure: bool, is_data: bool, at_ms: float) -> bool:
        self.data_ms = self.data_ms + WINDOW_MS if is_data and not is_pure else 0.0 if not is_data else self.data_ms
        last = self._last
        if not is_pure:
            self._end()
            return False
        if last is None or abs(hertz - last.hz) > _STEADY_HZ:
            self._end()
            self._last = Tone(hertz, at_ms, at_ms + WINDOW_MS)
            return True
        if last.lasts_ms == WINDOW_MS:
            self.tones.append(last)
            del self.tones[:-_TONES_KEPT]
        count = last.lasts_ms / WINDOW_MS
        last.hz += (hertz - last.hz) / (count + 1)
        last.until_ms = at_ms + WINDOW_MS
        return True

    def _end(self) -> None:
        if self._last is not None:
            self._last.is_over = True
            self._last = None


def analysed(windows: Floats) -> tuple[Floats, Floats, Floats]:
    """For each window (n, 320): the strongest frequency in Hz, its share of the band, and the share that lies where V.21 answers."""
    spectra = np.fft.rfft(windows * _HANN, _FFT)
    power: Floats = np.asarray(spectra.real**2 + spectra.imag**2, np.float32)
    total = power[:, _LOW:_HIGH].sum(axis=1) + np.float32(1e-3)
    peak = power[:, _LOW:_HIGH].argmax(axis=1) + _LOW
    rows = np.arange(len(windows))
    share: Floats = power[rows[:, None], peak[:, None] + _WIDTH].sum(axis=1) / total
    left, top, right = np.log(power[rows, peak + np.array([[-1], [0], [1]])] + np.float32(1e-6))
    bend = left - 2 * top + right
    offset = np.where(bend < -1e-6, (left - right) / np.minimum(2 * bend, np.float32(-1e-6)), 0)
    hertz: Floats = np.asarray((peak + offset) * (EAR_HZ / _FFT), np.float32)
    return hertz, share, power[:, _DATA].sum(axis=1) / total


# --- what tones mean -------------------------------------------------------------------------------------------------------


class Signal(StrEnum):
    FAX_ANSWERS = "fax_answers"
    FAX_CALLS = "fax_calls"
    FAX_SENDS = "fax_sends"
    INFORMATION = "information"  # the exchange's three rising tones before an announcement
    BUSY = "busy"


_ANSWER_TONE = (
    2_075.0,
    2_125.0,
)  # CED and ANSam: ITU-T T.30 § 4.3.3.2 and V.8, 2,100 Hz ± 15; ours is for 40 ms windows
_ANSWER_TONE_MS = (
    600  # 2.6 to 4 s; with its phases reversed every 450 ms it comes in pieces; no beep is that long at that pitch
)
_CALLING_TONE = (1_060.0, 1_140.0)  # CNG: T.30 § 4.3.3.3, 1,100 Hz ± 38
_CALLING_TONE_MS = (340, 700)  # 0.5 s on, 3 s off, 15 % each way
_CALLING_PERIOD_MS = (2_900, 4_200)
CALLING_AGAIN_MS = 4_400  # by then a second one has come, or it was none
_DATA_MS = 320
_RISING = ((890.0, 1_010.0), (1_345.0, 1_455.0), (1_750.0, 1_850.0))  # ITU-T E.180: 950, 1,400, 1,800 Hz ± 50
_RISING_MS = (120, 520)
_RISING_GAP_MS = 120
_EXCHANGE = (330.0, 520.0)  # dial, ringing and busy tones all over the world: 350 to 490 Hz
_BUSY_PERIOD_MS = 1_200  # ringing is slower
_BUSY_BURSTS = 4
_BUSY_PAUSE_MS = 160


def signal_in(tones: Sequence[Tone], data_ms: float) -> Signal | None:
    """What a machine announces itself with, if it has."""
    if data_ms >= _DATA_MS:
        return Signal.FAX_SENDS
    if sum(tone.lasts_ms for tone in tones if tone.lies(*_ANSWER_TONE)) >= _ANSWER_TONE_MS:
        return Signal.FAX_ANSWERS
    if any(_follow(*pair) for pair in _pairs([tone for tone in tones if is_calling_tone(tone)])):
        return Signal.FAX_CALLS
    if any(_rise(tones[at : at + 3]) for at in range(len(tones) - 2)):
        return Signal.INFORMATION
    return Signal.BUSY if _is_busy([tone for tone in tones if is_of_exchange(tone)]) else None


def is_calling_tone(tone: Tone) -> bool:
    """Whether this may be a fax that calls: another one after 3 s tells it from a beep."""
    return tone.lies(*_CALLING_TONE) and _CALLING_TONE_MS[0] <= tone.lasts_ms <= _CALLING_TONE_MS[1]


def may_be_fax(tone: Tone) -> bool:
    """Whether it has the pitch of a fax that answers: only its length tells it from a beep."""
    return tone.lies(*_ANSWER_TONE)


def is_of_exchange(tone: Tone) -> bool:
    """Whether it has the pitch of ringing and busy tones."""
    return tone.lies(*_EXCHANGE)


def _pairs(tones: Sequence[Tone]) -> list[tuple[Tone, Tone]]:
    return [(one, other) for at, one in enumerate(tones) for other in tones[at + 1 :]]


def _follow(one: Tone, other: Tone) -> bool:
    return _CALLING_PERIOD_MS[0] <= other.began_ms - one.began_ms <= _CALLING_PERIOD_MS[1]


def _rise(three: Sequence[Tone]) -> bool:
    gaps = (later.began_ms - earlier.until_ms for earlier, later in pairwise(three))
    fits = (
        tone.lies(*band) and _RISING_MS[0] <= tone.lasts_ms <= _RISING_MS[1]
        for tone, band in zip(three, _RISING, strict=True)
    )
    return all(fits) and all(gap <= _RISING_GAP_MS for gap in gaps)


def _is_busy(tones: Sequence[Tone]) -> bool:
    """Two tones that waver look like one that is interrupted: only a real pause makes two bursts."""
    began_ms: list[float] = []
    until_ms = -inf
    for tone in tones:
        if tone.began_ms - until_ms >= _BUSY_PAUSE_MS:
            began_ms.append(tone.began_ms)
        until_ms = tone.until_ms
    latest = began_ms[-_BUSY_BURSTS:]
    return len(latest) == _BUSY_BURSTS and all(b - a <= _BUSY_PERIOD_MS for a, b in pairwise(latest))
