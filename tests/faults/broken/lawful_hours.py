"""Gates of lawful hours with one safeguard taken out each. Each must be seen to let a telephone ring that the oracle keeps silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from pokea.campaigns import law, lawful_spans
from pokea.campaigns.country_policy import HolidayRule
from pokea.campaigns.law import When
from pokea.campaigns.whereabouts import Whereabouts
from tests.support.lawful_samples import Sample, campaign_of, facts_of, policies_of

Breaks = Callable[[], AbstractContextManager[None]]
NAIROBI = ZoneInfo("Africa/Nairobi")


def asked_when_queued(sample: Sample, queued_at: datetime, dialled_at: datetime) -> bool:
    """Takes the planner's answer for good and asks nothing when the message comes out of the queue."""
    return law.verdict(facts_of(sample), campaign_of(sample), policies_of(sample), queued_at).when is When.NOW


@contextmanager
def zone_of_the_business() -> Iterator[None]:
    """Looks at the clock on the business's own wall."""
    with mock.patch.object(law, "zones_of", lambda facts, place: (NAIROBI,)):
        yield


@contextmanager
def first_zone_only() -> Iterator[None]:
    """Takes one of the zones that a toll-free number may be in for the one that it is in."""
    zones_of = law.zones_of
    with mock.patch.object(law, "zones_of", lambda facts, place: zones_of(facts, place)[:1]):
        yield


@contextmanager
def unknown_zone_guessed() -> Iterator[None]:
    """Takes whoever is nowhere to be in the business's zone."""
    zones_of = law.zones_of
    with mock.patch.object(law, "zones_of", lambda facts, place: zones_of(facts, place) or (NAIROBI,)):
        yield


@contextmanager
def one_offset_a_day() -> Iterator[None]:
    """Takes midnight's distance from UTC to hold for the whole day."""

    def offsets(zone: ZoneInfo, day: date) -> Sequence[tuple[datetime, datetime, timedelta]]:
        begin = datetime.combine(day, time(0), UTC)
        return ((begin, begin + timedelta(days=1), lawful_spans._offset(zone, begin)),)

    with mock.patch.object(lawful_spans, "_offsets", offsets):
        yield


@contextmanager
def wall_time_subtracted() -> Iterator[None]:
    """Counts the hours of a day as two aware times of one zone subtract: by the wall clock."""

    def spans(zone: ZoneInfo, day: date, openings_on: lawful_spans.OpeningsOn) -> list[lawful_spans.Span]:
        found = []
        for wall in (day - timedelta(days=1), day, day + timedelta(days=1)):
            midnight = datetime.combine(wall, time(0), zone).astimezone(UTC)
            for opening in openings_on(wall):
                ends = (midnight + timedelta(minutes=minute) for minute in (opening.opens_min, opening.closes_min))
                found.append((next(ends), next(ends)))
        begin = datetime.combine(day, time(0), UTC)
        return lawful_spans.overlap(found, [(begin, begin + timedelta(days=1))])

    with mock.patch.object(lawful_spans, "open_spans", spans):
        yield


@contextmanager
def holidays_forgotten() -> Iterator[None]:
    with mock.patch.object(HolidayRule, "name_of", lambda rule, day: ""):
        yield


@contextmanager
def estimates_believed() -> Iterator[None]:
    """Takes the estimated day of a feast for the day on which it will be declared."""
    name_of = HolidayRule.name_of
    with mock.patch.object(HolidayRule, "name_of", lambda rule, day: name_of(replace(rule, margin_days=0), day)):
        yield


@contextmanager
def days_of_utc() -> Iterator[None]:
    """Counts a day's attempts from midnight in UTC."""
    with mock.patch.object(law, "_days", lambda moments, zone: tuple(moment.date() for moment in moments)):
        yield


@contextmanager
def consent_not_asked() -> Iterator[None]:
    with mock.patch.object(law, "_consent_problem", lambda consent, packs, now: None):
        yield


@contextmanager
def consent_checked_once() -> Iterator[None]:
    """Knows how old consent is today, and not how old it will be when the telephone rings."""
    end = law._end

    def without_consent(facts: Any, *rest: Any) -> Any:
        return end(replace(facts, consent=None), *rest)

    with mock.patch.object(law, "_end", without_consent):
        yield


@contextmanager
def country_by_calling_code() -> Iterator[None]:
    """Takes every number with +1 for one of the United States."""
    whereabouts = law.whereabouts

    def by_code(number: Any) -> Whereabouts:
        place = whereabouts(number)
        return replace(place, region="US") if number.startswith("+1") else place

    with mock.patch.object(law, "whereabouts", by_code):
        yield


@contextmanager
def law_alone() -> Iterator[None]:
    """Rings whenever the law would allow it, whatever the campaign's own hours."""
    common = law._common

    def of_packs(some: Any, others: Any) -> Any:
        return common(others, others)

    with mock.patch.object(law, "_common", of_packs):
        yield


ALL: tuple[Breaks, ...] = (
    zone_of_the_business,
    first_zone_only,
    unknown_zone_guessed,
    one_offset_a_day,
    wall_time_subtracted,
    holidays_forgotten,
    estimates_believed,
    days_of_utc,
    consent_not_asked,
    consent_checked_once,
    country_by_calling_code,
    law_alone,
)
