"""Deliveries: what a business's profile says about them, who may hear and change what, and when a delivery may come.

Who may hear and change what (a caller number is a claim: anybody can present any number):

    told to                                                     what
    the recipient's number                                      that there is a parcel, its state, and in how many minutes it comes
    any number with the tracking id and the recipient's name    the same
    the recipient's number with the recipient's name            the address, and every change: day, address, word to the driver
    the recipient's number that we rang ourselves               the day and word to the driver may be changed without the name;
                                                                the address is neither told nor changed
    the driver's number, while the parcel is out                how to find the place: landmark and gate notes, no name

A wrong name, an id that does not exist and somebody else's parcel are one answer in the same words. Names are tried at most
`MAX_WRONG_NAMES` times in a call, by one number `WRONG_NAMES_A_DAY` times a day, and for one tracking id `WRONG_NAMES_A_PARCEL` times a
day by whoever calls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pokea.clock import as_utc
from pokea.hours import OpeningHours, local
from pokea.spoken.said import Part
from pokea.tracking_ids import Pattern

WRONG_NAMES_A_DAY = 6
WRONG_NAMES_A_PARCEL = 12  # a day, for one tracking id, by whoever calls: numbers can be withheld and changed
PROPOSALS_A_DAY = 8  # about one shipment, by whoever calls: nobody sends a driver to and fro all day
ROUNDED_TO_MIN = 5
MINUTES_UP_TO = 90  # beyond that a time of day says more
MAX_ADDRESS = 120
MAX_NOTE = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchRules:
    """The part of a business's profile that this area obeys. None: the business's opening hours."""

    tracking: Pattern = field(default_factory=Pattern)
    department: str = ""  # whom a caller is handed to: a key of the directory; "" for its usual person
    horizon_days: int = 14
    delivery_hours: OpeningHours | None = None  # when drivers are on the road
    calling_hours: OpeningHours | None = None  # when recipients may be rung
    calls_ahead: bool = True  # whether they are rung when a parcel goes out


class NotThen(StrEnum):
    """Why a parcel cannot come on a day."""

    PAST = "past"
    TOO_FAR = "too_far"
    CLOSED = "closed"


def last_day(rules: DispatchRules, today: date) -> date:
    return today + timedelta(days=rules.horizon_days)


def why_not(rules: DispatchRules, hours: OpeningHours, day: date, today: date) -> NotThen | None:
    """`hours`: the business's own, for where the rules have none."""
    if day < today:
        return NotThen.PAST
    if day > last_day(rules, today):
        return NotThen.TOO_FAR
    return None if (rules.delivery_hours or hours).on(day) else NotThen.CLOSED


def window_of(rules: DispatchRules, hours: OpeningHours, day: date, part: Part | None) -> str | None:
    """ "12:00-16:00": the part of the day that was asked for, as far as drivers are on the road; "" without one, None if nothing is."""
    if part is None:
        return ""
    for opening in (rules.delivery_hours or hours).on(day):
        opens, closes = max(opening.opens_min, part.from_min), min(opening.closes_min, part.to_min)
        if opens < closes:
            return f"{opens // 60:02d}:{opens % 60:02d}-{closes // 60:02d}:{closes % 60:02d}"
    return None


def may_call(rules: DispatchRules, hours: OpeningHours, tz: ZoneInfo, now: datetime) -> bool:
    """Whether a recipient may be rung now."""
    wall = local(now, tz)
    return (rules.calling_hours or hours).is_open_at(wall.date(), wall.hour * 60 + wall.minute)


def minutes_until(eta_at: datetime, now: datetime) -> int:
    """As one says it: "about 40". Below zero where the time is over."""
    left = (as_utc(eta_at) - as_utc(now)).total_seconds() / 60
    if 0 < left < ROUNDED_TO_MIN:
        return max(1, round(left))
    return round(left / ROUNDED_TO_MIN) * ROUNDED_TO_MIN
