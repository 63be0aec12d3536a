"""How often one number may ring a business, and how often all of them together: fixed windows, one count each.

Who hides the number shares one count with all who do. Calls that we place are not counted here: nobody rings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pokea.admission import Admission
from pokea.ids import BusinessId
from pokea.lines import Line
from pokea.phone_numbers import E164

TASKS_A_DAY = 500  # callers turned away whom a business is told of; more is no list that anybody works through
_HIDDEN, _ALL = "hidden", "all"


@dataclass(frozen=True, slots=True)
class Count:
    """One item of counts: all of `most` go up by one together, unless one of them has reached its figure."""

    business_id: BusinessId
    who: str
    when: str
    most: Mapping[str, int]
    expires: datetime
    refusal: Admission = Admission.NUMBER


def counts_of_ring(business_id: BusinessId, number: E164 | None, line: Line, now: datetime) -> tuple[Count, Count]:
    """The caller's own count, and the business's, which is asked second: who is refused by the first takes nothing from others."""
    hour, minute = now.strftime("%Y-%m-%dT%H"), now.strftime("%Y-%m-%dT%H:%M")
    most = {"all": line.number_an_hour, f"m{now.minute:02}": line.number_a_minute}
    if number is None:
        most = {f"m{now.minute:02}": line.hidden_a_minute}
    own = Count(business_id, who_of(number), hour, most, now + timedelta(hours=2))
    every = {"all": line.calls_a_minute}
    return own, Count(business_id, _ALL, minute, every, now + timedelta(hours=1), Admission.BUSINESS)


def count_of_task(business_id: BusinessId, now: datetime) -> Count:
    """Of tasks left by callers who were turned away."""
    day = now.date().isoformat()
    return Count(business_id, _ALL, f"tasks {day}", {"all": TASKS_A_DAY}, now + timedelta(days=2), Admission.BUSINESS)


def owed_once(admission: Admission, now: datetime) -> str:
    """Within what a number leaves one task at most: an hour of a full house, a day of ringing too often."""
    period = now.strftime("%Y-%m-%dT%H") if admission is Admission.FULL else now.date().isoformat()
    return f"owed {admission.value} {period}"


def who_of(number: E164 | None) -> str:
    """A digest, so that no number stands in a key. Who tries all numbers there are finds it out: it is kept for days at most."""
    return hashlib.sha256(number.encode()).hexdigest()[:24] if number is not None else _HIDDEN


def is_over_until(now: datetime) -> datetime:
    """A count that was full is not asked again before then: a flood must not become a flood of writes."""
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)
