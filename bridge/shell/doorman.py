"""Reads the head of each request before a WebSocket stack sees the connection, because stacks answer an upgrade at once and a stream token
must be checked (by a network call) before that. An admitted connection is handed over with every byte that has arrived.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qsl

from bridge.shell.phone import PhoneListener, TakeOver, Upgrade

HEAD_LIMIT_BYTES = 16 * 1024  # path and query alone may have 4 KiB
HEAD_WITHIN_S = 8.0
_EARLY_BYTES = 256 * 1024  # audio sent before the answer
_KEY_BYTES = 16


class BadRequest(Exception):
    """Not an HTTP request that the bridge reads."""


@dataclass(frozen=True, slots=True)
class Request:
    """Header names are in lower case. The query holds the stream token: never log it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def is_upgrade(self) -> bool:
        """RFC 6455 §4.2.1, as far as a stack would refuse it after the token was spent."""
        try:
            key = b64decode(self.headers.get("sec-websocket-key", ""), validate=True)
        except ValueError:
            return False
        return (
            len(key) == _KEY_BYTES
            and self.headers.get("upgrade", "").lower() == "websocket"
            and "upgrade" in self.headers.get("connection", "").lower()
            and self.headers.get("sec-websocket-version") == "13"
        )

    @property
    def subprotocols(self) -> tuple[str, ...]:
        return tuple(item.strip() for item in self.headers.get("sec-websocket-protocol", "").split(",") if item.strip())


def parse_request(head: bytes) -> Request:
    """`head` without its last empty line. Raises BadRequest."""
    try:
        lines = head.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        raise BadRequest("not ASCII") from None
    words = lines[0].split(" ")
    if len(words) != 3 or words[2] != "HTTP/1.1" or not words[1].startswith("/"):
        raise BadRequest("no request line")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest("malformed header")
        headers[name.lower()] = value.strip()
    path, _, query = words[1].partition("?")
    return Request(words[0], path, dict(parse_qsl(query, max_num_fields=32)), headers)


@dataclass(frozen=True, slots=True)
class Answer:
    """A plain HTTP answer, after which the connection closes."""

    status: HTTPStatus
    body: str = ""

    def to_bytes(self) -> bytes:
        body = (self.body or f"{self.status.phrase}\n").encode()
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body


@dataclass(frozen=True, slots=True)
class Admitted:
    """`listener` takes the stream. `abandoned` is called instead if the peer left before it could."""

    listener: PhoneListener
    abandoned: Callable[[], None]


Decide = Callable[[Request], Awaitable[Answer | Admitted]]
Spawn = Callable[[Coroutine[object, object, None]], asyncio.Task[None]]


class Doorman(asyncio.Protocol):
    """One connection until it is refused, answered, or handed over to a WebSocket stack."""

    def __init__(self, decide: Decide, spawn: Spawn, take_over: TakeOver, head_within_s: float = HEAD_WITHIN_S) -> None:
        self._head_within_s = head_within_s
        self._decide = decide
        self._spawn = spawn
        self._take_over = take_over
        self._received = bytearray()
        self._head_end = -1
        self._lost = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # aiofastnet's only quacks like one
        self._timer = asyncio.get_running_loop().call_later(self._head_within_s, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._head_end >= 0:
            if len(self._received) > _EARLY_BYTES:
                self._transport.abort()
            return
        self._head_end = self._received.find(b"\r\n\r\n")
        if self._head_end < 0:
            if len(self._received) > HEAD_LIMIT_BYTES:
                self._refuse(Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
            return
        try:
            request = parse_request(bytes(self._received[: self._head_end]))
        except (BadRequest, ValueError):
            self._refuse(Answer(HTTPStatus.BAD_REQUEST))
            return
        self._spawn(self._admit(request))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, answer: Answer) -> None:
        self._stop_timer()
        if not self._lost:
            self._transport.write(answer.to_bytes())
            self._transport.close()

    async def _admit(self, request: Request) -> None:
        decision = await self._decide(request)
        if isinstance(decision, Answer):
            self._refuse(decision)
        elif self._lost or self._transport.is_closing():
            decision.abandoned()
        else:
            self._stop_timer()
            early = bytes(self._received[self._head_end + 4 :])
            self._received.clear()
            upgrade = Upgrade(request.path, request.headers["sec-websocket-key"], early)
            self._take_over(self._transport, upgrade, decision.listener)
