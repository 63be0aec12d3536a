"""Our Realtime codec against a server that does what real ones were seen to do."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bridge.core.frames import (
    AnswerTool,
    GenerationComplete,
    HeardItem,
    LegLost,
    Loss,
    ModelAudio,
    ModelEvent,
    ModelSetup,
    SayToModel,
    StopModel,
    ToolAsked,
    ToolDeclaration,
    TurnComplete,
)
from bridge.wire.openai_realtime import OpenAIRealtime, realtime_url
from local.realtime_server import Added, Faults, RealtimeServer, RealtimeSession, Stopped, Truncated, Wanted

SETUP = ModelSetup(
    "gpt-realtime-2.1", "", "Be brief.", (ToolDeclaration("find", "Finds.", {"type": "object"}),), input_hz=8_000
)
SECOND = bytes(48_000)


class Client:
    """The codec on a socket. `sent` are the types of its messages."""

    def __init__(self, socket: ClientConnection) -> None:
        self.codec = OpenAIRealtime()
        self.events: list[ModelEvent] = []
        self.sent: list[str] = []
        self._socket = socket

    async def obey(self, *commands: Any) -> None:
        for command in commands:
            self.codec.obey(command)
        await self.flush()

    async def flush(self) -> None:
        for message in self.codec.outbox:
            self.sent.append(json.loads(message)["type"])
            await self._socket.send(message.decode())
        self.codec.outbox.clear()

    async def read(self) -> None:
        """One server message."""
        self.events += self.codec.receive(await self._socket.recv(decode=False))
        await self.flush()

    async def until(self, kind: type, times: int = 1) -> None:
        async with asyncio.timeout(10):
            while sum(isinstance(event, kind) for event in self.events) < times:
                await self.read()

    async def rest(self) -> None:
        """Everything that still comes within a moment."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.15):
                while True:
                    await self.read()

    def items(self) -> list[str]:
        return list(dict.fromkeys(event.item for event in self.events if isinstance(event, ModelAudio)))


async def talkative(session: RealtimeSession) -> None:
    """Two seconds in two pieces for each response, and no end of it before the client stops it or an answer was given."""
    async for event in session:
        if isinstance(event, Wanted):
            await event.reply.speak("one", SECOND)
            await event.reply.speak("two", SECOND)
            if session.model.endswith("2.1"):
                await event.reply.done()


@asynccontextmanager
async def client_of(
    handler: Any, faults: Faults, model: str = SETUP.model
) -> AsyncIterator[tuple[Client, RealtimeSession]]:
    async with RealtimeServer(handler, faults=faults) as server:
        async with connect(realtime_url(server.url, model), compression=None) as socket:
            client = Client(socket)
            client.codec.open(SETUP)
            await client.flush()
            yield client, server.sessions[0]
        assert not server.failures


async def test_a_second_item_is_an_utterance_of_its_own_and_both_are_cut() -> None:
    async with client_of(talkative, Faults(second_item=True)) as (client, session):
        await client.obey(SayToModel("hello"))
        await client.until(TurnComplete)
        first, second = client.items()
        assert sum(isinstance(event, GenerationComplete) for event in client.events) == 2
        await client.obey(StopModel((HeardItem(first, 1_000, 1_000), HeardItem(second, 0, 1_000))))
        await client.rest()
        assert session.items[first].kept_ms is None
        assert session.items[second].kept_ms == 0


async def test_a_cut_beyond_the_services_own_end_is_made_again_where_that_is() -> None:
    async with client_of(talkative, Faults(items_shorter_by_ms=85), "slow") as (client, session):
        await client.obey(SayToModel("hello"))
        await client.until(ModelAudio, 12)
        (item,) = client.items()
        await client.obey(StopModel((HeardItem(item, 2_000, 2_000),)))
        await client.rest()
        assert client.sent.count("conversation.item.truncate") == 2
        assert session.items[item].kept_ms == int(session.items[item].audio_ms) - 85


async def test_a_response_that_the_service_began_first_delays_ours_and_nothing_else() -> None:
    async with client_of(talkative, Faults(already_active=True)) as (client, _):
        await client.obey(SayToModel("hello"))
        await client.until(ModelAudio)
        await client.rest()
        assert client.sent.count("response.create") == 2
        assert len(client.items()) == 1


async def test_audio_that_comes_after_a_cancellation_is_never_handed_on() -> None:
    async with client_of(talkative, Faults(late_deltas=4), "slow") as (client, session):
        await client.obey(SayToModel("hello"))
        await client.until(ModelAudio, 10)
        handed_on = sum(isinstance(event, ModelAudio) for event in client.events)
        await client.obey(StopModel((HeardItem(client.items()[0], 500, 2_000),)))
        await client.until(TurnComplete)
        await client.rest()
        assert sum(isinstance(event, ModelAudio) for event in client.events) == handed_on
        assert session.items[client.items()[0]].kept_ms == 500


async def test_formats_that_were_silently_replaced_end_the_leg_before_a_word_is_garbled() -> None:
    async with client_of(talkative, Faults(pcmu_replaced=True)) as (client, _):
        with pytest.raises(LegLost, match=r"audio\.input\.format"):
            await client.rest()
        assert client.events == []
        assert client.codec.loss(0, "no answer in time") is Loss.REFUSED


@pytest.mark.parametrize("says_expired", [True, False])
async def test_the_end_of_a_sessions_hour_is_known_as_such(says_expired: bool) -> None:
    faults = Faults(expire_after_s=0.05, says_expired=says_expired)
    async with client_of(talkative, faults) as (client, _):
        try:
            async with asyncio.timeout(5):
                while True:
                    await client.read()
        except LegLost as lost:
            assert says_expired and lost.loss is Loss.EXPIRED
        except ConnectionClosed as closed:
            assert closed.rcvd is not None and closed.rcvd.code == 1001
            assert client.codec.loss(closed.rcvd.code, closed.rcvd.reason) is Loss.EXPIRED


async def test_a_response_that_failed_is_asked_for_again() -> None:
    async with client_of(talkative, Faults(fail_first="server_error")) as (client, _):
        await client.obey(SayToModel("hello"))
        await client.until(TurnComplete)
    assert client.sent.count("response.create") == 2


async def test_calls_of_one_response_are_answered_by_one_response_when_all_are_answered() -> None:
    answers: list[str] = []

    async def calling(session: RealtimeSession) -> None:
        async for event in session:
            if isinstance(event, Added) and event.item["type"] == "function_call_output":
                answers.append(event.item["call_id"])
            elif isinstance(event, Wanted):
                if not answers:
                    await event.reply.speak("One moment", SECOND)
                    await event.reply.call("c1", "find", {})
                    await event.reply.call("c2", "find", {"a": 1})
                await event.reply.done()

    for faults in (Faults(), Faults(no_acks=True, unknown_events=True)):
        answers.clear()
        async with client_of(calling, faults) as (client, _):
            await client.obey(SayToModel("hello"))
            await client.until(ToolAsked, 2)
            await client.obey(AnswerTool("c2", "find", {}))
            assert client.sent.count("response.create") == 1
            await client.obey(AnswerTool("c1", "find", {}))
            await client.until(TurnComplete)
            assert client.sent.count("response.create") == 2
        assert answers == ["c2", "c1"]


async def test_a_stopped_reply_never_calls_its_tool() -> None:
    seen: list[Any] = []

    async def hesitant(session: RealtimeSession) -> None:
        async for event in session:
            if isinstance(event, Wanted):
                reply = event.reply
                await reply.speak("Let me see", SECOND)
            elif isinstance(event, Stopped | Truncated):
                seen.append(event)
                await reply.call("c1", "find", {})  # too late: dropped

    async with client_of(hesitant, Faults()) as (client, _):
        await client.obey(SayToModel("hello"))
        await client.until(ModelAudio, 5)
        await client.obey(StopModel((HeardItem(client.items()[0], 100, 1_000),)))
        await client.until(TurnComplete)
        await client.rest()
    assert not any(isinstance(event, ToolAsked) for event in client.events)
    assert [type(event).__name__ for event in seen] == ["Stopped", "Truncated"]
