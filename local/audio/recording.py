"""A call as a stereo WAV: left what the caller says, right what the carrier played to the caller, sample by sample."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

RATE_HZ = 16_000
_FLUSH_FRAMES = 50  # a second of 20 ms frames


class StereoRecorder:
    """Writes while the call lasts: a crash loses the last second, not the call. `close` may be called twice."""

    def __init__(self, path: Path, rate_hz: int = RATE_HZ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._rate_hz = rate_hz
        self._file: wave.Wave_write | None = wave.open(str(path), "wb")  # noqa: SIM115  (closed by close)
        self._file.setnchannels(2)
        self._file.setsampwidth(2)
        self._file.setframerate(rate_hz)
        self._left: list[bytes] = []
        self._right: list[bytes] = []
        self._samples = 0

    @property
    def duration_ms(self) -> int:
        return self._samples * 1000 // self._rate_hz

    def add(self, left: bytes, right: bytes) -> None:
        """The same stretch of time of both channels: mono PCM16LE of equal length. Raises ValueError otherwise."""
        if len(left) != len(right) or len(left) % 2:
            raise ValueError(
                f"channels must have the same whole number of samples, got {len(left)} and {len(right)} bytes"
            )
        self._left.append(left)
        self._right.append(right)
        self._samples += len(left) // 2
        if len(self._left) >= _FLUSH_FRAMES:
            self._flush()

    def close(self) -> None:
        if self._file is not None:
            self._flush()
            self._file.close()
            self._file = None

    def _flush(self) -> None:
        if self._file is None or not self._left:
            return
        channels = [np.frombuffer(b"".join(part), dtype="<i2") for part in (self._left, self._right)]
        self._file.writeframesraw(np.stack(channels, axis=1).tobytes())
        self._left.clear()
        self._right.clear()
