"""Free times to offer: those of a day or a stretch of days, and those nearest to a time that is gone.

`read` looks up slots, one day at a time and only as many days as are needed, so offering three times costs one or two reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from pokea.booking import SLOT, BookingRules, Service, Slot, SlotKey, has_room
from pokea.booking_decisions import NOBODY, keys_for, why_not
from pokea.clock import as_utc
from pokea.hours import bounds, local
from pokea.spoken.said import Part

OFFERED = 3  # more cannot be kept in mind by ear
MAX_DAYS_READ = 14  # a fully booked fortnight ends the search
NEAT_MINUTES = 30  # full and half hours are easier to say and to remember

Read = Callable[[Sequence[SlotKey]], tuple[Slot, ...]]


def starts_on(rules: BookingRules, service: Service, day: date, part: Part | None, now: datetime) -> list[datetime]:
    """Every start on `day` that opening hours, horizon and `now` allow, earliest first, whoever is booked."""
    found: list[datetime] = []
    for opening in rules.hours.on(day):
        opens, closes = bounds(day, opening, rules.tz)
        start = _first_on_grid(opens)
        while start + service.length <= closes:
            if why_not(rules, service, start, now) is None and _is_in(part, start, rules):
                found.append(start)
            start += SLOT
    return found


def free_on(
    rules: BookingRules,
    service: Service,
    day: date,
    part: Part | None,
    now: datetime,
    read: Read,
    own: frozenset[str] = NOBODY,
) -> list[datetime]:
    """The free starts of one day, earliest first."""
    starts = starts_on(rules, service, day, part, now)
    keys = sorted({key for start in starts for key in keys_for(rules, service, start)}, key=lambda key: key.starts_at)
    slots = {slot.key: slot for slot in read(keys)} if keys else {}
    return [
        start
        for start in starts
        if has_room((slots[key] for key in keys_for(rules, service, start)), rules.capacity, now, own)
    ]


def offers(
    rules: BookingRules,
    service: Service,
    first: date,
    last: date,
    part: Part | None,
    now: datetime,
    read: Read,
    own: frozenset[str] = NOBODY,
) -> list[datetime]:
    """Up to `OFFERED` free times between two days: spread over a single day, or the first of each of several."""
    found: list[list[datetime]] = []
    day = max(first, local(now, rules.tz).date())
    end = min(last, rules.last_day(now), day + timedelta(days=MAX_DAYS_READ - 1))
    while day <= end and len(found) < OFFERED:
        free = free_on(rules, service, day, part, now, read, own)
        if free:
            found.append(_neat(free, rules))
        day += timedelta(days=1)
    if len(found) == 1:
        return _spread(found[0])
    firsts = [free[0] for free in found]
    rest = sorted(start for free in found for start in free[1:])
    return sorted([*firsts, *rest[: OFFERED - len(firsts)]])


def alternatives(
    rules: BookingRules,
    service: Service,
    wanted: datetime,
    now: datetime,
    read: Read,
    own: frozenset[str] = NOBODY,
) -> list[datetime]:
    """Up to `OFFERED` free times near `wanted`: those of the same day, nearest first, then the nearest of each day after it."""
    wanted = as_utc(wanted)
    of_day = local(wanted, rules.tz).date()
    end = min(rules.last_day(now), of_day + timedelta(days=MAX_DAYS_READ - 1))
    found: list[datetime] = []
    day = max(of_day, local(now, rules.tz).date())
    while day <= end and len(found) < OFFERED:
        aim = wanted + (day - of_day)
        free = [start for start in free_on(rules, service, day, None, now, read, own) if start != wanted]
        nearest = sorted(free, key=lambda start: (abs(start - aim), start))
        found += nearest if day == of_day else nearest[:1]
        day += timedelta(days=1)
    return found[:OFFERED]


def _neat(free: list[datetime], rules: BookingRules) -> list[datetime]:
    neat = [start for start in free if local(start, rules.tz).minute % NEAT_MINUTES == 0]
    return neat or free


def _spread(free: list[datetime]) -> list[datetime]:
    """First, middle and last."""
    if len(free) <= OFFERED:
        return free
    return [free[0], free[len(free) // 2], free[-1]]


def _is_in(part: Part | None, start: datetime, rules: BookingRules) -> bool:
    wall = local(start, rules.tz)
    return part is None or bool(part.keep(frozenset({wall.hour * 60 + wall.minute})))


def _first_on_grid(instant: datetime) -> datetime:
    past = instant.timestamp() % SLOT.total_seconds()
    return instant + (SLOT - timedelta(seconds=past) if past else timedelta(0))
