"""Copies of the example businesses: their own numbers, and a ground that does not depend on the hour."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.carrier import BEHAVIOURS, Tariff
from local.demo.areas import AREAS, area_of
from local.demo.businesses import Copy, example_of, people_of, write_copies
from pokea.billing.business_deck import deck_for
from pokea.billing.call_leg import Direction
from pokea.directory import Absence, Absent, Person, resolve
from pokea.profile import Profile, load_profile, load_profiles

NOW = datetime.now(UTC)
A_WEEK = [NOW + timedelta(hours=hour) for hour in range(7 * 24)]


def copied(folder: Path, copy: Copy) -> Profile:
    write_copies([copy], folder)
    (profile,) = load_profiles(folder).values()
    return profile


@pytest.mark.parametrize("agent", AREAS)
@pytest.mark.parametrize("language", ["", "sw"])
def test_a_copy_is_the_example_with_numbers_of_its_own(tmp_path: Path, agent: str, language: str) -> None:
    copy = Copy(7, agent=agent, language=language, people="at_work", mode="attended")
    profile, example = copied(tmp_path, copy), load_profile(example_of(agent))
    assert profile.line.number == copy.number != example.line.number
    assert profile.line.agent == agent
    assert profile.language == (language or example.language)
    numbers = {key: str(person.number) for key, person in profile.directory.people.items()}
    assert numbers == people_of(copy)
    assert numbers.keys() == example.directory.people.keys()
    assert not set(numbers.values()) & {str(person.number) for person in example.directory.people.values()}


@pytest.mark.parametrize("agent", AREAS)
def test_people_at_work_are_there_at_every_hour_and_those_who_are_away_are_not_there_now(
    tmp_path: Path, agent: str
) -> None:
    at_work = copied(tmp_path / "at_work", Copy(1, agent=agent, people="at_work"))
    away = copied(tmp_path / "away", Copy(2, agent=agent, people="away"))
    for person in at_work.directory.people.values():
        assert all(isinstance(resolve(at_work.directory, person.key, moment), Person) for moment in A_WEEK)
    for person in away.directory.people.values():
        for minute in range(0, 600, 10):
            absent = resolve(away.directory, person.key, NOW + timedelta(minutes=minute))
            assert isinstance(absent, Absent) and absent.why is Absence.CLOSED


@pytest.mark.parametrize("carrier", ["documented", "observed"])
def test_a_copy_is_charged_by_its_carriers_prices(tmp_path: Path, carrier: str) -> None:
    deck = deck_for(copied(tmp_path, Copy(4, agent="leads", carrier=carrier)), tmp_path)
    prices = {row.direction: row.per_minute_micros for row in deck.rows}
    assert deck.deck_id == f"demo-{carrier}"
    assert prices[Direction.STREAM] == 10_000 * BEHAVIOURS[carrier].stream_rate_per_minute_minor
    tariff = Tariff()
    assert prices[Direction.INBOUND] == 10_000 * tariff.inbound_per_minute_minor
    assert prices[Direction.OUTBOUND] == prices[Direction.TRANSFER] == 10_000 * tariff.outbound_per_minute_minor


def test_the_mode_of_hand_offs_is_the_copys(tmp_path: Path) -> None:
    for mode in ("attended", "dial"):
        for agent in ("booking", "receptionist"):
            profile = copied(tmp_path, Copy(3, agent=agent, people="at_work", mode=mode))
            assert profile.directory.rules.mode.value == mode


@pytest.mark.parametrize("agent", AREAS)
def test_every_area_draws_the_same_wish_from_the_same_dice(agent: str) -> None:
    area, today = area_of(agent), NOW.date()
    drawn = [area.drawn(today, "+254722000200", random.Random(5)) for _ in range(2)]
    assert drawn[0] == drawn[1] != area.drawn(today, "+254722000200", random.Random(6))


def test_what_is_seeded_for_a_call_can_be_stored_at_any_moment(tmp_path: Path) -> None:
    for agent in AREAS:
        area = area_of(agent)
        profile = copied(tmp_path / agent, Copy(4, agent=agent))
        records = area.records(profile, area.fixed(NOW.date(), "+254722000204"), NOW)
        assert all(record.value.business_id == profile.business_id for record in records)
        assert len({record.name for record in records}) == len(records)
