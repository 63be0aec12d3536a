"""The rows of a report as CSV: one leg a row, in columns that `pokea rate` and `pokea audit --observed` take as they are.

An empty cell is unknown, never 0. Amounts are whole micro-units, but for the carrier's own, which are its minor units. Times are UTC.
Cells that a spreadsheet would run as a formula have an apostrophe in front (see `pokea.billing.cdr_file`), and no cell has a line break.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pokea.billing.cdr import Cdr
from pokea.billing.cdr_file import guarded
from pokea.billing.period import Period

BETWEEN = " | "  # between several texts in one cell


class Kind(StrEnum):
    """What the cells of a column are, in the words of SQL."""

    TEXT = "VARCHAR"
    COUNT = "BIGINT"
    DAY = "DATE"
    INSTANT = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind
    value: Callable[[Cdr], object]
    is_id: bool = False


def text(name: str, value: Callable[[Cdr], object], *, is_id: bool = False) -> Column:
    return Column(name, Kind.TEXT, value, is_id)


def count(name: str, value: Callable[[Cdr], int | None]) -> Column:
    return Column(name, Kind.COUNT, value)


def moment(name: str, value: Callable[[Cdr], datetime | None]) -> Column:
    return Column(name, Kind.INSTANT, value)


def share(name: str) -> Column:
    return Column(name, Kind.COUNT, lambda cdr: None if cdr.shares is None else getattr(cdr.shares, name))


COLUMNS: tuple[Column, ...] = (
    # what rating and the audit read
    text("call_id", lambda cdr: cdr.session_id, is_id=True),
    text("leg", lambda cdr: cdr.leg, is_id=True),
    text("direction", lambda cdr: cdr.direction.value),
    text("a_number", lambda cdr: cdr.a_number),
    text("b_number", lambda cdr: cdr.b_number),
    moment("answered_at", lambda cdr: cdr.answered_at),
    moment("ended_at", lambda cdr: cdr.ended_at),
    text("status", lambda cdr: cdr.status),
    # which call it belongs to, and what came of it
    text("of_call", lambda cdr: cdr.call_id, is_id=True),
    text("business_id", lambda cdr: cdr.business_id, is_id=True),
    text("agent", lambda cdr: cdr.agent),
    text("outcome", lambda cdr: cdr.outcome),
    Column("local_day", Kind.DAY, lambda cdr: None),  # filled in by the period, which knows the zone
    moment("began_at", lambda cdr: cdr.began_at),
    count("talk_s", lambda cdr: cdr.talk_s),
    # our charge
    text("deck", lambda cdr: cdr.deck_id),
    text("rule", lambda cdr: cdr.rule),
    text("rate_prefix", lambda cdr: cdr.rate_prefix),
    count("billable_s", lambda cdr: cdr.billable_s),
    count("charge_micros", lambda cdr: cdr.charge_micros),
    text("currency", lambda cdr: cdr.currency),
    text("problem", lambda cdr: cdr.unrated),
    text("doubt", lambda cdr: cdr.doubt),
    # the carrier's
    text("carrier_record", lambda cdr: cdr.carrier_id, is_id=True),
    text("carrier_status", lambda cdr: cdr.carrier_status),
    count("carrier_s", lambda cdr: cdr.carrier_s),
    count("carrier_cost_minor", lambda cdr: cdr.carrier_minor),
    text("carrier_currency", lambda cdr: cdr.carrier_currency),
    text("differences", lambda cdr: " ".join(finding.kind.value for finding in cdr.findings)),
    text("evidence", lambda cdr: BETWEEN.join(finding.evidence for finding in cdr.findings)),
    text("unknowns", lambda cdr: BETWEEN.join(cdr.unknowns)),
    # the model's
    count("model_usd_micros", lambda cdr: cdr.model_micros),
    count("model_charge_micros", lambda cdr: cdr.model_charge_micros),
    text("model_prices", lambda cdr: cdr.model_prices),
    text("exchange", lambda cdr: cdr.exchange),
    text("model_unpriced", lambda cdr: cdr.model_unpriced),
    share("total_ms"),
    share("agent_ms"),
    share("caller_ms"),
    share("tools_ms"),
    share("hold_ms"),
    share("silence_ms"),
    # the record itself
    text("state", lambda cdr: cdr.state.value),
    count("version", lambda cdr: cdr.version),
    moment("made_at", lambda cdr: cdr.made_at),
)
NAMES = tuple(column.name for column in COLUMNS)


def csv_of(rows: Iterable[Cdr], period: Period) -> str:
    """The whole file, its header row first. The same rows give the same text."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(NAMES)
    writer.writerows(cells(cdr, period) for cdr in rows)
    return out.getvalue()


def cells(cdr: Cdr, period: Period) -> Iterator[str]:
    for column in COLUMNS:
        value = period.day_of(cdr.began_at) if column.kind is Kind.DAY else column.value(cdr)
        yield _cell(value, column)


def _cell(value: object, column: Column) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    written = one_line(str(value))
    return guarded(written, is_id=column.is_id) if column.kind is Kind.TEXT else written


def one_line(said: str) -> str:
    """`said` without anything that steers a terminal, breaks a row or cannot be written in UTF-8."""
    return "".join(letter if letter.isprintable() else "�" for letter in said)
