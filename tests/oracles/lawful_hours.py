"""When somebody may be rung, found the slow way: by looking at the clock of every zone, minute after minute. Knows nothing of the product.

Reads country packs as the tables of their TOML files, and a contact and a campaign as mappings:
contact   `number`, `zone`, `consent` (None or source, wording, time), `attempts`, `rung_at`, `due_at`
campaign  `countries`, `windows` (weekday → texts such as "08:00-17:00"), `closed_days`, `begins_at`, `ends_at`, `max_attempts`
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import holidays
import phonenumbers
from phonenumbers import timezone as number_zones

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEARCHED = timedelta(days=60)
ZONES = available_timezones() - {"Factory", "localtime", "posixrules"}
MINUTE = timedelta(minutes=1)
INSTANT = timedelta.resolution
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_END = datetime(9999, 1, 1, tzinfo=UTC)
NOT_FOUND = ("never", None)

Table = Mapping[str, Any]
Found = tuple[str, datetime | None]


class LawfulHours:
    """What `packs` say of one contact of one campaign."""

    def __init__(self, packs: Sequence[Table], contact: Table, campaign: Table) -> None:
        self.contact = contact
        self.campaign = campaign
        self.region = region_of(contact["number"])
        self.packs = [pack for pack in packs if pack["country"] == self.region]
        self.zones = zones_of(contact)
        self.season_end = min(self.ends())  # the campaign is over, or the consent has lapsed
        self._minutes: dict[tuple[str, date], frozenset[int]] = {}

    def verdict(self, now: datetime) -> Found:
        """("now", None), ("later", the first minute or instant) or ("never", None)."""
        if self.is_refused(now):
            return NOT_FOUND
        wanted = max(
            moment for moment in (now, self.campaign["begins_at"], self.contact["due_at"]) if moment is not None
        )
        if wanted >= self.season_end:
            return NOT_FOUND
        if self.is_lawful(minute_of(wanted)):
            return ("now", None) if wanted == now else ("later", wanted)
        given_up = min(wanted + SEARCHED, self.season_end)
        for minute in range(minute_of(wanted) + 1, minute_of(given_up - INSTANT) + 1):
            if self.is_lawful(minute):
                return "later", EPOCH + minute * MINUTE
        return NOT_FOUND

    def may_ring(self, moment: datetime) -> bool:
        """Whether the telephone may ring at this very instant."""
        begun = [start for start in (self.campaign["begins_at"], self.contact["due_at"]) if start is not None]
        return (
            not self.is_refused(moment)
            and all(start <= moment for start in begun)
            and moment < self.season_end
            and self.is_lawful(minute_of(moment))
        )

    def is_refused(self, now: datetime) -> bool:
        """For good, whatever the hour."""
        if not self.packs or self.region not in self.campaign["countries"] or not self.zones:
            return True
        caps = [self.campaign["max_attempts"], *(pack["attempts"]["in_all"] for pack in self.packs)]
        return self.contact["attempts"] >= min(caps) or not all(
            consents(self.contact["consent"], pack, now) for pack in self.packs
        )

    def ends(self) -> Iterator[datetime]:
        yield self.campaign["ends_at"] or NO_END
        for pack in self.packs:
            if self.contact["consent"] and "consent_age" in pack:
                yield self.contact["consent"][2].astimezone(UTC) + timedelta(days=pack["consent_age"]["days"])

    def is_lawful(self, minute: int) -> bool:
        """`minute`: since the epoch."""
        for zone in self.zones:
            day, shown = wall_clock(zone, minute)
            if shown not in self.lawful_minutes(zone, day):
                return False
        return True

    def lawful_minutes(self, zone: str, day: date) -> frozenset[int]:
        """The minutes of a day at which a clock in `zone` lets the telephone ring."""
        if (zone, day) not in self._minutes:
            lawful = minutes_of(self.campaign["windows"].get(day.weekday(), ()))
            if day in self.campaign["closed_days"]:
                lawful = frozenset()
            for pack in self.packs:
                lawful &= minutes_of(pack["hours"][WEEKDAYS[day.weekday()]])
                if lawful and (is_holiday(pack["holidays"], day) or self.is_rung_enough(zone, day, pack["attempts"])):
                    lawful = frozenset()
            self._minutes[zone, day] = lawful
        return self._minutes[zone, day]

    def is_rung_enough(self, zone: str, day: date, caps: Table) -> bool:
        """The day itself and the six before it; what seems to lie in the future counts too."""
        rung_on = [wall_clock(zone, minute_of(rung))[0] for rung in self.contact["rung_at"]]
        today = [rung for rung in rung_on if rung >= day]
        in_week = [rung for rung in rung_on if rung >= day - timedelta(days=6)]
        return bool(len(today) >= caps["per_day"] or len(in_week) >= caps["per_week"])


def minute_of(moment: datetime) -> int:
    """The minute since the epoch in which `moment` lies."""
    return (moment - EPOCH) // MINUTE


def wall_clock(zone: str, minute: int) -> tuple[date, int]:
    """The day and the minute of it that a clock in `zone` shows."""
    return _hour(zone, minute // 60)[minute % 60]


@lru_cache(maxsize=8_192)
def _hour(zone: str, hour: int) -> tuple[tuple[date, int], ...]:
    """What the clock shows at each minute of an hour; each of them is asked for by itself."""
    place = ZoneInfo(zone)
    walls = (datetime.fromtimestamp((hour * 60 + minute) * 60, place) for minute in range(60))
    return tuple((wall.date(), wall.hour * 60 + wall.minute) for wall in walls)


def minutes_of(openings: Sequence[str]) -> frozenset[int]:
    return frozenset().union(*(_minutes(text) for text in openings))


@lru_cache(maxsize=10_000)
def _minutes(text: str) -> frozenset[int]:
    begin, end = (int(hours) * 60 + int(minutes) for hours, minutes in (part.split(":") for part in text.split("-")))
    return frozenset(range(begin, end))


def is_holiday(rule: Table, day: date) -> bool:
    if any(extra["date"] == day for extra in rule.get("extra", ())):
        return True
    return closed(rule["calendar"], tuple(rule["categories"]), rule["estimated_margin_days"], day)


@lru_cache(maxsize=100_000)
def closed(calendar: str, categories: tuple[str, ...], margin: int, day: date) -> bool:
    if not listed(calendar, categories, day.year):
        return True
    for away in range(-margin, margin + 1):
        near = day - timedelta(days=away)
        name = listed(calendar, categories, near.year).get(near, "")
        if name and (away == 0 or "estimated" in name):
            return True
    return False


@lru_cache(maxsize=1_000)
def listed(calendar: str, categories: tuple[str, ...], year: int) -> dict[date, str]:
    return dict(holidays.country_holidays(calendar, years=year, categories=categories, language="en_US"))


def consents(consent: tuple[str, str, datetime] | None, pack: Table, now: datetime) -> bool:
    if consent is None or not consent[0].strip() or not consent[1].strip() or consent[2] > now:
        return False
    rule = pack["consent"]
    if rule["form"] == "written":
        words = re.split("[^a-z0-9]+", consent[0].lower())
        if not any(word in rule["written_words"] for word in words):
            return False
        if any(word in rule.get("spoken_words", ()) for word in words):
            return False
    return "consent_age" not in pack or now - consent[2] < timedelta(days=pack["consent_age"]["days"])


@lru_cache(maxsize=10_000)
def region_of(number: str) -> str:
    parsed = phonenumbers.parse(number)
    return (phonenumbers.region_code_for_number(parsed) or "") if phonenumbers.is_valid_number(parsed) else ""


def zones_of(contact: Table) -> tuple[str, ...]:
    if contact["zone"]:
        return (contact["zone"],) if contact["zone"] in ZONES else ()
    return number_zones_of(contact["number"])


@lru_cache(maxsize=10_000)
def number_zones_of(number: str) -> tuple[str, ...]:
    names = tuple(number_zones.time_zones_for_number(phonenumbers.parse(number)))
    return names if all(name in ZONES for name in names) else ()
