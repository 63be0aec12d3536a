"""At which instants the clock of a zone shows a time at which calls are allowed.

An instant is allowed when the wall clock shows a day and a minute that are. So a time that clocks skip is never, and one that they show
twice is allowed twice. Each day of UTC is cut at the instants at which the zone changes its offset; between two cuts wall time and UTC
differ by a constant, and no repeated or missing time is left to think about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from pokea.hours import Opening

# From the first instant up to, and without, the second; UTC.
Span: TypeAlias = tuple[datetime, datetime]
# The openings of one day of the wall clock.
OpeningsOn: TypeAlias = Callable[[date], Sequence[Opening]]

DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_INSTANT = timedelta.resolution


def first_lawful(zones: Sequence[tuple[ZoneInfo, OpeningsOn]], start: datetime, end: datetime) -> datetime | None:
    """The first instant from `start` on, and before `end`, that is allowed in every one of `zones`; None if there is none."""
    day = start.date()
    while (midnight := datetime.combine(day, time(0), UTC)) < end:
        spans = [(max(midnight, start), min(midnight + DAY, end))]
        for zone, openings_on in zones:
            spans = overlap(spans, open_spans(zone, day, openings_on))
            if not spans:
                break
        if spans:
            return min(spans)[0]
        day += DAY
    return None


def open_spans(zone: ZoneInfo, day: date, openings_on: OpeningsOn) -> list[Span]:
    """The parts of the UTC day `day` at which it is open time in `zone`."""
    found: list[Span] = []
    for begin, end, offset in _offsets(zone, day):
        wall, last = (begin + offset).date(), (end + offset - _INSTANT).date()
        while wall <= last:
            midnight = datetime.combine(wall, time(0), UTC) - offset
            for opening in openings_on(wall):
                opens = max(begin, midnight + timedelta(minutes=opening.opens_min))
                closes = min(end, midnight + timedelta(minutes=opening.closes_min))
                if opens < closes:
                    found.append((opens, closes))
            wall += DAY
    return found


def overlap(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What lies in a span of both."""
    pairs = ((max(one[0], other[0]), min(one[1], other[1])) for one in some for other in others)
    return [(begin, end) for begin, end in pairs if begin < end]


@lru_cache(maxsize=16_384)  # every zone for a month
def _offsets(zone: ZoneInfo, day: date) -> tuple[tuple[datetime, datetime, timedelta], ...]:
    """The UTC day in pieces of one offset each. An offset that holds for less than an hour may be missed; none ever did."""
    begin = datetime.combine(day, time(0), UTC)
    hours = [begin + hour * _HOUR for hour in range(25)]
    offsets = [_offset(zone, hour) for hour in hours]
    changed = (hour for hour in range(24) if offsets[hour] != offsets[hour + 1])
    cuts = [begin, *(_change(zone, hours[hour], hours[hour + 1]) for hour in changed)]
    return tuple(
        (cut, following, _offset(zone, cut))
        for cut, following in zip(cuts, [*cuts[1:], begin + DAY], strict=True)
        if cut < following
    )


def _change(zone: ZoneInfo, early: datetime, late: datetime) -> datetime:
    """The first instant, to the second, with an offset other than that of `early`; `late` has another one."""
    before = _offset(zone, early)
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        early, late = (middle, late) if _offset(zone, middle) == before else (early, middle)
    return late


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).replace(tzinfo=UTC) - instant
