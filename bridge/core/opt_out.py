"""An opt-out, carried out by the bridge alone: it takes effect before anything else is said, and needs no model.

idle     nobody asked
writing  the tool was called, the agent is silenced, nobody is listened to any more
saying   the last words are on the line: the tool has answered, or two seconds were enough

A key that comes while last words of another kind are on the line only has the tool called.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from bridge.core.ending import Ending
from bridge.core.frames import CallTool, Command, EndReason, ToolReturned
from bridge.core.legs import Legs
from bridge.core.mouth import Mouth
from bridge.core.playout import Speaker
from bridge.core.readback import to_json
from bridge.core.stop_words import StopWords

WRITTEN_WITHIN_MS = 2_000.0
PHRASE = "opted_out"
_CALL_ID = "opt-out-by-the-bridge"


class Step(StrEnum):
    IDLE = "idle"
    WRITING = "writing"
    SAYING = "saying"


class OptOut:
    """`emit` takes the commands, in order. Without `stop` it never does anything."""

    def __init__(
        self, stop: StopWords | None, mouth: Mouth, legs: Legs, ending: Ending, emit: Callable[[Command], None]
    ) -> None:
        self.step = Step.IDLE
        self._stop = stop
        self._mouth = mouth
        self._legs = legs
        self._ending = ending
        self._emit = emit
        self._asked_ms = 0.0

    @property
    def deadline_ms(self) -> float | None:
        return self._asked_ms + WRITTEN_WITHIN_MS if self.step is Step.WRITING else None

    def words(self, line: str, now_ms: float) -> bool:
        """The caller's words of this turn so far. True if they end the call."""
        if self._stop is None or self.step is not Step.IDLE or not self._stop.are_in(line):
            return False
        self._begin(self._stop, now_ms)
        return True

    def key(self, digit: str, now_ms: float, *, is_number: bool) -> bool:
        """A key. `is_number`: it belongs to digits that the caller is keying in, or was asked for. True if it ends the call."""
        if self._stop is None or self.step is not Step.IDLE or is_number or not self._stop.is_key(digit):
            return False
        self._begin(self._stop, now_ms)
        return True

    def _begin(self, stop: StopWords, now_ms: float) -> None:
        was_ending = self._ending.is_deaf
        self.step, self._asked_ms = Step.SAYING if was_ending else Step.WRITING, now_ms
        legs, minutes = self._legs, self._legs.minutes
        evidence = to_json(legs.read_back.evidence(now_ms, legs.uplink.detector.turns))
        self._emit(CallTool(_CALL_ID, stop.tool, {}, evidence))
        minutes.note("opted_out")
        minutes.note("tool_called", tool=stop.tool, tool_call_id=_CALL_ID)
        if was_ending:
            return
        self._mouth.caller_done()
        if not self._mouth.voice.is_silent:
            flush = self._mouth.cut(now_ms).flush
            if flush is not None:
                self._emit(flush)
        self._ending.close(EndReason.GOODBYE, now_ms, ours=True)

    def returned(self, event: ToolReturned, now_ms: float) -> bool:
        """Whether this is the answer to our own call; nobody else is told of it."""
        if event.tool_call_id != _CALL_ID or self._stop is None:
            return False
        status = str(event.payload.get("status", ""))
        took_ms = int(now_ms - self._asked_ms)
        self._legs.minutes.tool_used(self._stop.tool, status, took_ms, now_ms)
        self._say(now_ms)
        return True

    def settle(self, now_ms: float) -> None:
        deadline_ms = self.deadline_ms
        if deadline_ms is not None and now_ms >= deadline_ms:
            self._say(now_ms)

    def _say(self, now_ms: float) -> None:
        """The last words: our clip, else a model's mouth; without both the line is hung up."""
        if self.step is not Step.WRITING:
            return
        self.step = Step.SAYING
        if self._mouth.is_shut:
            self._ending.hang_up(EndReason.GOODBYE)
        elif self._mouth.announcer.has_clip(PHRASE):
            self._ending.close(EndReason.GOODBYE, now_ms, ours=True)
            self._mouth.play(PHRASE, Speaker.FAREWELL)
        elif self._legs.dictate(self._mouth.announcer.dictation(PHRASE), now_ms):
            self._ending.close(EndReason.GOODBYE, now_ms, ours=False)
        else:
            self._ending.hang_up(EndReason.GOODBYE)
