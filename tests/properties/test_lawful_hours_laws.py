"""Lawful hours, whatever the pack, the zone and the instant: a later instant is the first, and no rule ever lets a telephone ring."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from pokea.campaigns.campaign import Campaign
from pokea.campaigns.country_policy import AttemptCaps, ConsentForm, Policies
from pokea.campaigns.law import ContactFacts, When, verdict, zones_of
from pokea.campaigns.lawful_spans import open_spans
from pokea.campaigns.whereabouts import whereabouts, zone_named
from pokea.hours import Opening, OpeningHours
from tests.oracles.lawful_hours import LawfulHours
from tests.support.lawful_samples import ALL_ZONES, campaign_of, drawn_sample, edges_of, facts_of, policies_of

seeds = st.integers(0, 2**32)
zones = st.sampled_from(ALL_ZONES)
INSTANT = timedelta.resolution
FIRST, LAST = datetime(2024, 1, 2), datetime(2030, 12, 30)
World = tuple[ContactFacts, Campaign, Policies]


def drawn(seed: int, zone: str) -> tuple[random.Random, World, Any]:
    draw = random.Random(seed)
    sample = drawn_sample(draw, zone)
    return draw, (facts_of(sample), campaign_of(sample), policies_of(sample)), sample


@given(seeds, zones)
def test_a_verdict_equals_the_oracles(seed: int, zone: str) -> None:
    _, world, sample = drawn(seed, zone)
    found = verdict(*world, sample.now)
    oracle = LawfulHours(sample.packs, sample.contact, sample.campaign)
    assert (found.when.value, found.at) == oracle.verdict(sample.now)


@given(seeds, zones)
def test_a_later_instant_is_lawful_and_nothing_before_it_is(seed: int, zone: str) -> None:
    draw, world, sample = drawn(seed, zone)
    found = verdict(*world, sample.now)
    assume(found.at)
    assert found.at and found.when is When.LATER and found.at > sample.now
    assert verdict(*world, found.at).when is When.NOW
    waits = [found.at - sample.now - INSTANT, *((found.at - sample.now) * draw.random() for _ in range(4))]
    for wait in waits:
        between = verdict(*world, sample.now + wait)
        assert (between.when, between.at) == (When.LATER, found.at)


@given(seeds, zones)
def test_one_rule_more_never_makes_an_unlawful_instant_lawful(seed: int, zone: str) -> None:
    draw, world, sample = drawn(seed, zone)
    stricter = tightened(draw, *world, sample.now.date())
    found = verdict(*stricter, sample.now)
    for moment in (sample.now, found.at, sample.now + timedelta(minutes=draw.randrange(3_000))):
        if moment and verdict(*stricter, moment).when is When.NOW:
            assert verdict(*world, moment).when is When.NOW
    loose = verdict(*world, sample.now)
    if found.when is When.LATER:
        assert loose.when is When.NOW or (loose.at and found.at and loose.at <= found.at)


@given(seeds, zones)
def test_who_may_be_in_many_zones_is_rung_when_it_is_lawful_in_each(seed: int, zone: str) -> None:
    _, (facts, campaign, policies), sample = drawn(seed, zone)
    found = verdict(facts, campaign, policies, sample.now)
    if found.when is When.NOW:
        for place in zones_of(facts, whereabouts(facts.number)):
            assert verdict(replace(facts, zone=place.key), campaign, policies, sample.now).when is When.NOW


@given(zones, st.datetimes(FIRST, LAST), st.integers(0, 1_439), st.integers(1, 1_440))
def test_an_instant_lies_in_open_time_when_the_clock_shows_an_opening(
    name: str, near: datetime, opens: int, minutes: int
) -> None:
    zone = zone_named(name)
    assert zone
    opening = Opening(opens, min(opens + minutes, 1_440))
    edges = edges_of(name) or (near.replace(tzinfo=UTC),)
    about = min(edges, key=lambda edge: abs(edge - near.replace(tzinfo=UTC)))
    for moment in (
        near.replace(tzinfo=UTC),
        about,
        about - INSTANT,
        about + timedelta(hours=1),
        about - timedelta(hours=1),
    ):
        spans = open_spans(zone, moment.date(), lambda day: [opening])
        shown = moment.astimezone(zone)
        is_open = opening.opens_min <= shown.hour * 60 + shown.minute < opening.closes_min
        assert any(begin <= moment < end for begin, end in spans) == is_open
        assert all(begin < end and begin.date() == moment.date() for begin, end in spans)


def tightened(draw: random.Random, facts: ContactFacts, campaign: Campaign, policies: Policies, day: date) -> World:
    """The same world with one rule more."""
    packs = list(policies.packs)
    at = draw.randrange(len(packs))
    pack = packs[at]
    match draw.randrange(9):
        case 0:
            extra = {day + timedelta(days=draw.randrange(-1, 4)): "a day more"}
            packs[at] = replace(pack, holidays=replace(pack.holidays, extra={**pack.holidays.extra, **extra}))
        case 1:
            packs[at] = replace(pack, hours=shortened(draw, pack.hours))
        case 2:
            packs[at] = replace(pack, attempts=fewer(draw, pack.attempts))
        case 3:
            age = timedelta(days=draw.choice((1, 5, 29)))
            packs[at] = replace(pack, consent=replace(pack.consent, max_age=min(age, pack.consent.max_age or age)))
        case 4:
            written = replace(pack.consent, form=ConsentForm.WRITTEN)
            packs[at] = replace(pack, consent=written)
        case 5:
            other = drawn_sample(draw, "Africa/Nairobi")
            packs += [replace(found, country=pack.country) for found in policies_of(other).packs]
        case 6:
            campaign = replace(campaign, windows=shortened(draw, campaign.windows))
        case 7:
            closed = campaign.windows.closed_days | {day + timedelta(days=draw.randrange(-1, 4))}
            campaign = replace(campaign, windows=OpeningHours(campaign.windows.week, closed))
        case _:
            campaign = replace(campaign, max_attempts=campaign.max_attempts - 1)
    return facts, campaign, Policies(tuple(packs))


def shortened(draw: random.Random, hours: OpeningHours) -> OpeningHours:
    """Some openings end earlier, begin later, or are left out."""

    def less(opening: Opening) -> tuple[Opening, ...]:
        first, last = sorted(draw.randrange(opening.opens_min, opening.closes_min + 1) for _ in range(2))
        return (Opening(first, last),) if first < last else ()

    week = {weekday: tuple(kept for opening in day for kept in less(opening)) for weekday, day in hours.week.items()}
    return OpeningHours(week, hours.closed_days)


def fewer(draw: random.Random, caps: AttemptCaps) -> AttemptCaps:
    return replace(
        caps,
        per_day=draw.randint(1, caps.per_day),
        per_week=draw.randint(1, caps.per_week),
        in_all=draw.randint(1, caps.in_all),
    )
