"""The caller against the agent: what our ear, the model, a transcription and the keys report becomes a stop, a resume or a turn."""

from __future__ import annotations

from collections.abc import Callable

from bridge.core.backchannels import Said, judge
from bridge.core.dtmf import KeyPad, KeyRun
from bridge.core.ending import Ending
from bridge.core.floor import BACKCHANNEL_MS, OWN_STOP_MS, Floor, Verdict
from bridge.core.frames import BeginCallerTurn, Command, DtmfPressed, EndCallerTurn, SayToModel, StopModel
from bridge.core.legs import Legs
from bridge.core.minutes import Minutes
from bridge.core.model_speech import ModelSpeech
from bridge.core.mouth import Mouth
from bridge.core.playout import Speaker
from bridge.core.turns import Signal
from bridge.core.uplink import TurnChange, Uplink

_KEY_RUNS_KEPT = 8  # pressed while no model could be told
_REMIND_MS = 1_500.0  # by then a caller who wanted the floor has spoken
SAID_NOTHING = "[The caller said nothing more. Go on from where you were stopped.]"


class Caller:
    """`emit` takes the commands, in order."""

    def __init__(
        self,
        uplink: Uplink,
        mouth: Mouth,
        legs: Legs,
        ending: Ending,
        emit: Callable[[Command], None],
        *,
        own_barge_in: bool,
    ) -> None:
        self.floor = Floor(OWN_STOP_MS if own_barge_in else None)
        self.keys = KeyPad()
        self.speech = ModelSpeech(mouth, legs, self._make_room)
        self._uplink = uplink
        self._mouth = mouth
        self._voice = mouth.voice
        self._legs = legs
        self._ending = ending
        self._minutes: Minutes = legs.minutes
        self._emit = emit
        self._untold: list[KeyRun] = []
        self._remind_ms: float | None = None  # when a model that stopped for no words is reminded, once
        self._breaks_off = False  # what is said ends in mid-sentence, because the model was interrupted there

    @property
    def _is_audible(self) -> bool:
        """The agent says something that may be interrupted."""
        voice = self._voice
        if voice.is_silent or voice.is_only(Speaker.FILLER):
            return False
        return not self._ending.is_deaf and not self._mouth.is_protected

    @property
    def deadline_ms(self) -> float | None:
        deadlines = (self.floor.deadline_ms, self.keys.deadline_ms, self._remind_ms)
        due = [at_ms for at_ms in deadlines if at_ms is not None]
        return min(due, default=None)

    def settle(self, now_ms: float) -> None:
        """After every event: who is heard now, and what is due."""
        audible = self._is_audible
        if audible:
            self.floor.agent_heard_from(now_ms)
            self._look_at_time(now_ms)
        else:
            self.floor.agent_silent()
        if self._voice.is_silent:
            self._look_at_what_is_missing(now_ms)
        else:
            self._remind_ms = None
        self.floor.own_turns = self._legs.has_own_turns
        self._uplink.turn_after_ms = BACKCHANNEL_MS if audible else 0
        self._uplink.listen_closely(audible and self._uplink.detector.is_speaking)
        self._pass_turns_on(now_ms)
        run = self.keys.due(now_ms)
        if run is not None:
            self._keyed(run)
        if self._untold and self._legs.is_ready and not self._mouth.is_protected:
            self._tell_keys(now_ms)

    def _look_at_time(self, now_ms: float) -> None:
        deadline_ms = self.floor.deadline_ms
        if deadline_ms is not None and now_ms >= deadline_ms:
            verdict = self.floor.time(now_ms, has_burst=self._uplink.has_burst)
            self._obey(verdict, now_ms)
            if verdict is Verdict.CUT:
                self._remind_ms = now_ms + _REMIND_MS

    def _look_at_what_is_missing(self, now_ms: float) -> None:
        """The agent is silent, perhaps because the model broke off for a sound that was no words."""
        if self._uplink.detector.is_speaking:
            self._remind_ms = None if self._remind_ms is None else max(self._remind_ms, now_ms + _REMIND_MS)
            return
        nothing_to_do = self._legs.watchdog.is_waiting or self._ending.has_begun
        if self._breaks_off:
            self._breaks_off = False
            if not nothing_to_do and not self._legs.dictate(SayToModel(SAID_NOTHING), now_ms):
                self._legs.watchdog.owes(now_ms)
        elif self._remind_ms is not None and now_ms >= self._remind_ms:
            self._remind_ms = None
            if nothing_to_do:
                return
            if self._legs.is_ready:  # it may have had a reason that we do not know: it may ignore this
                self._emit(SayToModel(SAID_NOTHING))
            else:
                self._legs.watchdog.owes(now_ms)

    # --- what is reported ---------------------------------------------------------------------------------------------------

    def heard(self, now_ms: float) -> None:
        """Our own ear has news."""
        self._obey(self.floor.heard(self._uplink.ear, now_ms), now_ms)

    def model_interrupted(self, now_ms: float) -> None:
        """The model has stopped by itself, and what it had not said is void."""
        self._uplink.listen(now_ms)
        audible = self._is_audible
        if audible:
            self.floor.agent_heard_from(now_ms)
        verdict = self.floor.model_interrupted(self._uplink.ear, now_ms, has_burst=audible and self._uplink.has_burst)
        if verdict is Verdict.CUT or not audible:
            self._cut(now_ms, by_model=True)
            if audible:
                self._remind_ms = now_ms + _REMIND_MS
            return
        self._breaks_off = self._breaks_off or self._voice.is_mid_utterance
        self._voice.finish(broken=True)  # no more of it will come, and what is there may be no sentence
        self._obey(verdict, now_ms)

    def model_turn_over(self, now_ms: float) -> None:
        """The model has said, or broken off, its turn."""
        self.floor.turn_complete()
        self.speech.turn_over(now_ms)

    def model_hears(self, speaking: bool, now_ms: float) -> None:
        self._uplink.listen(now_ms)
        self._obey(self.floor.model_hears(speaking, self._uplink.ear, now_ms), now_ms)

    def words(self, text: str, finished: bool, now_ms: float) -> bool:
        """What a transcription makes of it. False for a back-channel, which asks for no answer."""
        said = judge(text)
        if said is not Said.NOTHING:
            self._remind_ms = None
        if not self._is_audible:
            return True
        verdict = self.floor.words(text, finished, now_ms)
        # Over a fixed line of ours there is nothing that late words could belong to.
        if said is Said.WORDS and self._voice.is_only(Speaker.GREETING, Speaker.PROMPT):
            verdict = Verdict.CUT
        self._obey(verdict, now_ms)
        return verdict is Verdict.CUT or said is Said.WORDS

    def key(self, event: DtmfPressed, now_ms: float) -> None:
        run = self.keys.press(event.digit, now_ms)
        self._remind_ms = None
        self._obey(self.floor.key_pressed(), now_ms)
        if run is not None:
            self._keyed(run)

    def _keyed(self, run: KeyRun) -> None:
        self._minutes.note("keys_pressed", count=run.count)
        if len(self._untold) < _KEY_RUNS_KEPT:
            self._untold.append(run)

    def _tell_keys(self, now_ms: float) -> None:
        for run in self._untold:
            self._legs.dictate(SayToModel(run.text), now_ms)
        self._untold.clear()

    def _pass_turns_on(self, now_ms: float) -> None:
        changes = self._uplink.turn_changes
        while changes:
            if changes.pop(0) is TurnChange.ENDED:
                self._emit(EndCallerTurn())
                continue
            if self._is_audible:
                self._obey(Verdict.CUT, now_ms)
            self._emit(BeginCallerTurn())

    # --- what is done about it ----------------------------------------------------------------------------------------------

    def _make_room(self, now_ms: float) -> None:
        """The model begins another utterance, and does not wait for the end of a fixed line."""
        if self._mouth.is_protected:
            return
        if self._voice.is_only(Speaker.GREETING, Speaker.PROMPT):
            self._stop(now_ms, new_turn=True)
            self.floor.agent_silent()
        self._obey(self.floor.utterance_begins(), now_ms)

    def _obey(self, verdict: Verdict, now_ms: float) -> None:
        voice = self._voice
        if verdict is Verdict.PAUSE:
            voice.hold(now_ms, recall=False)
        elif verdict is Verdict.HOLD:
            self._mouth.hear(now_ms)
            flush = voice.hold(now_ms)
            if flush is not None:
                self._emit(flush)
        elif verdict is Verdict.RESUME:
            voice.resume()
        elif verdict is Verdict.CUT:
            self._cut(now_ms, by_model=False)
        elif verdict is Verdict.REPLACE:
            self._stop(now_ms, new_turn=True)

    def _cut(self, now_ms: float, *, by_model: bool) -> None:
        """The caller has the floor. `by_model`: it says so itself, and generates no more of this."""
        mid_generation, item = self._voice.is_mid_utterance and not by_model, self._voice.item
        stop = self._stop(now_ms, new_turn=False)
        if stop is not None and self._legs.is_ready and (stop.heard or not by_model):
            self._emit(stop)
        self.floor.was_cut(now_ms, mid_generation=mid_generation, item=item)
        self._mouth.turns.on(Signal.BARGED_IN)
        self._ending.stopped(now_ms)
        if self._uplink.detector.is_speaking:
            self._legs.watchdog.caller_speaks(now_ms)

    def _stop(self, now_ms: float, *, new_turn: bool) -> StopModel | None:
        """Nothing of what was being said is said any more. What the model must be told about it, if it was the model's."""
        self._breaks_off = False
        cut = self.speech.cut(now_ms, new_turn=new_turn)
        if cut.flush is not None:
            self._emit(cut.flush)
        return StopModel(cut.heard) if any(said.speaker is Speaker.MODEL for said in cut.utterances) else None
