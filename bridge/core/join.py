"""The other leg's voice on its way to this leg's switch: passed on as it comes, a little ahead of its time, and never stale.

The switch itself is the jitter buffer. The first sound, and the first after a gap, is sent with silence before it, so that from then on
the switch holds nearly the usual lead; what would make it hold more than `STALE_MS` is let go, the oldest first. After a late burst the
delay shrinks again in the pauses of the speech.
"""

from __future__ import annotations

import numpy as np

from bridge.core.frames import FRAME_MS, MODEL_IN_HZ, Buffer, frame_bytes
from bridge.core.pacer import Pacer
from bridge.core.pcm import Recutter
from bridge.core.resample import Resampler

PEER_HZ = MODEL_IN_HZ  # the sound between two bridges: PCM16, mono
STALE_MS = 200
_SHORT_OF_LEAD_MS = 40  # so that a frame that comes early still fits into the lead
_QUIET = 400  # a frame without a sample above this is a pause


class Join:
    def __init__(self, pacer: Pacer, rate_hz: int, lead_ms: int) -> None:
        self._pacer = pacer
        self._recutter = Recutter(PEER_HZ)
        self._resampler = None if rate_hz == PEER_HZ else Resampler(PEER_HZ, rate_hz)
        self._frame_bytes = frame_bytes(rate_hz)
        self._cushion_ms = max(FRAME_MS, lead_ms - _SHORT_OF_LEAD_MS) // FRAME_MS * FRAME_MS
        self._limit_ms = max(STALE_MS, lead_ms + _SHORT_OF_LEAD_MS)

    def push(self, data: Buffer, now_ms: float) -> bytes | None:
        """What arrived of the other leg's sound, as one message for the switch."""
        frames = [bytes(frame) for frame in self._recutter.push(data)]
        if not frames or not self._pacer.takes(now_ms):
            return None
        ahead_ms, silence_ms = self._pacer.ahead_ms(now_ms), 0
        if ahead_ms < 0:
            silence_ms = max(0, self._cushion_ms - (len(frames) - 1) * FRAME_MS)
            ahead_ms = float(silence_ms)
        elif ahead_ms > self._cushion_ms + _SHORT_OF_LEAD_MS:
            frames = [frame for frame in frames if not _is_pause(frame)]
        room = int((self._limit_ms - ahead_ms) // FRAME_MS)
        frames = frames[-room:] if room > 0 else []
        if not frames:
            return None
        sound = b"".join(frames)
        if self._resampler is not None:
            sound = bytes(self._resampler.push(sound))
        message = bytes(self._frame_bytes * (silence_ms // FRAME_MS)) + sound
        self._pacer.passed(len(message), now_ms)
        return message


def _is_pause(frame: bytes) -> bool:
    samples = np.frombuffer(frame, "<i2")
    return int(samples.max()) < _QUIET and int(samples.min()) > -_QUIET
