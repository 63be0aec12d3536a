"""How often something may be done in a day: by one caller, and by all of a business's callers together.

A count is a record of its own and is written, fenced, together with what it counts, so that no number of calls side by side gets past it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from pokea.ids import BusinessId
from pokea.ports import Records
from pokea.privacy import Pii
from pokea.records import Kind, Stored

COUNTS_KEPT = timedelta(days=3)  # a day is over everywhere by then


@dataclass(frozen=True, slots=True)
class Limit:
    """`who` is counted (a number, a session, "" for everybody together), and may do it `most` times a day."""

    what: str
    who: str
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    business_id: BusinessId
    key: str
    day: date
    used: int = 0
    version: int = 0


COUNT: Kind[Count] = Kind(
    "count",
    Count,
    key=lambda count: count.key,
    privacy={
        "business_id": Pii.ID,
        "key": Pii.ID,
        "day": Pii.NONE,
        "used": Pii.NONE,
        "version": Pii.NONE,
    },
    kept_until=lambda count: datetime.combine(count.day, time(0), tzinfo=UTC) + COUNTS_KEPT,
)


def spent(
    records: Records, business_id: BusinessId, limits: Iterable[Limit], day: date
) -> tuple[Stored[Count], ...] | None:
    """The counts after one more, to be written together with what they count; None when one of `limits` is used up."""
    counts = []
    for limit in limits:
        key = _key(limit, day)
        stored = records.record(COUNT, business_id, key)
        count = stored or Count(business_id=business_id, key=key, day=day)
        if count.used >= limit.most:
            return None
        counts.append(COUNT.of(replace(count, used=count.used + 1)))
    return tuple(counts)


def _key(limit: Limit, day: date) -> str:
    """A digest, so that no number stands in a key."""
    who = hashlib.sha256(limit.who.encode()).hexdigest()[:24] if limit.who else "all"
    return f"{limit.what}.{day.isoformat()}.{who}"
