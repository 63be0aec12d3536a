"""G.711 µ-law, 8 kHz mono: the telephone's own eight bits, as tables. One byte a sample on one side, PCM16 on the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bridge.core.frames import Buffer

ULAW_HZ = 8_000
ULAW_SILENCE = 0xFF
# ITU-T G.711 § 3.2 works on 14 bits: both figures are for those.
_BIAS = 33
_CLIP = 8_158


def _decoding() -> npt.NDArray[np.int16]:
    """PCM16 by code byte."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 4 * _BIAS) << ((code & 0x70) >> 4)) - 4 * _BIAS
    pcm: npt.NDArray[np.int16] = np.where(code & 0x80, -magnitude, magnitude).astype("<i2")
    return pcm


def _encoding() -> npt.NDArray[np.uint8]:
    """Code byte by the sample read as an unsigned number."""
    sample = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32) >> 2
    magnitude = np.minimum(np.abs(sample), _CLIP) + _BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    mantissa = (magnitude >> (segment + 1)) & 0x0F
    codes: npt.NDArray[np.uint8] = (~(np.where(sample < 0, 0x80, 0) | (segment << 4) | mantissa) & 0xFF).astype(
        np.uint8
    )
    return codes


_PCM_OF = _decoding()
_CODE_OF = _encoding()


def encode(pcm: Buffer) -> bytes:
    """PCM16 at 8 kHz → µ-law, half as many bytes. Raises ValueError for half a sample."""
    codes: bytes = _CODE_OF[np.frombuffer(pcm, "<u2")].tobytes()
    return codes


def decode(ulaw: Buffer) -> bytes:
    """µ-law → PCM16 at 8 kHz, twice as many bytes."""
    pcm: bytes = _PCM_OF[np.frombuffer(ulaw, np.uint8)].tobytes()
    return pcm
