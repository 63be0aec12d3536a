"""The yardstick of the ratios: a relay on picows and uvloop that does only what a call cannot do without.

Resamples, sends a frame per 20 ms with 40 ms of lead, drops what waits when the model is interrupted. No limits, no ledger, no transcript,
no detector, no tools, no second model, no records; it believes whatever it is sent.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from binascii import a2b_base64, b2a_base64

import uvloop
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    ws_connect,
    ws_create_server,
)
from picows import WSUpgradeResponseWithListener as Accepted

from bench.relays.common import AUDIO_HEAD, AUDIO_TAIL, SETUP, SUBPROTOCOL, model_url, phone_port, to_16k

TEXT, BINARY, CLOSE = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CLOSE
FRAME_BYTES, FRAME_S, LEAD_FRAMES = 640, 0.020, 2


class Model(WSListener):
    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._phone.model = transport  # the answer to the set-up may come before ws_connect returns
        transport.send(TEXT, SETUP)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is CLOSE:
            transport.disconnect()
        elif kind is TEXT or kind is BINARY:
            message = frame.get_payload_as_bytes()
            at = message.find(b'"data"', 0, 512)
            if at >= 0:
                start = message.index(b'"', at + 6) + 1
                self._phone.speak(a2b_base64(message[start : message.index(b'"', start)]))
            elif b'"interrupted"' in message:
                self._phone.stop()
            elif b'"setupComplete"' in message:
                self._phone.is_ready = True

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._phone.end()


class Phone(WSListener):
    def __init__(self) -> None:
        self.model: WSTransport | None = None
        self.is_ready = False
        self._transport: WSTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._at = 0
        self._timer: asyncio.TimerHandle | None = None
        self._next_s = 0.0
        self._dialling: asyncio.Task[None] | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._dialling = self._loop.create_task(self._dial())

    async def _dial(self) -> None:
        try:
            await ws_connect(lambda: Model(self), model_url())
        except OSError as problem:
            logging.error("no model: %s", problem)
            self.end()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is BINARY:
            if self.is_ready and self.model is not None:
                pcm = frame.get_payload_as_memoryview()
                self.model.send(TEXT, AUDIO_HEAD + b2a_base64(pcm, newline=False) + AUDIO_TAIL)
        elif kind is CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.end()

    def end(self) -> None:
        self.is_ready = False
        self.stop()
        for transport in (self._transport, self.model):
            if transport is not None and not transport.is_disconnected:
                transport.disconnect()

    # --- playout ------------------------------------------------------------------------------------------------------------

    def speak(self, pcm: bytes) -> None:
        self._waiting += to_16k(pcm)
        if self._timer is None and len(self._waiting) >= FRAME_BYTES:
            for _ in range(LEAD_FRAMES):
                self._send_frame()
            self._next_s = self._loop.time() + FRAME_S
            self._timer = self._loop.call_at(self._next_s, self._tick)

    def _tick(self) -> None:
        if self._send_frame():
            self._next_s += FRAME_S
            self._timer = self._loop.call_at(self._next_s, self._tick)
        else:
            self._timer = None

    def _send_frame(self) -> bool:
        waiting, at = self._waiting, self._at
        left = len(waiting) - at
        if left <= 0 or self._transport is None:
            waiting.clear()
            self._at = 0
            return False
        if left >= FRAME_BYTES:
            with memoryview(waiting) as view:
                self._transport.send(BINARY, view[at : at + FRAME_BYTES])
            self._at = at + FRAME_BYTES
        else:
            self._transport.send(BINARY, bytes(waiting[at:]).ljust(FRAME_BYTES, b"\0"))
            self._at = len(waiting)
        return True

    def stop(self) -> None:
        self._waiting = bytearray()
        self._at = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def accept(request: WSUpgradeRequest) -> Accepted:
    headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL}
    return Accepted(WSUpgradeResponse.create_101_response(extra_headers=headers), Phone())


async def main() -> None:
    server = await ws_create_server(accept, "127.0.0.1", phone_port(), reuse_port=True, backlog=1_024)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
