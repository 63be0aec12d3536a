"""What the switch sends: 20 ms of leg audio in, binary messages out. Sans-IO.

Frames collect while the socket is not open yet or cannot be written to, and leave as one message; a full buffer is thrown away whole.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from local.carrier.resample import Resampler

BUFFER_S = 2
FILLED_SILENCE = b"\xff\xff"
"""A leg that delivers nothing is filled with samples of -1, not 0."""


class Uplink:
    """`add` every 20 ms, `take` whenever the socket can be written to."""

    def __init__(
        self,
        *,
        leg_rate_hz: int,
        sent_rate_hz: int,
        channels: int = 1,
        backlog_bytes: int = 0,
        late_frame_chance: float = 0.0,
        late_frames_max: int = 7,
        seed: int = 0,
    ) -> None:
        self._resamplers = [Resampler(leg_rate_hz, sent_rate_hz) for _ in range(channels)]
        self._same_rate = leg_rate_hz == sent_rate_hz
        self._limit_bytes = max(BUFFER_S * 2 * channels * sent_rate_hz, 2 * backlog_bytes)
        self._hold_until_bytes = backlog_bytes
        self._pending = bytearray()
        self._late_chance = late_frame_chance
        self._late_frames: Callable[[], int]
        dice = random.Random(seed)
        self._dice = dice.random
        self._late_frames = lambda: dice.randint(1, max(1, late_frames_max - 1))
        self._frames_held = 0
        self.dropped_bytes = 0

    def add(self, *frames: bytes) -> None:
        """One 20 ms frame per channel at the leg's rate (PCM16LE)."""
        if len(self._pending) >= self._limit_bytes:
            self.dropped_bytes += len(self._pending)
            self._pending.clear()
        self._pending += self._at_sent_rate(frames)
        if self._frames_held:
            self._frames_held -= 1
        elif self._late_chance and self._dice() < self._late_chance:
            self._frames_held = self._late_frames()

    def take(self) -> bytes:
        """What leaves now as one message; b"": nothing."""
        if self._frames_held or len(self._pending) < self._hold_until_bytes:
            return b""
        self._hold_until_bytes = 0
        message = bytes(self._pending)
        self._pending.clear()
        return message

    def _at_sent_rate(self, frames: tuple[bytes, ...]) -> bytes:
        if self._same_rate and len(frames) == 1:
            return frames[0]
        converted = [
            resampler.process(np.frombuffer(frame, dtype="<i2"))
            for resampler, frame in zip(self._resamplers, frames, strict=True)
        ]
        return np.stack(converted, axis=1).astype("<i2").tobytes()
