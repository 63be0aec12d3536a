"""The front door: which requests there are, who may stream, and how many at once."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Protocol

import aiofastnet

from bridge.core.context import CallContext
from bridge.shell.doorman import HEAD_WITHIN_S, Admitted, Answer, Decide, Doorman, Request
from bridge.shell.health import Health
from bridge.shell.stacks import STACKS, take_over_by
from bridge.shell.tool_client import Opened, ToolClient
from bridge.wire.audio_fork import SUBPROTOCOL
from pokea.errors import CallError, Conflict, Denied, Indeterminate, NotFound, RejectedInput, Unauthorized, Unavailable

_STREAM_PATH = re.compile(r"(/g/[A-Za-z0-9][A-Za-z0-9._-]{0,63})?/audio")
SESSION_ID = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
)  # names files as well; narrower than pokea.ids.SESSION_ID_PATTERN
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}")
_TOKEN_CHARS = 2_048
_STATUS: dict[type[CallError], HTTPStatus] = {
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Denied: HTTPStatus.FORBIDDEN,
    Conflict: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.FORBIDDEN,
    RejectedInput: HTTPStatus.FORBIDDEN,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    Indeterminate: HTTPStatus.SERVICE_UNAVAILABLE,
}
log = logging.getLogger(__name__)


class Switchboard(Protocol):
    """What makes calls out of admitted streams."""

    def connect(self, request: Request, session_id: str, opened: Opened) -> Admitted: ...


class Gate:
    """Checks in the order of cost: path, subprotocol, places, shape of the token, and only then the token itself."""

    def __init__(self, health: Health, tools: ToolClient | None, switchboard: Switchboard) -> None:
        self._health = health
        self._tools = tools  # None: streams need no token, which the settings allow on loopback only
        self._switchboard = switchboard

    async def decide(self, request: Request) -> Answer | Admitted:
        if request.method != "GET":
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED)
        if request.path == "/livez":
            return Answer(HTTPStatus.OK, "alive\n")
        if request.path == "/readyz":
            ready = HTTPStatus.OK if self._health.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
            return Answer(ready, self._health.words())
        refusal = self._refusal(request)
        if refusal is not None:
            self._health.count_refusal(str(refusal.status.value))
            return refusal
        return await self._open(request)

    def _refusal(self, request: Request) -> Answer | None:
        if not _STREAM_PATH.fullmatch(request.path):
            return Answer(HTTPStatus.NOT_FOUND)
        if not request.is_upgrade:
            return Answer(HTTPStatus.UPGRADE_REQUIRED)
        if SUBPROTOCOL not in request.subprotocols:
            return Answer(HTTPStatus.BAD_REQUEST, f"the subprotocol must be {SUBPROTOCOL}\n")
        if not self._health.is_ready:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, self._health.words())
        if self._tools is None:
            return None
        token = request.query.get("token", "")
        if len(token) > _TOKEN_CHARS or not _TOKEN.fullmatch(token):
            return Answer(HTTPStatus.UNAUTHORIZED)
        if not SESSION_ID.fullmatch(request.query.get("call", "")):
            return Answer(HTTPStatus.BAD_REQUEST, "no call in the query\n")
        return None

    async def _open(self, request: Request) -> Answer | Admitted:
        session_id = request.query.get("call", "")
        if not SESSION_ID.fullmatch(session_id):
            session_id = ""
        if self._tools is None:
            return self._switchboard.connect(request, session_id, Opened("", CallContext()))
        self._health.admitting += 1
        try:
            opened = await self._tools.open(session_id, request.query["token"])
        except CallError as problem:
            status = _STATUS.get(type(problem), HTTPStatus.SERVICE_UNAVAILABLE)
            self._health.count_refusal(problem.code)
            log.info("stream of %s refused: %s", session_id, problem.code)
            return Answer(status)
        finally:
            self._health.admitting -= 1
        return self._switchboard.connect(request, session_id, opened)


class Door(Protocol):
    @property
    def decide(self) -> Decide: ...


class Server:
    """Listens; where `shared` with SO_REUSEPORT, so that several workers have one port."""

    def __init__(
        self,
        gate: Door,
        host: str,
        port: int,
        head_within_s: float = HEAD_WITHIN_S,
        *,
        stack: str = STACKS[0],
        shared: bool = True,
    ) -> None:
        self._shared = shared
        self._head_within_s = head_within_s
        self._take_over = take_over_by(stack)
        self._gate = gate
        self._host = host
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Server:
        await self.listen()
        return self

    async def listen(self) -> None:
        """Raises OSError."""
        self._server = await aiofastnet.create_server(
            asyncio.get_running_loop(), self._doorman, self._host, self._port, reuse_port=self._shared, backlog=1_024
        )

    def stop_listening(self) -> None:
        """What is connected stays."""
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def is_listening(self) -> bool:
        return self._server is not None

    async def __aexit__(self, *_: object) -> None:
        self.stop_listening()
        for task in tuple(self._tasks):
            task.cancel()

    @property
    def port(self) -> int:
        assert self._server is not None  # listening
        return int(self._server.sockets[0].getsockname()[1])

    def _doorman(self) -> Doorman:
        return Doorman(self._gate.decide, self._spawn, self._take_over, self._head_within_s)

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
