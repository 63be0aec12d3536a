"""The bridge on real sockets and its peers in a test: a raw switch, the tools function behind Lambda Invoke, a carrier to hang up with."""

from __future__ import annotations

import asyncio
import contextlib
import json
import wave
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from bridge.core.session import SessionSettings
from bridge.shell.call_task import CallServices
from bridge.shell.call_trace import Tracing
from bridge.shell.carrier import CarrierHangUp
from bridge.shell.clips import ClipStore, clip_key
from bridge.shell.engines import Engines, gemini, over_socket
from bridge.shell.frame_recorder import FrameStore
from bridge.shell.health import Health
from bridge.shell.outbox import Outbox
from bridge.shell.recorder import Recorder
from bridge.shell.relay import Relay, RelayGate
from bridge.shell.server import Gate, Server
from bridge.shell.stacks import STACKS
from bridge.shell.tool_client import ToolClient, lambda_invoke
from bridge.shell.worker import Exchange

SUBPROTOCOL = Subprotocol("audio.drachtio.org")
TOKEN = "eyJhbGciOiJI.eyJzaWQiOiJI.c2lnbmF0dXJlLW9mLXRlc3Q"
SESSION = "HD_0a1b2c3d4e5f"
FRAME = 640
SPEECH = np.random.default_rng(3).integers(-5_000, 5_000, 320).astype("<i2").tobytes()
CONTEXT: dict[str, Any] = {
    "business": {"id": "corner-shop", "name": "Corner Shop", "zone": "Africa/Nairobi"},
    "session_id": SESSION,
    "direction": "inbound",
    "agent": "booking",
    "language": "en",
    "instructions": "Be brief.",
    "voice": "Kore",
    "tools": [
        {"name": name, "description": name, "parameters": {"type": "object", "properties": {}}, "effect": effect}
        for name, effect in [("findTimes", "read"), ("proposeBooking", "propose"), ("commitProposal", "commit"), ("endCall", "end")]
    ],
    "greeting": "Hello, this is an AI.",
    "recording": False,
    "phrases": {"idle_ask": "Still there?", "goodbye": "Goodbye.", "trouble": "Sorry, something went wrong."},
    "limits": {"max_call_s": 900},
    "stream": {"rate_hz": 16_000, "track": "inbound_track"},
}  # fmt: skip
Tools = Callable[[dict[str, Any]], dict[str, Any]]
STACK = STACKS[0]  # of the phone leg; the fixture `each_stack` sets it


def ok(**result: Any) -> dict[str, Any]:
    return {"ok": True, "result": result}


def refused(kind: str, code: str) -> dict[str, Any]:
    return {"ok": False, "error": {"code": code, "kind": kind, "message": code, "retryable": False}}


@dataclass
class FakeTools:
    """Opens every stream once, answers tools as told, and keeps what it was asked."""

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=lambda: CONTEXT)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(event)
        if event["operation"] == "open":
            if event["token"] != TOKEN:
                return refused("Unauthorized", "token_bad")
            if len(self.of("open", token=TOKEN)) > 1:
                return refused("Conflict", "token_used")
            return ok(call_token="call-token", context=dict(self.context))
        if event["operation"] == "tool":
            return self.answers.get(
                event["tool"], ok(payload={"status": "ok", "say": "Fine."}, nonce=None, end_call=False)
            )
        return ok()

    def of(self, operation: str, **fields: Any) -> list[dict[str, Any]]:
        return [e for e in self.asked if e["operation"] == operation and all(e.get(k) == v for k, v in fields.items())]


class HttpPeer:
    """A small HTTP server on loopback: `answer(method, path, body)` gives status and JSON."""

    def __init__(self, answer: Callable[[str, str, bytes], tuple[int, Any]]) -> None:
        self._answer = answer
        self._exchanges: set[asyncio.Task[Any]] = set()
        self.url = ""

    async def __aenter__(self) -> HttpPeer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.gather(*self._exchanges)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        exchange = asyncio.current_task()
        assert exchange is not None  # start_server makes one per connection
        self._exchanges.add(exchange)
        try:
            await self._exchange(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            self._exchanges.discard(exchange)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head.split("\r\n")[1:])}
            if headers.get("expect") == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, path = head.split(" ")[:2]
            status, reply = self._answer(method, path, body)
            text = json.dumps(reply).encode()
            writer.write(
                f"HTTP/1.1 {status} -\r\nConnection: close\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text
            )
            await writer.drain()


@dataclass
class Bridge:
    """A running bridge and what its peers saw. `log` holds, in order, what ended the call: "hangup" and "closed"."""

    port: int
    health: Health
    hang_ups: list[str]
    log: list[str]
    records: Path
    relay: RelayGate

    def url(self, path: str = "/g/r1/audio", call: str = SESSION, token: str = TOKEN) -> str:
        return f"ws://127.0.0.1:{self.port}{path}?call={call}&token={token}"

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of a plain GET."""
        return await self.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    async def raw(self, request: bytes) -> tuple[int, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        async with asyncio.timeout(10):
            reply = (await reader.read()).decode()
        writer.close()
        return int(reply.split(" ")[1]), reply.partition("\r\n\r\n")[2]

    def events(self, name: str, session_id: str = SESSION) -> list[dict[str, Any]]:
        path = self.records / f"{session_id}.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [line for line in lines if line["event"] == name]


def write_clip(folder: Path, voice: str, text: str, milliseconds: int, level: int = 3_000) -> None:
    folder.mkdir(exist_ok=True)
    with wave.open(str(folder / f"{clip_key(voice, text)}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes((np.ones(milliseconds * 24, dtype="<i2") * level).tobytes())


@contextlib.asynccontextmanager
async def running_bridge(
    model: str | Engines,
    tools: Tools | None,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    settings: SessionSettings | None = None,
    max_calls: int = 50,
    head_within_s: float = 5.0,
    tools_deadline_s: float = 3.0,
    frames: FrameStore | None = None,
    recorder: Recorder | None = None,
    has_relay: bool = False,
    outbox: Outbox | None = None,
    tracing: Tracing | None = None,
) -> AsyncIterator[Bridge]:
    """The production parts, put together as the worker does, on a free port. `model`: Gemini's address, or any other engines."""
    hang_ups: list[str] = []
    log: list[str] = []

    def carrier(method: str, path: str, body: bytes) -> tuple[int, Any]:
        hang_ups.append(path)
        log.append("hangup")
        return 200, {"status": "hung_up"}

    def lambda_door(method: str, path: str, body: bytes) -> tuple[int, Any]:
        assert tools is not None
        return 200, tools(json.loads(body))

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "af-south-1")
    relay = Relay("127.0.0.1", stack=STACK)
    async with HttpPeer(carrier) as carrier_peer, HttpPeer(lambda_door) as door, relay:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", door.url)
        client = None
        if tools is not None:
            client = ToolClient(lambda_invoke("tools:live", tools_deadline_s), tools_deadline_s, "bridge-1")
            client.relay = relay.address if has_relay else ""
        health = Health(max_calls, kept=outbox)
        services = CallServices(
            settings=settings or SessionSettings(),
            engines=Engines({"gemini": over_socket(gemini(model, "key"))}) if isinstance(model, str) else model,
            tools=client,
            carrier=CarrierHangUp(carrier_peer.url, "carrier-key"),
            clips=ClipStore(folder / "clips"),
            health=health,
            records_dir=folder / "records",
            frames=frames,
            recorder=recorder,
            relay=relay.gate,
            outbox=outbox,
            tracing=tracing,
        )
        gate = Gate(health, client, Exchange(services))
        async with Server(gate, "127.0.0.1", 0, head_within_s, stack=STACK) as server:
            yield Bridge(server.port, health, hang_ups, log, folder / "records", relay.gate)
            await until(lambda: not health.calls, "every call is over")
        await services.carrier.close()
        if client is not None:
            client.shut_down()


async def until(true: Callable[[], bool], what: str, within_s: float = 8.0) -> float:
    """Wait until `true()`; returns the seconds it took."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    while not true():
        assert loop.time() - start < within_s, f"not within {within_s} s: {what}"
        await asyncio.sleep(0.005)
    return loop.time() - start


class SwitchClient:
    """A raw switch: sends 20 ms frames in real time, keeps what it gets with times, says what it is told to say."""

    def __init__(self, socket: ClientConnection, log: list[str]) -> None:
        self.socket = socket
        self.received: list[tuple[float, bytes | str]] = []
        self.closed: asyncio.Event = asyncio.Event()
        self._log = log
        self._loop = asyncio.get_running_loop()
        self.opened_s = self._loop.time()
        self._speech_frames = 0
        self._tasks = [asyncio.ensure_future(self._send()), asyncio.ensure_future(self._receive())]

    async def _send(self) -> None:
        next_s = self._loop.time()
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.socket.send(SPEECH if self._speech_frames > 0 else bytes(FRAME))
                self._speech_frames -= 1
                next_s += 0.02
                await asyncio.sleep(max(0.0, next_s - self._loop.time()))

    async def _receive(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in self.socket:
                self.received.append((self._loop.time() - self.opened_s, message))
        self._log.append("closed")
        self.closed.set()

    def speak(self, milliseconds: int) -> None:
        self._speech_frames = milliseconds // 20

    async def says_after_the_agent(self, milliseconds: int = 400, quiet_ms: int = 350) -> None:
        """Wait for the agent to have said something and fallen silent, then speak."""
        seen = len(self.received)
        await until(lambda: any(is_sound(message) for _, message in self.received[seen:]), "the agent speaks", 10)
        await until(lambda: self.silent_for_ms() > quiet_ms, "the agent stops", 20)
        self.speak(milliseconds)

    def silent_for_ms(self) -> float:
        """How long the caller has heard nothing, were everything played as soon as it came."""
        end = 0.0
        for at, message in self.received:
            if isinstance(message, bytes) and is_sound(message):
                end = max(end, at) + len(message) / 2 / 16_000
        return (self._loop.time() - self.opened_s - end) * 1000

    async def first_sound_s(self) -> float:
        await until(lambda: any(is_sound(message) for _, message in self.received), "the first sound")
        return next(at for at, message in self.received if is_sound(message))

    async def hang_up(self, code: int = 1000) -> None:
        await self.socket.close(code)

    def abort(self) -> None:
        self.socket.transport.abort()

    async def stop(self) -> None:
        await self.socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def is_sound(message: bytes | str) -> bool:
    return isinstance(message, bytes) and any(message)


@contextlib.asynccontextmanager
async def switch_call(
    bridge: Bridge, url: str = "", metadata: Mapping[str, Any] | None = None
) -> AsyncIterator[SwitchClient]:
    socket = await connect(url or bridge.url(), subprotocols=[SUBPROTOCOL], compression=None, ping_interval=None)
    if metadata is not None:
        await socket.send(json.dumps(metadata))
    switch = SwitchClient(socket, bridge.log)
    try:
        yield switch
    finally:
        await switch.stop()
