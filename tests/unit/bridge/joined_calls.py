"""Two sessions in one virtual time, the caller's and the person's, with the control plane's word and a socket between them.

The socket takes `delay_ms` one way. What either leg says is a stretch of noise of its own, so that it can be found again on the other one.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bridge.core.frames import (
    Asked,
    AskHandoff,
    Command,
    Event,
    HandoffBegun,
    HandoffTold,
    HangUp,
    JoinPeer,
    LeavePeer,
    PeerConnected,
    PeerLost,
    PeerSaid,
    ReachPeer,
    SwitchClosed,
    TellPeer,
    ToolAsked,
    ToolDeclaration,
    ToolReturned,
    WatchHandoff,
)
from bridge.core.session import SessionSettings
from pokea.toolkit import Effect
from tests.unit.bridge.virtual_call import FRAME, PHRASES, VirtualCall, clips, context

HANDOFF = "hf-1"
RING_S = 25
CONNECTING = {"status": "connecting", "say": "I am connecting you."}
DECLINED = {"status": "declined", "say": "They cannot talk now. Shall I take a message?"}
LINES = {
    **PHRASES,
    "handoff_calling": "I am trying to reach somebody.",
    "handoff_wait": "I am still trying.",
    "caller_gone": "The caller has hung up.",
}
CALLER_TOOLS = {"findTimes": Effect.READ, "handOver": Effect.TRANSFER, "endCall": Effect.END}
PERSON_TOOLS = {"acceptCall": Effect.TRANSFER, "declineCall": Effect.TRANSFER, "endCall": Effect.END}
CLIPS = clips(
    greeting=600, idle_ask=700, idle_ask_again=700, idle_goodbye=700, goodbye=700, trouble=900, one_moment=700,
    handoff_calling=1_500, handoff_wait=1_000, caller_gone=800,
)  # fmt: skip
MODEL_LEVEL, CLIP_LEVEL = 5_000, 3_000


def declared(tools: Mapping[str, Effect]) -> dict[str, Any]:
    schema = {"type": "object", "properties": {}}
    return {"tools": tuple(ToolDeclaration(name, name, schema) for name in tools), "effects": tools, "phrases": LINES}


class Leg(VirtualCall):
    """One leg. `noise`: what its human says, frame by frame, while `talks`."""

    def __init__(self, pair: Pair | None, seed: int, settings: SessionSettings | None = None, **changes: Any) -> None:
        self.pair = pair
        self.noise = np.random.default_rng(seed)
        self.talks = False
        self.spoken: list[tuple[float, bytes]] = []
        self.is_open = False  # what is said on this leg goes to the other one
        self.born_ms = 0.0  # on the pair's clock, when this call began
        super().__init__(context(**changes), CLIPS, settings)

    def _caller_frame(self, end_ms: float) -> bytes:
        if not self.talks:
            return bytes(FRAME)
        frame = bytes(self.noise.integers(-9_000, 9_000, FRAME // 2).astype("<i2").tobytes())
        self.spoken.append((end_ms, frame))
        return frame

    def hear(self, message: bytes) -> None:
        frames = [bytes(frame) for frame in self.session.caller_audio(message, self.now)]
        if self.is_open and self.pair is not None:
            for frame in frames:
                self.pair.carry(self, frame)
        else:
            self.model_heard += [(self.now, frame) for frame in frames]
        self._take(self.session.take())

    def peer_audio(self, data: bytes) -> None:
        self._nothing_before_ms = 0.0
        message = self.session.peer_audio(data, self.now)
        if message is not None:
            self.sent.append((self.now, bytes(message)))

    def obeyed(self, order: Command) -> None:
        if isinstance(order, JoinPeer):
            self.is_open = True
        elif isinstance(order, LeavePeer):
            self.is_open = False
        elif isinstance(order, HangUp) and self.pair is not None:
            self.pair.at(100, lambda: self.feed(SwitchClosed(1000)))
        if self.pair is not None:
            self.pair.obeyed(self, order)

    def heard(self, from_ms: float, until_ms: float) -> np.ndarray[Any, np.dtype[np.int16]]:
        """What the switch played between the two, were everything played in turn and killAudio obeyed at once."""
        track = bytearray()
        for at_ms, message in self.sent:
            at = round(at_ms * 16) * 2
            if message == b"kill":
                del track[at:]
                continue
            track += bytes(max(0, at - len(track)))
            track += message
        samples = np.frombuffer(bytes(track[: len(track) // 2 * 2]), "<i2")
        begin, end = round(from_ms * 16), round(until_ms * 16)
        return np.pad(samples, (0, max(0, end - len(samples))))[begin:end]


class Pair:
    """`answers`: what the control plane says to what it is asked, by leg; None: no answer comes."""

    def __init__(self, *, delay_ms: float = 2.0, settings: SessionSettings | None = None) -> None:
        self.now = 0.0
        self.delay_ms = delay_ms
        self.jitter: Callable[[], float] = lambda: 0.0
        self.state = "ringing"
        self.payload: Mapping[str, Any] | None = None
        self.is_silent = False  # the control plane does not answer
        self.asked: list[tuple[str, Asked]] = []
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._ids = itertools.count()
        self._cut = False
        self._last_ms: dict[Leg, float] = {}
        self.settings = settings
        self.person: Leg | None = None
        self.caller = Leg(None, 11, settings, **declared(CALLER_TOOLS))
        self.caller.pair = self

    # --- time ---------------------------------------------------------------------------------------------------------------

    def at(self, after_ms: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self.now + after_ms, next(self._ids), act))

    def advance(self, milliseconds: float) -> None:
        """Both legs in small steps, smaller ones while somebody talks, and what is due between them."""
        until = self.now + milliseconds
        while self.now < until:
            self.now = min(self.now + (4.0 if any(leg.talks for leg in self.legs) else 20.0), until)
            while self._agenda and self._agenda[0][0] <= self.now:
                heapq.heappop(self._agenda)[2]()
            for leg in self.legs:
                leg.advance(self.now - leg.born_ms - leg.now)

    @property
    def legs(self) -> tuple[Leg, ...]:
        return (self.caller,) if self.person is None else (self.caller, self.person)

    # --- the acts -----------------------------------------------------------------------------------------------------------

    def hand_over(self) -> None:
        """The caller's agent has handed them over, and its tool has answered."""
        caller = self.caller
        caller.feed(ToolAsked("t1", "handOver", {"reason": "wants a person"}))
        self.advance(200)
        caller.feed(ToolReturned("t1", CONNECTING, handoff=HandoffBegun(HANDOFF, False, RING_S)))

    def person_answers(self) -> Leg:
        """The person's leg opens on another bridge."""
        person = Leg(None, 22, self.settings, **declared(PERSON_TOOLS), handoff_id=HANDOFF, greeting="")
        person.pair, person.born_ms = self, self.now
        self.person, self.state = person, "briefing"
        for order in person.orders:
            self.obeyed(person, order)
        return person

    def cut(self) -> None:
        """The socket breaks."""
        self._cut = True
        for leg in self.legs:
            leg.feed(PeerLost())

    # --- between the two ----------------------------------------------------------------------------------------------------

    def _other(self, leg: Leg) -> Leg | None:
        return self.person if leg is self.caller else self.caller

    def carry(self, leg: Leg, frame: bytes) -> None:
        other = self._other(leg)
        if self._cut or other is None:
            return
        due = max(self.now + self.delay_ms + self.jitter(), self._last_ms.get(leg, 0.0))
        self._last_ms[leg] = due
        self.at(due - self.now, lambda: other.peer_audio(frame) if not self._cut else None)

    def obeyed(self, leg: Leg, order: Command) -> None:
        if isinstance(order, WatchHandoff):
            self.at(1_000, self._poll)
        elif isinstance(order, AskHandoff):
            self._ask(leg, order.asked, order.handoff_id)
        elif isinstance(order, ReachPeer):
            self.at(10, self._connected)
        elif isinstance(order, TellPeer):
            self._tell(leg, PeerSaid(order.word))
        elif isinstance(order, LeavePeer):
            self._tell(leg, PeerLost())

    def _connected(self) -> None:
        for leg in self.legs:
            leg.feed(PeerConnected())

    def _tell(self, leg: Leg, event: Event) -> None:
        other = self._other(leg)
        if other is not None and not self._cut:
            self.at(self.delay_ms, lambda: other.feed(event))

    def _poll(self) -> None:
        if self.caller.session.handoff.table.is_calling:
            if not self.is_silent:
                self.caller.feed(HandoffTold(Asked.STATUS, self.state, self.payload))
            self.at(1_000, self._poll)

    def _ask(self, leg: Leg, asked: Asked, handoff_id: str) -> None:
        if handoff_id != HANDOFF:
            self.at(150, lambda: leg.feed(HandoffTold(asked, "cancelled", None, handoff_id)))
            return
        self.asked.append(("caller" if leg is self.caller else "person", asked))
        if asked is Asked.ACCEPT and self.state == "briefing":
            self.state = "accepted"
        elif asked is Asked.CANCEL and self.state not in ("accepted", "joined"):
            self.state = "cancelled"
        elif asked is Asked.DECLINE:
            self.state, self.payload = "declined", DECLINED
        told = HandoffTold(asked, "" if self.is_silent else self.state, self.payload, handoff_id)
        self.at(150, lambda: leg.feed(replace(told)))
