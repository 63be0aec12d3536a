"""The offline engine as three HTTP services of the form that OpenAI gave them: `/v1/audio/transcriptions`, `/v1/chat/completions`,
`/v1/audio/speech`, and `/v1/models`.

Each is as little as its name says. The recogniser listens with a small grammar, which it chooses by what the agent said last (`prompt`);
the dialogue is replayed from the messages of each request; the voice speaks one sentence per request.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import re
import secrets
import signal
import time
import tomllib
import wave
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from local.engine.answers import REPLIES
from local.engine.dialogue import Act, CallTool, Say
from local.engine.expectation import Expectation
from local.engine.http_dialogue import replayed, system_text
from local.engine.http_kills import HttpKills
from local.engine.http_wire import BadRequest, HttpServer, Reply, Request
from local.engine.openings import OPENINGS
from local.engine.recogniser import recogniser_for
from local.engine.subject import Subject, plain
from local.engine.takeover import brief_in
from local.speech.resample import resample
from local.speech.voice import SpeechError, Voice

RATE_HZ = 16_000
SPEECH_HZ = 24_000
PIECE_MS = 200
PROFILES = Path(__file__).resolve().parents[2] / "layers" / "core" / "pokea" / "profiles"
_FALLBACK = (Expectation.OPEN, Expectation.YES_NO, Expectation.WHEN, Expectation.NAME, Expectation.CHOICE)
_SAID_KEPT = 500
_TAIL_CHARS = 60  # so much of what was said last tells one sentence from another
_MUMBLED = "mumbling"  # stands for speech that no grammar has: other recognisers write words that nobody said
_MUMBLE_MS = 700  # shorter sounds are no speech
_AUDIBLE_RMS = 300.0


class Recognises(Protocol):
    def recognise(self, pcm16k: bytes, expectation: Expectation) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Expecting:
    """What the next words of a caller are likely to be about."""

    expectation: Expectation
    language: str
    subject: Subject


def subject_of_profiles(folder: Path = PROFILES) -> Subject:
    """Whatever the callers of the example businesses may begin with, for those who speak before a dialogue has begun. Read as data."""
    tools = {"proposeBooking", *(one.tool for one in OPENINGS), *REPLIES}
    return Subject(frozenset(tools), services_of_profiles(folder), people_of_profiles(folder))


def people_of_profiles(folder: Path = PROFILES) -> dict[str, tuple[str, ...]]:
    """The people and departments of every example business; one key may stand for several."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.glob("*.toml")):
        directory = tomllib.loads(path.read_text(encoding="utf-8")).get("directory") or {}
        for key, person in directory.items():
            names = [plain(name) for spoken in person.get("names", {}).values() for name in spoken]
            found[key] = tuple(dict.fromkeys((*found.get(key, ()), *names, plain(key.replace("_", " ")))))
    return found


def services_of_profiles(folder: Path = PROFILES) -> dict[str, tuple[str, ...]]:
    """The services of every example business."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.glob("*.toml")):
        booking = tomllib.loads(path.read_text(encoding="utf-8")).get("booking") or {}
        for service in booking.get("services") or []:
            key = str(service["key"])
            names = [name for spoken in service.get("names", {}).values() for name in spoken]
            # Written as the tools declare them, so that a dialogue with these services needs no other vocabulary.
            found[key] = tuple(dict.fromkeys(plain(name) for name in (*names, key.replace("_", " "))))
    return found


@dataclass(eq=False)
class OfflineServices:
    """What the three do. They share a memory of what was said, as parts of one engine; each can do without it."""

    voice: Voice
    recogniser: Callable[[Subject, str], Recognises] = recogniser_for
    subject: Subject = field(default_factory=subject_of_profiles)
    _said: OrderedDict[str, Expecting] = field(default_factory=OrderedDict)
    _language: OrderedDict[str, str] = field(default_factory=OrderedDict)  # by sentence

    async def get_ready(self) -> None:
        """Start what the first caller would wait for; vocabularies load on their own."""
        await self.voice.say("ready")
        await asyncio.to_thread(self.recogniser, self.subject, "en")

    async def transcribe(self, wav: bytes, prompt: str, language: str) -> str:
        pcm16k = pcm_of(wav)
        last_words = _tail(prompt)
        known = (expecting for said, expecting in reversed(self._said.items()) if last_words.endswith(said))
        expecting = next(known, None)
        subject = expecting.subject if expecting is not None else self.subject
        spoken = expecting.language if expecting is not None else language
        recogniser = self.recogniser(subject, spoken if spoken in ("en", "sw") else "en")
        for expectation in (expecting.expectation,) if expecting is not None else _FALLBACK:
            if words := await asyncio.to_thread(recogniser.recognise, pcm16k, expectation):
                return words
        return _MUMBLED if audible_ms(pcm16k) >= _MUMBLE_MS else ""

    async def complete(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> Sequence[Act]:
        dialogue, acts = replayed(messages, tools)
        expecting = Expecting(dialogue.expectation, dialogue.language, dialogue.subject)
        if dialogue.subject.tools:
            self.subject = self.subject.with_all_of(dialogue.subject)
            await asyncio.to_thread(
                self.recogniser, dialogue.subject, dialogue.language
            )  # it loads before it is needed
        said = " ".join(act.text for act in acts if isinstance(act, Say))
        if said:
            _keep(self._said, _tail(said), expecting)
            for sentence in re.split(r"(?<=[.!?:,])\s+", said):
                _keep(self._language, _tail(sentence), dialogue.language)
        return acts

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """24 kHz PCM16 in pieces."""
        language = self._language.get(_tail(text)) or guessed_language(text)
        pcm = await self.voice.say(text, language=language, rate_hz=SPEECH_HZ)
        size = 2 * SPEECH_HZ * PIECE_MS // 1000
        for start in range(0, len(pcm), size):
            yield pcm[start : start + size]


class HttpEngine:
    """The routes. `services` needs `transcribe`, `complete` and `speak` as OfflineServices has them."""

    def __init__(self, services: Any, kills: HttpKills | None = None) -> None:
        self._services = services
        self._kills = kills or HttpKills()
        self.requests: list[tuple[str, Any]] = []  # (path, what was asked), the latest ones
        self._routes = {
            ("GET", "/v1/models"): self._models,
            ("POST", "/v1/audio/transcriptions"): self._transcribe,
            ("POST", "/v1/chat/completions"): self._complete,
            ("POST", "/v1/audio/speech"): self._speak,
        }

    async def __call__(self, request: Request, reply: Reply) -> None:
        route = self._routes.get((request.method, request.path))
        if route is None:
            await reply.error(HTTPStatus.NOT_FOUND, f"no such route: {request.method} {request.path}")
        elif self._kills.refuses(_id(request)):
            await reply.error(HTTPStatus.SERVICE_UNAVAILABLE, "the engine is down")
        else:
            await route(request, reply)

    def _note(self, request: Request, asked: Any) -> None:
        self.requests.append((request.path, asked))
        del self.requests[:-_SAID_KEPT]

    async def _models(self, request: Request, reply: Reply) -> None:
        model = {"id": "offline", "object": "model", "created": int(time.time()), "owned_by": "pokea"}
        await reply.json(HTTPStatus.OK, {"object": "list", "data": [model]})

    async def _transcribe(self, request: Request, reply: Reply) -> None:
        form = request.form()
        if "file" not in form or "model" not in form:
            raise BadRequest("`file` and `model` are wanted")
        fields = {name: value.decode() for name, value in form.items() if name != "file"}
        self._note(request, fields)
        if self._kills.is_due(_id(request), "hearing"):
            reply.cut()
        text = await self._services.transcribe(form["file"], fields.get("prompt", ""), fields.get("language", ""))
        if self._kills.is_due(_id(request), "understanding"):
            reply.cut()
        await reply.json(HTTPStatus.OK, {"text": text})

    async def _complete(self, request: Request, reply: Reply) -> None:
        asked = request.json()
        self._note(request, asked)
        messages, tools = asked.get("messages"), asked.get("tools") or []
        if not isinstance(messages, list) or not messages or not isinstance(tools, list):
            raise BadRequest("`messages` are wanted")
        acts = await self._services.complete(messages, tools)
        takeover = brief_in(system_text(messages)) is not None
        if messages[-1].get("role") == "tool" and self._kills.is_due(
            _id(request), "tool_answered", is_takeover=takeover
        ):
            reply.cut()
        chunks = list(chat_chunks(asked, acts))
        if not asked.get("stream"):
            await reply.json(HTTPStatus.OK, whole_answer(asked, acts))
            return
        cut_at = len(chunks)
        if any(isinstance(act, CallTool) for act in acts) and self._kills.is_due(
            _id(request), "tool_asked", is_takeover=takeover
        ):
            cut_at = max(1, len(chunks) // 2)
        await reply.stream("text/event-stream")
        for chunk in chunks[:cut_at]:
            await reply.piece(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode())
        if cut_at < len(chunks):
            reply.cut()
        await reply.piece(b"data: [DONE]\n\n")
        await reply.end()

    async def _speak(self, request: Request, reply: Reply) -> None:
        asked = request.json()
        self._note(request, asked)
        text, form = asked.get("input"), asked.get("response_format", "mp3")
        if not isinstance(text, str) or not text:
            raise BadRequest("`input` is wanted")
        if form != "pcm":
            raise BadRequest("only `response_format` pcm is spoken here")
        is_doomed = self._kills.is_due(_id(request), "speaking")
        pieces = self._services.speak(text)
        try:
            first = await anext(pieces, b"")
        except SpeechError as problem:
            raise BadRequest(str(problem)) from problem
        await reply.stream("audio/pcm")
        if is_doomed:
            await reply.piece(first[: len(first) // 4 * 2])
            reply.cut()
        await reply.piece(first)
        async for piece in pieces:
            await reply.piece(piece)
        await reply.end()


def _id(request: Request) -> str:
    return request.headers.get("x-client-request-id", "")


# --- the chat's form -------------------------------------------------------------------------------------------------------


def chat_chunks(asked: Mapping[str, Any], acts: Sequence[Act]) -> list[dict[str, Any]]:
    """The answer as a stream's events: words one by one, a tool call's arguments in two pieces, then the reason and the usage."""
    head = _head(asked, "chat.completion.chunk")
    said, calls = _parts(acts)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in re.findall(r"\S+\s*", said)]
    for index, call in enumerate(calls):
        function, half = call["function"], len(call["function"]["arguments"]) // 2
        deltas.append({"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]})
        for part in (function["arguments"][:half], function["arguments"][half:]):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    chunks = [_chunk(head, delta, None) for delta in deltas]
    chunks.append(_chunk(head, {}, "tool_calls" if calls else "stop"))
    if (asked.get("stream_options") or {}).get("include_usage"):
        chunks.append({**head, "choices": [], "usage": _usage(asked, said)})
    return chunks


def whole_answer(asked: Mapping[str, Any], acts: Sequence[Act]) -> dict[str, Any]:
    said, calls = _parts(acts)
    message = {"role": "assistant", "content": said or None, "refusal": None} | ({"tool_calls": calls} if calls else {})
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop", "logprobs": None}
    return {**_head(asked, "chat.completion"), "choices": [choice], "usage": _usage(asked, said)}


def _parts(acts: Sequence[Act]) -> tuple[str, list[dict[str, Any]]]:
    said = " ".join(act.text for act in acts if isinstance(act, Say))
    return said, [_call(act) for act in acts if isinstance(act, CallTool)]


def _call(act: CallTool) -> dict[str, Any]:
    function = {"name": act.name, "arguments": json.dumps(dict(act.arguments), ensure_ascii=False)}
    return {"id": f"call_{secrets.token_hex(8)}", "type": "function", "function": function}


def _head(asked: Mapping[str, Any], kind: str) -> dict[str, Any]:
    identifier = f"chatcmpl-{secrets.token_hex(8)}"
    return {"id": identifier, "object": kind, "created": int(time.time()), "model": str(asked.get("model", "offline"))}


def _chunk(head: Mapping[str, Any], delta: Mapping[str, Any], reason: str | None) -> dict[str, Any]:
    return {**head, "choices": [{"index": 0, "delta": dict(delta), "finish_reason": reason, "logprobs": None}]}


def _usage(asked: Mapping[str, Any], said: str) -> dict[str, int]:
    prompt, completion = len(json.dumps(asked.get("messages"))) // 4, len(said) // 4 + 1
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


# --- words and sounds ------------------------------------------------------------------------------------------------------


def pcm_of(wav: bytes) -> bytes:
    """A WAV file's samples at 16 kHz, mono. Raises BadRequest."""
    try:
        with wave.open(io.BytesIO(wav)) as file:
            if file.getsampwidth() != 2 or file.getnchannels() != 1:
                raise BadRequest("16-bit mono is wanted")
            rate_hz: int = file.getframerate()
            pcm: bytes = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as problem:
        raise BadRequest(f"no WAV file: {problem}") from problem
    if rate_hz == RATE_HZ:
        return pcm
    samples = resample(np.frombuffer(pcm, "<i2").astype(np.float32), rate_hz, RATE_HZ)
    converted: bytes = np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()
    return converted


def audible_ms(pcm16k: bytes) -> int:
    samples = np.frombuffer(pcm16k, "<i2").astype(np.float32)
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    return int(np.count_nonzero(np.sqrt(np.mean(frames**2, axis=1)) >= _AUDIBLE_RMS)) * 20 if len(frames) else 0


def guessed_language(text: str) -> str:
    """Swahili words end in a vowel, nearly all of them."""
    words = re.findall(r"[a-z']+", text.lower())
    return "sw" if len(words) > 2 and sum(word[-1] in "aeiou" for word in words) >= 0.8 * len(words) else "en"


def _tail(text: str) -> str:
    return plain(text)[-_TAIL_CHARS:]


def _keep(kept: OrderedDict[str, Any], key: str, value: Any) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _SAID_KEPT:
        kept.popitem(last=False)


# --- the process -----------------------------------------------------------------------------------------------------------


async def serve(options: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    with Voice("agent") as voice:
        services = OfflineServices(voice)
        engine = HttpEngine(services, HttpKills(options.kill, options.down_after))
        async with HttpServer(engine, port=options.port) as server:
            await services.get_ready()
            ready = {"event": "ready", "url": server.url, "base_url": server.url}
            print(json.dumps(ready) if options.json_ready else f"offline engine on {server.url}", flush=True)
            await stopping.wait()


def main(options: argparse.Namespace) -> None:
    """options: port, kill, down_after, json_ready, as `python -m local.engine` reads them."""
    asyncio.run(serve(options))
