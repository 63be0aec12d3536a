"""Finds the caller's utterances in continuous audio, by energy over a tracked noise floor.

Counts received audio, not wall time: audio that stops coming freezes the end of a turn, as it does with the real API.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

RATE_HZ = 16_000
FRAME_SAMPLES = 320
FRAME_BYTES = 2 * FRAME_SAMPLES
FRAME_MS = 20
MIN_SPEECH_RMS = 120.0  # of 32,768
ABOVE_FLOOR = 4.0
ONSET_FRAMES = 3  # 60 ms of speech begin a turn
END_FRAMES = 32  # 640 ms of silence end one
PRE_ROLL_FRAMES = 15  # the soft beginning of the first word belongs to it
MAX_FRAMES = 15_000 // FRAME_MS
UNDER_WAY_BYTES = 15 * FRAME_BYTES  # 300 ms into an utterance
TOLD_BYTES_AT_MOST = 60 * 2 * RATE_HZ


@dataclass(slots=True)
class Heard:
    """What one piece of audio brought: the caller began to speak, is in the middle of it, or finished `utterance` (16 kHz mono PCM16LE)."""

    began: bool = False
    utterance: bytes | None = None
    is_under_way: bool = False


@dataclass(slots=True)
class Ear:
    _rest: bytes = b""
    _floor: float = 20.0
    _recent: deque[bytes] = field(default_factory=lambda: deque(maxlen=PRE_ROLL_FRAMES))
    _speech: list[bytes] = field(default_factory=list)
    _loud_run: int = 0
    _quiet_run: int = 0

    @property
    def is_hearing(self) -> bool:
        return bool(self._speech)

    def feed(self, pcm: bytes) -> list[Heard]:
        """16 kHz mono PCM16LE of any length."""
        audio = self._rest + pcm
        whole = len(audio) - len(audio) % FRAME_BYTES
        self._rest = audio[whole:]
        frames = (audio[start : start + FRAME_BYTES] for start in range(0, whole, FRAME_BYTES))
        return [heard for frame in frames if (heard := self._frame(frame))]

    def end(self) -> Heard | None:
        """The audio stops here: what was being said is complete."""
        utterance, self._speech = b"".join(self._speech), []
        self._rest, self._loud_run, self._quiet_run = b"", 0, 0
        self._recent.clear()
        return Heard(utterance=utterance) if utterance else None

    def _frame(self, frame: bytes) -> Heard | None:
        samples = np.frombuffer(frame, "<i2").astype(np.float32)
        rms = math.sqrt(float(samples.dot(samples)) / FRAME_SAMPLES)
        is_loud = rms > max(MIN_SPEECH_RMS, ABOVE_FLOOR * self._floor)
        if not is_loud:
            self._floor += 0.05 * (rms - self._floor)
        if not self._speech:
            return self._listen(frame, is_loud)
        self._speech.append(frame)
        self._quiet_run = 0 if is_loud else self._quiet_run + 1
        if self._quiet_run < END_FRAMES and len(self._speech) < MAX_FRAMES:
            return None
        utterance, self._speech = b"".join(self._speech), []
        self._loud_run = self._quiet_run = 0
        return Heard(utterance=utterance)

    def _listen(self, frame: bytes, is_loud: bool) -> Heard | None:
        self._recent.append(frame)
        self._loud_run = self._loud_run + 1 if is_loud else 0
        if self._loud_run < ONSET_FRAMES:
            return None
        self._speech = list(self._recent)
        self._recent.clear()
        return Heard(began=True)


@dataclass(slots=True)
class Listener:
    """Finds utterances with an ear, or (`is_told`) takes the client's word for where they begin and end."""

    is_told: bool = False
    _ear: Ear = field(default_factory=Ear)
    _told: bytearray = field(default_factory=bytearray)
    _until_under_way: int = 0  # bytes; 0: not in an utterance, or past that point

    def feed(self, pcm: bytes) -> list[Heard]:
        """16 kHz mono PCM16LE of any length."""
        if self.is_told:
            self._told += pcm
            del self._told[:-TOLD_BYTES_AT_MOST]
            news: list[Heard] = []
        else:
            news = self._ear.feed(pcm)
        for heard in news:
            self._until_under_way = UNDER_WAY_BYTES + len(pcm) if heard.began else 0
        return [*news, *self._progress(len(pcm))]

    def _progress(self, size: int) -> list[Heard]:
        if not self._until_under_way:
            return []
        self._until_under_way = max(0, self._until_under_way - size)
        return [] if self._until_under_way else [Heard(is_under_way=True)]

    def begin(self) -> list[Heard]:
        """The client says that the caller begins to speak."""
        self._told.clear()
        self._until_under_way = UNDER_WAY_BYTES
        return [Heard(began=True)]

    def end(self) -> list[Heard]:
        """The client says that the caller has finished."""
        self._until_under_way = 0
        if not self.is_told:
            last = self._ear.end()
            return [last] if last else []
        utterance = bytes(self._told)
        self._told.clear()
        return [Heard(utterance=utterance)] if utterance else []

    def clear(self) -> None:
        """What was heard and not finished is forgotten."""
        self._told.clear()
        self._ear.end()
        self._until_under_way = 0
