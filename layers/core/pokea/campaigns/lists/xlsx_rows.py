"""Lists as XLSX: the first visible sheet, its values and not its formulas.

A package of a few kilobytes can hold gigabytes, so it is looked through by a parser that keeps nothing before anything of it is loaded.
Only this module imports openpyxl, which is in the dependency group `lists`.
"""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

from pokea.campaigns.lists.rows import MAX_COLUMNS, BadList, Opener, Row, checked_header, is_blank

MAX_PACKAGE_BYTES = 128 * 1024 * 1024  # unpacked
MAX_PARTS = 2_000
MAX_ELEMENTS = 3_000_000  # of all parts: about 170,000 people with eight columns each
MAX_ELEMENTS_OF_ROW = 50_000  # all columns of Excel, each with its value
MAX_ROW = 1_048_576  # Excel's own
_TOO_LARGE = "holds more than a spreadsheet of people does: save it as CSV UTF-8, which may be of any size"
_BROKEN = "cannot be read as an Excel file: save it again as .xlsx, or as CSV UTF-8"
# What openpyxl and zipfile raise for a package that is damaged or was made to harm; neither says so in one place.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, ParseError, OSError, EOFError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError,
    NotImplementedError, RuntimeError,
)  # fmt: skip


class XlsxList:
    unit = "row"

    def __init__(self, opener: Opener, source: str) -> None:
        self.source = source
        self._opener = opener
        with opener() as file:
            check_package(file, source)
        first = next((found for found in self._cells() if not is_blank(found[1])), None)
        if first is None:
            raise BadList(source, "is empty: the first row of its first sheet must name the columns")
        self._header_row = first[0]
        self.header = checked_header(list(first[1]), source)

    def rows(self) -> Iterator[Row]:
        for number, cells in self._cells():
            if number > self._header_row and not is_blank(cells):
                yield Row(number, _trimmed(cells, len(self.header)))

    def _cells(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        try:
            with self._opener() as file:
                for number, values in enumerate(_values(file, self.source), 1):
                    yield number, tuple(_text(value) for value in values)
        except _DAMAGED:
            raise BadList(self.source, _BROKEN) from None


def _values(file: BinaryIO, source: str) -> Iterator[tuple[Any, ...]]:
    from openpyxl import load_workbook

    with _no_warnings():
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    sheet = next((sheet for sheet in book.worksheets if sheet.sheet_state == "visible"), None)
    if sheet is None:
        raise BadList(source, "has no visible sheet")
    sheet.reset_dimensions()  # what a file says about its own size is not always so
    rows = sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1)
    while True:
        with _no_warnings():  # never across a yield: filters are everybody's
            row = next(rows, None)
        if row is None:
            return
        yield row


@contextmanager
def _no_warnings() -> Iterator[None]:
    """About drawings, filters and dates out of range, which no list needs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check_package(file: BinaryIO, source: str) -> None:
    """Raises BadList for a package that would take more memory than a list is worth, or that is none."""
    try:
        with zipfile.ZipFile(file) as package:
            parts = package.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_PACKAGE_BYTES:
                raise BadList(source, _TOO_LARGE)
            if len({part.filename for part in parts}) != len(parts):
                raise BadList(source, _BROKEN)
            guard = _Guard(source)
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    with package.open(part) as content:  # never more than the size that was added up above
                        guard.look_through(content)
    except (*_DAMAGED, expat.ExpatError):
        raise BadList(source, _BROKEN) from None


class _Guard:
    """Counts elements and keeps none. A document type is refused: the format has none, and entities multiply."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._elements = 0
        self._row_began = 0  # at which element; 0: in no row

    def look_through(self, content: Any) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        parser.ParseFile(content)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if name == "row" or name.endswith(":row"):
            self._row_began = self._elements
            if int(float(attributes.get("r", "1"))) > MAX_ROW:
                raise BadList(self._source, _TOO_LARGE)
        in_row = self._elements - self._row_began if self._row_began else 0
        if self._elements > MAX_ELEMENTS or in_row > MAX_ELEMENTS_OF_ROW:
            raise BadList(self._source, _TOO_LARGE)

    def _end(self, name: str) -> None:
        if name == "row" or name.endswith(":row"):
            self._row_began = 0

    def _doctype(self, *_: object) -> None:
        raise BadList(self._source, _BROKEN)


def _trimmed(cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    """The sheet's empty cells on the right are no cells of the row."""
    end = len(cells)
    while end > width and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
