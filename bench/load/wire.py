"""The little of WebSocket that a load generator needs, on plain sockets: whole messages, no fragments, no extensions."""

from __future__ import annotations

import base64
import hashlib
import socket
from binascii import a2b_base64
from collections.abc import Callable
from contextlib import suppress

from bench.load.clockwork import Clockwork

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = base64.b64encode(b"a key of a phone")
_READ_BYTES = 65_536
_REPEATED_MASK = {size: sum(1 << (32 * index) for index in range(-(-size // 4))) for size in range(2_048)}


class BadPeer(Exception):
    """The system under test broke the protocol."""


def frame(opcode: int, payload: bytes, *, masked: bool) -> bytes:
    """One message. The mask is zero: legal, and the receiver has the same work with it."""
    mark = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, mark | size))
    elif size < 65_536:
        head = bytes((0x80 | opcode, mark | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, mark | 127)) + size.to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + payload


def unmasked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    repeated = _REPEATED_MASK.get(size)
    if repeated is None:
        repeated = sum(1 << (32 * index) for index in range(-(-size // 4)))
    keys = int.from_bytes(mask, "little") * repeated
    whole = (int.from_bytes(payload, "little") ^ keys) & ((1 << (8 * size)) - 1)
    return whole.to_bytes(size, "little")


def upgrade_request(host: str, path: str, subprotocol: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {_KEY.decode()}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    ).encode()


def upgrade_answer(request: bytes) -> bytes:
    """Raises BadPeer if there is no key in it."""
    for line in request.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"sec-websocket-key":
            # SHA-1 is what RFC 6455 §4.2.2 asks for; nothing is kept secret by it.
            accept = base64.b64encode(hashlib.sha1(value.strip() + _MAGIC, usedforsecurity=False).digest())
            return (
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                + accept
                + b"\r\n\r\n"
            )
    raise BadPeer("an upgrade without a key")


def audio_in(message: bytes) -> tuple[int, bytes] | None:
    """Where the base64 behind the first "data" of a JSON message begins, and its bytes; None if there is none."""
    at = message.find(b'"data"')
    if at < 0:
        return None
    start = message.index(b'"', at + 6) + 1
    return start, a2b_base64(message[start : message.index(b'"', start)])


class Link:
    """A connection after its handshake. `on_message(opcode, payload)` gets whole messages, `on_gone()` the end."""

    __slots__ = ("_clockwork", "_masks", "_rest", "_sock", "_unsent", "is_open", "on_gone", "on_message", "peek")

    def __init__(self, clockwork: Clockwork, sock: socket.socket, *, is_client: bool, rest: bytes = b"") -> None:
        self._clockwork = clockwork
        self._sock = sock
        self._masks = is_client
        self._rest = rest
        self._unsent = bytearray()
        self.is_open = True
        self.on_message: Callable[[int, bytes], None] = lambda opcode, payload: None
        self.on_gone: Callable[[], None] = lambda: None
        self.peek: Callable[[bytes, bytes], bool] | None = None  # (masked payload, mask): True if that was enough
        clockwork.watch(sock, self._readable)

    def send(self, message: bytes) -> None:
        """A whole frame made by `frame`. What the peer does not take now goes first the next time."""
        if self._unsent:
            self._unsent += message
            message = bytes(self._unsent)
            self._unsent.clear()
        try:
            sent = self._sock.send(message)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lose()
            return
        if sent < len(message):
            self._unsent += message[sent:]

    def close(self) -> None:
        if self.is_open:
            self.send(frame(CLOSE, b"\x03\xe8", masked=self._masks))
        self._lose()

    def _lose(self) -> None:
        if self.is_open:
            self.is_open = False
            self._clockwork.forget(self._sock)
            with suppress(OSError):
                self._sock.close()
            self.on_gone()

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose()
            return
        self.take(data)

    def take(self, data: bytes) -> None:
        """Bytes of the stream, cut anywhere."""
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        while size - at >= 2:
            first, second = data[at], data[at + 1]
            length, start = second & 0x7F, at + 2
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            body = start + 4 if second & 0x80 else start
            if size < body + length:
                break
            if not first & 0x80:
                raise BadPeer("a fragmented message")
            payload = data[body : body + length]
            at = body + length
            opcode = first & 0x0F
            if second & 0x80:
                mask = data[start:body]
                if self.peek is not None and opcode <= BINARY and self.peek(payload, mask):
                    continue
                payload = unmasked(payload, mask)
            if opcode <= BINARY:
                self.on_message(opcode, payload)
            else:
                self._take_control(opcode, payload)
        self._rest = data[at:]

    def _take_control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.send(frame(PONG, payload, masked=self._masks))
        elif opcode == CLOSE:
            self._lose()
