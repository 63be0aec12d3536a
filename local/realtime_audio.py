"""Audio of the simulated Realtime service: the session's formats on one side, PCM16 at a rate on the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from local.speech.resample import resample

G711_HZ = 8_000
_WHOLE_BLOCK = 6  # samples; every pair of 8, 16, 24 and 48 kHz comes out even
_CONTEXT = 96  # samples on either side that a converted one depends on


def _ulaw_table() -> npt.NDArray[np.int16]:
    """ITU-T G.711, table 2a: the value of each code, by segment and step."""
    values = []
    for code in range(256):
        inverted = code ^ 0xFF
        segment, step = inverted >> 4 & 7, inverted & 15
        value = ((2 * step + 33) << segment) - 33
        values.append(-4 * value if inverted & 0x80 else 4 * value)
    return np.array(values, dtype="<i2")


_ULAW = _ulaw_table()
_ORDER = np.argsort(_ULAW, kind="stable")
_BETWEEN = (_ULAW[_ORDER][1:].astype(np.float32) + _ULAW[_ORDER][:-1]) / 2


def ulaw_decoded(codes: bytes) -> bytes:
    return bytes(_ULAW[np.frombuffer(codes, np.uint8)].tobytes())


def ulaw_encoded(pcm: bytes) -> bytes:
    """The nearest code of each sample."""
    nearest = np.searchsorted(_BETWEEN, np.frombuffer(pcm, "<i2"))
    return bytes(_ORDER[nearest].astype(np.uint8).tobytes())


def resampled(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """PCM16; each piece by itself, which is good enough for a simulator."""
    if from_hz == to_hz:
        return pcm
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float32)
    return bytes(np.clip(np.rint(resample(samples, from_hz, to_hz)), -32768, 32767).astype("<i2").tobytes())


class Converter:
    """PCM16 of one rate to another, piece by piece as if it were one: a piece converted by itself would click at both ends.

    It holds the last few milliseconds back.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from_hz, self._to_hz = from_hz, to_hz
        self._held = np.zeros(_CONTEXT, np.float32)

    def push(self, pcm: bytes) -> bytes:
        if self._from_hz == self._to_hz:
            return pcm
        self._held = np.concatenate([self._held, np.frombuffer(pcm, "<i2").astype(np.float32)])
        usable = (len(self._held) - 2 * _CONTEXT) // _WHOLE_BLOCK * _WHOLE_BLOCK
        if usable <= 0:
            return b""
        made = resample(self._held[: usable + 2 * _CONTEXT], self._from_hz, self._to_hz)
        self._held = self._held[usable:]
        start = _CONTEXT * self._to_hz // self._from_hz
        piece = made[start : start + usable * self._to_hz // self._from_hz]
        return bytes(np.clip(np.rint(piece), -32768, 32767).astype("<i2").tobytes())

    def rest(self) -> bytes:
        """What was held back, as if silence followed."""
        return b"" if self._from_hz == self._to_hz else self.push(bytes(2 * _CONTEXT))


def is_g711(form: Mapping[str, Any]) -> bool:
    return str(form["type"]) == "audio/pcmu"


def rate_of(form: Mapping[str, Any]) -> int:
    return G711_HZ if is_g711(form) else int(form["rate"])


def bytes_per_ms(form: Mapping[str, Any]) -> int:
    return rate_of(form) // 1000 * (1 if is_g711(form) else 2)


def as_pcm(audio: bytes, form: Mapping[str, Any]) -> bytes:
    """What came in a session's format, as PCM16 at that format's rate."""
    return ulaw_decoded(audio) if is_g711(form) else audio


def from_pcm(pcm: bytes, form: Mapping[str, Any]) -> bytes:
    """PCM16 at a session format's rate, in that format."""
    return ulaw_encoded(pcm) if is_g711(form) else pcm
