"""How each engine is reached: from its name to a link that can be opened, past a circuit breaker that all calls of a worker share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeAlias
from urllib.parse import urlsplit

from bridge.core.breaker import Breaker, Circuit
from bridge.core.frames import Buffer, LegCommand, Loss, ModelEvent, ModelLost, ModelReady, OpenModel
from bridge.shell.model_link import MakeLink, ModelLink, OnEvents, OnLost, Tap
from bridge.shell.socket_link import Headers, SocketLink, SocketTarget
from bridge.wire import gemini_live
from bridge.wire.openai_realtime import DIALECTS, OpenAIRealtime, realtime_url

Key: TypeAlias = str | Callable[[], str]  # a function where it may be replaced while the process lives


class Engines:
    """The engines that this bridge is set up for, by name. `on_refused`: is told of a key, a model or an address that one does not take."""

    def __init__(self, makers: Mapping[str, MakeLink], closers: Sequence[Callable[[], Awaitable[None]]] = ()) -> None:
        """`closers` release what the engines share, at the end of the process."""
        self.makers = dict(makers)
        self.breakers = {name: Breaker() for name in makers}
        self.on_refused: Callable[[], None] = lambda: None
        self._closers = closers

    async def close(self) -> None:
        for close in self._closers:
            await close()

    def link(self, engine: str, number: int, on_events: OnEvents, on_lost: OnLost) -> ModelLink:
        """A link to be opened at once. One that may not be tried is a link whose opening fails at once."""
        maker, breaker = self.makers.get(engine), self.breakers.get(engine)
        if maker is None or breaker is None:
            return _Refused(number, on_lost, "not configured", Loss.REFUSED)
        if not breaker.admit(_now_ms()):
            # Of a key that nobody takes, callers need not wait for their turn to be refused.
            return _Refused(number, on_lost, "circuit open", breaker.why)
        witness = _Witness(breaker, on_events, on_lost, self.on_refused)
        return maker(number, witness.heard, witness.lost)

    def open_circuits(self) -> list[str]:
        """The engines that are not tried at the moment."""
        return [name for name, breaker in self.breakers.items() if breaker.circuit is not Circuit.CLOSED]


class _Witness:
    """Tells the breaker what became of one connection, and passes everything on."""

    __slots__ = ("_breaker", "_known", "_on_events", "_on_lost", "_on_refused")

    def __init__(self, breaker: Breaker, on_events: OnEvents, on_lost: OnLost, on_refused: Callable[[], None]) -> None:
        self._breaker = breaker
        self._on_events = on_events
        self._on_lost = on_lost
        self._on_refused = on_refused
        self._known = False

    def heard(self, link: ModelLink, events: Sequence[ModelEvent]) -> None:
        if not self._known and any(isinstance(event, ModelReady) for event in events):
            self._known = True
            self._breaker.succeeded(_now_ms())
        self._on_events(link, events)

    def lost(self, event: ModelLost) -> None:
        self._breaker.failed(event.loss, _now_ms())
        if event.loss is Loss.REFUSED:
            self._on_refused()
        self._on_lost(event)


class _Refused:
    """A link that is never opened."""

    has_wire = False

    def __init__(self, number: int, on_lost: OnLost, reason: str, loss: Loss) -> None:
        self.number = number
        self.tap: Tap | None = None
        self._on_lost: OnLost | None = on_lost
        self._lost = ModelLost(number, 0, reason, loss)

    async def open(self, order: OpenModel) -> None:
        if self._on_lost is not None:
            self._on_lost(self._lost)

    def send_audio(self, frames: Iterable[Buffer]) -> None:
        pass

    def obey(self, command: LegCommand) -> None:
        pass

    def close(self) -> None:
        self._on_lost = None


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000


def over_socket(target: SocketTarget) -> MakeLink:
    return lambda number, on_events, on_lost: SocketLink(number, target, on_events, on_lost)


def gemini(url: str, api_key: Key, ca_file: str = "") -> SocketTarget:
    """Gemini Live by the Developer API. A URL without a path means the service's own path. Raises OSError for an unreadable CA file."""
    if urlsplit(url).path in ("", "/"):
        url = url.rstrip("/") + urlsplit(gemini_live.DEFAULT_URL).path
    return SocketTarget.of(url, gemini_live.GeminiLive, _showing(api_key, "x-goog-api-key"), ca_file=ca_file)


def gemini_on_vertex(
    project: str, location: str, headers: Callable[[], Awaitable[Headers]], url: str = "", ca_file: str = ""
) -> SocketTarget:
    """Gemini Live by Vertex AI, or by a stand-in at `url`. Raises OSError for an unreadable CA file."""
    codec = partial(gemini_live.GeminiLive, vertex_parent(project, location))
    return SocketTarget.of(url or gemini_live.vertex_url(location), codec, headers, ca_file=ca_file)


def vertex_parent(project: str, location: str) -> str:
    return f"projects/{project}/locations/{location}"


def openai_realtime(base: str, model: str, api_key: Key, dialect: str = "openai", ca_file: str = "") -> SocketTarget:
    """OpenAI Realtime, or a server that speaks its wire in `dialect`. Raises OSError for an unreadable CA file."""
    headers = _showing(api_key, "authorization", "Bearer ")
    return SocketTarget.of(
        realtime_url(base, model), partial(OpenAIRealtime, DIALECTS[dialect]), headers, ca_file=ca_file
    )


def _showing(key: Key, header: str, before: str = "") -> Callable[[], Awaitable[Headers]]:
    async def headers() -> Headers:
        value = key() if callable(key) else key
        return ((header, before + value),) if value else ()

    return headers
