"""Price tables of models as data: dated, in US dollars, each figure with its source. docs/model-costs.md describes the files.

Prices are whole micro-dollars for a unit of the meter: a million tokens or characters, a minute of sound or of session.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain, pairwise
from pathlib import Path

from pokea.billing.rate_deck import EVER
from pokea.billing.usage import Meter
from pokea.clock import as_utc
from pokea.errors import CallError
from pokea.money import MICROS
from pokea.toml_tables import TomlTable, read_tables

PACKAGED_PRICES = Path(__file__).parent / "prices"  # the tables that ship with the package
EXCHANGE_FILE = "exchange.toml"  # the one file of a folder that holds no prices
MAX_FILE_BYTES = 1024 * 1024
MINUTE_MS = 60_000
PER = {Meter.SESSION_MS: MINUTE_MS, Meter.HEARD_MS: MINUTE_MS}  # every other meter is sold by the million
# What a row calls the price of a meter.
KEY_OF: Mapping[Meter, str] = {
    **{meter: meter.value for meter in Meter},
    Meter.SESSION_MS: "session_minute",
    Meter.HEARD_MS: "heard_minute",
}
_FILE_KEYS = frozenset({"id", "engine", "source", "row"})
_ROW_KEYS = frozenset({"models", "from", "to", "source", "doubt", *KEY_OF.values()})
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_MODELS = re.compile(r"[a-z0-9][a-z0-9._:/@-]{0,127}\*?|\*")


class BadPrices(CallError):
    """A price table or a table of exchange rates that cannot be used. The message is one line that names the file and the key."""

    http_status = 400

    def __init__(self, source: str, key: str, problem: str) -> None:
        where = f"{source}: {key}" if key else source
        super().__init__("bad_prices", f"{where}: {problem}", facts={"source": source, "key": key})


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """The prices of some models of one engine, from `valid_from` up to, and without, `valid_to` (UTC). `number`: its place in the file,
    from 1. A name in `models` that ends in "*" stands for every model whose name begins so."""

    table_id: str
    number: int
    engine: str
    models: tuple[str, ...]
    micros: Mapping[Meter, int]  # for a unit of the meter
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    source: str = ""
    doubt: str = ""

    def holds_at(self, moment: datetime) -> bool:
        return (self.valid_from is None or self.valid_from <= moment) and (
            self.valid_to is None or moment < self.valid_to
        )

    def cost(self, meter: Meter, count: int) -> int:
        """Micro-dollars, rounded half up."""
        per = PER.get(meter, MICROS)
        return (2 * self.micros[meter] * count + per) // (2 * per)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """One file. Of one model and meter no two rows hold at the same time."""

    table_id: str
    rows: tuple[PriceRow, ...]


class PriceList:
    """Tables in the order in which they are asked. The first that has a price for the meter at that time decides."""

    def __init__(self, tables: Sequence[PriceTable]) -> None:
        self.tables = tuple(tables)
        self._by_model = [_by_model(table.rows) for table in self.tables]

    def row(self, engine: str, model: str, meter: Meter, moment: datetime) -> PriceRow | None:
        """The row with the price; None where nobody knows one. Within a table the longest name that fits goes first."""
        moment, model = as_utc(moment), model_name(model)
        for known in self._by_model:
            for name in _names(model):
                for row in known.get((engine, name, meter), ()):
                    if row.holds_at(moment):
                        return row
        return None


def model_name(text: str) -> str:
    """A model as price tables name it: providers also write models/NAME and projects/…/publishers/google/models/NAME."""
    return text.strip().lower().rpartition("models/")[2]


def load_prices(path: Path) -> PriceTable:
    """The table in the TOML file `path`. Raises BadPrices."""
    return price_table(read_tables(path, MAX_FILE_BYTES, BadPrices), path.name)


@cache
def packaged_prices() -> PriceList:
    """The tables that ship with the package."""
    return PriceList(_tables_in(PACKAGED_PRICES))


def prices_in(folder: Path) -> PriceList:
    """The tables of one's own in `folder` (every *.toml but exchange.toml), and after them the packaged ones. Raises BadPrices."""
    return PriceList([*_tables_in(folder), *packaged_prices().tables])


def price_table(tables: Mapping[str, object], file: str) -> PriceTable:
    """The price table in the tables of a TOML file, checked. `file` names it in errors. Raises BadPrices."""
    read = TomlTable(BadPrices, file, "", tables, "price table")
    read.only(_FILE_KEYS)
    table_id, engine = read.text("id"), read.text("engine")
    for key, name in (("id", table_id), ("engine", engine)):
        if not _ID.fullmatch(name):
            raise read.bad(key, "is not lower-case letters, digits and hyphens")
    base = PriceRow(table_id=table_id, number=0, engine=engine, models=(), micros={}, source=read.text("source", ""))
    rows = tuple(
        _row_of(TomlTable(BadPrices, file, f"row {number}", row, "row"), number, base)
        for number, row in enumerate(read.rows("row"), 1)
    )
    if clash := _clash(rows):
        one, other, what = clash
        raise BadPrices(file, f"row {other.number}", f"has a price for {what} at the same time as row {one.number}")
    return PriceTable(table_id, rows)


def _row_of(read: TomlTable, number: int, base: PriceRow) -> PriceRow:
    read.only(_ROW_KEYS)
    models = read.texts("models")
    for name in models:
        if not _MODELS.fullmatch(name) or name != model_name(name):
            raise read.bad("models", f"{name!r} is not the name of a model in lower case, with or without * at its end")
    valid_from, valid_to = read.span()
    micros = {meter: read.micros(key) for meter, key in KEY_OF.items() if read.has(key)}
    if not micros:
        raise read.bad("models", f"have no price: give at least one of {', '.join(KEY_OF.values())}")
    return PriceRow(
        table_id=base.table_id,
        number=number,
        engine=base.engine,
        models=models,
        micros=micros,
        valid_from=valid_from,
        valid_to=valid_to,
        source=read.text("source", base.source),
        doubt=read.text("doubt", ""),
    )


def _tables_in(folder: Path) -> list[PriceTable]:
    if not folder.is_dir():
        raise BadPrices(str(folder), "", "is not a folder")
    tables = [load_prices(path) for path in sorted(folder.glob("*.toml")) if path.name != EXCHANGE_FILE]
    ids = [table.table_id for table in tables]
    if twice := next((table_id for table_id in ids if ids.count(table_id) > 1), None):
        raise BadPrices(str(folder), "id", f"{twice} is the id of two tables")
    return tables


_ByModel = Mapping[tuple[str, str, Meter], Sequence[PriceRow]]


def _by_model(rows: Iterable[PriceRow]) -> _ByModel:
    found: dict[tuple[str, str, Meter], list[PriceRow]] = defaultdict(list)
    for row in rows:
        for name in dict.fromkeys(row.models):
            for meter in row.micros:
                found[row.engine, name, meter].append(row)
    return found


def _names(model: str) -> Iterable[str]:
    """The names under which a table may have `model`, the longest first."""
    return chain((model,), (f"{model[:length]}*" for length in range(len(model), -1, -1)))


def _clash(rows: Iterable[PriceRow]) -> tuple[PriceRow, PriceRow, str] | None:
    """Two rows of one model and meter of which nobody can say which holds."""
    for (_, name, meter), alike in _by_model(rows).items():
        dated = sorted(alike, key=lambda row: row.valid_from or EVER)
        for one, other in pairwise(dated):
            if one.valid_to is None or other.valid_from is None or other.valid_from < one.valid_to:
                return one, other, f"{name}, {KEY_OF[meter]}"
    return None
