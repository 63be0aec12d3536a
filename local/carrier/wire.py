"""The switch's end of the media WebSocket: a client with the manners of libwebsockets, on asyncio streams of bytes.

It exists because the usual clients are too polite: they send a User-Agent, a Host with port, offer compression. Frames are coded by the
sans-IO half of the `websockets` package; everything here is called from the event loop and nothing blocks.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidURI
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

SUBPROTOCOL = "audio.drachtio.org"
ABNORMAL = 1006
MAX_HOST, MAX_PATH, MAX_METADATA_BYTES = 512, 4096, 8192
OPEN_TIMEOUT_S = 30.0
_CLOSE_TIMEOUT_S = 5.0


class StreamFailed(Exception):
    """The media socket never opened."""


@dataclass(frozen=True, slots=True)
class SocketEvents:
    """What the socket tells its owner. `closed` comes exactly once per opened socket, with the close code the switch saw."""

    opened: Callable[[AudioForkSocket], None]
    """The upgrade succeeded; whatever is sent here leaves before anything else."""
    text: Callable[[str], None]
    binary: Callable[[bytes], None]
    closed: Callable[[int, bool], None]
    """(code, closed by the server?)"""


class AudioForkSocket(asyncio.Protocol):
    """Made by `open_socket`. `send_*` are silent no-ops once the socket is closing."""

    def __init__(self, uri: WebSocketURI, headers: Mapping[str, str], events: SocketEvents) -> None:
        self._protocol = ClientProtocol(uri, subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=None)
        self._extra_headers = headers
        self._events = events
        self._transport: asyncio.Transport | None = None
        self._fragments = bytearray()
        self._fragment_opcode = Opcode.BINARY
        self._we_closed = False
        self._told_closed = False
        self._close_timer: asyncio.TimerHandle | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.request: Request | None = None
        self.response: Response | None = None
        self.writable = False

    # --- asyncio.Protocol ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # connections are TCP, with or without TLS
        self._transport = transport
        self.request = _switch_request(self._protocol, self._extra_headers)
        self._protocol.send_request(self.request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        self._handle_events()
        self._flush()

    def eof_received(self) -> bool:
        self._protocol.receive_eof()
        self._handle_events()
        self._flush()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.writable = False
        if self._protocol.state is not State.CLOSED:
            self._protocol.receive_eof()
            self._handle_events()
        self._fail_opening(f"connection lost during the handshake: {error}")
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._tell_closed()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = self._protocol.state is State.OPEN

    # --- for the leg --------------------------------------------------------------------------------------------------------

    def send_binary(self, data: bytes) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_binary(data)
            self._flush()

    def send_text(self, text: str) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_text(text.encode())
            self._flush()

    def close(self) -> None:
        """What a hang-up of the leg does: a close frame with 1000 and no reason."""
        if self._protocol.state is not State.OPEN:
            return
        self._we_closed = True
        self.writable = False
        self._protocol.send_close(1000)
        self._flush()
        self._close_timer = asyncio.get_running_loop().call_later(_CLOSE_TIMEOUT_S, self.abort)

    def abort(self) -> None:
        """What a crash or a lost network does: no close frame, the peer sees 1006."""
        self._we_closed = True
        self.writable = False
        if self._transport is not None:
            self._transport.abort()

    # --- inside -------------------------------------------------------------------------------------------------------------

    def _handle_events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self._handle_response(event)
            elif isinstance(event, Frame):
                self._handle_frame(event)
        if self._protocol.handshake_exc is not None:
            self._fail_opening(str(self._protocol.handshake_exc))
            if self._transport is not None:
                self._transport.close()

    def _handle_response(self, response: Response) -> None:
        self.response = response
        if self._protocol.handshake_exc is None and not self.opened.done():
            self.writable = True
            self.opened.set_result(None)
            self._events.opened(self)

    def _handle_frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._fragment_opcode = frame.opcode
            self._fragments = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT:
            self._fragments += frame.data
        else:
            if frame.opcode is Opcode.CLOSE:
                self._tell_closed()  # the leg learns it now, not when the TCP connection is gone as well
            return  # pings and the close itself are answered by the protocol; _flush sends the answer
        if frame.fin:
            message, self._fragments = bytes(self._fragments), bytearray()
            if self._fragment_opcode is Opcode.TEXT:
                self._events.text(message.decode("utf-8", "replace"))
            else:
                self._events.binary(message)

    def _flush(self) -> None:
        if self._transport is None:
            return
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()  # the protocol asks for end of stream with an empty piece
        if self._protocol.state is not State.OPEN:
            self.writable = False
        if self._protocol.close_expected() and self._close_timer is None:
            self._close_timer = asyncio.get_running_loop().call_later(_CLOSE_TIMEOUT_S, self.abort)

    def _fail_opening(self, reason: str) -> None:
        if not self.opened.done():
            self._told_closed = True  # never opened: nothing to report as closed
            self.opened.set_exception(StreamFailed(reason))

    def _tell_closed(self) -> None:
        if self._told_closed:
            return
        self._told_closed = True
        received = self._protocol.close_rcvd
        self._events.closed(ABNORMAL if received is None else received.code, not self._we_closed)


def _switch_request(protocol: ClientProtocol, extra: Mapping[str, str]) -> Request:
    """The handshake as libwebsockets 4 writes it: Host without port, an http Origin, no User-Agent, no extensions."""
    made = protocol.connect()
    host = protocol.uri.host
    headers = Headers()
    for name, value in (
        ("Pragma", "no-cache"),
        ("Cache-Control", "no-cache"),
        ("Host", host),
        ("Origin", f"http://{host}"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", made.headers["Sec-WebSocket-Key"]),
        ("Sec-WebSocket-Protocol", SUBPROTOCOL),
        ("Sec-WebSocket-Version", "13"),
        *extra.items(),
    ):
        headers[name] = " ".join(value.split())
    return Request(made.path, headers)


async def open_socket(
    url: str, headers: Mapping[str, str], events: SocketEvents, *, trust: ssl.SSLContext | None = None
) -> AudioForkSocket:
    """Connects and upgrades. Raises StreamFailed; a cancelled opening leaves no socket behind."""
    try:
        uri = parse_uri(url)
    except (InvalidURI, ValueError) as error:
        raise StreamFailed(f"unusable stream URL: {error}") from error
    if uri.user_info or len(uri.host) > MAX_HOST or len(uri.resource_name) > MAX_PATH:
        raise StreamFailed("the switch cannot parse this stream URL (credentials in it, or too long)")
    loop = asyncio.get_running_loop()
    tls = (trust or ssl.create_default_context()) if uri.secure else None
    try:
        _, socket = await loop.create_connection(
            lambda: AudioForkSocket(uri, headers, events), uri.host, uri.port, ssl=tls
        )
    except OSError as error:
        raise StreamFailed(f"cannot connect: {error}") from error
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            await socket.opened
    except TimeoutError:
        socket.abort()
        raise StreamFailed("the server did not answer the upgrade") from None
    except asyncio.CancelledError:
        socket.abort()
        raise
    except InvalidHandshake as error:
        raise StreamFailed(str(error)) from error
    return socket
