"""The offline conversation on OpenAI's Realtime wire."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from local.engine import conversation as talk
from local.engine.bill import Billed
from local.engine.conversation import Opening, Parts
from local.realtime_reply import Reply
from local.realtime_server import Added, Began, Committed, RealtimeSession, Stopped, UnderWay, Wanted
from local.realtime_wire import text_of


async def converse(session: RealtimeSession, parts: Parts) -> None:
    """Serves one client until it leaves. The conversation begins with the first event after the session's configuration."""
    wire = RealtimeWire(session)
    if await wire.begin():
        await talk.Conversation(wire, parts).run()


class RealtimeWire:
    """See local.engine.conversation.Wire. The session below keeps the protocol; here its responses are filled."""

    ends_when_heard = False
    stops_at_speech = False  # the service does that itself, where it is asked to, and says Stopped

    def __init__(self, session: RealtimeSession) -> None:
        self._session = session
        self._stream = self._events()
        self._first: talk.Input | None = None
        self._reply: Reply | None = None
        self._calls: list[tuple[str, str, Mapping[str, Any]]] = []
        self.opening = Opening()

    async def begin(self) -> bool:
        """Wait until there is something to converse about. False: the client left before."""
        self._first = await anext(self._stream, None)
        config = self._session.config
        transcription = config["audio"]["input"]["transcription"] or {}
        self.opening = Opening(
            str(config["instructions"]), tuple(config["tools"]), str(transcription.get("language") or "")
        )
        return self._first is not None

    async def inputs(self) -> AsyncIterator[talk.Input]:
        if self._first is not None:
            yield self._first
        async for one in self._stream:
            yield one

    async def _events(self) -> AsyncIterator[talk.Input]:
        async for event in self._session:
            match event:
                case Began():
                    yield talk.SpeechBegan()
                case UnderWay():
                    yield talk.SpeechUnderWay()
                case Committed(item_id, pcm16k):
                    yield talk.Utterance(pcm16k, item_id)
                case Added(item):
                    yield self._added(item)
                case Wanted(reply):
                    self._reply, self._calls = reply, []
                    yield talk.Respond()
                case Stopped():
                    yield talk.Cancelled()

    def _added(self, item: Mapping[str, Any]) -> talk.Input:
        if item["type"] == "message":
            return talk.Text(text_of(item))
        try:
            payload = json.loads(item["output"])
        except ValueError:
            payload = item["output"]
        return talk.ToolAnswered(
            item["call_id"], "", payload if isinstance(payload, Mapping) else {"say": str(payload)}
        )

    async def understood(self, utterance: talk.Utterance, words: str) -> None:
        await self._session.transcribed(utterance.item, words)

    async def speak(self, words: str, pcm24k: bytes) -> None:
        if self._reply is not None:
            await self._reply.speak(words, pcm24k)

    async def spoken(self) -> None:
        if self._reply is not None:
            await self._reply.end_message()

    async def call_tool(self, call_id: str, name: str, arguments: Mapping[str, Any]) -> None:
        self._calls.append((call_id, name, arguments))

    async def replied(self, bill: Callable[[], Billed], *, has_spoken: bool) -> None:
        """The service below counts the tokens itself."""
        reply, calls = self._reply, self._calls
        if reply is not None:
            for call_id, name, arguments in calls:
                await reply.call(call_id, name, arguments)
            await reply.done()

    async def interrupted(self, bill: Callable[[], Billed]) -> None:
        """Never asked for: see `stops_at_speech`."""

    async def offer_handle(self, handle: str) -> None:
        """There are none on this wire."""

    async def go_away(self, seconds: float) -> None:
        """The service ends sessions without a warning."""

    async def leave(self) -> None:
        await self._session.close(1001, "Your session hit the maximum duration of 60 minutes.")

    def abort(self) -> None:
        self._session.abort()
