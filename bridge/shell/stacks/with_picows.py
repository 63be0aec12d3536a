"""The switch's socket by picows: frames are read and written in C, and payloads arrive as views of its receive buffer."""

from __future__ import annotations

import asyncio
import logging
from enum import Enum

from picows import WSCloseCode, WSFrame, WSListener, WSTransport, WSUpgradeRequest, WSUpgradeResponse
from picows import WSUpgradeResponseWithListener as Accepted
from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]  # its stub leaves it out

from bridge.core.frames import Buffer
from bridge.shell.phone import (
    LEAVE_WITHIN_S,
    MESSAGE_LIMIT_BYTES,
    MESSAGE_TOO_BIG,
    NORMAL_CLOSURE,
    PROTOCOL_ERROR,
    STUCK_BYTES,
    PhoneListener,
    Upgrade,
    bound,
    is_over,
)
from bridge.shell.socket_frames import BINARY, CLOSE, CONTINUATION, TEXT, Fragments, TooLong, close_code
from bridge.wire.audio_fork import SUBPROTOCOL

_READ_BUFFER_BYTES = 4 * 1024  # grows where a message needs it; most hold 640 bytes
_HANDSHAKE_WITHIN_S = 8.0
_log = logging.getLogger("bridge.switch.socket")


class PicowsPhone(WSListener):
    """See bridge.shell.phone.PhoneSocket."""

    def __init__(self, listener: PhoneListener) -> None:
        self._listener = listener
        self._on_binary = listener.on_binary
        self._transport: WSTransport | None = None
        self._fragments = Fragments(MESSAGE_LIMIT_BYTES)
        self._closing = False
        self._odd = False  # a message is in pieces, or the socket is closing
        self._congested = False

    # --- from the switch ----------------------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._listener.on_connected(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if frame.rsv1 or frame.rsv2 or frame.rsv3:  # no extension was agreed on, which picows leaves to its user
            self.close(PROTOCOL_ERROR)
        elif kind is BINARY and frame.fin and not self._odd:  # fifty times a second
            self._on_binary(frame.get_payload_as_memoryview())
        elif self._closing:
            pass  # what comes behind an offence or our own goodbye is not looked at
        elif kind is TEXT and frame.fin and not self._odd:
            self._listener.on_text(frame.get_payload_as_bytes())
        elif kind in (BINARY, TEXT, CONTINUATION):
            self._join(frame)
        elif kind is CLOSE:
            self.close(_answer(frame))

    def _join(self, frame: WSFrame) -> None:
        try:
            message = self._fragments.add(frame)
        except TooLong:
            self.close(MESSAGE_TOO_BIG)
            return
        except ValueError:
            self.close(PROTOCOL_ERROR)
            return
        self._odd = self._fragments.waiting
        if message is not None:
            kind, payload = message
            if kind is BINARY:
                self._on_binary(payload)
            else:
                self._listener.on_text(payload)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        handshake = transport.close_handshake
        by_us = handshake is not None and handshake.recv is None and handshake.sent is not None
        self._closing = self._odd = True
        self._transport = None
        self._listener.on_closed(close_code(transport), by_us)
        del self._on_binary  # it refers to the call, and the call to this

    def pause_writing(self) -> None:
        self._congested = True
        self._listener.on_congested(True)

    def resume_writing(self) -> None:
        self._congested = False
        self._listener.on_congested(False)

    # --- to the switch ------------------------------------------------------------------------------------------------------

    def send_binary(self, data: Buffer) -> None:
        if self._transport is not None:
            self._transport.send(BINARY, data)
            if self._congested:
                self._cut_if_stuck(self._transport)

    def send_text(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.send(TEXT, data)

    def _cut_if_stuck(self, transport: WSTransport) -> None:
        if transport.underlying_transport.get_write_buffer_size() > STUCK_BYTES:
            transport.disconnect(False)

    def check(self) -> None:
        if self._transport is not None and is_over(self._transport.underlying_transport):
            self._transport.disconnect(False)

    def close(self, code: int = NORMAL_CLOSURE) -> None:
        transport = self._transport
        if transport is None or self._closing:
            return
        self._closing = self._odd = True
        if not transport.is_close_frame_sent:
            transport.send_close(WSCloseCode(code))
        transport.disconnect()
        asyncio.get_running_loop().call_later(LEAVE_WITHIN_S, _abort, transport)


def _abort(transport: WSTransport) -> None:
    if not transport.is_disconnected:
        transport.disconnect(False)


def _answer(frame: WSFrame) -> int:
    """The code that answers a close frame: the peer's own where it may be sent, 1002 where it may not (RFC 6455 §7.4)."""
    if frame.payload_size < 2:
        return NORMAL_CLOSURE
    code = frame.get_close_code()
    number = int(code.value) if isinstance(code, Enum) else int(code)
    if number in _ECHOED:
        return number
    return NORMAL_CLOSURE if number >= _PRIVATE_CODES else PROTOCOL_ERROR


_PRIVATE_CODES = 3_000
_ECHOED = frozenset(item.value for item in WSCloseCode if item.value >= NORMAL_CLOSURE) - {1004, 1005, 1006, 1015}


def take_over(transport: asyncio.Transport, upgrade: Upgrade, listener: PhoneListener) -> None:
    """Replay the head, then everything that followed it, into picows' own protocol."""
    bound(transport)
    head = (
        f"GET {upgrade.path} HTTP/1.1\r\nHost: bridge\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        f"Sec-WebSocket-Key: {upgrade.key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    replay = memoryview(head.encode() + upgrade.early)
    protocol = _protocol(PicowsPhone(listener))
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    while replay:
        room = protocol.get_buffer(-1)
        size = min(len(room), len(replay))
        room[:size] = replay[:size]
        protocol.buffer_updated(size)
        replay = replay[size:]


def _protocol(phone: PicowsPhone) -> WSProtocol:
    def answer(_: WSUpgradeRequest) -> Accepted:
        response = WSUpgradeResponse.create_101_response(extra_headers={"Sec-WebSocket-Protocol": SUBPROTOCOL})
        return Accepted(response, phone)

    return WSProtocol(
        None,  # host, as a client
        None,  # path, as a client
        False,  # is a client
        answer,
        _log,
        True,  # disconnect on an exception of the listener
        _HANDSHAKE_WITHIN_S,
        False,  # automatic ping: the stream itself shows that the leg lives
        20,
        20,
        WSAutoPingStrategy.PING_WHEN_IDLE,
        True,  # automatic pong
        MESSAGE_LIMIT_BYTES,
        None,  # extra headers, as a client
        _READ_BUFFER_BYTES,
    )
