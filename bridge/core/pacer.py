"""Agent audio on its way out: what a model sends faster than real time leaves on an absolute 20 ms schedule.

    lead       an utterance starts as a burst of `lead_ms`, because the switch keeps the first 80 ms until more arrives and starts late
               when audio trickles in; after that two frames leave per 40 ms (with a short lead one per 20 ms), so the caller is never
               more than `lead_ms` behind us
    tail       the switch keeps the last < 80 ms of an utterance and plays it at the start of the next one; 160 ms of silence push it out
    flush      own queue dropped; 160 ms of silence push the kept rest into the switch's queue, `killAudio` empties that queue; audio that
               follows killAudio within about 60 ms would be wiped too, so output holds for `hold_ms`
    generation counts flushes: nothing queued before one can leave after it
    hold       nothing more leaves, and what the switch had not played yet is taken back (where killAudio works) and said again on resume,
               from up to 200 ms before it, so that no word starts in its middle

All messages hold an even number of bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import inf
from typing import TypeAlias

from bridge.core.frames import FRAME_MS, Buffer, frame_bytes
from bridge.core.playout import Utterance
from bridge.core.resample import Conversion

TAIL_MS = 160
HOLD_MS = 80  # 60 to 100 ms pass before the switch takes audio again
_STARVED_MS = 200.0  # a model that stalls this long in mid-utterance gets its rest pushed out
REWIND_MS = 200  # at most so much is said twice after a hold
_BEHIND_MS = 60.0  # the switch plays so much later than our clock says, at most
_STEP_MS = (
    2 * FRAME_MS
)  # with a long lead two frames leave at a time: half the wake-ups, and 120 ms of lead are as good as 160
_LONG_LEAD_MS = 120
_SLACK_MS = 1.5  # timers have whole milliseconds and may fire early


class _Segment:
    """The audio of one utterance: a few frames, then `rest`, which is less than one, then what is not converted yet. There are frames
    unless all of it is less than one."""

    __slots__ = ("_conversion", "_frame", "frames", "rest", "size", "utterance")

    def __init__(self, utterance: Utterance, conversion: Conversion, frame_size: int) -> None:
        self.utterance = utterance
        self.frames: deque[Buffer] = deque()
        self.rest = b""
        self.size = 0  # of all of it, once it is converted
        self._conversion = conversion
        self._frame = frame_size

    def push(self, pcm: Buffer) -> None:
        self._grow(self._conversion.push(pcm))

    def finish(self) -> None:
        self._grow(self._conversion.end())
        self.utterance.complete = True

    def _grow(self, samples: int) -> None:
        self.utterance.generated += samples
        self.size += 2 * samples
        if not self.frames:
            self._convert()

    def _convert(self) -> None:
        """Have frames again, if there are any."""
        while not self.frames and self._conversion.is_waiting:
            pcm, size = self._conversion.take(), self._frame
            if self.rest:
                pcm = self.rest + pcm
            whole = len(pcm) // size * size
            view = memoryview(pcm)
            self.frames.extend([view[at : at + size] for at in range(0, whole, size)])
            self.rest = bytes(view[whole:])

    def take(self) -> Buffer:
        """The next frame; there is one."""
        frame = self.frames.popleft()
        self.size -= self._frame
        if not self.frames:
            self._convert()
        return frame

    def take_rest(self) -> bytes:
        """What is less than a frame, where that is all."""
        rest, self.rest = self.rest, b""
        self.size -= len(rest)
        return rest

    def put_back(self, content: Buffer) -> None:
        """`content` was sent and is to be sent again, before everything else."""
        self.size += len(content)
        size = self._frame
        if len(content) == size:
            self.frames.appendleft(content)
            return
        # Less than a frame: the end of an utterance, or what was pushed out while the model stalled.
        joined = b"".join((content, *self.frames, self.rest))
        whole = len(joined) // size * size
        self.frames = deque(joined[at : at + size] for at in range(0, whole, size))
        self.rest = joined[whole:]


# What was sent lately: its segment, the place of its first sample in the utterance, and the samples without padding.
_Sent: TypeAlias = tuple[_Segment, int, Buffer]


class Pacer:
    def __init__(self, rate_hz: int, lead_ms: int, *, kill_audio: bool, hold_ms: int = HOLD_MS) -> None:
        self._rate_hz = rate_hz
        self._frame = frame_bytes(rate_hz)
        self._samples = self._frame // 2
        self._tail = bytes(self._frame * (TAIL_MS // FRAME_MS))
        self._lead_ms = lead_ms
        self._step_ms = _STEP_MS if lead_ms >= _LONG_LEAD_MS else FRAME_MS
        self._kill = kill_audio
        self._hold_ms = hold_ms
        self._segments: deque[_Segment] = deque()
        self._play_end_ms = 0.0  # when everything sent so far has been heard
        self._hold_until_ms = 0.0
        self._pushed_out = True  # the switch's kept rest is silence
        self._sent: deque[_Sent] = deque(maxlen=(lead_ms + REWIND_MS) // FRAME_MS + 4)
        self.generation = 0
        self.is_held = False
        self.emptied_ms: float | None = None  # when killAudio last went out; whoever takes it clears it
        self.plays_at_ms = 0.0  # when the caller hears the first sample of the message that `pull` returned last

    @property
    def queued_ms(self) -> int:
        """Audio waiting here."""
        frames = 0
        for segment in self._segments:
            frames += segment.size // self._frame
        return frames * FRAME_MS

    @property
    def is_idle(self) -> bool:
        """Nothing waits here. The caller may still hear up to the lead."""
        return not self._segments

    def begin(self, utterance: Utterance, rate_hz: int | None = None) -> None:
        """`rate_hz`: of its audio, if that is not the switch's."""
        conversion = Conversion(self._rate_hz if rate_hz is None else rate_hz, self._rate_hz)
        self._segments.append(_Segment(utterance, conversion, self._frame))

    def push(self, pcm: Buffer) -> None:
        """Audio of the utterance begun last."""
        self._segments[-1].push(pcm)

    def finish(self) -> None:
        """No more audio will come for the utterance begun last."""
        if self._segments:
            self._segments[-1].finish()

    def pull(self, now_ms: float) -> Buffer | None:
        """The next message to send, if one is due at `now_ms`. Ask again until None."""
        if not self._segments or now_ms + _SLACK_MS < self._hold_until_ms:
            return None
        if self.is_held:
            return self._pull_held(now_ms)
        if self._play_end_ms < now_ms:
            if now_ms - self._play_end_ms >= _STARVED_MS and not self._pushed_out and not self._segments[0].frames:
                return self._push_out(now_ms)
            if self._segments[0].frames or self._segments[0].utterance.complete:
                self._play_end_ms = now_ms
        if self._play_end_ms - now_ms + FRAME_MS > self._lead_ms + _SLACK_MS:
            return None
        segment = self._segments[0]
        if segment.frames:
            return self._send(segment, segment.take(), self._samples, now_ms)
        return self._last(segment, now_ms) if segment.utterance.complete else None

    def _send(self, segment: _Segment, content: Buffer, samples: int, now_ms: float) -> Buffer:
        """One frame's time on the line; `content` holds `samples`, a frame or less. Returns `content`."""
        utterance = segment.utterance
        self.plays_at_ms = self._play_end_ms
        if utterance.started_ms is None:
            utterance.sent_ms, utterance.started_ms = now_ms, self._play_end_ms
        elif utterance.end_ms < self._play_end_ms:
            utterance.goes_on(self._play_end_ms)
        self._sent.append((segment, utterance.sent - utterance.again, content))
        if utterance.again:
            repeated = min(utterance.again, samples)
            utterance.again -= repeated
            utterance.sent -= repeated
        utterance.sent += samples
        utterance.end_ms = self._play_end_ms + samples * 1000 / self._rate_hz
        self._play_end_ms += FRAME_MS
        self._pushed_out = False
        return content

    def _last(self, segment: _Segment, now_ms: float) -> Buffer | None:
        """The rest of a finished utterance with the silence that pushes it out, or without where speech follows at once."""
        self._segments.popleft()
        utterance, rest = segment.utterance, segment.take_rest()
        self.plays_at_ms = self._play_end_ms
        message = b""
        if rest:
            message = self._padded(self._send(segment, rest, len(rest) // 2, now_ms))
        if utterance.sent and not self._speech_follows():
            message += self._tail
            self._play_end_ms += TAIL_MS
            self._pushed_out = True
        return message or self.pull(now_ms)

    def _padded(self, content: Buffer) -> bytes:
        return bytes(content) + bytes(self._frame - len(content))

    def _speech_follows(self) -> bool:
        return bool(self._segments) and self._segments[0].size // self._frame * FRAME_MS >= TAIL_MS

    def _push_out(self, now_ms: float) -> Buffer:
        """The model stalls: let the caller hear what the switch still keeps."""
        segment, message = self._segments[0], b""
        self._play_end_ms = self.plays_at_ms = now_ms
        if segment.rest and not self.is_held:
            rest = segment.take_rest()
            message = self._padded(self._send(segment, rest, len(rest) // 2, now_ms))
        self._play_end_ms += TAIL_MS
        self._pushed_out = True
        return message + self._tail

    def _pull_held(self, now_ms: float) -> Buffer | None:
        """Nothing new leaves, but what the switch still keeps counts as heard and must be."""
        return None if self._pushed_out or now_ms - self._play_end_ms < _STARVED_MS else self._push_out(now_ms)

    @property
    def wake_ms(self) -> float:
        """When `pull` may next return something; infinite while there is nothing to wait for."""
        if not self._segments:
            return inf
        segment = self._segments[0]
        if not self.is_held and (segment.frames or segment.utterance.complete):
            return max(self._hold_until_ms, self._play_end_ms + self._step_ms - self._lead_ms)
        return inf if self._pushed_out else self._play_end_ms + _STARVED_MS

    def flush(self, now_ms: float) -> bytes | None:
        """Drop everything unsent. Returns the silence to send at once (before killAudio, where that is on); None if the switch has nothing
        of ours."""
        idle = self._play_end_ms <= now_ms and self._pushed_out
        self._segments.clear()
        self._sent.clear()
        self.is_held = False
        self.generation += 1
        if idle:
            return None
        if self._kill:
            self._empty_switch(now_ms)
        else:
            self._play_end_ms = max(self._play_end_ms, now_ms) + TAIL_MS
        self._pushed_out = True
        return self._tail

    def _empty_switch(self, now_ms: float) -> None:
        """killAudio goes out now."""
        self._hold_until_ms = now_ms + self._hold_ms
        self._play_end_ms = self.emptied_ms = now_ms
        self._pushed_out = True

    # --- sound that is passed on as it comes ---------------------------------------------------------------------------------

    def takes(self, now_ms: float) -> bool:
        """The switch would not wipe what it is sent now."""
        return now_ms + _SLACK_MS >= self._hold_until_ms

    def ahead_ms(self, now_ms: float) -> float:
        """How much the switch holds that the caller has not heard; negative while it holds nothing."""
        return self._play_end_ms - now_ms

    def passed(self, size: int, now_ms: float) -> None:
        """So many bytes of somebody else's sound were sent past the queue, which is empty."""
        self.plays_at_ms = max(self._play_end_ms, now_ms)
        self._play_end_ms = self.plays_at_ms + size * 500 / self._rate_hz
        self._pushed_out = False

    # --- stopping for a moment ----------------------------------------------------------------------------------------------

    def hold(self, now_ms: float, *, recall: bool) -> bytes | None:
        """Send nothing more until `resume`. `recall`: take back what the switch has not played; returns the silence to send at once before
        killAudio, or None where there is nothing to take back or killAudio is not to be used. What was sent then counts as heard."""
        self.is_held = True
        if not (recall and self._kill and self._is_sounding(now_ms)):
            return None
        self._take_back(now_ms)
        self._empty_switch(now_ms)
        return self._tail

    def resume(self) -> None:
        self.is_held = False

    def _is_sounding(self, now_ms: float) -> bool:
        """The switch has speech that was not heard; emptying it for silence would only clip what it plays a little late."""
        return bool(self._sent) and self._sent[-1][0].utterance.end_ms > now_ms

    def _take_back(self, now_ms: float) -> None:
        back: list[_Sent] = []
        for segment, position, content in reversed(self._sent):
            utterance = segment.utterance
            is_under_way = segment in self._segments or utterance.end_ms > now_ms - _BEHIND_MS
            if not is_under_way or position < utterance.heard(now_ms) - REWIND_MS * self._rate_hz // 1000:
                break
            back.append((segment, position, content))
        self._sent.clear()
        first_places: dict[int, int] = {}  # of each utterance, the sample that is sent next
        for segment, position, content in back:
            segment.put_back(content)
            first_places[id(segment)] = position
            if segment not in self._segments:
                self._segments.appendleft(segment)
        for segment in _distinct(segment for segment, _, _ in back):
            segment.utterance.again = segment.utterance.recall(now_ms) - first_places[id(segment)]

    def skip(self, now_ms: float) -> int:
        """Drop what should have been heard before now and could not be sent; returns how much, in milliseconds. An utterance that has not
        begun is not late."""
        skipped = 0
        while self._segments and self._play_end_ms + FRAME_MS <= now_ms:
            segment = self._segments[0]
            if segment.utterance.started_ms is None:
                break
            if segment.frames:
                self._drop(segment, len(segment.take()) // 2)
            elif segment.utterance.complete:
                self._drop(segment, len(segment.rest) // 2)
                self._segments.popleft()
                continue
            else:
                break
            self._play_end_ms += FRAME_MS
            skipped += FRAME_MS
        return skipped

    def _drop(self, segment: _Segment, samples: int) -> None:
        utterance = segment.utterance
        repeated = min(utterance.again, samples)
        utterance.again -= repeated
        utterance.skipped += samples - repeated
        utterance.broken |= samples > repeated


def _distinct(segments: Iterable[_Segment]) -> list[_Segment]:
    return list({id(segment): segment for segment in segments}.values())
