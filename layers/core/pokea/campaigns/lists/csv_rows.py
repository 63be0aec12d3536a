"""Lists as CSV: comma, semicolon or tab, in UTF-8. A quote that never closes costs its own line and no other."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from pokea.campaigns.lists.rows import MAX_ROW_CHARS, BadList, Opener, Row, checked_header, is_blank

DELIMITERS = (",", ";", "\t")
MAX_ROW_LINES = 50  # of a row whose cells have line breaks; beyond it a quote was left open
_SAYS_DELIMITER = re.compile(r'"?sep=([,;\t])"?\s*', re.IGNORECASE)  # a first line for spreadsheets
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")  # what `surrogateescape` makes of other bytes
_OPEN_QUOTE = (
    'a quote (") opens in this line and does not close: close it, or double the quotes that belong to the text'
)


class CsvList:
    unit = "line"

    def __init__(self, opener: Opener, source: str) -> None:
        self.source = source
        self._opener = opener
        with _decoded(opener()) as text:
            lines = _Lines(text, source)
            self._delimiter, first = _delimiter(lines)
            row = self._row(first, lines) if first else None
            if row is None:
                raise BadList(source, "is empty: its first row must name the columns")
            if row.problem:
                raise BadList(source, f"line {row.line}: {row.problem}")
            self.header = checked_header(list(row.cells), source)
            self._header_lines = lines.taken

    def rows(self) -> Iterator[Row]:
        with _decoded(self._opener()) as text:
            lines = _Lines(text, self.source)
            while lines.taken < self._header_lines and lines.take():
                pass
            while (first := lines.take()) is not None:
                row = self._row(first, lines)
                if row.problem or not is_blank(row.cells):
                    yield row

    def _row(self, first: tuple[int, str], lines: _Lines) -> Row:
        number, text = first
        if '"' not in text:
            return Row(number, tuple(text.rstrip("\n").split(self._delimiter)))
        more: list[tuple[int, str]] = []
        is_open, chars = text.count('"') % 2 == 1, len(text)
        while is_open and len(more) < MAX_ROW_LINES and chars <= MAX_ROW_CHARS and (following := lines.take()):
            more.append(following)
            is_open ^= following[1].count('"') % 2 == 1
            chars += len(following[1])
        parts = [text, *(line for _, line in more)]
        reader = csv.reader(parts, delimiter=self._delimiter, strict=True)
        try:
            cells = [] if is_open else next(reader, [])
        except csv.Error as problem:
            cells, said = [], f"is not CSV ({problem}): double the quotes that belong to the text"
        else:
            said = "" if cells and reader.line_num == len(parts) else _OPEN_QUOTE
        if said:
            lines.give_back(more)
            return Row(number, (text.rstrip("\n"),), said)
        return Row(number, tuple(cells))


class _Lines:
    """The file's lines by number, none of them without end. `taken`: how many have been used up."""

    def __init__(self, text: io.TextIOWrapper, source: str) -> None:
        self._text = text
        self._source = source
        self._waiting: deque[tuple[int, str]] = deque()
        self._read = 0

    @property
    def taken(self) -> int:
        return self._read - len(self._waiting)

    def take(self) -> tuple[int, str] | None:
        if self._waiting:
            return self._waiting.popleft()
        line = self._text.readline(MAX_ROW_CHARS + 1)
        if not line:
            return None
        self._read += 1
        if len(line) > MAX_ROW_CHARS:
            raise BadList(
                self._source, f"line {self._read} is longer than {MAX_ROW_CHARS:,} characters: that is no list"
            )
        if not line.isascii() and _NOT_UTF_8.search(line):
            raise BadList(self._source, f"line {self._read} is not UTF-8 text: save the file as CSV UTF-8")
        return self._read, line

    def give_back(self, lines: list[tuple[int, str]]) -> None:
        self._waiting.extendleft(reversed(lines))


def _delimiter(lines: _Lines) -> tuple[str, tuple[int, str] | None]:
    """What parts the cells, and the first line of the header; None where there is none."""
    line = lines.take()
    if line and (said := _SAYS_DELIMITER.fullmatch(line[1])):
        return said[1], lines.take()
    while line and not line[1].strip():
        line = lines.take()
    outside_quotes = "".join((line[1] if line else "").split('"')[::2])
    return max(DELIMITERS, key=outside_quotes.count), line


def _decoded(file: BinaryIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline=None)
