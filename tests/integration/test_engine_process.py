"""The offline engine as a process, cut off where it is told to be: the client sees a dead line, the desk one line of JSON, the next 503."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bridge.core.frames import AnswerTool, ModelSetup, SayToModel, ToolAsked, ToolDeclaration
from bridge.wire.gemini_live import GeminiLive
from bridge.wire.leg import LegCodec
from bridge.wire.openai_realtime import OpenAIRealtime

WITHIN_S = 20.0
END_CALL = ToolDeclaration("endCall", "End the call.", {"type": "object", "properties": {}})


@asynccontextmanager
async def engine(*options: str) -> AsyncIterator[tuple[str, asyncio.StreamReader]]:
    """The engine's address, and what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "local.engine", "--json-ready", *options, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await printed(process.stdout))["url"], process.stdout
    finally:
        process.terminate()
        await process.wait()
    assert process.returncode == 0


async def printed(stdout: asyncio.StreamReader) -> dict[str, Any]:
    return dict(json.loads(await asyncio.wait_for(stdout.readline(), WITHIN_S)))


async def converse_until_cut(socket: ClientConnection, codec: LegCodec, setup: ModelSetup) -> int | None:
    """Say goodbye, let the engine call its tool and answer it; the code with which the connection ended."""
    codec.open(setup)
    codec.obey(SayToModel("goodbye"))
    with pytest.raises(ConnectionClosed):
        async with asyncio.timeout(WITHIN_S):
            while True:
                for message in codec.outbox:
                    await socket.send(message.decode())
                codec.outbox.clear()
                frame = await socket.recv(decode=False)
                for event in codec.receive(frame):
                    if isinstance(event, ToolAsked):
                        codec.obey(AnswerTool(event.tool_call_id, event.name, {"status": "ok", "say": "Goodbye."}))
    return socket.close_code


@pytest.mark.parametrize(
    ("wire", "make", "input_hz"),
    [
        ("gemini", GeminiLive, 16_000),
        ("openai", OpenAIRealtime, 24_000),
    ],
)
async def test_fresh_sessions_die_where_they_are_told_to_and_then_the_engine_is_down(
    wire: str, make: Callable[[], LegCodec], input_hz: int
) -> None:
    setup = ModelSetup("any", "", "You speak English.", (END_CALL,), input_hz=input_hz)
    async with engine("--wire", wire, "--kill", "tool_asked,speaking", "--down-after", "2") as (url, stdout):
        for state in ("tool_asked", "speaking"):
            async with connect(url, compression=None) as socket:
                assert await converse_until_cut(socket, make(), setup) == 1006
            assert await printed(stdout) == {"event": "killed", "state": state}
        with pytest.raises(InvalidStatus) as refused:
            await connect(url)
        assert refused.value.response.status_code == 503
