"""The caller's audio on its way to the model: cut, clocked, listened to, and held back while no model can hear it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from bridge.core.frames import FRAME_MS, MODEL_IN_HZ, Buffer, frame_bytes
from bridge.core.pcm import InboundClock, Layout, LayoutProbe, Recutter, backlog_bytes
from bridge.core.resample import Resampler
from bridge.core.speech import SpeechDetector

_LISTEN_FRAMES = 5
HELD_MS = 3000  # what is older when a model is ready is history, not a question


class Uplink:
    """`news` is set when the caller began or stopped speaking, or when the layout became known; the session clears it."""

    def __init__(self, rate_hz: int) -> None:
        self.detector = SpeechDetector(rate_hz)
        self.layout: Layout | None = None
        self.news = False
        self.last_audio_ms: float | None = None
        self._open = False  # a model hears the caller
        self._steady = False  # the next message is most likely one whole frame that goes straight through
        self._rate_hz = rate_hz
        self._probe = LayoutProbe(rate_hz)
        self._clock = InboundClock()
        self._unheard = bytearray()  # frames that the detector has not looked at
        self._held: deque[bytes] = deque(maxlen=HELD_MS // FRAME_MS)
        self._feed_hz = MODEL_IN_HZ
        self._listen_at(rate_hz)

    def _listen_at(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._frame_bytes = frame_bytes(rate_hz)
        self._listen_bytes = _LISTEN_FRAMES * self._frame_bytes
        self._recutter = Recutter(rate_hz)
        self._feed()

    def _feed(self) -> None:
        self._resampler = Resampler(self._rate_hz, self._feed_hz) if self._rate_hz != self._feed_hz else None

    def push(self, data: Buffer, now_ms: float) -> Sequence[Buffer]:
        """20 ms frames at the model's rate, to be sent before this returns to the socket: they may alias `data`."""
        if self._steady and len(data) == self._frame_bytes:
            self.last_audio_ms = now_ms
            self._unheard += data
            if len(self._unheard) >= self._listen_bytes:
                self.listen(now_ms)
            return (data,)
        frames = self._push(data, now_ms)
        self._steady = self._open and self._probe.done and self._resampler is None and not self._recutter.waiting_bytes
        return frames

    def _push(self, data: Buffer, now_ms: float) -> Sequence[Buffer]:
        if self.last_audio_ms is None:
            if not len(data):
                return ()
            data = self._drain_backlog(data)
        self.last_audio_ms = now_ms
        if not self._probe.done:
            self._look_at_layout(len(data), now_ms)
        frames = self._recutter.push(data)
        for frame in frames:
            self._unheard += frame
        if len(self._unheard) >= self._listen_bytes:
            self.listen(now_ms)
        if self._open:
            return self._converted(frames)
        self._held.extend(bytes(frame) for frame in frames)
        return ()

    def listen(self, now_ms: float) -> None:
        """Have the detector judge what has arrived; several frames at once, because each look has its price."""
        if self._unheard:
            at_ms = self._clock.stamp(len(self._unheard) // self._frame_bytes, now_ms)
            if self.detector.hear(self._unheard, at_ms):
                self.news = True
            self._unheard.clear()

    def _drain_backlog(self, data: Buffer) -> Buffer:
        """Sound from before our time is counted and let go: it answers nothing we said, so it must not interrupt anything either."""
        old = backlog_bytes(len(data), self._rate_hz)
        self._clock.skip(len(self._recutter.push(bytes(memoryview(data)[:old]))))
        return memoryview(data)[old:]

    def _look_at_layout(self, size_bytes: int, now_ms: float) -> None:
        found = self._probe.push(size_bytes, now_ms)
        if found is None:
            return
        self.layout = found
        self.news = True
        if found is Layout.HALF_RATE:
            self._unheard.clear()
            self._listen_at(self._rate_hz // 2)
            self.detector.listen_at(self._rate_hz)

    def _converted(self, frames: Sequence[Buffer]) -> Sequence[Buffer]:
        resampler = self._resampler
        return frames if resampler is None else [resampler.push(frame) for frame in frames]

    def connect(self, feed_hz: int) -> tuple[bytes, ...]:
        """A model that takes `feed_hz` hears the caller from now on. Returns what it must hear first: the held audio, at most 3 s,
        oldest first."""
        self._feed_hz = feed_hz
        self._feed()
        held = tuple(bytes(frame) for frame in self._converted(list(self._held)))
        self._held.clear()
        self._open = True
        return held

    def hold(self) -> None:
        """Keep the caller's audio until the next `connect`."""
        self._open = self._steady = False
