"""`POST {base}/audio/transcriptions`: one utterance as a WAV file in a multipart form, its words as JSON."""

from __future__ import annotations

import json
import struct

from bridge.core.cascade_frames import Transcribe, Transcribed
from bridge.core.frames import Buffer, WireError

_PCM, _MONO, _BITS = 1, 1, 16
FILE_NAME = "utterance.wav"
MEDIA_TYPE = "audio/wav"


def form(order: Transcribe, model: str) -> dict[str, str]:
    """The fields beside the file. What is unknown is left out, because servers differ in what an empty field means."""
    fields = {"model": model, "response_format": "json", "prompt": order.prompt, "language": order.language}
    return {name: value for name, value in fields.items() if value}


def wav(pcm: bytes, rate_hz: int) -> bytes:
    """pcm: little-endian int16, mono."""
    block = _MONO * _BITS // 8
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + len(pcm), b"WAVE",
        b"fmt ", 16, _PCM, _MONO, rate_hz, rate_hz * block, block, _BITS,
        b"data", len(pcm),
    )  # fmt: skip
    return head + pcm


def decode(request: int, body: Buffer) -> Transcribed:
    """Raises WireError."""
    try:
        value = json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise WireError("transcription_not_json") from None
    text = value.get("text") if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise WireError("transcription_without_text")
    return Transcribed(request, text)
