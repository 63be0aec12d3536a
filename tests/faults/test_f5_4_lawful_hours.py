"""F5.4: who may be rung when, in every zone from 2024 to 2030, against an oracle that looks at the clock minute by minute."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from pokea.campaigns.law import Verdict, When, verdict
from tests.faults.broken import lawful_hours as broken
from tests.oracles.lawful_hours import LawfulHours
from tests.support.lawful_samples import (
    ALL_ZONES,
    Sample,
    campaign_of,
    drawn_sample,
    edges_of,
    facts_of,
    policies_of,
)

# Half-hour and quarter-hour zones, a clock change of half an hour, of two, at midnight, of negative summer time, across a change of rule.
PECULIAR = (
    "Africa/Cairo", "Africa/Casablanca", "America/Havana", "America/New_York", "America/Nuuk", "America/St_Johns", "America/Santiago",
    "Antarctica/Troll", "Asia/Almaty", "Asia/Beirut", "Asia/Gaza", "Asia/Kathmandu", "Asia/Kolkata", "Australia/Eucla",
    "Australia/Lord_Howe", "Europe/Dublin", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati",
)  # fmt: skip
OURS = ("Africa/Nairobi", "Africa/Lagos", "Africa/Accra", "Africa/Kampala")
DialGate = Callable[[Sample, datetime, datetime], bool]


def asked(sample: Sample, now: datetime) -> Verdict:
    return verdict(facts_of(sample), campaign_of(sample), policies_of(sample), now)


def compare(zones: Sequence[str], samples: int, seed: int) -> Counter[str]:
    """How often each verdict was given. Raises AssertionError at the first that is not the oracle's."""
    draw = random.Random(seed)
    seen: Counter[str] = Counter()
    for number in range(samples):
        zone = zones[number * len(zones) // samples]
        sample = drawn_sample(draw, zone)
        found = asked(sample, sample.now)
        oracle = LawfulHours(sample.packs, sample.contact, sample.campaign)
        assert (found.when.value, found.at) == oracle.verdict(sample.now), f"seed {seed}, {number}: {found}\n{sample}"
        if found.at:
            again = asked(sample, found.at)
            assert again.when is When.NOW, f"seed {seed}, {number}: lawful at {found.at}, and then {again}\n{sample}"
        seen[found.when] += 1
        seen["at an edge"] += any(abs(sample.now - edge) <= timedelta(hours=2) for edge in edges_of(zone))
    return seen


def ring(gate: DialGate, zones: Sequence[str], samples: int, seed: int) -> tuple[int, int]:
    """Lets calls that were lawful when they were queued wait there. Returns how many rang and how many did not. Raises AssertionError
    for one that rang when the oracle says that it must not."""
    draw = random.Random(seed)
    rang = held = 0
    for number in range(samples):
        sample = drawn_sample(draw, zones[number * len(zones) // samples])
        queued_at = sample.now
        if asked(sample, queued_at).when is not When.NOW:
            continue
        dialled_at = queued_at + timedelta(seconds=draw.choice((1, 900, 3_600, 14_400, 43_200)))
        if gate(sample, queued_at, dialled_at):
            oracle = LawfulHours(sample.packs, sample.contact, sample.campaign)
            assert oracle.may_ring(dialled_at), f"seed {seed}, {number}: rang at {dialled_at}\n{sample}"
            rang += 1
        else:
            held += 1
    return rang, held


def asked_at_dial(sample: Sample, queued_at: datetime, dialled_at: datetime) -> bool:
    return asked(sample, dialled_at).when is When.NOW


def test_the_law_equals_the_oracle() -> None:
    seen = compare((*PECULIAR, *OURS), 800, seed=54)
    assert seen["now"] > 60 and seen["later"] > 200 and seen["never"] > 200 and seen["at an edge"] > 200


def test_what_was_lawful_when_it_was_queued_is_asked_again_when_it_is_dialled() -> None:
    rang, held = ring(asked_at_dial, PECULIAR, 1_500, seed=55)
    assert rang > 60 and held > 30


@pytest.mark.faults
@pytest.mark.parametrize("part", range(4))  # of 100,000 samples
def test_every_zone_equals_the_oracle(part: int) -> None:
    seen = compare(ALL_ZONES[part::4], 25_000, seed=540 + part)
    assert seen["now"] > 2_000 and seen["later"] > 7_000 and seen["at an edge"] > 3_000


@pytest.mark.faults
def test_no_call_from_a_queue_rings_unlawfully() -> None:
    rang, held = ring(asked_at_dial, ALL_ZONES, 30_000, seed=544)
    assert rang > 1_000 and held > 1_000


def test_a_gate_that_was_asked_when_the_call_was_queued_is_caught() -> None:
    with pytest.raises(AssertionError, match="rang at"):
        ring(broken.asked_when_queued, PECULIAR, 1_500, seed=55)


@pytest.mark.parametrize("breaks", broken.ALL)
def test_a_broken_gate_is_caught(breaks: broken.Breaks) -> None:
    with breaks(), pytest.raises(AssertionError, match="seed"):
        compare(PECULIAR, 4_000, seed=56)
