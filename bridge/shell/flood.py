"""How much a switch may send before it is no switch: sound and texts each have an allowance that refills with time."""

from __future__ import annotations

from bridge.core.frames import frame_bytes

# Sound comes at real time, twice that with two channels, and after a stall of ours or of the network all at once: switches keep up to
# 5 s, the kernels' buffers a few more. What exceeds this is a peer that sends faster than people speak.
_CATCH_UP_S = 10.0
_SOUND_PER_SECOND_S = 2.5
# A caller presses ten keys a second at most; marks and notices are ours to cause.
_TEXTS_AT_ONCE = 200
_TEXTS_PER_S = 50.0


class Allowance:
    """A bucket of `capacity` units that refills by `per_s`."""

    __slots__ = ("_at_ms", "_capacity", "_left", "_per_ms")

    def __init__(self, capacity: float, per_s: float) -> None:
        self._capacity = self._left = capacity
        self._per_ms = per_s / 1000
        self._at_ms = 0.0

    def take(self, units: float, now_ms: float) -> bool:
        """False if that is more than there is left."""
        self._left = min(self._capacity, self._left + (now_ms - self._at_ms) * self._per_ms)
        self._at_ms = now_ms
        if units > self._left:
            return False
        self._left -= units
        return True


def sound_allowance(rate_hz: int) -> Allowance:
    """In bytes of PCM16."""
    per_s = frame_bytes(rate_hz) * 50
    return Allowance(_CATCH_UP_S * per_s, _SOUND_PER_SECOND_S * per_s)


def text_allowance() -> Allowance:
    return Allowance(_TEXTS_AT_ONCE, _TEXTS_PER_S)
