"""The phones' side of the load: sockets that send a frame every 20 ms and play what they are sent."""

from __future__ import annotations

import socket

from bench.load.clockwork import Clockwork, now_ns
from bench.load.conversation import Conversation
from bench.load.wire import BINARY, TEXT, BadPeer, Link, frame, upgrade_request

SUBPROTOCOL = "audio.drachtio.org"
_FLUSHES = (b"killAudio", b'"clear"')


class Phone:
    """Sends nothing before it dialled and the upgrade was answered."""

    def __init__(self, clockwork: Clockwork, port: int, path: str, call: Conversation) -> None:
        self._clockwork = clockwork
        self._port = port
        self._path = path
        self.call = call
        self.link: Link | None = None
        self.dropped = False
        self._head = b""

    def dial(self) -> None:
        self._sock = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.setblocking(False)
        self._clockwork.watch(self._sock, self._upgraded)
        self._sock.send(upgrade_request(f"127.0.0.1:{self._port}", self._path, SUBPROTOCOL))

    def _upgraded(self) -> None:
        data = self._sock.recv(65_536)
        self._head += data
        if data and b"\r\n\r\n" not in self._head:
            return
        self._clockwork.forget(self._sock)
        head, _, rest = self._head.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise BadPeer(f"phone {self.call.number} was not let in: {head[:40]!r}")
        link = Link(self._clockwork, self._sock, is_client=True)
        link.on_message = self._hear
        link.on_gone = self._gone
        metadata = f'{{"callSid":"HD_{self.call.number:08d}","from":"+254700000000","to":"+254711000001"}}'
        link.send(frame(TEXT, metadata.encode(), masked=True))
        self.link = link
        if rest:
            link.take(rest)

    def beat(self, due_ns: int) -> None:
        """20 ms have passed."""
        if self.link is not None and self.link.is_open:
            self.link.send(frame(BINARY, self.call.next_frame(now_ns(), due_ns), masked=True))

    def _hear(self, opcode: int, payload: bytes) -> None:
        if opcode == BINARY:
            self.call.phone_heard(payload, now_ns())
        elif any(flush in payload for flush in _FLUSHES):
            self.call.phone_flushed(now_ns())

    def _gone(self) -> None:
        self.dropped = True

    def hang_up(self) -> None:
        if self.link is not None:
            self.link.close()
