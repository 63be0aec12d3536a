"""The mouth: pre-synthesised speech and the faint noise of a line on which nobody speaks."""

from __future__ import annotations

from typing import Protocol

import numpy as np

RATE_HZ = 16_000
NOISE_SIGMA = 3.0
"""Of 32,768: enough that no frame is digital silence, far below any speech threshold."""
_NOISE_MS = 4000


class Speaker(Protocol):
    """Text to speech, as local.speech offers it."""

    async def say(
        self, text: str, *, language: str = ..., wpm: int = ..., voice: str = ..., rate_hz: int = ...
    ) -> bytes:
        """Mono PCM16LE at rate_hz."""


class LineNoise:
    """An endless supply of faint noise; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        noise = np.random.default_rng(seed).normal(0.0, NOISE_SIGMA, RATE_HZ * _NOISE_MS // 1000)
        self._noise = np.rint(noise).astype("<i2").tobytes()
        self._at = 0

    def quiet(self, samples: int) -> bytes:
        """16 kHz mono PCM16LE; b"" for none. At most four seconds at a time."""
        if samples <= 0:
            return b""
        start = self._at % (len(self._noise) - 2 * samples)
        self._at += 2 * samples
        return self._noise[start : start + 2 * samples]


def with_noise(pcm: bytes, seed: int) -> bytes:
    """Speech (16 kHz mono PCM16LE) as it sounds over the same line."""
    speech = np.frombuffer(pcm, dtype="<i2")
    noise = np.random.default_rng(seed + 1).normal(0.0, NOISE_SIGMA, len(speech))
    mixed: bytes = np.clip(np.rint(speech + noise), -32768, 32767).astype("<i2").tobytes()
    return mixed
