"""Who has the floor while the agent is heard and the caller makes a sound: a pure machine that answers each event with a verdict.

                   own ear: 280 ms of speech                  700 ms of speech and the model heard it too, or own turn detection
    OPEN ───────────────────────────────────► PAUSED ─────────────────────────────────────────────────► cut
      │  ▲            quiet again before 700 ms │  │ 700 ms, nobody else heard it
      │  └──────────────────────────────────────┘  ▼
      └── "interrupted" for a short sound ───────► HELD ── words, or 700 ms of speech ──► cut
         ▲                                          │ └─── audio of the model's next turn ──► replace
         ├──── a back-channel, or no words in 1.2 s ┤
         └──── quiet again, and the model said nothing ┘

A back-channel ("mm", "ndio") is short, and nobody can tell it from the beginning of a sentence while it lasts. So our own ear alone
first only stops what has not left yet: the caller goes on hearing the lead, and where the sound ends in time the speech goes on without
a gap or a lost sample. The model's own word is stronger: then the switch is emptied at once. The rest is kept only where a short sound of
the caller's gives a reason to doubt that word; where our own ear heard nothing, it is final. A model that merely hears somebody has
decided nothing: there our own ear knows sooner that the sound is over.

A sound that never turns out to be speech (an echo on the line) would make the agent stutter, so after three such stops in a row our own ear
stops nothing until somebody was really interrupted.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf

from bridge.core.backchannels import Said, judge
from bridge.core.caller_audio import Ear

OWN_STOP_MS = 280
BACKCHANNEL_MS = 700
_QUIET_MS = 100  # inside a word the voice stops for less
_OVERLAP_MS = 160  # what is shorter is no word
_SPEAK_ON_MS = 260.0  # of quiet after a short sound for which the model did not stop
_SHORT_MS = BACKCHANNEL_MS - 40
_WORDS_WITHIN_MS = 1_200.0
_HELD_AT_MOST_MS = 1_800.0  # on the word of our own ear alone
_LATE_WORDS_MS = 3_000.0  # a transcription may take so long; later it belongs to something else
_SAME_WORDS_MS = 1_500.0  # pieces of one remark follow each other
_FALSE_STOPS = 3
_VOID_MS = 5_000.0
_SAID_CHARS = 400


class Verdict(StrEnum):
    NOTHING = "nothing"
    PAUSE = "pause"  # send nothing more; what the switch has is heard
    HOLD = "hold"  # stop at once, and keep the rest
    RESUME = "resume"
    CUT = "cut"  # the caller has the floor; the rest is void, and the model is told
    REPLACE = "replace"  # the rest is void, because the model has already begun its next turn


class _Standing(StrEnum):
    OPEN = "open"
    PAUSED = "paused"
    HELD = "held"


class Floor:
    """`own_stop_ms`: None where our own ear stops nothing. `own_turns`: the model hears only what we call a turn."""

    def __init__(self, own_stop_ms: int | None = OWN_STOP_MS, *, own_turns: bool = False) -> None:
        self.own_turns = own_turns
        self._own_stop_ms = own_stop_ms
        self._false_stops = 0
        self._turn_over = False  # what the model says next is its next turn
        self._void_until_ms = -inf  # audio of the generation that was cut still comes
        self._void_item = ""
        self._agent_from_ms: float | None = None
        self._clear()

    def _clear(self) -> None:
        self._standing = _Standing.OPEN
        self._since_ms = 0.0
        self._model_heard = False  # it noticed the caller, too
        self._model_hears_since_ms: float | None = None
        self._interrupted = False  # it stopped for the caller
        self._overlap_ms = -inf  # when the caller was last heard over the agent
        self._over_ms = 0.0  # how much of that there was, short pauses not counted
        self._quiet_from_ms = -inf  # when our own ear last heard them
        self._said = ""
        self._said_ms = -inf
        self._said_all = False
        self._is_speaking = False
        self._own_stop = False  # the agent was stopped on the word of our own ear

    @property
    def is_waiting(self) -> bool:
        """The agent's speech is stopped and may go on."""
        return self._standing is not _Standing.OPEN

    # --- the agent ----------------------------------------------------------------------------------------------------------

    def agent_heard_from(self, now_ms: float) -> None:
        """The agent is being heard from now on (no effect while that is already so)."""
        if self._agent_from_ms is None:
            self._agent_from_ms = now_ms

    def agent_silent(self) -> None:
        """Everything the agent said was heard, or is void."""
        self._agent_from_ms = None
        self._clear()

    def turn_complete(self) -> None:
        """The model has said what it had to say."""
        self._turn_over = True
        self._void_until_ms = -inf

    def generation_over(self) -> None:
        """Nothing more comes of what was cut: it is all there, a tool has answered, or another connection speaks."""
        self._void_until_ms = -inf

    def admits(self, item: str, now_ms: float) -> bool:
        """Whether this audio of the model's may be heard; not if it belongs to what was cut."""
        if now_ms >= self._void_until_ms:
            return True
        if item and item != self._void_item:
            self._void_until_ms = -inf
            return True
        return False

    def utterance_begins(self) -> Verdict:
        """The model's audio begins a new utterance."""
        is_new_turn, self._turn_over = self._turn_over, False
        if self._agent_from_ms is None or not is_new_turn:
            return Verdict.NOTHING
        if self.is_waiting or self._model_heard or self._overlap_ms > -inf:
            return Verdict.REPLACE
        return Verdict.NOTHING

    def was_cut(self, now_ms: float, *, mid_generation: bool, item: str = "") -> None:
        """The agent's speech was stopped for good. `mid_generation`: more of `item` may still come."""
        if mid_generation:
            self._void_until_ms, self._void_item = now_ms + _VOID_MS, item
        self.agent_silent()

    # --- the caller ---------------------------------------------------------------------------------------------------------

    def heard(self, ear: Ear | None, now_ms: float) -> Verdict:
        """What our own ear makes of the line now."""
        agent_from_ms = self._agent_from_ms
        if agent_from_ms is None or ear is None:
            return Verdict.NOTHING
        over_ms = max(0.0, now_ms - ear.quiet_ms - agent_from_ms)  # speech from before the agent interrupts nobody
        voiced_ms, burst_ms = min(ear.voiced_ms, over_ms), min(ear.burst_ms, over_ms)
        self._is_speaking = not ear.is_over and ear.quiet_ms < _QUIET_MS
        self._over_ms, self._quiet_from_ms = voiced_ms, now_ms - ear.quiet_ms
        if self._is_speaking and burst_ms >= _OVERLAP_MS:
            self._overlap_ms = now_ms
        if self._standing is _Standing.OPEN:
            return self._perhaps_pause(burst_ms, now_ms)
        if self._is_speaking and voiced_ms >= BACKCHANNEL_MS:
            if self._model_heard or self.own_turns:
                return self._cut()
            if self._standing is _Standing.PAUSED:
                return self._hold(now_ms)
        if self._standing is _Standing.PAUSED and not self._is_speaking:
            return self._resume(was_false=True)
        return self._perhaps_speak_on(now_ms)

    def _perhaps_speak_on(self, now_ms: float) -> Verdict:
        due_ms = self._speaks_on_ms
        if due_ms is None or now_ms < due_ms or judge(self._said) in (Said.WORDS, Said.UNSURE):
            return Verdict.NOTHING
        return self._resume(was_false=True)

    @property
    def _speaks_on_ms(self) -> float | None:
        """When enough quiet has followed a short sound for which the model did not stop."""
        if self._standing is not _Standing.HELD or self._interrupted or self._is_speaking:
            return None
        if self._overlap_ms == -inf or self._over_ms >= _SHORT_MS:
            return None
        return self._quiet_from_ms + _SPEAK_ON_MS

    def _perhaps_pause(self, burst_ms: float, now_ms: float) -> Verdict:
        own_stop_ms = self._own_stop_ms
        if own_stop_ms is None or self._false_stops >= _FALSE_STOPS:
            return Verdict.NOTHING
        if not self._is_speaking or burst_ms < own_stop_ms:
            return Verdict.NOTHING
        self._standing, self._since_ms, self._own_stop = _Standing.PAUSED, now_ms, True
        return Verdict.PAUSE

    def model_interrupted(self, ear: Ear | None, now_ms: float, *, has_burst: bool = False) -> Verdict:
        """The model heard the caller speak over it, and has stopped generating. `has_burst`: there was a sound, voice or not."""
        self._turn_over, self._void_until_ms = True, -inf
        return self._model_noticed(ear, now_ms, has_burst)

    def model_hears(self, speaking: bool, ear: Ear | None, now_ms: float) -> Verdict:
        """The model's detector heard the caller begin or stop; nothing has been decided by that."""
        if self._agent_from_ms is None:
            return Verdict.NOTHING
        if not speaking:
            self._model_hears_since_ms = None
            return Verdict.NOTHING
        self._model_heard = True
        self._model_hears_since_ms = now_ms
        return self.heard(ear, now_ms)

    def _model_noticed(self, ear: Ear | None, now_ms: float, has_burst: bool) -> Verdict:
        if self._agent_from_ms is None:
            return Verdict.NOTHING
        self._model_heard = self._interrupted = True
        verdict = self.heard(ear, now_ms)
        if verdict is Verdict.CUT or self._standing is _Standing.HELD:
            return verdict
        said = judge(self._said) if now_ms - self._said_ms <= _SAME_WORDS_MS else Said.NOTHING
        heard_briefly = has_burst or self._heard_briefly(ear, now_ms)
        may_be_nothing = said is Said.BACKCHANNEL or (said is not Said.WORDS and heard_briefly)
        return self._hold(now_ms) if may_be_nothing else self._cut()

    def _heard_briefly(self, ear: Ear | None, now_ms: float) -> bool:
        """Our own ear knows what the model stopped for, and it was short so far. Where it heard nothing, the model knows better."""
        if self.is_waiting:
            return True
        return (
            ear is not None and now_ms - ear.quiet_ms > (self._agent_from_ms or 0.0) and ear.quiet_ms <= _SAME_WORDS_MS
        )

    def words(self, text: str, finished: bool, now_ms: float) -> Verdict:
        """A piece of what the caller is saying, transcribed."""
        if self._said_all or now_ms - self._said_ms > _SAME_WORDS_MS:
            self._said = ""
        self._said, self._said_all, self._said_ms = (self._said + text)[-_SAID_CHARS:], finished, now_ms
        over_the_agent = self.is_waiting or self._model_heard or now_ms - self._overlap_ms <= _LATE_WORDS_MS
        if self._agent_from_ms is None or not over_the_agent:
            return Verdict.NOTHING
        said = judge(self._said)
        if said is Said.WORDS or (said is Said.UNSURE and finished):
            return self._cut()
        if said is Said.BACKCHANNEL and self.is_waiting and not self._is_speaking:
            return self._resume(was_false=False)
        return Verdict.NOTHING

    def key_pressed(self) -> Verdict:
        """A key is never a back-channel."""
        return Verdict.NOTHING if self._agent_from_ms is None else self._cut()

    # --- time ---------------------------------------------------------------------------------------------------------------

    @property
    def deadline_ms(self) -> float | None:
        if self._agent_from_ms is None:
            return None
        if self.is_waiting:
            speaks_on_ms = self._speaks_on_ms
            if speaks_on_ms is not None and judge(self._said) in (Said.NOTHING, Said.BACKCHANNEL):
                return speaks_on_ms
            deadline_ms = max(self._since_ms, self._overlap_ms) + _WORDS_WITHIN_MS
            return deadline_ms if self._model_heard else min(deadline_ms, self._since_ms + _HELD_AT_MOST_MS)
        if self._model_hears_since_ms is not None:
            return self._model_hears_since_ms + BACKCHANNEL_MS
        return None

    def time(self, now_ms: float, *, has_burst: bool = False) -> Verdict:
        """What is due by now. `has_burst`: something sounds on the line, voice or not."""
        deadline_ms = self.deadline_ms
        if deadline_ms is None or now_ms < deadline_ms:
            return Verdict.NOTHING
        if not self.is_waiting:
            return self._only_the_model_hears(now_ms)
        if self._perhaps_speak_on(now_ms) is Verdict.RESUME:
            return Verdict.RESUME
        still_speaking = self._model_hears_since_ms is not None or (has_burst and not self._own_stop)
        if still_speaking or judge(self._said) in (Said.WORDS, Said.UNSURE):
            return self._cut()
        return self._resume(was_false=True)

    def _only_the_model_hears(self, now_ms: float) -> Verdict:
        """It takes its detector a while to call an end, so a sound that our own ear knows to be over needs no stop."""
        since_ms, self._model_hears_since_ms = self._model_hears_since_ms, None
        if since_ms is not None and self._overlap_ms >= since_ms - _SAME_WORDS_MS and not self._is_speaking:
            return Verdict.NOTHING
        self._model_hears_since_ms = since_ms
        return self._hold(now_ms)

    # --- verdicts -----------------------------------------------------------------------------------------------------------

    def _hold(self, now_ms: float) -> Verdict:
        self._standing, self._since_ms = _Standing.HELD, now_ms
        return Verdict.HOLD

    def _resume(self, *, was_false: bool) -> Verdict:
        if was_false and self._own_stop:
            self._false_stops += 1
        self._standing, self._own_stop, self._interrupted, self._said = _Standing.OPEN, False, False, ""
        return Verdict.RESUME

    def _cut(self) -> Verdict:
        self._false_stops = 0
        return Verdict.CUT
