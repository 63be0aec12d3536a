"""Nobody waits in silence: what is done, and when, while a caller waits for words that do not come.

    after 1.7 s of silence     a filler in the caller's language, and again after every further 1.8 s of silence; also while a tool runs
    after 3.5 s of waiting     the model is reminded
    after 5.5 s                it is replaced by a fresh connection
    after 8.5 s                ... of another engine, where there is one
    after 12.5 s               the last resort

The caller waits from the moment when they stopped speaking or a tool answered, or from the loss of a model in mid-sentence. What they add
while they wait (hello?) starts nothing over; short pauses inside what they say do not count. A model may rightly leave a noise
unanswered, so what only our own ear took for speech is given up after the replacement instead of ending the call. A call that has no
model at all comes to its last resort as well, whether or not anybody waits.

The switch is watched too: a live leg sends 50 frames a second, silence included.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf

SWITCH_SILENT_MS = 10_000.0
FILLER_MS = 1_700.0
FILLER_AGAIN_MS = 1_800.0
_PAUSE_MS = 1_200.0  # a shorter silence inside what the caller says is theirs
_SPEECH_MS = 240.0  # anything shorter is a click or a cough


class Alarm(StrEnum):
    SWITCH_SILENT = "switch_silent"
    FILLER = "filler"
    NUDGE = "nudge"
    RECONNECT = "reconnect"
    OTHER_ENGINE = "other_engine"
    GIVE_UP = "give_up"


LADDER: tuple[tuple[float, Alarm], ...] = (
    (3_500.0, Alarm.NUDGE),
    (5_500.0, Alarm.RECONNECT),
    (8_500.0, Alarm.OTHER_ENGINE),
    (12_500.0, Alarm.GIVE_UP),
)
_PATIENCE_MS = 2_500.0  # for a model that has just been connected
_GIVE_UP_MS = LADDER[-1][0]


@dataclass(frozen=True, slots=True)
class Line:
    """What is on the line. `quiet_since_ms`: since when the caller hears nothing, None while they hear something; `is_saying`: that
    something is more than a filler. `said_until_ms`: when the last words that were more than a filler had been heard."""

    quiet_since_ms: float | None
    is_saying: bool = False
    last_audio_ms: float = 0.0  # the switch's latest frame
    said_until_ms: float = -inf


class Watchdog:
    def __init__(self) -> None:
        self._owed = False  # the model owes the caller words
        self._presumed = False  # but only our own ear says so
        self._dry = False  # the rest of a sentence
        self._since_ms: float | None = None  # the running stretch of waiting; None while the caller speaks
        self._spent_ms = 0.0  # earlier stretches of the same waiting
        self._rung = 0
        self._tool_since_ms: float | None = None
        self._alone_since_ms: float | None = None  # there is no model
        self._helped_ms = -inf  # the latest connection
        self._silent_from_ms: float | None = None  # the caller has waited for words since then, whoever owes them
        self._filled_ms = -inf  # the latest filler of this waiting
        self._speaking = False
        self._excused = False  # the caller waits for somebody else

    # --- what happens -------------------------------------------------------------------------------------------------------

    @property
    def is_owed(self) -> bool:
        """The model owes the caller an answer."""
        return self._owed

    @property
    def is_presumed(self) -> bool:
        """It does, but nobody has understood what the caller said: our own ear heard them speak."""
        return self._presumed

    @property
    def is_waiting(self) -> bool:
        """The caller waits for us: for the model, or for a tool."""
        return self._owed or self._tool_since_ms is not None

    def caller_speaks(self, now_ms: float) -> None:
        self._speaking, self._silent_from_ms = True, None
        if self._since_ms is not None:
            waited_ms = now_ms - self._since_ms
            self._spent_ms += waited_ms if waited_ms >= _PAUSE_MS else 0.0
            self._since_ms = None

    def caller_stopped(self, now_ms: float, spoke_ms: float) -> None:
        """The caller fell silent, as our own ear tells."""
        self._speaking = False
        if not self._owed and spoke_ms >= _SPEECH_MS:
            self._owed = self._presumed = True
        if self._owed:
            self._since_ms = now_ms
        self._waits(now_ms)

    def _waits(self, now_ms: float) -> None:
        if self.is_waiting and self._silent_from_ms is None and not self._speaking:
            self._silent_from_ms = now_ms

    def owes(self, now_ms: float) -> None:
        """The caller's words were understood, a tool answered, or a sentence broke off: speech or a tool call must follow."""
        self._owed, self._presumed, self._dry = True, False, False
        if self._since_ms is None and not self._speaking:
            self._since_ms = now_ms
        self._waits(now_ms)

    def turn_was_empty(self, now_ms: float) -> None:
        """The model ended its turn without a word although it owes some: no need to wait before reminding it."""
        if self._owed and not self._presumed and self._rung == 0 and self._since_ms is not None:
            self._spent_ms = max(self._spent_ms, LADDER[0][0] - (now_ms - self._since_ms))

    def ran_dry(self, at_ms: float) -> None:
        """The caller has heard all there is of a sentence that has not ended."""
        if not self._owed:
            self.owes(at_ms)
            self._dry = True

    def sentence_ended(self) -> None:
        """It was all there was to say."""
        if self._dry:
            self.acted()

    def speaks(self) -> None:
        """The caller is told something."""
        self.acted()
        self._silent_from_ms, self._filled_ms = None, -inf

    def acted(self) -> None:
        """The model speaks or asks for a tool, or owes nothing any more."""
        self._owed = self._presumed = self._dry = False
        self._since_ms = None
        self._spent_ms, self._rung = 0.0, 0

    def tool_runs(self, now_ms: float) -> None:
        if self._tool_since_ms is None:
            self._tool_since_ms = now_ms
        self._waits(now_ms)

    def tools_done(self) -> None:
        """Nobody waits for a tool any more."""
        self._tool_since_ms = None

    def alone(self, now_ms: float) -> None:
        """No model is connected."""
        if self._alone_since_ms is None:
            self._alone_since_ms = now_ms

    def connected(self, now_ms: float) -> None:
        """A model is there, and begins to answer now."""
        self._alone_since_ms = None
        self._helped_ms = now_ms

    def excuse(self) -> None:
        """The caller was told to wait for a person: no model owes them anything until `resume`."""
        self._excused = True

    def resume(self, now_ms: float) -> None:
        """From now on the model is what they wait for."""
        self._excused = False
        self.acted()
        self._silent_from_ms, self._filled_ms = None, -inf
        self._tool_since_ms = None if self._tool_since_ms is None else now_ms
        self._alone_since_ms = None if self._alone_since_ms is None else now_ms

    # --- what is due --------------------------------------------------------------------------------------------------------

    def due(self, now_ms: float, line: Line) -> Alarm | None:
        """The next thing that is due by now; ask again until None."""
        if now_ms >= line.last_audio_ms + SWITCH_SILENT_MS:
            return Alarm.SWITCH_SILENT
        if self._excused:
            return None
        if now_ms >= self._end_ms(line):
            self.acted()
            self._alone_since_ms = None
            return Alarm.GIVE_UP
        if now_ms >= self._rung_ms(line):
            return self._climb()
        if now_ms >= self._filler_ms(line):
            self._filled_ms = now_ms
            return Alarm.FILLER
        return None

    def _climb(self) -> Alarm | None:
        step = LADDER[self._rung][1]
        self._rung += 1
        if self._presumed and step is Alarm.OTHER_ENGINE and self._alone_since_ms is None:
            self.acted()  # two connections left it unanswered: it was no speech
            return None
        return step

    def deadline_ms(self, line: Line) -> float:
        """When to look again at the latest. It moves with everything that happens."""
        silent_ms = line.last_audio_ms + SWITCH_SILENT_MS
        if self._excused:
            return silent_ms
        return min(silent_ms, self._end_ms(line), self._rung_ms(line), self._filler_ms(line))

    def _rung_ms(self, line: Line) -> float:
        """When the next step up the ladder is due; its end is no step. Nobody waits while the agent is being heard."""
        if self._since_ms is None or self._rung >= len(LADDER) - 1 or line.is_saying:
            return inf
        due_ms = max(self._since_ms, line.said_until_ms) + max(0.0, LADDER[self._rung][0] - self._spent_ms)
        return max(due_ms, self._helped_ms + _PATIENCE_MS)

    def _end_ms(self, line: Line) -> float:
        """When there is no more hope: an answer is owed for too long, or there is no model for too long, and nothing is being said."""
        if line.is_saying:
            return inf
        answer = inf
        if self._since_ms is not None and not self._presumed:
            answer = max(self._since_ms, line.said_until_ms) + _GIVE_UP_MS - self._spent_ms
        model = inf if self._alone_since_ms is None else self._alone_since_ms + _GIVE_UP_MS
        return min(answer, model)

    def _filler_ms(self, line: Line) -> float:
        if not self.is_waiting or self._silent_from_ms is None or line.quiet_since_ms is None:
            return inf
        again = self._filled_ms > -inf
        since_ms = max(line.quiet_since_ms, self._silent_from_ms, self._filled_ms)
        return since_ms + (FILLER_AGAIN_MS if again else FILLER_MS)
