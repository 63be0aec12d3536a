"""How the bridge ends a call: last words, heard to their end, then the leg is hung up; at most one farewell, and never a leg left up.

The last resort is the end of a call for which no model can be had: an apology, and then whatever the carrier has behind the stream, if it
goes on with that once the stream is closed; otherwise the leg is hung up, and the control plane makes a task to call back.
"""

from __future__ import annotations

from collections.abc import Callable

from bridge.core.closing import AT_MOST_MS, Closing
from bridge.core.frames import Command, EndReason, HangUp
from bridge.core.legs import Legs
from bridge.core.minutes import Minutes
from bridge.core.mouth import Mouth
from bridge.core.playout import Speaker
from bridge.core.turns import Signal


class Ending:
    """`emit` takes the commands, in order."""

    def __init__(
        self, mouth: Mouth, legs: Legs, minutes: Minutes, emit: Callable[[Command], None], carrier_continues: bool
    ) -> None:
        self.guard: Callable[[EndReason, str, float], bool] | None = None  # says which last words are not said (now)
        self._mouth = mouth
        self._legs = legs
        self._minutes = minutes
        self._emit = emit
        self._carrier_continues = carrier_continues
        self._to_carrier = False  # the carrier goes on with the call

    @property
    def why(self) -> EndReason | None:
        """What the end that has begun is for."""
        closing = self._mouth.closing
        return None if closing is None else closing.reason

    @property
    def has_begun(self) -> bool:
        return self._mouth.closing is not None

    @property
    def is_hanging_up(self) -> bool:
        closing = self._mouth.closing
        return closing is not None and closing.hanging_up

    @property
    def is_deaf(self) -> bool:
        """The last words are ours, or said: nobody is listened to any more."""
        closing = self._mouth.closing
        return closing is not None and (closing.ours or closing.hanging_up)

    def deadline_ms(self) -> float | None:
        closing = self._mouth.closing
        return None if closing is None else closing.deadline_ms(self._mouth.voice.is_silent)

    def last_resort(self, now_ms: float) -> None:
        """No model will answer this caller any more."""
        self._minutes.note("last_resort", carrier_continues=self._carrier_continues)
        self.farewell(EndReason.MODEL_LOST, "trouble", now_ms)

    def farewell(self, reason: EndReason, phrase: str, now_ms: float, *, at_most_ms: float = AT_MOST_MS) -> None:
        """Our own last words, then hang up; without words for it, hang up."""
        if self.is_deaf or (self.guard is not None and self.guard(reason, phrase, now_ms)):
            return
        if not self._mouth.voice.is_silent:
            flush = self._mouth.cut(now_ms).flush
            if flush is not None:
                self._emit(flush)
        if self._mouth.announcer.has_clip(phrase):
            self.close(reason, now_ms, ours=True, at_most_ms=at_most_ms)
            self._mouth.play(phrase, Speaker.FAREWELL)
        elif self._legs.dictate(self._mouth.announcer.dictation(phrase), now_ms):
            self.close(reason, now_ms, ours=False, at_most_ms=at_most_ms)
        else:
            self.close(reason, now_ms, ours=True)
            self.hang_up(reason)

    def goodbye(self, now_ms: float) -> None:
        """The model is about to say the last words."""
        if not self.has_begun:
            self.close(EndReason.GOODBYE, now_ms, ours=False)

    def leave_to_carrier(self, now_ms: float) -> None:
        """The model is about to say that somebody is called; the carrier does so once the stream is closed."""
        self.close(EndReason.HANDED_OVER, now_ms, ours=False)
        self._to_carrier = True

    def close(self, reason: EndReason, now_ms: float, *, ours: bool, at_most_ms: float = AT_MOST_MS) -> None:
        self._to_carrier = False
        self._mouth.closing = Closing(reason, now_ms, ours=ours, at_most_ms=at_most_ms)
        self._mouth.turns.on(Signal.FAREWELL)

    def reopen(self) -> None:
        """The caller had more to say."""
        if self.has_begun:
            self._mouth.closing = None
            self._mouth.turns.on(Signal.REOPENED)

    def stopped(self, now_ms: float) -> None:
        """The caller spoke over the farewell."""
        if self._mouth.closing is not None:
            self._mouth.closing.stopped(now_ms)

    def check(self, now_ms: float) -> None:
        """Hang up, or help out, where it is time."""
        closing = self._mouth.closing
        if closing is None or closing.hanging_up:
            return
        if closing.nobody_spoke(now_ms):
            just_said_so = self._mouth.voice.last_end_ms >= closing.asked_ms
            has_words = closing.reason is EndReason.GOODBYE and self._mouth.announcer.has_clip("goodbye")
            if has_words and not closing.ours and not just_said_so:
                self.farewell(closing.reason, "goodbye", now_ms)
            elif self._mouth.voice.is_silent:
                self.hang_up(closing.reason)
        elif closing.is_over(now_ms):
            self.hang_up(closing.reason)

    def hang_up(self, reason: EndReason) -> None:
        closing = self._mouth.closing
        if closing is None:
            closing = self._mouth.closing = Closing(reason, 0.0, ours=True)
        if not closing.hanging_up:
            closing.hanging_up = True
            left = reason is EndReason.MODEL_LOST or (reason is EndReason.HANDED_OVER and self._to_carrier)
            by_rest = not (self._carrier_continues and left)
            self._minutes.note("hang_up", reason=reason.value, by_rest=by_rest)
            self._emit(HangUp(reason, by_rest))

    def reason(self, *, by_us: bool) -> EndReason:
        """Why a call is over whose socket has closed."""
        closing = self._mouth.closing
        if closing is not None and closing.hanging_up:
            return closing.reason
        return EndReason.BRIDGE_ERROR if by_us else EndReason.CALLER_HUNG_UP
