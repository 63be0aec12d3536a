"""The end of a call that we end: the last words are heard to their end, then the leg is hung up; never before, and never much later."""

from __future__ import annotations

from bridge.core.frames import EndReason
from bridge.core.playout import Utterance

WORDS_WITHIN_MS = 3_000.0  # the model may take this long to begin its goodbye
LAST_SYLLABLE_MS = 350.0  # what the switch and the telephone network hold back
AT_MOST_MS = 20_000.0


class Closing:
    """Starts when the end is decided. `utterance` is the farewell once it has begun."""

    def __init__(self, reason: EndReason, now_ms: float, *, ours: bool, at_most_ms: float = AT_MOST_MS) -> None:
        self.reason = reason
        self.asked_ms = now_ms
        self.ours = ours  # the words are a clip of ours: the model is no longer listened to
        self.utterance: Utterance | None = None
        self.hanging_up = False
        self._words_by_ms = now_ms + WORDS_WITHIN_MS
        self._over_by_ms = now_ms + at_most_ms

    def began(self, utterance: Utterance) -> None:
        self.utterance = utterance

    def stopped(self, now_ms: float) -> None:
        """The caller spoke over the farewell; another one may follow."""
        self.utterance = None
        self._words_by_ms = now_ms + WORDS_WITHIN_MS

    def heard(self, utterance: Utterance, now_ms: float) -> None:
        """An utterance was heard to its end: the farewell, or words that were still on their way when the end was decided."""
        if utterance is self.utterance:
            self._over_by_ms = min(self._over_by_ms, utterance.end_ms + LAST_SYLLABLE_MS)
        elif self.utterance is None:
            self._words_by_ms = max(self._words_by_ms, now_ms + LAST_SYLLABLE_MS)

    def deadline_ms(self, line_is_silent: bool) -> float | None:
        """When to look again. While the line is not silent, its own end comes first."""
        if self.hanging_up:
            return None
        if self.utterance is None and line_is_silent:
            return min(self._words_by_ms, self._over_by_ms)
        return self._over_by_ms

    def nobody_spoke(self, now_ms: float) -> bool:
        """The model owes its goodbye and did not begin it."""
        return not self.hanging_up and self.utterance is None and now_ms >= self._words_by_ms

    def is_over(self, now_ms: float) -> bool:
        return not self.hanging_up and now_ms >= self._over_by_ms
