"""The switch's socket by the `websockets` package: its protocol core, which does no I/O, on the connection that the doorman hands over."""

from __future__ import annotations

import asyncio
import logging

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side
from websockets.utils import accept_key

from bridge.core.frames import Buffer
from bridge.shell.phone import (
    ABNORMAL_CLOSURE,
    LEAVE_WITHIN_S,
    MESSAGE_LIMIT_BYTES,
    NORMAL_CLOSURE,
    STUCK_BYTES,
    PhoneListener,
    Upgrade,
    bound,
    is_over,
)
from bridge.wire.audio_fork import SUBPROTOCOL

_log = logging.getLogger("bridge.switch.socket")


class WebsocketsPhone(asyncio.Protocol):
    """See bridge.shell.phone.PhoneSocket."""

    def __init__(self, transport: asyncio.Transport, listener: PhoneListener) -> None:
        self._transport = transport
        self._listener = listener
        self._core = Protocol(Side.SERVER, state=OPEN, max_size=MESSAGE_LIMIT_BYTES, logger=_log)
        self._kind = Opcode.CONT
        self._parts: list[Buffer] = []
        self._closing = False
        self._closed_by_us = False
        self._congested = False

    # --- from the switch ----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._core.receive_data(data)
        for event in self._core.events_received():
            if isinstance(event, Frame) and not self._closing:
                self._take(event)
        self._flush()

    def _take(self, frame: Frame) -> None:
        """The core has checked the order of frames and the size of the whole message."""
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY) and frame.fin:
            self._deliver(frame.opcode, frame.data)
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.opcode is not Opcode.CONT:
                self._kind = frame.opcode
            self._parts.append(frame.data)
            if frame.fin:
                whole = b"".join(self._parts)
                self._parts.clear()
                self._deliver(self._kind, whole)

    def _deliver(self, kind: Opcode, data: Buffer) -> None:
        if kind is Opcode.BINARY:
            self._listener.on_binary(data)
        else:
            self._listener.on_text(bytes(data))

    def eof_received(self) -> bool:
        self._core.receive_eof()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        received = self._core.close_rcvd
        self._listener.on_closed(
            ABNORMAL_CLOSURE if received is None else received.code,
            received is None and self._core.close_sent is not None,
        )
        self._core.parser.close()  # this and the traceback refer to the core, which refers to them
        self._core.parser_exc = None

    def pause_writing(self) -> None:
        self._congested = True
        self._listener.on_congested(True)

    def resume_writing(self) -> None:
        self._congested = False
        self._listener.on_congested(False)

    # --- to the switch ------------------------------------------------------------------------------------------------------

    def send_binary(self, data: Buffer) -> None:
        if not self._closing and self._core.state is OPEN:
            self._core.send_binary(data)
            self._flush()
            if self._congested and self._transport.get_write_buffer_size() > STUCK_BYTES:
                self._transport.abort()

    def send_text(self, data: bytes) -> None:
        if not self._closing and self._core.state is OPEN:
            self._core.send_text(data)
            self._flush()

    def check(self) -> None:
        if is_over(self._transport):
            self._transport.abort()

    def close(self, code: int = NORMAL_CLOSURE) -> None:
        if self._core.state is OPEN:
            self._core.send_close(code)
            self._flush()
        self._leave()

    def _flush(self) -> None:
        """Write what the core wants written; where it says that is all, leave."""
        for data in self._core.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._leave()

    def _leave(self) -> None:
        if not self._closing:
            self._closing = True
            self._transport.close()
            asyncio.get_running_loop().call_later(LEAVE_WITHIN_S, self._transport.abort)

    def open(self, upgrade: Upgrade) -> None:
        """Answer the upgrade, then take what came behind it."""
        head = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(upgrade.key)}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
        )
        self._transport.write(head.encode())
        self._listener.on_connected(self)
        if upgrade.early:
            self.data_received(upgrade.early)


def take_over(transport: asyncio.Transport, upgrade: Upgrade, listener: PhoneListener) -> None:
    bound(transport)
    phone = WebsocketsPhone(transport, listener)
    transport.set_protocol(phone)
    phone.open(upgrade)
