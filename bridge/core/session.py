"""One call: routes every event to the one machine that knows what to do with it, and collects what they order.

The session decides nothing about business and does no I/O. `handle` takes an event and the time and returns commands; caller audio and
agent audio, the two hot paths, go through `caller_audio` and `pull`, after which `orders` may hold commands that they caused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Any

from bridge.core.account import account, tool_waits
from bridge.core.announcer import Announcer
from bridge.core.answering import Answering
from bridge.core.caller import Caller
from bridge.core.context import CallContext, lines_of, model_setup
from bridge.core.ending import Ending
from bridge.core.engines import GEMINI, Engine
from bridge.core.frames import (
    AgentTranscribed,
    Buffer,
    CallerSpeech,
    CallerTranscribed,
    Command,
    DrainExpired,
    DtmfPressed,
    EndReason,
    Event,
    GenerationComplete,
    GoingAway,
    HandoffTold,
    ModelAudio,
    ModelInterrupted,
    ModelLost,
    ModelReady,
    PeerConnected,
    PeerLost,
    PeerSaid,
    ResumeHandle,
    ServiceUsed,
    SwitchClosed,
    SwitchCongested,
    TimePassed,
    ToolAsked,
    ToolReturned,
    ToolsCancelled,
    TurnComplete,
    UsageReported,
    UsageUnknown,
)
from bridge.core.handing_over import CallerSide, PersonSide, Side
from bridge.core.join import Join
from bridge.core.legs import Legs
from bridge.core.limits import Due, Limits
from bridge.core.minutes import Minutes
from bridge.core.mouth import Mouth
from bridge.core.opt_out import OptOut
from bridge.core.outlet import Outlet
from bridge.core.patience import Patience
from bridge.core.pcm import Layout
from bridge.core.playout import Speaker
from bridge.core.turn_clock import TOOLS_IN_A_TURN
from bridge.core.turns import Signal, Turn, TurnTaking
from bridge.core.uplink import Uplink
from bridge.core.usage_meter import UsageMeter
from bridge.core.voice import Voice
from bridge.core.watchdog import Alarm, Line
from bridge.core.witness import Witness
from pokea.toolkit import Effect

_CLIPS = (Speaker.GREETING, Speaker.PROMPT, Speaker.FILLER)


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """`engines`: the models that may answer, in the order in which they are tried. `carrier_continues`: the carrier goes on with the
    document behind the stream once the stream is closed, so a call without a model is left to that. `own_barge_in`: our own ear may stop
    the agent. `echo_guard`: "auto" (where both tracks come), "on" or "off"."""

    engines: tuple[Engine, ...] = (GEMINI,)
    lead_ms: int = 160
    kill_audio: bool = True
    limits: Limits = field(default_factory=Limits)
    carrier_continues: bool = False
    own_barge_in: bool = True
    echo_guard: str = "auto"
    records: bool = False  # somebody takes what may be recorded


class CallSession:
    """`clips` maps "greeting" and the phrase names to 24 kHz PCM, as far as they were rendered."""

    def __init__(self, settings: SessionSettings, context: CallContext, clips: Mapping[str, bytes]) -> None:
        longest_ms = settings.limits.max_call_ms if context.max_call_ms is None else context.max_call_ms
        limits = replace(settings.limits, max_call_ms=min(settings.limits.max_call_ms, longest_ms))
        self.context = context
        self.ended = False
        self.orders: list[Command] = []  # not yet taken
        self.uplink = Uplink(context.rate_hz, context.track, echo_guard=settings.echo_guard)
        self.voice = Voice(context.rate_hz, settings.lead_ms, kill_audio=settings.kill_audio)
        self.turns = TurnTaking()
        self.minutes = Minutes(self.orders.append)
        self.announcer = Announcer(self.voice, clips, lines_of(context))
        setup = model_setup(context, greeted=self.announcer.has_clip("greeting"))
        line = (self.uplink, self.voice, self.minutes)
        self.legs = Legs(setup, settings.engines, context.effects, context.rate_hz, line, self.orders.append)
        self.mouth = Mouth(self.voice, self.announcer, self.turns, self.minutes, self.legs.ledger)
        self.ending = Ending(self.mouth, self.legs, self.minutes, self.orders.append, settings.carrier_continues)
        sides = (self.uplink, self.mouth, self.legs, self.ending)
        self.caller = Caller(*sides, self.orders.append, own_barge_in=settings.own_barge_in)
        self.handoff = self._side(settings)
        self.speech = self.caller.speech
        self.language = context.language
        self.opt_out = OptOut(context.stop, self.mouth, self.legs, self.ending, self.orders.append)
        self.witness = Witness(context, self.uplink, self.voice, self.orders.append, records=settings.records)
        self.mouth.on_over = self.witness.over
        self.witness.waits = partial(tool_waits, self.legs, latest=TOOLS_IN_A_TURN)
        self.answering = self._answering()
        self.outlet = Outlet(self.voice.pacer, self.witness, self.minutes)
        self.pull = self.outlet.pull  # everything that is due for the switch, as one message; None if that is nothing
        self.usage = UsageMeter()
        self._patience = Patience(limits, asks=any(context.phrases.values()))
        self._caller_speaking = False
        self._routes: dict[type[Any], Callable[[Any, float], None]] = {
            ModelAudio: self._on_model_audio,
            ModelInterrupted: self._on_interrupted,
            CallerSpeech: lambda event, now: self.caller.model_hears(event.speaking, now),
            GenerationComplete: self._on_generated,
            TurnComplete: lambda _, now: self.caller.model_turn_over(now),
            CallerTranscribed: self._on_caller_words,
            AgentTranscribed: lambda event, now: self.speech.words(event.text, now),
            ToolAsked: self._on_tool_asked,
            ToolsCancelled: lambda event, now: self.legs.desk.cancelled(event.tool_call_ids),
            ToolReturned: self._on_tool_returned,
            HandoffTold: self._on_handoff_told,
            PeerConnected: lambda _, now: self.handoff.connected(now),
            PeerSaid: lambda event, now: self.handoff.said(event.word, now),
            PeerLost: lambda _, now: self.handoff.lost(now),
            ModelReady: self._on_model_ready,
            ModelLost: lambda event, now: self.legs.lost(event, now),
            GoingAway: lambda event, now: self.legs.life.going_away(event.time_left_ms, now),
            UsageReported: lambda event, now: self._patience.spent(event.total),
            UsageUnknown: lambda _, now: None,
            ServiceUsed: lambda _, now: None,
            ResumeHandle: lambda event, now: self.legs.knows_handle(event.handle),
            SwitchClosed: self._on_switch_closed,
            SwitchCongested: lambda event, now: self.outlet.congested(event.congested, now),
            DtmfPressed: self._on_key,
            DrainExpired: lambda _, now: self.ending.farewell(EndReason.BRIDGE_ERROR, "trouble", now),
            TimePassed: lambda _, now: None,
        }

    def _side(self, settings: SessionSettings) -> Side:
        """This call's part in a hand-off, if there will be one."""
        context = self.context
        kind = PersonSide if context.handoff_id else CallerSide
        join = partial(Join, self.voice.pacer, context.rate_hz, settings.lead_ms)
        parts = (self.mouth, self.legs, self.ending, self.uplink, self.orders.append, join)
        side = kind(context.handoff_id, *parts)
        side.may_dial = settings.carrier_continues
        return side

    def _answering(self) -> Answering | None:
        """Of a placed call: who answered it."""
        context = self.context
        if context.answering is None:
            return None
        parts = (self.mouth, self.legs, self.ending, self.orders.append)
        again = lambda event, now_ms: self._routes[type(event)](event, now_ms)
        return Answering(context.answering, context.stop, *parts, again, context.rate_hz)

    # --- the interface of the shell -----------------------------------------------------------------------------------------

    def start(self, now_ms: float) -> list[Command]:
        """The call begins: a model is sent for, and the greeting sounds at once, or once it is known who answered."""
        context = self.context
        self.minutes.note(
            "opened", business=context.business_id, agent=context.agent, a_number_masked=context.a_number_masked
        )
        self.legs.start(now_ms)
        self.handoff.start(now_ms)
        if self.answering is not None:
            self.answering.start(now_ms)
        elif not self.mouth.play("greeting", Speaker.GREETING) and context.greeting:
            self.legs.watchdog.owes(now_ms)
        return self._finish(now_ms)

    def handle(self, event: Event, now_ms: float) -> list[Command]:
        """What to do about `event`, in order. An event of no interest, or one after the end, is nothing."""
        if type(event) is ModelAudio and self._continues(event):
            self.voice.model_audio(event.pcm, event.rate_hz, event.item)
            return []
        if type(event) is AgentTranscribed and self._transcribes():
            self.voice.words(event.text)
            return []
        route = self._routes.get(type(event))
        if route is None or self.ended:
            return []
        self.usage.saw(event)
        if self.answering is None or not self.answering.takes(event, now_ms):
            route(event, now_ms)
        return self._finish(now_ms)

    def _continues(self, event: ModelAudio) -> bool:
        """More of an utterance under way, which changes nothing."""
        voice = self.voice
        return (
            voice.is_mid_utterance
            and event.item == voice.item
            and not self.ending.has_begun
            and not self.legs.watchdog.is_owed
            and not self.ended
        )

    def _transcribes(self) -> bool:
        """Words of an utterance under way, which nobody judges: they change nothing either."""
        return self.voice.is_mid_utterance and not self.legs.repeats.takes and self.answering is None and not self.ended

    def caller_audio(self, data: Buffer, now_ms: float) -> Sequence[Buffer]:
        """20 ms frames for the model. They may alias `data`; `take` the `orders` they caused afterwards."""
        frames = self.uplink.push(data, now_ms)
        if self.uplink.news:
            self.uplink.news = False
            if not self.ended:
                self._on_caller_news(now_ms)
                self._settle(now_ms)
        return frames

    def peer_audio(self, data: Buffer, now_ms: float) -> Buffer | None:
        """Sound of the other leg of a hand-off (PCM16, 16 kHz, mono); what is to be sent to the switch at once."""
        if self.ended:
            return None
        self.handoff.peer_heard(now_ms)
        return None if self.outlet.is_blocked else self.outlet.passes(self.handoff.peer_audio(data, now_ms))

    def take(self) -> list[Command]:
        orders, self.orders[:] = self.orders.copy(), []
        return orders

    def forget(self) -> None:
        """After the end: let go of everything that refers back to this session."""
        self.ended = True
        self._routes.clear()
        self.mouth.on_over = self.uplink.tap = self.uplink.answer_ear = self.ending.guard = self.answering = None
        del self.caller.speech  # which refers back to the caller

    @property
    def wake_ms(self) -> float:
        """When `pull` may next return something."""
        return inf if self.outlet.is_blocked else self.voice.pacer.wake_ms

    @property
    def deadline_ms(self) -> float:
        """When the session wants a TimePassed at the latest; it may move with every event."""
        if self.ended or self.ending.is_hanging_up:
            return inf
        legs = self.legs
        speech = (
            self.voice.ledger.next_end_ms(),
            self._runs_dry_ms,
            self.caller.deadline_ms,
            self.handoff.deadline_ms(),
            self.opt_out.deadline_ms,
            None if self.answering is None else self.answering.deadline_ms,
        )
        candidates = [legs.watchdog.deadline_ms(self._line), *speech]
        if self.ending.has_begun:
            candidates.append(self.ending.deadline_ms())
        else:
            candidates.append(self._patience.deadline_ms)
            if not self.handoff.is_joined:
                candidates.append(legs.deadline_ms(at_boundary=self._at_boundary))
        return min(candidate for candidate in candidates if candidate is not None)

    # --- what every event ends with -----------------------------------------------------------------------------------------

    def _finish(self, now_ms: float) -> list[Command]:
        if not self.ended:
            self._settle(now_ms)
        return self.take()

    def _settle(self, now_ms: float) -> None:
        """Account for what was heard, and do what is due."""
        self.mouth.hear(now_ms)
        if self.answering is not None and self.answering.settle(now_ms):
            self._patience.active()
        self.caller.settle(now_ms)
        self.opt_out.settle(now_ms)
        self.witness.settle(now_ms, keys_pending=self.caller.keys.deadline_ms is not None)
        dry_ms = self._runs_dry_ms
        if dry_ms is not None and now_ms >= dry_ms:
            self.legs.watchdog.ran_dry(dry_ms)
        self.ending.check(now_ms)
        due = None if self.ending.has_begun else self._patience.due(now_ms)
        if due is not None:
            self._on_due(due, now_ms)
        while not self.ending.is_hanging_up and (alarm := self.legs.watchdog.due(now_ms, self._line)) is not None:
            self._on_alarm(alarm, now_ms)
        if self.handoff.is_active or self.witness.time.is_held:
            self._settle_handoff(now_ms)
        is_callers = self._is_callers_turn
        is_quiet = is_callers and self._nobody_waits_or_speaks
        self._patience.floor(is_quiet=is_quiet, is_callers=is_callers, now_ms=now_ms)
        if not self.ending.has_begun and not self.handoff.is_joined:
            self.legs.look_after(now_ms, at_boundary=is_quiet and self.turns.turn is Turn.LISTENING)
            if self.legs.life.is_gone and not self.handoff.holds_line and not self._is_first_ours:
                self.ending.last_resort(now_ms)

    def _settle_handoff(self, now_ms: float) -> None:
        self.handoff.settle(now_ms)
        self.witness.time.holds(self.handoff.keeps_waiting, now_ms)
        if self.handoff.is_joined:
            self._patience.joined(now_ms)
        if self.handoff.holds_line:
            self._patience.progress()

    @property
    def _is_first_ours(self) -> bool:
        """A placed call, in which nobody has been told yet who calls, or a machine is dealt with."""
        return self.answering is not None and self.answering.holds_line

    @property
    def _line(self) -> Line:
        return self.mouth.line(self.uplink.last_audio_ms or 0.0)

    @property
    def _runs_dry_ms(self) -> float | None:
        """When a sentence that has not ended runs out; None where that makes no difference any more."""
        return None if self.legs.watchdog.is_owed else self.mouth.runs_dry_ms

    @property
    def _nobody_waits_or_speaks(self) -> bool:
        return not self.uplink.detector.is_speaking and not self.legs.watchdog.is_waiting

    @property
    def _is_callers_turn(self) -> bool:
        """The agent neither speaks nor works. An answer to a sound that nobody understood is no work: it may have been music."""
        owes = self.legs.watchdog.is_waiting and not self.legs.watchdog.is_presumed
        if owes or self.legs.desk.is_busy or self.handoff.holds_line or self._is_first_ours:
            return False
        return self.voice.is_silent or self.voice.is_only(Speaker.FILLER) or self.voice.is_only(Speaker.PROMPT)

    @property
    def _at_boundary(self) -> bool:
        """Nobody is in the middle of anything: the moment to exchange the model's connection."""
        return self.turns.turn is Turn.LISTENING and self._nobody_waits_or_speaks and self._is_callers_turn

    # --- the caller ---------------------------------------------------------------------------------------------------------

    def _on_caller_news(self, now_ms: float) -> None:
        layout, self.uplink.layout = self.uplink.layout, None
        if layout is not None and layout is not Layout.AS_DECLARED:
            self.minutes.note("stream_layout", layout=layout.value)
        if self.uplink.is_refused:
            self.ending.farewell(EndReason.BRIDGE_ERROR, "trouble", now_ms)
        is_joined = self.handoff.is_joined
        if not is_joined:
            self.caller.heard(now_ms)
        speaking = self.uplink.detector.is_speaking
        if speaking is self._caller_speaking:
            return
        self._caller_speaking = speaking
        if not speaking:
            self.witness.caller_stopped(now_ms)
        if is_joined:
            return
        self.turns.on(Signal.CALLER_STARTED if speaking else Signal.CALLER_STOPPED)
        if self.voice.is_silent or self.voice.is_only(*_CLIPS):  # the agent's echo on the line looks like a caller
            self._caller_turned(now_ms, speaking=speaking)

    def _caller_turned(self, now_ms: float, *, speaking: bool) -> None:
        """The caller began or stopped, and it is no echo."""
        if self.voice.is_silent:
            self._caller_active()
        if speaking:
            self.legs.watchdog.caller_speaks(now_ms)
        elif not self.ending.has_begun:
            began_ms, ended_ms = self.uplink.detector.turns[-1]
            self.legs.caller_stopped(now_ms, (ended_ms or now_ms) - began_ms)

    def _caller_active(self) -> None:
        self._patience.active()
        self.voice.next_speaker = Speaker.MODEL

    def _on_caller_words(self, event: CallerTranscribed, now_ms: float) -> None:
        if self.ending.is_deaf:
            return
        self._patience.words(event.text, finished=event.finished)
        if event.text.strip():
            self.minutes.caller_words(event.text, now_ms, is_secret=self.witness.secrets.are_expected)
            self._caller_active()
            if self.opt_out.words(self.minutes.caller_line, now_ms):
                return
        asks = self.caller.words(event.text, event.finished, now_ms)
        if event.text.strip() and asks:
            self.legs.caller_words(now_ms)
        if event.finished:
            self.mouth.caller_done()

    def _on_key(self, event: DtmfPressed, now_ms: float) -> None:
        if self.ending.is_deaf:
            self.opt_out.key(event.digit, now_ms, is_number=False)
            return
        self._patience.active()
        self._patience.key()
        if not self.handoff.key(event.digit, now_ms):
            is_asked = self.answering is None or self.answering.may_have_asked(now_ms)
            is_number = self.witness.secrets.are_expected or (is_asked and self.caller.keys.deadline_ms is not None)
            if self.opt_out.key(event.digit, now_ms, is_number=is_number):
                return
            self._caller_active()
            self.caller.key(event, now_ms)

    # --- the agent's speech -------------------------------------------------------------------------------------------------

    def _on_model_audio(self, event: ModelAudio, now_ms: float) -> None:
        if not self.ending.is_deaf and self.caller.floor.admits(event.item, now_ms):
            self.speech.audio(event, now_ms)
            if not self.voice.is_only(Speaker.PROMPT):
                self._patience.answered()

    def _on_generated(self, event: GenerationComplete, now_ms: float) -> None:
        self.caller.floor.generation_over()
        self.speech.generated(now_ms)

    def _on_interrupted(self, event: ModelInterrupted, now_ms: float) -> None:
        if not self.ending.is_deaf:
            self._caller_active()
            self.caller.model_interrupted(now_ms)

    # --- tools --------------------------------------------------------------------------------------------------------------

    def _on_tool_asked(self, event: ToolAsked, now_ms: float) -> None:
        self.witness.tool_asked(event, now_ms)
        if self.ending.is_deaf:
            return
        if self.legs.desk.effect(event.name) is not Effect.END:
            self.ending.reopen()
        self.mouth.caller_done()
        self._patience.progress()
        instead = self.handoff.answers(self.legs.desk.effect(event.name))
        kept = self.legs.tool_asked(event, now_ms, self.caller.keys.secret, instead)
        if kept is not None and kept.end_call:
            self.ending.goodbye(now_ms)

    def _on_tool_returned(self, event: ToolReturned, now_ms: float) -> None:
        if self.opt_out.returned(event, now_ms):
            return
        answer = self.handoff.tool_returned(event, now_ms)
        if answer is not None:
            self._tool_answers(answer, now_ms)

    def _on_handoff_told(self, event: HandoffTold, now_ms: float) -> None:
        answer = self.handoff.told(event, now_ms)
        if answer is not None:
            self._tool_answers(answer, now_ms, must_tell=True)

    def _tool_answers(self, event: ToolReturned, now_ms: float, *, must_tell: bool = False) -> None:
        self.caller.floor.generation_over()
        self.caller.keys.expects(event.payload.get("expects_digits"))
        with_secret = self.witness.secrets.are_in(event.tool_call_id)
        self.usage.goes_on()
        self._heed(event, now_ms)
        if self.legs.tool_returned(event, now_ms, must_tell=must_tell, with_secret=with_secret) and event.end_call:
            self.ending.goodbye(now_ms)

    def _heed(self, event: ToolReturned, now_ms: float) -> None:
        """What an answer says to us beside the model: secrets to come, the caller's word on being recorded, another language."""
        self.witness.tool_answered(event, now_ms, self.legs.desk.under_way - {event.tool_call_id})
        if event.language:
            self.language = self.announcer.language = event.language

    # --- the model's connections --------------------------------------------------------------------------------------------

    def _on_model_ready(self, event: ModelReady, now_ms: float) -> None:
        taken = self.legs.ready(event.link, now_ms)
        if taken is not None:
            self.usage.connected(taken.engine)
            self.caller.floor.generation_over()
        if taken is not None and taken.first and self.answering is None and not self.announcer.has_clip("greeting"):
            self.legs.dictate(self.announcer.dictation("greeting"), now_ms)

    def _on_alarm(self, alarm: Alarm, now_ms: float) -> None:
        if alarm is Alarm.FILLER:
            if not self.ending.has_begun and not self._is_first_ours:
                self.mouth.play("one_moment", Speaker.FILLER)
            return
        self.minutes.note("alarm", alarm=alarm.value)
        if alarm is Alarm.SWITCH_SILENT:
            self.ending.hang_up(EndReason.CALLER_HUNG_UP)
        elif not self.ending.has_begun:
            self.legs.obey(alarm, now_ms)

    # --- the end ------------------------------------------------------------------------------------------------------------

    def _on_due(self, due: Due, now_ms: float) -> None:
        if due is Due.MAX_DURATION:
            self.ending.farewell(EndReason.MAX_DURATION, "goodbye", now_ms)
        elif due is Due.FRUITLESS:
            self.ending.farewell(EndReason.FRUITLESS, "goodbye", now_ms)
        elif due is Due.IDLE_GOODBYE:
            self.ending.farewell(EndReason.IDLE, "idle_goodbye", now_ms)
        else:
            self.minutes.note("idle_prompt", n=1 if due is Due.ASK else 2)
            phrase = "idle_ask" if due is Due.ASK else "idle_ask_again"
            asked = self.mouth.play(phrase, Speaker.PROMPT)
            if not asked and self.legs.dictate(self.announcer.dictation(phrase), now_ms):
                self.voice.next_speaker = Speaker.PROMPT

    def _on_switch_closed(self, event: SwitchClosed, now_ms: float) -> None:
        reason = self.ending.reason(by_us=event.by_us)
        self.mouth.fall_silent(now_ms)
        if self.answering is not None:
            reason = self.answering.closed(reason, now_ms)
        self.ended = True
        self.minutes.note("ended", reason=reason.value, duration_ms=int(now_ms))
        self.witness.close(now_ms)
        handoff = (self.handoff.handoff_id, self.handoff.closed(reason))
        answerer = "" if self.answering is None else self.answering.answerer
        parts = (self.legs, self.usage, self.witness)
        self.orders.append(account(reason, handoff, self.language, answerer, parts, now_ms))
