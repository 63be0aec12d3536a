"""A cascade link on real sockets and its peers in a test: scripted services, and a session that keeps what it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bridge.core.frames import (
    BeginCallerTurn,
    EndCallerTurn,
    ModelEvent,
    ModelLost,
    ModelSetup,
    OpenModel,
    ToolDeclaration,
    TurnDetection,
)
from bridge.shell.cascade_link import CascadeLink, CascadeTarget, Deadlines, Service
from bridge.shell.model_link import ModelLink
from local.engine.dialogue import Act, Say
from local.engine.http_kills import HttpKills
from local.engine.http_service import HttpEngine
from local.engine.http_wire import HttpServer
from tests.integration.bridge_peers import until

E = TypeVar("E")
FRAME = bytes(640)
TOOLS = (ToolDeclaration("findTimes", "Free times.", {"type": "object", "properties": {}}),)
Answers = Callable[[Sequence[Mapping[str, Any]]], Sequence[Act]]


def echo(messages: Sequence[Mapping[str, Any]]) -> Sequence[Act]:
    return [Say(f"You said {messages[-1]['content']}. Is that all?")]


@dataclass
class ScriptedServices:
    """`words`: what the recogniser understands, one turn after another. Speech is as long as its text: 60 ms per character.

    `pauses`: (stage, seconds) to wait before an answer; `holds_speech`: set, speech stops after its first piece.
    """

    words: Sequence[str] = ("hello",)
    answers: Answers = echo
    pauses: dict[str, float] = field(default_factory=dict)
    holds_speech: bool = False
    first_speech_takes_s: float = 0
    cut_off: list[str] = field(default_factory=list)  # what was being spoken when the client left
    spoken: list[str] = field(default_factory=list)
    conversations: list[Sequence[Mapping[str, Any]]] = field(default_factory=list)
    heard_bytes: list[int] = field(default_factory=list)

    async def transcribe(self, wav: bytes, prompt: str, language: str) -> str:
        self.heard_bytes.append(len(wav) - 44)
        await asyncio.sleep(self.pauses.get("transcription", 0))
        return self.words[min(len(self.heard_bytes), len(self.words)) - 1]

    async def complete(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> Sequence[Act]:
        self.conversations.append([message for message in messages if message["role"] != "system"])
        await asyncio.sleep(self.pauses.get("completion", 0))
        return self.answers(messages)

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        self.spoken.append(text)
        await asyncio.sleep(self.pauses.get("speech", 0))
        if len(self.spoken) == 1:
            await asyncio.sleep(self.first_speech_takes_s)
        yield b"\x10\x00" * (24 * 60)
        if self.holds_speech:
            try:
                await asyncio.Event().wait()
            finally:
                self.cut_off.append(text)
        yield b"\x10\x00" * (24 * 60 * (len(text) - 1))


@dataclass
class Session:
    """What a call would see of its link."""

    events: list[ModelEvent] = field(default_factory=list)
    lost: list[ModelLost] = field(default_factory=list)

    def on_events(self, link: ModelLink, events: Sequence[ModelEvent]) -> None:
        self.events += events

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, true: Callable[[], bool], what: str, within_s: float = 8.0) -> None:
        await until(lambda: true() or bool(self.lost), what, within_s)
        assert true(), (what, self.lost)

    async def sees(self, kind: type[E], count: int = 1) -> E:
        await self.until(lambda: len(self.all(kind)) >= count, f"{count} × {kind.__name__}")
        return self.all(kind)[count - 1]

    async def loses(self, within_s: float = 8.0) -> ModelLost:
        await until(lambda: bool(self.lost), "the leg is lost", within_s)
        return self.lost[0]


@dataclass
class Leg:
    link: CascadeLink
    session: Session
    services: Any
    server: HttpServer
    engine: HttpEngine

    def caller_speaks(self, pcm: bytes = FRAME * 20) -> None:
        self.link.obey(BeginCallerTurn())
        self.link.send_audio(pcm[start : start + 640] for start in range(0, len(pcm), 640))
        self.link.obey(EndCallerTurn())


def order(number: int = 1, instructions: str = "Be brief.", timeout_ms: int = 3_000, **setup: Any) -> OpenModel:
    fields: dict[str, Any] = {"tools": TOOLS, "language": "en", "turn_detection": TurnDetection.OWN, **setup}
    return OpenModel(number, ModelSetup("m", "Kore", instructions, **fields), timeout_ms, "cascade")


def target_at(url: str, **options: Any) -> CascadeTarget:
    service = Service(url, "offline", "key")
    return CascadeTarget.of(service, service, service, **options)


@contextlib.asynccontextmanager
async def running_leg(
    services: Any,
    kills: HttpKills | None = None,
    deadlines: Deadlines | None = None,
    opening: OpenModel | None = None,
    before: Callable[[str], Awaitable[None]] | None = None,
) -> AsyncIterator[Leg]:
    """A link that was opened, against services of this test. Afterwards nothing of it may be left."""
    engine = HttpEngine(services, kills)
    async with HttpServer(engine) as server:
        target = target_at(server.url, deadlines=deadlines)
        session = Session()
        link = CascadeLink(1, target, session.on_events, session.lost.append)
        tasks = asyncio.all_tasks()
        await link.open(opening or order())
        try:
            yield Leg(link, session, services, server, engine)
        finally:
            link.close()
            async with asyncio.timeout(10):
                while left := {
                    task for task in asyncio.all_tasks() - tasks if "client" in repr(task.get_coro()).lower()
                }:
                    await asyncio.wait(left)
            await target.aclose()
        assert not server.failures
