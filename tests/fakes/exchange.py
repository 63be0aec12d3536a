"""An exchange that rings nobody and remembers whom it was to ring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pokea.errors import CallError
from pokea.ids import CallId, SessionId
from pokea.transfer import Handoff


@dataclass
class MemoryExchange:
    """`trouble`: what the carrier raises instead of ringing."""

    may_dial: bool = False
    trouble: CallError | None = None
    rung: list[Handoff] = field(default_factory=list)
    words: list[tuple[Handoff, str]] = field(default_factory=list)
    hung_up: list[SessionId | CallId] = field(default_factory=list)
    told: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def ring(self, handoff: Handoff) -> None:
        self.rung.append(handoff)
        if self.trouble is not None:
            raise self.trouble

    def leave_word(self, handoff: Handoff, words: str) -> None:
        self.words.append((handoff, words))
        if self.trouble is not None:
            raise self.trouble

    def hang_up(self, call: SessionId | CallId) -> None:
        self.hung_up.append(call)

    def notify(self, url: str, news: Mapping[str, str]) -> None:
        self.told.append((url, news))
