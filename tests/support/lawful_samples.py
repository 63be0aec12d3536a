"""Drawn country packs, campaigns, contacts and instants, as tables that the oracle reads and as values that the product takes."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from pokea.campaigns.campaign import Campaign, Voicemail
from pokea.campaigns.contact import Consent
from pokea.campaigns.country_policy import PACKAGED_POLICIES, CountryPolicy, Policies, policy_of
from pokea.campaigns.law import ContactFacts
from pokea.hours import Opening, OpeningHours
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from tests.oracles.lawful_hours import WEEKDAYS, ZONES

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
LAST = datetime(2031, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
# Bounds of drawn openings, in minutes: many where clocks change, a few that touch or stand a minute apart, and both ends of the day.
BOUNDS = (0, 1, 30, 60, 90, 119, 120, 121, 150, 180, 210, 240, 480, 540, 780, 1140, 1380, 1410, 1439, 1440)
# Number, and the country whose pack decides. Several may be in many zones: toll-free, mobile, shared cost.
NUMBERS = (
    ("+254722000111", "KE"), ("+254202222222", "KE"), ("+254800720000", "KE"),
    ("+2348031234567", "NG"), ("+233244123456", "GH"), ("+256772123456", "UG"),
)  # fmt: skip
WIDE_NUMBERS = (
    ("+18005551234", "US"), ("+12025550123", "US"), ("+79161234567", "RU"), ("+61412345678", "AU"), ("+611800123456", "AU"),
    ("+5511961234567", "BR"), ("+525512345678", "MX"), ("+919876543210", "IN"), ("+9779841234567", "NP"),
    ("+5978123456", "SR"), ("+77012345678", "KZ"), ("+628123456789", "ID"), ("+351912345678", "PT"),
)  # fmt: skip
# Nobody's, nowhere's, and of countries that share a calling code with one that has a pack.
FOREIGN_NUMBERS = (
    "+18762101234",
    "+12462501234",
    "+870301234567",
    "+80012345678",
    "+252612345678",
    "+25410000",
    "+447781123456",
)
ENDS = (-HOUR, 5 * HOUR, 12 * HOUR, DAY, DAY, 2 * DAY, 2 * DAY, 3 * DAY, 4 * DAY)  # after now
BAD_ZONES = (
    "Nairobi",
    "Africa",
    "+03:00",
    "EAT3",
    "Etc/Unknown",
    "africa/nairobi",
    "../UTC",
    "Factory",
    "right/UTC",
    " ",
    "x" * 99,
)
PACKS_OF_A_COUNTRY = 40
SOURCES = ("web form", "Paper-form 12", "signed form", "SMS opt-in", "the sms form", "phone call", "told us, on a form")


@dataclass(frozen=True)
class Sample:
    packs: tuple[Mapping[str, Any], ...]
    campaign: Mapping[str, Any]
    contact: Mapping[str, Any]
    now: datetime


@cache
def packaged_tables() -> tuple[dict[str, Any], ...]:
    return tuple(tomllib.loads(path.read_text("utf-8")) for path in sorted(PACKAGED_POLICIES.glob("*.toml")))


@cache
def edges_of(zone: str) -> tuple[datetime, ...]:
    """The instants of 2024 to 2030 at which clocks change."""
    place = ZoneInfo(zone)
    found = []
    early = FIRST
    while early < LAST:
        late = early + 7 * DAY
        if early.astimezone(place).utcoffset() != late.astimezone(place).utcoffset():
            low, high = early, late
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low).total_seconds() // 2)
                changed = middle.astimezone(place).utcoffset() != early.astimezone(place).utcoffset()
                low, high = (low, middle) if changed else (middle, high)
            found.append(high)
        early = late
    return tuple(found)


def drawn_sample(draw: random.Random, zone: str) -> Sample:
    """Somebody who says that they live in `zone`, or now and then somebody of whom only the number is known."""
    packs, number, given = drawn_place(draw, zone)
    now = drawn_now(draw, zone, packs)
    return Sample(packs, drawn_campaign(draw, now), drawn_contact(draw, now, number, given), now)


def drawn_place(draw: random.Random, zone: str) -> tuple[tuple[Mapping[str, Any], ...], str, str]:
    lot = draw.random()
    if lot < 0.02:
        packs = (*packaged_tables(), some_pack(draw, "US", is_wide=True))
        return packs, draw.choice(FOREIGN_NUMBERS), draw.choice(("", zone))
    if lot < 0.08:
        number, country = draw.choice(WIDE_NUMBERS)
        return (some_pack(draw, country, is_wide=True),), number, ""
    number, country = draw.choice(NUMBERS)
    if lot < 0.10:
        return packaged_tables(), number, draw.choice(BAD_ZONES)
    given = "" if lot < 0.16 else zone
    if lot < 0.35:
        return packaged_tables(), number, given
    return tuple(some_pack(draw, country) for _ in range(1 + (draw.random() < 0.15))), number, given


def some_pack(draw: random.Random, country: str, is_wide: bool = False) -> dict[str, Any]:
    """One of some packs of a country: to draw and to read one takes longer than to ask it."""
    return _pack_number(draw.randrange(PACKS_OF_A_COUNTRY), country, is_wide)


@cache
def _pack_number(number: int, country: str, is_wide: bool) -> dict[str, Any]:
    return drawn_pack(random.Random(f"{number} {country}"), country, is_wide)


def drawn_pack(draw: random.Random, country: str, is_wide: bool = False) -> dict[str, Any]:
    """A pack of `country`; a wide one leaves an hour for people in a dozen zones."""
    grounds = {"basis": "ours", "source": "drawn", "doubt": "drawn"}
    notices = [{"topic": topic, "says": "drawn", **grounds} for topic in ("disclosure", "do_not_call", "sensitive")]
    hours = {day: drawn_openings(draw, is_wide) for day in WEEKDAYS}
    consent: dict[str, Any] = {"form": "express"}
    if draw.random() < 0.1:
        consent = {"form": "written", "written_words": ["form", "signed", "sms"], "spoken_words": ["call", "told"]}
    pack: dict[str, Any] = {
        "id": f"{country.lower()}-{draw.randrange(10**12)}",
        "country": country,
        "hours": {**hours, **grounds},
        "holidays": {
            "calendar": draw.choice((country if country not in ("NP", "SR") else "IN", "KE", "NG")),
            "categories": ["public"],
            "estimated_margin_days": draw.choice((0, 1, 2)),
            **grounds,
        },
        "consent": {**consent, **grounds},
        "attempts": {
            "per_day": draw.choice((1, 1, 2, 3)),
            "per_week": draw.choice((2, 4)),
            "in_all": draw.choice((3, 6)),
            **grounds,
        },
        "notice": notices,
    }
    if draw.random() < 0.7:
        pack["consent_age"] = {"days": draw.choice((30, 365)), **grounds}
    if draw.random() < 0.2:
        pack["holidays"]["extra"] = [{"date": drawn_day(draw), "name": "drawn"}]
    return pack


def drawn_openings(draw: random.Random, is_wide: bool = False) -> list[str]:
    if is_wide:
        return draw.choice((["00:00-24:00"], ["00:00-24:00"], ["01:00-23:00"], ["06:30-24:00"], []))
    bounds = sorted(draw.sample(BOUNDS, draw.choice((0, 2, 3, 4, 4, 6, 6, 8))))
    pairs = [(bounds[at], bounds[at + 1]) for at in range(0, len(bounds) - 1, 1 if len(bounds) == 3 else 2)]
    return [f"{one // 60:02}:{one % 60:02}-{other // 60:02}:{other % 60:02}" for one, other in pairs]


def drawn_campaign(draw: random.Random, now: datetime) -> dict[str, Any]:
    all_day = {weekday: ["00:00-24:00"] for weekday in range(7)}
    windows = (
        all_day if draw.random() < 0.75 else {day: drawn_openings(draw) for day in range(7) if draw.random() < 0.9}
    )
    is_bounded = draw.random() < 0.998  # a search of sixty days takes the oracle a hundred times as long
    return {
        "countries": frozenset(country for _, country in (*NUMBERS, *WIDE_NUMBERS) if draw.random() < 0.98),
        "windows": windows,
        "closed_days": frozenset({drawn_day(draw), now.date() + DAY} if draw.random() < 0.1 else ()),
        "begins_at": now + draw.choice((-DAY, -HOUR, HOUR, DAY)) if draw.random() < 0.1 else None,
        "ends_at": now + draw.choice(ENDS) if is_bounded else None,
        "max_attempts": draw.choice((3, 10)),
    }


def drawn_contact(draw: random.Random, now: datetime, number: str, zone: str) -> dict[str, Any]:
    given_at = now - timedelta(seconds=draw.randrange(1, 30 * 86_400))
    if draw.random() < 0.08:
        edges = (
            timedelta(0),
            timedelta(seconds=-1),
            timedelta(days=30),
            timedelta(days=29, hours=20),
            timedelta(days=365),
        )
        given_at = now - draw.choice(edges)
    consent = (draw.choice(SOURCES), "you may call me" if draw.random() < 0.99 else " ", given_at)
    times = draw.choice((0, 0, 0, 1, 1, 2, 2, 4))
    return {
        "number": number,
        "zone": zone,
        "consent": consent if draw.random() < 0.99 else None,
        "attempts": draw.choice((0, 0, 0, 0, 0, 1, 1, 2, 2, 5)),
        "rung_at": tuple(now - timedelta(minutes=draw.randrange(-5, 8 * 1440)) for _ in range(times)),
        "due_at": now + timedelta(minutes=draw.randrange(-600, 600)) if draw.random() < 0.2 else None,
    }


def drawn_now(draw: random.Random, zone: str, packs: tuple[Mapping[str, Any], ...]) -> datetime:
    """Most often about the change of a clock, else about midnight, the bound of an opening, a holiday, a leap day; sometimes anywhen."""
    near = timedelta(seconds=draw.randrange(-7_200, 7_201) if draw.random() < 0.7 else 60 * draw.randrange(-120, 121))
    lot = draw.random()
    if lot < 0.5 and (edges := edges_of(zone)):
        return draw.choice(edges) + near
    day = drawn_day(draw)
    if lot < 0.6:
        day = date(draw.choice((2024, 2028)), 2, 28) + timedelta(days=draw.randrange(4))
    elif lot < 0.8:
        day = draw.choice(holidays_near(packs[0]["holidays"]["calendar"], day.year)) + timedelta(
            days=draw.randrange(-2, 3)
        )
    minute = draw.choice(BOUNDS)
    wall = datetime.combine(day, time(0)) + timedelta(minutes=minute)
    if lot > 0.95:
        near = timedelta(seconds=draw.randrange(86_400))
    elif draw.random() < 0.5:
        near = timedelta(seconds=draw.choice((-60, -1, 0, 1, 59)))
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) + near


def drawn_day(draw: random.Random) -> date:
    return FIRST.date() + timedelta(days=draw.randrange((LAST - FIRST).days))


@cache
def holidays_near(calendar: str, year: int) -> tuple[date, ...]:
    import holidays

    return tuple(holidays.country_holidays(calendar, years=year))


_read: dict[str, CountryPolicy] = {}  # by id: a drawn pack is asked many times


def policies_of(sample: Sample) -> Policies:
    for tables in sample.packs:
        if tables["id"] not in _read:
            _read[tables["id"]] = policy_of(tables, "drawn")
    return Policies(tuple(_read[tables["id"]] for tables in sample.packs))


def campaign_of(sample: Sample) -> Campaign:
    tables = sample.campaign
    return Campaign(
        business_id=BusinessId("kilele"),
        campaign_id="drawn",
        name="drawn",
        agent="leads",
        from_number="+254709000000",
        countries=tables["countries"],
        windows=OpeningHours(
            {weekday: tuple(map(Opening.parse, texts)) for weekday, texts in tables["windows"].items()},
            tables["closed_days"],
        ),
        begins_at=tables["begins_at"],
        ends_at=tables["ends_at"],
        cps=1,
        channels=1,
        retries={},
        max_attempts=tables["max_attempts"],
        voicemail=Voicemail.HANG_UP,
        budget_micros=None,
    )


def facts_of(sample: Sample) -> ContactFacts:
    contact = sample.contact
    return ContactFacts(
        number=E164(contact["number"]),
        zone=contact["zone"],
        consent=Consent(*contact["consent"]) if contact["consent"] else None,
        attempts=contact["attempts"],
        rung_at=contact["rung_at"],
        due_at=contact["due_at"],
    )


ALL_ZONES = tuple(sorted(ZONES))
