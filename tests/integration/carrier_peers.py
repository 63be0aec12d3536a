"""What stands around the simulated carrier in its own tests: a voice application, a media server, and people with tones for voices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl
from xml.sax.saxutils import quoteattr

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from local.carrier.rest import RestServer

EMPTY = "<Response></Response>"
RINGING = ("Ringing", "Answered")


@dataclass(frozen=True)
class Received:
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def state(self) -> str:
        return self.fields.get("callSessionState", "")


@dataclass
class VoiceApp:
    """Answers the first state with `document`, and others with what `documents` says, or nothing."""

    document: str = EMPTY
    documents: dict[str, str] = field(default_factory=dict)
    status: int = 200
    media_type: str = "text/xml"
    delay_s: float = 0.0
    received: list[Received] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by every POST that asks for a call's document, once the answer is chosen."""
    url: str = ""

    @property
    def voice_url(self) -> str:
        return f"{self.url}/voice"

    def at(self, path: str) -> list[Received]:
        return [one for one in self.received if one.path == path]

    async def answer(self, request: Request) -> Response:
        one = Received(request.url.path, request.url.query, dict(request.headers), await request.body())
        self.received.append(one)
        await asyncio.sleep(self.delay_s)
        if one.path != "/voice":
            return Response("", 200)
        known = self.document if one.state in RINGING else EMPTY
        if one.state in RINGING:
            self.asked.set()
        return Response(self.documents.get(one.state, known), self.status, media_type=self.media_type)


@asynccontextmanager
async def voice_app(document: str = EMPTY, **settings: object) -> AsyncIterator[VoiceApp]:
    app = VoiceApp(document, **settings)  # type: ignore[arg-type]  # a test writes its keywords right or fails at once
    server = RestServer(Starlette(routes=[Route("/{rest:path}", app.answer, methods=["POST"])]), 0)
    await server.start()
    app.url = f"http://127.0.0.1:{server.port}"
    try:
        yield app
    finally:
        await server.stop()


@dataclass
class MediaServer:
    """Records everything; `conduct` is the behaviour of one stream (default: listen until the end)."""

    conduct: Callable[[ServerConnection], Awaitable[None]] | None = None
    url: str = ""
    request_lines: list[str] = field(default_factory=list)
    request_headers: list[list[tuple[str, str]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)
    close_codes: list[int | None] = field(default_factory=list)
    hears: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by the first binary message."""

    async def handle(self, ws: ServerConnection) -> None:
        assert ws.request is not None
        self.request_lines.append(ws.request.path)
        self.request_headers.append(list(ws.request.headers.raw_items()))
        conductor = None if self.conduct is None else asyncio.create_task(self._conduct(ws))
        try:
            async for message in ws:
                if isinstance(message, str):
                    self.texts.append(message)
                else:
                    self.sizes.append(len(message))
                    self.audio += message
                    self.hears.set()
        except ConnectionClosed:
            pass  # the close code says how
        finally:
            self.close_codes.append(ws.close_code)
            if conductor is not None:
                conductor.cancel()

    async def _conduct(self, ws: ServerConnection) -> None:
        assert self.conduct is not None
        try:
            await self.conduct(ws)
        except ConnectionClosed:
            return


@asynccontextmanager
async def media_server(
    conduct: Callable[[ServerConnection], Awaitable[None]] | None = None,
) -> AsyncIterator[MediaServer]:
    media = MediaServer(conduct)
    subprotocols = [Subprotocol("audio.drachtio.org")]
    async with serve(media.handle, "127.0.0.1", 0, subprotocols=subprotocols, compression=None) as server:
        media.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/audio?call=1"
        yield media


def stream_xml(url: str, behind: str = "", **attributes: str) -> str:
    """A Stream document with everything explicit; an attribute given as "" is left out."""
    given = {
        "url": url,
        "connect": "true",
        "track": "inbound_track",
        "outputSamplingRate": "16000",
        "bidirectionalSamplingRate": "16000",
        **attributes,
    }
    inside = " ".join(f"{name}={quoteattr(value)}" for name, value in given.items() if value)
    return f'<?xml version="1.0" encoding="UTF-8"?><Response><Stream {inside}/>{behind}</Response>'


def sine(duration_ms: int, frequency_hz: float = 440.0, amplitude: int = 8000, rate_hz: int = 16_000) -> bytes:
    at = np.arange(rate_hz * duration_ms // 1000) / rate_hz
    return np.rint(amplitude * np.sin(2 * np.pi * frequency_hz * at)).astype("<i2").tobytes()


class Person:
    """Says `says` from the first moment on, keeps what it hears, hangs up after `stays_ms` of the call."""

    def __init__(self, stays_ms: int = 400, says: bytes = b"") -> None:
        self.hung_up = False
        self.is_answered = self.is_over = False
        self.heard = bytearray()
        self.said = bytearray()
        self._says, self._stays_ms = says, stays_ms

    def answered(self) -> None:
        self.is_answered = True

    def speak(self, samples: int) -> bytes:
        frame, self._says = self._says[: 2 * samples], self._says[2 * samples :]
        self.said += frame.ljust(2 * samples, b"\0")
        return frame.ljust(2 * samples, b"\0")

    def hear(self, pcm: bytes) -> None:
        self.heard += pcm
        self.hung_up = self.hung_up or len(self.heard) // 32 >= self._stays_ms

    def ended(self) -> None:
        self.is_over = True
