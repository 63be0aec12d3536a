"""`POST {base}/audio/speech` with `response_format: pcm`: one sentence in, little-endian int16 mono out, as it is synthesised."""

from __future__ import annotations

import struct
from typing import Any

from bridge.core.cascade_frames import Speak
from bridge.core.frames import Buffer, WireError

_HEAD_LIMIT_BYTES = 4096
_CHUNK_HEAD = 8


def request_body(order: Speak, model: str, voice: str) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "input": order.text, "response_format": "pcm"}
    if voice:
        body["voice"] = voice
    return body


class SpeechBody:
    """Re-cuts the body into whole samples. Some servers answer with a WAV file whatever they were asked for: its head is taken off.

    Raises WireError for a WAV file that is not 16-bit mono at `rate_hz`: it would be noise, or at the wrong speed.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._rest = b""
        self._is_pcm = False  # decided

    def feed(self, data: Buffer) -> bytes:
        self._rest += bytes(data)
        if not self._is_pcm and not self._decide():
            return b""
        whole = len(self._rest) & ~1
        pcm, self._rest = self._rest[:whole], self._rest[whole:]
        return pcm

    def _decide(self) -> bool:
        head = self._rest
        if not head.startswith(b"RIFF"[: len(head)]):
            self._is_pcm = True
            return True
        if len(head) > _HEAD_LIMIT_BYTES:
            raise WireError("speech_of_unknown_type")
        start = self._data_start(head)
        if start is None:
            return False
        self._rest, self._is_pcm = head[start:], True
        return True

    def _data_start(self, head: bytes) -> int | None:
        """Where the samples begin; None if that has not come yet."""
        at = 12
        while len(head) >= at + _CHUNK_HEAD:
            name, size = struct.unpack_from("<4sI", head, at)
            if name == b"data":
                return at + _CHUNK_HEAD
            if name == b"fmt " and len(head) >= at + _CHUNK_HEAD + 16:
                kind, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", head, at + _CHUNK_HEAD)
                if channels != 1 or bits != 16 or rate_hz != self._rate_hz or kind not in (1, 0xFFFE):
                    raise WireError("speech_of_unknown_type")
            at += _CHUNK_HEAD + size + size % 2
        return None
