"""Collects the caller's turns as the session marks them, ready to be transcribed."""

from __future__ import annotations

from bridge.core.cascade_frames import CascadeLimits
from bridge.core.frames import Buffer

_BRIEFEST_MS = 120  # a shorter turn holds no word, even with what came just before it


class CallerTurns:
    """Audio is kept while the caller speaks. Of what comes outside a turn the last moment is kept, because a word's soft beginning is heard
    before it is known to be one, and may be sent before the turn is announced."""

    def __init__(self, rate_hz: int, limits: CascadeLimits) -> None:
        self._bytes_per_ms = rate_hz * 2 // 1000
        self._limits = limits
        self._before = bytearray()
        self._turn = bytearray()
        self._finished: bytearray | None = None  # turns that are over and not yet taken
        self.is_speaking = False

    def hear(self, frame: Buffer) -> None:
        kept, limit_ms = (
            (self._turn, self._limits.utterance_ms) if self.is_speaking else (self._before, self._limits.pre_roll_ms)
        )
        kept += frame
        if (excess := len(kept) - limit_ms * self._bytes_per_ms) > 0:
            del kept[:excess]

    def begin(self) -> None:
        if not self.is_speaking:
            self.is_speaking = True
            self._turn += self._before
            self._before.clear()

    def end(self) -> None:
        """Turns that follow one another before they can be transcribed are one to whoever listens."""
        if not self.is_speaking:
            return
        self.is_speaking = False
        self._finished = (self._finished or bytearray()) + self._turn
        del self._finished[: max(0, len(self._finished) - self._limits.utterance_ms * self._bytes_per_ms)]
        self._turn.clear()

    def take(self) -> bytes | None:
        """What is to be transcribed, once; None: nothing is, empty: the caller said nothing."""
        if self._finished is None:
            return None
        pcm, self._finished = bytes(self._finished), None
        return pcm if len(pcm) >= _BRIEFEST_MS * self._bytes_per_ms else b""
