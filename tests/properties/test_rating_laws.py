"""Rating, whatever the deck: it equals the oracle, its lines sum to the total, and longer calls never cost less."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pokea.billing.call_leg import CallLeg, Direction
from pokea.billing.rate_deck import Pulse, RateDeck, RateRow, deck_of
from pokea.billing.rating import Charge, Rater, price
from tests.oracles.rating_oracle import RatingOracle
from tests.support.rating_samples import START, as_lines, as_mapping, cuts_of, drawn_leg, drawn_tables
from tests.support.sizes import examples

seeds = st.integers(0, 2**32)


def drawn(seed: int) -> tuple[random.Random, dict[str, Any], RateDeck]:
    draw = random.Random(seed)
    tables = drawn_tables(draw)
    return draw, tables, deck_of(tables, "drawn")


@settings(max_examples=examples(50, 2_000))
@given(seeds)
def test_a_charge_equals_the_oracles(seed: int) -> None:
    draw, tables, deck = drawn(seed)
    oracle, rater, cuts = RatingOracle(tables), Rater(deck), cuts_of(tables)
    for _ in range(12):
        leg = drawn_leg(draw, cuts)
        assert as_lines(rater.rate(leg)) == oracle.lines(as_mapping(leg)), leg


@settings(max_examples=examples(50, 2_000))
@given(seeds)
def test_lines_sum_to_the_total_and_hold_the_billable_time(seed: int) -> None:
    draw, tables, deck = drawn(seed)
    rater, cuts = Rater(deck), cuts_of(tables)
    for _ in range(12):
        rated = rater.rate(drawn_leg(draw, cuts))
        if isinstance(rated, Charge):
            assert rated.micros == sum(line.micros for line in rated.lines)
            assert rated.billable_s == sum(line.seconds for line in rated.lines)


@settings(max_examples=examples(50, 2_000))
@given(seeds, st.integers(0, 4_000), st.integers(0, 4_000))
def test_a_longer_call_never_costs_less(seed: int, one_s: int, other_s: int) -> None:
    draw, _, deck = drawn(seed)
    rater = Rater(deck)
    leg = replace(drawn_leg(draw), answered_at=START, status="completed")
    short, long = (
        rater.rate(replace(leg, ended_at=START + timedelta(seconds=talk_s))) for talk_s in sorted((one_s, other_s))
    )
    assume(isinstance(short, Charge) and isinstance(long, Charge))
    assert isinstance(short, Charge) and isinstance(long, Charge)
    assert short.micros <= long.micros
    assert short.billable_s <= long.billable_s


@settings(max_examples=examples(50, 2_000))
@given(
    st.lists(st.text("123", min_size=1, max_size=6), unique=True, min_size=1), st.text("123", min_size=7, max_size=9)
)
def test_the_longest_prefix_is_the_one_that_a_linear_scan_finds(prefixes: list[str], number: str) -> None:
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
    rated = Rater(RateDeck(deck_id="d", currency="KES", rows=rows)).rate(
        CallLeg("c", "1", Direction.OUTBOUND, "", f"+{number}", START, START + timedelta(seconds=60), "completed")
    )
    scanned = max((prefix for prefix in prefixes if number.startswith(prefix)), key=len, default=None)
    assert (rated.prefix if isinstance(rated, Charge) else None) == (None if scanned is None else f"+{scanned}")


@settings(max_examples=examples(50, 2_000))
@given(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_price_of_a_span_is_within_half_a_micro_unit(rate: int, one_s: int, other_s: int) -> None:
    assert abs(60 * price(rate, one_s) - rate * one_s) <= 30
    assert price(rate, one_s + other_s) <= price(rate, one_s) + price(rate, other_s) + 1
