"""How long a call waits for its caller and how long it may go on: the silent, the endless and the fruitless call, in one place."""

from __future__ import annotations

from bridge.core.fruitless import Fruitless, FruitlessLimits
from bridge.core.limits import Due, DurationLimit, IdleTimer, Limits


class Patience:
    """`asks`: there are words to ask a silent caller with."""

    def __init__(self, limits: Limits, *, asks: bool) -> None:
        self._idle = IdleTimer(limits) if asks else None
        self._duration = DurationLimit(limits)
        self._fruitless = Fruitless(FruitlessLimits(max_tokens=limits.max_tokens)) if asks else None

    # --- what happened ------------------------------------------------------------------------------------------------------

    def floor(self, *, is_quiet: bool, is_callers: bool, now_ms: float) -> None:
        """`is_callers`: the agent neither speaks nor works. `is_quiet`: nor does anybody else make a sound."""
        if self._idle is not None and is_quiet:
            self._idle.quiet(now_ms)
        if self._fruitless is not None:
            self._fruitless.listening(is_callers, now_ms)

    def active(self) -> None:
        """There was a sound of the caller's, or the agent did something."""
        if self._idle is not None:
            self._idle.active()

    def words(self, text: str, *, finished: bool) -> None:
        """More of what the caller says; `finished`: the turn is complete."""
        if self._fruitless is not None:
            self._fruitless.words(text)
            if finished:
                self._fruitless.turn_over()

    def answered(self) -> None:
        """The model speaks."""
        self.active()
        if self._fruitless is not None:
            self._fruitless.answered()

    def key(self) -> None:
        if self._fruitless is not None:
            self._fruitless.sign_of_life()

    def joined(self, now_ms: float) -> None:
        """The caller speaks with a person, for whom the agent's longest call is no measure."""
        self._duration.joined(now_ms)

    def progress(self) -> None:
        """The conversation leads somewhere: a tool was asked for, or a person is being rung."""
        self.active()
        if self._fruitless is not None:
            self._fruitless.progress()

    def spent(self, tokens: int) -> None:
        if self._fruitless is not None:
            self._fruitless.spent(tokens)

    # --- what is due --------------------------------------------------------------------------------------------------------

    @property
    def deadline_ms(self) -> float | None:
        due = [self._duration.deadline_ms]
        if self._idle is not None:
            due.append(self._idle.deadline_ms)
        if self._fruitless is not None:
            due.append(self._fruitless.deadline_ms)
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def due(self, now_ms: float) -> Due | None:
        if (ends := self._duration.due(now_ms)) is not None:
            return ends
        asks = self._idle.due(now_ms) if self._idle is not None else None
        if self._fruitless is None:
            return asks
        if asks is not None:
            self._fruitless.asked()
            return asks
        return self._fruitless.due(now_ms)
