"""The models that can answer a call, in the bridge's own terms. What they are called and where they are is the shell's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.core.frames import MODEL_IN_HZ, TurnDetection

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Engine:
    """`feeds`: the rate of caller audio it is sent, by the line's rate; a rate that is not named is fed 16 kHz."""

    name: str
    model: str = ""
    rotate_ms: int = 9 * _MINUTE_MS  # planned hand-over to a new connection
    turn_detection: TurnDetection = TurnDetection.MODEL
    feeds: Mapping[int, int] = field(default_factory=dict)

    def input_hz(self, line_hz: int) -> int:
        return self.feeds.get(line_hz, MODEL_IN_HZ)


GEMINI = Engine("gemini", "gemini-3.8-live")
# G.711 at 8 kHz goes through as it is; everything else is fed as 24 kHz PCM, the only PCM rate that service takes.
OPENAI = Engine("openai", "gpt-realtime-2.1", 50 * _MINUTE_MS, feeds={8_000: 8_000, 16_000: 24_000, 24_000: 24_000})
