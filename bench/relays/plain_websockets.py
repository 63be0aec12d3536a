"""What most people would write: the `websockets` library on both legs, json and base64, and every burst sent on as it comes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench.relays.common import SETUP, SUBPROTOCOL, model_url, phone_port, to_16k


async def to_model(phone: ServerConnection, model: ClientConnection) -> None:
    async for message in phone:
        if isinstance(message, bytes):
            audio = {"mimeType": "audio/pcm;rate=16000", "data": base64.b64encode(message).decode()}
            await model.send(json.dumps({"realtimeInput": {"audio": audio}}))


async def to_phone(model: ClientConnection, phone: ServerConnection) -> None:
    async for message in model:
        content = json.loads(message).get("serverContent") or {}
        for part in (content.get("modelTurn") or {}).get("parts") or ():
            blob = part.get("inlineData")
            if blob:
                await phone.send(to_16k(base64.b64decode(blob["data"])))


async def relay(phone: ServerConnection) -> None:
    async with connect(model_url(), compression=None, max_size=None) as model:
        await model.send(SETUP.decode())
        directions = [asyncio.create_task(to_model(phone, model)), asyncio.create_task(to_phone(model, phone))]
        with contextlib.suppress(ConnectionClosed):
            done, _ = await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        for task in directions:
            task.cancel()


async def main() -> None:
    # No pings: the load is short, and a saturated relay that missed one would drop its calls instead of being slow.
    server = serve(
        relay,
        "127.0.0.1",
        phone_port(),
        subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
        compression=None,
        max_size=None,
        ping_interval=None,
        backlog=1_024,
    )
    async with server:
        gc.collect()
        gc.freeze()
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(main())
