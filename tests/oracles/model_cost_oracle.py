"""What models cost, worked out the slow way: fractions, and every row of every table looked at. Knows nothing of the product.

Reads price tables and exchange rates as the tables of their TOML files, and usage as mappings with `engine`, `model`, `meters` (name →
count) and `silent_turns`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

MILLION, MINUTE_MS = 1_000_000, 60_000
SOLD_AS = {"session_ms": ("session_minute", MINUTE_MS), "heard_ms": ("heard_minute", MINUTE_MS)}
Line = tuple[str, str, str, int, int]  # engine, model, meter, count, micro-dollars


class Cost(NamedTuple):
    """`lines` holds what has a price. `micros` and `converted` are None where they are unknown."""

    lines: frozenset[Line]
    micros: int | None
    converted: int | None


def half_up(amount: Fraction) -> int:
    return math.floor(amount + Fraction(1, 2))


def is_named(name: str, model: str) -> bool:
    return model.startswith(name[:-1]) if name.endswith("*") else model == name


def is_valid(row: Mapping[str, Any], at: datetime) -> bool:
    return ("from" not in row or row["from"] <= at) and ("to" not in row or at < row["to"])


def price_of(
    tables: Sequence[Mapping[str, Any]], engine: str, model: str, meter: str, at: datetime
) -> tuple[Fraction, int] | None:
    """Dollars, and for how many."""
    key, unit = SOLD_AS.get(meter, (meter, MILLION))
    for table in tables:
        fitting = [
            ((not name.endswith("*"), len(name)), row[key])
            for row in table["row"]
            if table["engine"] == engine and key in row and is_valid(row, at)
            for name in row["models"]
            if is_named(name, model)
        ]
        if fitting:
            return Fraction(max(fitting)[1]), unit
    return None


def plain(model: str) -> str:
    return model.strip().lower().split("models/")[-1]


def cost(
    tables: Sequence[Mapping[str, Any]],
    rates: Mapping[str, Any],
    usages: Iterable[Mapping[str, Any]],
    at: datetime,
    currency: str,
) -> Cost:
    counts: Counter[tuple[str, str, str]] = Counter()
    is_known = False
    silent = 0
    for usage in usages:
        is_known = True
        silent += usage["silent_turns"]
        for meter, count in usage["meters"].items():
            counts[usage["engine"], plain(usage["model"]), meter] += count
    lines: set[Line] = set()
    for (engine, model, meter), count in counts.items():
        price = price_of(tables, engine, model, meter, at) if count else None
        if price is not None:
            lines.add((engine, model, meter, count, half_up(count * price[0] * MILLION / price[1])))
        elif count:
            is_known = False
    if not is_known or silent:
        return Cost(frozenset(lines), None, None)
    micros = sum(line[-1] for line in lines)
    return Cost(frozenset(lines), micros, converted(rates, micros, at, currency))


def converted(rates: Mapping[str, Any], micros: int, at: datetime, currency: str) -> int | None:
    if currency == "USD" or not micros:
        return micros
    for row in rates["rate"]:
        if row["currency"] == currency and is_valid(row, at):
            return half_up(micros * Fraction(row["per_usd"]))
    return None
