"""The cost of models with one safeguard taken out each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from unittest import mock

from pokea.billing import model_cost
from pokea.billing.model_prices import PriceList, PriceRow
from pokea.billing.usage import Meter, ModelUsage

Breaks = Callable[[], AbstractContextManager[None]]


@contextmanager
def float_prices() -> Iterator[None]:
    """Multiplies in floats and rounds as floats do."""

    def cost(self: PriceRow, meter: Meter, count: int) -> int:
        per = 60_000 if meter in (Meter.SESSION_MS, Meter.HEARD_MS) else 1_000_000
        return round(round(self.micros[meter] / 1e6 * count / per, 4) * 1e6)

    with mock.patch.object(PriceRow, "cost", cost):
        yield


@contextmanager
def largest_turn() -> Iterator[None]:
    """Takes the last and largest count of a model for what the call used, as if it were a running total."""

    def largest(usages: Iterable[ModelUsage]) -> tuple[ModelUsage, ...]:
        best: dict[tuple[str, str], ModelUsage] = {}
        for usage in usages:
            key = usage.engine, usage.model
            if key not in best or sum(usage.meters.values()) > sum(best[key].meters.values()):
                best[key] = usage
        return tuple(best.values())

    with mock.patch.object(model_cost, "added", largest):
        yield


@contextmanager
def unpriced_as_zero() -> Iterator[None]:
    """Takes what has no price to cost nothing."""
    lines = model_cost._lines

    def without_gaps(usage: ModelUsage, at: datetime, prices: PriceList) -> tuple[list[model_cost.CostLine], list[str]]:
        return lines(usage, at, prices)[0], []

    with mock.patch.object(model_cost, "_lines", without_gaps):
        yield


@contextmanager
def todays_price() -> Iterator[None]:
    """Prices every call by a row that held at some time."""

    def always(self: PriceRow, moment: datetime) -> bool:
        return True

    with mock.patch.object(PriceRow, "holds_at", always):
        yield


@contextmanager
def shortest_name() -> Iterator[None]:
    """Asks the rows for many models before those for one."""
    from pokea.billing import model_prices

    names = model_prices._names

    def reversed_names(model: str) -> list[str]:
        return list(names(model))[::-1]

    with mock.patch.object(model_prices, "_names", reversed_names):
        yield
