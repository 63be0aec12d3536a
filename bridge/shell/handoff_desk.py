"""What one call orders about a hand-off, carried out: the control plane is asked, and the other leg's bridge let in or reached."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from bridge.core.context import Owner
from bridge.core.frames import (
    Asked,
    AskHandoff,
    EndCall,
    HandoffTold,
    PeerConnected,
    PeerLost,
    PeerSaid,
    ReachPeer,
    TellPeer,
    ToolReturned,
    WatchHandoff,
)
from bridge.shell.peer_line import OnSound, PeerLine
from bridge.shell.relay import RelayGate
from bridge.shell.tool_client import ToolClient
from pokea.errors import CallError

ASK_EVERY_S = 1.0
log = logging.getLogger(__name__)

Feed = Callable[[HandoffTold | PeerConnected | PeerLost | PeerSaid], None]
Start = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class HandoffDesk:
    """`line` is the one to the other leg, once there is one. `owner`: of a person's leg."""

    def __init__(
        self,
        tools: ToolClient | None,
        call_token: str,
        gate: RelayGate | None,
        owner: Owner | None,
        handoff_id: str,
    ) -> None:
        self.line: PeerLine | None = None
        self._tools = tools
        self._call_token = call_token
        self._gate = gate
        self._owner = owner
        self._handoff_id = handoff_id
        self._hop = ""
        self._poll: asyncio.Task[None] | None = None
        self._feed: Feed
        self._on_sound: OnSound
        self._start: Start

    def attach(self, feed: Feed, on_sound: OnSound, start: Start) -> None:
        self._feed, self._on_sound, self._start = feed, on_sound, start

    def keep_hop(self, event: ToolReturned) -> ToolReturned:
        """What the other leg's bridge proves itself with stays here: what the session is told may be recorded."""
        if event.handoff is None:
            return event
        self._hop = event.handoff.hop
        return replace(event, handoff=replace(event.handoff, hop=""))

    def watch(self, order: WatchHandoff) -> None:
        self.leave()
        if self._gate is not None:
            self.line = PeerLine(self._feed, self._on_sound)
            self.line.expect(self._gate, order.handoff_id, self._hop)
        self._poll = self._start(self._keep_asking(order.handoff_id))

    def reach(self, order: ReachPeer) -> None:
        if self._owner is not None:
            self.line = PeerLine(self._feed, self._on_sound)
            self._start(self.line.connect(self._owner, self._handoff_id))

    def ask(self, order: AskHandoff) -> None:
        self._start(self._ask(order.handoff_id, order.asked))

    def tell(self, order: TellPeer) -> None:
        if self.line is not None:
            self.line.tell(order.word)

    def joined(self) -> PeerLine | None:
        """The two speak with each other: nothing is asked any more."""
        self._stop_asking()
        return self.line

    def leave(self) -> None:
        self._stop_asking()
        if self.line is not None:
            self.line.close()
            self.line = None

    def check(self) -> None:
        if self.line is not None:
            self.line.check()

    def forget(self) -> None:
        """Cut the circles of references."""
        self.leave()
        self.attach(lambda _: None, lambda _: None, _refuse)

    def _stop_asking(self) -> None:
        if self._poll is not None:
            self._poll.cancel()
            self._poll = None

    async def _keep_asking(self, handoff_id: str) -> None:
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            await self._ask(handoff_id, Asked.STATUS)

    async def _ask(self, handoff_id: str, asked: Asked) -> None:
        self._feed(await self._answer(handoff_id, asked))

    async def _answer(self, handoff_id: str, asked: Asked) -> HandoffTold:
        if self._tools is not None:
            try:
                return await self._tools.handoff(self._call_token, handoff_id, asked)
            except CallError as problem:
                log.warning("hand-off %s: %s was not answered: %s", handoff_id, asked.value, problem.code)
        return HandoffTold(asked, "", None, handoff_id)

    async def report(self, end: EndCall) -> None:
        """What the control plane must be told beside the end of the call itself."""
        if end.handoff_asked is not None:
            await self._answer(end.handoff_id, end.handoff_asked)


def _refuse(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    work.close()
    raise AssertionError("the call is over")
