"""A phone that another process holds: a WebSocket on the carrier's port, 640-byte frames of 16 kHz PCM both ways.

    /_sim/phone?from=+254…&to=+254…[&behaviour=observed][&leg_rate_hz=8000]     calls a number of the workspace
    /_sim/phone?answer=+254…                                                    waits there and picks up what is dialled

To the phone, as JSON text: {"event":"ringing","session_id","call_id"}, {"event":"answered"}, {"event":"ended","status","duration_s"},
{"event":"refused","message"}; to one that waits first {"event":"waiting"}.
From the phone: {"event":"hang_up"} and {"event":"dtmf","digit":"5"}.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from local.carrier.party import SILENCE

if TYPE_CHECKING:
    from local.carrier.call import Call
    from local.carrier.carrier import Carrier

_MAX_QUEUED_FRAMES = 100  # two seconds each way: a phone that stalls loses the oldest sound, as a call would
_REFUSED = 4404
_PICKED_UP_WAIT_S = 5.0


class RemotePhone:
    """The Party at this end of the WebSocket."""

    def __init__(self) -> None:
        self.hung_up = False
        self._said: deque[bytes] = deque(maxlen=_MAX_QUEUED_FRAMES)
        self._rest = b""
        self._to_phone: deque[bytes | dict[str, Any]] = deque()
        self._frames_waiting = 0
        self._wake = asyncio.Event()
        self.over = asyncio.Event()

    # --- Party --------------------------------------------------------------------------------------------------------------

    def answered(self) -> None:
        self.tell({"event": "answered"})

    def speak(self, samples: int) -> bytes:
        if self._said:
            return self._said.popleft()
        return bytes(2 * samples)

    def hear(self, pcm: bytes) -> None:
        if self._frames_waiting >= _MAX_QUEUED_FRAMES:
            return
        self._frames_waiting += 1
        self._to_phone.append(pcm)
        self._wake.set()

    def ended(self) -> None:
        self.hung_up = True
        self.over.set()

    # --- WebSocket side -----------------------------------------------------------------------------------------------------

    def take_audio(self, message: bytes) -> None:
        """Any message size; whole frames are queued."""
        audio = self._rest + message
        whole = len(audio) - len(audio) % len(SILENCE)
        self._said.extend(audio[start : start + len(SILENCE)] for start in range(0, whole, len(SILENCE)))
        self._rest = audio[whole:]

    def tell(self, event: dict[str, Any]) -> None:
        self._to_phone.append(event)
        self._wake.set()

    async def write_to(self, ws: WebSocket) -> None:
        while True:
            while self._to_phone:
                item = self._to_phone.popleft()
                if isinstance(item, bytes):
                    self._frames_waiting -= 1
                    await ws.send_bytes(item)
                else:
                    await ws.send_text(json.dumps(item))
            self._wake.clear()
            await self._wake.wait()


async def phone_socket(carrier: Carrier, ws: WebSocket) -> None:
    await ws.accept()
    phone = RemotePhone()
    query = ws.query_params
    writer = asyncio.create_task(phone.write_to(ws))
    try:
        if "answer" in query:
            await _wait_and_answer(carrier, ws, phone, query["answer"])
        else:
            await _call_out(carrier, ws, phone)
    finally:
        phone.hung_up = True
        writer.cancel()


async def _call_out(carrier: Carrier, ws: WebSocket, phone: RemotePhone) -> None:
    from local.carrier.carrier import CarrierError  # here: carrier.py composes this module

    query = ws.query_params
    try:
        call = await carrier.dial(
            query.get("from", "+254700000000"),
            query.get("to", ""),
            phone,
            behaviour=query.get("behaviour"),
            leg_rate_hz=int(query.get("leg_rate_hz", "16000")),
        )
    except (CarrierError, ValueError) as error:
        await ws.send_text(json.dumps({"event": "refused", "message": str(error)}))
        await ws.close(_REFUSED)
        return
    phone.tell({"event": "ringing", "session_id": call.session_id, "call_id": call.call_id})
    await _talk(ws, phone, call)


async def _wait_and_answer(carrier: Carrier, ws: WebSocket, phone: RemotePhone, e164: str) -> None:
    rung = asyncio.Event()

    def pick_up() -> RemotePhone:
        rung.set()
        withdraw()
        return phone

    withdraw = carrier.directory.register(e164, pick_up, ring_s=1.0)
    phone.tell({"event": "waiting"})
    reader = asyncio.create_task(_read(ws, phone, None))
    try:
        waiting = asyncio.create_task(rung.wait())
        await asyncio.wait({reader, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if rung.is_set():
            await asyncio.wait({reader, asyncio.create_task(phone.over.wait())}, return_when=asyncio.FIRST_COMPLETED)
            await _say_ended(ws, {"event": "ended"})
    finally:
        withdraw()
        reader.cancel()


async def _talk(ws: WebSocket, phone: RemotePhone, call: Call) -> None:
    reader = asyncio.create_task(_read(ws, phone, call))
    try:
        await call.ended()
        await _say_ended(ws, {"event": "ended", "status": call.status, "duration_s": call.duration_s})
    finally:
        reader.cancel()


async def _say_ended(ws: WebSocket, event: dict[str, Any]) -> None:
    try:
        await ws.send_text(json.dumps(event))
        await ws.close()
    except (WebSocketDisconnect, RuntimeError):
        return  # the phone was put down first


async def _read(ws: WebSocket, phone: RemotePhone, call: Call | None) -> None:
    """Until the phone is put down or its process is gone."""
    while True:
        message = await ws.receive()
        if message["type"] == "websocket.disconnect":
            phone.hung_up = True
            return
        if message.get("bytes"):
            phone.take_audio(message["bytes"])
        elif message.get("text"):
            _obey(json.loads(message["text"]), phone, call)


def _obey(order: dict[str, Any], phone: RemotePhone, call: Call | None) -> None:
    match order.get("event"):
        case "hang_up":
            phone.hung_up = True
        case "dtmf" if call is not None:
            call.press(str(order.get("digit", "")))
