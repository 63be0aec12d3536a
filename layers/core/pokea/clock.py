"""Time is an argument. The domain never reads a clock: a shell passes `now`, always aware and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from pokea.errors import Misuse


class Clock(Protocol):
    def now(self) -> datetime:
        """The current instant, aware, in UTC."""


class ManualClock:
    """A clock that moves only when told to. It lives here because the domain is tested with it."""

    def __init__(self, start: datetime) -> None:
        self._now = as_utc(start)

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> datetime:
        self._now += timedelta(seconds=seconds)
        return self._now


def as_utc(moment: datetime) -> datetime:
    """`moment` in UTC; a naive datetime is our bug, because nobody can say which instant it means."""
    if moment.tzinfo is None:
        raise Misuse("naive_datetime", "a datetime without a zone names no instant")
    return moment.astimezone(UTC)
