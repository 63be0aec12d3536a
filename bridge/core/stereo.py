"""The sound of a call in two channels, and which stretches of it may be kept.

left   what the caller says, as it arrives
right  what the caller hears: what was sent, at the times at which it is played, without what was taken back

Both stand on the call's clock. A stretch is kept from the sample at which it was allowed to that at which it no longer was; everything
else leaves here as silence, or not at all. Sound leaves in whole frames, a little after it was heard, because what was sent can still be
taken back and what the caller says comes late.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import ceil, floor, inf

from bridge.core.frames import FRAME_MS, Buffer

EVERY_MS = 1_000.0  # how often sound leaves
MARGIN_MS = 400.0  # how much later than it was heard
_LATE_MS = 200.0  # caller audio that is so late left a gap


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of both channels: mono PCM16LE of the same length in time, each at its own rate."""

    at_ms: int
    left: bytes
    right: bytes
    left_hz: int
    right_hz: int


class _Channel:
    """`from_ms` is where the sound that is kept here begins: a whole frame."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.from_ms = 0
        self._pcm = bytearray()

    def write(self, pcm: Buffer, at_ms: float) -> None:
        at = 2 * round((at_ms - self.from_ms) * self.rate_hz / 1000)
        if at < 0:
            pcm, at = memoryview(pcm)[-at:], 0
        if at > len(self._pcm):
            self._pcm += bytes(at - len(self._pcm))
        self._pcm[at : at + len(pcm)] = pcm

    def cut(self, at_ms: float) -> None:
        """Nothing from `at_ms` on was played."""
        del self._pcm[max(0, 2 * round((at_ms - self.from_ms) * self.rate_hz / 1000)) :]

    def take(self, milliseconds: int) -> bytearray:
        size = 2 * (milliseconds * self.rate_hz // 1000)
        taken = self._pcm[:size]
        del self._pcm[:size]
        self.from_ms += milliseconds
        return taken + bytes(size - len(taken))

    def masked(self, sound: bytearray, from_ms: int, allowed: list[tuple[float, float]]) -> bytes:
        """`sound`, which begins at `from_ms`, with every sample outside `allowed` silent."""
        kept = bytearray(len(sound))
        for begin_ms, end_ms in allowed:
            first = max(0, ceil((begin_ms - from_ms) * self.rate_hz / 1000))
            last = len(sound) // 2 if end_ms == inf else ceil((end_ms - from_ms) * self.rate_hz / 1000)
            if last > first:
                kept[2 * first : 2 * last] = sound[2 * first : 2 * last]
        return bytes(kept[: len(sound)])


class StereoTape:
    def __init__(self, rate_hz: int) -> None:
        self._left = _Channel(rate_hz)
        self._right = _Channel(rate_hz)
        self._allowed: deque[list[float]] = deque()  # [from, to]; an open one ends at infinity
        self._left_until_ms = 0.0
        self._shut_ms = -inf
        self._begun = False

    @property
    def is_open(self) -> bool:
        return bool(self._allowed) and self._allowed[-1][1] == inf

    def open(self, at_ms: float) -> None:
        """Sound from `at_ms` on may be kept."""
        if not self.is_open:
            self._allowed.append([at_ms, inf])

    def shut(self, at_ms: float) -> None:
        if self.is_open:
            self._allowed[-1][1] = self._shut_ms = at_ms

    def caller(self, pcm: Buffer, rate_hz: int, now_ms: float) -> None:
        """Whole frames that have just arrived."""
        if rate_hz != self._left.rate_hz:
            taken_until_ms = self._left.from_ms
            self._left = _Channel(rate_hz)
            self._left.from_ms = taken_until_ms
        length_ms = len(pcm) * 500 / rate_hz
        behind_ms = now_ms - length_ms - self._left_until_ms
        begin_ms = now_ms - length_ms if behind_ms > _LATE_MS else self._left_until_ms
        self._left_until_ms = begin_ms + length_ms
        if self.is_open or begin_ms < self._shut_ms:  # its beginning may have been allowed
            self._left.write(pcm, begin_ms)

    def played(self, pcm: Buffer, at_ms: float) -> None:
        """This was sent; the caller hears it from `at_ms` on."""
        self._right.write(pcm, at_ms)

    def flushed(self, at_ms: float) -> None:
        """What was sent for `at_ms` and later was taken back."""
        self._right.cut(at_ms)

    def take(self, until_ms: float) -> Stretch | None:
        """What may be kept of everything before `until_ms`, in whole frames. None where nothing was ever allowed yet, or nothing is due."""
        from_ms = self._left.from_ms
        length_ms = floor((until_ms - from_ms) / FRAME_MS) * FRAME_MS
        if length_ms <= 0:
            return None
        left, right = self._left.take(length_ms), self._right.take(length_ms)
        allowed = [(begin, end) for begin, end in self._allowed if begin < from_ms + length_ms and end > from_ms]
        while self._allowed and self._allowed[0][1] <= from_ms + length_ms:
            self._allowed.popleft()
        if not allowed and not self._begun:
            return None
        kept_left = self._left.masked(left, from_ms, allowed)
        kept_right = self._right.masked(right, from_ms, allowed)
        skipped_ms = 0 if self._begun else floor((allowed[0][0] - from_ms) / FRAME_MS) * FRAME_MS
        self._begun = True
        skipped_ms = max(0, skipped_ms)
        return Stretch(
            from_ms + skipped_ms,
            kept_left[2 * (skipped_ms * self._left.rate_hz // 1000) :],
            kept_right[2 * (skipped_ms * self._right.rate_hz // 1000) :],
            self._left.rate_hz,
            self._right.rate_hz,
        )
