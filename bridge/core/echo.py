"""Echo guard: our own voice, coming back in the caller's channel, is taken out before anybody listens to it.

It comes back when the carrier mixes both tracks into one (the digital sum) and when a handset or a hybrid on the way returns it (line
echo). The guard knows what was played and when. A correlation finds how late it returns, a filter learns what the line makes of it and
takes it away, and what is then left is let through only where it clearly exceeds what the filter leaves of an echo, and does not itself
match what was played at some other delay. Everything else becomes silence at the level of the line's own noise.

    unlocated   the delay is not known. Sound that may be an echo is withheld until it matches (located) or 300 ms of it (1 s where
                our voice is known to be on the line) have matched
                nothing: then it is somebody else, and whatever follows goes through at once until something does match
    located     the filter runs whenever our voice should be on the line now; a quiet line costs next to nothing

A frame comes back as long as it went in, at once. What was withheld only because it was too early to say is `undecided`: whoever can wait
holds it back, and puts `corrections` in its place. So the first words of a caller are late and not lost.

Our clock and the line's count of samples agree as long as frames arrive in step. After a stall of either side they do not: a switch that
catches up plays what it was just sent as if that were long ago, and from then on at once instead of after our lead. So for a while after
frames came late (`late_ms`) our voice is looked for that much earlier and later as well.

Times are call milliseconds; audio is PCM16 at the line's rate, mono.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from bridge.core.echo_path import Audio, EchoPath, Played, find_delay
from bridge.core.frames import FRAME_MS, Buffer

_EARLIEST_MS, _LATEST_MS = -60, 900  # where an echo may stand against our own clock: switch and clock both err
_LINGER_MS = 1_000  # after our last sound
_FLUSH_MS = 60  # a flush takes until the switch's next tick; what it wipes may have been heard for so long
_MARGIN_MS = 4  # the filter begins so much before the delay that was found
_NEAR_MS = 100  # a delay moves by no more than this at once; batches of the switch are 20 to 80 ms
_QUIET_NEARBY = 0.001
_STUCK_MS = 80  # the switch keeps so much of a sentence that stops in its middle, until more is sent
_REANCHOR_MS = 40  # the line's count of samples and its clock may differ by so much
_QUIET = 20.0**2  # -64 dBFS: nobody hears an echo below it
_ABOVE_NOISE = 2.5
_NOISE_AT_FIRST = 150.0**2
_HISS_AT_FIRST = 40.0**2  # below what any ear takes for a sound
_FLOOR_FRAMES = 25
_AUDIBLE = 10.0**2  # played sound below this is silence
_BRIEFEST = 3  # frames that a match needs
_ONSET_MS, _ONSET_FRAMES = 200, 8  # each sentence has a delay of its own, and its first consonant tells little of it
_WITHHELD = 15  # frames withheld at most before an echo was ever found
_HISTORY = 15
_CLEARLY = 8.0  # what exceeds the expected rest of an echo by this factor (9 dB) is not one
_LEAK_LEAST, _LEAK_MOST = 0.006, 0.125
_LEAK_RISES, _LEAK_FALLS = 0.3, 0.03
_PROMINENT, _PRESENT = 0.25, 0.3  # an echo that should make up so much of the line must at least be there in part
_UNDECIDED = 0.22  # below what is alike by so much: certainly somebody else
_DECIDED_FRAMES = 6
_TRUST_FRAMES = 20  # the caller keeps the floor for so long after clearly speaking
_CHECK_EVERY = 4
_SEARCH_SOON, _SEARCH_LATER, _SEARCH_AGAIN = 2, 5, 8  # every so many odd frames over all delays, which costs
_LATE_MS = 60  # frames that come so much later than they were due are a stall
_LEAD_MS = 220  # what we send ahead, and a little more: after a stall the switch may play it at once
_UNSETTLED_MS = 3_000  # after the last frame that came late
_WITHHELD_SURE = 50  # the same as _WITHHELD where our voice is known to be on the line
_RELEASED_LEAST = 5  # frames: a shorter sound that matched nothing is not worth the risk
_PIECE = 5  # frames in which a delay hardly ever changes
_WAITING_MOST = 12  # frames that are undecided at once when the delay is known
_ANYWHERE = 0.04  # a match at any delay must be this much better
_CONVERGED = 0.01  # a filter that leaves 20 dB less learns now and then
_LEARN_EVERY = 4

_HISS = np.random.default_rng(0).standard_normal(6_007).astype(np.float32)


def _power(audio: Audio) -> float:
    return float(audio @ audio) / len(audio)


def _alike(frames: int) -> float:
    """From which correlation on `frames` of sound are an echo. Measured: speech of somebody else reaches 0.75 in 60 ms by chance, 0.55 in
    300 ms; an echo has 0.85 and more once it lasts 100 ms, 0.6 beneath a caller who is as loud."""
    return max(0.5, 0.87 - 0.03 * frames)


class _Floor:
    """The power of the line's own noise: the quietest frame of the last two seconds. Until half a second was heard it may have been our
    own voice, so it counts for little.

    `hiss`: what to put in the place of our voice. What sounded under it from the first moment on may be our voice as well, and hiss in
    the rhythm of speech is a caller to a model, so until two seconds have passed it is faint."""

    def __init__(self) -> None:
        self._minima: deque[float] = deque(maxlen=4)
        self._is_sure = False
        self._lowest = _NOISE_AT_FIRST
        self._left = _FLOOR_FRAMES
        self.power = _NOISE_AT_FIRST

    def follow(self, power: float) -> float:
        if power < self._lowest:
            self._lowest = power
            self.power = min(self.power, power)
        self._left -= 1
        if not self._left:
            self._minima.append(self._lowest)
            self.power = min(self._minima)
            self._lowest, self._left = float("inf"), _FLOOR_FRAMES
            self._is_sure = self._is_sure or len(self._minima) == self._minima.maxlen
        return self.power

    def told(self, power: float) -> None:
        """Somebody has listened to the line while we were silent."""
        self._minima.clear()
        self._minima.append(power)
        self._lowest, self._left = float("inf"), _FLOOR_FRAMES
        self.power, self._is_sure = power, True

    @property
    def hiss(self) -> float:
        return self.power if self._is_sure else min(self.power, _HISS_AT_FIRST)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A frame that was withheld, as it came, and what of it the caller would have said."""

    number: int
    frame: bytes
    position: int
    loud: bool
    of_caller: Buffer


class EchoGuard:
    """Of one call. `rate_hz` is the line's rate. `is_mixed`: our voice is certainly on the line.

    frames      counts what `clean` was given
    undecided   so many of the latest frames may still be corrected
    corrections (number of the frame, what it is after all) since whoever takes them cleared them
    """

    def __init__(self, rate_hz: int, *, is_mixed: bool = False) -> None:
        self.frames = 0
        self.corrections: list[tuple[int, Buffer]] = []
        self._number = 0  # of the frame that is looked at
        self._waiting: list[_Waiting] = []
        self._patience = _WITHHELD_SURE if is_mixed else _WITHHELD
        self._apart = 0  # our voice may be so far from `_lag` for a while
        self._unsettled_until = 0
        self._is_ours = False  # what was just looked at closely
        self._rate = rate_hz
        self._frame = rate_hz * FRAME_MS // 1000
        self._played = Played(rate_hz)
        self._last_sound: int | None = None  # position behind the last sound that was played
        self._next: int | None = None  # position of the line's next sample
        self._floor = _Floor()
        self._path = EchoPath(self._frame)
        self._lag: int | None = None  # samples
        self._gain = 1.0
        self._leak = _LEAK_MOST
        self._predicted = 0.0
        self._line: deque[Audio] = deque(maxlen=_HISTORY)  # as it came
        self._rest: deque[Audio] = deque(maxlen=_HISTORY)  # without the predicted echo
        self._odd = 0  # frames in a row that an echo does not explain
        self._trusted = 0  # frames for which the caller still has the floor
        self._withheld = 0
        self._since_learned = 0
        self._ends_in_sound = False
        self._onset = 0  # where our latest sentence begins, or goes on
        self._wiped = 0  # from here on a flush may have wiped it or not
        self._stuck = (
            0,
            0,
        )  # where the rest of a sentence that had stopped is heard after all, and how many frames of it at most
        self._silence = b"\xff\xff" * self._frame

    def _samples(self, milliseconds: float) -> int:
        return round(milliseconds * self._rate / 1000)

    # --- what we said -------------------------------------------------------------------------------------------------------

    def played(self, pcm: Buffer, at_ms: float) -> None:
        """This was sent to the switch; the caller hears its first sample at `at_ms`."""
        position = self._samples(at_ms)
        if abs(position - self._played.end) <= self._rate // 500:
            position = self._played.end  # the same stream: rounding must not cut it
        elif self._ends_in_sound and position > self._played.end:
            self._stuck = (position, self._samples(_STUCK_MS) // self._frame)
            self._onset = position
        self._played.put(pcm, position)
        self._ends_in_sound = pcm[-1] != 0 or pcm[-2] != 0
        if np.frombuffer(pcm, np.int16).any():
            if self._last_sound is None or position > self._last_sound + self._samples(_NEAR_MS):
                self._onset = position
            self._last_sound = self._played.end

    def flushed(self, at_ms: float) -> None:
        """Everything from `at_ms` on was wiped and is never heard."""
        position = self._samples(at_ms + _FLUSH_MS)
        self._played.wipe(position)
        self._ends_in_sound = False
        self._wiped = self._samples(at_ms)
        if self._last_sound is not None:
            self._last_sound = min(self._last_sound, position)

    def noise_is(self, power: float) -> None:
        """The line's noise, measured while nothing was played: the guard itself listens to nothing then."""
        self._floor.told(power)

    @property
    def is_listening(self) -> bool:
        """Our voice may be on the line now, or was a moment ago."""
        return self._last_sound is not None

    # --- what the line says -------------------------------------------------------------------------------------------------

    @property
    def undecided(self) -> int:
        return len(self._waiting)

    @property
    def is_located(self) -> bool:
        return self._lag is not None

    def clean(self, frames: Buffer, at_ms: float, late_ms: float = 0.0) -> Buffer:
        """Whole 20 ms frames of the line, the first one spoken at `at_ms`, without our own voice; same length. `late_ms`: how long
        after its end the last one came."""
        size = 2 * self._frame
        self._number, self.frames = self.frames, self.frames + len(frames) // size
        if self._last_sound is None:
            return frames
        position = self._position(at_ms, len(frames) // 2)
        if late_ms > _LATE_MS or self._apart:
            self._came_late(position, self._samples(late_ms))
        if position > self._last_sound + self._samples(_LINGER_MS):
            self._rest_now()
            return frames
        if len(frames) == size:
            return self._clean(frames, position)
        view, cleaned = memoryview(frames), []
        for at in range(0, len(frames), size):
            cleaned.append(self._clean(view[at : at + size], position + at // 2))
            self._number += 1
        return b"".join(cleaned)

    def _came_late(self, position: int, late: int) -> None:
        """A frame came later than it was due. Either only it did, or its count and our clock have parted: the frames between are lost, or
        the switch caught up. Which one it was shows when our voice is found again."""
        if late > self._samples(_LATE_MS):
            self._apart = max(self._apart, late + self._samples(_LEAD_MS))
            self._unsettled_until = position + self._samples(_UNSETTLED_MS)
        elif position > self._unsettled_until:
            self._apart = self._unsettled_until = 0

    def _position(self, at_ms: float, count: int) -> int:
        """Samples are counted, because times of arrival jitter; the clock only corrects the count. What is known of the delay moves along
        with a correction: the same sample still meets the same sound."""
        told = self._samples(at_ms)
        if self._next is None:
            self._next = told
        elif abs(told - self._next) > self._samples(_REANCHOR_MS):
            if self._lag is not None:
                self._lag += told - self._next
            self._next = told
        position = self._next
        self._next += count
        return position

    def _rest_now(self) -> None:
        self._release()
        self._last_sound = self._next = None
        self._line.clear()
        self._rest.clear()
        self._odd = self._trusted = 0

    def _clean(self, frame: Buffer, position: int) -> Buffer:
        line = np.frombuffer(frame, np.int16).astype(np.float32)
        power = _power(line)
        floor = self._floor.follow(power)
        self._line.append(line)
        loud = power > max(_ABOVE_NOISE * floor, _QUIET)
        if self._lag is None:
            return self._unlocated(frame, position, loud)
        cleaned = self._located(frame, line, power, position, loud)
        if self._waiting and self._waiting[-1].number != self._number:
            self._waiting.clear()  # it was our voice, or too little of another one
        return cleaned

    # --- what is undecided --------------------------------------------------------------------------------------------------

    def _wait(self, frame: Buffer, position: int, loud: bool, of_caller: Buffer) -> None:
        self._waiting.append(_Waiting(self._number, bytes(frame), position, loud, of_caller))

    def _release(self) -> None:
        """It was somebody else."""
        if sum(waiting.loud for waiting in self._waiting) >= _BRIEFEST:
            self.corrections += [(waiting.number, waiting.of_caller) for waiting in self._waiting]
        self._waiting.clear()

    def _review(self) -> None:
        """The delay is known now: what was withheld is cleaned with it."""
        number, waiting, self._waiting = self._number, self._waiting, []
        self._odd = self._trusted = 0
        self._rest.clear()
        for earlier in waiting:
            self._number = earlier.number
            line = np.frombuffer(earlier.frame, np.int16).astype(np.float32)
            cleaned = self._located(earlier.frame, line, _power(line), earlier.position, earlier.loud)
            self.corrections.append((earlier.number, cleaned))
        self._number = number

    def _hush(self) -> bytes:
        """Silence as this line has it."""
        level = self._floor.hiss**0.5
        if level < 2.0:
            return self._silence
        assert self._next is not None
        start = self._next * 7 % (len(_HISS) - self._frame)
        return bytes((_HISS[start : start + self._frame] * np.float32(level)).astype(np.int16).tobytes())

    def _unlocated(self, frame: Buffer, position: int, loud: bool) -> Buffer:
        if not loud:
            self._odd = max(0, self._odd - 1)
            if self._waiting:
                self._wait(frame, position, loud, frame)
                if not self._odd:
                    self._end_of_sound()
            return frame
        self._odd += 1
        often = _SEARCH_SOON if self._withheld < _WITHHELD else _SEARCH_LATER
        if self._odd >= _BRIEFEST and self._odd % often == 0 and self._is_found(position):
            self._review()
            line = self._line[-1]
            return self._located(frame, line, _power(line), position, loud)
        if self._withheld >= self._patience:
            self._release()
            return frame
        self._withheld += 1
        self._wait(frame, position, loud, frame)
        return self._hush()

    def _is_found(self, position: int) -> bool:
        """All of the sound or, where a stall has torn it, its last piece is something that we played."""
        count = min(self._odd, _HISTORY)
        return self._locate(position, count) or (count > _PIECE and self._apart > 0 and self._locate(position, _PIECE))

    def _end_of_sound(self) -> None:
        """Too short to be found; long enough for a word."""
        if sum(waiting.loud for waiting in self._waiting) >= _RELEASED_LEAST:
            self._release()
        self._waiting.clear()

    def _locate(self, position: int, count: int) -> bool:
        """Look for the last `count` frames anywhere in what was played; if they are there, learn the line from them."""
        count = min(count, len(self._line))
        heard = np.concatenate([self._line[index] for index in range(-count, 0)])
        start = position - (count - 1) * self._frame
        first = start - self._samples(_LATEST_MS)
        played = self._played.read(first, len(heard) + self._samples(_LATEST_MS - _EARLIEST_MS) + self._apart)
        alike, offset = find_delay(heard, played, self._rate)
        if alike < _alike(count) + _ANYWHERE:
            return False
        self._lag = start - (first + offset)
        source = played[offset : offset + len(heard)]
        self._gain = min(2.0, (_power(heard) / max(_power(source), 1.0)) ** 0.5)
        self._path.restart(self._gain)
        self._train(position, count)
        self._is_ours = True
        return True

    def _train(self, position: int, count: int) -> None:
        """Learn from the last `count` frames of the line, twice."""
        left = went = 0.0
        for _ in range(2):
            left = went = 0.0
            for index in range(-count, 0):
                block = self._source(position + (index + 1) * self._frame)
                line = self._line[index]
                echo = self._path.predict(block)
                error = line - echo
                self._path.learn(block, error)
                left += _power(error)
                went += _power(echo)
        self._leak = min(_LEAK_MOST, max(_LEAK_LEAST, left / (went + 1.0)))

    def _source(self, position: int) -> Audio:
        """What was played and can be in the line's frame at `position`: two frames, of which the first is the filter's past."""
        assert self._lag is not None
        return self._played.read(position - self._lag - self._frame + self._samples(_MARGIN_MS), 2 * self._frame)

    def _located(self, frame: Buffer, line: Audio, power: float, position: int, loud: bool) -> Buffer:
        block = self._source(position)
        self._predicted *= 0.5
        if not loud:
            self._rest.append(line)
            self._odd = max(0, self._odd - 1)
            self._trusted = max(0, self._trusted - 1)
            if self._waiting and self._odd:
                self._wait(frame, position, loud, frame)
            return frame
        if _power(block) < _AUDIBLE and not self._near(position):
            self._rest.append(line)
            return self._hush() if not self._trusted and self._was_stuck(position) else frame
        echo = self._path.predict(block)
        rest = line - echo
        echo_power, rest_power = _power(echo), _power(rest)
        helped = rest_power < power
        self._rest.append(rest if helped else line)
        self._predicted = max(self._predicted, echo_power)
        left = min(power, rest_power) - _ABOVE_NOISE * self._floor.power
        exceeds = left > _CLEARLY * self._leak * self._predicted
        missing = echo_power > _PROMINENT * power and power - rest_power < _PRESENT * echo_power
        if not exceeds and not missing:
            return self._only_echo(block, rest, left, echo_power)
        if missing and self._trusted and self._may_be_wiped(position):
            self._predicted = 0.0  # the flush that the caller brought about was quick
            return frame
        if missing:
            self._trusted = 0
        self._odd += 1
        self._is_ours = False
        explained = self._is_explained(position) or not exceeds
        of_caller = frame if not helped else bytes(np.clip(np.rint(rest), -32_768, 32_767).astype(np.int16).tobytes())
        if explained:
            if not self._is_ours and len(self._waiting) < _WAITING_MOST:  # too early to say
                self._wait(frame, position, loud, of_caller)
            return self._hush()
        self._release()
        return of_caller

    def _near(self, position: int) -> bool:
        """Our voice would be on the line now if the delay had moved a little."""
        assert self._lag is not None
        reach = self._samples(_NEAR_MS) + self._apart
        return _power(self._played.read(position - self._lag - reach, 2 * reach)) > _AUDIBLE

    def _may_be_wiped(self, position: int) -> bool:
        assert self._lag is not None
        return 0 <= position + self._frame - self._lag - self._wiped < self._samples(2 * _FLUSH_MS)

    def _was_stuck(self, position: int) -> bool:
        assert self._lag is not None
        heard, left = self._stuck
        since = position - self._lag - heard
        if not left or not -self._samples(_NEAR_MS) < since < self._samples(_NEAR_MS + _STUCK_MS):
            return False
        self._stuck = (heard, left - 1)
        return True

    def _only_echo(self, block: Audio, rest: Audio, left: float, echo_power: float) -> Buffer:
        self._odd = 0
        self._trusted = max(0, self._trusted - 1)
        if echo_power > 0:
            share = min(_LEAK_MOST, max(_LEAK_LEAST, left / echo_power))
            self._leak += (share - self._leak) * (_LEAK_RISES if share > self._leak else _LEAK_FALLS)
        self._since_learned += 1
        if left > _CONVERGED * echo_power or self._since_learned >= _LEARN_EVERY:
            self._since_learned = 0
            self._path.learn(block, rest)
        return self._hush()

    def _is_explained(self, position: int) -> bool:
        """What the filter does not explain is our voice all the same, or it is too early to say. Otherwise the caller has the floor."""
        if self._trusted and self._odd % _CHECK_EVERY:
            self._trusted = min(_TRUST_FRAMES, 2 * self._odd + self._trusted)
            return False
        if self._odd < _BRIEFEST or self._is_echo(position, sure=bool(self._trusted)):
            self._trusted = 0
            return True
        if not self._trusted and self._odd < _ONSET_FRAMES and self._is_beginning(position):
            return True
        self._trusted = min(_TRUST_FRAMES, 2 * self._odd + self._trusted)
        return False

    def _is_beginning(self, position: int) -> bool:
        assert self._lag is not None
        if self._apart:
            return True  # any sound may be the beginning of one
        return -self._samples(_NEAR_MS) < position - self._lag - self._onset < self._samples(_ONSET_MS)

    def _is_echo(self, position: int, *, sure: bool) -> bool:
        """What the filter does not explain matches what was played all the same: the delay or the gain has changed. Learn it again."""
        assert self._lag is not None
        count = min(max(self._odd, _BRIEFEST), len(self._rest), 12)
        sound = np.concatenate([self._rest[index] for index in range(-count, 0)])
        start = position - (count - 1) * self._frame
        reach = self._samples(_NEAR_MS) + self._apart
        first = start - self._lag - reach
        played = self._played.read(first, len(sound) + 2 * reach)
        alike, offset = find_delay(
            sound, played, self._rate, _QUIET_NEARBY
        )  # a sentence may begin with a soft consonant
        if alike < _alike(count):
            if self._odd % _SEARCH_AGAIN == 0 and self._locate(position, count):
                return True
            return not sure and count < _DECIDED_FRAMES and alike > _alike(count) - _UNDECIDED
        lag = start - (first + offset)
        if abs(lag - self._lag) > self._samples(1.0):
            self._lag = lag
        self._path.doubt_again(self._gain)
        self._train(position, count)
        self._is_ours = True
        return True
