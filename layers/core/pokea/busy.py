"""Times at which a diary is busy elsewhere: read from the calendars that a profile names, and kept between readings.

A reading that fails leaves the last good one standing: to forget a dentist's holiday because a server is down would double-book it. What
stands is used for a day (`STALE_AFTER`); after that it counts no more and the operator hears of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pokea.clock import as_utc
from pokea.ids import BusinessId
from pokea.privacy import Pii
from pokea.records import Kind

STALE_AFTER = timedelta(days=1)
MAX_SPANS = 2_000  # of one diary; a booking horizon of half a year has fewer


@dataclass(frozen=True, slots=True)
class Span:
    """[starts_at, ends_at), aware and in UTC."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """The busy times of one diary, `resource`, as of `read_at`."""

    business_id: BusinessId
    resource: str
    spans: tuple[Span, ...]
    read_at: datetime
    version: int = 0

    def at(self, now: datetime) -> tuple[Span, ...]:
        """What still counts at `now`."""
        return self.spans if as_utc(now) < self.read_at + STALE_AFTER else ()


BUSY: Kind[Busy] = Kind(
    "busy",
    Busy,
    key=lambda busy: busy.resource,
    privacy={
        "business_id": Pii.ID,
        "resource": Pii.ID,
        "spans": Pii.NONE,
        "read_at": Pii.NONE,
        "version": Pii.NONE,
    },
    kept_until=lambda busy: busy.read_at + timedelta(days=7),
)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same times in order, with what overlaps or touches joined; at most `MAX_SPANS`, the earliest."""
    joined: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.starts_at, span.ends_at)):
        if joined and span.starts_at <= joined[-1].ends_at:
            joined[-1] = Span(joined[-1].starts_at, max(joined[-1].ends_at, span.ends_at))
        else:
            joined.append(span)
    return tuple(joined[:MAX_SPANS])


def is_busy(spans: Iterable[Span], start: datetime, end: datetime) -> bool:
    return any(span.starts_at < as_utc(end) and as_utc(start) < span.ends_at for span in spans)
