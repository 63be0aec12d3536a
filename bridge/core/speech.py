"""The bridge's own ear on the caller: energy over an adaptive floor, in 20 ms frames.

It decides nothing about turns in the conversation (the model does); it attests when the caller spoke, for confirmations, for the idle
timer and for latency figures. The floor is the quietest frame of the last two seconds, so a steady noise stops counting as speech within
two seconds while speech, which pauses, keeps counting.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from bridge.core.frames import FRAME_MS, Buffer

_EVERY = 4  # every fourth sample is enough for an energy
_LOUDER = 6.0  # speech is at least this much (8 dB) above the floor
_QUIETEST = 90.0**2  # and above -51 dBFS
_BRIEFEST_FRAMES = 3  # 60 ms
_PAUSE_FRAMES = 9  # 180 ms of quiet end a turn
_FLOOR_WINDOW_FRAMES = 25
_TURNS_KEPT = 64


class SpeechDetector:
    """`turns` holds (started_ms, ended_ms) of the caller's turns, oldest first; the running one has ended_ms None."""

    def __init__(self, rate_hz: int) -> None:
        self.listen_at(rate_hz)
        self._minima: deque[float] = deque([_QUIETEST], maxlen=4)
        self._floor = _QUIETEST
        self._window_min = float("inf")
        self._window_left = _FLOOR_WINDOW_FRAMES
        self._loud = 0
        self._quiet = 0
        self._started_ms: float | None = None
        self.turns: deque[tuple[float, float | None]] = deque(maxlen=_TURNS_KEPT)

    def listen_at(self, rate_hz: int) -> None:
        """The frames that follow have this rate."""
        self._samples = rate_hz * FRAME_MS // 1000
        self._scale = _EVERY / self._samples

    @property
    def is_speaking(self) -> bool:
        return self._started_ms is not None

    def hear(self, frames: Buffer, at_ms: float) -> bool:
        """Whole 20 ms frames, the first of which began at `at_ms`. True if a turn began or ended. Several frames at once cost little more
        than one."""
        signal = np.frombuffer(frames, np.int16)[::_EVERY].astype(np.float32).reshape(-1, self._samples // _EVERY)
        energies: list[float] = np.vecdot(signal, signal).tolist()
        highest, lowest = max(energies) * self._scale, min(energies) * self._scale
        threshold = max(_QUIETEST, min(self._floor, self._window_min) * _LOUDER)
        if highest <= threshold and self._started_ms is None:
            self._loud = 0
            self._follow(lowest, len(energies))
            return False
        if lowest > threshold and self._started_ms is not None:
            self._quiet = 0
            self._follow(lowest, len(energies))
            return False
        changed = False
        for index, energy in enumerate(energies):
            changed |= self._judge(energy * self._scale > threshold, at_ms + index * FRAME_MS)
        self._follow(lowest, len(energies))
        return changed

    def _judge(self, loud: bool, at_ms: float) -> bool:
        if loud:
            self._loud += 1
            self._quiet = 0
            return self._loud == _BRIEFEST_FRAMES and self._start(at_ms - (_BRIEFEST_FRAMES - 1) * FRAME_MS)
        self._quiet += 1
        if self._started_ms is None:
            self._loud = 0
            return False
        return self._quiet == _PAUSE_FRAMES and self._end(at_ms - (_PAUSE_FRAMES - 1) * FRAME_MS)

    def _follow(self, lowest: float, frames: int) -> None:
        self._window_min = min(self._window_min, lowest)
        self._window_left -= frames
        if self._window_left <= 0:
            self._minima.append(self._window_min)
            self._floor = min(self._minima)
            self._window_min, self._window_left = float("inf"), _FLOOR_WINDOW_FRAMES

    def _start(self, at_ms: float) -> bool:
        if self._started_ms is not None:
            return False
        self._started_ms = at_ms
        self.turns.append((at_ms, None))
        return True

    def _end(self, at_ms: float) -> bool:
        assert self._started_ms is not None  # only a turn that began can end
        self.turns[-1] = (self._started_ms, at_ms)
        self._started_ms = None
        self._loud = 0
        return True
