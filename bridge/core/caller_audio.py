"""What the caller said lately, kept for a model that takes over in mid-sentence, and the turns of their speech.

While the caller is silent 300 ms are kept, because a turn begins before anybody can have noticed it. From then on what they say is kept
until a model has acted on it, at most the last 6 s; the silence that follows it is not. While no model hears them at all, the last 3 s are
kept in any case.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from bridge.core.frames import FRAME_MS, Buffer, frame_bytes
from bridge.core.speech import SpeechDetector

PRE_ROLL_MS = 300
HELD_MS = 3000  # what is older when a model is ready is history, not a question
TURN_MS = 6000
UNANSWERED_MS = 15_000  # by then somebody has reacted, or nobody ever will
PAUSE_MS = 600  # a shorter one does not end what somebody is saying
_LOUDER_THAN_AFTER = 2.0  # a turn that ended without getting quieter was the line's noise
_COMPARED_FRAMES = 25
_AUDIBLE, _STANDS_OUT = 90.0**2, 6.0
_UNSURE_MS = 40  # of speech may have been heard before the detector says so


@dataclass(frozen=True, slots=True)
class Ear:
    """The caller's latest speech, short pauses in it included, as our own detector hears it. Call milliseconds."""

    started_ms: float
    voiced_ms: float  # without the pauses
    burst_ms: float  # since the last pause
    quiet_ms: float  # since it was last heard
    is_over: bool  # the detector has called it an end

    @classmethod
    def of(cls, detector: SpeechDetector, heard_until_ms: float) -> Ear | None:
        if not detector.turns:
            return None
        ended_ms = detector.turns[-1][1]
        until_ms = heard_until_ms - detector.quiet_ms if ended_ms is None else ended_ms
        burst_ms = until_ms - detector.turns[-1][0]
        started_ms, voiced_ms, next_ms = until_ms, 0.0, until_ms
        for began_ms, stopped_ms in reversed(detector.turns):
            if stopped_ms is not None and next_ms - stopped_ms > PAUSE_MS:
                break
            voiced_ms += (until_ms if stopped_ms is None else stopped_ms) - began_ms
            started_ms = next_ms = began_ms
        return cls(started_ms, voiced_ms, burst_ms, max(0.0, heard_until_ms - until_ms), ended_ms is not None)


def _power(pcm: Buffer) -> float:
    signal = np.frombuffer(pcm, "<i2").astype(np.float32)
    return float(signal @ signal) / len(signal)


class RecentAudio:
    """Whole 20 ms frames of one channel at `rate_hz`. The last of them may be `unheard`: not judged by the detector, and not yet dated."""

    def __init__(self, rate_hz: int) -> None:
        self.detector = SpeechDetector(rate_hz)
        self.is_held = True  # no model hears the caller
        self.turn_from_ms: float | None = None  # of the caller's turn that nobody has answered, with its pre-roll
        self._run_from_ms: float | None = None  # of the part of it that is not in `_said` yet
        self._said = b""
        self._said_until_ms = -inf
        self._followed_ms = -inf  # the start of the latest speech that was taken note of
        self.listen_at(rate_hz)

    def listen_at(self, rate_hz: int) -> None:
        """The frames that follow have this rate; what was kept is let go."""
        self._frame_bytes = frame_bytes(rate_hz)
        self._pre_roll_bytes = (PRE_ROLL_MS + _UNSURE_MS) // FRAME_MS * self._frame_bytes
        self.detector.listen_at(rate_hz)
        self.pcm = bytearray()
        self.heard_bytes = 0
        self.heard_until_ms = -inf  # the end of what the detector has judged
        self.dismiss()

    @property
    def unheard_frames(self) -> int:
        return (len(self.pcm) - self.heard_bytes) // self._frame_bytes

    @property
    def until_ms(self) -> float:
        """The end of what is here."""
        return self.heard_until_ms + self.unheard_frames * FRAME_MS

    @property
    def kept_bytes(self) -> int:
        return len(self.pcm) + len(self._said)

    def add(self, frames: Buffer) -> None:
        self.pcm += frames

    def listen(self, at_ms: float) -> bool:
        """Have the detector judge what is unheard; `at_ms`: when it began. True if the caller began or stopped."""
        pcm = self.pcm
        fresh = pcm[self.heard_bytes :]
        changed = self.detector.hear(fresh, at_ms)
        self.heard_until_ms = at_ms + len(fresh) // self._frame_bytes * FRAME_MS
        self.heard_bytes = len(pcm)
        if changed:
            self._follow()
        if self.turn_from_ms is None and not self.is_held:  # silence, ten times a second
            excess = len(pcm) - self._pre_roll_bytes
            if excess > 0:
                del pcm[:excess]
                self.heard_bytes = len(pcm)
            return changed
        self._rest()
        self.trim()
        return changed

    def _follow(self) -> None:
        """Speech began or ended, perhaps several times in what was judged at once."""
        for started_ms, _ in self.detector.turns:
            if started_ms > self._followed_ms:
                self._followed_ms = started_ms
                from_ms = started_ms - PRE_ROLL_MS
                self.turn_from_ms = from_ms if self.turn_from_ms is None else self.turn_from_ms
                if self._run_from_ms is None:
                    self._run_from_ms = max(from_ms, self._said_until_ms)
        if not self.detector.is_speaking and self._run_from_ms is not None and not self._has_grown_quieter():
            self._run_from_ms = None
            if not self._said:
                self.turn_from_ms = None

    def _has_grown_quieter(self) -> bool:
        """A steady noise counts as speech until the detector has got used to it."""
        end = max(0, len(self.pcm) - int(self.quiet_ms / FRAME_MS + 0.5) * self._frame_bytes)
        before, after = self.pcm[max(0, end - _COMPARED_FRAMES * self._frame_bytes) : end], self.pcm[end:]
        return not before or not after or _power(before) > _LOUDER_THAN_AFTER * _power(after)

    def _rest(self) -> None:
        """Once the caller is silent, put aside what they said."""
        if self.turn_from_ms is None:
            return
        if self._run_from_ms is not None and not self.detector.is_speaking and self.quiet_ms >= PAUSE_MS:
            said = self._said + b"".join(self._frames_since(self._run_from_ms))
            self._said = bytes(said[-TURN_MS // FRAME_MS * self._frame_bytes :])
            self._said_until_ms, self._run_from_ms = self.until_ms, None
        elif self.quiet_ms > UNANSWERED_MS and not self.is_held:
            self.dismiss()

    @property
    def has_burst(self) -> bool:
        """Something was just heard that stands out from the line's noise, voice or not."""
        signal = np.frombuffer(bytes(self.pcm), "<i2").astype(np.float32).reshape(-1, self._frame_bytes // 2)
        if len(signal) < 2:
            return False
        powers = np.vecdot(signal, signal) / signal.shape[1]
        noise = max(float(powers.min()), self.detector.noise or 0.0)
        return bool(powers.max() > max(_AUDIBLE, _STANDS_OUT * noise))

    @property
    def ear(self) -> Ear | None:
        return Ear.of(self.detector, self.heard_until_ms)

    @property
    def quiet_ms(self) -> float:
        """How long the caller has been silent, as far as it was judged."""
        turns = self.detector.turns
        ended_ms = turns[-1][1] if turns else -inf
        return 0.0 if ended_ms is None else self.heard_until_ms - ended_ms

    def trim(self) -> None:
        keep_ms: float = HELD_MS if self.is_held else PRE_ROLL_MS + _UNSURE_MS
        if self._run_from_ms is not None:
            keep_ms = min(TURN_MS, max(keep_ms, self.until_ms - self._run_from_ms))
        excess = len(self.pcm) // self._frame_bytes - int(keep_ms / FRAME_MS + 0.5)
        if excess > 0:
            del self.pcm[: excess * self._frame_bytes]
            self.heard_bytes = max(0, self.heard_bytes - excess * self._frame_bytes)

    def dismiss(self) -> None:
        """Nobody has to hear what was said so far."""
        self.turn_from_ms = self._run_from_ms = None
        self._said, self._said_until_ms = b"", -inf

    def answered(self) -> None:
        """The model has acted on the turn; one that is under way begins here."""
        self.dismiss()
        if self.detector.is_speaking:
            self.turn_from_ms = self._run_from_ms = self.detector.turns[-1][0] - PRE_ROLL_MS
        self.trim()

    def since(self, from_ms: float | None) -> list[bytes]:
        """Frames spoken at or after `from_ms` (None: all), oldest first: of the turn that nobody answered, and what followed it."""
        size = self._frame_bytes
        from_ms = -inf if from_ms is None else from_ms
        said = len(self._said) // size
        if self._said and from_ms > -inf:
            said = min(said, max(0, int((self._said_until_ms - from_ms) / FRAME_MS + 0.5)))
        kept = self._said[len(self._said) - said * size :]
        frames = [kept[at : at + size] for at in range(0, len(kept), size)]
        return [*frames, *self._frames_since(max(from_ms, self._said_until_ms))][-TURN_MS // FRAME_MS :]

    def _frames_since(self, from_ms: float) -> list[bytes]:
        size, frames = self._frame_bytes, len(self.pcm) // self._frame_bytes
        wanted = frames
        if -inf < min(from_ms, self.heard_until_ms):
            wanted = min(frames, max(0, int((self.until_ms - from_ms) / FRAME_MS + 0.5)))
        return [bytes(self.pcm[at : at + size]) for at in range((frames - wanted) * size, frames * size, size)]
