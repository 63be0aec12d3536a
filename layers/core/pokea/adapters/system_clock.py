"""The wall clock: the one place in the layer where the time of day is read."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """A `pokea.clock.Clock` on the machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)
