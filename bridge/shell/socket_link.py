"""A model connection that is one WebSocket: connects, lets a codec speak, and reports."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from picows import WSHandshakeError as HandshakeError

from bridge.core.frames import Buffer, LegCommand, LegLost, ModelLost, ModelReady, OpenModel, WireError
from bridge.core.recording import Kind
from bridge.shell.model_link import OnEvents, OnLost, Tap
from bridge.shell.socket_frames import BINARY, CLOSE, TEXT, Fragments, close_code
from bridge.wire.leg import LegCodec
from pokea.errors import CallError

_MESSAGE_LIMIT_BYTES = 8 * 1024 * 1024  # a minute of speech in one message would be 4 MB
_BAD_MESSAGES_AT_MOST = 20
_IDLE_PING_S = 15.0
_LEAVE_WITHIN_S = 0.8
# A model that stops reading finds a third of a second of sound in our buffers; then at most 3 s wait here, the oldest are let go, and
# commands, which must not be lost, end the connection when too many of them wait.
_HIGH_WATER_BYTES = 8 * 1024
_UNSENT_BYTES = 8 * 1024
_FRAMES_WAITING_AT_MOST = 150
_COMMANDS_WAITING_AT_MOST = 100
log = logging.getLogger(__name__)
_picows_log = logging.getLogger("bridge.model.socket")


Headers: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SocketTarget:
    """Where a model listens and which language it speaks. One per process: a TLS context costs tens of milliseconds.

    `headers` may be a function where they change while the process lives; it raises CallError if there are none to be had.
    """

    url: str
    headers: Headers | Callable[[], Awaitable[Headers]]
    tls: ssl.SSLContext | None
    codec: Callable[[], LegCodec]

    @classmethod
    def of(
        cls,
        url: str,
        codec: Callable[[], LegCodec],
        headers: Headers | Callable[[], Awaitable[Headers]] = (),
        ca_file: str = "",
    ) -> SocketTarget:
        """Raises OSError for an unreadable CA file."""
        tls = ssl.create_default_context(cafile=ca_file or None) if url.startswith("wss://") else None
        return cls(url, headers, tls, codec)

    async def current_headers(self) -> Headers:
        return await self.headers() if callable(self.headers) else self.headers


class SocketLink(WSListener):
    """See bridge.shell.model_link.ModelLink."""

    has_wire = True

    def __init__(self, number: int, target: SocketTarget, on_events: OnEvents, on_lost: OnLost) -> None:
        self.number = number
        self.tap: Tap | None = None
        self._target = target
        self._codec = target.codec()
        self._encode = self._codec.audio
        self._write: Callable[[WSMsgType, bytes], None] | None = None  # while sound may go straight through
        self._on_events = on_events
        self._on_lost = on_lost
        self._transport: WSTransport | None = None
        self._order: OpenModel | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gone = False
        self._bad_messages = 0
        self._fragments = Fragments(_MESSAGE_LIMIT_BYTES)
        self._congested = False
        self._waiting: deque[tuple[bool, bytes]] = deque()  # is sound; while the model does not read

    async def open(self, order: OpenModel) -> None:
        """Connect and set up. Reports the outcome through the callbacks; returns when it is known."""
        self._order = order
        code, reason = 0, "no answer in time"
        try:
            async with asyncio.timeout(order.timeout_ms / 1000):
                headers = await self._target.current_headers()
                await ws_connect(
                    lambda: self,
                    self._target.url,
                    ssl_context=self._target.tls,
                    websocket_handshake_timeout=order.timeout_ms / 1000,
                    logger_name=_picows_log,
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=_IDLE_PING_S,
                    auto_ping_reply_timeout=_IDLE_PING_S,
                    max_frame_size=_MESSAGE_LIMIT_BYTES,
                    max_redirects=0,
                    extra_headers=list(headers) or None,
                )
                await self._ready
            return
        except HandshakeError as problem:
            code, reason = _status(problem), "handshake refused"
        except OSError as problem:  # TimeoutError is one of them
            reason = type(problem).__name__
        except CallError as problem:
            reason = problem.code
        self._lose(code, reason)

    def on_ws_connected(self, transport: WSTransport) -> None:
        # The transport is stored here because setupComplete may arrive before ws_connect() returns.
        self._transport = transport
        if self._gone:
            transport.disconnect(False)
            return
        assert self._order is not None  # open() came before
        transport.underlying_transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)
        connection = transport.underlying_transport.get_extra_info("socket")
        if connection is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        if self.tap is not None:
            self.tap(Kind.MODEL_OPEN, b"")
        self._codec.open(self._order.setup)
        self._flush()
        self._go_straight()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is CLOSE:
            self._lose(close_code(transport), frame.get_close_reason() or "")
        elif (kind is TEXT or kind is BINARY) and frame.fin and not self._fragments.waiting:
            self._read(frame.get_payload_as_memoryview())
        elif kind in (TEXT, BINARY, WSMsgType.CONTINUATION):
            whole = self._joined(frame)
            if whole is not None:
                self._read(whole)

    def _joined(self, frame: WSFrame) -> bytes | None:
        try:
            message = self._fragments.add(frame)
        except ValueError as problem:
            self._lose(1002, str(problem))
            return None
        return message[1] if message else None

    def _read(self, payload: Buffer) -> None:
        if self._gone:
            return
        if self.tap is not None:
            self.tap(Kind.MODEL_IN, payload)
        try:
            events = self._codec.receive(payload)
        except LegLost as end:
            self._flush()
            self._lose(0, end.reason)
            return
        except WireError as problem:
            self._bad_messages += 1
            log.warning("model link %d: %s", self.number, problem.code)
            if self._bad_messages > _BAD_MESSAGES_AT_MOST:
                self._lose(1007, "too many malformed messages")
            return
        if self._codec.outbox:
            self._flush()
        if not self._ready.done() and any(isinstance(event, ModelReady) for event in events):
            self._ready.set_result(None)
            events = [ModelReady(self.number) if isinstance(event, ModelReady) else event for event in events]
        self._on_events(self, events)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._lose(close_code(transport), "")

    def _lose(self, code: int, reason: str) -> None:
        if self._gone:
            return
        self.close()
        self._on_lost(ModelLost(self.number, code, reason[:120], self._codec.loss(code, reason)))

    def close(self) -> None:
        """Leave without a report. Nothing is sent or reported any more; the socket is gone within a second."""
        self._gone = True
        self._write = None
        if not self._ready.done():
            self._ready.set_result(None)
        transport = self._transport
        if transport is not None and not transport.is_disconnected:
            transport.send_close()
            transport.disconnect()
            asyncio.get_running_loop().call_later(_LEAVE_WITHIN_S, _abort, transport)

    # --- to the model -------------------------------------------------------------------------------------------------------

    def send_audio(self, frames: Iterable[Buffer]) -> None:
        write = self._write
        if write is None:
            self._send_otherwise(frames)
            return
        for frame in frames:  # fifty times a second
            write(TEXT, self._encode(frame))

    def _go_straight(self) -> None:
        """Sound takes the short way as long as the model reads and nobody listens in."""
        usable = self._transport is not None and not self._gone and not self._congested and self.tap is None
        self._write = self._transport.send if usable and self._transport is not None else None

    def _send_otherwise(self, frames: Iterable[Buffer]) -> None:
        transport = self._transport
        if transport is None or self._gone:
            return
        for frame in frames:
            if self._congested:
                self._wait(True, bytes(frame))
            else:
                self._send(transport, self._encode(frame), Kind.MODEL_SOUND)

    def obey(self, command: LegCommand) -> None:
        if not self._gone:
            self._codec.obey(command)
            self._flush()

    def _flush(self) -> None:
        transport, messages = self._transport, self._codec.outbox
        if transport is not None and not self._gone:
            for message in messages:
                if self._congested:
                    self._wait(False, message)
                else:
                    self._send(transport, message)
        messages.clear()

    def _send(self, transport: WSTransport, message: bytes, kind: Kind = Kind.MODEL_OUT) -> None:
        transport.send(TEXT, message)
        if self.tap is not None:
            self.tap(kind, message)

    # --- a model that does not read -----------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        self._congested = True
        self._write = None

    def resume_writing(self) -> None:
        self._congested = False
        transport = self._transport
        while self._waiting and not self._congested and transport is not None and not self._gone:
            is_sound, item = self._waiting.popleft()
            if is_sound:
                self._send(transport, self._encode(item), Kind.MODEL_SOUND)
            else:
                self._send(transport, item)
        self._go_straight()

    def _wait(self, is_sound: bool, item: bytes) -> None:
        """Keep the order of sound and commands, because a command may mean "what you just heard"."""
        self._waiting.append((is_sound, item))
        places = [at for at, (sound, _) in enumerate(self._waiting) if sound is is_sound]
        if is_sound and len(places) > _FRAMES_WAITING_AT_MOST:
            del self._waiting[places[0]]
        elif not is_sound and len(places) > _COMMANDS_WAITING_AT_MOST:
            asyncio.get_running_loop().call_soon(
                self._lose, 0, "the model does not read"
            )  # not inside an order of the session


def _abort(transport: WSTransport) -> None:
    if not transport.is_disconnected:
        transport.disconnect(False)


def _status(problem: HandshakeError) -> int:
    return int(problem.response.status) if problem.response is not None else 0
