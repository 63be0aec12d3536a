"""One conversation on any wire: hears, understands, calls tools, speaks, and can be interrupted.

What the client says comes as inputs. They wait until an answer is asked for (`Respond`), which some wires do by themselves after each
turn of the caller and others leave to the client; the answer is one reply: speech, tool calls, or both.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from websockets.exceptions import ConnectionClosed

from local.engine.bill import Bill, Billed
from local.engine.dialogue import Act, CallTool, Dialogue, Say
from local.engine.ear import RATE_HZ
from local.engine.expectation import Expectation
from local.engine.subject import Subject, subject_of
from local.engine.takeover import brief_in, restored
from local.engine.talks import talk_for
from local.speech.resample import resample
from local.speech.voice import Voice

OUT_RATE_HZ = 24_000
PIECE_MS = 480  # a piece of speech with the words spoken in it
SPEED = 4.0  # speech is sent faster than it is played, as the real services do
HANDLES_KEPT = 200
GO_AWAY_LEAD_S = 10.0
KILL_STATES = ("hearing", "understanding", "speaking", "tool_asked", "tool_answered")

_READ_ALOUD = re.compile(r'^(?:read this aloud|say exactly this)\b.*?: "(.*)"$', re.IGNORECASE | re.DOTALL)

KEYED = re.compile(r"^\[The caller pressed \d+ key")

# --- what a client says ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The caller began to speak."""


@dataclass(frozen=True, slots=True)
class SpeechUnderWay:
    """The caller is in the middle of it."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """The caller finished. 16 kHz mono PCM16LE; `item`: the wire's own name for it; `over_agent`: it began while the agent was audible."""

    pcm16k: bytes
    item: str = ""
    over_agent: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """Words in the caller's place, or in brackets a note about the connection."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    call_id: str
    name: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer what has come in. The wire has made sure that no reply is running."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The client stopped the reply. The wire has told it so."""


Spoken = Utterance | Text | ToolAnswered
Input = SpeechBegan | SpeechUnderWay | Spoken | Respond | Cancelled


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session was opened with. declarations: {"name", "description", "parameters"} each; language: a code, "" if not named."""

    instructions: str = ""
    declarations: tuple[Mapping[str, Any], ...] = ()
    language: str = ""
    handle: str | None = None
    wants_handles: bool = False


class Wire(Protocol):
    """One connected client. Everything that sends raises ConnectionClosed once it is gone; the iteration just ends.

    stops_at_speech: the caller's speech ends the reply. ends_when_heard: a turn is complete when a client that plays at once has played
    it, not when it has been sent.
    """

    opening: Opening
    ends_when_heard: bool

    @property
    def stops_at_speech(self) -> bool: ...

    def inputs(self) -> AsyncIterator[Input]: ...

    async def understood(self, utterance: Utterance, words: str) -> None: ...

    async def speak(self, words: str, pcm24k: bytes) -> None: ...

    async def spoken(self) -> None:
        """Every sample of the reply was sent."""

    async def call_tool(self, call_id: str, name: str, arguments: Mapping[str, Any]) -> None: ...

    async def replied(self, bill: Callable[[], Billed], *, has_spoken: bool) -> None:
        """The reply is complete. `bill`: what it cost, for a wire that says so now."""

    async def interrupted(self, bill: Callable[[], Billed]) -> None:
        """The caller's speech ended the reply."""

    async def offer_handle(self, handle: str) -> None: ...

    async def go_away(self, seconds: float) -> None: ...

    async def leave(self) -> None: ...

    def abort(self) -> None:
        """Cut the connection without a closing handshake."""


# --- what all sessions of an engine share ----------------------------------------------------------------------------------


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


@dataclass(slots=True)
class Kills:
    """Which sessions are cut off, and where: the n-th fresh session in the n-th state, cycling, once."""

    states: Sequence[str] = ()
    on_killed: Callable[[str], None] = lambda state: None
    _fresh: int = 0

    def next_state(self) -> str:
        """The state in which the session that begins now is cut off, "" for none."""
        if not self.states:
            return ""
        self._fresh += 1
        return self.states[(self._fresh - 1) % len(self.states)]


@dataclass(frozen=True, slots=True)
class Parts:
    """What every session of one engine shares. `recogniser` builds one for what a session's tools are about, in a language."""

    voice: Voice
    memory: Memory
    recogniser: Callable[[Subject, str], Recognises]
    go_away_after_s: float | None = None
    kills: Kills = field(default_factory=Kills)


# --- the conversation ------------------------------------------------------------------------------------------------------


class Conversation:
    """Serves one connected client until it leaves."""

    def __init__(self, wire: Wire, parts: Parts) -> None:
        self._wire, self._parts = wire, parts
        opening = wire.opening
        known = parts.memory.kept.get(opening.handle) if opening.handle else None
        self._dialogue = known or new_dialogue(opening)
        is_fresh = not opening.handle and brief_in(opening.instructions) is None
        self._doom = parts.kills.next_state() if is_fresh else ""
        self._recogniser = self._recogniser_now()  # loads before it is needed
        self._waiting: list[Spoken] = []
        self._turns: asyncio.Queue[list[Spoken]] = asyncio.Queue(maxsize=64)
        self._speaking: asyncio.Task[None] | None = None
        self._over_agent = False  # what the caller is saying began while the agent was audible
        self._is_void = False  # the reply that is being thought of was cancelled
        self._is_busy = False  # with a turn
        self._audible_until = 0.0  # by the loop's clock: when a client that plays at once has played everything
        self._calls: dict[str, str] = {}  # tool call id → tool
        self._bill = Bill()
        self._bill.reads(opening.instructions + json.dumps(opening.declarations))

    async def run(self) -> None:
        await self._offer_handle()
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [group.create_task(self._reply_to_turns())]
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
        async for event in self._wire.inputs():
            match event:
                case SpeechBegan():
                    self._over_agent = self._is_audible
                    if self._wire.stops_at_speech:
                        await self._interrupt()
                case SpeechUnderWay():
                    self._enter("hearing")
                case Utterance():
                    self._waiting.append(replace(event, over_agent=self._over_agent))
                    self._over_agent = False
                    self._enter("understanding")
                case ToolAnswered():
                    self._waiting.append(event)
                    self._enter("tool_answered")
                case Text():
                    self._waiting.append(event)
                case Respond():
                    turn, self._waiting = self._waiting, []
                    self._is_void = False
                    if not ((self._is_busy or self._turns.qsize()) and is_reminder(turn)):
                        await self._turns.put(turn)
                case Cancelled():
                    self._is_void = True
                    await self._stop_speaking()

    def _enter(self, state: str) -> None:
        """A state in which this session may be meant to die."""
        if self._doom == state:
            self._doom = ""
            self._parts.kills.on_killed(state)
            self._wire.abort()

    @property
    def _is_audible(self) -> bool:
        is_speaking = self._speaking is not None and not self._speaking.done()
        return is_speaking or asyncio.get_running_loop().time() < self._audible_until

    async def _interrupt(self) -> None:
        """The caller talks over the agent: what is left of the reply is dropped."""
        if not self._is_audible:
            return
        await self._stop_speaking()
        await self._wire.interrupted(self._bill.turn)

    async def _stop_speaking(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._speaking
        self._audible_until = 0.0

    async def _reply_to_turns(self) -> None:
        while True:
            turn = await self._turns.get()
            self._is_busy = True
            acts: list[Act] = [] if turn else self._dialogue.noted()
            for one in relevant(turn):
                acts += await self._acts(one)
            if not self._is_void:
                await self._perform(acts)
            self._is_busy = False

    async def _acts(self, one: Spoken) -> list[Act]:
        match one:
            case Utterance():
                return await self._understand(one)
            case Text(text):
                return self._typed(text)
            case ToolAnswered():
                tool = self._calls.pop(one.call_id, one.name)
                self._bill.reads(json.dumps(one.payload, default=str))
                inner = one.payload.get("result")  # some clients wrap what the tool returned
                before = self._dialogue.language
                acts = self._dialogue.tool_answered(tool, inner if isinstance(inner, Mapping) else one.payload)
                if self._dialogue.language != before:
                    self._recogniser = self._recogniser_now()
                return acts

    def _recogniser_now(self) -> Recognises:
        return self._parts.recogniser(self._dialogue.subject, self._dialogue.language)

    async def _understand(self, utterance: Utterance) -> list[Act]:
        expectation = self._dialogue.expectation
        words = await asyncio.to_thread(self._recogniser.recognise, utterance.pcm16k, expectation)
        if words:
            await self._wire.understood(utterance, words)
        self._bill.hears(len(utterance.pcm16k) * 500 / RATE_HZ)
        return self._dialogue.overheard(words) if utterance.over_agent else self._dialogue.heard(words)

    def _typed(self, text: str) -> list[Act]:
        self._bill.reads(text)
        if match := _READ_ALOUD.match(text.strip()):
            self._dialogue.last_said = match[1]
            return [Say(match[1])]
        if KEYED.match(text):
            return self._dialogue.keyed()
        if text.startswith("["):  # a note about the connection, not the caller's words
            return self._dialogue.noted()
        return self._dialogue.heard(text.lower().strip(" .!?"))

    # --- out ----------------------------------------------------------------------------------------------------------------

    async def _perform(self, acts: Sequence[Act]) -> None:
        said = " ".join(act.text for act in acts if isinstance(act, Say))
        if said:
            await self._wait_until_said()
            self._speaking = asyncio.create_task(self._speak_unless_gone(said))
        calls = [act for act in acts if isinstance(act, CallTool)]
        for call in calls:
            call_id = f"call-{secrets.token_hex(6)}"
            self._calls[call_id] = call.name
            await self._wire.call_tool(call_id, call.name, call.arguments)
        if not said:
            await self._wire.replied(self._bill.turn, has_spoken=False)
            if calls:
                self._enter("tool_asked")

    async def _wait_until_said(self) -> None:
        if self._speaking is not None and not self._speaking.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._speaking)

    async def _speak_unless_gone(self, text: str) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._speak(text)

    async def _speak(self, text: str) -> None:
        pcm = await self._parts.voice.say(text, language=self._dialogue.language, rate_hz=OUT_RATE_HZ)
        loop, wire = asyncio.get_running_loop(), self._wire
        size = 2 * OUT_RATE_HZ * PIECE_MS // 1000
        pieces = [pcm[start : start + size] for start in range(0, len(pcm), size)]
        self._audible_until = max(loop.time(), self._audible_until)
        for words, piece in zip(spread(text, len(pieces)), pieces, strict=True):
            await wire.speak(words, piece)
            self._enter("speaking")
            length_s = len(piece) / (2 * OUT_RATE_HZ)
            self._bill.says(words, length_s * 1000)
            self._audible_until += length_s
            await asyncio.sleep(length_s / SPEED)
        await wire.spoken()
        if wire.ends_when_heard:
            await asyncio.sleep(max(0.0, self._audible_until - loop.time()))
        await wire.replied(self._bill.turn, has_spoken=True)
        await self._offer_handle()

    async def _offer_handle(self) -> None:
        if self._wire.opening.wants_handles:
            await self._wire.offer_handle(self._parts.memory.keep(self._dialogue))

    async def _go_away(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self._wire.go_away(GO_AWAY_LEAD_S)
        await asyncio.sleep(GO_AWAY_LEAD_S)
        await self._wire.leave()


def relevant(turn: Sequence[Spoken]) -> list[Spoken]:
    """What a reply answers. Notes are for the model to know unless they are the last word: then they ask for something."""
    is_note = [isinstance(one, Text) and one.text.startswith("[") for one in turn]
    return [one for index, one in enumerate(turn) if not is_note[index] or (index == len(turn) - 1 and all(is_note))]


def is_reminder(turn: Sequence[Spoken]) -> bool:
    """Nothing but notes about the connection: an answer that is on its way is the answer to them too."""
    return bool(turn) and all(
        isinstance(one, Text) and one.text.startswith("[") and not KEYED.match(one.text) for one in turn
    )


def new_dialogue(opening: Opening) -> Dialogue:
    """A dialogue for the tools, the language and the instructions of a session; one that another engine began goes on where it was."""
    subject = subject_of(opening.declarations)
    language = language_named(opening.language, opening.instructions)
    brief = brief_in(opening.instructions)
    return restored(brief, subject, language) if brief else talk_for(subject, language, opening.instructions)


def language_named(code: str, instructions: str) -> str:
    """The language of a code; without one, the first language that the instructions name."""
    if code:
        return "sw" if code.lower().startswith("sw") else "en"
    named = re.search(r"\b(English|Swahili)\b", instructions)
    return "sw" if named and named[1] == "Swahili" else "en"


def at_16k(pcm: bytes, rate_hz: int) -> bytes:
    """Mono PCM16 at the ear's rate. Each piece is converted by itself, which is good enough for an ear."""
    if rate_hz == RATE_HZ:
        return pcm
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float32)
    return np.clip(np.rint(resample(samples, rate_hz, RATE_HZ)), -32768, 32767).astype("<i2").tobytes()


def spread(text: str, count: int) -> list[str]:
    """`text` in `count` pieces of about the same number of words; together they are the text."""
    words = text.split()
    bounds = [round(index * len(words) / max(1, count)) for index in range(count + 1)]
    pieces = [" ".join(words[start:end]) for start, end in pairwise(bounds)]
    return [piece + " " if piece and index < count - 1 else piece for index, piece in enumerate(pieces)]
