"""What the switch does with the audio a media server sends back. Sans-IO: bytes and ticks in, 20 ms of sound out.

The rules, as measured on the open-source module behind the subprotocol:

- A message is handled in pieces of at most 1,024 bytes; an odd byte waits for the next message.
- Nothing is played before 1,280 samples × downscale have come; afterwards each push to the playout buffer needs 640 × downscale.
  Whatever stays below that is the stuck tail: it is heard at the start of the next utterance.
- The playout buffer has no upper bound, and an underrun adds nothing: the caller hears silence.
- killAudio empties the playout buffer at the next 20 ms tick, so audio sent right behind it is lost as well, and it does not touch
  the prebuffer.
- A mark is the sample -1 in the audio: real samples of -1 fire it early, resampling destroys it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from local.carrier.resample import Resampler

TICK_MS = 20
MAX_MARKS = 30
_PIECE_BYTES = 1024
_FIRST_PUSH_SAMPLES = 1280
_NEXT_PUSH_SAMPLES = 640
_MARKER = b"\xff\xff"


@dataclass(frozen=True, slots=True)
class MarkEvent:
    name: str
    event: Literal["playout", "cleared"]


class PlayoutModel:
    """One leg. `receive` for every binary message, `tick` every 20 ms; `take_mark_events` after either."""

    def __init__(self, *, sent_rate_hz: int, leg_rate_hz: int, kill_window_ms: int = TICK_MS) -> None:
        self._tick_bytes = 2 * leg_rate_hz * TICK_MS // 1000
        self._resampler = None if sent_rate_hz == leg_rate_hz else Resampler(sent_rate_hz, leg_rate_hz)
        downscale = max(1, sent_rate_hz // leg_rate_hz)
        self._first_push_bytes = 2 * _FIRST_PUSH_SAMPLES * downscale
        self._next_push_bytes = 2 * _NEXT_PUSH_SAMPLES * downscale
        self._threshold_bytes = self._first_push_bytes
        self._kill_ticks = max(1, kill_window_ms // TICK_MS)
        self._odd = b""
        self._prebuffer = bytearray()  # at the rate the server sends
        self._playout = bytearray()  # at the leg's rate
        self._wipes_left = 0
        self._marks: deque[str] = deque()
        self._markers_due = 0
        self._any_mark_returned = False
        self._swallow_next_mark = False
        self._events: list[MarkEvent] = []
        self.wiped_bytes = 0

    @property
    def queued_ms(self) -> int:
        return len(self._playout) * TICK_MS // self._tick_bytes

    @property
    def prebuffered_bytes(self) -> int:
        return len(self._prebuffer)

    def receive(self, message: bytes) -> None:
        """One binary message of any size, mono PCM16LE at the rate the document declared."""
        for start in range(0, len(message), _PIECE_BYTES):
            piece = self._odd + message[start : start + _PIECE_BYTES]
            even = len(piece) & ~1
            self._odd = piece[even:]
            self._receive_piece(piece[:even])

    def _receive_piece(self, piece: bytes) -> None:
        if self._markers_due:
            self._prebuffer += _MARKER * self._markers_due
            self._markers_due = 0
        self._prebuffer += piece
        if len(self._prebuffer) < self._threshold_bytes:
            return
        self._threshold_bytes = self._next_push_bytes
        if self._resampler is None:
            self._playout += self._prebuffer
        else:
            samples = np.frombuffer(bytes(self._prebuffer), dtype="<i2")
            self._playout += self._resampler.process(samples).tobytes()
        self._prebuffer.clear()

    def tick(self) -> bytes:
        """The next 20 ms for the caller at the leg's rate, padded with silence; b"" when there is nothing at all to play."""
        if self._wipes_left:
            self._wipes_left -= 1
            self.wiped_bytes += len(self._playout)
            self._playout.clear()
        if not self._playout:
            return b""
        chunk = bytes(self._playout[: self._tick_bytes])
        del self._playout[: len(chunk)]
        if self._marks and self._resampler is None and _MARKER in chunk:
            self._fire_marks(chunk)
        return chunk.ljust(self._tick_bytes, b"\0")

    def kill_audio(self) -> None:
        self._wipes_left = self._kill_ticks
        self._events += [MarkEvent(name, "cleared") for name in self._marks]
        self._marks.clear()
        self._markers_due = 0
        self._swallow_next_mark = True

    def mark(self, name: str) -> None:
        """Asked for by the server. What comes back, when, and whether anything does, is not to be relied on."""
        if len(self._marks) >= MAX_MARKS:
            return
        if self._swallow_next_mark:
            self._swallow_next_mark = False
            return
        if (
            self._resampler is not None
        ):  # the marker does not survive resampling: the first answers at once, the rest never
            if not self._any_mark_returned:
                self._return_mark(name)
            return
        if not self._playout and not self._prebuffer:
            self._return_mark(name)
            return
        self._marks.append(name)
        self._markers_due += 1

    def clear_marks(self) -> None:
        self._marks.clear()
        self._markers_due = 0

    def take_mark_events(self) -> list[MarkEvent]:
        events, self._events = self._events, []
        return events

    def _return_mark(self, name: str) -> None:
        self._any_mark_returned = True
        self._events.append(MarkEvent(name, "playout"))

    def _fire_marks(self, chunk: bytes) -> None:
        found = int(np.count_nonzero(np.frombuffer(chunk, dtype="<i2") == -1))
        for _ in range(min(found, len(self._marks))):
            self._return_mark(self._marks.popleft())
