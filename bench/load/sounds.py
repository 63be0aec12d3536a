"""What is said on both sides, in a form that survives any resampler and needs nobody's help to be recognised.

The caller's frames carry who sent them, when, and their number; the rest is a steady noise, the same in every frame, so a damaged frame
shows. The model speaks in levels: a constant whose sign alternates from utterance to utterance, so every sample that reaches a phone
belongs to a known utterance.
"""

from __future__ import annotations

import random
import struct
from array import array
from base64 import b64encode

CALLER_HZ, MODEL_HZ, FRAME_MS = 16_000, 24_000, 20
FRAME_BYTES = CALLER_HZ * FRAME_MS // 1000 * 2
SIGN = struct.Struct("<8sIIq")  # mark, call, number, sent at (ns)
MARK = b"\x07pokea\x07\x00"
_LEVEL = 7_000
_AUDIBLE = 1_500
_SAMPLE = struct.Struct("<h")


def caller_noise(peak: int) -> bytes:
    """The part of a frame behind its sign: uniform noise up to `peak`."""
    rng = random.Random(4)
    samples = array("h", (rng.randint(-peak, peak) for _ in range((FRAME_BYTES - SIGN.size) // 2)))
    return samples.tobytes()


def model_chunk(positive: bool, chunk_ms: int) -> bytes:
    """One server message with `chunk_ms` of speech, laid out as the service lays it out: indented, audio/pcm at 24 kHz."""
    level = _LEVEL if positive else -_LEVEL
    pcm = _SAMPLE.pack(level) * (MODEL_HZ * chunk_ms // 1000)
    lines = (
        '{\n  "serverContent": {\n    "modelTurn": {\n      "parts": [\n        {\n          "inlineData": {\n'
        '            "mimeType": "audio/pcm;rate=24000",\n            "data": "',
        b64encode(pcm).decode(),
        '"\n          }\n        }\n      ]\n    }\n  }\n}\n',
    )
    return "".join(lines).encode()


def audible(pcm: bytes, positive: bool) -> tuple[int, int, int]:
    """Samples of the utterance of this sign in a message, samples of the other sign, and samples of silence at its end.

    A message is nearly always all speech or all silence, which its edges and its middle tell; only the others are counted through.
    """
    size = len(pcm) & ~1
    if not size:
        return 0, 0, 0
    sign = 1 if positive else -1
    first = sign * _SAMPLE.unpack_from(pcm, 0)[0]
    middle = sign * _SAMPLE.unpack_from(pcm, size // 4 * 2)[0]
    last = sign * _SAMPLE.unpack_from(pcm, size - 2)[0]
    count = size // 2
    if first > _AUDIBLE and middle > _AUDIBLE and last > _AUDIBLE:
        return count, 0, 0
    if -_AUDIBLE <= first <= _AUDIBLE and -_AUDIBLE <= middle <= _AUDIBLE and -_AUDIBLE <= last <= _AUDIBLE:
        return 0, 0, count
    samples = array("h", pcm[:size])
    same = sum(1 for value in samples if value * sign > _AUDIBLE)
    other = sum(1 for value in samples if value * sign < -_AUDIBLE)
    silent = 0
    while silent < count and -_AUDIBLE <= samples[count - 1 - silent] <= _AUDIBLE:
        silent += 1
    return same, other, silent
