"""The listening half of a model's stand-in: a WebSocket server on a loopback port. What is spoken there is its subclass's business."""

from __future__ import annotations

import ssl
from collections import deque
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

FAILURES_KEPT = 100


class ModelServer:
    """`failures` keeps what handlers raised, so that a test can look at it. refuse_status: while set, it answers every handshake."""

    def __init__(self, host: str, port: int, tls: tuple[Path | str, Path | str] | None) -> None:
        self._host, self._port = host, port
        self._context: ssl.SSLContext | None = None
        if tls is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*tls)
        self._server: Server | None = None
        self.connections = 0  # accepted since the start
        self.active = 0
        self.refuse_status: int | None = None
        self.failures: deque[Exception] = deque(maxlen=FAILURES_KEPT)

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._session,
            self._host,
            self._port,
            ssl=self._context,
            process_request=self._door,
            compression=None,
            max_size=None,
            ping_interval=None,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None  # entered
        self._server.close()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        return self._port

    def _address(self, scheme: str, path: str = "") -> str:
        """`scheme` is http or ws; with TLS it becomes https or wss."""
        return f"{scheme}{'s' if self._context else ''}://{self._host}:{self._port}{path}"

    def _door(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.refuse_status is not None:
            return connection.respond(HTTPStatus(self.refuse_status), "refused\n")
        return self._admit(connection, request)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """None lets the client in."""
        raise NotImplementedError

    async def _session(self, connection: ServerConnection) -> None:
        """One client, until it leaves."""
        raise NotImplementedError
