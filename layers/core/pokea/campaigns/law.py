"""May this person be rung at this instant; if not, from when on, or never, and why.

The dialer asks twice: when it plans, and again at the moment of dialling, because a message waits in a queue while hours end, holidays
begin and consent lapses. What is not known counts against the call: a country without a pack, a number or a zone that nobody knows,
consent without its proof. Where several rules, packs or zones could hold, all of them must be kept.

An engineering reading of the law, not legal advice. Opt-outs, money, channels and pace are other gates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TypeAlias
from zoneinfo import ZoneInfo

from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import Consent, Contact
from pokea.campaigns.country_policy import ConsentForm, CountryPolicy, Policies
from pokea.campaigns.lawful_spans import first_lawful
from pokea.campaigns.whereabouts import Whereabouts, whereabouts, zone_named
from pokea.clock import as_utc
from pokea.hours import WEEKDAYS, Opening, local
from pokea.phone_numbers import E164

HORIZON = timedelta(days=60)  # from when a call is wanted; who cannot be rung for so long will not be
WEEK_DAYS = 7
LATEST = datetime(9000, 1, 1, tzinfo=UTC)  # beyond it dates run out


class When(StrEnum):
    NOW = "now"
    LATER = "later"
    NEVER = "never"


class Reason(StrEnum):
    LAWFUL = "lawful"
    # later
    NOT_BEGUN = "not_begun"  # the campaign
    NOT_DUE = "not_due"  # the next attempt
    HOURS = "hours"  # of the country
    HOLIDAY = "holiday"
    CAMPAIGN_HOURS = "campaign_hours"
    DAY_CAP = "day_cap"
    WEEK_CAP = "week_cap"
    # never
    NUMBER = "number"  # nobody's
    COUNTRY = "country"  # without a pack
    NOT_IN_CAMPAIGN = "not_in_campaign"  # the country
    NO_CONSENT = "no_consent"  # or not its source, wording and time
    CONSENT_FROM_FUTURE = "consent_from_future"
    CONSENT_TOO_OLD = "consent_too_old"
    CONSENT_NOT_WRITTEN = "consent_not_written"
    ZONE = "zone"  # unknown
    ATTEMPTS = "attempts"  # used up
    CAMPAIGN_OVER = "campaign_over"
    NO_LAWFUL_HOUR = "no_lawful_hour"  # before the campaign ends, or within the horizon


@dataclass(frozen=True, slots=True)
class Verdict:
    """`at`: of a later one, the first instant at which the same question is answered with now, if nothing else changes. `says`: one
    sentence for people. `packs`: ids of the country packs that were asked; they go into the record of an attempt."""

    when: When
    at: datetime | None
    reason: Reason
    says: str
    packs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFacts:
    """What the law asks about one person. `zone`: IANA name; "" = wherever the number may be. `attempts`: begun for this campaign so far.
    `rung_at`: when this business rang the number in the last eight days, whatever the campaign. `due_at`: not before."""

    number: E164
    zone: str
    consent: Consent | None
    attempts: int
    rung_at: tuple[datetime, ...]
    due_at: datetime | None = None


def facts_of(contact: Contact, rung_at: Sequence[datetime]) -> ContactFacts:
    return ContactFacts(
        number=contact.number,
        zone=contact.zone,
        consent=contact.consent,
        attempts=contact.attempts,
        rung_at=tuple(rung_at),
        due_at=contact.due_at,
    )


def verdict(facts: ContactFacts, campaign: Campaign, policies: Policies, now: datetime) -> Verdict:
    """Whether this person may be rung at `now`."""
    now = as_utc(now)
    place = whereabouts(facts.number)
    packs = policies.of(place.region)
    zones = zones_of(facts, place)
    ids = tuple(pack.policy_id for pack in packs)
    start = max(now, *(as_utc(begin) for begin in (campaign.begins_at, facts.due_at) if begin), now)
    if refusal := (
        _place_problem(place, packs, campaign)
        or _consent_problem(facts.consent, packs, now)
        or _zone_problem(facts, zones)
        or _campaign_problem(facts, packs, campaign, start)
    ):
        return Verdict(When.NEVER, None, *refusal, ids)
    clocks = [_Clock(zone, packs, campaign, _days(facts.rung_at, zone)) for zone in zones]
    end, too_late = _end(facts, packs, campaign, start)
    at = first_lawful([(clock.zone, clock.openings_on) for clock in clocks], start, end)
    if at is None:
        return Verdict(When.NEVER, None, *too_late, ids)
    if at == now:
        return Verdict(When.NOW, None, Reason.LAWFUL, f"{_wall(now, clocks[0].zone)}: calls are allowed", ids)
    reason, why = _why_not_now(facts, campaign, clocks, now)
    return Verdict(When.LATER, at, reason, f"{why}; calls are allowed from {_wall(at, clocks[0].zone)}", ids)


def zones_of(facts: ContactFacts, place: Whereabouts) -> tuple[ZoneInfo, ...]:
    """Every zone whose clock this person may live by; none where nobody knows."""
    names = (facts.zone,) if facts.zone else place.zones
    zones = tuple(zone for name in names if (zone := zone_named(name)))
    return zones if len(zones) == len(names) else ()


_Why: TypeAlias = tuple[Reason, str]


def _place_problem(place: Whereabouts, packs: Sequence[CountryPolicy], campaign: Campaign) -> _Why | None:
    if not place.region:
        return Reason.NUMBER, "no country has given out this number"
    if not packs:
        return Reason.COUNTRY, f"no rules are known for numbers of {place.region}, so nobody is rung there"
    if place.region not in campaign.countries:
        return Reason.NOT_IN_CAMPAIGN, f"the campaign does not ring numbers of {place.region}"
    return None


def _consent_problem(consent: Consent | None, packs: Sequence[CountryPolicy], now: datetime) -> _Why | None:
    if consent is None or not consent.source.strip() or not consent.wording.strip():
        return Reason.NO_CONSENT, "nothing shows where, in which words and when this person agreed to be called"
    given_at = as_utc(consent.at)
    if given_at > now:
        return Reason.CONSENT_FROM_FUTURE, "the consent is dated after today"
    for pack in packs:
        age = pack.consent.max_age
        if age is not None and now - given_at >= age:
            return Reason.CONSENT_TOO_OLD, f"the consent of {given_at:%Y-%m-%d} is older than {age.days} days"
        if pack.consent.form is ConsentForm.WRITTEN and not pack.consent.shows_form(consent.source):
            return Reason.CONSENT_NOT_WRITTEN, f"numbers of {pack.country} need written consent; its source shows none"
    return None


def _zone_problem(facts: ContactFacts, zones: Sequence[ZoneInfo]) -> _Why | None:
    if zones:
        return None
    if facts.zone:
        return Reason.ZONE, f"{facts.zone[:64]!r} is no time zone such as Africa/Nairobi"
    return Reason.ZONE, "nobody knows in which time zone this number is"


def _campaign_problem(
    facts: ContactFacts, packs: Sequence[CountryPolicy], campaign: Campaign, start: datetime
) -> _Why | None:
    most = min(campaign.max_attempts, *(pack.attempts.in_all for pack in packs))
    if facts.attempts >= most:
        return Reason.ATTEMPTS, f"rung {facts.attempts} times for this campaign (at most {most})"
    if campaign.ends_at and as_utc(campaign.ends_at) <= start:
        return Reason.CAMPAIGN_OVER, f"the campaign ends at {_instant(campaign.ends_at)}"
    if start > LATEST:
        return Reason.NO_LAWFUL_HOUR, f"the call is wanted in the year {start.year}"
    return None


def _end(
    facts: ContactFacts, packs: Sequence[CountryPolicy], campaign: Campaign, start: datetime
) -> tuple[datetime, _Why]:
    """Up to when a call may be begun, and what to say if no lawful instant comes before."""
    ends = [(start + HORIZON, (Reason.NO_LAWFUL_HOUR, f"no lawful hour within {HORIZON.days} days"))]
    if campaign.ends_at:
        why = f"no lawful hour before the campaign ends at {_instant(campaign.ends_at)}"
        ends.append((as_utc(campaign.ends_at), (Reason.NO_LAWFUL_HOUR, why)))
    for pack in packs:
        if facts.consent and pack.consent.max_age is not None:
            lapses = as_utc(facts.consent.at) + pack.consent.max_age
            why = f"no lawful hour before the consent is {pack.consent.max_age.days} days old"
            ends.append((lapses, (Reason.CONSENT_TOO_OLD, why)))
    return min(ends, key=lambda end: end[0])


def _why_not_now(facts: ContactFacts, campaign: Campaign, clocks: Sequence[_Clock], now: datetime) -> _Why:
    begins, due = (as_utc(at) if at else now for at in (campaign.begins_at, facts.due_at))
    if begins > now and begins >= due:
        return Reason.NOT_BEGUN, f"the campaign begins at {_instant(begins)}"
    if due > now:
        return Reason.NOT_DUE, f"not to be rung before {_instant(due)}"
    return next(why for clock in clocks if (why := clock.problem_at(now)))


@dataclass(frozen=True, slots=True)
class _Clock:
    """One zone that the person may be in. `rung_on`: the days, by this clock, on which they were rung."""

    zone: ZoneInfo
    packs: Sequence[CountryPolicy]
    campaign: Campaign
    rung_on: Sequence[date]

    def openings_on(self, day: date) -> Sequence[Opening]:
        """When calls may be begun on `day`: within the hours of every pack and of the campaign."""
        openings: Sequence[Opening] = self.campaign.windows.on(day)
        for pack in self.packs:
            openings = _common(openings, pack.hours.on(day))
        return openings if openings and not (self._cap_on(day) or self._holiday_on(day)) else ()

    def problem_at(self, instant: datetime) -> _Why | None:
        """Why nobody may be rung at `instant` if this is their clock; None if they may."""
        wall = local(instant, self.zone)
        day, minute = wall.date(), wall.hour * 60 + wall.minute
        if problem := self._cap_on(day):
            return problem
        if holiday := self._holiday_on(day):
            return Reason.HOLIDAY, f"{day} is a holiday ({holiday})"
        for pack in self.packs:
            if not pack.hours.is_open_at(day, minute):
                return Reason.HOURS, f"{_wall(instant, self.zone)}: outside the hours for calls to {pack.country}"
        if not self.campaign.windows.is_open_at(day, minute):
            return Reason.CAMPAIGN_HOURS, f"{_wall(instant, self.zone)}: outside the campaign's own hours"
        return None

    def _cap_on(self, day: date) -> _Why | None:
        """An attempt that a fast clock has dated later counts as well: a cap is never kept by mistake in our favour."""
        if not self.rung_on:
            return None  # every cap is at least one; most people are asked about before anybody has rung them
        today = sum(rung >= day for rung in self.rung_on)
        in_week = sum(rung > day - timedelta(days=WEEK_DAYS) for rung in self.rung_on)
        for caps in (pack.attempts for pack in self.packs):
            if today >= caps.per_day:
                return Reason.DAY_CAP, f"rung {today} times on {day} (at most {caps.per_day} a day)"
            if in_week >= caps.per_week:
                return Reason.WEEK_CAP, f"rung {in_week} times in {WEEK_DAYS} days (at most {caps.per_week})"
        return None

    def _holiday_on(self, day: date) -> str:
        return next((name for pack in self.packs if (name := pack.holidays.name_of(day))), "")


def _common(some: Sequence[Opening], others: Sequence[Opening]) -> list[Opening]:
    pairs = (
        (max(one.opens_min, other.opens_min), min(one.closes_min, other.closes_min)) for one in some for other in others
    )
    return [Opening(opens, closes) for opens, closes in pairs if opens < closes]


def _days(moments: Sequence[datetime], zone: ZoneInfo) -> tuple[date, ...]:
    return tuple(local(moment, zone).date() for moment in moments)


def _wall(instant: datetime, zone: ZoneInfo) -> str:
    """Such as "Monday 2026-11-23 08:00 (+03:00, Africa/Nairobi)"."""
    wall = local(instant, zone)
    text = wall.isoformat(" ", timespec="minutes")
    return f"{WEEKDAYS[wall.weekday()].capitalize()} {text[:16]} ({text[16:]}, {zone.key})"


def _instant(moment: datetime) -> str:
    return as_utc(moment).isoformat(timespec="minutes").replace("+00:00", "Z")
