"""The Live server over real sockets: what a client sees of it."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from local.live_server import PATHS, AudioIn, LiveServer, LiveSession, TextIn

SETUP = json.dumps({"setup": {"model": "models/any"}})


async def read(client: ClientConnection) -> dict[str, Any]:
    frame = await asyncio.wait_for(client.recv(), 5)
    assert isinstance(frame, bytes)  # Google's server sends binary frames
    message: dict[str, Any] = json.loads(frame)
    return message


async def opened(client: ClientConnection) -> None:
    await client.send(SETUP)
    assert await read(client) == {"setupComplete": {}}


async def until_left(session: LiveSession) -> None:
    async for _ in session:
        pass


@pytest.mark.parametrize("path", [*PATHS, "/" + PATHS[0], PATHS[0] + "?key=x"])
async def test_every_path_that_sdks_build_is_served(path: str) -> None:
    async with LiveServer(until_left) as server:
        async with connect(f"ws://127.0.0.1:{server.port}{path}") as client:
            await opened(client)
            assert (server.connections, server.active) == (1, 1)
        assert server.url == f"ws://127.0.0.1:{server.port}{PATHS[0]}"


async def test_another_path_is_not_found() -> None:
    async with LiveServer(until_left) as server:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{server.port}/ws/other")
    assert refused.value.response.status_code == 404


async def test_a_full_house_refuses_the_handshake() -> None:
    async with LiveServer(until_left) as server:
        server.refuse_status = 429
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.url)
        assert refused.value.response.status_code == 429
        server.refuse_status = None
        async with connect(server.url) as client:
            await opened(client)


async def test_a_text_and_a_binary_frame_mean_the_same() -> None:
    heard: list[object] = []

    async def listen(session: LiveSession) -> None:
        heard.extend([event async for event in session])

    async with LiveServer(listen) as server, connect(server.url) as client:
        await client.send(SETUP.encode())
        await read(client)
        await client.send(json.dumps({"realtimeInput": {"text": "a"}}))
        await client.send(json.dumps({"realtime_input": {"audio": {"data": "AAA="}, "text": "b"}}).encode())
        await client.close()
        await client.wait_closed()
    assert heard == [TextIn("a"), AudioIn(b"\0\0", 16_000), TextIn("b")]


@pytest.mark.parametrize("chunk_ms", [40, 55.5, (40, 200, 7)])
async def test_audio_arrives_whole_whatever_the_chunks(chunk_ms: float | tuple[float, ...]) -> None:
    pcm = bytes(range(256)) * 100

    async def speak(session: LiveSession) -> None:
        await session.audio(pcm, chunk_ms)
        await session.generation_complete()

    received = b""
    async with LiveServer(speak) as server, connect(server.url) as client:
        await opened(client)
        while "modelTurn" in (content := (await read(client))["serverContent"]):
            (part,) = content["modelTurn"]["parts"]
            assert part["inlineData"]["mimeType"] == "audio/pcm;rate=24000"
            received += base64.b64decode(part["inlineData"]["data"])
    assert received == pcm


async def test_every_server_message_has_googles_shape() -> None:
    async def say_everything(session: LiveSession) -> None:
        await session.input_transcription("a")
        await session.output_transcription("b")
        await session.interrupted()
        await session.turn_complete({"totalTokenCount": 1})
        await session.tool_call([{"id": "1", "name": "f", "args": {"x": 1}}])
        await session.tool_call_cancellation(["1"])
        await session.go_away(9.5)
        await session.resumption("h")

    async with LiveServer(say_everything, pretty=True) as server, connect(server.url) as client:
        await opened(client)
        assert [await read(client) for _ in range(8)] == [
            {"serverContent": {"inputTranscription": {"text": "a"}}},
            {"serverContent": {"outputTranscription": {"text": "b"}}},
            {"serverContent": {"interrupted": True}},
            {"serverContent": {"turnComplete": True}, "usageMetadata": {"totalTokenCount": 1}},
            {"toolCall": {"functionCalls": [{"id": "1", "name": "f", "args": {"x": 1}}]}},
            {"toolCallCancellation": {"ids": ["1"]}},
            {"goAway": {"timeLeft": "9.5s"}},
            {"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}},
        ]


async def close_code(client: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed):
        while True:
            await asyncio.wait_for(client.recv(), 5)
    return client.close_code


@pytest.mark.parametrize("first", ["{}", "no json", '{"realtimeInput":{"text":"x"}}', b"\xff\xfe"])
async def test_a_session_without_a_setup_is_closed_with_1007(first: str | bytes) -> None:
    async with LiveServer(until_left) as server, connect(server.url) as client:
        await client.send(first)
        assert await close_code(client) == 1007
        assert not server.failures


async def test_nonsense_later_on_is_closed_with_1007() -> None:
    async with LiveServer(until_left) as server, connect(server.url) as client:
        await opened(client)
        await client.send('{"surprise":{}}')
        assert await close_code(client) == 1007


async def test_a_handler_that_fails_is_a_1011_and_kept_for_the_test_to_see() -> None:
    async def fail(_session: LiveSession) -> None:
        raise ZeroDivisionError

    async with LiveServer(fail) as server, connect(server.url) as client:
        await opened(client)
        assert await close_code(client) == 1011
        assert [type(error) for error in server.failures] == [ZeroDivisionError]


async def test_a_client_that_leaves_is_no_failure() -> None:
    left = asyncio.Event()

    async def talk_on(session: LiveSession) -> None:
        await until_left(session)
        left.set()
        await session.turn_complete()

    async with LiveServer(talk_on) as server:
        async with connect(server.url) as client:
            await opened(client)
        await asyncio.wait_for(left.wait(), 5)
    assert not server.failures and server.active == 0


async def test_the_handler_decides_how_a_session_ends() -> None:
    async def close(session: LiveSession) -> None:
        await session.close(1008, "é" * 100)

    async def abort(session: LiveSession) -> None:
        session.abort()

    for handler, code in ((close, 1008), (abort, 1006)):
        async with LiveServer(handler) as server, connect(server.url) as client:
            await client.send(SETUP)
            assert await close_code(client) == code


async def test_a_setup_is_only_confirmed_by_the_handler_if_it_wants_so() -> None:
    async def slow(session: LiveSession) -> None:
        await session.send({"serverContent": {"turnComplete": True}})
        await session.complete_setup()

    async with LiveServer(slow, auto_setup=False) as server, connect(server.url) as client:
        await client.send(SETUP)
        assert "serverContent" in await read(client)
        assert await read(client) == {"setupComplete": {}}


async def test_a_session_knows_its_handle_headers_and_number() -> None:
    seen: list[tuple[str | None, str | None, int]] = []

    async def look(session: LiveSession) -> None:
        seen.append((session.handle, session.headers.get("x-goog-api-key"), session.number))

    async with LiveServer(look) as server:
        for setup in ({"model": "m"}, {"model": "m", "session_resumption": {"handle": "h-1"}}):
            async with connect(server.url, additional_headers={"x-goog-api-key": "k"}) as client:
                await client.send(json.dumps({"setup": setup}))
                await close_code(client)
    assert seen == [(None, "k", 1), ("h-1", "k", 2)]
