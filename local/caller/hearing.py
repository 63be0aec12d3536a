"""The ear: finds the other side's speech in what arrives every 20 ms, by energy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FRAME_MS = 20
SPEECH_RMS = 100.0  # of 32,768; a telephone line's own noise stays near 3
ONSET_MS = 40  # of speech, so that a click is not a voice
END_SILENCE_MS = 700


@dataclass(slots=True)
class Heard:
    """One turn of the other side. end_ms is None while it lasts."""

    start_ms: int
    end_ms: int | None = None


class Hearing:
    """`hear` every frame; times are milliseconds of audio heard so far."""

    def __init__(self, end_silence_ms: int = END_SILENCE_MS) -> None:
        self.turns: list[Heard] = []
        self.now_ms = 0
        self._end_silence_ms = end_silence_ms
        self._loud_ms = 0
        self._last_loud_ms = 0

    @property
    def is_speaking(self) -> bool:
        """True from the 40th millisecond of speech until 700 ms of silence."""
        return bool(self.turns) and self.turns[-1].end_ms is None

    @property
    def speech_ms(self) -> int:
        """How long the current turn has lasted; 0 outside a turn."""
        return self.now_ms - self.turns[-1].start_ms if self.is_speaking else 0

    @property
    def silence_ms(self) -> int:
        """Since the last loud frame, or since the beginning."""
        return self.now_ms - self._last_loud_ms

    def hear(self, pcm: bytes) -> None:
        """One frame, 16 kHz mono PCM16LE, 20 ms."""
        self.now_ms += FRAME_MS
        if _is_loud(pcm):
            self._loud_ms += FRAME_MS
            self._last_loud_ms = self.now_ms
            if not self.is_speaking and self._loud_ms >= ONSET_MS:
                self.turns.append(Heard(self.now_ms - self._loud_ms))
            return
        self._loud_ms = 0
        if self.is_speaking and self.silence_ms >= self._end_silence_ms:
            self.turns[-1].end_ms = self._last_loud_ms


def _is_loud(pcm: bytes) -> bool:
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    return bool(samples.dot(samples) > SPEECH_RMS**2 * len(samples))
