"""What a leg costs, worked out the slow way: fractions, one step after another, and every row looked at. Knows nothing of the product.

Reads a deck as the tables of its TOML file and a leg as a mapping with `direction`, `b_number`, `answered_at`, `ended_at` (aware datetimes
or None) and `status`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMED = {"per_second": (1, 1), "per_started_minute": (60, 60)}
FOREVER = 10**30


@dataclass(frozen=True)
class Row:
    direction: str
    prefix: str
    per_minute: Fraction
    fee: Fraction
    first: int
    then: int
    minimum: int
    free: int
    begin: int  # microseconds since the epoch
    end: int


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def row_of(table: Mapping[str, Any]) -> Row:
    if "rounding" in table:
        first, then = NAMED[table["rounding"]]
    else:
        first, then = map(int, table["pulse"].split("/"))
    prefix = table.get("prefix", "")
    return Row(
        direction=table["direction"],
        prefix=prefix if prefix.startswith("+") or not prefix else f"+{prefix}",
        per_minute=Fraction(table["per_minute"]),
        fee=Fraction(table.get("connect_fee", "0")),
        first=first,
        then=then,
        minimum=table.get("minimum_s", 0),
        free=table.get("free_s", 0),
        begin=microseconds(table["from"]) if "from" in table else -FOREVER,
        end=microseconds(table["to"]) if "to" in table else FOREVER,
    )


def micros(amount: Fraction) -> int:
    """A whole unit is 1,000,000; half a micro-unit goes up."""
    return math.floor(amount * 1_000_000 + Fraction(1, 2))


class RatingOracle:
    def __init__(self, tables: Mapping[str, Any]) -> None:
        self.rows = [row_of(table) for table in tables["row"]]

    def rows_of(self, direction: str, number: str) -> list[Row]:
        """Every row that this number could be charged by, at one time or another."""
        return [row for row in self.rows if row.direction == direction and number.startswith(row.prefix)]

    def lines(self, leg: Mapping[str, Any]) -> list[tuple[str, int, int]] | None:
        """(kind, seconds, micro-units) for each line; None where no price is known."""
        answered_at, ended_at, status = leg["answered_at"], leg["ended_at"], leg["status"]
        if answered_at is None and status in ("failed", "busy", "no_answer", "canceled", "blocked"):
            return []
        if answered_at is None or ended_at is None or status not in ("answered", "completed"):
            return None
        # Two times of one zone would be compared as wall clocks, so instants are compared.
        answered, ended = microseconds(answered_at), microseconds(ended_at)
        if ended < answered:
            return None
        number = leg["b_number"]
        if not (number.startswith("+") and number[1:].isdecimal() and 7 <= len(number) - 1 <= 15):
            if leg["direction"] in ("outbound", "transfer"):
                return None
            number = ""
        talk = math.ceil(Fraction(ended - answered, 1_000_000))
        rows = self.rows_of(leg["direction"], number)
        first = row_at(rows, answered)
        if first is None:
            return None
        spans = self._spans(rows, answered + first.free * 1_000_000, talk - first.free)
        if spans is None:
            return None
        found = [("setup", 0, micros(first.fee))] if first.fee else []
        return found + [
            ("span", seconds, micros(row.per_minute * seconds / 60)) for row, seconds in spans or [(first, 0)]
        ]

    def total(self, leg: Mapping[str, Any]) -> int | None:
        lines = self.lines(leg)
        return None if lines is None else sum(amount for _, _, amount in lines)

    def _spans(self, rows: list[Row], begin: int, seconds: int) -> list[tuple[Row, int]] | None:
        spans: list[tuple[Row, int]] = []
        done = 0
        is_quiet = not changes(rows, begin, begin + seconds * 1_000_000)
        while done < seconds:
            row = row_at(rows, begin + done * 1_000_000)
            if row is None:
                return None
            step = row.then
            if done == 0:
                step = row.first
                while step < row.minimum:
                    step += row.then
            if is_quiet and done + step < seconds:  # nothing changes from here on: the rest in one go
                step += math.ceil(Fraction(seconds - done - step, row.then)) * row.then
            if spans and spans[-1][0] is row:
                spans[-1] = (row, spans[-1][1] + step)
            else:
                spans.append((row, step))
            done += step
        return spans


def row_at(rows: list[Row], moment: int) -> Row | None:
    """The one with the longest prefix of those that hold."""
    return max((row for row in rows if row.begin <= moment < row.end), key=lambda row: len(row.prefix), default=None)


def changes(rows: list[Row], begin: int, end: int) -> bool:
    return any(begin < bound < end for row in rows for bound in (row.begin, row.end))
