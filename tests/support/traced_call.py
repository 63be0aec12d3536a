"""A call in virtual time whose every sample can be told apart, so that what was recorded can be compared with what was said, sample by
sample. The caller's sample at time t is a function of t; what the agent says is never silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.core.frames import Command, DropRecording, RecordAudio, ToolReturned
from bridge.core.resample import Resampler
from bridge.core.session import SessionSettings
from tests.unit.bridge.virtual_call import VirtualCall, context

RATE_HZ = 16_000
PER_MS = RATE_HZ // 1000
_PERIOD = 20_011  # a prime: no two samples within a second look alike

Samples = NDArray[np.int16]


def caller_samples(first: int, count: int) -> Samples:
    """What the caller says at these samples of the call: never silence, and quieter than speech that our ear would take for a turn."""
    return (np.arange(first, first + count) % _PERIOD + 1).astype("<i2")


class TracedCall(VirtualCall):
    def __init__(self, call_context: Any = None, call_clips: Mapping[str, bytes] | None = None) -> None:
        self.kept: list[RecordAudio] = []
        self.dropped_ms: list[float] = []
        settings = SessionSettings(records=True)
        super().__init__(call_context or context(), call_clips, settings)

    def _caller_frame(self, end_ms: float) -> bytes:
        due_ms = self._next_frame_ms - 20  # a deadline may have held the frame up
        return caller_samples(round((due_ms - 20) * PER_MS), 20 * PER_MS).tobytes()

    def obeyed(self, order: Command) -> None:
        if isinstance(order, RecordAudio):
            self.kept.append(order)
        elif isinstance(order, DropRecording):
            self.dropped_ms.append(getattr(self, "now", 0.0))
            self.kept.clear()

    def tool_answers(self, tool_call_id: str, **fields: Any) -> None:
        payload = {"status": "ok", "say": "Well."} | fields.pop("payload", {})
        self.feed(ToolReturned(tool_call_id, payload, **fields))

    # --- what reached the recorder ------------------------------------------------------------------------------------------

    @property
    def left(self) -> Samples:
        """The caller's channel on the call's clock, silent where nothing was kept."""
        return self._channel("left")

    @property
    def right(self) -> Samples:
        return self._channel("right")

    def _channel(self, side: str) -> Samples:
        sound: Samples = np.zeros(round(self.now + 2_000) * PER_MS, "<i2")
        for stretch in self.kept:
            pcm = np.frombuffer(getattr(stretch, side), "<i2")
            at = stretch.at_ms * PER_MS
            assert not sound[at : at + len(pcm)].any(), "two stretches overlap"
            sound[at : at + len(pcm)] = pcm
        return sound


def heard_ms(clip_ms: int) -> float:
    """How long a clip sounds on the line: the filter that brings it to the line's rate adds its tail."""
    resampler = Resampler(24_000, RATE_HZ)
    samples = len(resampler.push(bytes(clip_ms * 48))) + len(resampler.drain())
    return samples / 2 / PER_MS


def allowed_mask(count: int, *stretches: tuple[float, float]) -> NDArray[np.bool_]:
    """Which samples lie in one of the stretches (in ms): from the first at or after its beginning, to the last before its end."""
    mask = np.zeros(count, dtype=bool)
    for begin_ms, end_ms in stretches:
        mask[int(np.ceil(begin_ms * PER_MS)) : int(np.ceil(end_ms * PER_MS))] = True
    return mask
