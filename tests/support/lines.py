"""Telephone lines that give the agent's voice back, for the echo guard: digital sums, hybrids behind G.711, resampled legs.

Everything is made here from espeak voices and seeded noise; audio is float32 in units of one PCM16 step, shape (n,), at the line's rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from bridge.core.frames import Buffer
from bridge.core.speech import SpeechDetector
from local.carrier.resample import Resampler, through_g711
from local.speech.voice import Voice

Audio = NDArray[np.float32]
Path = Literal["sum", "resampled", "hybrid"]

SPOKEN_DBFS = -18.0  # what the voices are levelled to
FRAME_MS = 20
AGENT_LINES = (
    "Good morning, this is the clinic, how can I help you today?",
    "I have found a free appointment on Thursday at half past nine.",
    "Shall I book it for you, or would you rather come another day?",
)
CALLER_LINES = ("No, wait, I would like to come on Friday.", "Hold on, that is too early for me.")


def spoken(voice: Voice, texts: Sequence[str], rate_hz: int, pause_ms: int = 260, language: str = "en") -> Audio:
    """The sentences one after another."""
    pause = np.zeros(rate_hz * pause_ms // 1000, np.float32)
    parts: list[Audio] = []
    for text in texts:
        pcm = voice.say_now(text, language=language, rate_hz=rate_hz)
        parts += [np.frombuffer(pcm, "<i2").astype(np.float32), pause]
    return np.concatenate(parts)


def at_level(audio: Audio, decibels: float) -> Audio:
    """`audio` made louder by so much."""
    return audio * np.float32(10 ** (decibels / 20))


def delayed(audio: Audio, samples: int, length: int) -> Audio:
    out = np.zeros(length, np.float32)
    audio = audio[max(0, -samples) :]
    samples = max(0, samples)
    kept = max(0, min(len(audio), length - samples))
    out[samples : samples + kept] = audio[:kept]
    return out


def noise(length: int, dbfs: float, seed: int) -> Audio:
    level = 32_768 * 10 ** (dbfs / 20)
    return (np.random.default_rng(seed).standard_normal(length) * level).astype(np.float32)


def as_pcm(audio: Audio) -> NDArray[np.int16]:
    return np.clip(np.rint(audio), -32_768, 32_767).astype(np.int16)


def through_line(audio: Audio, leg_hz: int) -> NDArray[np.int16]:
    """What a leg of this rate hands on: G.711 at 8 kHz."""
    return through_g711(as_pcm(audio)) if leg_hz == 8_000 else as_pcm(audio)


def _converted(audio: Audio, from_hz: int, to_hz: int) -> Audio:
    return Resampler(from_hz, to_hz).process(as_pcm(audio)).astype(np.float32)


def _hybrid(rate_hz: int, seed: int) -> Audio:
    """What a two-wire line gives back: a first arrival and 6 ms of decaying ringing. Gain 1 for speech, roughly."""
    ringing = np.random.default_rng(seed).standard_normal(rate_hz * 6 // 1000)
    ringing *= np.exp(-np.arange(len(ringing)) / (rate_hz * 0.0015))
    ringing[0] = 2.0
    return (ringing / np.sqrt((ringing**2).sum())).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Line:
    """How the agent's voice comes back. delay_ms is at the start; `jump_ms` is added from `jump_at_ms` of its playing on; `gain_step_db`
    likewise. noise_dbfs None is a silent line."""

    rate_hz: int
    path: Path
    delay_ms: float
    gain_db: float | None  # None: it does not come back at all
    noise_dbfs: float | None = None
    jump_ms: float = 0.0
    gain_step_db: float = 0.0
    change_at_ms: float = 3_000.0
    seed: int = 1

    @property
    def _leg_hz(self) -> int:
        return self.rate_hz if self.path == "sum" else 8_000

    def _echo(self, agent: Audio, length: int) -> Audio:
        """At the leg's rate, `length` samples."""
        rate = self._leg_hz
        if self.gain_db is None:
            return np.zeros(length, np.float32)
        back = agent if rate == self.rate_hz else _converted(agent, self.rate_hz, rate)
        if self.path == "hybrid":
            back = through_g711(as_pcm(back)).astype(np.float32)
            back = np.convolve(back, _hybrid(rate, self.seed)).astype(np.float32)
        first = at_level(delayed(back, round(self.delay_ms * rate / 1000), length), self.gain_db)
        if not self.jump_ms and not self.gain_step_db:
            return first
        later = delayed(back, round((self.delay_ms + self.jump_ms) * rate / 1000), length)
        at = round((self.change_at_ms + self.delay_ms) * rate / 1000)
        return np.concatenate([first[:at], at_level(later, self.gain_db + self.gain_step_db)[at:]])

    def echo(self, agent: Audio, length: int) -> Audio:
        """The agent's voice as the line gives it back; `length` samples at the line's rate."""
        back = self._echo(agent, length * self._leg_hz // self.rate_hz)
        return back if self._leg_hz == self.rate_hz else _converted(back, self._leg_hz, self.rate_hz)

    def heard(self, agent: Audio, caller: Audio) -> NDArray[np.int16]:
        """The caller's channel: PCM16 at the line's rate, as long as `caller`."""
        narrow = self._leg_hz != self.rate_hz
        leg = _converted(caller, self.rate_hz, self._leg_hz) if narrow else caller
        mixed = leg + self._echo(agent, len(leg))
        if self.noise_dbfs is not None:
            mixed = mixed + noise(len(mixed), self.noise_dbfs, self.seed)
        if self.path == "hybrid":
            mixed = through_g711(as_pcm(mixed)).astype(np.float32)
        if narrow:
            mixed = _converted(mixed, self._leg_hz, self.rate_hz)
        return as_pcm(mixed)


class Guard(Protocol):
    """What `listen` puts between the line and the ear: the bridge's EchoGuard, or a broken one."""

    def played(self, pcm: bytes, at_ms: float) -> None: ...
    def flushed(self, at_ms: float) -> None: ...
    @property
    def is_listening(self) -> bool: ...
    def clean(self, frames: Buffer, at_ms: float) -> Buffer: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """line, cleaned: PCM16, what came and what the model would hear; turns: the detector's; reports: (at_ms, speaking), when it said so."""

    line: NDArray[np.int16]
    cleaned: NDArray[np.int16]
    turns: tuple[tuple[float, float | None], ...]
    reports: tuple[tuple[float, bool], ...]

    def false_turns(self, least_ms: float = 200) -> list[tuple[float, float | None]]:
        """Turns that are long enough to interrupt; whoever calls this knows that nobody spoke."""
        return [(begin, end) for begin, end in self.turns if end is None or end - begin >= least_ms]

    def noticed_after_ms(self, spoke_ms: float, within_ms: float = 3_000) -> float:
        """From the first sound of the caller until the detector reported them; infinite if it did not."""
        for at_ms, speaking in self.reports:
            if speaking and spoke_ms - 100 <= at_ms <= spoke_ms + within_ms:
                return at_ms - spoke_ms
        return float("inf")


def listen(
    line: Line,
    agent: Audio,
    caller: Audio,
    guard: Guard | None,
    *,
    starts_ms: int = 200,
    lead_ms: int = 160,
    flushed_ms: int | None = None,
    ear: Callable[[int], SpeechDetector] = SpeechDetector,
) -> Outcome:
    """A call of len(caller) samples in virtual time. The agent's audio is sent with a lead and is heard from `starts_ms` on, until
    `flushed_ms`."""
    rate, frame = line.rate_hz, line.rate_hz * FRAME_MS // 1000
    if flushed_ms is not None:
        agent = agent[: (flushed_ms - starts_ms) * rate // 1000]
    sent_pcm = as_pcm(agent)
    heard = line.heard(delayed(agent, rate * starts_ms // 1000, len(agent) + rate * starts_ms // 1000), caller)
    detector = ear(rate)
    cleaned: list[bytes] = []
    reports: list[tuple[float, bool]] = []
    sent = 0
    for at in range(0, len(caller) // frame * frame, frame):
        at_ms = at * 1000 / rate
        while guard and sent < len(sent_pcm) and starts_ms + sent * 1000 / rate < at_ms + FRAME_MS + lead_ms:
            guard.played(sent_pcm[sent : sent + frame].tobytes(), starts_ms + sent * 1000 / rate)
            sent += frame
        if guard and flushed_ms is not None and at_ms <= flushed_ms < at_ms + FRAME_MS:
            guard.flushed(flushed_ms)
        piece = heard[at : at + frame].tobytes()
        if guard and guard.is_listening:
            piece = bytes(guard.clean(piece, at_ms))
        cleaned.append(piece)
        if detector.hear(piece, at_ms):
            reports.append((at_ms + FRAME_MS, detector.is_speaking))
    whole = len(cleaned) * frame
    return Outcome(heard[:whole], np.frombuffer(b"".join(cleaned), np.int16), tuple(detector.turns), tuple(reports))


def left_over_db(cleaned: NDArray[np.int16], echo: Audio) -> float:
    """How much of the agent's voice is still in `cleaned`, against what the line gave back. Counts what is in step with it."""
    voice = echo[: len(cleaned)].astype(np.float64)
    share = float(cleaned[: len(voice)].astype(np.float64) @ voice) / float(voice @ voice)
    return float(20 * np.log10(abs(share) + 1e-6))
