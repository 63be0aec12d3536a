"""Bears witness to the call: tells whoever must know what the caller hears, keeps of it what may be kept, and knows how long answers took
and how the time was spent."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bridge.core.consent import RecordingDesk, Secrets
from bridge.core.context import CallContext
from bridge.core.frames import Buffer, Command, ToolAsked, ToolReturned, TurnAnswered
from bridge.core.playout import Utterance
from bridge.core.time_shares import Stretch, TimeShares
from bridge.core.turn_clock import TurnClock
from bridge.core.uplink import Uplink
from bridge.core.voice import Voice
from pokea.billing.usage import CallShares
from pokea.retention import RECORDING_TOOL
from pokea.spoken.answers import yes_or_no


class Witness:
    """`emit` takes the commands, in order. `records`: somebody takes what may be recorded."""

    def __init__(
        self, context: CallContext, uplink: Uplink, voice: Voice, emit: Callable[[Command], None], *, records: bool
    ) -> None:
        self.secrets = Secrets()
        self.turn_clock = TurnClock()
        self.waits: Callable[[float], Iterable[Stretch]] = lambda now_ms: ()  # when tools were waited for of late
        self._emit = emit
        self.time = TimeShares()
        self._uplink = uplink
        self._pacer = voice.pacer
        self.recording: RecordingDesk | None = None
        # The leg of a person who takes a caller over is recorded where the caller is, or not at all.
        if records and context.recording != "off" and not context.handoff_id:
            notice = context.greeting if context.recording == "notice" else ""
            self.recording = RecordingDesk(notice, context.rate_hz, emit)
            uplink.tap = self.recording.caller

    # --- what the caller hears ----------------------------------------------------------------------------------------------

    @property
    def listens(self) -> bool:
        """Somebody must know what the caller hears: the echo guard, or the recording."""
        return self._uplink.wants_playback or self.recording is not None

    def sent(self, message: Buffer) -> None:
        """On its way to the switch; it will be heard when the pacer says."""
        self.emptied()
        plays_at_ms = self._pacer.plays_at_ms
        if self._uplink.wants_playback:
            self._uplink.played(message, plays_at_ms)
        if self.recording is not None:
            self.recording.played(message, plays_at_ms)

    def emptied(self) -> None:
        """What the switch was made to forget, if it was, is not heard."""
        at_ms, self._pacer.emptied_ms = self._pacer.emptied_ms, None
        if at_ms is None:
            return
        if self._uplink.wants_playback:
            self._uplink.flushed(at_ms)
        if self.recording is not None:
            self.recording.flushed(at_ms)

    def over(self, utterance: Utterance, now_ms: float) -> None:
        """An utterance was heard to its end, or stopped."""
        answered = self.turn_clock.over(utterance, self._uplink.detector.turns, self.waits, now_ms)
        if answered is not None:
            self._emit(TurnAnswered(answered))
        self.time.agent(utterance)
        if self.recording is not None:
            self.recording.over(utterance, now_ms)

    def caller_stopped(self, now_ms: float) -> None:
        self.turn_clock.stopped(self._uplink.detector.turns, now_ms)
        self.time.caller(self._uplink.detector.turns)

    def shares(self, now_ms: float, tools: Iterable[Stretch]) -> CallShares:
        """Of the call that ends now. `tools`: when each of them was waited for."""
        return self.time.of_call(now_ms, self._uplink.detector.turns, tools)

    # --- what may be kept ---------------------------------------------------------------------------------------------------

    def tool_asked(self, event: ToolAsked, now_ms: float) -> None:
        """A no counts from the moment it is passed on, whatever becomes of the tool that writes it down. A yes waits for its answer."""
        answer = event.arguments.get("answer") if event.name == RECORDING_TOOL else None
        if self.recording is not None and isinstance(answer, str) and yes_or_no(answer) is False:
            self.recording.answered(False, now_ms)

    def tool_answered(self, event: ToolReturned, now_ms: float, under_way: frozenset[str]) -> None:
        """Secrets to come, or the caller's word on being recorded."""
        asks = bool(event.payload.get("expects_digits"))
        self.secrets.tool_answered(event.tool_call_id, asks=asks, failed=event.failed, under_way=under_way)
        if self.recording is None:
            return
        if asks:
            self.recording.secret(True, now_ms)
        if event.recording is not None:
            self.recording.answered(event.recording, now_ms)

    def settle(self, now_ms: float, *, keys_pending: bool) -> None:
        if self.listens:
            self.emptied()
        if self.secrets.settle(keys_pending=keys_pending) and self.recording is not None:
            self.recording.secret(False, now_ms)

    def close(self, now_ms: float) -> None:
        if self.recording is not None:
            self.recording.close(now_ms)
