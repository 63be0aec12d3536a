"""What the bridge says about itself to load balancers and to the drain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Drainable(Protocol):
    def must_end(self) -> None:
        """Say sorry and hang up."""

    def must_leave(self) -> None:
        """Hang up without a word."""

    def check_line(self) -> None:
        """See whether the leg's connection still stands."""


def _none() -> Sequence[str]:
    return ()


def _on_time() -> int:
    return 0


class Kept(Protocol):
    """What keeps the events of calls."""

    @property
    def has_room(self) -> bool: ...

    def words(self) -> str: ...


@dataclass
class Health:
    """One worker's state. `admitting` counts calls between their request and their upgrade."""

    max_calls: int
    draining: bool = False
    admitting: int = 0
    calls: set[Drainable] = field(default_factory=set)
    refused: dict[str, int] = field(default_factory=dict)
    loop_lag_ms: Callable[[], int] = _on_time  # worst of the last minute
    open_circuits: Callable[[], Sequence[str]] = _none  # engines that are not tried at the moment
    kept: Kept | None = None  # where what calls say of themselves is kept, if it is
    changed: Callable[[], None] = lambda: None  # told when a place was taken or became free

    @property
    def free(self) -> int:
        """Calls that may still be admitted."""
        places = max(0, self.max_calls - self.busy)
        return places if not self.draining and self.has_room else 0

    def take(self, call: Drainable) -> None:
        self.calls.add(call)
        self.changed()

    def release(self, call: Drainable) -> None:
        self.calls.discard(call)
        self.changed()

    @property
    def busy(self) -> int:
        """Calls that are under way or about to be."""
        return len(self.calls) + self.admitting

    @property
    def is_full(self) -> bool:
        return self.busy >= self.max_calls

    @property
    def is_ready(self) -> bool:
        return not self.draining and not self.is_full and self.has_room

    @property
    def has_room(self) -> bool:
        """Whether what a new call will have to say of itself can be kept."""
        return self.kept is None or self.kept.has_room

    def count_refusal(self, code: str) -> None:
        self.refused[code] = self.refused.get(code, 0) + 1

    def words(self) -> str:
        state = "draining" if self.draining else "full" if self.is_full else "ready" if self.has_room else "spool_full"
        circuits = ",".join(self.open_circuits()) or "none"
        calls = f"calls={len(self.calls)} of {self.max_calls}"
        words = f"{state} {calls} loop_lag_ms={self.loop_lag_ms()} open_circuits={circuits}"
        return f"{words} {self.kept.words()}\n" if self.kept is not None else f"{words}\n"
