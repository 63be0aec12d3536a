"""What both WebSocket legs need from picows: whole messages out of fragments, and close codes as numbers."""

from __future__ import annotations

from enum import Enum

from picows import WSFrame, WSMsgType, WSTransport

TEXT, BINARY, CLOSE, CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CLOSE, WSMsgType.CONTINUATION
ABNORMAL_CLOSURE = 1006


class TooLong(ValueError):
    """The message is longer than what was agreed on."""


class Fragments:
    """Joins a fragmented message, at most `limit_bytes` long. `waiting`: its last fragment has not come yet."""

    def __init__(self, limit_bytes: int) -> None:
        self.waiting = False
        self._limit = limit_bytes
        self._kind: WSMsgType | None = None
        self._parts = bytearray()

    def add(self, frame: WSFrame) -> tuple[WSMsgType, bytes] | None:
        """The message once its last fragment is here. Raises TooLong, or ValueError if the fragment is out of order."""
        if frame.msg_type is CONTINUATION:
            if self._kind is None:
                raise ValueError("continuation of nothing")
        elif self._kind is not None:
            raise ValueError("a message inside a message")
        else:
            self._kind = frame.msg_type
            self.waiting = True
        if len(self._parts) + frame.payload_size > self._limit:
            raise TooLong("message too long")
        self._parts += frame.get_payload_as_memoryview()
        if not frame.fin:
            return None
        kind, whole = self._kind, bytes(self._parts)
        self._kind, self._parts, self.waiting = None, bytearray(), False
        assert kind is not None  # set above
        return kind, whole


def close_code(transport: WSTransport) -> int:
    """The peer's close code; 1006 if it left without one."""
    handshake = transport.close_handshake
    if handshake is None or handshake.recv is None:
        return ABNORMAL_CLOSURE
    code = handshake.recv.code
    return int(code.value) if isinstance(code, Enum) else int(code)
