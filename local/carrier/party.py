"""Who sits at the other end of a leg: the caller of an inbound call, the callee of an outbound one, the human behind a Dial."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

RATE_HZ = 16_000
FRAME_MS = 20
FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
SILENCE = bytes(2 * FRAME_SAMPLES)


class Party(Protocol):
    """Called on the leg's media clock, every 20 ms, in this order: `speak`, then `hear`. No method may block."""

    @property
    def hung_up(self) -> bool:
        """Read every 20 ms, also while it still rings. True ends the leg."""

    def answered(self) -> None:
        """Once, before the first `speak`. Not called on a leg that nobody answers."""

    def speak(self, samples: int) -> bytes:
        """What this person says during the next `samples` samples: 16 kHz mono PCM16LE, exactly 2 × `samples` bytes."""

    def hear(self, pcm: bytes) -> None:
        """What the carrier played to this person during the same 20 ms (16 kHz mono PCM16LE, 640 bytes)."""

    def ended(self) -> None:
        """Once, when the leg is over, answered or not."""


PartyFactory = Callable[[], Party]


class QuietParty:
    """Picks up, says nothing (digital silence) and stays until somebody else hangs up, or for `stays_s` seconds."""

    def __init__(self, stays_s: float | None = None) -> None:
        self.hung_up = False
        self.heard = bytearray()
        self._left_ms = None if stays_s is None else int(1000 * stays_s)

    def answered(self) -> None:
        pass

    def speak(self, samples: int) -> bytes:
        if self._left_ms is not None:
            self._left_ms -= FRAME_MS
            self.hung_up = self._left_ms <= 0
        return bytes(2 * samples)

    def hear(self, pcm: bytes) -> None:
        self.heard += pcm

    def ended(self) -> None:
        self.hung_up = True
