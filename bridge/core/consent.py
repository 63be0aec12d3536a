"""Whether this call may be recorded at this moment: one table, from which the diagram in docs/ is printed.

waiting    nobody may be recorded yet: the notice was not heard to its end, or the question not answered
held       the same, and a secret is being asked for
recording
paused     a secret is being asked for or keyed in
refused    the caller said no: what there was is deleted, and nothing is recorded any more
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from bridge.core.diagrams import draw
from bridge.core.frames import Buffer, Command, DropRecording, RecordAudio
from bridge.core.playout import Speaker, Utterance
from bridge.core.stereo import EVERY_MS, MARGIN_MS, StereoTape, Stretch


class Consent(StrEnum):
    WAITING = "waiting"
    HELD = "held"
    RECORDING = "recording"
    PAUSED = "paused"
    REFUSED = "refused"


class Word(StrEnum):
    ALLOWED = "allowed"  # the notice was heard to its end, or the caller said yes
    FORBIDDEN = "forbidden"  # the caller said no
    DIGITS_ASKED = "digits_asked"
    DIGITS_OVER = "digits_over"


TABLE: dict[Consent, dict[Word, Consent]] = {
    Consent.WAITING: {
        Word.ALLOWED: Consent.RECORDING,
        Word.FORBIDDEN: Consent.REFUSED,
        Word.DIGITS_ASKED: Consent.HELD,
        Word.DIGITS_OVER: Consent.WAITING,
    },
    Consent.HELD: {
        Word.ALLOWED: Consent.PAUSED,
        Word.FORBIDDEN: Consent.REFUSED,
        Word.DIGITS_ASKED: Consent.HELD,
        Word.DIGITS_OVER: Consent.WAITING,
    },
    Consent.RECORDING: {
        Word.ALLOWED: Consent.RECORDING,
        Word.FORBIDDEN: Consent.REFUSED,
        Word.DIGITS_ASKED: Consent.PAUSED,
        Word.DIGITS_OVER: Consent.RECORDING,
    },
    Consent.PAUSED: {
        Word.ALLOWED: Consent.PAUSED,
        Word.FORBIDDEN: Consent.REFUSED,
        Word.DIGITS_ASKED: Consent.PAUSED,
        Word.DIGITS_OVER: Consent.RECORDING,
    },
    Consent.REFUSED: {
        Word.ALLOWED: Consent.REFUSED,
        Word.FORBIDDEN: Consent.REFUSED,
        Word.DIGITS_ASKED: Consent.REFUSED,
        Word.DIGITS_OVER: Consent.REFUSED,
    },
}


def diagram() -> str:
    return draw(TABLE, Consent.WAITING)


class RecordingDesk:
    """Hears everything that could be recorded, and lets out what may be. `notice`: the greeting that holds the notice; "" where the caller
    must be asked. `emit` takes the commands, in order."""

    def __init__(self, notice: str, rate_hz: int, emit: Callable[[Command], None]) -> None:
        self.state = Consent.WAITING
        self._notice = _plain(notice)
        self._rate_hz = rate_hz
        self._tape = StereoTape(rate_hz)
        self._emit = emit
        self._due_ms = EVERY_MS

    # --- what decides -------------------------------------------------------------------------------------------------------

    def over(self, utterance: Utterance, now_ms: float) -> None:
        """An utterance was heard, or stopped. The notice counts once its last sample was heard."""
        finished_ms = utterance.finished_at_ms(now_ms)
        if self._notice and finished_ms is not None and self._holds_notice(utterance):
            self._on(Word.ALLOWED, finished_ms)

    def _holds_notice(self, utterance: Utterance) -> bool:
        """A clip of ours is its text; what a model says must be heard to be it, word for word."""
        said = utterance.speaker in (Speaker.GREETING, Speaker.MODEL)
        return said and self._notice in _plain(utterance.text)

    def answered(self, agreed: bool, now_ms: float) -> None:
        """The caller's word, from the tool that takes it."""
        self._on(Word.ALLOWED if agreed else Word.FORBIDDEN, now_ms)

    def secret(self, expected: bool, now_ms: float) -> None:
        self._on(Word.DIGITS_ASKED if expected else Word.DIGITS_OVER, now_ms)

    def _on(self, word: Word, at_ms: float) -> None:
        before, self.state = self.state, TABLE[self.state][word]
        if self.state is before:
            return
        if self.state is Consent.RECORDING:
            self._tape.open(at_ms)
        elif before is Consent.RECORDING:
            self._tape.shut(at_ms)
        if self.state is Consent.REFUSED:
            self._tape = StereoTape(self._rate_hz)
            self._emit(DropRecording())

    # --- the sound ----------------------------------------------------------------------------------------------------------

    def caller(self, frame: Buffer, rate_hz: int, now_ms: float) -> None:
        if self.state is not Consent.REFUSED:
            self._tape.caller(frame, rate_hz, now_ms)
            if now_ms >= self._due_ms:
                self._due_ms = now_ms + EVERY_MS
                self._let_out(self._tape.take(now_ms - MARGIN_MS))

    def played(self, pcm: Buffer, at_ms: float) -> None:
        if self.state is not Consent.REFUSED:
            self._tape.played(pcm, at_ms)

    def flushed(self, at_ms: float) -> None:
        self._tape.flushed(at_ms)

    def close(self, now_ms: float) -> None:
        """The call is over: what was heard by now is all there will be."""
        if self.state is not Consent.REFUSED:
            self._let_out(self._tape.take(now_ms))

    def _let_out(self, stretch: Stretch | None) -> None:
        if stretch is not None:
            self._emit(RecordAudio(stretch.left, stretch.right, stretch.left_hz, stretch.right_hz, stretch.at_ms))


class Secrets:
    """When the caller is asked for digits that nobody may keep: from the answer that asks for them until a tool that was asked for later
    answers without asking again, and no key of them is still being pressed. What was under way already says nothing about it."""

    def __init__(self) -> None:
        self.are_expected = False
        self._earlier: frozenset[str] = frozenset()
        self._answered = False

    def are_in(self, tool_call_id: str) -> bool:
        """Whether the arguments of this call may hold them."""
        return self.are_expected and tool_call_id not in self._earlier

    def tool_answered(self, tool_call_id: str, *, asks: bool, failed: bool, under_way: frozenset[str]) -> None:
        """`under_way`: the calls that wait for an answer, this one left out."""
        if asks:
            self.are_expected, self._earlier, self._answered = True, under_way, False
        elif self.are_expected and not failed and tool_call_id not in self._earlier:
            self._answered = True

    def settle(self, *, keys_pending: bool) -> bool:
        """Whether they are expected no longer since now."""
        if not self._answered or keys_pending:
            return False
        self.are_expected = self._answered = False
        return True


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() or c == "'" else " " for c in text.casefold()).split())
