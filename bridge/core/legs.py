"""The model's side of one call: its connections, what a successor must know, the tools it asks for, and what is done when it falls silent.

Everything that outlives one connection is here: what was said, what tools answered, what was read back, who waits for whom. A successor is
told exactly what it cannot know. The caller's unanswered turn reaches it once: as sound, if it was not understood before the loss, and as
words in the brief otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any

from bridge.core.caller_audio import UNANSWERED_MS
from bridge.core.engines import Engine
from bridge.core.floor import BACKCHANNEL_MS
from bridge.core.frames import (
    AnswerTool,
    Command,
    ModelLost,
    ModelSetup,
    SayToModel,
    TellModel,
    ToolAsked,
    ToolReturned,
    TurnDetection,
    UseModel,
)
from bridge.core.ledger import CallLedger
from bridge.core.minutes import Minutes
from bridge.core.model_life import Life, ModelLife, Taken
from bridge.core.playout import Speaker, Utterance
from bridge.core.readback import ReadBackWatch, to_json
from bridge.core.repeats import Repeats
from bridge.core.tool_desk import ToolDesk
from bridge.core.transcript import heard_part
from bridge.core.uplink import Uplink
from bridge.core.voice import Voice
from bridge.core.watchdog import Alarm, Watchdog
from pokea.toolkit import Effect

LAST_TURNS = 12
LAST_TURN_CHARS = 500
GO_ON = (
    "[The connection was interrupted for a moment. Answer what the caller said last, or repeat what you were saying.]"
)


class Legs:
    """`emit` takes the commands, in order."""

    def __init__(
        self,
        setup: ModelSetup,
        engines: Sequence[Engine],
        effects: Mapping[str, Effect],
        line_hz: int,
        line: tuple[Uplink, Voice, Minutes],
        emit: Callable[[Command], None],
    ) -> None:
        self.uplink, self.voice, self.minutes = line
        self.ledger = CallLedger(setup.language)
        self.life = ModelLife(setup, engines, line_hz)
        self.desk = ToolDesk(effects)
        self.read_back = ReadBackWatch()
        self.repeats = Repeats()
        self.watchdog = Watchdog()
        self.is_deaf = False  # no model hears the caller, though there is one
        self.reminder: SayToModel | None = None  # what a silent model is told now, if not to go on
        self.reminders = 0  # how often one was reminded
        self._emit = emit
        self._knows = 0  # number of the latest fact that the connection being opened is told in its brief
        self._handle_knows = 0  # ... that was known when the latest handle was given
        self._as_sound = False  # the caller's unanswered turn reaches the successor as audio, not as words
        self._unanswered = False  # the caller said something that no model has acted on
        self._words_ms = float("-inf")  # when a model last understood some of the caller's words
        self._holds = False  # the caller's audio waits for a successor
        self._holds_since_ms = 0.0
        self._from_ms = -inf  # nothing from before is heard by any model

    @property
    def is_ready(self) -> bool:
        """There is a model to talk to."""
        return bool(self.life.link)

    @property
    def has_own_turns(self) -> bool:
        """The model in use hears only what we call the caller's turns."""
        return self.life.engine.turn_detection is TurnDetection.OWN

    def _order(self, commands: Sequence[Command]) -> None:
        for command in commands:
            self._emit(command)

    # --- connections ---------------------------------------------------------------------------------------------------------

    def start(self, now_ms: float) -> None:
        self.watchdog.alone(now_ms)
        self._order(self.life.start())

    def ready(self, link: int, now_ms: float) -> Taken | None:
        """A connection is set up. If it is the awaited one, it is put to use and told what it must know."""
        replaced = bool(self.life.link)
        taken, orders = self.life.ready(link, now_ms)
        self._order(orders)
        if taken is None:
            return None
        if replaced:
            self._leave(now_ms)
        if self._as_sound:
            self.minutes.forget_caller_line()
        self.desk.left(resumed=taken.resumed)
        self._use(None if self._as_sound else self.uplink.held_from_ms)
        self.watchdog.connected(now_ms)
        self.minutes.note("model_ready", engine=taken.engine.name, resumed=taken.resumed, after_ms=int(now_ms))
        if not taken.first:
            self._tell(taken, now_ms)
        self._as_sound = False
        return taken

    def _use(self, since_ms: float | None) -> None:
        """The connection of `life` hears the caller, from `since_ms` on."""
        self._holds = False
        held: tuple[bytes, ...] = ()
        if not self.is_deaf:
            since_ms = self._from_ms if since_ms is None else max(since_ms, self._from_ms)
            held = self.uplink.connect(
                self.life.input_hz, since_ms if since_ms > -inf else None, gated=self.has_own_turns
            )
        self._emit(UseModel(self.life.link, held))

    def hears_from(self, now_ms: float) -> None:
        """What the caller says counts from now on; no model is ever given what came before."""
        self._from_ms, self._unanswered = now_ms, False
        self.uplink.turn_answered()

    def opens_ears(self) -> None:
        """The model hears the caller, and first what waited for it."""
        if self.is_deaf:
            self.is_deaf = False
            if self.is_ready and not self._holds:
                self._use(None)

    def closes_ears(self) -> None:
        """The model hears no more of this call."""
        self.is_deaf = True
        self.uplink.hold()

    def _tell(self, taken: Taken, now_ms: float) -> None:
        """What the successor cannot know, and what is expected of it."""
        for fact in self.ledger.since(self._handle_knows if taken.resumed else self._knows):
            self._emit(TellModel(fact.words))
        if not self.watchdog.is_waiting and not self._as_sound:
            self.repeats.nothing_is_owed(now_ms)
            return
        self.repeats.watch()
        if self.watchdog.is_owed and not self.is_deaf and not self._hears_a_question():
            self._emit(SayToModel(GO_ON))

    def _hears_a_question(self) -> bool:
        """The successor is sent words of the caller's as sound, and will answer those."""
        detector = self.uplink.detector
        spoke = bool(detector.turns) and detector.turns[-1][0] >= self._holds_since_ms
        return self._as_sound or detector.is_speaking or spoke

    def lost(self, event: ModelLost, now_ms: float) -> None:
        """A connection failed or ended."""
        was = self.life.state
        if event.link and event.link == self.life.link:
            engine = self.life.engine.name
            self.minutes.note("model_lost", engine=engine, code=event.code, loss=event.loss.value)
            self.watchdog.alone(now_ms)
            self._leave(now_ms)
        self._order(self.life.lost(event, now_ms, lambda: self._brief(now_ms)))
        if was is Life.ROTATING and self.life.state is Life.READY:
            self._use(self.uplink.held_from_ms)  # the old one has to do a little longer

    def _leave(self, now_ms: float) -> None:
        """The connection in use is let go, by whosever will: note what it leaves undone."""
        if self.voice.is_mid_utterance:
            self.watchdog.owes(now_ms)
        self.voice.finish(broken=True)
        self.voice.end_turn()
        self.read_back.lost()
        self.desk.left(resumed=False)
        self._hold(now_ms)

    def _hold(self, now_ms: float) -> None:
        """From here on the caller's audio waits for a successor, and with it the turn that nobody has understood yet."""
        if not self._holds:
            self._as_sound = not self.is_deaf and self._is_unheard(now_ms)
            self._holds, self._holds_since_ms = True, now_ms
            self.uplink.hold()

    def _is_unheard(self, now_ms: float) -> bool:
        """No model can have understood all of what the caller said last, and the sound of it is still at hand."""
        detector = self.uplink.detector
        ended_ms = detector.turns[-1][1] if detector.turns else None
        if detector.is_speaking or ended_ms is None:
            return detector.is_speaking
        return self._unanswered and self._words_ms < ended_ms and now_ms - ended_ms < UNANSWERED_MS

    def _brief(self, now_ms: float) -> str:
        self._knows = self.ledger.latest
        unfinished = [("agent", _words_of(said, now_ms)) for said in self.voice.ledger.live]
        if not self._as_sound:
            unfinished.append(("caller", self.minutes.caller_line))
        return self.ledger.brief(
            unfinished,
            read_back_heard=self.read_back.is_heard(now_ms),
            answer_owed=self.watchdog.is_owed and not self._as_sound,
        )

    def release(self) -> None:
        """A person has taken over: let every connection go, for good."""
        self.desk.left(resumed=False)
        self._order(self.life.retire())

    def knows_handle(self, handle: str) -> None:
        self.life.knows_handle(handle)
        self._handle_knows = self.ledger.latest
        self.desk.handle_given()

    # --- the model falls silent, or grows old -------------------------------------------------------------------------------

    def look_after(self, now_ms: float, *, at_boundary: bool) -> None:
        """Planned hand-over and the next round of attempts, where they are due."""
        if self.life.is_old(now_ms, at_boundary=at_boundary, tool_runs=self.desk.is_busy):
            self._hold(now_ms)
            self._order(self.life.hand_over(lambda: self._brief(now_ms)))
        elif self.life.is_rested(now_ms):
            self._order(self.life.retry(lambda: self._brief(now_ms)))

    def obey(self, alarm: Alarm, now_ms: float) -> None:
        """The steps of the ladder that concern the model."""
        if alarm is Alarm.NUDGE and self.is_ready and not self.desk.is_busy:
            self.repeats.watch()
            self.reminders += 1
            self._emit(self.reminder or SayToModel(GO_ON))
        elif alarm in (Alarm.RECONNECT, Alarm.OTHER_ENGINE) and not self.desk.is_busy:
            if self.is_ready:
                self._hold(now_ms)
            other = alarm is Alarm.OTHER_ENGINE
            self._order(self.life.replace(lambda: self._brief(now_ms), other_engine=other))
        elif alarm is Alarm.GIVE_UP:
            self._order(self.life.give_up())

    def deadline_ms(self, *, at_boundary: bool) -> float:
        return self.life.deadline_ms(at_boundary=at_boundary, tool_runs=self.desk.is_busy)

    # --- who waits for whom -------------------------------------------------------------------------------------------------

    def caller_stopped(self, now_ms: float, spoke_ms: float) -> None:
        """The caller fell silent, as our own ear tells. A short sound is a question only as far as the agent was silent."""
        turns = self.uplink.detector.turns
        ended_ms = (turns[-1][1] if turns else None) or now_ms
        if spoke_ms < BACKCHANNEL_MS:
            spoke_ms = min(spoke_ms, ended_ms - self.voice.last_end_ms) if self.voice.is_silent else 0.0
        self.watchdog.caller_stopped(min(ended_ms, now_ms), spoke_ms)
        self._unanswered = self._unanswered or self.watchdog.is_presumed

    def caller_words(self, now_ms: float) -> None:
        """A model understood some of what the caller says."""
        self._words_ms, self._unanswered = now_ms, True
        self.repeats.moved_on()
        self.watchdog.owes(now_ms)

    def acted(self) -> None:
        """The model speaks or asks for a tool. One that was to be replaced for its silence is kept."""
        self.watchdog.acted()
        if not self.is_deaf:
            self._unanswered = False
            self.uplink.turn_answered()
        orders = self.life.keep()
        if orders:
            self._order(orders)
            self._use(self.uplink.held_from_ms)

    def speaks(self, begun: Utterance | None) -> None:
        """The model's speech, as it goes to the caller; `begun` where it begins."""
        if begun is not None or self.watchdog.is_owed:
            self.acted()
            self.watchdog.speaks()
        if begun is not None and begun.speaker is Speaker.MODEL:
            self.read_back.began(begun)
            self.repeats.began(begun)

    def generated(self) -> None:
        """Every sample of the utterance is there."""
        self.read_back.spoken()
        self.watchdog.sentence_ended()

    def turn_over(self, now_ms: float) -> None:
        """The model waits for the caller; if it owes something, it does so in vain."""
        self.read_back.turn_over()
        self.watchdog.sentence_ended()
        self.watchdog.turn_was_empty(now_ms)

    def stopped(self) -> None:
        """What the model was saying was stopped for good."""
        self.read_back.stopped()
        self.watchdog.sentence_ended()

    def dictate(self, line: SayToModel | None, now_ms: float) -> bool:
        """Have the model say a fixed line; False where there is no model or no line."""
        if line is None or not self.is_ready:
            return False
        self.repeats.moved_on()
        self.watchdog.owes(now_ms)
        self._emit(line)
        return True

    # --- tools --------------------------------------------------------------------------------------------------------------

    def tool_asked(
        self, event: ToolAsked, now_ms: float, keys: str = "", instead: Mapping[str, Any] | None = None
    ) -> ToolReturned | None:
        """Have a tool called, or answer at once. Returns the kept answer, if it was answered with one. `keys`: a secret for the tool.
        `instead`: what it is answered with and not called."""
        self.acted()
        self.uplink.listen(now_ms)
        evidence = to_json(self.read_back.evidence(now_ms, self.uplink.detector.turns), keys)
        asked = self.desk.asked(event, evidence, now_ms, self._last_turns(event.name), instead)
        if asked is None:
            self.watchdog.tool_runs(now_ms)
            return None
        self.minutes.note("tool_called", tool=event.name, tool_call_id=event.tool_call_id)
        self._emit(asked.order)
        if isinstance(asked.order, AnswerTool):
            self.watchdog.owes(now_ms)
        else:
            self.watchdog.tool_runs(now_ms)
        if asked.kept is not None:
            self._answered(asked.kept, now_ms)
        return asked.kept

    def _last_turns(self, tool: str) -> tuple[tuple[str, str], ...]:
        """For a tool that hands the caller to a person: what that person may want to know."""
        if self.desk.effect(tool) is not Effect.TRANSFER:
            return ()
        caller = self.minutes.caller_line[:LAST_TURN_CHARS]
        turns = self.ledger.recent(LAST_TURNS if not caller else LAST_TURNS - 1)
        return (*turns, ("caller", caller)) if caller else turns

    def tool_returned(
        self, event: ToolReturned, now_ms: float, *, must_tell: bool = False, with_secret: bool = False
    ) -> bool:
        """Pass on what a tool answered. False for an answer that nobody asked for. `must_tell`: the model in use acts on it even if nobody
        waits for it any more. `with_secret`: what it was asked with may be in nobody's notes."""
        done = self.desk.returned(event, now_ms)
        if done is None:
            return False
        status = str(event.payload.get("status", ""))
        self.minutes.note("tool_returned", tool=done.name, status=status, took_ms=done.took_ms)
        self.minutes.tool_used(done.name, status, done.took_ms, now_ms)
        arguments = {} if with_secret else done.arguments
        fact = self.ledger.learned(done.tool_call_id, done.name, arguments, event.payload, event.nonce)
        if done.changed or (self.desk.effect(done.name) is Effect.COMMIT and event.nonce is None and not event.failed):
            self.ledger.settled()
        for answer in done.answers:
            self._emit(answer)
        if event.nonce is not None and not done.answers:
            self.read_back.expect(event.nonce, now_ms, str(event.payload.get("say") or ""))
            self.read_back.lost()  # nobody was given it as an answer: only its very words will count
        if done.answers:
            self.watchdog.owes(now_ms)
            self._answered(event, now_ms)
        elif self.is_ready and (done.orphan or done.changed or must_tell):
            self._emit(TellModel(fact.words))
            if done.orphan or must_tell:
                self.watchdog.owes(now_ms)
                self._emit(SayToModel(GO_ON))
        elif done.orphan:
            self.watchdog.owes(now_ms)
        if not self.desk.is_busy:
            self.watchdog.tools_done()
        return True

    def _answered(self, event: ToolReturned, now_ms: float) -> None:
        """What the model says next is said in the light of this answer."""
        self.repeats.moved_on()
        self.voice.end_turn()
        if event.nonce is not None:
            self.read_back.expect(event.nonce, now_ms, str(event.payload.get("say") or ""))


def _words_of(said: Utterance, now_ms: float) -> str:
    """What counts as said of an utterance that is being heard. What breaks off counts as far as it was heard by now."""
    if said.speaker in (Speaker.FILLER, Speaker.FAREWELL):
        return ""
    if said.complete and not said.broken:
        return said.text
    return heard_part(said.text, said.heard(now_ms), said.generated)
