"""One call's I/O: feeds the session with what happens and carries out what it orders, in one task group.

This file is the call's door: whatever goes wrong inside one call is caught here, logged with ids, and ends that call and no other. The
socket is then closed without a hang-up, so that the carrier goes on to the fallback that stands behind the stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.core.context import CallContext
from bridge.core.frames import (
    AgentTranscribed,
    AnswerTool,
    AskHandoff,
    BeginCallerTurn,
    Buffer,
    CallTool,
    Command,
    DrainExpired,
    DropModel,
    DropRecording,
    EndCall,
    EndCallerTurn,
    EndReason,
    Event,
    FlushSwitch,
    HangUp,
    JoinPeer,
    LeavePeer,
    LegCommand,
    ModelAudio,
    ModelEvent,
    ModelLost,
    ModelReady,
    Note,
    OpenModel,
    ReachPeer,
    RecordAudio,
    SayToModel,
    StopModel,
    SwitchClosed,
    SwitchCongested,
    TellModel,
    TellPeer,
    TimePassed,
    TurnAnswered,
    UseModel,
    WatchHandoff,
    WireError,
)
from bridge.core.recording import Kind
from bridge.core.session import CallSession, SessionSettings
from bridge.shell.carrier import CarrierHangUp
from bridge.shell.clips import ClipStore
from bridge.shell.engines import Engines
from bridge.shell.faults import described
from bridge.shell.flood import sound_allowance, text_allowance
from bridge.shell.frame_recorder import CallTape, FrameStore
from bridge.shell.handoff_desk import HandoffDesk
from bridge.shell.health import Health
from bridge.shell.model_link import ModelLink
from bridge.shell.outbox import CallLog, Outbox
from bridge.shell.peer_line import PeerLine
from bridge.shell.phone import POLICY_VIOLATION, PhoneSocket
from bridge.shell.recorder import CallRecording, Recorder
from bridge.shell.records import CallRecord
from bridge.shell.relay import RelayGate
from bridge.shell.tool_client import Opened, ToolClient
from bridge.shell.turn_times import TurnTimes
from bridge.wire import audio_fork
from pokea.errors import CallError, Misuse
from pokea.sautikit.closings import RecordingPointer

if TYPE_CHECKING:
    from bridge.shell.call_trace import Tracing

_BAD_TEXTS_AT_MOST = 50
_HANG_UP_AT_LAST_S = 1.0
_LATE_S, _LOOK_FIRST_S = 0.01, 0.001
_SPEECH = (ModelAudio, AgentTranscribed)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CallServices:
    """What every call of a worker shares."""

    settings: SessionSettings
    engines: Engines
    tools: ToolClient | None
    carrier: CarrierHangUp
    clips: ClipStore
    health: Health
    records_dir: Path | None
    frames: FrameStore | None = None
    recorder: Recorder | None = None
    relay: RelayGate | None = None  # None: no other bridge can reach this worker
    outbox: Outbox | None = None  # None: nobody bills these calls
    turns: TurnTimes = field(default_factory=TurnTimes)
    tracing: Tracing | None = None  # None: nobody collects traces


def _recording_of(services: CallServices, context: CallContext, session_id: str) -> CallRecording | None:
    if services.recorder is None or context.recording == "off" or context.handoff_id:
        return None
    return services.recorder.of_call(context.business_id, session_id, context.recording_days)


def _log_of(services: CallServices, context: CallContext, session_id: str) -> CallLog | None:
    return None if services.outbox is None else services.outbox.of_call(session_id, context.business_id)


class Call:
    """The switch's listener (bridge.shell.phone) and the owner of everything that belongs to the call."""

    def __init__(
        self, services: CallServices, session_id: str, opened: Opened, upgrade: Mapping[str, str] | None = None
    ) -> None:
        self._services = services
        self.session_id = session_id  # "" where nobody asked for a token
        self._call_token = opened.call_token
        clips = services.clips.of_call(opened.context)
        self._recording = _recording_of(services, opened.context, session_id)
        self._log = _log_of(services, opened.context, session_id)
        traced = services.tracing if session_id else None
        self._trace = None if traced is None else traced.of_call(session_id, opened.context.business_id)
        settings = replace(services.settings, records=self._recording is not None)
        self._session = CallSession(settings, opened.context, clips)
        self._tape: CallTape | None = None
        if services.frames is not None:
            self._tape = services.frames.tape(session_id, services.settings, opened.context, clips, upgrade or {})
        self._record = CallRecord(services.records_dir if session_id else None, session_id)
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._began_s = self._time()
        self._connected_ms: float | None = None
        self._switch: PhoneSocket | None = None
        self._model: ModelLink | PeerLine | None = None  # whoever hears the caller
        self._links: dict[int, ModelLink] = {}
        handoff_id = opened.context.handoff_id
        self._handoff = HandoffDesk(services.tools, opened.call_token, services.relay, opened.owner, handoff_id)
        self._handoff.attach(self._feed, self._peer_spoke, self._start)
        self._runner: asyncio.Task[None] | None = None
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[EndCall] = self._loop.create_future()
        self._audio_timer: asyncio.TimerHandle | None = None
        self._audio_at_ms = inf
        self._has_looked = False  # what is late, but what came before it was read
        self._deadline_timer: asyncio.TimerHandle | None = None
        self._deadline_ms = inf
        self._heard_ms = 0.0  # when the model's message under way arrived
        self._bad_texts = 0
        self._sound_left = sound_allowance(opened.context.rate_hz)
        self._texts_left = text_allowance()
        self._unchecked_bytes = 0
        self._check_bytes = (
            opened.context.rate_hz * 2
        )  # a second of sound: looking at every frame would cost more than it finds
        self._orders = self._order_table()
        services.health.take(self)
        if self._log is not None:
            self._log.opened()

    def _order_table(self) -> dict[type[Any], Callable[[Any], object]]:
        return {
            FlushSwitch: self._flush_switch,
            OpenModel: self._open_model,
            UseModel: self._use_model,
            DropModel: self._drop_model,
            SayToModel: self._tell,
            TellModel: self._tell,
            AnswerTool: self._tell,
            StopModel: self._tell,
            BeginCallerTurn: self._tell,
            EndCallerTurn: self._tell,
            CallTool: lambda order: self._start(self._call_tool(order), outlives=True),
            WatchHandoff: self._handoff.watch,
            AskHandoff: self._handoff.ask,
            ReachPeer: self._handoff.reach,
            TellPeer: self._handoff.tell,
            JoinPeer: self._join_peer,
            LeavePeer: self._leave_peer,
            HangUp: lambda order: self._start(self._hang_up(order)),
            EndCall: self._end,
            TurnAnswered: self._turn_answered,
            RecordAudio: self._keep_audio,
            DropRecording: self._drop_recording,
            Note: lambda order: self._record.write(order.event, order.fields, self._now_ms()),
        }

    def _now_ms(self) -> float:
        return (self._time() - self._began_s) * 1000

    # --- the life of the call -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Returns when nothing of the call is left."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                if not self._over.done():  # the switch may have left again before this task ran
                    now_ms = self._now_ms()
                    if self._tape is not None:
                        self._tape.add(Kind.START, now_ms, b"")
                    self._obey(self._session.start(now_ms))
                end = await self._over
                self._release()
        except Exception as problem:  # the door: one call's fault ends one call
            log.error("call %s broke: %s", self.session_id, described(problem))
            self._record.write("ended", {"reason": EndReason.BRIDGE_ERROR.value}, self._now_ms())
            session = self._session
            usage = session.usage.usages()
            end = EndCall(EndReason.BRIDGE_ERROR, int(self._now_ms()), session.minutes.lines, usage=usage)
        finally:
            self._group = None
            self._release()
        await self._finish(end)

    def _release(self) -> None:
        for timer in (self._audio_timer, self._deadline_timer):
            if timer is not None:
                timer.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        for link in self._links.values():
            link.close()
        self._links.clear()
        self._model = None
        self._handoff.leave()
        self._leave()

    def _leave(self) -> None:
        if self._switch is not None:
            self._switch.close()

    async def _report(self, end: EndCall) -> None:
        """Once per call, after everything else is gone."""
        recording = await self._recording.finish() if self._recording is not None else None
        if self._services.tools is not None and self._call_token:
            # At the limit of a drain there is time for one deadline, not for two.
            await asyncio.gather(self._handoff.report(end), self._close(self._services.tools, end, recording))

    async def _close(self, tools: ToolClient, end: EndCall, recording: RecordingPointer | None) -> None:
        try:
            await tools.close(self._call_token, end, recording)
        except CallError as problem:
            log.error("end of call %s was not reported: %s", self.session_id, problem.code)

    async def never_began(self) -> None:
        """The peer left between the token check and the upgrade: the control plane hears that the call is over."""
        await self._finish(EndCall(EndReason.CALLER_HUNG_UP, 0, ()))

    async def _finish(self, end: EndCall) -> None:
        """A call counts until its end was reported, so that a drain waits for that too."""
        if self._log is not None:
            stream_ms = 0 if self._connected_ms is None else max(0, round(end.duration_ms - self._connected_ms))
            self._log.closed(end, stream_ms, self._session.handoff.handoff_id)
        if self._trace is not None:
            self._trace.closed(end)
        try:
            await self._report(end)
        finally:
            self._record.close()
            if self._tape is not None:
                self._tape.close(self._now_ms())
            self._services.health.release(self)
            self._forget()

    def _forget(self) -> None:
        """Cut the circles of references: the collector runs rarely in this process, and must not be what frees a call."""
        self._orders.clear()
        self._session.forget()
        self._handoff.forget()
        self._switch = self._runner = self._audio_timer = self._deadline_timer = None

    def must_end(self) -> None:
        self._feed(DrainExpired())

    def must_leave(self) -> None:
        """No time for words any more: hang up, by REST if that is quick."""
        if self._group is None:
            self._leave()
        else:
            self._start(self._hang_up(HangUp(EndReason.BRIDGE_ERROR), within_s=_HANG_UP_AT_LAST_S))

    def check_line(self) -> None:
        if self._switch is not None:
            self._switch.check()
        self._handoff.check()

    def _broke(self, problem: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(problem)

    def _start(self, work: Coroutine[Any, Any, None], *, outlives: bool = False) -> asyncio.Task[None]:
        """`outlives`: a caller who hangs up does not take it back. It has a deadline of its own, and the call is reported after it."""
        if self._group is None:
            work.close()
            raise Misuse("call_not_running", "an order came before the call began or after it ended")
        task = self._group.create_task(work)
        if not outlives:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return task

    # --- events in, orders out ----------------------------------------------------------------------------------------------

    def _feed(self, event: Event) -> None:
        now_ms = self._now_ms()
        if self._tape is not None:
            self._tape.told(event, now_ms)
        self._handle(event, now_ms)

    def _handle(self, event: Event, now_ms: float) -> None:
        try:
            orders = self._session.handle(event, now_ms)
            if orders or type(event) not in _SPEECH:
                self._obey(orders)
            else:
                self._pump()  # more of an utterance moves no deadline
        except Exception as problem:  # the door: a callback has no task that could carry the fault
            self._broke(problem)

    def _obey(self, orders: list[Command]) -> None:
        for order in orders:
            self._orders[type(order)](order)
        self._pump()
        self._watch_deadline()

    def _pump(self) -> None:
        """Send what is due to the switch, and come back when the next frame is."""
        switch, session = self._switch, self._session
        if switch is None or session.ended:
            return
        if self._audio_timer is not None and self._audio_at_ms <= session.wake_ms:
            return  # nothing is due before the timer that runs
        now_ms = self._now_ms()
        message = session.pull(now_ms)
        if message is not None:
            switch.send_binary(message)
            if self._tape is not None:
                self._tape.add(Kind.SWITCH_AUDIO_OUT, now_ms, message)
        if session.orders:
            for order in session.take():
                self._orders[type(order)](order)
        wake_ms = session.wake_ms
        if self._audio_timer is not None:
            if self._audio_at_ms <= wake_ms:
                return
            self._audio_timer.cancel()
            self._audio_timer = None
        if wake_ms != inf:
            self._audio_at_ms, self._has_looked = wake_ms, False
            self._audio_timer = self._loop.call_at(self._began_s + wake_ms / 1000, self._audio_due)

    def _audio_due(self) -> None:
        """After a standstill timers run before other sockets are read, and what was due may have been interrupted meanwhile: what is late
        waits until they were."""
        if self._time() - self._began_s - self._audio_at_ms / 1000 > _LATE_S and not self._has_looked:
            self._has_looked = True
            self._audio_timer = self._loop.call_later(_LOOK_FIRST_S, self._audio_due)
            return
        self._audio_timer, self._has_looked = None, False
        try:
            self._pump()
            if self._audio_timer is None:  # everything is on its way: when it will have been heard is known only now
                self._watch_deadline()
        except Exception as problem:  # the door
            self._broke(problem)

    def _watch_deadline(self) -> None:
        """Deadlines mostly move away, so a timer that is set fires early now and then instead of being moved every time."""
        deadline_ms = self._session.deadline_ms
        if self._deadline_timer is not None:
            if self._deadline_ms <= deadline_ms:
                return
            self._deadline_timer.cancel()
            self._deadline_timer = None
        if deadline_ms != inf:
            self._deadline_ms = deadline_ms
            self._deadline_timer = self._loop.call_at(self._began_s + deadline_ms / 1000 + 0.001, self._deadline_due)

    def _deadline_due(self) -> None:
        self._deadline_timer = None
        self._feed(TimePassed())

    # --- the switch ---------------------------------------------------------------------------------------------------------

    def on_connected(self, phone: PhoneSocket) -> None:
        self._switch = phone
        self._connected_ms = self._now_ms()
        self._runner = self._loop.create_task(self.run())

    def on_binary(self, data: Buffer) -> None:
        try:  # fifty times a second
            now_ms = (self._time() - self._began_s) * 1000
            if self._tape is not None:
                self._tape.switch_said(data, now_ms)
            self._unchecked_bytes += len(data)
            if self._unchecked_bytes > self._check_bytes and self._is_flood(now_ms):
                return
            frames = self._session.caller_audio(data, now_ms)
            if frames and self._model is not None:
                self._model.send_audio(frames)
            if self._session.orders:
                self._obey_later()
        except Exception as problem:  # the door
            self._broke(problem)

    def _is_flood(self, now_ms: float) -> bool:
        size, self._unchecked_bytes = self._unchecked_bytes, 0
        if self._sound_left.take(size, now_ms):
            return False
        self._refuse("sound faster than anybody speaks")
        return True

    def _obey_later(self) -> None:
        """Carry out what audio caused; before the call's task runs there is nobody to do so, and `start` will."""
        if self._session.orders and self._group is not None:
            self._obey(self._session.take())

    def on_text(self, data: bytes) -> None:
        now_ms = self._now_ms()
        if not self._texts_left.take(1, now_ms):
            self._refuse("a flood of texts")
            return
        try:
            events = audio_fork.decode_text(data)
        except WireError as problem:
            self._bad_texts += 1
            log.warning("call %s: %s", self.session_id, problem.code)
            if self._bad_texts > _BAD_TEXTS_AT_MOST:
                self._refuse("too many malformed texts")
            return
        except Exception as problem:  # the door
            self._broke(problem)
            return
        if self._tape is not None:
            self._tape.switch_told(data, events, now_ms)
        for event in events:
            self._handle(event, now_ms)

    def _refuse(self, why: str) -> None:
        log.warning("call %s is refused: %s", self.session_id, why)
        if self._switch is not None:
            self._switch.close(POLICY_VIOLATION)

    def on_closed(self, code: int, by_us: bool) -> None:
        self._feed(SwitchClosed(code, by_us))

    def on_congested(self, congested: bool) -> None:
        self._feed(SwitchCongested(congested))

    # --- orders -------------------------------------------------------------------------------------------------------------

    def _flush_switch(self, order: FlushSwitch) -> None:
        if self._switch is not None:
            self._switch.send_binary(order.zeros)
            if order.kill:
                self._switch.send_text(audio_fork.KILL_AUDIO)
        if self._tape is not None:
            self._tape.flushed(order, audio_fork.KILL_AUDIO, self._now_ms())

    def _open_model(self, order: OpenModel) -> None:
        link = self._services.engines.link(order.engine, order.link, self._model_said, self._model_lost)
        self._links[order.link] = link
        if self._tape is not None:
            self._listen_in(link, self._tape)
        self._start(link.open(order))

    def _listen_in(self, link: ModelLink, tape: CallTape) -> None:
        """Have what passes over the link's wire recorded, with the times that the session is told."""

        def record(kind: Kind, payload: Buffer) -> None:
            self._heard_ms = self._now_ms()
            tape.add(kind, self._heard_ms, payload, link.number)

        link.tap = record

    def _model_said(self, link: ModelLink, events: Sequence[ModelEvent]) -> None:
        now_ms = self._now_ms()
        if self._tape is not None:
            if link.has_wire:
                now_ms = self._heard_ms
            else:
                self._tape.model_said(link.number, events, now_ms)
        for event in events:
            if link is self._model or isinstance(event, ModelReady):
                self._handle(event, now_ms)

    def _model_lost(self, event: ModelLost) -> None:
        link = self._links.pop(event.link, None)
        if link is not None and link is self._model:
            self._model = None
        self._feed(event)

    def _use_model(self, order: UseModel) -> None:
        self._model = self._links[order.link]
        self._model.send_audio(order.held)

    def _drop_model(self, order: DropModel) -> None:
        link = self._links.pop(order.link, None)
        if link is not None:
            link.close()

    def _tell(self, order: LegCommand) -> None:
        if self._model is not None:
            self._model.obey(order)

    async def _call_tool(self, order: CallTool) -> None:
        tools = self._services.tools
        if tools is None:
            raise Misuse("no_tools", "a tool was called in a call without a control plane")
        asked_ms = self._now_ms()
        answer = await tools.call(self._call_token, order)
        if self._trace is not None:
            self._trace.tool(order, answer, asked_ms, self._now_ms())
        self._feed(self._handoff.keep_hop(answer))

    def _turn_answered(self, order: TurnAnswered) -> None:
        self._services.turns.add(order.latency)
        if self._trace is not None:
            self._trace.turn(order.latency)

    # --- the other leg of a hand-off ----------------------------------------------------------------------------------------

    def _join_peer(self, _: JoinPeer) -> None:
        """What this leg says goes to the other leg from now on, by the way that it went to the model."""
        self._model = self._handoff.joined()

    def _leave_peer(self, _: LeavePeer) -> None:
        if self._model is self._handoff.line:
            self._model = None
        self._handoff.leave()

    def _peer_spoke(self, sound: bytes) -> None:
        try:
            now_ms = self._now_ms()
            if self._tape is not None:
                self._tape.add(Kind.PEER_AUDIO_IN, now_ms, sound)
            message = self._session.peer_audio(sound, now_ms)
            if message is None or self._switch is None:
                return
            self._switch.send_binary(message)
            if self._tape is not None:
                self._tape.add(Kind.SWITCH_AUDIO_OUT, now_ms, message)
        except Exception as problem:  # the door
            self._broke(problem)

    # --- the end ------------------------------------------------------------------------------------------------------------

    async def _hang_up(self, order: HangUp, within_s: float | None = None) -> None:
        """REST first: once the socket is closed, the carrier would go on to the fallback behind the stream."""
        if order.by_rest:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._services.carrier.hang_up(self.session_id)
        self._leave()

    def _keep_audio(self, order: RecordAudio) -> None:
        if self._recording is not None:
            self._recording.add(order)

    def _drop_recording(self, _: DropRecording) -> None:
        if self._recording is not None:
            self._recording.drop()

    def _end(self, order: EndCall) -> None:
        if not self._over.done():
            self._over.set_result(order)
