"""Agent audio on its way out: what a model sends faster than real time leaves on an absolute 20 ms schedule.

    lead       an utterance starts as a burst of `lead_ms`, because the switch keeps the first 80 ms until more arrives and starts late
               when audio trickles in; after that one frame leaves per 20 ms, so the caller is never more than `lead_ms` behind us
    tail       the switch keeps the last < 80 ms of an utterance and plays it at the start of the next one; 160 ms of silence push it out
    flush      own queue dropped; 160 ms of silence push the kept rest into the switch's queue, `killAudio` empties that queue; audio that
               follows killAudio within about 60 ms would be wiped too, so output holds for `hold_ms`
    generation counts flushes: nothing queued before one can leave after it

All messages hold an even number of bytes.
"""

from __future__ import annotations

from collections import deque
from math import inf

from bridge.core.frames import FRAME_MS, Buffer, frame_bytes
from bridge.core.playout import Utterance

TAIL_MS = 160
HOLD_MS = 80  # 60 to 100 ms pass before the switch takes audio again
_STARVED_MS = 200.0  # a model that stalls this long in mid-utterance gets its rest pushed out
_SLACK_MS = 1.5  # timers have whole milliseconds and may fire early


class _Segment:
    """The audio of one utterance, cut into frames; `rest` is less than one."""

    __slots__ = ("frames", "rest", "utterance")

    def __init__(self, utterance: Utterance) -> None:
        self.utterance = utterance
        self.frames: deque[Buffer] = deque()
        self.rest = b""


class Pacer:
    def __init__(self, rate_hz: int, lead_ms: int, *, kill_audio: bool, hold_ms: int = HOLD_MS) -> None:
        self._rate_hz = rate_hz
        self._frame = frame_bytes(rate_hz)
        self._samples = self._frame // 2
        self._tail = bytes(self._frame * (TAIL_MS // FRAME_MS))
        self._lead_ms = lead_ms
        self._kill = kill_audio
        self._hold_ms = hold_ms
        self._segments: deque[_Segment] = deque()
        self._play_end_ms = 0.0  # when everything sent so far has been heard
        self._hold_until_ms = 0.0
        self._pushed_out = True  # the switch's kept rest is silence
        self.generation = 0

    @property
    def queued_ms(self) -> int:
        """Audio waiting here."""
        return sum(len(segment.frames) for segment in self._segments) * FRAME_MS

    @property
    def is_idle(self) -> bool:
        """Nothing waits here. The caller may still hear up to the lead."""
        return not self._segments

    def begin(self, utterance: Utterance) -> None:
        self._segments.append(_Segment(utterance))

    def push(self, pcm: Buffer) -> None:
        """Audio of the utterance begun last. pcm at the switch's rate."""
        segment = self._segments[-1]
        segment.utterance.generated += len(pcm) // 2
        size, start = self._frame, 0
        if segment.rest:
            start = size - len(segment.rest)
            head = segment.rest + bytes(pcm[:start])
            if len(head) < size:
                segment.rest = head
                return
            segment.frames.append(head)
        whole = start + (len(pcm) - start) // size * size
        view = memoryview(pcm)
        segment.frames.extend(view[at : at + size] for at in range(start, whole, size))
        segment.rest = bytes(view[whole:])

    def finish(self) -> None:
        """No more audio will come for the utterance begun last."""
        if self._segments:
            self._segments[-1].utterance.complete = True

    def pull(self, now_ms: float) -> Buffer | None:
        """The next message to send, if one is due at `now_ms`. Ask again until None."""
        if not self._segments or now_ms + _SLACK_MS < self._hold_until_ms:
            return None
        if self._play_end_ms < now_ms:
            if now_ms - self._play_end_ms >= _STARVED_MS and not self._pushed_out and not self._segments[0].frames:
                return self._push_out(now_ms)
            if self._segments[0].frames or self._segments[0].utterance.complete:
                self._play_end_ms = now_ms
        if self._play_end_ms - now_ms + FRAME_MS > self._lead_ms + _SLACK_MS:
            return None
        segment = self._segments[0]
        if segment.frames:
            return self._send(segment.utterance, segment.frames.popleft())
        return self._last(segment, now_ms) if segment.utterance.complete else None

    def _send(self, utterance: Utterance, frame: Buffer) -> Buffer:
        if utterance.started_ms is None:
            utterance.started_ms = self._play_end_ms
        self._play_end_ms += FRAME_MS
        utterance.sent += self._samples
        utterance.end_ms = self._play_end_ms
        self._pushed_out = False
        return frame

    def _last(self, segment: _Segment, now_ms: float) -> Buffer | None:
        """The rest of a finished utterance with the silence that pushes it out, or without where speech follows at once."""
        self._segments.popleft()
        utterance, rest = segment.utterance, segment.rest
        message = b""
        if rest:
            if utterance.started_ms is None:
                utterance.started_ms = self._play_end_ms
            utterance.sent += len(rest) // 2
            utterance.end_ms = self._play_end_ms + len(rest) * 500 / self._rate_hz
            self._play_end_ms += FRAME_MS
            message = rest + bytes(self._frame - len(rest))
        if utterance.sent and not self._speech_follows():
            message += self._tail
            self._play_end_ms += TAIL_MS
            self._pushed_out = True
        return message or self.pull(now_ms)

    def _speech_follows(self) -> bool:
        return bool(self._segments) and len(self._segments[0].frames) * FRAME_MS >= TAIL_MS

    def _push_out(self, now_ms: float) -> Buffer:
        """The model stalls: let the caller hear what the switch still keeps."""
        segment = self._segments[0]
        self._play_end_ms = now_ms
        message = b""
        if segment.rest:
            message = bytes(self._send(segment.utterance, segment.rest + bytes(self._frame - len(segment.rest))))
            segment.utterance.sent -= self._samples - len(segment.rest) // 2
            segment.utterance.end_ms = self._play_end_ms - (self._frame - len(segment.rest)) * 500 / self._rate_hz
            segment.rest = b""
        self._play_end_ms += TAIL_MS
        self._pushed_out = True
        return message + self._tail

    @property
    def wake_ms(self) -> float:
        """When `pull` may next return something; infinite while there is nothing to wait for."""
        if not self._segments:
            return inf
        segment = self._segments[0]
        if segment.frames or segment.utterance.complete:
            return max(self._hold_until_ms, self._play_end_ms + FRAME_MS - self._lead_ms)
        return inf if self._pushed_out else self._play_end_ms + _STARVED_MS

    def flush(self, now_ms: float) -> bytes | None:
        """Drop everything unsent. Returns the silence to send at once (before killAudio, where that is on); None if the line is idle."""
        idle = not self._segments and self._play_end_ms <= now_ms and self._pushed_out
        self._segments.clear()
        self.generation += 1
        if idle:
            return None
        if self._kill:
            self._hold_until_ms = now_ms + self._hold_ms
            self._play_end_ms = now_ms
        else:
            self._play_end_ms = max(self._play_end_ms, now_ms) + TAIL_MS
        self._pushed_out = True
        return self._tail
