"""A server that speaks the Gemini Live wire; what it says is decided by a handler, one coroutine per session.

    async def handler(session: LiveSession) -> None:
        async for event in session:  # AudioIn, TextIn, ToolAnswer, … see local.live_wire
            await session.audio(pcm24k)

    async with LiveServer(handler) as server:
        connect_to(server.url)

Server JSON goes out in binary frames, as Google sends it. The handler's end closes the socket with 1000.
"""

from __future__ import annotations

import base64
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import cycle
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from local.live_wire import (
    ActivityEnd,
    ActivityStart,
    AudioIn,
    AudioStreamEnd,
    BadMessage,
    ClientEvent,
    ContentIn,
    ContextUpdate,
    TextIn,
    ToolAnswer,
    parse_message,
    parse_setup,
)
from local.model_server import ModelServer

__all__ = [
    "ActivityEnd",
    "ActivityStart",
    "AudioIn",
    "AudioStreamEnd",
    "BadMessage",
    "ClientEvent",
    "ContentIn",
    "ContextUpdate",
    "LiveServer",
    "LiveSession",
    "TextIn",
    "ToolAnswer",
]

OUTPUT_RATE_HZ = 24_000
PATHS = tuple(
    f"/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent"
    for version in ("v1beta", "v1", "v1alpha")
)
_REASON_LIMIT_BYTES = 123  # RFC 6455 §5.5: a control frame carries at most 125 bytes, two of them the close code

log = logging.getLogger(__name__)


def _reason(text: str) -> str:
    return text.encode()[:_REASON_LIMIT_BYTES].decode(errors="ignore")


@dataclass(eq=False)
class LiveSession:
    """One connected client. Iterate it in one task; send from any task of the same loop.

    Every method that sends raises `websockets.exceptions.ConnectionClosed` once the client is gone; the iteration just ends.
    """

    connection: ServerConnection
    setup: dict[str, Any]
    path: str
    number: int  # 1 for the server's first connection
    pretty: bool = False
    _waiting: deque[ClientEvent] = field(default_factory=deque)

    @property
    def handle(self) -> str | None:
        """The resumption handle the client came back with."""
        resumption = self.setup.get("sessionResumption") or {}
        handle = resumption.get("handle")
        return handle if isinstance(handle, str) and handle else None

    @property
    def headers(self) -> Mapping[str, str]:
        assert self.connection.request is not None  # set by the handshake
        return self.connection.request.headers

    @property
    def closed(self) -> bool:
        return self.connection.close_code is not None

    def __aiter__(self) -> AsyncIterator[ClientEvent]:
        return self

    async def __anext__(self) -> ClientEvent:
        """The next thing the client said. Raises BadMessage (the server then closes with 1007)."""
        while not self._waiting:
            try:
                frame = await self.connection.recv()
            except ConnectionClosed:
                raise StopAsyncIteration from None
            self._waiting.extend(parse_message(_json(frame)))
        return self._waiting.popleft()

    async def send(self, message: Mapping[str, Any]) -> None:
        """One server message as it stands, in a binary frame."""
        layout: dict[str, Any] = {"indent": 2} if self.pretty else {"separators": (",", ":")}
        await self.connection.send(json.dumps(message, **layout).encode())

    async def complete_setup(self) -> None:
        await self.send({"setupComplete": {}})

    async def audio(self, pcm24k: bytes, chunk_ms: float | Sequence[float] = 40) -> None:
        """Mono PCM16 at 24 kHz, cut into chunks of `chunk_ms` (a sequence is repeated), sent without pacing."""
        sizes = cycle([chunk_ms] if isinstance(chunk_ms, int | float) else list(chunk_ms))
        start = 0
        while start < len(pcm24k):
            end = start + 2 * max(1, round(next(sizes) * OUTPUT_RATE_HZ / 1000))
            await self.send(audio_message(pcm24k[start:end]))
            start = end

    async def interrupted(self) -> None:
        """The caller spoke over the reply. Google sends no generationComplete for it, but a turnComplete."""
        await self.send({"serverContent": {"interrupted": True}})

    async def generation_complete(self) -> None:
        await self.send({"serverContent": {"generationComplete": True}})

    async def turn_complete(self, usage: Mapping[str, Any] | None = None) -> None:
        message: dict[str, Any] = {"serverContent": {"turnComplete": True}}
        if usage is not None:
            message["usageMetadata"] = dict(usage)
        await self.send(message)

    async def input_transcription(self, text: str) -> None:
        await self.send({"serverContent": {"inputTranscription": {"text": text}}})

    async def output_transcription(self, text: str) -> None:
        await self.send({"serverContent": {"outputTranscription": {"text": text}}})

    async def tool_call(self, calls: Sequence[Mapping[str, Any]]) -> None:
        """calls: {"id", "name", "args"} each."""
        await self.send({"toolCall": {"functionCalls": [dict(call) for call in calls]}})

    async def tool_call_cancellation(self, ids: Sequence[str]) -> None:
        await self.send({"toolCallCancellation": {"ids": list(ids)}})

    async def go_away(self, seconds: float) -> None:
        """The connection will end in so many seconds; a protobuf Duration on the wire."""
        await self.send({"goAway": {"timeLeft": f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"}})

    async def resumption(self, handle: str, resumable: bool = True) -> None:
        await self.send({"sessionResumptionUpdate": {"newHandle": handle, "resumable": resumable}})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self.connection.close(code, _reason(reason))

    def abort(self) -> None:
        """Cut the TCP connection without a closing handshake: the client sees 1006."""
        self.connection.transport.abort()


def audio_message(pcm24k: bytes) -> dict[str, Any]:
    """One serverContent message with one chunk of audio."""
    blob = {"mimeType": f"audio/pcm;rate={OUTPUT_RATE_HZ}", "data": base64.b64encode(pcm24k).decode()}
    return {"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}}}


def _json(frame: str | bytes) -> Any:
    try:
        return json.loads(frame)
    except ValueError as error:  # includes UnicodeDecodeError
        raise BadMessage(f"not JSON: {error}") from error


Handler = Callable[[LiveSession], Awaitable[None]]


class LiveServer(ModelServer):
    """Serves `handler` on a loopback port. `failures` keeps what handlers raised, so that a test can look at it.

    auto_setup: answer the setup by itself; otherwise the handler calls `complete_setup` (or never does).
    refuse_status: while set, every handshake is refused with this HTTP status.
    """

    def __init__(
        self,
        handler: Handler,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: tuple[Path | str, Path | str] | None = None,
        *,
        auto_setup: bool = True,
        pretty: bool = False,
    ) -> None:
        super().__init__(host, port, tls)
        self._handler, self._auto_setup, self._pretty = handler, auto_setup, pretty

    @property
    def base_url(self) -> str:
        """What to give an SDK as its base URL."""
        return self._address("http")

    @property
    def url(self) -> str:
        return self._address("ws", PATHS[0])

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        # SDKs join "…/" and "/ws/…" without a thought, so the real service is asked for //ws/… most of the time.
        if "/" + path.lstrip("/") not in PATHS:
            return connection.respond(HTTPStatus.NOT_FOUND, f"no such method: {path}\n")
        return None

    async def _session(self, connection: ServerConnection) -> None:
        self.connections += 1
        number = self.connections
        self.active += 1
        try:
            await self._converse(connection, number)
        except BadMessage as error:
            await connection.close(1007, _reason(f"Request contains an invalid argument. {error}"))
        except ConnectionClosed:
            pass  # the client left while we spoke: the call is over
        except Exception as error:  # the door of the call task
            log.exception("session %d failed", number)
            self.failures.append(error)
            await connection.close(1011, "Internal error encountered.")
        finally:
            self.active -= 1

    async def _converse(self, connection: ServerConnection, number: int) -> None:
        setup = parse_setup(_json(await connection.recv()))
        assert connection.request is not None  # set by the handshake
        session = LiveSession(connection, setup, connection.request.path, number, self._pretty)
        if self._auto_setup:
            await session.complete_setup()
        await self._handler(session)
