"""What models cost, whatever the tables: it equals the oracle, lines sum to the total, and the order of what was used does not matter."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pokea.billing.exchange import ExchangeRates
from pokea.billing.model_cost import ModelCost, model_cost
from pokea.billing.model_prices import PriceList
from pokea.billing.usage import ModelUsage, added
from tests.faults.broken import model_money
from tests.oracles import model_cost_oracle
from tests.support.model_prices_drawn import (
    CURRENCIES,
    as_prices,
    as_rates,
    as_usages,
    drawn_rates,
    drawn_tables,
    drawn_time,
    drawn_usage,
    drawn_usages,
)
from tests.support.sizes import examples

numbers = st.integers(0, 2**32)


def drawn(number: int) -> tuple[random.Random, PriceList, ExchangeRates]:
    draw = random.Random(number)
    return draw, as_prices(drawn_tables(draw)), as_rates(drawn_rates(draw))


def whole(draw: random.Random, prices: PriceList) -> list[ModelUsage]:
    """Usage of which every part has a price at every time."""
    rows = [row for table in prices.tables for row in table.rows if row.valid_from is None and row.valid_to is None]
    found = []
    for row in rows:
        model = row.models[0].removesuffix("*") or "c"
        usage = ModelUsage(row.engine, model, {meter: draw.randrange(10**6) for meter in row.micros})
        cost = model_cost([usage], drawn_time(draw), prices, as_rates({"id": "none", "rate": [SHILLINGS]}), "USD")
        found += [usage] if cost.micros is not None else []
    return found


SHILLINGS: dict[str, Any] = {"currency": "KES", "per_usd": "130.00", "from": drawn_time(random.Random(0))}


def as_cost(cost: ModelCost) -> model_cost_oracle.Cost:
    lines = {(line.engine, line.model, line.meter.value, line.count, line.micros) for line in cost.lines}
    return model_cost_oracle.Cost(frozenset(lines), cost.micros, cost.charge_micros)


def compare(number: int, calls: int = 8) -> int:
    """How many of the calls had a cost. Raises AssertionError at the first difference from the oracle."""
    draw = random.Random(number)
    tables, rates = drawn_tables(draw), drawn_rates(draw)
    prices, exchange = as_prices(tables), as_rates(rates)
    priced = 0
    for _ in range(calls):
        usages, at, currency = drawn_usages(draw), drawn_time(draw), draw.choice(CURRENCIES)
        cost = model_cost(as_usages(usages), at, prices, exchange, currency)
        assert as_cost(cost) == model_cost_oracle.cost(tables, rates, usages, at, currency), usages
        assert (cost.charge_micros is None) == bool(cost.unpriced)
        priced += cost.micros is not None and cost.micros > 0
    return priced


@settings(max_examples=examples(30))
@given(numbers)
def test_a_cost_equals_the_oracles(number: int) -> None:
    compare(number)


def test_many_of_the_drawn_calls_have_a_cost() -> None:
    assert sum(compare(number) for number in range(60)) > 40


@pytest.mark.parametrize(
    "broken",
    [
        model_money.float_prices,
        model_money.largest_turn,
        model_money.unpriced_as_zero,
        model_money.todays_price,
        model_money.shortest_name,
    ],
)
def test_a_broken_sum_is_caught(broken: model_money.Breaks) -> None:
    with broken(), pytest.raises(AssertionError):
        for number in range(60):
            compare(number)


@settings(max_examples=examples(30))
@given(numbers)
def test_lines_sum_to_the_total(number: int) -> None:
    draw, prices, exchange = drawn(number)
    cost = model_cost(as_usages(drawn_usages(draw)), drawn_time(draw), prices, exchange, "USD")
    assert all(line.micros >= 0 and line.count > 0 for line in cost.lines)
    if cost.micros is not None:
        assert cost.micros == cost.charge_micros == sum(line.micros for line in cost.lines)


@settings(max_examples=examples(30))
@given(numbers)
def test_the_order_of_usage_does_not_matter(number: int) -> None:
    draw, prices, exchange = drawn(number)
    usages, at = as_usages([drawn_usage(draw) for _ in range(5)]), drawn_time(draw)
    cost = model_cost(usages, at, prices, exchange, "KES")
    for _ in range(3):
        draw.shuffle(usages)
        assert model_cost(usages, at, prices, exchange, "KES") == cost
        assert model_cost(added(usages), at, prices, exchange, "KES") == cost


@settings(max_examples=examples(30))
@given(numbers)
def test_two_calls_cost_what_one_call_of_both_does(number: int) -> None:
    """Within one micro-dollar for each line, because each is rounded once."""
    draw, prices, exchange = drawn(number)
    usages, at = whole(draw, prices), drawn_time(draw)
    one, other = usages[::2], usages[1::2] + usages[:1]
    assume(one and other)
    apart = [model_cost(part, at, prices, exchange, "USD") for part in (one, other)]
    together = model_cost([*one, *other], at, prices, exchange, "USD")
    assert together.micros is not None
    assert abs(together.micros - sum(cost.micros or 0 for cost in apart)) <= len(together.lines)
