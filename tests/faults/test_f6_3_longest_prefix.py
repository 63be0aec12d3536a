"""F6.3: 50,000 prefixes, 100,000 numbers: the row found is the one that a linear scan finds, and no row is unrated, never zero."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest

from pokea.billing.call_leg import CallLeg, Direction
from pokea.billing.rate_deck import Pulse, RateDeck, RateRow
from pokea.billing.rating import Charge, Rater, Unrated
from tests.faults.broken import money

NOON = datetime(2031, 3, 1, 12, tzinfo=UTC)
DIGITS = 15
Numbers = npt.NDArray[np.int64]


def drawn_prefixes(draw: random.Random, count: int) -> list[str]:
    """None begins with 99, so some numbers have no price."""
    names: set[str] = set()
    while len(names) < count:
        name = str(draw.randrange(20, 10 ** draw.choice((2, 3, 4, 5, 6, 7))))
        if not name.startswith("99"):
            names.add(name)
    return sorted(names)


def rater_of(prefixes: list[str]) -> Rater:
    rows = tuple(
        RateRow(
            number=at,
            direction=Direction.OUTBOUND,
            prefix=f"+{prefix}",
            per_minute_micros=at,
            pulse=Pulse(60, 60),
        )
        for at, prefix in enumerate(prefixes, 1)
    )
    return Rater(RateDeck(deck_id="long", currency="KES", rows=rows))


def scanned(prefixes: list[str], number: str, first: Numbers, last: Numbers, lengths: Numbers) -> str | None:
    """Looks at every prefix: which numbers, filled up to 15 digits, lie between its first and its last."""
    value = int(number.ljust(DIGITS, "0"))
    fits = (first <= value) & (value <= last)
    best = int(np.argmax(np.where(fits, lengths, 0)))
    return f"+{prefixes[best]}" if fits[best] else None


def check(prefixes: int, numbers: int, seed: int) -> tuple[int, int]:
    draw = random.Random(seed)
    names = drawn_prefixes(draw, prefixes)
    first = np.array([int(name.ljust(DIGITS, "0")) for name in names])
    last = np.array([int(name.ljust(DIGITS, "9")) for name in names])
    lengths = np.array([len(name) for name in names])
    rater = rater_of(names)
    priced = unpriced = 0
    for _ in range(numbers):
        number = str(draw.randrange(10**11, 10**12)) if draw.random() < 0.5 else draw.choice(names).ljust(11, "5")
        leg = CallLeg("c", "1", Direction.OUTBOUND, "", f"+{number}", NOON, NOON + timedelta(seconds=60), "completed")
        rated = rater.rate(leg)
        best = scanned(names, number, first, last, lengths)
        assert (rated.prefix if isinstance(rated, Charge) else None) == best, (seed, number)
        if isinstance(rated, Unrated):
            assert rated.reason == "no_row"
            unpriced += 1
        else:
            assert rated.micros > 0
            priced += 1
    return priced, unpriced


@pytest.mark.parametrize(
    ("prefixes", "numbers"), [(1_000, 5_000), pytest.param(50_000, 100_000, marks=pytest.mark.faults)]
)
def test_the_longest_prefix_wins(prefixes: int, numbers: int) -> None:
    priced, unpriced = check(prefixes, numbers, seed=63)
    assert priced and unpriced


@pytest.mark.parametrize("broken", [money.first_prefix, money.unrated_as_zero])
def test_a_broken_rater_is_caught(broken: money.Breaks) -> None:
    with broken(), pytest.raises(AssertionError):
        check(1_000, 5_000, seed=63)
