"""Strict reading of price lists in TOML: whatever is wrong becomes one line that names the file and the key."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from pokea.clock import as_utc
from pokea.errors import CallError
from pokea.money import Money

# (file, key, problem) → the error to raise.
Wrong: TypeAlias = Callable[[str, str, str], CallError]


def read_tables(path: Path, max_bytes: int, wrong: Wrong) -> Mapping[str, object]:
    """The tables of the file at `path`."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise wrong(str(path), "", f"cannot be read ({problem.strerror})") from None
    if len(content) > max_bytes:
        raise wrong(path.name, "", f"is larger than {max_bytes} bytes")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise wrong(path.name, "", f"is not TOML ({problem})") from None


class TomlTable:
    """One table. `where` is its place in the file ("row 2"), "" for the file itself; `kind` is what a key of it belongs to ("row")."""

    def __init__(self, wrong: Wrong, file: str, where: str, table: object, kind: str) -> None:
        self._wrong = wrong
        self._file = file
        self._where = where
        self._kind = kind
        if not isinstance(table, dict):
            raise wrong(file, where or kind, "is not a table")
        self._table: Mapping[str, object] = table

    def bad(self, key: str, problem: str) -> CallError:
        return self._wrong(self._file, f"{self._where}: {key}" if self._where else key, problem)

    def only(self, known: Collection[str]) -> None:
        for key in self._table:
            if key not in known:
                raise self.bad(key, f"is not a key of a {self._kind}")

    def has(self, key: str) -> bool:
        return key in self._table

    def text(self, key: str, default: str | None = None) -> str:
        value = self._table.get(key, default)
        if value is None:
            raise self.bad(key, "is missing")
        if not isinstance(value, str):
            raise self.bad(key, "is not a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list that is not empty."""
        value = self._table.get(key)
        if value is None:
            raise self.bad(key, "is missing")
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise self.bad(key, "is not a list of texts")
        return tuple(value)

    def rows(self, key: str) -> list[object]:
        """The tables of an array, [[key]]; there is at least one."""
        value = self._table.get(key)
        if not isinstance(value, list) or not value:
            raise self.bad(key, f"holds no row: a {self._kind} needs at least one [[{key}]]")
        return value

    def micros(self, key: str, default: str | None = None) -> int:
        if isinstance(self._table.get(key), int | float):
            raise self.bad(key, 'is a number: write amounts as text, such as "3.00", so that they stay exact')
        text = self.text(key, default)
        try:
            micros = Money.parse(text, "KES").micros  # a micro-unit is the same part of a unit in every currency
        except CallError:
            raise self.bad(key, "is not an amount with at most six digits after the point") from None
        if micros < 0:
            raise self.bad(key, "is negative")
        return micros

    def instant(self, key: str) -> datetime | None:
        value = self._table.get(key)
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise self.bad(key, "is not a date and time with its offset, such as 2026-07-01T00:00:00+03:00")
        return as_utc(value)

    def span(self) -> tuple[datetime | None, datetime | None]:
        """`from` and `to`: from the first instant up to, and without, the second."""
        begin, end = self.instant("from"), self.instant("to")
        if begin and end and end <= begin:
            raise self.bad("to", "is not after from")
        return begin, end
