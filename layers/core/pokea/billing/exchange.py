"""Exchange rates as data: dated, from US dollars, in which models are sold. docs/model-costs.md describes the file.

A date without a rate is unknown: the rate of another day is not taken instead.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

from pokea.billing.model_prices import EXCHANGE_FILE, MAX_FILE_BYTES, PACKAGED_PRICES, BadPrices
from pokea.billing.rate_deck import amount
from pokea.clock import as_utc
from pokea.errors import Misuse
from pokea.money import MICROS, MINOR_DIGITS, divided
from pokea.toml_tables import TomlTable, read_tables

DOLLARS = "USD"
_FILE_KEYS = frozenset({"id", "source", "rate"})
_ROW_KEYS = frozenset({"currency", "per_usd", "from", "to", "source", "doubt"})
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRate:
    """What one dollar is in `currency`, in micro-units of it, from `valid_from` up to, and without, `valid_to` (UTC)."""

    table_id: str
    number: int
    currency: str
    micros_per_usd: int
    valid_from: datetime
    valid_to: datetime | None = None
    source: str = ""
    doubt: str = ""

    def __post_init__(self) -> None:
        if self.micros_per_usd <= 0:
            raise Misuse("bad_exchange_rate", "an exchange rate is more than nothing")

    def holds_at(self, moment: datetime) -> bool:
        return self.valid_from <= moment and (self.valid_to is None or moment < self.valid_to)

    def converted(self, usd_micros: int) -> int:
        """Micro-units of the currency, rounded half up."""
        return divided(usd_micros * self.micros_per_usd, MICROS)

    def describe(self) -> str:
        """Such as "planning-2026: 1 USD = 130.00 KES"."""
        return f"{self.table_id}: 1 USD = {amount(self.micros_per_usd)} {self.currency}"


@dataclass(frozen=True, slots=True)
class ExchangeRates:
    """Of one currency no two rates hold at the same time."""

    exchange_id: str
    rates: tuple[ExchangeRate, ...]

    def rate(self, currency: str, moment: datetime) -> ExchangeRate | None:
        moment = as_utc(moment)
        return next((rate for rate in self.rates if rate.currency == currency and rate.holds_at(moment)), None)


@cache
def packaged_exchange() -> ExchangeRates:
    """The rates that ship with the package: figures to plan with."""
    return load_exchange(PACKAGED_PRICES / EXCHANGE_FILE)


def exchange_in(folder: Path) -> ExchangeRates:
    """The rates of one's own in `folder`; the packaged ones where it has no exchange.toml. Raises BadPrices."""
    path = folder / EXCHANGE_FILE
    return load_exchange(path) if path.exists() else packaged_exchange()


def load_exchange(path: Path) -> ExchangeRates:
    """The rates in the TOML file `path`. Raises BadPrices."""
    return exchange_of(read_tables(path, MAX_FILE_BYTES, BadPrices), path.name)


def exchange_of(tables: Mapping[str, object], file: str) -> ExchangeRates:
    """The rates in the tables of a TOML file, checked. `file` names it in errors. Raises BadPrices."""
    read = TomlTable(BadPrices, file, "", tables, "table of rates")
    read.only(_FILE_KEYS)
    table_id, source = read.text("id"), read.text("source", "")
    if not _ID.fullmatch(table_id):
        raise read.bad("id", "is not lower-case letters, digits and hyphens")
    rates = tuple(
        _rate_of(TomlTable(BadPrices, file, f"rate {number}", row, "rate"), number, table_id, source)
        for number, row in enumerate(read.rows("rate"), 1)
    )
    alike: dict[str, list[ExchangeRate]] = defaultdict(list)
    for rate in sorted(rates, key=lambda rate: rate.valid_from):
        alike[rate.currency].append(rate)
    for group in alike.values():
        for one, other in pairwise(group):
            if one.valid_to is None or other.valid_from < one.valid_to:
                raise BadPrices(file, f"rate {other.number}", f"holds at the same time as rate {one.number}")
    return ExchangeRates(table_id, rates)


def _rate_of(read: TomlTable, number: int, table_id: str, source: str) -> ExchangeRate:
    read.only(_ROW_KEYS)
    currency = read.text("currency")
    if currency not in MINOR_DIGITS or currency == DOLLARS:
        raise read.bad("currency", f"is not one of {', '.join(sorted(MINOR_DIGITS.keys() - {DOLLARS}))}")
    valid_from, valid_to = read.span()
    if valid_from is None:
        raise read.bad("from", "is missing: a rate holds from some day on")
    per_usd = read.micros("per_usd")
    if not per_usd:
        raise read.bad("per_usd", "is 0")
    return ExchangeRate(
        table_id=table_id,
        number=number,
        currency=currency,
        micros_per_usd=per_usd,
        valid_from=valid_from,
        valid_to=valid_to,
        source=read.text("source", source),
        doubt=read.text("doubt", ""),
    )
