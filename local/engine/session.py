"""One conversation over the Gemini Live wire: hears, understands, calls tools, speaks, and can be interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from websockets.exceptions import ConnectionClosed

from local.engine.dialogue import Act, CallTool, Dialogue, Say, services_of
from local.engine.ear import RATE_HZ, Ear
from local.engine.expectation import Expectation
from local.live_server import AudioIn, ContentIn, LiveSession, TextIn, ToolAnswer
from local.speech.resample import resample
from local.speech.voice import Voice

OUT_RATE_HZ = 24_000
PIECE_MS = 480  # a piece of speech with the words spoken in it
CHUNKS_MS = (40, 100, 60, 200, 80)  # the real API's chunks vary; so do these
SPEED = 4.0  # speech is sent faster than it is played, as the real API does
HANDLES_KEPT = 200
GO_AWAY_LEAD_S = 10.0

_READ_ALOUD = re.compile(r'^(?:read this aloud|say exactly this)\b.*?: "(.*)"$', re.IGNORECASE | re.DOTALL)


class Recognises(Protocol):
    def recognise(self, pcm16k: bytes, expectation: Expectation) -> str | None: ...


@dataclass(slots=True)
class Memory:
    """Dialogues by resumption handle, so that a reconnected session goes on where it was. Bounded."""

    kept: OrderedDict[str, Dialogue] = field(default_factory=OrderedDict)

    def keep(self, dialogue: Dialogue) -> str:
        handle = secrets.token_urlsafe(16)
        self.kept[handle] = dialogue
        while len(self.kept) > HANDLES_KEPT:
            self.kept.popitem(last=False)
        return handle


@dataclass(frozen=True, slots=True)
class Parts:
    """What every session of one engine shares. `recogniser` builds one for the services of a business, in a language."""

    voice: Voice
    memory: Memory
    recogniser: Callable[[Mapping[str, Sequence[str]], str], Recognises]
    go_away_after_s: float | None = None


class Conversation:
    """Serves one connected client until it leaves."""

    def __init__(self, session: LiveSession, parts: Parts) -> None:
        self._session, self._parts = session, parts
        self._resumption_wanted = "sessionResumption" in session.setup
        known = parts.memory.kept.get(session.handle) if session.handle else None
        self._dialogue = known or new_dialogue(session.setup)
        self._recogniser = parts.recogniser(self._dialogue.services, self._dialogue.language)
        self._ear = Ear()
        self._inputs: asyncio.Queue[bytes | str | ToolAnswer] = asyncio.Queue(maxsize=64)
        self._speaking: asyncio.Task[None] | None = None
        self._audible_until = 0.0  # by the loop's clock: when a client that plays at once has played everything
        self._calls: dict[str, str] = {}  # tool call id → tool
        self._last_said = ""
        self._tokens = 0

    async def run(self) -> None:
        await self._offer_resumption()
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [group.create_task(self._answer_inputs())]
                if self._parts.go_away_after_s is not None:
                    helpers.append(group.create_task(self._go_away(self._parts.go_away_after_s)))
                await self._listen()
                for task in (*helpers, self._speaking):
                    if task is not None:
                        task.cancel()
        except* ConnectionClosed:
            pass  # the client is gone: nothing is owed to it

    # --- in -----------------------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        async for event in self._session:
            match event:
                case AudioIn():
                    await self._hear(event)
                case TextIn(text):
                    await self._inputs.put(text)
                case ContentIn() if event.complete and event.text:
                    await self._inputs.put(event.text)
                case ToolAnswer():
                    await self._inputs.put(event)

    async def _hear(self, event: AudioIn) -> None:
        pcm = event.pcm if event.rate_hz == RATE_HZ else at_16k(event.pcm, event.rate_hz)
        for heard in self._ear.feed(pcm):
            if heard.began:
                await self._interrupt()
            if heard.utterance is not None:
                await self._inputs.put(heard.utterance)

    async def _interrupt(self) -> None:
        """The caller talks over the agent: what is left of the reply is dropped."""
        was_speaking = self._speaking is not None and not self._speaking.done()
        if not was_speaking and asyncio.get_running_loop().time() >= self._audible_until:
            return
        if self._speaking is not None:
            self._speaking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._speaking
        self._audible_until = 0.0
        await self._session.interrupted()
        await self._session.turn_complete(self._usage())

    async def _answer_inputs(self) -> None:
        while True:
            match await self._inputs.get():
                case bytes(utterance):
                    acts = await self._understand(utterance)
                case str(text):
                    acts = self._typed(text)
                case ToolAnswer(responses):
                    acts = self._tools_answered(responses)
            await self._perform(acts)

    async def _understand(self, utterance: bytes) -> list[Act]:
        words = await asyncio.to_thread(self._recogniser.recognise, utterance, self._dialogue.expectation)
        if words:
            await self._session.input_transcription(words)
        self._tokens += len(utterance) * 25 // (2 * RATE_HZ)
        return self._dialogue.heard(words)

    def _typed(self, text: str) -> list[Act]:
        if match := _READ_ALOUD.match(text.strip()):
            return [Say(match[1])]
        if text.startswith("["):  # a note about the connection, not the caller's words
            return [Say(self._last_said)] if self._last_said else []
        return self._dialogue.heard(text.lower().strip(" .!?"))

    def _tools_answered(self, responses: Sequence[Mapping[str, Any]]) -> list[Act]:
        acts: list[Act] = []
        for response in responses:
            tool = self._calls.pop(str(response.get("id")), str(response.get("name")))
            payload = response.get("response") or {}
            inner = payload.get("result")  # some clients wrap what the tool returned
            acts += self._dialogue.tool_answered(tool, inner if isinstance(inner, Mapping) else payload)
        return acts

    # --- out ----------------------------------------------------------------------------------------------------------------

    async def _perform(self, acts: Sequence[Act]) -> None:
        said = " ".join(act.text for act in acts if isinstance(act, Say))
        if said:
            await self._wait_until_said()
            self._last_said = said
            self._speaking = asyncio.create_task(self._speak(said))
        for act in acts:
            if isinstance(act, CallTool):
                await self._call_tool(act)

    async def _call_tool(self, act: CallTool) -> None:
        identifier = f"call-{secrets.token_hex(6)}"
        self._calls[identifier] = act.name
        await self._session.tool_call([{"id": identifier, "name": act.name, "args": dict(act.arguments)}])

    async def _wait_until_said(self) -> None:
        if self._speaking is not None and not self._speaking.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._speaking)

    async def _speak(self, text: str) -> None:
        pcm = await self._parts.voice.say(text, language=self._dialogue.language, rate_hz=OUT_RATE_HZ)
        loop, session = asyncio.get_running_loop(), self._session
        size = 2 * OUT_RATE_HZ * PIECE_MS // 1000
        pieces = [pcm[start : start + size] for start in range(0, len(pcm), size)]
        self._audible_until = max(loop.time(), self._audible_until)
        for words, piece in zip(spread(text, len(pieces)), pieces, strict=True):
            if words:
                await session.output_transcription(words)
            await session.audio(piece, CHUNKS_MS)
            length_s = len(piece) / (2 * OUT_RATE_HZ)
            self._audible_until += length_s
            await asyncio.sleep(length_s / SPEED)
        self._tokens += len(pcm) * 25 // (2 * OUT_RATE_HZ)
        await session.generation_complete()
        await asyncio.sleep(max(0.0, self._audible_until - loop.time()))
        await session.turn_complete(self._usage())
        await self._offer_resumption()

    def _usage(self) -> dict[str, Any]:
        return {
            "promptTokenCount": self._tokens,
            "responseTokenCount": self._tokens,
            "totalTokenCount": 2 * self._tokens,
        }

    async def _offer_resumption(self) -> None:
        if self._resumption_wanted:
            await self._session.resumption(self._parts.memory.keep(self._dialogue))

    async def _go_away(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self._session.go_away(GO_AWAY_LEAD_S)
        await asyncio.sleep(GO_AWAY_LEAD_S)
        await self._session.close(1000, "The operation was cancelled.")


def new_dialogue(setup: Mapping[str, Any]) -> Dialogue:
    """A dialogue for the tools, the language and the instructions of a session's setup."""
    declarations = [one for tool in setup.get("tools") or [] for one in tool.get("functionDeclarations") or []]
    return Dialogue(
        services=services_of(declarations),
        tools=frozenset(str(one.get("name")) for one in declarations),
        language=language_of(setup),
    )


def language_of(setup: Mapping[str, Any]) -> str:
    """The language code of the setup's speech; without one, the first language that the instructions name."""
    speech = (setup.get("generationConfig") or {}).get("speechConfig") or {}
    if code := speech.get("languageCode"):
        return "sw" if str(code).lower().startswith("sw") else "en"
    parts = (setup.get("systemInstruction") or {}).get("parts") or []
    named = re.search(r"\b(English|Swahili)\b", " ".join(str(part.get("text", "")) for part in parts))
    return "sw" if named and named[1] == "Swahili" else "en"


def at_16k(pcm: bytes, rate_hz: int) -> bytes:
    """Mono PCM16 at the ear's rate. Each piece is converted by itself, which is good enough for an ear."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float32)
    return np.clip(np.rint(resample(samples, rate_hz, RATE_HZ)), -32768, 32767).astype("<i2").tobytes()


def spread(text: str, count: int) -> list[str]:
    """`text` in `count` pieces of about the same number of words; together they are the text."""
    words = text.split()
    bounds = [round(index * len(words) / max(1, count)) for index in range(count + 1)]
    pieces = [" ".join(words[start:end]) for start, end in pairwise(bounds)]
    return [piece + " " if piece and index < count - 1 else piece for index, piece in enumerate(pieces)]
