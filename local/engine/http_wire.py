"""A small HTTP/1.1 server whose answers can be streamed, and cut off in the middle: `answer(request, reply)` serves each request."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

_HEAD_LIMIT_BYTES = 64 * 1024
_BODY_LIMIT_BYTES = 16 * 1024 * 1024
_FAILURES_KEPT = 100


class BadRequest(Exception):
    """The client's fault; the text says which."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def json(self) -> dict[str, Any]:
        """Raises BadRequest."""
        try:
            value = json.loads(self.body)
        except ValueError as problem:
            raise BadRequest(f"not JSON: {problem}") from problem
        if not isinstance(value, dict):
            raise BadRequest("not a JSON object")
        return value

    def form(self) -> dict[str, bytes]:
        """The parts of a multipart form, by name. Raises BadRequest."""
        kind = self.headers.get("content-type", "")
        if not kind.startswith("multipart/form-data"):
            raise BadRequest("not multipart/form-data")
        message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + self.body)
        parts = {}
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            payload = part.get_payload(decode=True)
            if isinstance(name, str) and isinstance(payload, bytes):
                parts[name] = payload
        return parts


@dataclass(eq=False)
class Reply:
    """The answer under way. Every method that sends raises ConnectionError once the client is gone."""

    writer: asyncio.StreamWriter
    begun: bool = field(default=False, init=False)

    async def json(self, status: int, body: Mapping[str, Any]) -> None:
        text = json.dumps(body, ensure_ascii=False).encode()
        self._head(status, "application/json", f"Content-Length: {len(text)}")
        self.writer.write(text)
        await self.writer.drain()

    async def error(self, status: int, message: str) -> None:
        await self.json(status, {"error": {"message": message, "type": HTTPStatus(status).phrase, "code": status}})

    async def stream(self, media_type: str) -> None:
        self._head(HTTPStatus.OK, media_type, "Transfer-Encoding: chunked")
        await self.writer.drain()

    async def piece(self, data: bytes) -> None:
        if data:
            self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
            await self.writer.drain()

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    def _head(self, status: int, media_type: str, length: str) -> None:
        self.begun = True
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {media_type}\r\n{length}\r\n\r\n"
        self.writer.write(head.encode())

    def cut(self) -> None:
        """Abort the TCP connection. Raises ConnectionAbortedError, because there is no more of this exchange."""
        self.writer.transport.abort()
        raise ConnectionAbortedError


Answer = Callable[[Request, Reply], Coroutine[Any, Any, None]]


class HttpServer:
    """Serves on a loopback port. `failures` keeps what handlers raised, so that a test can look at it."""

    def __init__(self, answer: Answer, host: str = "127.0.0.1", port: int = 0) -> None:
        self._answer, self._host, self._port = answer, host, port
        self._connections: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}
        self.connections = 0  # accepted since the start
        self.failures: deque[BaseException] = deque(maxlen=_FAILURES_KEPT)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=_HEAD_LIMIT_BYTES)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._connections.values():
            writer.transport.abort()
        if self._connections:
            await asyncio.wait(tuple(self._connections))

    @property
    def active(self) -> int:
        """Connections that are open."""
        return len(self._connections)

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # start_server makes one per connection
        self.connections += 1
        self._connections[task] = writer
        task.add_done_callback(self._ended)
        try:
            begun: bytes | None = b""
            while begun is not None:
                begun = await self._exchange(begun, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left, or was cut off: nothing is owed to it
        finally:
            del self._connections[task]
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """What a handler raised is logged by asyncio, which then closes the connection."""
        if not task.cancelled() and (problem := task.exception()) is not None:
            self.failures.append(problem)

    async def _exchange(self, begun: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        """One request, of which `begun` was read already; returns what was read of the next one, None if there will be none."""
        reply = Reply(writer)
        try:
            request = await _read(begun, reader)
            begun = await self._answered(request, reply, reader)
        except BadRequest as problem:
            if not reply.begun:
                await reply.error(HTTPStatus.BAD_REQUEST, str(problem))
            return None
        return None if request.headers.get("connection", "").lower() == "close" else begun

    async def _answered(self, request: Request, reply: Reply, reader: asyncio.StreamReader) -> bytes:
        """Answer, unless the client leaves before the answer is complete: then nobody works for it any more."""
        answering = asyncio.ensure_future(self._answer(request, reply))
        more = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait((answering, more), return_when=asyncio.FIRST_COMPLETED)
            if more.done() and not more.result():
                raise ConnectionResetError
            await answering
            return more.result() if more.done() else b""
        finally:
            for task in (answering, more):
                task.cancel()
            await asyncio.gather(answering, more, return_exceptions=True)


async def _read(begun: bytes, reader: asyncio.StreamReader) -> Request:
    """Raises BadRequest, IncompleteReadError at the end of the connection."""
    try:
        head = (begun + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError as problem:
        raise BadRequest("the head is too long") from problem
    first, *lines = head.split("\r\n")
    words = first.split(" ")
    if len(words) != 3:
        raise BadRequest("no request line")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdigit() or int(length) > _BODY_LIMIT_BYTES:
        raise BadRequest("a body of known length is wanted, at most 16 MB")
    return Request(words[0], words[1].partition("?")[0], headers, await reader.readexactly(int(length)))
