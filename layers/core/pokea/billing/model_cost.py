"""What a call's models cost, from what they counted themselves.

- A line is one meter of one model: count × price ÷ unit, rounded half up to a micro-dollar. The total is the sum of the lines.
- The price is that of the row that holds when the call begins. A change in mid-call does not split a line: a count does not say when.
- The sum is converted once, at the rate of the same instant, rounded half up.
- Where anything that was used has no price, or a turn came without a count, the whole is unknown. It is never the sum of the rest, which
  still stands in the lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pokea.billing.exchange import DOLLARS, ExchangeRates, exchange_in, packaged_exchange
from pokea.billing.model_prices import PriceList, PriceRow, model_name, packaged_prices, prices_in
from pokea.billing.usage import Meter, ModelUsage, added
from pokea.clock import as_utc
from pokea.errors import Misuse

NO_USAGE = "nobody has said what the model used"
_ORDER = {meter: place for place, meter in enumerate(Meter)}


@dataclass(frozen=True, slots=True)
class CostLine:
    """`count` of one meter, priced by `row`, in micro-dollars."""

    engine: str
    model: str
    meter: Meter
    count: int
    row: PriceRow
    micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """`micros` is in US dollars, `charge_micros` the same in `currency`. None means unknown, and `unpriced` says why in words. `prices` and
    `exchange` name the tables that were used. `doubt`: why a figure among them is uncertain."""

    micros: int | None
    charge_micros: int | None
    currency: str
    lines: tuple[CostLine, ...] = ()
    prices: str = ""
    exchange: str = ""
    unpriced: str = ""
    doubt: str = ""


def prices_of(folder: Path | None) -> tuple[PriceList, ExchangeRates]:
    """The packaged prices and rates; with a folder of one's own, that first. Raises BadPrices."""
    if folder is None:
        return packaged_prices(), packaged_exchange()
    return prices_in(folder), exchange_in(folder)


def model_cost(
    usages: Sequence[ModelUsage], at: datetime, prices: PriceList, exchange: ExchangeRates, currency: str
) -> ModelCost:
    """`at`: when the call began. `currency`: what the cost is to be converted to. The order of `usages` does not matter."""
    at = as_utc(at)
    if not usages:
        return ModelCost(micros=None, charge_micros=None, currency=currency, unpriced=NO_USAGE)
    lines: list[CostLine] = []
    gaps: list[str] = []
    for usage in _by_model(usages):
        priced, unpriced = _lines(usage, at, prices)
        lines += priced
        gaps += unpriced
    cost = ModelCost(
        micros=None,
        charge_micros=None,
        currency=currency,
        lines=tuple(lines),
        prices=", ".join(sorted({line.row.table_id for line in lines})),
        unpriced="; ".join(gaps),
        doubt=_joined(line.row.doubt for line in lines),
    )
    return cost if gaps else _converted(cost, at, exchange)


def _by_model(usages: Iterable[ModelUsage]) -> list[ModelUsage]:
    sums = added(replace(usage, model=model_name(usage.model)) for usage in usages)
    return sorted(sums, key=lambda usage: (usage.engine, usage.model))


def _lines(usage: ModelUsage, at: datetime, prices: PriceList) -> tuple[list[CostLine], list[str]]:
    """The priced lines of one model, and in words what cannot be priced."""
    lines: list[CostLine] = []
    missing: list[str] = []
    for meter, count in _counts(usage.meters):
        row = prices.row(usage.engine, usage.model, meter, at)
        if row is None:
            missing.append(meter.value)
        else:
            lines.append(CostLine(usage.engine, usage.model, meter, count, row, row.cost(meter, count)))
    name = f"{usage.engine}/{usage.model}"
    gaps = [f"no price for {name} on {at:%Y-%m-%d} ({', '.join(missing)})"] if missing else []
    if usage.silent_turns:
        turns = "1 turn" if usage.silent_turns == 1 else f"{usage.silent_turns} turns"
        gaps.append(f"{turns} of {name} came without a count")
    return lines, gaps


def _counts(meters: Mapping[Meter, int]) -> list[tuple[Meter, int]]:
    """What was used at all, in the order of the meters."""
    if any(count < 0 for count in meters.values()):
        raise Misuse("negative_count", "nothing is used less than not at all")
    return sorted(((meter, count) for meter, count in meters.items() if count), key=lambda item: _ORDER[item[0]])


def _converted(cost: ModelCost, at: datetime, exchange: ExchangeRates) -> ModelCost:
    """`cost`, whose every line is priced, with its sums."""
    micros = sum(line.micros for line in cost.lines)
    if cost.currency == DOLLARS or not micros:  # nothing is nothing in every currency
        return replace(cost, micros=micros, charge_micros=micros)
    rate = exchange.rate(cost.currency, at)
    if rate is None:
        unpriced = f"no exchange rate from {DOLLARS} to {cost.currency} on {at:%Y-%m-%d}"
        return replace(cost, micros=micros, unpriced=unpriced)
    return replace(
        cost,
        micros=micros,
        charge_micros=rate.converted(micros),
        exchange=rate.describe(),
        doubt=_joined([cost.doubt, rate.doubt]),
    )


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(part for part in parts if part))
