"""The caller's audio on its way to the model: cut, clocked, freed of our own voice, listened to, and held back while no model can hear it.

    inbound_track   one channel, the caller's. With the echo guard on, our own voice is taken out of it.
    both_tracks     either two channels (the left one is the caller's) or one with both voices in it, which the echo guard takes apart.
                    Which of the two it is shows within a second from the bytes that arrive; until then nothing goes to the model.

With own turn detection the model is sent the caller's turns and nothing between them: a turn opens with what was kept from before it, and
ends after a silence. `turn_changes` says so in an order that fits the frames: an opening is announced one message before its audio is
returned, an end together with its last audio, and the session passes both on after the frames of the same message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from math import inf

from bridge.core.caller_audio import HELD_MS, PAUSE_MS, Ear, RecentAudio
from bridge.core.echo import EchoGuard
from bridge.core.frames import FRAME_MS, MODEL_IN_HZ, Buffer, frame_bytes
from bridge.core.pcm import InboundClock, Layout, LayoutProbe, Recutter, are_interleaved, backlog_bytes, left_channel
from bridge.core.resample import RATES_HZ, Resampler
from bridge.core.speech import SpeechDetector

__all__ = ["HELD_MS", "TurnChange", "Uplink"]

_LISTEN_FRAMES = 5
END_SILENCE_MS = PAUSE_MS
BOTH_TRACKS = "both_tracks"
_STEREO = (Layout.STEREO, Layout.HALF_RATE_STEREO)
_HALF = (Layout.HALF_RATE, Layout.HALF_RATE_MIXED, Layout.HALF_RATE_STEREO)
_OF_BOTH_TRACKS = {
    Layout.AS_DECLARED: Layout.MIXED,
    Layout.UNKNOWN: Layout.MIXED,
    Layout.HALF_RATE: Layout.HALF_RATE_MIXED,
    Layout.DOUBLE: Layout.STEREO,
}


class TurnChange(StrEnum):
    BEGAN = "began"
    ENDED = "ended"


class Uplink:
    """`news` is set when the caller began or stopped speaking, when a turn was opened or ended, or when the layout became known; the
    session clears it, and takes `layout` and `turn_changes`.

    `echo_guard`: "on", "off", or "auto": on where both voices share a channel.
    """

    def __init__(
        self,
        rate_hz: int,
        track: str = "inbound_track",
        *,
        echo_guard: str = "auto",
        end_silence_ms: int = END_SILENCE_MS,
    ) -> None:
        self.layout: Layout | None = None
        self.is_refused = False  # what arrives cannot be made sense of
        self.news = False
        self.turn_changes: list[TurnChange] = []
        self.turn_after_ms = 0  # own turn detection: how long the caller must have spoken for a turn
        self.is_turn_open = False
        self.last_audio_ms: float | None = None
        self.held_from_ms: float | None = None  # when the model last heard the caller
        self.wants_playback = echo_guard == "on" or (
            echo_guard == "auto" and track == BOTH_TRACKS
        )  # `played` and `flushed`
        self.answer_ear: Callable[[Buffer, float, int], bool] | None = (
            None  # who answered? frames, when they began, their rate
        )
        self.tap: Callable[[Buffer, int, float], None] | None = None  # hears the caller too: frames, their rate, now
        self._both = track == BOTH_TRACKS
        self._mode = echo_guard
        self._line_hz = rate_hz
        self._rate_hz = rate_hz
        self._open = False  # a model hears the caller
        self._gated = False
        self._steady = False  # the next message is most likely one whole frame that goes straight through
        self._closely = False
        self._stereo = False
        self._probe = LayoutProbe(rate_hz)
        self._clock = InboundClock()
        self._recent = RecentAudio(rate_hz)
        # Before the layout is known: what came (True) and when, and what was played (None for a flush) and when it is heard.
        self._unknown: list[tuple[bool, bytes | None, float]] | None = [] if self._both else None
        self._guard = EchoGuard(rate_hz) if echo_guard == "on" and not self._both else None
        self._to_line: Resampler | None = None
        self._unheard_at_ms = 0.0
        self._guarded_until_ms = 0.0
        self._undecided: list[Buffer] = []  # the guard may still change its mind about them
        self._outgoing: list[Buffer] = []  # opens a turn with the next message
        self._sent_until_ms = -inf
        self._end_silence_ms = end_silence_ms
        self._feed_hz = MODEL_IN_HZ
        self._listen_at(rate_hz)

    @property
    def detector(self) -> SpeechDetector:
        return self._recent.detector

    @property
    def ear(self) -> Ear | None:
        return self._recent.ear

    @property
    def has_burst(self) -> bool:
        return self._recent.has_burst

    def _listen_at(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._frame_bytes = frame_bytes(rate_hz)
        self._recutter = Recutter(rate_hz * (2 if self._stereo else 1))
        self._recent.listen_at(rate_hz)
        self._listen_next()
        self._feed()

    def _feed(self) -> None:
        self._resampler = Resampler(self._rate_hz, self._feed_hz) if self._rate_hz != self._feed_hz else None

    def _listen_next(self) -> None:
        frames = 1 if self._closely else _LISTEN_FRAMES
        self._listen_bytes = self._recent.heard_bytes + frames * self._frame_bytes

    # --- audio in -----------------------------------------------------------------------------------------------------------

    def push(self, data: Buffer, now_ms: float) -> Sequence[Buffer]:
        """20 ms frames at the model's rate, to be sent before this returns to the socket: they may alias `data`."""
        if self._steady and len(data) == self._frame_bytes:
            self.last_audio_ms = now_ms
            recent = self._recent.pcm
            recent += data
            if len(recent) >= self._listen_bytes:
                self.listen(now_ms)
            if self.tap is not None:
                self.tap(data, self._rate_hz, now_ms)
            return (data,)
        frames = self._push(data, now_ms)
        self._steady = (
            self._open
            and not self._gated
            and self._guard is None
            and self._probe.done
            and self._resampler is None
            and not self._stereo
            and not self._recutter.waiting_bytes
        )
        return frames

    def _push(self, data: Buffer, now_ms: float) -> Sequence[Buffer]:
        if self.last_audio_ms is None:
            if not len(data):
                return ()
            data = self._drain_backlog(data, now_ms)
        self.last_audio_ms = now_ms
        if not self._probe.done:
            self._look_at_layout(len(data), data, now_ms)
        if self._unknown is None:
            frames = self._of_caller(self._recutter.push(data), now_ms)
        else:
            self._unknown.append((True, bytes(data), now_ms))
            if not self._probe.done:
                return ()
            frames = self._all_so_far()
        for frame in frames:
            self._recent.add(frame)
        if self.tap is not None and frames:
            self.tap(frames[0] if len(frames) == 1 else b"".join(frames), self._rate_hz, now_ms)
        if len(self._recent.pcm) >= self._listen_bytes:
            self.listen(now_ms)
        if not self._open:
            return ()
        return self._in_turns(frames, now_ms) if self._gated else self._converted(frames)

    def _of_caller(self, frames: Sequence[Buffer], now_ms: float) -> Sequence[Buffer]:
        """The caller's channel, without our own voice."""
        if not frames or (self._guard is None and not self._stereo):
            return frames
        joined: Buffer = frames[0] if len(frames) == 1 else b"".join(frames)
        if self._stereo:
            joined = left_channel(joined)
        if self._guard is not None:
            return self._guarded(self._guard, joined, now_ms)
        return self._frames_of(joined)

    def _frames_of(self, joined: Buffer) -> list[Buffer]:
        size = self._frame_bytes
        return [joined[at : at + size] for at in range(0, len(joined), size)]

    def _guarded(self, guard: EchoGuard, joined: Buffer, now_ms: float) -> list[Buffer]:
        """What is decided of `joined` and of what was undecided before it."""
        count = len(joined) // self._frame_bytes
        at_ms = self._clock.stamp(count, now_ms)
        if not self._recent.unheard_frames:
            self._unheard_at_ms = at_ms - len(self._undecided) * FRAME_MS
        self._guarded_until_ms = at_ms + count * FRAME_MS
        joined = guard.clean(joined, at_ms, now_ms - self._guarded_until_ms)
        if not self._undecided and not guard.undecided and not guard.corrections:
            return self._frames_of(joined)
        frames = [*self._undecided, *self._frames_of(bytes(joined))]
        first = guard.frames - len(frames)
        for number, corrected in guard.corrections:
            frames[number - first] = corrected
        guard.corrections.clear()
        decided = len(frames) - guard.undecided
        self._undecided = frames[decided:]
        return frames[:decided]

    def _all_so_far(self) -> list[Buffer]:
        """What came before the layout was known, as if it came now: at the times at which it came, and among what was played then."""
        journal, self._unknown = self._unknown or [], None
        frames: list[Buffer] = []
        for came, content, at_ms in journal:
            if not came:
                self._tell_guard(content, at_ms)
            elif content:
                frames += self._of_caller(self._recutter.push(content), at_ms)
        self._unheard_at_ms = self._guarded_until_ms - (len(frames) + len(self._undecided)) * FRAME_MS
        return frames

    def listen(self, now_ms: float) -> None:
        """Have the detector judge what has arrived; several frames at once, because each look has its price."""
        recent = self._recent
        frames = (len(recent.pcm) - recent.heard_bytes) // self._frame_bytes
        if frames:
            at_ms = self._clock.stamp(frames, now_ms) if self._guard is None else self._unheard_at_ms
            if self.answer_ear is not None and self.answer_ear(recent.pcm[recent.heard_bytes :], at_ms, self._rate_hz):
                self.news = True
            if recent.listen(at_ms) or self._closely:
                self.news = True
            self._listen_bytes = recent.heard_bytes + (1 if self._closely else _LISTEN_FRAMES) * self._frame_bytes

    def listen_closely(self, closely: bool) -> None:
        """Judge every frame by itself, and have news of each: while it matters to the frame how long the caller has been speaking."""
        if closely is not self._closely:
            self._closely = closely
            self._listen_next()

    def _drain_backlog(self, data: Buffer, now_ms: float) -> Buffer:
        """Sound from before our time is counted and let go: it answers nothing we said, so it must not interrupt anything either. But
        who answered a placed call is told by what they said first, and that is in it."""
        old = backlog_bytes(len(data), self._rate_hz)
        frames = self._recutter.push(bytes(memoryview(data)[:old]))
        self._clock.skip(len(frames))
        if frames and self.answer_ear is not None and not self._both:
            began_ms = now_ms - (len(frames) + 1) * FRAME_MS
            self.news = self.answer_ear(b"".join(frames), began_ms, self._rate_hz) or self.news
        return memoryview(data)[old:]

    # --- what it is ---------------------------------------------------------------------------------------------------------

    def _look_at_layout(self, size_bytes: int, data: Buffer, now_ms: float) -> None:
        found = self._probe.push(size_bytes, now_ms)
        if found is None:
            return
        if self._unknown is not None:
            so_far = [content for came, content, _ in self._unknown if came and content]
            found = self._of_both(found, b"".join((*so_far, data)))
        self.layout = found
        self.news = True
        half = self._rate_hz // 2
        self.is_refused = found is Layout.DOUBLE or (found in _HALF and half not in RATES_HZ)
        self._stereo = found in _STEREO
        if found in _HALF and not self.is_refused:
            self._listen_at(half)
        elif self._stereo:
            self._listen_at(self._rate_hz)
        self._guard_again()

    def _of_both(self, found: Layout, so_far: bytes) -> Layout:
        """The byte rate of one channel is also that of two at half the rate; which it is can be heard."""
        if self._rate_hz // 2 in RATES_HZ and found is Layout.AS_DECLARED and are_interleaved(so_far):
            return Layout.HALF_RATE_STEREO
        if found is Layout.UNKNOWN and are_interleaved(so_far):
            return Layout.STEREO
        return _OF_BOTH_TRACKS[found]

    def _guard_again(self) -> None:
        """The guard for the stream as it turned out to be."""
        wanted = self._mode == "on" or (self._mode == "auto" and self._both and not self._stereo)
        if wanted and (self._guard is None or self._rate_hz != self._line_hz):
            self._guard = EchoGuard(self._rate_hz, is_mixed=self._both)
            if self._rate_hz != self._line_hz:
                self._to_line = Resampler(self._line_hz, self._rate_hz)
        self.wants_playback = self._guard is not None

    def played(self, pcm: Buffer, at_ms: float) -> None:
        """This was sent to the switch, at the declared rate; the caller hears it from `at_ms` on."""
        if self._unknown is not None:
            self._unknown.append((False, bytes(pcm), at_ms))
        else:
            self._tell_guard(pcm, at_ms)

    def flushed(self, at_ms: float) -> None:
        """Everything from `at_ms` on was wiped and is never heard."""
        if self._unknown is not None:
            self._unknown.append((False, None, at_ms))
        else:
            self._tell_guard(None, at_ms)

    def _tell_guard(self, pcm: Buffer | None, at_ms: float) -> None:
        if self._guard is None:
            return
        if pcm is None:
            self._guard.flushed(at_ms)
        else:
            noise = self._recent.detector.noise
            if noise is not None and not self._guard.is_listening:
                self._guard.noise_is(noise)
            self._guard.played(pcm if self._to_line is None else self._to_line.push(pcm), at_ms)

    # --- to the model -------------------------------------------------------------------------------------------------------

    def _converted(self, frames: Sequence[Buffer]) -> Sequence[Buffer]:
        resampler = self._resampler
        return frames if resampler is None else [resampler.push(frame) for frame in frames]

    def connect(self, feed_hz: int, since_ms: float | None = None, *, gated: bool = False) -> tuple[bytes, ...]:
        """A model that takes `feed_hz` hears the caller from now on. Returns what it must hear first, oldest first: the audio of the turn
        that nobody has answered, from 300 ms before it (at most 6 s), and what came while nobody heard the caller. `since_ms`: nothing
        that was spoken before. `gated`: own turn detection; the same audio then comes as a turn with the next message."""
        self._feed_hz, self._gated = feed_hz, gated
        self._feed()
        recent = self._recent
        recent.trim()
        held: tuple[bytes, ...] = ()
        self._sent_until_ms = -inf if since_ms is None else since_ms
        if not gated:
            held = tuple(bytes(frame) for frame in self._converted(recent.since(since_ms)))
        elif recent.turn_from_ms is not None:
            self._open_turn(recent.turn_from_ms)
        recent.is_held, self._open, self.held_from_ms = False, True, None
        recent.trim()
        self._listen_next()
        return held

    def hold(self) -> None:
        """Keep the caller's audio until the next `connect`."""
        self._open = self._steady = False
        self._recent.is_held = True
        self.is_turn_open = False
        self._outgoing.clear()
        until_ms = self._recent.until_ms
        self.held_from_ms = until_ms if until_ms > -inf else None

    def turn_answered(self) -> None:
        """The model has acted on what the caller said: it need not be heard by another one."""
        self._recent.answered()
        self._listen_next()

    # --- own turn detection -------------------------------------------------------------------------------------------------

    def _in_turns(self, frames: Sequence[Buffer], now_ms: float) -> Sequence[Buffer]:
        """What the model may hear of `frames`, which are in `_recent` already."""
        if not self.is_turn_open:
            self._begin_turn()
            return ()
        sent, self._outgoing = [*self._outgoing, *self._converted(frames)], []
        self._sent_until_ms = self._recent.until_ms
        self._end_turn(now_ms)
        return sent

    def _begin_turn(self) -> None:
        recent, ear = self._recent, self.ear
        if recent.turn_from_ms is None or ear is None:
            return
        if ear.voiced_ms < self.turn_after_ms:
            if ear.quiet_ms > self._end_silence_ms:
                recent.dismiss()  # it was too short for a turn, and the agent went on
        elif recent.heard_until_ms - ear.quiet_ms > self._sent_until_ms:
            self._open_turn(recent.turn_from_ms)

    def _open_turn(self, from_ms: float) -> None:
        self.is_turn_open = True
        self._outgoing = list(self._converted(self._recent.since(max(from_ms, self._sent_until_ms))))
        self._sent_until_ms = self._recent.until_ms
        self.turn_changes.append(TurnChange.BEGAN)
        self.news = True

    def _end_turn(self, now_ms: float) -> None:
        recent = self._recent
        if self.detector.is_speaking or recent.quiet_ms + recent.unheard_frames * FRAME_MS < self._end_silence_ms:
            return
        self.listen(now_ms)
        if not self.detector.is_speaking:
            self.is_turn_open = False
            self.turn_changes.append(TurnChange.ENDED)
            self.news = True
