"""The offline conversation on the Gemini Live wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from local.engine import conversation as talk
from local.engine.bill import Billed, usage_metadata
from local.engine.conversation import Memory, Opening, Parts, language_named, spread
from local.engine.ear import Heard, Listener
from local.live_server import (
    ActivityEnd,
    ActivityStart,
    AudioIn,
    AudioStreamEnd,
    ClientEvent,
    ContentIn,
    LiveSession,
    TextIn,
    ToolAnswer,
)

__all__ = ["GeminiWire", "Memory", "Parts", "converse", "language_of", "spread"]

CHUNKS_MS = (40, 100, 60, 200, 80)  # the real API's chunks vary; so do these


async def converse(session: LiveSession, parts: Parts) -> None:
    """Serves one client until it leaves."""
    await talk.Conversation(GeminiWire(session), parts).run()


class GeminiWire:
    """See local.engine.conversation.Wire. The service answers each turn and each text by itself, and stops when the caller speaks."""

    ends_when_heard = True

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        setup = session.setup
        self.opening = Opening(
            instructions_of(setup),
            tuple(one for tool in setup.get("tools") or [] for one in tool.get("functionDeclarations") or []),
            language_of(setup),
            session.handle,
            "sessionResumption" in setup,
        )
        config = setup.get("realtimeInputConfig") or {}
        self._listener = Listener(is_told=bool((config.get("automaticActivityDetection") or {}).get("disabled")))
        self.stops_at_speech = config.get("activityHandling") != "NO_INTERRUPTION"

    async def inputs(self) -> AsyncIterator[talk.Input]:
        async for event in self._session:
            for one in self._read(event):
                yield one

    def _read(self, event: ClientEvent) -> Iterator[talk.Input]:
        match event:
            case AudioIn():
                yield from self._hear(self._listener.feed(talk.at_16k(event.pcm, event.rate_hz)))
            case AudioStreamEnd() | ActivityEnd():
                yield from self._hear(self._listener.end())
            case ActivityStart():
                yield from self._hear(self._listener.begin())
            case TextIn(text):
                yield from (talk.Text(text), talk.Respond())
            case ContentIn() if event.complete and event.text:
                yield from (talk.Text(event.text), talk.Respond())
            case ToolAnswer(responses):
                for response in responses:
                    payload = response.get("response") or {}
                    yield talk.ToolAnswered(str(response.get("id")), str(response.get("name")), payload)
                yield talk.Respond()

    def _hear(self, news: Sequence[Heard]) -> Iterator[talk.Input]:
        for heard in news:
            if heard.began:
                yield talk.SpeechBegan()
            if heard.is_under_way:
                yield talk.SpeechUnderWay()
            if heard.utterance is not None:
                yield talk.Utterance(heard.utterance)
                yield talk.Respond()

    async def understood(self, utterance: talk.Utterance, words: str) -> None:
        await self._session.input_transcription(words)

    async def speak(self, words: str, pcm24k: bytes) -> None:
        if words:
            await self._session.output_transcription(words)
        await self._session.audio(pcm24k, CHUNKS_MS)

    async def spoken(self) -> None:
        await self._session.generation_complete()

    async def call_tool(self, call_id: str, name: str, arguments: Mapping[str, Any]) -> None:
        await self._session.tool_call([{"id": call_id, "name": name, "args": dict(arguments)}])

    async def replied(self, bill: Callable[[], Billed], *, has_spoken: bool) -> None:
        if has_spoken:
            await self._session.turn_complete(usage_metadata(bill()))

    async def interrupted(self, bill: Callable[[], Billed]) -> None:
        await self._session.interrupted()
        await self._session.turn_complete(usage_metadata(bill()))

    async def offer_handle(self, handle: str) -> None:
        await self._session.resumption(handle)

    async def go_away(self, seconds: float) -> None:
        await self._session.go_away(seconds)

    async def leave(self) -> None:
        await self._session.close(1000, "The operation was cancelled.")

    def abort(self) -> None:
        self._session.abort()


def instructions_of(setup: Mapping[str, Any]) -> str:
    parts = (setup.get("systemInstruction") or {}).get("parts") or []
    return " ".join(str(part.get("text", "")) for part in parts)


def language_of(setup: Mapping[str, Any]) -> str:
    """The language code of the setup's speech; without one, the first language that the instructions name."""
    speech = (setup.get("generationConfig") or {}).get("speechConfig") or {}
    return language_named(str(speech.get("languageCode") or ""), instructions_of(setup))
