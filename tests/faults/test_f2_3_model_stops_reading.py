"""F2.3: a model that stops reading: at most three seconds of the caller wait for it, commands keep their place, and none is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from base64 import b64decode
from collections.abc import AsyncIterator

from websockets.asyncio.server import ServerConnection, serve

from bridge.core.frames import ModelLost, ModelSetup, OpenModel, SayToModel
from bridge.shell.socket_link import SocketLink, SocketTarget
from bridge.wire.gemini_live import GeminiLive
from tests.integration.bridge_peers import until

FRAME = 640
FRAMES_HELD = 150
IN_FLIGHT = 800  # what the kernel's buffers of both ends may hold besides
SETUP = ModelSetup("models/test", "Kore", "Be brief.")


class Model:
    """Reads what it is sent in order, while it reads: the number of each 20 ms frame, or the words of a command."""

    def __init__(self) -> None:
        self.read: list[int | str] = []
        self._connection: ServerConnection | None = None

    async def serve(self, connection: ServerConnection) -> None:
        self._connection = connection
        connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        async for message in connection:
            event = json.loads(message)
            if "setup" in event:
                await connection.send('{"setupComplete":{}}')
            elif "audio" in event.get("realtimeInput", {}):
                self.read.append(int.from_bytes(b64decode(event["realtimeInput"]["audio"]["data"])[:2], "little"))
            else:
                self.read.append(json.dumps(event))

    def stop_reading(self) -> None:
        assert self._connection is not None
        self._connection.transport.pause_reading()

    def read_on(self) -> None:
        assert self._connection is not None
        self._connection.transport.resume_reading()

    @property
    def frames(self) -> list[int]:
        return [item for item in self.read if isinstance(item, int)]


@contextlib.asynccontextmanager
async def a_link(model: Model, lost: list[ModelLost]) -> AsyncIterator[SocketLink]:
    async with serve(model.serve, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
        link = SocketLink(1, SocketTarget.of(url, GeminiLive), lambda link, events: None, lost.append)
        await link.open(OpenModel(1, SETUP, 3_000))
        try:
            yield link
        finally:
            model.read_on()
            link.close()


async def talk(link: SocketLink, numbers: range) -> None:
    """The caller's audio, faster than a caller speaks; the first sample of every frame is its number."""
    for number in numbers:
        link.send_audio([number.to_bytes(2, "little") + bytes(FRAME - 2)])
        if number % 10 == 0:
            await asyncio.sleep(0)


async def test_what_waits_for_a_model_that_does_not_read_is_three_seconds_and_the_newest() -> None:
    model, lost = Model(), list[ModelLost]()
    async with a_link(model, lost) as link:
        await talk(link, range(50))
        await until(lambda: len(model.frames) == 50, "the model reads")
        model.stop_reading()
        await talk(link, range(50, 2_000))
        link.obey(SayToModel("Are you there?"))
        await talk(link, range(2_000, 2_050))
        model.read_on()
        await until(lambda: model.frames[-1] == 2_049, "the model has caught up")
        frames = model.frames
        assert frames == sorted(set(frames))
        assert frames[-FRAMES_HELD:] == list(range(2_050 - FRAMES_HELD, 2_050))
        assert len(frames) < 50 + FRAMES_HELD + IN_FLIGHT
        words = next(at for at, item in enumerate(model.read) if isinstance(item, str))
        assert (model.read[words - 1], model.read[words + 1]) == (1_999, 2_000)
        assert "Are you there?" in str(model.read[words])
        await talk(link, range(2_050, 2_060))
        await until(lambda: model.frames[-1] == 2_059, "sound goes straight again")
        assert lost == []


async def test_a_model_that_reads_none_of_a_hundred_commands_is_given_up() -> None:
    model, lost = Model(), list[ModelLost]()
    async with a_link(model, lost) as link:
        model.stop_reading()
        await talk(link, range(2_000))
        for _ in range(100):
            link.obey(SayToModel("Are you there?"))
        await asyncio.sleep(0)
        assert lost == []
        link.obey(SayToModel("Are you there?"))
        await until(lambda: len(lost) == 1, "the link is given up")
        assert lost[0].reason == "the model does not read"
