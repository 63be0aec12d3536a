"""Call records as CSV: the columns that rating and the audit read, and what rating adds to them.

The first row names the columns; their order is free and further columns are kept. A row that cannot be used says why in `problem`; a file
that cannot be used raises BadFile. Cells that a spreadsheet would run as a formula are written with an apostrophe in front, and read back
without it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

from pokea.billing.call_leg import STATUSES, BilledLeg, CallLeg, Direction
from pokea.billing.rating import Charge, Unrated
from pokea.errors import CallError

LEG_COLUMNS = ("call_id", "leg", "direction", "a_number", "b_number", "answered_at", "ended_at", "status")
BILLED_COLUMNS = ("duration_seconds", "cost_minor", "cost_currency")
RATED_COLUMNS = ("billable_s", "rate_prefix", "charge_micros", "currency", "rule", "problem")
MAX_CELL_CHARS = 10_000
YEARS = range(1970, 2200)  # no call was before, and what is later is a mistake
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_WHOLE = re.compile(r"[0-9]{1,9}")
_MINOR = re.compile(r"-?[0-9]{1,15}")
_CURRENCY = re.compile(r"[A-Z]{3}|")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MARKS = frozenset(("'", *_FORMULA))  # how a cell begins that needs a closer look
_HARMLESS = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")  # a plain number, and so an E.164 number
_ID_COLUMNS = frozenset({"call_id", "leg"})
_HARMLESS_ID = re.compile(r"-[A-Za-z0-9_-]+")  # an id may begin with a hyphen, and must stay what it is
_STATUS_NAMES = {"cancelled": "canceled", "noanswer": "no_answer", "inprogress": "in_progress"}


class BadFile(CallError):
    """A file of call records that cannot be used. The message is one line that names the file."""

    http_status = 400

    def __init__(self, source: str, problem: str) -> None:
        super().__init__("bad_file", f"{source}: {problem}", facts={"source": source})


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `cells` follow the header. `leg` is None where `problem` says why; `billed` is set in a carrier's file only."""

    line: int
    cells: list[str]
    leg: CallLeg | None
    billed: BilledLeg | None
    problem: str


class _CsvWriter(Protocol):
    def writerow(self, row: Iterable[str], /) -> object: ...


class CdrFile:
    """Reads rows one by one from `lines`, so that a file may be larger than memory. `source` names it in errors."""

    def __init__(self, lines: Iterable[str], source: str, *, carrier: bool = False) -> None:
        self._source = source
        self._rows = csv.reader(lines, strict=True)
        self.header = [name.strip() for name in self._next() or ()]
        if self.header and self.header[0].startswith("\ufeff"):
            self.header[0] = self.header[0].removeprefix("\ufeff")
        needed = LEG_COLUMNS + (BILLED_COLUMNS if carrier else ())
        names = [name.lower() for name in self.header]
        if missing := [name for name in needed if name not in names]:
            raise BadFile(source, f"the header row lacks {', '.join(missing)}")
        if twice := [name for name in needed if names.count(name) > 1]:
            raise BadFile(source, f"the header row has {twice[0]} more than once")
        self._places = [names.index(name) for name in needed]
        self._is_carrier = carrier

    def __iter__(self) -> Iterator[Row]:
        while (cells := self._next()) is not None:
            if cells:  # a blank line has none
                yield self._row(cells)

    def _next(self) -> list[str] | None:
        try:
            return next(self._rows, None)
        except csv.Error as problem:
            raise BadFile(self._source, f"line {self._rows.line_num} is not CSV ({problem})") from None
        except UnicodeDecodeError:
            raise BadFile(self._source, f"is not UTF-8 text (after line {self._rows.line_num})") from None

    def _row(self, cells: list[str]) -> Row:
        line = self._rows.line_num
        if len(cells) != len(self.header):
            padded = (cells + [""] * len(self.header))[: len(self.header)]
            problem = f"the row has {len(cells)} cells, the header {len(self.header)}"
            return Row(line, padded, None, None, problem)
        try:
            values = [cells[place].strip() for place in self._places]
            if "'" in "".join([value[:1] for value in values]):
                values = [unguarded(value).strip() for value in values]
            leg = _leg_of(values)
            billed = _billed_of(leg, values) if self._is_carrier else None
        except ValueError as problem:
            return Row(line, cells, None, None, str(problem))
        return Row(line, cells, leg, billed, "")


class RatedWriter:
    """Writes the rows of a file with what rating adds. Columns of the same names in the file are replaced."""

    def __init__(self, writer: _CsvWriter, header: Sequence[str]) -> None:
        self._writer = writer
        kept = [(place, name.lower()) for place, name in enumerate(header) if name.lower() not in RATED_COLUMNS]
        self._kept = [(place, name in _ID_COLUMNS) for place, name in kept]
        names = [guarded(header[place]) for place, _ in kept]
        writer.writerow([*names, *RATED_COLUMNS])

    def write(self, row: Row, rated: Charge | Unrated) -> None:
        cells = [
            cell if (cell := row.cells[place])[:1] not in _MARKS else guarded(cell, is_id=is_id)
            for place, is_id in self._kept
        ]
        if isinstance(rated, Unrated):
            self._writer.writerow([*cells, "", "", "", "", "", guarded(row.problem or rated.message)])
        else:
            added = (str(rated.billable_s), rated.prefix, str(rated.micros), rated.currency, rated.rule, "")
            self._writer.writerow([*cells, *added])


def guarded(cell: str, *, is_id: bool = False) -> str:
    """`cell` made inert for spreadsheets: an apostrophe stands in front of what would be a formula. Numbers stay as they are."""
    cell = unguarded(cell)
    if not cell.startswith(_FORMULA) or _HARMLESS.fullmatch(cell) or (is_id and _HARMLESS_ID.fullmatch(cell)):
        return cell
    return f"'{cell}"


def unguarded(cell: str) -> str:
    """A cell as it was before `guarded`."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell


def instant(text: str, column: str) -> datetime | None:
    """An RFC 3339 time in UTC; None for an empty cell. Raises ValueError with a line for people."""
    if not text:
        return None
    if not _RFC_3339.fullmatch(text):
        raise ValueError(f"{column} is not an RFC 3339 time with its offset, such as 2026-07-01T09:00:00+03:00")
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError(f"{column} is not a time that exists") from None
    if moment.year not in YEARS:
        raise ValueError(f"{column} is not in the years {YEARS.start} to {YEARS.stop - 1}")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def _leg_of(values: Sequence[str]) -> CallLeg:
    call_id, leg, direction, a_number, b_number, answered_at, ended_at, status = values[: len(LEG_COLUMNS)]
    if not call_id:
        raise ValueError("call_id is empty")
    if max(map(len, values)) > MAX_CELL_CHARS:
        raise ValueError(f"a cell is longer than {MAX_CELL_CHARS} characters")
    known = _DIRECTIONS.get(direction.lower())
    if known is None:
        raise ValueError(f"direction is not one of {', '.join(_DIRECTIONS)}")
    return CallLeg(
        call_id,
        leg,
        known,
        a_number,
        b_number,
        instant(answered_at, "answered_at"),
        instant(ended_at, "ended_at"),
        _status(status),
    )


def _billed_of(leg: CallLeg, values: Sequence[str]) -> BilledLeg:
    duration, cost, currency = values[len(LEG_COLUMNS) :]
    if duration and not _WHOLE.fullmatch(duration):
        raise ValueError("duration_seconds is not a whole number of seconds")
    if cost and not _MINOR.fullmatch(cost):
        raise ValueError("cost_minor is not a whole number of minor units")
    if not _CURRENCY.fullmatch(currency.upper()):
        raise ValueError("cost_currency is not an ISO 4217 code")
    return BilledLeg(leg, int(duration) if duration else None, int(cost) if cost else None, currency.upper())


_DIRECTIONS = {direction.value: direction for direction in Direction}


@lru_cache(maxsize=256)
def _status(text: str) -> str:
    name = text.lower().replace("-", "_").replace(" ", "_")
    name = _STATUS_NAMES.get(name, name) or "unknown"
    if name not in STATUSES:
        raise ValueError(f"status is not one of {', '.join(sorted(STATUSES))}")
    return name
