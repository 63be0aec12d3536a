"""Who picks up and is no person: an answering machine, a fax, a line on which nobody speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from local.carrier.party import RATE_HZ

GREETINGS = {
    "en": "Hello. You have reached my mailbox. I cannot take your call right now. Please leave a message after the tone.",
    "sw": "Habari. Siwezi kupokea simu yako kwa sasa. Tafadhali acha ujumbe baada ya mlio.",
}
"""What a machine says if nobody has spoken a greeting on it, by language."""

_TONE_PEAK = 8_000  # of 32,768
_FADE_MS = 5  # a tone that begins at once clicks
_NOISE_SIGMA = 3.0  # of 32,768: of a line on which nobody speaks
_NOISE_MS = 4_000
_CED_HZ, _CED_MS = 2_100, 3_000  # ITU-T T.30: the called station, 2.6 to 4.0 s
_CNG_HZ, _CNG_MS, _CNG_PAUSE_MS = 1_100, 500, 3_000  # ITU-T T.30: the calling station
_V21_MARK_HZ, _V21_SPACE_HZ, _V21_BAUD = (
    1_650,
    1_850,
    300,
)  # ITU-T V.21, channel 2: what the answering side sends its data by
_FLAGS = [0, 1, 1, 1, 1, 1, 1, 0] * 37  # HDLC flags, about a second of them: the preamble of T.30


def tone(hz: float, duration_ms: int, peak: int = _TONE_PEAK) -> bytes:
    """16 kHz mono PCM16LE."""
    at = np.arange(RATE_HZ * duration_ms // 1000) / RATE_HZ
    return _faded(peak * np.sin(2 * np.pi * hz * at))


def quiet(duration_ms: int) -> bytes:
    return bytes(2 * (RATE_HZ * duration_ms // 1000))


def noise(duration_ms: int, sigma: float = _NOISE_SIGMA, seed: int = 5) -> bytes:
    """16 kHz mono PCM16LE. The same for the same seed."""
    drawn = np.random.default_rng(seed).normal(0.0, sigma, RATE_HZ * duration_ms // 1000)
    return np.clip(np.rint(drawn), -32768, 32767).astype("<i2").tobytes()


def _faded(wave: NDArray[np.float64]) -> bytes:
    edge = min(RATE_HZ * _FADE_MS // 1000, len(wave) // 2)
    if edge:
        slope = np.linspace(0.0, 1.0, edge)
        wave[:edge] *= slope
        wave[-edge:] *= slope[::-1]
    return np.rint(wave).astype("<i2").tobytes()


def _keyed(bits: Sequence[int]) -> bytes:
    """Bits as V.21 sends them: one pitch for each value, without a jump of phase between them."""
    ends = np.rint(RATE_HZ * np.arange(len(bits) + 1) / _V21_BAUD).astype(int)
    pitch = np.repeat(np.where(bits, _V21_MARK_HZ, _V21_SPACE_HZ), np.diff(ends))
    return _faded(_TONE_PEAK * np.sin(2 * np.pi * np.cumsum(pitch) / RATE_HZ))


class _Apparatus:
    """A Party that plays `sound` once, or over and over, then `behind`, and hangs up `stays_ms` after the answer.

    heard: everything that was played to it since the answer, 16 kHz mono PCM16LE.
    """

    def __init__(self, sound: bytes, *, behind: bytes, stays_ms: int, repeats: bool = False) -> None:
        self.hung_up = False
        self.is_answered = False
        self.heard = bytearray()
        self._sound, self._behind = sound, behind
        self._repeats = repeats
        self._stays_ms = stays_ms
        self._at = 0

    @property
    def answered_ms(self) -> int:
        """How long ago it picked up."""
        return 1000 * (self._at // 2) // RATE_HZ

    def answered(self) -> None:
        self.is_answered = True

    def speak(self, samples: int) -> bytes:
        start, self._at = self._at, self._at + 2 * samples
        self.hung_up = self.hung_up or self.answered_ms > self._stays_ms
        if self._repeats:
            return _wrapped(self._sound, start, 2 * samples)
        played = self._sound[start : start + 2 * samples]
        missing = 2 * samples - len(played)
        return played + _wrapped(self._behind, max(0, start - len(self._sound)), missing) if missing else played

    def hear(self, pcm: bytes) -> None:
        self.heard += pcm

    def ended(self) -> None:
        self.hung_up = True


def _wrapped(sound: bytes, start: int, size: int) -> bytes:
    """`size` bytes from `start` on of `sound` played over and over."""
    first = start % len(sound)
    return (sound[first:] + sound * (1 + size // len(sound)))[:size]


class AnsweringMachine(_Apparatus):
    """Says its greeting, beeps, and records what it hears, for `records_s` at most.

    greeting: 16 kHz mono PCM16LE, b"" for a mailbox that only beeps. waits_ms: before it. pause_ms: between greeting and beep. beep_ms: 0
    for a machine without a beep.
    """

    def __init__(
        self,
        greeting: bytes,
        *,
        waits_ms: int = 300,
        pause_ms: int = 500,
        beep_hz: float = 1_000.0,
        beep_ms: int = 400,
        records_s: float = 30.0,
    ) -> None:
        self.greeting_from_ms = waits_ms
        sound = quiet(waits_ms) + greeting + quiet(pause_ms) + tone(beep_hz, beep_ms)
        self.records_from_ms = 1000 * (len(sound) // 2) // RATE_HZ
        """From the answer on: where its beep is over."""
        stays_ms = self.records_from_ms + int(1000 * records_s)
        super().__init__(_on_a_line(sound), behind=noise(_NOISE_MS), stays_ms=stays_ms)

    @property
    def recorded(self) -> bytes:
        """What stands on it: all that it heard since its beep was over. 16 kHz mono PCM16LE."""
        return bytes(self.heard[2 * (RATE_HZ * self.records_from_ms // 1000) :])


class Fax(_Apparatus):
    """A fax that picks up: its 2,100 Hz, then its preamble of data, three times. calls: one that calls, and says 1,100 Hz every 3.5 s."""

    def __init__(self, *, calls: bool = False, stays_s: float = 35.0) -> None:
        self.calls = calls
        sound = tone(_CNG_HZ, _CNG_MS) + quiet(_CNG_PAUSE_MS)
        if not calls:
            sound = quiet(200) + tone(_CED_HZ, _CED_MS) + 3 * (quiet(80) + _keyed(_FLAGS) + quiet(2_500))
        super().__init__(_on_a_line(sound), behind=noise(_NOISE_MS), stays_ms=int(1000 * stays_s), repeats=calls)


class Mute(_Apparatus):
    """Somebody, or something, that picks up and says nothing. sigma: of the line's noise, of 32,768; 0 for digital silence."""

    def __init__(self, *, sigma: float = 0.0, stays_s: float = 60.0) -> None:
        line = noise(_NOISE_MS, sigma) if sigma else quiet(_NOISE_MS)
        super().__init__(b"", behind=line, stays_ms=int(1000 * stays_s))


Kind = Literal["machine", "fax", "calling_fax", "silence", "noise"]
KINDS: tuple[Kind, ...] = ("machine", "fax", "calling_fax", "silence", "noise")
NOISY_SIGMA = 60.0  # of a line with somebody's street on it and nobody's voice


def apparatus(kind: Kind, greeting: bytes = b"") -> AnsweringMachine | Fax | Mute:
    """A new one of a kind; `greeting` is the machine's."""
    match kind:
        case "machine":
            return AnsweringMachine(greeting)
        case "fax" | "calling_fax":
            return Fax(calls=kind == "calling_fax")
        case "silence" | "noise":
            return Mute(sigma=NOISY_SIGMA if kind == "noise" else 0.0)


def _on_a_line(sound: bytes) -> bytes:
    """With the noise that every line has."""
    clean = np.frombuffer(sound, dtype="<i2").astype(np.float64)
    drawn = np.random.default_rng(7).normal(0.0, _NOISE_SIGMA, len(clean))
    return np.clip(np.rint(clean + drawn), -32768, 32767).astype("<i2").tobytes()
