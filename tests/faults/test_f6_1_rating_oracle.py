"""F6.1: rating against the oracle of fractions: 1,000,000 drawn records, not one micro-unit of difference."""

from __future__ import annotations

import random

import pytest

from pokea.billing.rate_deck import deck_of
from pokea.billing.rating import Rater
from tests.faults.broken import money
from tests.oracles.rating_oracle import RatingOracle
from tests.support.rating_samples import as_lines, as_mapping, cuts_of, drawn_leg, drawn_tables

LEGS_OF_A_DECK = 2_000


def compare(records: int, seed: int) -> int:
    """How many of the records were rated, and so compared line by line. Raises AssertionError at the first difference."""
    draw = random.Random(seed)
    rated = 0
    for number in range(records // LEGS_OF_A_DECK):
        tables = drawn_tables(draw)
        oracle, rater, cuts = RatingOracle(tables), Rater(deck_of(tables, f"deck {number}")), cuts_of(tables)
        for _ in range(LEGS_OF_A_DECK):
            leg = drawn_leg(draw, cuts)
            lines = as_lines(rater.rate(leg))
            assert lines == oracle.lines(as_mapping(leg)), f"seed {seed}, deck {number}: {leg}"
            rated += lines is not None
    return rated


def test_rating_equals_the_oracle() -> None:
    assert compare(20_000, seed=60) > 10_000


@pytest.mark.faults
@pytest.mark.parametrize("seed", [61, 62, 63, 64])  # four parts of 1,000,000 records
def test_a_million_charges_equal_the_oracles(seed: int) -> None:
    assert compare(250_000, seed) > 125_000


@pytest.mark.parametrize(
    "broken",
    [money.float_money, money.half_to_even, money.unrated_as_zero, money.first_prefix, money.price_of_the_answer],
)
def test_a_broken_rater_is_caught(broken: money.Breaks) -> None:
    with broken(), pytest.raises(AssertionError):
        compare(4_000, seed=62)
