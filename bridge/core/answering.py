"""A placed call that somebody picked up: it is listened to first, whoever is there is told who calls, and a machine is dealt with.

listening  nobody knows yet who answered: nothing is said, and no model hears anything
greeting   the disclosure is on the line: nothing shortens it but an opt-out
talking    it was heard to its end: a call like any other
awaiting   a machine: it is waited for its beep, or for proof that it is one
leaving    the message is on the line
over       nothing more is done here

A greeting that is a clip is spoken past the model, which hears the caller meanwhile; what it wants to say or do about them waits here until
the clip was heard. A greeting without a clip is dictated to the model: then the caller's sound waits instead, because the model would stop
for it. Every connection that is lost before the greeting is whole has to say it anew, and so has a model that breaks off. Where it was not
heard whole within a minute and a half, the line is hung up: nothing else may be said to somebody who was not told who calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from math import inf

from bridge.core.context import VOICEMAIL, AnswerPolicy
from bridge.core.diagrams import draw
from bridge.core.dtmf import PAUSE_MS
from bridge.core.ending import Ending
from bridge.core.frames import (
    AgentTranscribed,
    Buffer,
    CallerSpeech,
    CallerTranscribed,
    Command,
    DtmfPressed,
    EndReason,
    Event,
    GenerationComplete,
    ModelAudio,
    ModelInterrupted,
    ModelLost,
    ModelReady,
    StopModel,
    ToolAsked,
    TurnComplete,
)
from bridge.core.held_acts import ACTS, SPEECH, HeldActs, breaks_off, refusal
from bridge.core.legs import Legs
from bridge.core.machine import THRESHOLDS, AnswerDetector, Answerer, Beep, Cue, Finding
from bridge.core.machine_words import PROOF, Witness
from bridge.core.mouth import Mouth
from bridge.core.playout import Speaker, Utterance
from bridge.core.stop_words import StopWords
from bridge.core.turns import Signal

GREETING = "greeting"
AT_MOST_MS = 90_000.0  # a message, or all that is begun of a greeting; the longest clip has 60 s
_LOOK_MS = 200.0  # at a line that sends nothing
_TIMES_AT_MOST = 4  # a model that stops by itself every time, or a switch that never reads it whole


class Phase(StrEnum):
    LISTENING = "listening"
    GREETING = "greeting"
    TALKING = "talking"
    AWAITING = "awaiting"
    LEAVING = "leaving"
    OVER = "over"


class Cause(StrEnum):
    SOMEBODY = "somebody"  # a person, or nobody was heard
    HEARD = "heard"  # the greeting was, to its end
    MACHINE = "machine"
    MAY_SPEAK = "may_speak"  # the machine records
    ENDED = "ended"  # the call ends, or is about to


TABLE: dict[Phase, dict[Cause, Phase]] = {
    Phase.LISTENING: {
        Cause.SOMEBODY: Phase.GREETING,
        Cause.MACHINE: Phase.AWAITING,
        Cause.ENDED: Phase.OVER,
    },
    Phase.GREETING: {
        Cause.HEARD: Phase.TALKING,
        Cause.MACHINE: Phase.AWAITING,
        Cause.ENDED: Phase.OVER,
    },
    Phase.TALKING: {Cause.MACHINE: Phase.AWAITING},
    Phase.AWAITING: {
        Cause.MAY_SPEAK: Phase.LEAVING,
        Cause.ENDED: Phase.OVER,
    },
    Phase.LEAVING: {Cause.ENDED: Phase.OVER},
    Phase.OVER: {},
}
_MACHINES = (Answerer.MACHINE, Answerer.FAX)
_BY_LENGTH = (Cue.GOES_ON, Cue.NEVER_WAITS)  # no proof: it may be somebody who talks
_TONES = (Cue.INFORMATION_TONE, Cue.BUSY_TONE)
_TAKES_NO_MESSAGE = (Witness.ANNOUNCEMENT, Witness.SCREENING)
_UTTERANCE_OVER = (GenerationComplete, TurnComplete, ModelInterrupted)


def diagram() -> str:
    return draw(TABLE, Phase.LISTENING, Phase.OVER)


class Answering:
    """`emit` takes the commands, in order. `again` is given every event that waited, when its time has come."""

    def __init__(
        self,
        policy: AnswerPolicy,
        stop: StopWords | None,
        mouth: Mouth,
        legs: Legs,
        ending: Ending,
        emit: Callable[[Command], None],
        again: Callable[[Event, float], None],
        rate_hz: int,
    ) -> None:
        self.phase = Phase.LISTENING
        self._policy = policy
        self._stop = stop
        self._mouth = mouth
        self._legs = legs
        self._ending = ending
        self._emit = emit
        self._again = again
        self._rate_hz = rate_hz
        self._began_ms = 0.0
        self._detector = AnswerDetector(rate_hz)
        self._look_ms = inf  # when the detector is told that time has passed
        self._noted = Finding()
        self._somebody_spoke = False
        self._is_begun = False  # the dictated greeting is
        self._is_whole = False  # all of it is there
        self._is_turn_over = False  # and cannot turn out to break off any more
        self._is_stopped = False  # it broke off, and the end of that turn has not been reported
        self._reminders = 0  # of those that the model was given, how many came before it was last asked
        self._greet_by_ms = self._heard_ms = inf
        self._asked_link = 0  # the connection that it was dictated to
        self._times = 0  # it was begun or asked for
        self._clip: Utterance | None = None  # the greeting, where it is one
        self._unasked_link = 0  # the connection that is speaking, and was asked for nothing: none of it counts
        self._held = HeldActs()
        self._postponed: tuple[EndReason, str] | None = None

    @property
    def holds_line(self) -> bool:
        """It is ours: nobody is asked whether they are still there, and told to wait a moment."""
        return self.phase not in (Phase.TALKING, Phase.OVER) and not self._has_no_voice

    @property
    def _has_no_voice(self) -> bool:
        """The greeting was to be dictated, and nobody is left to whom."""
        is_to_come = self.phase is Phase.GREETING and self._clip is None and not self._is_whole
        return is_to_come and self._legs.life.is_gone and self._mouth.voice.is_silent

    @property
    def deadline_ms(self) -> float | None:
        """When the detector wants to know the time, or the message may begin."""
        if self.phase is Phase.OVER:
            return None
        return min(self._look_ms, self._greet_by_ms) if self.phase is Phase.GREETING else self._look_ms

    def may_have_asked(self, now_ms: float) -> bool:
        """Whether a key can belong to a number: nobody is asked for one before the greeting was heard."""
        return now_ms >= self._heard_ms + PAUSE_MS

    @property
    def finding(self) -> Finding:
        return self._detector.finding

    @property
    def answerer(self) -> str:
        """For the end of the call; "" while nobody has judged it. Whoever was understood is somebody, however late they spoke."""
        found = self.finding.answerer
        if found is Answerer.SILENCE and self._somebody_spoke:
            found = Answerer.PERSON
        return "" if found is Answerer.UNDECIDED else found.value

    def _turn(self, cause: Cause) -> None:
        self.phase = TABLE[self.phase][cause]

    # --- listening ----------------------------------------------------------------------------------------------------------

    def start(self, now_ms: float) -> None:
        self._began_ms, self._look_ms = now_ms, now_ms + THRESHOLDS.overdue
        self._detector = AnswerDetector(self._rate_hz, now_ms)
        self._noted = self.finding
        self._mouth.is_shut = self._legs.is_deaf = True
        self._legs.watchdog.excuse()
        self._legs.uplink.answer_ear = self.hears
        self._ending.guard = self._bars

    def hears(self, frames: Buffer, at_ms: float, rate_hz: int) -> bool:
        """Whole 20 ms frames of whoever answered. True if more is known now."""
        self._look_ms = at_ms + len(frames) * 500 / rate_hz + THRESHOLDS.overdue
        if rate_hz != self._rate_hz:  # the stream turned out to be another than was declared
            if self.finding.answerer is not Answerer.UNDECIDED:  # that stands; for a second look it is too late
                self._legs.uplink.answer_ear = None
                return False
            self._detector, self._rate_hz = AnswerDetector(rate_hz, self._began_ms), rate_hz
            self._noted = self.finding
        changed = self._detector.hear(frames, at_ms)
        self._perhaps_stop_listening()
        return changed

    def _look(self, now_ms: float) -> None:
        """Whether or not anything arrives, time passes."""
        if now_ms >= self._look_ms:
            self._detector.settle(now_ms)
            self._look_ms = now_ms + _LOOK_MS
            self._perhaps_stop_listening()

    def _perhaps_stop_listening(self) -> None:
        if self._detector.is_done:
            self._look_ms = inf
            self._legs.uplink.answer_ear = None

    # --- what follows -------------------------------------------------------------------------------------------------------

    def settle(self, now_ms: float) -> bool:
        """After every event: what is due by what is known. True while the line is ours."""
        if self.phase is Phase.OVER:
            return False
        self._look(now_ms)
        finding = self.finding
        if finding is not self._noted:
            self._noted = finding
            self._legs.minutes.note("answered_by", **finding.evidence())
        if self._ending.has_begun and self.phase is not Phase.LEAVING:
            self._step_aside(now_ms)
        elif finding.answerer in _MACHINES and self.phase is not Phase.LEAVING:
            self._machine(now_ms)
        elif self.phase is Phase.LISTENING and finding.answerer is not Answerer.UNDECIDED:
            self._greet(now_ms)
        elif self.phase is Phase.GREETING:
            self._look_at_greeting(now_ms)
        elif self.phase is Phase.LEAVING:
            self._look_at_message(now_ms)
        return self.holds_line

    def _step_aside(self, now_ms: float) -> None:
        """The call ends for another reason, which has the last word."""
        if self.phase is not Phase.TALKING:
            self._turn(Cause.ENDED)
            self._mouth.is_protected = False
            self._held.take()
            if self._postponed is not None:
                self._ending.farewell(*self._postponed, now_ms)

    def _bars(self, reason: EndReason, phrase: str, now_ms: float) -> bool:
        """Whether the last words that somebody wants to say now are not said, or not yet."""
        if self.phase in (Phase.LISTENING, Phase.AWAITING):
            self._hang_up(EndReason.MACHINE if self.phase is Phase.AWAITING else reason, now_ms)
            return True
        if self.phase is not Phase.GREETING or self._has_no_voice or (self._clip is None and not self._is_begun):
            return False
        self._postponed = self._postponed or (reason, phrase)
        return True

    def _give_up(self, now_ms: float) -> None:
        """They will not be told who calls, so they are told nothing."""
        self._hang_up(EndReason.BRIDGE_ERROR if self._postponed is None else self._postponed[0], now_ms)

    def _hang_up(self, reason: EndReason, now_ms: float) -> None:
        self._turn(Cause.ENDED)
        self._held.take()
        self._ending.close(reason, now_ms, ours=True)
        self._ending.hang_up(reason)

    # --- the greeting -------------------------------------------------------------------------------------------------------

    def _greet(self, now_ms: float) -> None:
        self._turn(Cause.SOMEBODY)
        self._greet_by_ms = now_ms + AT_MOST_MS
        mouth, legs = self._mouth, self._legs
        mouth.is_shut, mouth.is_protected = False, True
        legs.watchdog.resume(now_ms)
        legs.hears_from(now_ms)
        if self._is_unasked:
            self._emit(StopModel())
        if self._plays():
            legs.opens_ears()
        elif (reminder := mouth.announcer.dictation(GREETING)) is None:
            self._talk(now_ms)
        else:
            legs.reminder = reminder
            legs.watchdog.owes(now_ms)
            self._look_at_greeting(now_ms)

    def _look_at_greeting(self, now_ms: float) -> None:
        """Whether it was heard; a dictated one also whether it must be asked for."""
        is_silent = self._mouth.voice.is_silent
        if self._clip is not None:
            if is_silent and not self._clip.skipped:
                self._talk(now_ms)
            elif is_silent and not self._plays():
                self._give_up(now_ms)
        elif self._is_whole:
            if is_silent:
                self._talk(now_ms)
        elif self._legs.is_ready and self._legs.life.link != self._asked_link:
            self._asked_link, self._times = self._legs.life.link, 0
            self._is_begun = self._is_stopped = False
            self._dictate(now_ms)
        if self.phase is Phase.GREETING and now_ms >= self._greet_by_ms:
            self._give_up(now_ms)

    def _plays(self) -> bool:
        """Begin the clip, if there is one; again, where the switch did not read all of it in time."""
        self._times += 1
        if self._times > _TIMES_AT_MOST or not self._mouth.play(GREETING, Speaker.GREETING):
            return False
        self._clip = self._mouth.voice.ledger.live[-1]
        self._mouth.turns.on(Signal.AGENT_STARTED)
        return True

    def _dictate(self, now_ms: float) -> None:
        self._times += 1
        self._reminders = self._legs.reminders
        self._legs.dictate(self._mouth.announcer.dictation(GREETING), now_ms)

    def _talk(self, now_ms: float) -> None:
        """Whoever is there knows who calls: from now on it is a call like any other."""
        self._turn(Cause.HEARD)
        self._heard_ms = now_ms
        self._mouth.is_protected = False
        self._mouth.voice.next_speaker = Speaker.MODEL
        self._legs.reminder = None
        self._legs.opens_ears()
        for event in self._held.take():
            self._again(event, now_ms)
        if self._postponed is not None:
            self._ending.farewell(*self._postponed, now_ms)

    # --- a machine ----------------------------------------------------------------------------------------------------------

    def _machine(self, now_ms: float) -> None:
        """A machine or a fax: say nothing more to it, but for the message."""
        if self.phase is not Phase.AWAITING:
            self._fall_silent(now_ms)
            self._turn(Cause.MACHINE)
        detector, witness = self._detector, self._detector.witness
        finding = detector.finding
        takes_none = finding.answerer is Answerer.FAX or finding.cue in _TONES or witness in _TAKES_NO_MESSAGE
        is_sure = finding.cue not in _BY_LENGTH or witness in PROOF
        if self._policy.message and not takes_none:
            if detector.beep is Beep.AWAITED:
                return
            if detector.beep is Beep.HEARD or witness is Witness.MAILBOX:
                self._speak(detector.message_from_ms or now_ms, now_ms)
                return
        elif not takes_none and not is_sure and detector.beep is Beep.AWAITED:
            return
        self._hang_up(EndReason.MACHINE, now_ms)

    def _fall_silent(self, now_ms: float) -> None:
        mouth, legs = self._mouth, self._legs
        if mouth.voice.is_mid_utterance:
            self._unasked_link = legs.life.link
        if not mouth.voice.is_silent:
            cut = mouth.cut(now_ms)
            if cut.flush is not None:
                self._emit(cut.flush)
            if self._is_unasked:
                self._emit(StopModel(cut.heard))
        legs.stopped()
        legs.closes_ears()
        legs.watchdog.excuse()
        self._held.take()
        self._postponed, legs.reminder = None, None
        mouth.is_protected, mouth.is_shut = False, True

    def _speak(self, from_ms: float, now_ms: float) -> None:
        """Leave the message, once the machine records."""
        if now_ms < from_ms:
            self._look_ms = from_ms
            return
        self._turn(Cause.MAY_SPEAK)
        self._mouth.is_shut, self._mouth.is_protected = False, True
        self._is_whole = False
        self._ending.farewell(EndReason.MACHINE, VOICEMAIL, now_ms, at_most_ms=AT_MOST_MS)

    def _look_at_message(self, now_ms: float) -> None:
        said = self._message
        if said is not None and (said.cut_ms is not None or said.played_out(now_ms)):
            self._left(now_ms)

    @property
    def _message(self) -> Utterance | None:
        return None if self._mouth.closing is None else self._mouth.closing.utterance

    def _left(self, now_ms: float) -> None:
        if (said := self._message) is not None:
            self._legs.minutes.note("voicemail_left", heard_ms=said.heard_ms(now_ms))
        self._mouth.is_protected = False
        self._turn(Cause.ENDED)

    def closed(self, reason: EndReason, now_ms: float) -> EndReason:
        """The line is gone; why, as far as it is known here. A machine that hangs up is no caller who does."""
        if self.phase is Phase.LEAVING:
            self._look_at_message(now_ms)
        self._held.take()
        is_machine = self.finding.answerer in _MACHINES and reason is EndReason.CALLER_HUNG_UP
        return EndReason.MACHINE if is_machine else reason

    # --- what is reported meanwhile -----------------------------------------------------------------------------------------

    def takes(self, event: Event, now_ms: float) -> bool:
        """Whether `event` is nobody else's business, now or for ever."""
        if isinstance(event, CallerTranscribed):
            return self._caller_said(event, now_ms)
        if isinstance(event, ModelLost | ModelReady):
            self._connection_changes(event.link, is_lost=isinstance(event, ModelLost))
            return False
        takes = _TAKES.get(self.phase)
        return takes is not None and takes(self, event, now_ms)

    def _caller_said(self, event: CallerTranscribed, now_ms: float) -> bool:
        if self.phase in (Phase.AWAITING, Phase.LEAVING):
            is_machines = True
        else:
            is_machines, self._somebody_spoke = False, self._somebody_spoke or bool(event.text.strip())
        if self.phase is not Phase.OVER:
            self._detector.words(event.text, now_ms)
        return is_machines

    def _while_nothing_is_said(self, event: Event, now_ms: float) -> bool:
        """Listening, or awaiting the beep. Whoever hears nothing has nothing to say. The key that stops all calls always does."""
        if isinstance(event, DtmfPressed):
            return self._stop is None or not self._stop.is_key(event.digit)
        if isinstance(event, ToolAsked) and self.phase is Phase.LISTENING:
            self._emit(refusal(event))
        self._drops(event)
        return isinstance(event, (*ACTS, ModelInterrupted, CallerSpeech))

    def _while_greeting(self, event: Event, now_ms: float) -> bool:
        if isinstance(event, ToolAsked) and self._legs.is_deaf:
            self._emit(refusal(event))
            return True
        if isinstance(event, ToolAsked) and self._stop is not None and event.name == self._stop.tool:
            self._model_understood_stop(now_ms)
            return False
        if isinstance(event, (*SPEECH, ModelInterrupted)):
            if self._is_unasked:
                return self._drops(event)
            if self._clip is None and (not self._is_whole or self._unsays(event)):
                return self._of_dictated(event, now_ms)
        if isinstance(event, ModelInterrupted):
            self._void(by_model=True)
        elif isinstance(event, CallerSpeech) and event.speaking:
            self._void(by_model=False)
        elif isinstance(event, ACTS):
            self._held.keep(event)
        return isinstance(event, (*ACTS, ModelInterrupted, CallerSpeech))

    def _model_understood_stop(self, now_ms: float) -> None:
        """The model makes out an opt-out that our own words do not know."""
        cut = self._mouth.cut(now_ms)
        if cut.flush is not None:
            self._emit(cut.flush)
        self._talk(now_ms)

    def _of_dictated(self, event: Event, now_ms: float) -> bool:
        """Of the model's speech only what it was asked for is the greeting."""
        voice = self._mouth.voice
        if self._asked_link != self._legs.life.link:
            return self._drops(event)
        if isinstance(event, ModelAudio):
            if not voice.is_mid_utterance or event.item != voice.item:
                voice.next_speaker = Speaker.GREETING
            self._is_begun, self._is_stopped = True, False
        elif breaks_off(event):
            self._say_anew(now_ms)
            return True
        elif isinstance(event, TurnComplete) and self._is_stopped:
            self._is_stopped = False
            return True
        elif not isinstance(event, AgentTranscribed):
            self._is_whole, self._is_turn_over = self._is_begun, isinstance(event, TurnComplete)
        return False

    def _unsays(self, event: Event) -> bool:
        """Whether a reading that seemed whole breaks off: some services report its end in either case, and then that it was none."""
        self._is_turn_over = self._is_turn_over or isinstance(event, ModelAudio | TurnComplete)
        return not self._is_turn_over and breaks_off(event)

    def _say_anew(self, now_ms: float) -> None:
        """The reading broke off, and what was heard of it is no greeting. A reminder that the model got meanwhile asks for the next one."""
        voice, legs = self._mouth.voice, self._legs
        voice.finish(broken=True)
        if not self._is_begun:
            return
        for said in voice.ledger.live:
            said.broken = True
        self._is_begun = self._is_whole = False
        self._is_stopped = True
        if self._times >= _TIMES_AT_MOST:
            self._give_up(now_ms)
        elif legs.reminders > self._reminders:
            self._times, self._reminders = self._times + 1, legs.reminders
            legs.watchdog.owes(now_ms)
        else:
            self._dictate(now_ms)

    def _while_leaving(self, event: Event, now_ms: float) -> bool:
        """The message may be dictated, too; nothing else is said or done."""
        if isinstance(event, DtmfPressed):
            return not self._is_picked_up(event, now_ms)
        if not isinstance(event, (*ACTS, ModelInterrupted, CallerSpeech)):
            return False
        if self._is_unasked or self._is_whole or not isinstance(event, SPEECH):
            return self._drops(event)
        if isinstance(event, ModelAudio):
            self._mouth.voice.next_speaker = Speaker.FAREWELL
        elif isinstance(event, _UTTERANCE_OVER):
            self._is_whole = self._message is not None
        return False

    def _is_picked_up(self, event: DtmfPressed, now_ms: float) -> bool:
        """Somebody beside the machine presses the key that the message names: that has the last word."""
        if self._stop is None or not self._stop.is_key(event.digit) or self._ending.is_hanging_up:
            return False
        self._left(now_ms)
        self._ending.reopen()
        return True

    @property
    def _is_unasked(self) -> bool:
        """The model is saying what it was not asked for."""
        return self._unasked_link != 0 and self._unasked_link == self._legs.life.link

    def _drops(self, event: Event) -> bool:
        if isinstance(event, ModelAudio):
            self._unasked_link = self._legs.life.link
        elif isinstance(event, _UTTERANCE_OVER):
            self._unasked_link = 0
        return True

    def _void(self, *, by_model: bool) -> None:
        stop = self._held.void(by_model=by_model)
        if stop is not None and self._legs.is_ready:
            self._emit(stop)

    def _connection_changes(self, link: int, *, is_lost: bool) -> None:
        """What the connection in use was about to say or do is its own: nobody else answers for it."""
        in_use = self._legs.life.link
        if (link == in_use) if is_lost else in_use != 0:
            self._held.take()


_TAKES: Mapping[Phase, Callable[[Answering, Event, float], bool]] = {
    Phase.LISTENING: Answering._while_nothing_is_said,
    Phase.GREETING: Answering._while_greeting,
    Phase.AWAITING: Answering._while_nothing_is_said,
    Phase.LEAVING: Answering._while_leaving,
}
