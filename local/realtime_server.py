"""A server that speaks OpenAI's Realtime wire; what it says is decided by a handler, one coroutine per session.

    async def handler(session: RealtimeSession) -> None:
        async for event in session:  # Began, UnderWay, Committed, Added, Wanted, Stopped
            if isinstance(event, Wanted):
                await event.reply.speak("Hello", pcm24k)
                await event.reply.done()

    async with RealtimeServer(handler) as server:
        connect_to(server.url)

The protocol is kept here: the session's configuration, detection of the caller's speech, one response at a time, items and their lengths.
Faults are switched on by `Faults`. The handler's end closes the socket with 1000; what it raises is kept in `failures`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from local.engine.ear import RATE_HZ, Listener
from local.model_server import FAILURES_KEPT, ModelServer
from local.realtime_audio import Converter, as_pcm, bytes_per_ms, rate_of, resampled
from local.realtime_bill import Bill
from local.realtime_reply import Item, Reply
from local.realtime_wire import (
    BOOKKEEPING,
    SERVER_DIALECTS,
    TO_BETA,
    Refused,
    ServerDialect,
    new_session,
    read_audio,
    read_event,
    read_item,
    updated,
)

PATH = "/v1/realtime"
COMMIT_AT_LEAST_MS = 100
_BUFFER_BYTES_AT_MOST = 60 * 48_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Faults:
    """What real servers were seen to do. Everything off: the documented behaviour."""

    no_acks: bool = False  # nothing but what carries sound, words and calls
    second_item: bool = False  # a reply's speech comes as two items
    items_shorter_by_ms: int = 0  # the service counts less of an item than it sent
    already_active: bool = False  # the first response.create meets a response that the service began by itself
    unknown_events: bool = False  # before every event one of a type that nobody knows
    late_deltas: int = 0  # audio of a cancelled response that still comes, before and after its end
    pcmu_replaced: bool = False  # µ-law is taken as PCM without a word
    fail_first: str = ""  # error code with which the first response fails
    expire_after_s: float = 0.0  # close 1001, as after the maximum duration
    says_expired: bool = False  # an error event instead of a close


# --- what a handler is told ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Began:
    """The caller began to speak."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """300 ms later."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The caller's turn is an item now. pcm16k: mono PCM16 at 16 kHz."""

    item_id: str
    pcm16k: bytes


@dataclass(frozen=True, slots=True)
class Added:
    """The client added an item."""

    item: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Truncated:
    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A response has begun; the handler fills it."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Stopped:
    """The client, or its caller's speech, cancelled the response."""

    reply: Reply


SessionEvent = Began | UnderWay | Committed | Added | Truncated | Wanted | Stopped


@dataclass(eq=False)
class RealtimeSession:
    """One connected client. Iterate it in one task; send from any task of the same loop."""

    connection: ServerConnection
    dialect: ServerDialect
    faults: Faults
    number: int  # 1 for the server's first connection
    model: str
    config: dict[str, Any] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    received: list[Mapping[str, Any]] = field(default_factory=list)  # client events except audio
    is_configured: bool = False
    active: Reply | None = None
    bill: Bill = field(default_factory=Bill)
    _waiting: deque[SessionEvent] = field(default_factory=deque)
    _listener: Listener = field(default_factory=Listener)
    _converter: Converter = field(default_factory=lambda: Converter(24_000, RATE_HZ))
    _buffer: bytearray = field(default_factory=bytearray)  # in the input format
    _appended_ms: float = 0.0
    _speech_item: str = ""  # what the caller is saying will have this id
    _count: int = 0
    _replies: int = 0

    def __post_init__(self) -> None:
        self.config = new_session(self.model)

    def new_id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self.number:03}{self._count:06}"

    # --- out ----------------------------------------------------------------------------------------------------------------

    async def send(self, kind: str, **fields: Any) -> None:
        """One server event, in the words of the dialect."""
        if kind in BOOKKEEPING and (self.faults.no_acks or not self.dialect.acknowledges):
            return
        if self.dialect.is_beta:
            if kind == "conversation.item.done":
                return
            kind = TO_BETA.get(kind, kind)
        if self.faults.unknown_events:
            unknown = {
                "type": "rate_limits.renamed",
                "event_id": self.new_id("event"),
                "item": [1],
                "delta": 3,
                "session": "x",
            }
            await self.connection.send(json.dumps(unknown))
        await self.connection.send(json.dumps({"type": kind, "event_id": self.new_id("event"), **fields}))

    async def refuse(self, refused: Refused, event_id: str | None) -> None:
        error = {"type": refused.kind, "code": refused.code or None, "message": refused.message, "param": refused.param}
        await self.send("error", error={**error, "event_id": event_id})

    async def transcribed(self, item_id: str, words: str) -> None:
        """What the caller was understood to say, if the client wants to know."""
        if self.dialect.name == "openai" and not self.config["audio"]["input"]["transcription"]:
            return
        kind = "conversation.item.input_audio_transcription"
        await self.send(f"{kind}.delta", item_id=item_id, content_index=0, delta=words)
        item = self.items.get(item_id)
        usage = {"type": "duration", "seconds": 1.0 if item is None else item.audio_ms / 1000}
        await self.send(f"{kind}.completed", item_id=item_id, content_index=0, transcript=words, usage=usage)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self.connection.close(code, reason)

    def abort(self) -> None:
        """Cut the TCP connection without a closing handshake: the client sees 1006."""
        self.connection.transport.abort()

    @property
    def is_open(self) -> bool:
        return self.connection.close_code is None

    # --- in -----------------------------------------------------------------------------------------------------------------

    def __aiter__(self) -> AsyncIterator[SessionEvent]:
        return self

    async def __anext__(self) -> SessionEvent:
        while not self._waiting:
            try:
                frame = await self.connection.recv()
                await self._take(frame)
            except ConnectionClosed:
                raise StopAsyncIteration from None
        return self._waiting.popleft()

    async def _take(self, frame: str | bytes) -> None:
        event_id: str | None = None
        try:
            try:
                message = json.loads(frame)
            except ValueError:
                raise Refused("invalid_event", "The event is not JSON.") from None
            event_id = message.get("event_id") if isinstance(message, Mapping) else None
            event = read_event(message)
            if event["type"] != "input_audio_buffer.append":
                self.received.append(event)
            await _READERS[event["type"]](self, event)
        except Refused as refused:
            await self.refuse(refused, event_id)

    async def _update(self, event: Mapping[str, Any]) -> None:
        self.config = updated(self.config, event.get("session"), self.dialect)
        heard, spoken = self.config["audio"]["input"], self.config["audio"]["output"]
        if self.faults.pcmu_replaced:
            for side in (heard, spoken):
                side["format"] = {"type": "audio/pcm", "rate": 24_000}
        self.is_configured = True
        self._listener = Listener(is_told=heard["turn_detection"] is None)
        self._converter = Converter(rate_of(heard["format"]), RATE_HZ)
        if self.dialect.confirms:
            await self.send("session.updated", session=self.config)

    async def _append(self, event: Mapping[str, Any]) -> None:
        audio, form = read_audio(event), self.config["audio"]["input"]["format"]
        self._buffer += audio
        del self._buffer[:-_BUFFER_BYTES_AT_MOST]
        self._appended_ms += len(audio) / bytes_per_ms(form)
        for heard in self._listener.feed(self._converter.push(as_pcm(audio, form))):
            if heard.began:
                await self._began()
            if heard.is_under_way:
                self._waiting.append(UnderWay())
            if heard.utterance is not None:
                await self._ended(heard.utterance)

    async def _began(self) -> None:
        item_id = self.new_id("item")
        self._speech_item = item_id
        start_ms = max(0, int(self._appended_ms) - 300)
        await self.send("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item_id)
        self._waiting.append(Began())
        if self.config["audio"]["input"]["turn_detection"]["interrupt_response"] and self.active is not None:
            await self._stop("turn_detected")

    async def _ended(self, pcm16k: bytes) -> None:
        item_id = self._speech_item
        await self.send("input_audio_buffer.speech_stopped", audio_end_ms=int(self._appended_ms), item_id=item_id)
        await self._commit_as(item_id, pcm16k)
        if not self.config["audio"]["input"]["turn_detection"]["create_response"]:
            return
        if self.active is not None:
            await self.refuse(_already_active(self.active), None)
        else:
            await self._begin_reply()

    async def _commit(self, event: Mapping[str, Any]) -> None:
        form = self.config["audio"]["input"]["format"]
        if len(self._buffer) < COMMIT_AT_LEAST_MS * bytes_per_ms(form):
            raise Refused(
                "input_audio_buffer_commit_empty", "Error committing input audio buffer: the buffer is too small."
            )
        pcm16k = resampled(as_pcm(bytes(self._buffer), form), rate_of(form), RATE_HZ)
        self._listener.clear()
        await self._commit_as(self.new_id("item"), pcm16k)

    async def _commit_as(self, item_id: str, pcm16k: bytes) -> None:
        self._buffer.clear()
        await self.send("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
        content = [{"type": "input_audio", "transcript": None}]
        await self.added({"id": item_id, "type": "message", "role": "user", "status": "completed", "content": content})
        self.items[item_id].audio_ms = len(pcm16k) * 500 / RATE_HZ
        self._waiting.append(Committed(item_id, pcm16k))

    async def _clear(self, event: Mapping[str, Any]) -> None:
        self._buffer.clear()
        self._listener.clear()
        await self.send("input_audio_buffer.cleared")

    async def _create_item(self, event: Mapping[str, Any]) -> None:
        item = read_item(event)
        item.setdefault("id", self.new_id("item"))
        if item["id"] in self.items:
            raise Refused("item_already_exists", "An item of that id exists.", "item.id")
        if item["type"] == "function_call_output":
            call = next((known for known in self.items.values() if known.call_id == item["call_id"]), None)
            if call is None:
                raise Refused("invalid_tool_call_id", f"Tool call id {item['call_id']!r} not found.", "item.call_id")
        self._waiting.append(Added(item))
        await self.added({"status": "completed", **item})

    async def added(self, item: Mapping[str, Any]) -> None:
        self.items.setdefault(item["id"], Item(dict(item)))
        await self.send("conversation.item.added", item=item, previous_item_id=None)
        await self.send("conversation.item.done", item=item, previous_item_id=None)

    def _item(self, event: Mapping[str, Any]) -> Item:
        item = self.items.get(str(event.get("item_id")))
        if item is None:
            raise Refused("item_not_found", f"Item {event.get('item_id')!r} does not exist.", "item_id")
        return item

    async def _delete_item(self, event: Mapping[str, Any]) -> None:
        item_id = self._item(event).value["id"]
        del self.items[item_id]
        await self.send("conversation.item.deleted", item_id=item_id)

    async def _retrieve_item(self, event: Mapping[str, Any]) -> None:
        await self.send("conversation.item.retrieved", item=self._item(event).value)

    async def _truncate(self, event: Mapping[str, Any]) -> None:
        item, end_ms = self._item(event), event.get("audio_end_ms")
        if event.get("content_index") != 0 or not isinstance(end_ms, int) or end_ms < 0:
            raise Refused("invalid_value", "A part and its end in whole milliseconds are needed.", "audio_end_ms")
        if item.value.get("role") != "assistant":
            raise Refused("invalid_value", "Only assistant message items can be truncated.", "item_id")
        length_ms = max(0, int(item.audio_ms) - self.faults.items_shorter_by_ms)
        if end_ms > length_ms:
            raise Refused(
                "invalid_value", f"Audio content of {length_ms}ms is already shorter than {end_ms}ms", "audio_end_ms"
            )
        item.kept_ms = end_ms
        self._waiting.append(Truncated(item.value["id"], end_ms))
        await self.send("conversation.item.truncated", item_id=item.value["id"], content_index=0, audio_end_ms=end_ms)

    async def _create_response(self, event: Mapping[str, Any]) -> None:
        if self.active is None and self.faults.already_active and not self._replies:
            own = await self._begin_reply()
            self._waiting.pop()  # an empty response of the service's own
            await self.refuse(_already_active(own), event.get("event_id"))
            await own.done()
            return
        if self.active is not None:
            raise _already_active(self.active)
        await self._begin_reply()

    async def _begin_reply(self) -> Reply:
        self._replies += 1
        self.active = reply = Reply(self, self.new_id("resp"), self._replies)
        await reply.begin()
        if self.faults.fail_first and self._replies == 1:
            await reply.done(
                "failed", {"type": "failed", "error": {"type": "server_error", "code": self.faults.fail_first}}
            )
        else:
            self._waiting.append(Wanted(reply))
        return reply

    async def _cancel(self, event: Mapping[str, Any]) -> None:
        wanted = event.get("response_id")
        if self.active is None or (wanted is not None and wanted != self.active.response_id):
            raise Refused("response_cancel_not_active", "Cancellation failed: no active response found.")
        await self._stop("client_cancelled")

    async def _stop(self, reason: str) -> None:
        reply = self.active
        assert reply is not None  # both callers asked
        self._waiting.append(Stopped(reply))
        await reply.cancel(reason)

    def output_format(self) -> Mapping[str, Any]:
        form: Mapping[str, Any] = self.config["audio"]["output"]["format"]
        return form

    async def expire(self) -> None:
        await asyncio.sleep(self.faults.expire_after_s)
        message = "Your session hit the maximum duration of 60 minutes."
        if self.faults.says_expired:
            await self.refuse(Refused("session_expired", message), None)
        await self.close(1001, message)


def _already_active(reply: Reply) -> Refused:
    return Refused(
        "conversation_already_has_active_response",
        f"Conversation already has an active response in progress: {reply.response_id}.",
    )


_READERS: Mapping[str, Callable[[RealtimeSession, Mapping[str, Any]], Awaitable[None]]] = {
    "session.update": RealtimeSession._update,
    "input_audio_buffer.append": RealtimeSession._append,
    "input_audio_buffer.commit": RealtimeSession._commit,
    "input_audio_buffer.clear": RealtimeSession._clear,
    "conversation.item.create": RealtimeSession._create_item,
    "conversation.item.delete": RealtimeSession._delete_item,
    "conversation.item.retrieve": RealtimeSession._retrieve_item,
    "conversation.item.truncate": RealtimeSession._truncate,
    "response.create": RealtimeSession._create_response,
    "response.cancel": RealtimeSession._cancel,
}

Handler = Callable[[RealtimeSession], Awaitable[None]]


class RealtimeServer(ModelServer):
    """Serves `handler` on a loopback port. api_key: the only one let in."""

    def __init__(
        self,
        handler: Handler,
        dialect: str = "openai",
        host: str = "127.0.0.1",
        port: int = 0,
        tls: tuple[Path | str, Path | str] | None = None,
        *,
        faults: Faults | None = None,
        api_key: str = "",
    ) -> None:
        super().__init__(host, port, tls)
        self._handler, self._dialect = handler, SERVER_DIALECTS[dialect]
        self._faults, self._api_key = faults or Faults(), api_key
        self.sessions: deque[RealtimeSession] = deque(maxlen=FAILURES_KEPT)

    @property
    def base_url(self) -> str:
        """What to give an SDK as its base URL."""
        return self._address("http", "/v1")

    @property
    def url(self) -> str:
        return self._address("ws", PATH)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if self._api_key and request.headers.get("Authorization") != f"Bearer {self._api_key}":
            return connection.respond(HTTPStatus.UNAUTHORIZED, "invalid_api_key\n")
        if urlsplit(request.path).path != PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, "no such endpoint\n")
        return None

    async def _session(self, connection: ServerConnection) -> None:
        self.connections += 1
        self.active += 1
        request = connection.request
        assert request is not None  # set by the handshake
        model = parse_qs(urlsplit(request.path).query).get("model", ["default"])[0]
        session = RealtimeSession(connection, self._dialect, self._faults, self.connections, model)
        self.sessions.append(session)
        try:
            if "OpenAI-Beta" in request.headers and not self._dialect.is_beta:
                await connection.close(4000, "invalid_request_error.beta_api_shape_disabled")
                return
            await self._converse(session)
        except ConnectionClosed:
            pass  # the client left while we spoke: the call is over
        finally:
            self.active -= 1

    async def _converse(self, session: RealtimeSession) -> None:
        await session.send("session.created", session=session.config)
        tasks = [asyncio.ensure_future(self._handler(session))]
        if self._faults.expire_after_s:
            tasks.append(asyncio.ensure_future(session.expire()))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if len(tasks) > 1 and not tasks[0].done():
            await asyncio.wait(tasks[:1])
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionClosed):
                log.error("session %d failed", session.number, exc_info=outcome)
                self.failures.append(outcome)
                await session.close(1011, "internal error")
