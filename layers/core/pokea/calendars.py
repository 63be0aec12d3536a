"""How a business's diary meets other calendars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRules:
    """feed: the diary can be subscribed to, at an address that holds a secret; a new `generation` makes the old address worthless.
    names: people's names stand in the feed. busy: calendars whose events block every diary; busy_of: those of one practitioner.
    """

    feed: bool = False
    names: bool = False
    generation: int = 1
    busy: tuple[str, ...] = ()
    busy_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_imported(self) -> bool:
        return bool(self.busy or self.busy_of)

    def urls_of(self, resource: str) -> tuple[str, ...]:
        return (*self.busy, *self.busy_of.get(resource, ()))
