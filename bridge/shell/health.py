"""What the bridge says about itself to load balancers and to the drain."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Drainable(Protocol):
    def must_end(self) -> None:
        """Say sorry and hang up."""


@dataclass
class Health:
    """One worker's state. `admitting` counts calls between their request and their upgrade."""

    max_calls: int
    draining: bool = False
    admitting: int = 0
    calls: set[Drainable] = field(default_factory=set)
    refused: dict[str, int] = field(default_factory=dict)

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
        return f"{state} calls={len(self.calls)} of {self.max_calls}\n"
