"""A WebSocket client that is nothing but bytes: it can break every rule, which a library would not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import struct
from dataclasses import dataclass, field

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """One frame of a client."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    size = len(payload)
    bit = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")


def close_frame(code: int | None = 1000, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


@dataclass
class Reply:
    """What the server sent until it closed the connection, or until `quiet`."""

    frames: list[tuple[int, bytes]] = field(default_factory=list)
    closed: bool = False

    def of(self, opcode: int) -> list[bytes]:
        return [payload for kind, payload in self.frames if kind == opcode]

    @property
    def code(self) -> int | None:
        """The server's close code; 0 for a close frame without one."""
        closes = self.of(CLOSE)
        return None if not closes else struct.unpack("!H", closes[0][:2])[0] if len(closes[0]) >= 2 else 0


class RawSocket:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int, path: str = "/audio", *, receive_buffer: int | None = None) -> RawSocket:
        """`receive_buffer`: bytes that the kernel keeps for a client that does not read (roughly)."""
        import socket

        connection = socket.socket()
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=connection, limit=2**20)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: bridge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: audio.drachtio.org\r\n\r\n".encode()
        )
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in head.split(b"\r\n")[0]:
                raise ConnectionError(head.split(b"\r\n")[0].decode())
        except BaseException:
            writer.close()
            raise
        assert b"permessage-deflate" not in head
        return cls(reader, writer)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def receive(self) -> tuple[int, bytes] | None:
        """The next frame; None once the connection is gone."""
        try:
            first, second = await self.reader.readexactly(2)
            assert not second & 0x80, "a server does not mask"
            assert not first & 0x70, "no extension was agreed on"
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0xF, await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def until_quiet(self, token: bytes | None = b"still there?", within_s: float = 5.0) -> Reply:
        """Everything until the connection ends, or until the pong that answers a second ping with `token`: a pong may overtake the
        answers to what came in one piece with its ping."""
        reply, pongs = Reply(), 0
        if token is not None:
            self.send(frame(PING, token))
        async with asyncio.timeout(within_s):
            while (received := await self.receive()) is not None:
                if token is None or received != (PONG, token):
                    reply.frames.append(received)
                elif pongs:
                    return reply
                else:
                    pongs += 1
                    self.send(frame(PING, token))
        reply.closed = True
        return reply

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    def abort(self) -> None:
        self.writer.transport.abort()
