"""Text to speech for the offline engine and the simulated caller: one espeak-ng worker process per Voice, reused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from local.speech.espeak import SpeechError
from local.speech.pipe import Worker
from local.speech.resample import resample
from local.speech.spoken import speakable

__all__ = ["AGENT", "CALLER", "Manner", "SpeechError", "Voice", "levelled", "trimmed"]

_LEVEL_DBFS = -18.0
_SOFT_LIMIT = 0.8  # of full scale: above it peaks are bent, not cut
_SILENCE = 0.003  # of full scale


@dataclass(frozen=True, slots=True)
class Manner:
    """How one language is spoken. voice: an espeak-ng voice name; gap: extra pause between words in 10 ms units."""

    voice: str
    wpm: int = 150
    pitch: int = 50
    gap: int = 0


AGENT: Mapping[str, Manner] = {"en": Manner("en", wpm=160), "sw": Manner("sw", wpm=150)}
CALLER: Mapping[str, Manner] = {"en": Manner("en-us+edward", wpm=155), "sw": Manner("sw+edward", wpm=150)}
_ROLES = {"agent": AGENT, "caller": CALLER}


class Voice:
    """Speaks for one role. Safe to use from several tasks and threads: they queue for the worker.

    role "caller" uses the voices that the recogniser understands best, "agent" a clearly different one.
    """

    def __init__(self, role: Literal["agent", "caller"] = "caller") -> None:
        self._manners = _ROLES[role]
        self._lock = threading.Lock()
        self._worker: Worker | None = None

    async def say(
        self, text: str, *, language: str = "en", wpm: int = 0, voice: str = "", rate_hz: int = 16_000
    ) -> bytes:
        """Mono PCM16 at rate_hz, speech at -18 dBFS, without silence around it. wpm 0 and voice "" mean the role's own.

        Raises SpeechError for an unknown language or voice, or when the worker died twice in a row.
        """
        return await asyncio.to_thread(self.say_now, text, language=language, wpm=wpm, voice=voice, rate_hz=rate_hz)

    def say_now(
        self, text: str, *, language: str = "en", wpm: int = 0, voice: str = "", rate_hz: int = 16_000
    ) -> bytes:
        """`say` for scripts: blocks for some 10 ms per sentence."""
        manner = self._manners.get(language)
        if manner is None:
            raise SpeechError(f"no voice speaks {language!r}")
        question = {
            "text": speakable(text, language),
            "voice": voice or manner.voice,
            "wpm": wpm or manner.wpm,
            "pitch": manner.pitch,
            "gap": manner.gap,
        }
        header, pcm = self._ask(question)
        if "error" in header:
            raise SpeechError(header["error"])
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
        spoken = levelled(resample(trimmed(samples), header["rate_hz"], rate_hz))
        return (spoken * 32767).round().astype("<i2").tobytes()

    def _ask(self, question: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            for _attempt in (1, 2):
                if self._worker is None:
                    self._worker = Worker("local.speech.espeak")
                try:
                    return self._worker.ask(question)
                except (EOFError, OSError):
                    self._worker.end()
                    self._worker = None
        raise SpeechError("the speech worker died twice in a row")

    @property
    def worker_pid(self) -> int | None:
        return self._worker.pid if self._worker else None

    def close(self) -> None:
        """Ends the worker. The next `say` starts another."""
        with self._lock:
            if self._worker is not None:
                self._worker.end()
                self._worker = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def trimmed(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Without the silence that espeak-ng puts around a sentence. samples: shape (n,), full scale 1.0."""
    (loud,) = np.nonzero(np.abs(samples) > _SILENCE)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def levelled(samples: npt.NDArray[np.float32], dbfs: float = _LEVEL_DBFS) -> npt.NDArray[np.float32]:
    """Speech at `dbfs` rms (pauses not counted), peaks bent softly below full scale. samples: shape (n,), full scale 1.0."""
    voiced = samples[np.abs(samples) > _SILENCE]
    if not len(voiced):
        return samples
    scaled = samples * (10 ** (dbfs / 20) / float(np.sqrt(np.mean(voiced**2))))
    over = np.abs(scaled) > _SOFT_LIMIT
    room = 1 - _SOFT_LIMIT
    bent = np.sign(scaled) * (_SOFT_LIMIT + room * np.tanh((np.abs(scaled) - _SOFT_LIMIT) / room))
    return np.where(over, bent, scaled)
