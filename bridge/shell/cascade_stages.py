"""The three requests of a cascade over HTTP. Each task ends in results, one of them final: done, or failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx

from bridge.core.cascade_frames import (
    Complete,
    Lose,
    Speak,
    SpeechChunk,
    SpeechDone,
    Stage,
    StageEvent,
    StageFailed,
    Transcribe,
)
from bridge.core.frames import Loss, WireError
from bridge.wire import chat, speech, transcription
from bridge.wire.stage_errors import loss_of, reason_in

_REASON_LIMIT_BYTES = 8_192
_TRANSCRIPT_LIMIT_BYTES = 256 * 1024
OnResult = Callable[[StageEvent], None]


@dataclass(frozen=True, slots=True)
class Service:
    """`url`: its base, which ends in /v1. `api_key`: a function where it may be replaced while the process lives."""

    url: str
    model: str = ""
    api_key: str | Callable[[], str] = field(default="", repr=False)

    @property
    def key(self) -> str:
        return self.api_key() if callable(self.api_key) else self.api_key

    def headers(self, request_id: str) -> dict[str, str]:
        headers = {"X-Client-Request-Id": request_id}
        if key := self.key:
            headers["Authorization"] = f"Bearer {key}"
        return headers

    def at(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/{path}"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """`gap_s`: between two pieces of any answer, and before its first. The others bound whole answers; a caller waits meanwhile."""

    connect_s: float = 2.0
    probe_s: float = 3.0
    gap_s: float = 8.0
    transcription_s: float = 8.0
    completion_s: float = 60.0
    speech_s: float = 60.0


class Refused(Exception):
    """The service answered with something else than 200."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.reason = status, reason


class Client:
    """The requests of one link. `key` begins the id that each carries, so that a service's log can be read beside ours."""

    def __init__(self, client: httpx.AsyncClient, deadlines: Deadlines, key: str) -> None:
        self._client = client
        self._deadlines = deadlines
        self._key = key
        self._count = 0

    def _headers(self, service: Service) -> dict[str, str]:
        self._count += 1
        return service.headers(f"{self._key}-{self._count}")

    async def probe(self, service: Service) -> Lose | None:
        """None if it is there. What it says of its models is its own business: many services have no such list."""
        try:
            async with asyncio.timeout(self._deadlines.probe_s):
                response = await self._client.get(service.at("models"), headers=self._headers(service))
        except (httpx.RequestError, TimeoutError) as problem:
            return Lose(0, f"{service.at('')}: {type(problem).__name__}", Loss.NETWORK)
        status = response.status_code
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) or status == HTTPStatus.TOO_MANY_REQUESTS:
            return Lose(status, "models refused", loss_of(status))
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED:
            return Lose(status, "models failed", loss_of(status))
        return None

    async def transcribe(self, service: Service, order: Transcribe, on_result: OnResult) -> None:
        async with self._reported(Stage.TRANSCRIPTION, order, self._deadlines.transcription_s, on_result):
            response = await self._client.post(
                service.at("audio/transcriptions"),
                headers=self._headers(service),
                data=transcription.form(order, service.model),
                files={
                    "file": (
                        transcription.FILE_NAME,
                        transcription.wav(order.pcm, order.rate_hz),
                        transcription.MEDIA_TYPE,
                    )
                },
            )
            if response.status_code != HTTPStatus.OK:
                raise Refused(response.status_code, reason_in(response.content[:_REASON_LIMIT_BYTES]))
            if len(response.content) > _TRANSCRIPT_LIMIT_BYTES:
                raise WireError("transcription_too_long")
            on_result(transcription.decode(order.request, response.content))

    async def complete(self, service: Service, order: Complete, on_result: OnResult) -> None:
        async with self._reported(Stage.COMPLETION, order, self._deadlines.completion_s, on_result):
            body = chat.request_body(order, service.model)
            stream = chat.ChatStream(order.request)
            async with self._streamed(service, "chat/completions", body) as pieces:
                async for piece in pieces:
                    for event in stream.feed(piece):
                        on_result(event)
                    # After [DONE] the rest is read too: only a body that was read to its end leaves a connection to use again.
            for event in stream.end():
                on_result(event)

    async def speak(self, service: Service, order: Speak, voice: str, rate_hz: int, on_result: OnResult) -> None:
        async with self._reported(Stage.SPEECH, order, self._deadlines.speech_s, on_result):
            body = speech.SpeechBody(rate_hz)
            request = speech.request_body(order, service.model, voice)
            async with self._streamed(service, "audio/speech", request) as pieces:
                async for piece in pieces:
                    if pcm := body.feed(piece):
                        on_result(SpeechChunk(order.request, pcm))
            on_result(SpeechDone(order.request))

    @asynccontextmanager
    async def _streamed(self, service: Service, path: str, body: dict[str, Any]) -> AsyncIterator[AsyncIterator[bytes]]:
        headers = self._headers(service)
        async with self._client.stream("POST", service.at(path), headers=headers, json=body) as response:
            if response.status_code != HTTPStatus.OK:
                raise Refused(response.status_code, reason_in(await _beginning(response)))
            yield response.aiter_bytes()

    @asynccontextmanager
    async def _reported(
        self, stage: Stage, order: Transcribe | Complete | Speak, within_s: float, on_result: OnResult
    ) -> AsyncIterator[None]:
        """Runs a request when it is due, and reports what went wrong with it."""
        if order.after_ms:
            await asyncio.sleep(order.after_ms / 1000)
        failed: StageFailed
        try:
            async with asyncio.timeout(within_s):
                yield
            return
        except Refused as problem:
            reason = f"{stage}: {problem.reason}" if problem.reason else stage.value
            failed = StageFailed(order.request, loss_of(problem.status, problem.reason), problem.status, reason)
        except WireError as problem:
            failed = StageFailed(order.request, Loss.NETWORK, 0, f"{stage}: {problem.code}")
        except (httpx.RequestError, TimeoutError) as problem:  # deadlines of both kinds among them
            failed = StageFailed(order.request, Loss.NETWORK, 0, f"{stage}: {type(problem).__name__}")
        on_result(failed)


async def _beginning(response: httpx.Response) -> bytes:
    """So much of a refusal's body as may hold its reason."""
    held = b""
    async for piece in response.aiter_bytes():
        held += piece
        if len(held) >= _REASON_LIMIT_BYTES:
            break
    return held[:_REASON_LIMIT_BYTES]
