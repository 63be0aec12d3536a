"""One call: routes every event to the one machine that knows what to do with it, and collects what they order.

The session decides nothing about business and does no I/O. `handle` takes an event and the time and returns commands; caller audio and
agent audio, the two hot paths, go through `caller_audio` and `pull`, after which `orders` may hold commands that they caused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from bridge.core.closing import Closing
from bridge.core.context import CallContext
from bridge.core.engines import GEMINI, Engine
from bridge.core.frames import (
    AgentTranscribed,
    AnswerTool,
    Buffer,
    CallerTranscribed,
    Command,
    DrainExpired,
    DtmfPressed,
    EndCall,
    EndReason,
    Event,
    GenerationComplete,
    GoingAway,
    HangUp,
    ModelAudio,
    ModelInterrupted,
    ModelLost,
    ModelReady,
    ModelSetup,
    ResumeHandle,
    SayToModel,
    SwitchClosed,
    SwitchCongested,
    TimePassed,
    ToolAsked,
    ToolReturned,
    ToolsCancelled,
    TurnComplete,
    UseModel,
)
from bridge.core.limits import Due, Limits, Patience
from bridge.core.minutes import Minutes
from bridge.core.model_life import Life, ModelLife, Taken
from bridge.core.pcm import Layout
from bridge.core.playout import Speaker, Utterance
from bridge.core.readback import ReadBackWatch, to_json
from bridge.core.tool_desk import ToolDesk
from bridge.core.turns import Signal, Turn, TurnTaking
from bridge.core.uplink import Uplink
from bridge.core.voice import Voice
from bridge.core.watchdog import Alarm, Watchdog
from pokea.toolkit import Effect

_GREETED = (
    'The caller has already heard this greeting in your voice: "{}" Do not greet again; wait for the caller to speak.'
)
_SAY_EXACTLY = 'Say exactly this to the caller now, in the language it is written in, and nothing else: "{}"'
_GO_ON = (
    "[The connection was interrupted for a moment. Answer what the caller said last, or repeat what you were saying.]"
)
_CLIPS = (Speaker.GREETING, Speaker.PROMPT)


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """`engines`: the models that may answer, in the order in which they are tried."""

    engines: tuple[Engine, ...] = (GEMINI,)
    lead_ms: int = 160
    kill_audio: bool = True
    limits: Limits = field(default_factory=Limits)


class CallSession:
    """`clips` maps "greeting" and the phrase names to 24 kHz PCM, as far as they were rendered."""

    def __init__(self, settings: SessionSettings, context: CallContext, clips: Mapping[str, bytes]) -> None:
        limits = settings.limits
        if context.max_call_ms is not None:
            limits = replace(limits, max_call_ms=min(limits.max_call_ms, context.max_call_ms))
        self.context = context
        self.ended = False
        self.uplink = Uplink(context.rate_hz)
        self.voice = Voice(context.rate_hz, settings.lead_ms, kill_audio=settings.kill_audio)
        self.turns = TurnTaking()
        self.minutes = Minutes(lambda note: self.orders.append(note))
        self.desk = ToolDesk(context.effects)
        self.read_back = ReadBackWatch()
        self.life = ModelLife(self._setup("greeting" in clips), settings.engines, context.rate_hz)
        self.closing: Closing | None = None
        self._clips = clips
        self._patience = Patience(limits, asks=any(context.phrases.values()))
        self._watchdog = Watchdog()
        self._caller_speaking = False
        self._congested = False
        self._sounded = False
        self.orders: list[Command] = []  # not yet taken
        self._routes: dict[type[Any], Callable[[Any, float], None]] = {
            ModelAudio: self._on_model_audio,
            ModelInterrupted: self._on_interrupted,
            GenerationComplete: lambda _, now: self.voice.finish(),
            TurnComplete: lambda _, now: self.voice.end_turn(),
            CallerTranscribed: self._on_caller_words,
            AgentTranscribed: lambda event, now: self.voice.words(event.text),
            ToolAsked: self._on_tool_asked,
            ToolsCancelled: lambda event, now: self.desk.cancelled(event.tool_call_ids),
            ToolReturned: self._on_tool_returned,
            ModelReady: self._on_model_ready,
            ModelLost: self._on_model_lost,
            GoingAway: lambda event, now: self.life.going_away(event.time_left_ms, now),
            ResumeHandle: lambda event, now: self.life.knows_handle(event.handle),
            SwitchClosed: self._on_switch_closed,
            SwitchCongested: self._on_congested,
            DtmfPressed: lambda _, now: self._caller_active(),
            DrainExpired: lambda _, now: self._farewell(EndReason.BRIDGE_ERROR, "trouble", now),
            TimePassed: lambda _, now: None,
        }

    def _setup(self, greeted: bool) -> ModelSetup:
        instructions = self.context.instructions
        if greeted:
            instructions = f"{instructions}\n\n{_GREETED.format(self.context.greeting)}".strip()
        return ModelSetup("", self.context.voice, instructions, self.context.tools, language=self.context.language)

    # --- the interface of the shell -----------------------------------------------------------------------------------------

    def start(self, now_ms: float) -> list[Command]:
        """The call begins: the greeting sounds at once, and a model is sent for."""
        context = self.context
        self.minutes.note(
            "opened", business=context.business_id, agent=context.agent, a_number_masked=context.a_number_masked
        )
        self.orders += self.life.start()
        if "greeting" in self._clips:
            self._play(Speaker.GREETING, "greeting", context.greeting)
        return self._finish(now_ms)

    def handle(self, event: Event, now_ms: float) -> list[Command]:
        """What to do about `event`, in order. An event of no interest, or one after the end, is nothing."""
        if type(event) is ModelAudio and self.voice.is_mid_utterance and self.closing is None and not self.ended:
            self._watchdog.model_acted()
            self.voice.model_audio(event.pcm, event.rate_hz)
            return []
        route = self._routes.get(type(event))
        if route is None or self.ended:
            return []
        route(event, now_ms)
        return self._finish(now_ms)

    def caller_audio(self, data: Buffer, now_ms: float) -> Sequence[Buffer]:
        """20 ms frames for the model. They may alias `data`; `take` the `orders` they caused afterwards."""
        frames = self.uplink.push(data, now_ms)
        if self.uplink.news:
            self.uplink.news = False
            if not self.ended:
                self._on_caller_news(now_ms)
                self.orders = self._finish(now_ms)
        return frames

    def pull(self, now_ms: float) -> Buffer | None:
        """The next message for the switch that is due. Ask again until None."""
        if self._congested:
            return None
        message = self.voice.pacer.pull(now_ms)
        if message is not None and not self._sounded:
            self._sounded = True
            self.minutes.note("first_audio", at_ms=int(now_ms))
        return message

    def take(self) -> list[Command]:
        orders, self.orders = self.orders, []
        return orders

    def forget(self) -> None:
        """After the end: let go of everything that refers back to this session."""
        self.ended = True
        self._routes.clear()
        self.minutes = Minutes(lambda note: None)

    @property
    def wake_ms(self) -> float:
        """When `pull` may next return something."""
        return inf if self._congested else self.voice.pacer.wake_ms

    @property
    def deadline_ms(self) -> float:
        """When the session wants a TimePassed at the latest; it may move with every event."""
        if self.ended or (self.closing is not None and self.closing.hanging_up):
            return inf
        candidates = [self._watchdog.deadline_ms(self.uplink.last_audio_ms or 0.0), self.voice.ledger.next_end_ms()]
        if self.closing is not None:
            candidates.append(self.closing.deadline_ms(self.voice.is_silent))
        else:
            candidates += [self._patience.deadline_ms, self.life.deadline_ms(self._at_boundary)]
        return min(candidate for candidate in candidates if candidate is not None)

    # --- what every event ends with -----------------------------------------------------------------------------------------

    def _finish(self, now_ms: float) -> list[Command]:
        if not self.ended:
            self._settle(now_ms)
            self._check_deadlines(now_ms)
        return self.take()

    def _hear(self, now_ms: float) -> None:
        """Account for what the caller has heard by now."""
        for utterance in self.voice.settle(now_ms):
            self.minutes.agent_said(utterance, now_ms)
            if self.closing is not None:
                self.closing.heard(utterance, now_ms)

    def _settle(self, now_ms: float) -> None:
        self._hear(now_ms)
        if self.voice.is_silent and self.turns.turn is Turn.SPEAKING:
            self.turns.on(Signal.AGENT_HEARD)
        if self._line_is_quiet:
            self._patience.quiet(now_ms)

    def _check_deadlines(self, now_ms: float) -> None:
        if self.closing is not None:
            if self.closing.hanging_up:
                return
            self._check_closing(self.closing, now_ms)
        else:
            due = self._patience.due(now_ms)
            if due is not None:
                self._on_due(due, now_ms)
        alarm = self._watchdog.due(now_ms, self.uplink.last_audio_ms or 0.0)
        if alarm is not None:
            self._on_alarm(alarm, now_ms)
        if self.closing is None and self.life.is_due(now_ms, self._at_boundary):
            self.orders += self._held_while(self.life.rotate(self._history))

    @property
    def _line_is_quiet(self) -> bool:
        if self.uplink.detector.is_speaking or self.desk.is_busy:
            return False
        return self.voice.is_silent or self.voice.is_only(Speaker.PROMPT)

    @property
    def _history(self) -> str:
        return self.minutes.transcript.history()

    @property
    def _at_boundary(self) -> bool:
        """Nobody is in the middle of anything: the moment to exchange the model's connection."""
        return self.turns.turn is Turn.LISTENING and self._line_is_quiet

    # --- the caller ---------------------------------------------------------------------------------------------------------

    def _on_caller_news(self, now_ms: float) -> None:
        layout, self.uplink.layout = self.uplink.layout, None
        if layout is not None and layout is not Layout.AS_DECLARED:
            self.minutes.note("stream_layout", layout=layout.value)
        if layout is Layout.DOUBLE:
            self._farewell(EndReason.BRIDGE_ERROR, "trouble", now_ms)
        speaking = self.uplink.detector.is_speaking
        if speaking is self._caller_speaking:
            return
        self._caller_speaking = speaking
        self.turns.on(Signal.CALLER_STARTED if speaking else Signal.CALLER_STOPPED)
        if self.voice.is_silent:  # while the agent is heard, its echo on the line looks like a caller
            self._caller_active()

    def _caller_active(self) -> None:
        self._patience.active()
        self.voice.next_speaker = Speaker.MODEL

    def _on_caller_words(self, event: CallerTranscribed, now_ms: float) -> None:
        if self.closing is not None and self.closing.ours:
            return
        if event.text.strip():
            self.minutes.caller_words(event.text, now_ms)
            self._caller_active()
            self._watchdog.model_owes(now_ms)
            if self.voice.is_only(*_CLIPS):
                self._cut(now_ms)
        if event.finished:
            self.minutes.caller_done()

    # --- the agent's speech -------------------------------------------------------------------------------------------------

    def _on_model_audio(self, event: ModelAudio, now_ms: float) -> None:
        if self.closing is not None and (self.closing.ours or self.closing.hanging_up):
            return
        self._watchdog.model_acted()
        if not self.voice.is_mid_utterance and self.voice.is_only(*_CLIPS):
            self._cut(now_ms)
        begun = self.voice.model_audio(event.pcm, event.rate_hz)
        if begun is not None:
            self.minutes.caller_done()
            self.read_back.began(begun)
            self._began(begun)
            if begun.speaker is Speaker.MODEL:
                self._patience.active()

    def _began(self, utterance: Utterance) -> None:
        self.turns.on(Signal.AGENT_STARTED)
        if self.closing is not None:
            self.closing.began(utterance)

    def _on_interrupted(self, event: ModelInterrupted, now_ms: float) -> None:
        if self.closing is not None and self.closing.ours:
            return
        self._caller_active()
        self._cut(now_ms)
        self.turns.on(Signal.BARGED_IN)
        if self.closing is not None:
            self.closing.stopped(now_ms)

    def _cut(self, now_ms: float) -> None:
        self._hear(now_ms)
        cut = self.voice.cut(now_ms)
        if cut.flush is not None:
            self.orders.append(cut.flush)
        for utterance in cut.utterances:
            self.minutes.agent_said(utterance, now_ms)
        if cut.utterances:
            self.minutes.note("interrupted", heard_ms=cut.utterances[0].heard_ms(now_ms))

    def _play(self, speaker: Speaker, clip: str, text: str) -> None:
        utterance = self.voice.clip(speaker, self._clips[clip], text)
        if utterance is not None:
            self._began(utterance)

    # --- tools --------------------------------------------------------------------------------------------------------------

    def _on_tool_asked(self, event: ToolAsked, now_ms: float) -> None:
        if self.closing is not None:
            if self.closing.ours or self.closing.hanging_up:
                return
            if self.desk.effect(event.name) is not Effect.END:
                self.closing = None
                self.turns.on(Signal.REOPENED)
        self._watchdog.model_acted()
        self.minutes.caller_done()
        self.uplink.listen(now_ms)
        evidence = to_json(self.read_back.evidence(now_ms, self.uplink.detector.turns))
        order = self.desk.asked(event, evidence, now_ms)
        if order is None:
            return
        self._patience.active()
        self.minutes.note("tool_called", tool=event.name, tool_call_id=event.tool_call_id)
        self.orders.append(order)
        if isinstance(order, AnswerTool):
            self._watchdog.model_owes(now_ms)

    def _on_tool_returned(self, event: ToolReturned, now_ms: float) -> None:
        order, name, took_ms = self.desk.returned(event, now_ms)
        if name:
            self.minutes.note("tool_returned", tool=name, status=str(event.payload.get("status", "")), took_ms=took_ms)
        if order is None:
            return
        self.orders.append(order)
        if not isinstance(order, AnswerTool):
            return
        self.voice.end_turn()  # what the model says next is said in the light of this answer
        self._watchdog.model_owes(now_ms)
        if event.nonce is not None:
            self.read_back.expect(event.nonce, now_ms)
        if event.end_call and self.closing is None:
            self._close(EndReason.GOODBYE, now_ms, ours=False)

    # --- the model's connections --------------------------------------------------------------------------------------------

    def _on_model_ready(self, event: ModelReady, now_ms: float) -> None:
        taken, orders = self.life.ready(event.link, now_ms)
        self.orders += orders
        if taken is None:
            return
        if not taken.first:
            self.voice.finish(broken=True)
            self.desk.cancel_all()
        self.orders.append(UseModel(taken.link, self.uplink.connect(taken.input_hz)))
        self.minutes.note("model_ready", after_ms=int(now_ms))
        self._brief(taken)

    def _brief(self, taken: Taken) -> None:
        greeting = self.context.greeting
        if taken.first:
            if greeting and "greeting" not in self._clips:
                self.orders.append(SayToModel(_SAY_EXACTLY.format(greeting)))
        elif taken.answer_owed:
            self.orders.append(SayToModel(_GO_ON))

    def _on_model_lost(self, event: ModelLost, now_ms: float) -> None:
        was, link = self.life.state, self.life.link
        owed = self.turns.turn is not Turn.LISTENING or self.voice.is_mid_utterance or self.desk.is_busy
        orders = self.life.lost(event, now_ms, self._history, answer_owed=owed)
        if link and not self.life.link:
            self.voice.finish(broken=True)
            self.desk.cancel_all()
            self.minutes.note("model_lost", code=event.code)
        if was is Life.ROTATING and self.life.state is Life.READY:
            self.orders.append(UseModel(self.life.link, self.uplink.connect(self.life.input_hz)))
        self.orders += self._held_while(orders)
        if self.life.state is Life.GONE and self.closing is None:
            self._farewell(EndReason.MODEL_LOST, "trouble", now_ms)

    def _held_while(self, orders: list[Command]) -> list[Command]:
        """While a connection is being opened, the caller's audio waits for it."""
        if orders:
            self.uplink.hold()
        return orders

    def _on_alarm(self, alarm: Alarm, now_ms: float) -> None:
        self.minutes.note("alarm", alarm=alarm.value)
        if alarm is Alarm.SWITCH_SILENT:
            self._hang_up(EndReason.CALLER_HUNG_UP)
        elif alarm is Alarm.MODEL_STUCK and self.closing is None:
            self.orders += self._held_while(self.life.replace_now(self._history))
        elif self.closing is None and self.life.state is Life.READY and not self.desk.is_busy:
            self.orders.append(SayToModel(_GO_ON))

    # --- the end ------------------------------------------------------------------------------------------------------------

    def _on_due(self, due: Due, now_ms: float) -> None:
        if due is Due.MAX_DURATION:
            self._farewell(EndReason.MAX_DURATION, "goodbye", now_ms)
        elif due is Due.IDLE_GOODBYE:
            self._farewell(EndReason.IDLE, "idle_goodbye", now_ms)
        else:
            self.minutes.note("idle_prompt", n=1 if due is Due.ASK else 2)
            phrase = "idle_ask" if due is Due.ASK else "idle_ask_again"
            if phrase in self._clips:
                self._play(Speaker.PROMPT, phrase, self.context.phrases[phrase])
            elif self.context.phrases.get(phrase) and self.life.state is Life.READY:
                self.voice.next_speaker = Speaker.PROMPT
                self.orders.append(SayToModel(_SAY_EXACTLY.format(self.context.phrases[phrase])))

    def _farewell(self, reason: EndReason, phrase: str, now_ms: float) -> None:
        """Our own last words, then hang up; without words for it, hang up."""
        if self.closing is not None and (self.closing.ours or self.closing.hanging_up):
            return
        text = self.context.phrases.get(phrase, "")
        if not self.voice.is_silent:
            self._cut(now_ms)
        if phrase in self._clips:
            self._close(reason, now_ms, ours=True)
            self._play(Speaker.FAREWELL, phrase, text)
        elif text and self.life.state is Life.READY:
            self._close(reason, now_ms, ours=False)
            self.orders.append(SayToModel(_SAY_EXACTLY.format(text)))
        else:
            self._close(reason, now_ms, ours=True)
            self._hang_up(reason)

    def _close(self, reason: EndReason, now_ms: float, *, ours: bool) -> None:
        self.closing = Closing(reason, now_ms, ours=ours)
        self.turns.on(Signal.FAREWELL)

    def _check_closing(self, closing: Closing, now_ms: float) -> None:
        if closing.nobody_spoke(now_ms):
            just_said_so = self.voice.last_end_ms >= closing.asked_ms
            has_words = closing.reason is EndReason.GOODBYE and "goodbye" in self._clips
            if has_words and not closing.ours and not just_said_so:
                self._farewell(closing.reason, "goodbye", now_ms)
            elif self.voice.is_silent:
                self._hang_up(closing.reason)
        elif closing.is_over(now_ms):
            self._hang_up(closing.reason)

    def _hang_up(self, reason: EndReason) -> None:
        if self.closing is None:
            self.closing = Closing(reason, 0.0, ours=True)
        if not self.closing.hanging_up:
            self.closing.hanging_up = True
            self.minutes.note("hang_up", reason=reason.value)
            self.orders.append(HangUp(reason))

    def _on_switch_closed(self, event: SwitchClosed, now_ms: float) -> None:
        reason = EndReason.BRIDGE_ERROR if event.by_us else EndReason.CALLER_HUNG_UP
        if self.closing is not None and self.closing.hanging_up:
            reason = self.closing.reason
        self._settle(now_ms)
        for utterance in self.voice.ledger.cut_all(now_ms, wiped=True):
            self.minutes.agent_said(utterance, now_ms)
        self.minutes.caller_done()
        self.ended = True
        self.minutes.note("ended", reason=reason.value, duration_ms=int(now_ms))
        self.orders.append(EndCall(reason, int(now_ms), self.minutes.lines))

    def _on_congested(self, event: SwitchCongested, now_ms: float) -> None:
        self._congested = event.congested
