"""The two legs of a hand-off: what a call does about it, on the caller's side and on the person's.

The caller's side holds back the answer of the tool that asked for the hand-off until the outcome is known: either a person takes the
caller, and no model is needed any more, or the agent is told that nobody does. It never says "connected". The person's side is a call of
its own, in which an agent tells who waits, and the person says yes or no, by voice or by key.

Sound and words go from one side to the other through the shell, always by the same socket, whichever process has the other leg.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from typing import Any

from bridge.core.ending import Ending
from bridge.core.frames import (
    Asked,
    AskHandoff,
    Buffer,
    Command,
    EndReason,
    HandoffBegun,
    HandoffTold,
    JoinPeer,
    LeavePeer,
    PeerWord,
    ReachPeer,
    TellPeer,
    ToolReturned,
    WatchHandoff,
)
from bridge.core.handoff import Cause, Due, Handoff, Stage
from bridge.core.join import PEER_HZ, Join
from bridge.core.legs import Legs
from bridge.core.mouth import Mouth
from bridge.core.playout import Speaker
from bridge.core.uplink import Uplink
from pokea.toolkit import Effect

_FAILED_STATES = frozenset({"declined", "no_answer", "busy", "failed", "cancelled", "ended"})
_TAKEN_STATES = frozenset({"accepted", "joined"})
_NO = frozenset({"refused", "error", "unknown"})  # statuses of a tool that did not do what it was asked for
_ACCEPT, _DECLINE = "acceptCall", "declineCall"
_YES_KEY, _NO_KEY = "1", "2"
HANDED_OVER = "(handed over)"
NOBODY = {
    "status": "failed",
    "instruction": "Nobody could be reached. Tell the caller so honestly, and offer to take a message or a call back.",
}
RINGING = {
    "status": "connecting",
    "instruction": "Somebody is being rung for the caller already. Tell the caller so, and that they may wait. Ask for nobody else.",
}
ALREADY = {
    "status": "connecting",
    "instruction": "Somebody is being called for the caller already, or the call is ending. Do not ask for anybody else now.",
}


class Side:
    """What both have in common. `is_active`: `settle` and `deadline_ms` matter; `holds_line`: nobody is asked whether they are still
    there. `may_dial`: the carrier goes on with the document behind a stream that is closed, so it may be left to dial."""

    may_dial = False

    def __init__(
        self,
        handoff_id: str,
        mouth: Mouth,
        legs: Legs,
        ending: Ending,
        uplink: Uplink,
        emit: Callable[[Command], None],
        join: Callable[[], Join],
    ) -> None:
        self.handoff_id = handoff_id
        self.table = Handoff()
        self.is_active = False
        self._mouth = mouth
        self._legs = legs
        self._ending = ending
        self._uplink = uplink
        self._emit = emit
        self._new_join = join
        self._join: Join | None = None
        self._is_connected = False
        self._final: Asked | None = None  # what the control plane must be told before the end

    @property
    def is_joined(self) -> bool:
        return self._join is not None

    @property
    def holds_line(self) -> bool:
        return self.is_joined

    @property
    def keeps_waiting(self) -> bool:
        """The one on this line waits for a person."""
        return False

    def start(self, now_ms: float) -> None:
        """The call begins."""

    # --- the two speak with each other --------------------------------------------------------------------------------------

    def peer_heard(self, now_ms: float) -> None:
        """There is sound of the other leg, whether or not it can be passed on."""
        if self._join is not None:
            self.table.peer_heard(now_ms)

    def peer_audio(self, data: Buffer, now_ms: float) -> bytes | None:
        """The other leg's sound; what is to be sent to the switch at once."""
        return None if self._join is None else self._join.push(data, now_ms)

    def _joins(self, now_ms: float) -> None:
        """The agent steps aside: what it was saying stops, and no model hears either of them."""
        self.table.on(Cause.ACCEPTED)
        flush = self._mouth.cut(now_ms).flush
        if flush is not None:
            self._emit(flush)
        self._mouth.caller_done()
        self._legs.watchdog.excuse()
        self._legs.release()
        self._uplink.connect(PEER_HZ, now_ms)
        self._uplink.turn_answered()
        self._join = self._new_join()
        self.table.peer_heard(now_ms)
        self._final = Asked.ENDED
        self._legs.minutes.handed_over(HANDED_OVER, now_ms)
        self._emit(JoinPeer())

    def _leaves(self, word: PeerWord | None = None) -> None:
        """Nothing goes to or comes from the other leg any more; it is told why."""
        if word is not None and self._is_connected:
            self._emit(TellPeer(word))
        self._is_connected = False
        self._join = None
        self._emit(LeavePeer())

    def connected(self, now_ms: float) -> None:
        self._is_connected = True

    def lost(self, now_ms: float) -> None:
        self._is_connected = False
        self.table.peer_lost(now_ms)

    def said(self, word: PeerWord, now_ms: float) -> None:
        """The other leg's bridge says something."""
        if word is PeerWord.HANGUP and self.table.is_joined:
            self.table.on(Cause.LEFT)
            self._leaves()
            self._ending.hang_up(EndReason.HANDED_OVER)

    def _peer_gone(self, now_ms: float) -> None:
        """In mid-conversation, and without a word."""
        self.table.on(Cause.LOST)
        self._leaves()
        self._ending.farewell(EndReason.BRIDGE_ERROR, "trouble", now_ms)

    def closed(self, reason: EndReason) -> Asked | None:
        """This leg is gone, or about to be given up: the other one learns it. Returns what the control plane must still be told."""
        if self.table.on(Cause.LEFT):
            # A fault of ours is no hang-up: the other side must not take it for one.
            self._leaves(None if reason is EndReason.BRIDGE_ERROR else PeerWord.HANGUP)
        return self._final

    # --- what is due --------------------------------------------------------------------------------------------------------

    def _quiet_since_ms(self) -> float | None:
        """Since when a fixed line may be said; None while somebody speaks."""
        voice = self._mouth.voice
        if not voice.is_silent or voice.is_mid_utterance or self._uplink.detector.is_speaking:
            return None
        return max(voice.last_end_ms, 0.0)

    def deadline_ms(self) -> float:
        return self.table.deadline_ms(self._quiet_since_ms()) if self.is_active else inf

    def settle(self, now_ms: float) -> None:
        """After every event."""
        if self._ending.has_begun:
            reason = self._ending.why
            if reason is not None and self.table.stage is not Stage.OVER:
                self.closed(reason)
            return
        while not self._ending.has_begun and (due := self.table.due(now_ms, self._quiet_since_ms())) is not None:
            self._on_due(due, now_ms)

    def _on_due(self, due: Due, now_ms: float) -> None:
        if due is Due.PEER_GONE:
            self._peer_gone(now_ms)

    # --- what only one of them does -----------------------------------------------------------------------------------------

    def key(self, digit: str, now_ms: float) -> bool:
        """A key was pressed; True if it was meant for this."""
        return self.is_joined

    def answers(self, effect: Effect) -> Mapping[str, Any] | None:
        """What a tool of that effect is answered with before it is called; None: it is to be called."""
        return None

    def tool_returned(self, event: ToolReturned, now_ms: float) -> ToolReturned | None:
        """A tool has answered: what of it the model is to be told now, None for nothing. No answer still under way ends a conversation."""
        return replace(event, end_call=False) if event.end_call and self.is_joined else event

    def told(self, event: HandoffTold, now_ms: float) -> ToolReturned | None:
        """The control plane's word; an answer that was held back, if it is due now."""
        return None


class CallerSide(Side):
    _held: ToolReturned | None = None

    @property
    def holds_line(self) -> bool:
        return self.is_joined or self._held is not None

    @property
    def keeps_waiting(self) -> bool:
        return self._held is not None and self.table.is_calling

    def answers(self, effect: Effect) -> Mapping[str, Any] | None:
        """One at a time: the caller who speaks on while somebody is rung has not asked for another one."""
        return RINGING if effect is Effect.TRANSFER and self._held is not None else None

    def tool_returned(self, event: ToolReturned, now_ms: float) -> ToolReturned | None:
        order = event.handoff
        if order is None:
            return super().tool_returned(event, now_ms)
        if self._held is not None or self.is_joined or not self._is_awaited(event):
            return self._called_off(event, order)
        self.handoff_id = order.handoff_id
        self._legs.minutes.note("handoff_ordered", handoff_id=order.handoff_id, dials=order.dials)
        if order.dials and not self.may_dial:
            return replace(event, payload=NOBODY, handoff=None)
        if order.dials:
            self._ending.leave_to_carrier(now_ms)
            return event
        self._held, self.is_active, self._final = event, True, Asked.CANCEL
        self.table.ring(order.ring_s, now_ms, answer_s=order.answer_s)
        self._legs.watchdog.excuse()
        self._emit(WatchHandoff(order.handoff_id))
        return None

    def _called_off(self, event: ToolReturned, order: HandoffBegun) -> ToolReturned:
        """One at a time, and none for a call that is ending: the person need not pick up."""
        if not order.dials and order.handoff_id != self.handoff_id:
            self._emit(AskHandoff(order.handoff_id, Asked.CANCEL))
        return replace(event, payload=ALREADY, handoff=None)

    def _is_awaited(self, event: ToolReturned) -> bool:
        return bool(self._legs.desk.name_of(event.tool_call_id)) and not self._ending.has_begun

    def told(self, event: HandoffTold, now_ms: float) -> ToolReturned | None:
        if event.handoff_id not in ("", self.handoff_id):
            return None
        if not self.table.is_calling:
            if event.asked is Asked.CANCEL and event.state and self._final is Asked.CANCEL:
                self._final = Asked.ENDED if event.state in _TAKEN_STATES else None
            return None
        if event.state in _FAILED_STATES:
            return self._fails(event, now_ms)
        if event.asked is Asked.CANCEL and not event.state:
            return self._fails(event, now_ms)
        if event.state in _TAKEN_STATES:
            self._accepted(now_ms)
        elif event.state == "briefing":
            self._is_briefed()
        return None

    def said(self, word: PeerWord, now_ms: float) -> None:
        if not self.table.is_calling:
            super().said(word, now_ms)
        elif word is PeerWord.ACCEPTED:
            self._accepted(now_ms)
        elif word is PeerWord.BRIEFING:
            self._is_briefed()
        else:
            self.table.hurry(now_ms)
            self._emit(AskHandoff(self.handoff_id, Asked.STATUS))

    def lost(self, now_ms: float) -> None:
        super().lost(now_ms)
        if self.table.stage is Stage.BRIEFING:
            self.table.hurry(now_ms)

    def _is_briefed(self) -> None:
        if self.table.on(Cause.BRIEFED):
            self._legs.minutes.note("handoff_briefing")

    def _accepted(self, now_ms: float) -> None:
        if not self._is_connected:
            self.table.hurry(now_ms)
            return
        held, self._held = self._held, None
        if held is not None:
            self._legs.minutes.tool_used(self._legs.desk.name_of(held.tool_call_id), "accepted", 0, now_ms)
        self._joins(now_ms)
        self._emit(AskHandoff(self.handoff_id, Asked.JOINED))

    def _fails(self, event: HandoffTold, now_ms: float) -> ToolReturned | None:
        """Nobody takes the caller: the agent has them again."""
        self.table.on(Cause.FAILED)
        self._legs.minutes.note("handoff_failed", state=event.state)
        self._leaves(PeerWord.HANGUP)
        self._final, self.is_active = None if event.state else Asked.CANCEL, False
        return self._answer(event, now_ms)

    def _answer(self, event: HandoffTold, now_ms: float) -> ToolReturned | None:
        held, self._held = self._held, None
        self._legs.watchdog.resume(now_ms)
        return None if held is None else replace(held, payload=event.payload or NOBODY, handoff=None)

    def _on_due(self, due: Due, now_ms: float) -> None:
        if due is Due.CANCEL:
            self._emit(AskHandoff(self.handoff_id, Asked.CANCEL))
        elif due is Due.FAIL:
            answer = self._fails(HandoffTold(Asked.CANCEL, ""), now_ms)
            if answer is not None:
                self._legs.tool_returned(answer, now_ms, must_tell=True)
        elif due in (Due.CALLING_LINE, Due.WAIT_LINE):
            if not self._mouth.play(due.value, Speaker.PROMPT):
                self._legs.dictate(self._mouth.announcer.dictation(due.value), now_ms)
        else:
            super()._on_due(due, now_ms)

    def settle(self, now_ms: float) -> None:
        if self._ending.has_begun and self.table.is_calling:
            self._emit(AskHandoff(self.handoff_id, Asked.CANCEL))  # nobody is to pick up for a call that is ending
        super().settle(now_ms)
        if self._held is not None and self.table.stage is Stage.OVER and not self._ending.has_begun:
            # The goodbye that ended the attempt was taken back.
            self.is_active = False
            answer = self._answer(HandoffTold(Asked.CANCEL, "cancelled"), now_ms)
            if answer is not None:
                self._legs.tool_returned(answer, now_ms, must_tell=True)


class PersonSide(Side):
    _is_accepting = False
    _may_join = False

    @property
    def holds_line(self) -> bool:
        return self.is_joined or (self._is_accepting and self.table.is_calling)

    def start(self, now_ms: float) -> None:
        self.table.on(Cause.ORDERED)
        self.is_active, self._final = True, Asked.DECLINE
        self._emit(ReachPeer())

    def connected(self, now_ms: float) -> None:
        super().connected(now_ms)
        if self.table.on(Cause.BRIEFED):
            self._emit(TellPeer(PeerWord.BRIEFING))
            self._emit(AskHandoff(self.handoff_id, Asked.BRIEFING))
        if self._may_join and self.table.is_calling:
            self._take(now_ms)

    def lost(self, now_ms: float) -> None:
        super().lost(now_ms)
        if self.table.is_calling:
            self._ending.farewell(EndReason.BRIDGE_ERROR, "trouble", now_ms)

    def said(self, word: PeerWord, now_ms: float) -> None:
        if word is PeerWord.HANGUP and self.table.is_calling:
            self._caller_gone(now_ms)
        else:
            super().said(word, now_ms)

    def _caller_gone(self, now_ms: float) -> None:
        self.table.on(Cause.LEFT)
        self._final = Asked.ENDED
        self._leaves()
        self._ending.farewell(EndReason.GOODBYE, "caller_gone", now_ms)

    def key(self, digit: str, now_ms: float) -> bool:
        if not self.table.is_calling or digit not in (_YES_KEY, _NO_KEY):
            return self.is_joined
        self._legs.minutes.note("keys_pressed", count=1)
        if digit == _YES_KEY:
            self._accept()
        elif not self._is_accepting:
            self._decline(now_ms)
            self._ending.farewell(EndReason.GOODBYE, "goodbye", now_ms)
        return True

    def tool_returned(self, event: ToolReturned, now_ms: float) -> ToolReturned | None:
        name = self._legs.desk.name_of(event.tool_call_id)
        if not self.table.is_calling or event.failed or event.payload.get("status") in _NO:
            return super().tool_returned(event, now_ms)
        if name == _ACCEPT:
            self._accept()
            return None
        if self._is_accepting:
            return replace(event, end_call=False)
        if name == _DECLINE:
            self._decline(now_ms)
            return replace(event, end_call=True)
        return event

    def _accept(self) -> None:
        if not self._is_accepting:
            self._is_accepting, self._final = True, Asked.ENDED
            self._emit(AskHandoff(self.handoff_id, Asked.ACCEPT))

    def _decline(self, now_ms: float) -> None:
        self.table.on(Cause.FAILED)
        self._emit(AskHandoff(self.handoff_id, Asked.DECLINE))
        self._leaves(PeerWord.DECLINED)

    def told(self, event: HandoffTold, now_ms: float) -> ToolReturned | None:
        """Where the control plane cannot be reached, the other leg's bridge knows whether the caller is still there."""
        if event.asked is Asked.DECLINE and event.state:
            self._final = None
        elif event.asked is Asked.ACCEPT and self.table.is_calling:
            if event.state and event.state not in _TAKEN_STATES:
                self._caller_gone(now_ms)
            elif self._is_connected:
                self._take(now_ms)
            else:
                self._may_join = True
        return None

    def _take(self, now_ms: float) -> None:
        self._emit(TellPeer(PeerWord.ACCEPTED))
        self._joins(now_ms)
