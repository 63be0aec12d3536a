"""A call that we placed, in virtual time: the sounds of whoever answers, through the whole session."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.core.context import AnswerPolicy
from bridge.core.frames import CallTool, GenerationComplete, ModelAudio, SayToModel, TurnComplete, frame_bytes
from bridge.core.session import SessionSettings
from bridge.core.stop_words import StopWords
from pokea.consent import STOP_KEY, STOP_PHRASES
from tests.support.answered_lines import HZ, over_line, said, still, tone
from tests.support.lines import Audio
from tests.unit.bridge.virtual_call import VirtualCall, clips, context, voice_ms

LINE_HZ = 16_000
GREETING_MS, MESSAGE_MS, LAST_WORDS_MS = 3_000, 3_000, 600
GREETING_LEVEL, MODEL_LEVEL, MESSAGE_LEVEL, OTHER_LEVEL = 3_000, 5_000, 8_000, 1_500
DISCLOSURE = (
    "Hello, this is the AI of the corner shop, about your enquiry. Say stop, or press nine, and we never call again."
)
MESSAGE = "This is the AI of the corner shop. Call us back on the number that you see."
STOP = StopWords(STOP_PHRASES, STOP_KEY, "optOut")
CLIPS: Mapping[str, bytes] = {
    **clips(greeting=GREETING_MS),
    "voicemail": voice_ms(MESSAGE_MS, MESSAGE_LEVEL),
    **{
        name: voice_ms(LAST_WORDS_MS, OTHER_LEVEL)
        for name in ("goodbye", "trouble", "opted_out", "idle_ask", "idle_ask_again", "idle_goodbye", "one_moment")
    },
}


def sound(*parts: Audio, level: float = -4.0) -> NDArray[np.int16]:
    """Over the carrier's leg, 8 kHz."""
    return over_line(np.concatenate(parts), np.random.default_rng(5), level=level)


@lru_cache(maxsize=64)
def speech(text: str, wpm: int = 160) -> Audio:
    return said(text, "en", "", wpm)


def after(milliseconds: float, text: str) -> NDArray[np.int16]:
    return sound(still(milliseconds), speech(text))


def beep(milliseconds: float = 400) -> Audio:
    return tone((1_000,), milliseconds)


def length_ms(*parts: Audio | NDArray[np.int16]) -> float:
    return sum(map(len, parts)) * 1000 / HZ


class PlacedCall(VirtualCall):
    """`line`: PCM16 at 8 kHz that is heard from the answer on; silence afterwards. `message`: what a machine is left."""

    def __init__(
        self,
        line: NDArray[np.int16],
        call_clips: Mapping[str, bytes] | None = None,
        settings: SessionSettings | None = None,
        *,
        message: str = "",
        rate_hz: int = LINE_HZ,
        is_placed: bool = True,
        **changes: Any,
    ) -> None:
        self._line = bytearray()
        self._rate_hz = rate_hz
        self.is_heard(line, 0.0)
        policy = AnswerPolicy(message) if is_placed else None
        call_context = context(greeting=DISCLOSURE, stop=STOP, answering=policy, rate_hz=rate_hz, **changes)
        super().__init__(call_context, CLIPS if call_clips is None else call_clips, settings)

    def is_heard(self, line: NDArray[np.int16], at_ms: float | None = None) -> float:
        """`line` is heard from now (or `at_ms`) on; returns when it ends."""
        at_ms = self.now if at_ms is None else at_ms
        start = round(at_ms / 20) * frame_bytes(self._rate_hz)
        pcm = np.repeat(line, self._rate_hz // HZ).tobytes()
        self._line = self._line[:start] + bytes(max(0, start - len(self._line))) + pcm
        return at_ms + length_ms(line)

    def _caller_frame(self, end_ms: float) -> bytes:
        size = frame_bytes(self._rate_hz)
        start = (round(end_ms / 20) - 1) * size
        frame = bytes(self._line[start : start + size])
        return frame + bytes(size - len(frame))

    # --- what was heard on the line -----------------------------------------------------------------------------------------

    @property
    def heard(self) -> list[tuple[float, int]]:
        """Every 20 ms that the callee heard of us: when it began, and how loud. What was wiped was not heard."""
        played: list[tuple[float, int]] = []
        play_ms = 0.0
        for at_ms, message in self.sent:
            if message == b"kill":
                played = [one for one in played if one[0] < at_ms]
                play_ms = at_ms
                continue
            play_ms = max(play_ms, at_ms)
            size = frame_bytes(self._rate_hz)
            for at in range(0, len(message), size):
                samples = np.frombuffer(message[at : at + size], "<i2")
                played.append((play_ms, int(np.abs(samples.astype(int)).max(initial=0))))
                play_ms += len(samples) * 1000 / self._rate_hz
        return played

    def heard_of(self, level: int) -> list[float]:
        """When each 20 ms of about this loudness was heard."""
        return [at_ms for at_ms, peak in self.heard if abs(peak - level) < level / 8]

    def model_heard_ms(self, from_ms: float = 0.0, until_ms: float = float("inf")) -> float:
        """How much sound that is no silence the model was sent in that time."""
        return 20.0 * sum(any(frame) for at_ms, frame in self.model_heard if from_ms <= at_ms < until_ms)

    def dictated(self) -> list[SayToModel]:
        return [order for order in self.all(SayToModel) if DISCLOSURE in order.text]

    def model_greets(self, milliseconds: int = GREETING_MS) -> None:
        """The model says what it was asked to, in its own voice, all of it at once."""
        for _ in range(milliseconds // 100):
            self.feed(ModelAudio(voice_ms(100, GREETING_LEVEL)))
        self.feed(GenerationComplete(), TurnComplete())

    def opt_outs(self) -> list[CallTool]:
        return [order for order in self.all(CallTool) if order.name == "optOut"]
