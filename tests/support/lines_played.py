"""A switch that plays what it is sent on the call's clock, for tests of what was heard to the sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridge.core.frames import FlushSwitch
from bridge.core.voice import Voice

_Samples = NDArray[np.uint16]
_NOTHING: _Samples = np.zeros(0, np.uint16)


def numbered(samples: int, start: int = 0) -> bytes:
    """Sample k has the value start + k + 1: it can be recognised wherever it is heard (up to 65,535 of them)."""
    return (np.arange(start, start + samples, dtype="<u2") + 1).tobytes()


class ClockedSwitch:
    """Plays each sample when its turn comes, without delay; killAudio drops what was not played yet. Silence between messages is left out.
    A sample half way through its time at a kill was heard, as the ledger rounds."""

    def __init__(self, rate_hz: int) -> None:
        self._per_ms = rate_hz / 1000
        self._heard: list[_Samples] = []
        self._queue: _Samples = _NOTHING
        self._from_ms = 0.0  # when the first of the queue is played

    def run(self, voice: Voice, start_ms: float, until_ms: float) -> list[bytes]:
        """Let the voice send what is due, as a shell with perfect timers would; returns the messages."""
        now, messages = start_ms, []
        while now <= until_ms:
            while (message := voice.pacer.pull(now)) is not None:
                messages.append(bytes(message))
                self._receive(messages[-1], now)
            now = max(now + 0.5, min(voice.pacer.wake_ms, until_ms + 1))
        self._play(until_ms)
        return messages

    def obey(self, order: FlushSwitch | None, now_ms: float) -> None:
        self._play(now_ms)
        if order is not None:
            self._receive(order.zeros, now_ms)
            if order.kill:
                self._queue = _NOTHING

    def heard(self) -> list[int]:
        """The samples played so far."""
        return list(np.concatenate((_NOTHING, *self._heard)).tolist())

    def _receive(self, message: bytes, now_ms: float) -> None:
        self._play(now_ms)
        if not len(self._queue):
            self._from_ms = now_ms
        self._queue = np.concatenate((self._queue, np.frombuffer(message, "<u2")))

    def _play(self, now_ms: float) -> None:
        played = min(len(self._queue), max(0, round((now_ms - self._from_ms) * self._per_ms)))
        if played:
            self._heard.append(self._queue[:played])
            self._queue = self._queue[played:]
            self._from_ms += played / self._per_ms
