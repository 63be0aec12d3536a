"""When a silent or endless call is asked, and when it ends. Pure: the session says what happened, the limits say what is due."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Limits:
    idle_ask_ms: int = 8_000
    idle_ask_again_ms: int = 16_000
    idle_goodbye_ms: int = 24_000
    max_call_ms: int = 900_000
    max_tokens: int | None = None  # of one call, as its models count them; None for no cap
    max_joined_ms: int = 3_600_000  # from the moment that a person takes the caller


class Due(StrEnum):
    ASK = "ask"
    ASK_AGAIN = "ask_again"
    IDLE_GOODBYE = "idle_goodbye"
    MAX_DURATION = "max_duration"
    FRUITLESS = "fruitless"  # the call leads nowhere, or costs more than it may: see `bridge.core.fruitless`


class IdleTimer:
    """Counts the caller's silence. It runs only while the line is the caller's; prompts do not restart it."""

    def __init__(self, limits: Limits) -> None:
        self._steps = (
            (limits.idle_ask_ms, Due.ASK),
            (limits.idle_ask_again_ms, Due.ASK_AGAIN),
            (limits.idle_goodbye_ms, Due.IDLE_GOODBYE),
        )
        self._since_ms: float | None = None
        self._step = 0

    def quiet(self, now_ms: float) -> None:
        """Nobody speaks from now on (no effect while that is already so)."""
        if self._since_ms is None:
            self._since_ms = now_ms

    def active(self) -> None:
        """The caller spoke, or the agent did something: the count starts over at the next silence."""
        self._since_ms, self._step = None, 0

    @property
    def deadline_ms(self) -> float | None:
        if self._since_ms is None or self._step >= len(self._steps):
            return None
        return self._since_ms + self._steps[self._step][0]

    def due(self, now_ms: float) -> Due | None:
        deadline = self.deadline_ms
        if deadline is None or now_ms < deadline:
            return None
        step = self._steps[self._step][1]
        self._step += 1
        return step


class DurationLimit:
    def __init__(self, limits: Limits) -> None:
        self.deadline_ms: float | None = float(limits.max_call_ms)
        self._max_joined_ms = limits.max_joined_ms
        self._is_joined = False

    def joined(self, now_ms: float) -> None:
        """A person has taken the caller (no effect the second time)."""
        if not self._is_joined and self.deadline_ms is not None:
            self._is_joined, self.deadline_ms = True, max(self.deadline_ms, now_ms + self._max_joined_ms)

    def due(self, now_ms: float) -> Due | None:
        if self.deadline_ms is None or now_ms < self.deadline_ms:
            return None
        self.deadline_ms = None
        return Due.MAX_DURATION
