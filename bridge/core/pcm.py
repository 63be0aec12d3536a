"""Caller audio as it arrives: any message size in, exact 20 ms frames out, with a clock and a check of what it is.

The switch sends bare PCM16 without numbers or times. Messages usually hold one packet, but they coalesce when the switch's sender is
late, may be empty (a shutdown signal) or odd, and the first one can hold a second of backlog.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bridge.core.frames import FRAME_MS, Buffer, frame_bytes

_BACKLOG_MS = 200  # a first message longer than this was collected before we could listen
_DRIFT_MS_PER_FRAME = 1.0


class Recutter:
    """Cuts any sequence of messages into frames of 20 ms. What does not fill a frame, an odd byte included, waits for the next."""

    def __init__(self, rate_hz: int) -> None:
        self._size = frame_bytes(rate_hz)
        self._carry = b""

    @property
    def waiting_bytes(self) -> int:
        return len(self._carry)

    def push(self, data: Buffer) -> Sequence[Buffer]:
        """Whole frames, oldest first. A returned buffer may be `data` itself: copy it to keep it."""
        size = self._size
        if len(data) == size and not self._carry:
            return (data,)
        joined = b"".join((self._carry, data))
        whole = len(joined) // size * size
        self._carry = joined[whole:]
        return [joined[at : at + size] for at in range(0, whole, size)]


def backlog_bytes(first_message_bytes: int, rate_hz: int) -> int:
    """How much of a call's first message is sound from before our time; the rest is kept as the present.

    A normal first message is one packet. A long one is what the switch recorded while it was still connecting: the greeting had not
    been heard, so nothing in it answers us.
    """
    size = frame_bytes(rate_hz)
    if first_message_bytes <= size * _BACKLOG_MS // FRAME_MS:
        return 0
    return (first_message_bytes // size - 1) * size


class InboundClock:
    """When a frame was spoken, from the count of frames rather than from its arrival.

    Late frames arrive in bursts, so arrival times would squeeze them together and make old speech look new. The smallest delay seen
    anchors the count; a pause of the stream moves the anchor on slowly, which errs on the early side.
    """

    def __init__(self) -> None:
        self._anchor_ms: float | None = None
        self._frames = 0

    def skip(self, frames: int) -> None:
        """Count frames that nobody looks at."""
        self._frames += frames

    def stamp(self, frames: int, now_ms: float) -> float:
        """Start, in call milliseconds, of the first of `frames` frames that have just arrived."""
        first = self._frames
        self._frames += frames
        candidate = now_ms - self._frames * FRAME_MS
        if self._anchor_ms is None:
            self._anchor_ms = candidate
        else:
            self._anchor_ms = min(candidate, self._anchor_ms + _DRIFT_MS_PER_FRAME * frames)
        return self._anchor_ms + first * FRAME_MS


class Layout(StrEnum):
    UNKNOWN = "unknown"  # not yet, or not clear
    AS_DECLARED = "as_declared"
    HALF_RATE = "half_rate"  # 8 kHz where 16 kHz was asked for
    DOUBLE = "double"  # two channels, or twice the rate: refused where one channel was asked for, because guessing would garble
    # Only where both tracks were asked for:
    MIXED = "mixed"  # caller and agent in one channel
    STEREO = "stereo"  # the caller on the left, what the switch plays on the right
    HALF_RATE_MIXED = "half_rate_mixed"
    HALF_RATE_STEREO = "half_rate_stereo"


@dataclass(frozen=True, slots=True)
class _Band:
    low: float
    high: float
    layout: Layout


# Bytes per second as a share of what the declared mono rate gives. Between the bands the answer is "not clear yet".
_BANDS = (
    _Band(0.35, 0.65, Layout.HALF_RATE),
    _Band(0.80, 1.25, Layout.AS_DECLARED),
    _Band(1.60, 2.50, Layout.DOUBLE),
)
_WINDOW_MS = 450.0
_WINDOWS = 2  # 900 ms: an answer within the first second
_WINDOWS_AT_MOST = 6
_PACKETS = {Layout.HALF_RATE: 0.5, Layout.AS_DECLARED: 1, Layout.DOUBLE: 2}
_MOST = 0.6


_AUDIBLE = 60.0**2
_INTERLEAVED = 0.25


def are_interleaved(pcm: Buffer) -> bool | None:
    """Whether the samples of two channels take turns in `pcm`; None where it is too quiet to tell.

    Telephone audio ends below 4 kHz, so at 16 kHz neighbours are more alike than samples that are two apart. In two channels it is the
    other way round: neighbours belong to different people.
    """
    signal = np.frombuffer(pcm, "<i2", len(pcm) // 2).astype(np.float32)
    energy = float(signal @ signal)
    if len(signal) < 4 or energy < _AUDIBLE * len(signal):
        return None
    return bool((signal[:-2] @ signal[2:] - signal[:-1] @ signal[1:]) > _INTERLEAVED * energy)


def left_channel(pcm: Buffer) -> bytes:
    """The first of two interleaved channels."""
    left: bytes = np.frombuffer(pcm, "<i2")[::2].tobytes()
    return left


class LayoutProbe:
    """Tells rate and layout from bytes per second within the first second; nothing on the wire declares them.

    A bridge that stalls reads late, which looks like a slower stream at first and like a faster one afterwards. So anything but the
    declared layout needs two witnesses: every window of 450 ms agrees, and so does the size of most messages (a packet of 20 ms has half
    or twice the declared bytes). Where a stall has muddled the windows, the sizes decide at the same moment, because a stall changes none:
    most messages have exactly one packet's bytes, and what came in all is at least not against it. Without any of this the answer after
    2.7 s is "unknown", and the stream is taken as declared.
    """

    def __init__(self, rate_hz: int) -> None:
        self._expected_per_ms = rate_hz * 2 / 1000
        self._packet = frame_bytes(rate_hz)
        self._window_from_ms: float | None = None
        self._window_bytes = 0
        self._smaller = self._larger = self._messages = 0
        self._sizes: Counter[int] = Counter()
        self._all_bytes, self._all_ms = 0, 0.0
        self._verdicts: list[Layout] = []
        self.done = False
        self.layout = Layout.UNKNOWN

    def push(self, size_bytes: int, now_ms: float) -> Layout | None:
        """The answer, once. The first message starts the clock and is not counted: it may be a backlog."""
        if self._window_from_ms is None:
            self._window_from_ms = now_ms
            return None
        self._window_bytes += size_bytes
        self._messages += 1
        self._smaller += size_bytes < self._packet
        self._larger += size_bytes > self._packet
        self._sizes[size_bytes] += 1
        elapsed = now_ms - self._window_from_ms
        if elapsed < _WINDOW_MS:
            return None
        self._all_bytes, self._all_ms = self._all_bytes + self._window_bytes, self._all_ms + elapsed
        self._verdicts.append(self._judge(self._window_bytes / elapsed))
        self._window_from_ms, self._window_bytes = now_ms, 0
        return self._conclude() if len(self._verdicts) >= _WINDOWS else None

    def _judge(self, bytes_per_ms: float) -> Layout:
        share = bytes_per_ms / self._expected_per_ms
        return next((band.layout for band in _BANDS if band.low <= share <= band.high), Layout.UNKNOWN)

    def _conclude(self) -> Layout | None:
        last, is_last_chance = self._verdicts[-1], len(self._verdicts) >= _WINDOWS_AT_MOST
        agreed = all(verdict is last for verdict in self._verdicts)
        by_size = None if agreed else self._by_size()
        if by_size is not None:
            return self._found(by_size)
        if last is Layout.AS_DECLARED or (agreed and self._packets_say(last)):
            return self._found(last)
        return self._found(Layout.UNKNOWN) if is_last_chance else None

    def _by_size(self) -> Layout | None:
        size, count = self._sizes.most_common(1)[0]
        for band in _BANDS:
            packet = self._packet * _PACKETS[band.layout]
            share = self._all_bytes / self._all_ms / self._expected_per_ms
            if size == packet and count > _MOST * self._messages and band.low * 0.8 <= share <= band.high * 1.25:
                return band.layout
        return None

    def _packets_say(self, layout: Layout) -> bool:
        witnesses = {Layout.HALF_RATE: self._smaller, Layout.DOUBLE: self._larger}.get(layout, 0)
        return witnesses > self._messages * 0.8

    def _found(self, layout: Layout) -> Layout:
        self.done, self.layout = True, layout
        return layout
