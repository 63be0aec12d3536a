"""Scripted models on the Gemini Live wire, for tests: one that does as it is told, and some that do not.

    async def play(stage: Stage) -> None:
        await stage.caller_turn()
        found = await stage.call("findTimes", service="cleaning")
        await stage.say(found["say"])

    async with LiveServer(scripted(play)) as server: ...

A script is one coroutine per connection. When it returns, the connection stays open until the client leaves.
"""

from __future__ import annotations

import array
import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

from local.engine.bill import Bill, usage_metadata
from local.live_server import AudioIn, Handler, LiveSession, TextIn, ToolAnswer

_RATE_HZ = 24_000
_MS_PER_WORD = 300
_LOUD = 400  # a mean absolute sample above this is a caller who speaks
_QUIET_MS = 300.0
_PATIENCE_S = 20.0

Play = Callable[["Stage"], Awaitable[None]]


@lru_cache(64)  # fifty calls at once say the same
def tone(milliseconds: int, frequency_hz: float = 440.0, peak: int = 6_000) -> bytes:
    """Mono PCM16 at 24 kHz that stands in for speech."""
    step = 2 * math.pi * frequency_hz / _RATE_HZ
    count = milliseconds * _RATE_HZ // 1000
    return array.array("h", (int(peak * math.sin(step * index)) for index in range(count))).tobytes()


class Stage:
    """What a script sees of one connection. Every wait gives up after 20 s with TimeoutError."""

    def __init__(self, session: LiveSession) -> None:
        self.session = session
        self.heard_bytes = 0
        self.bill = Bill()
        self.texts: asyncio.Queue[str] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._turns: asyncio.Queue[None] = asyncio.Queue()
        self._speaking = False
        self._quiet_ms = 0.0
        self._calls = 0

    async def listen(self) -> None:
        """Take in what the client sends, until it leaves."""
        async for event in self.session:
            if isinstance(event, AudioIn):
                self._hear(event)
            elif isinstance(event, TextIn):
                self.texts.put_nowait(event.text)
            elif isinstance(event, ToolAnswer):
                for response in event.responses:
                    waiting = self._answers.pop(str(response["id"]), None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(dict(response["response"]))

    def _hear(self, event: AudioIn) -> None:
        self.heard_bytes += len(event.pcm)
        self.bill.hears(len(event.pcm) * 500 / event.rate_hz)
        samples = array.array("h", event.pcm)
        if not samples:
            return
        if sum(abs(sample) for sample in samples[::8]) / len(samples[::8]) > _LOUD:
            self._speaking, self._quiet_ms = True, 0.0
            return
        self._quiet_ms += len(samples) * 1000 / event.rate_hz
        if self._speaking and self._quiet_ms >= _QUIET_MS:
            self._speaking = False
            self._turns.put_nowait(None)

    async def caller_turn(self, words: str = "") -> None:
        """Wait until the caller has spoken and paused; `words` are reported as what was understood."""
        async with asyncio.timeout(_PATIENCE_S):
            await self._turns.get()
        if words:
            await self.session.input_transcription(words)

    async def told(self) -> str:
        """The next text the client wants acted on."""
        async with asyncio.timeout(_PATIENCE_S):
            return await self.texts.get()

    async def say(self, text: str, milliseconds: int | None = None) -> None:
        """Speak at once, as fast as the socket takes it, and end the turn."""
        length = milliseconds or max(1, len(text.split())) * _MS_PER_WORD
        await self.session.output_transcription(text)
        await self.session.audio(tone(length), 100)
        await self.session.generation_complete()
        self.bill.says(text, length)
        await self.session.turn_complete(usage_metadata(self.bill.turn()))

    async def call(self, tool: str, /, **arguments: object) -> dict[str, Any]:
        """Call a tool and wait for its answer."""
        self._calls += 1
        tool_call_id = f"call-{self.session.number}-{self._calls}"
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[tool_call_id] = answer
        await self.session.tool_call([{"id": tool_call_id, "name": tool, "args": arguments}])
        async with asyncio.timeout(_PATIENCE_S):
            return await answer


def scripted(play: Play) -> Handler:
    """A handler for LiveServer. What the script raises is kept in the server's `failures`."""

    async def handle(session: LiveSession) -> None:
        stage = Stage(session)
        listening = asyncio.ensure_future(stage.listen())
        playing = asyncio.ensure_future(play(stage))
        try:
            await asyncio.wait([listening, playing], return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                playing.result()
            await listening
        finally:
            for task in (listening, playing):
                task.cancel()
            await asyncio.gather(listening, playing, return_exceptions=True)

    return handle


# --- one that does as it is told -------------------------------------------------------------------------------------------


def obedient(wish: Mapping[str, str], sentence_ms: int | None = None) -> Play:
    """Books: asks for a proposal when the caller has spoken, reads it back word for word, and commits after an answer."""

    async def play(stage: Stage) -> None:
        await stage.caller_turn("I would like to book.")
        proposed = await stage.call("proposeBooking", **wish)
        await stage.say(str(proposed.get("say", "")), sentence_ms)
        await stage.caller_turn("Yes.")
        done = await stage.call("commitProposal", nonce=proposed.get("nonce"), arguments=proposed.get("arguments"))
        await stage.say(str(done.get("say", "")), sentence_ms)
        ended = await stage.call("endCall")
        await stage.say(str(ended.get("say", "")), sentence_ms)

    return play


# --- and some that do not --------------------------------------------------------------------------------------------------


def commits_unasked(wish: Mapping[str, str], answers: list[dict[str, Any]]) -> Play:
    """Commits before a word was spoken, then again, then during its own read-back. `answers` gets every answer to a commit."""

    async def play(stage: Stage) -> None:
        await stage.caller_turn()
        proposed = await stage.call("proposeBooking", **wish)
        commit = {"nonce": proposed.get("nonce"), "arguments": proposed.get("arguments")}
        answers.append(await stage.call("commitProposal", **commit))
        answers.append(await stage.call("commitProposal", **commit))
        await stage.say("Shall I book that for you then", 3_000)
        answers.append(await stage.call("commitProposal", **commit))

    return play


def changes_the_arguments(wish: Mapping[str, str], change: Mapping[str, object], answers: list[dict[str, Any]]) -> Play:
    """Reads one thing back and commits another."""

    async def play(stage: Stage) -> None:
        await stage.caller_turn()
        proposed = await stage.call("proposeBooking", **wish)
        await stage.say(str(proposed.get("say", "")), 800)
        await stage.caller_turn()
        changed = {**proposed.get("arguments", {}), **change}
        answers.append(await stage.call("commitProposal", nonce=proposed.get("nonce"), arguments=changed))

    return play


def uses_a_foreign_nonce(nonce: str, arguments: Mapping[str, object], answers: list[dict[str, Any]]) -> Play:
    """Commits another call's proposal, after speaking and being answered."""

    async def play(stage: Stage) -> None:
        await stage.caller_turn()
        await stage.say("All right?", 600)
        await stage.caller_turn()
        answers.append(await stage.call("commitProposal", nonce=nonce, arguments=dict(arguments)))

    return play
