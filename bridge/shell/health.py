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
    changed: Callable[[], None] = lambda: None  # told when a place was taken or became free

    @property
    def free(self) -> int:
        """Calls that may still be admitted."""
        return 0 if self.draining else max(0, self.max_calls - len(self.calls) - self.admitting)

    def take(self, call: Drainable) -> None:
        self.calls.add(call)
        self.changed()

    def release(self, call: Drainable) -> None:
        self.calls.discard(call)
        self.changed()

    @property
    def is_full(self) -> bool:
        return len(self.calls) + self.admitting >= self.max_calls

    @property
    def is_ready(self) -> bool:
        return not self.draining and not self.is_full

    def count_refusal(self, code: str) -> None:
        self.refused[code] = self.refused.get(code, 0) + 1

    def words(self) -> str:
        state = "draining" if self.draining else "full" if self.is_full else "ready"
        circuits = ",".join(self.open_circuits()) or "none"
        return f"{state} calls={len(self.calls)} of {self.max_calls} loop_lag_ms={self.loop_lag_ms()} open_circuits={circuits}\n"
