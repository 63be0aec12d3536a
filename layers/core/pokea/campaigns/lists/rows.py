"""A contact list as rows of text, whatever the file is: what it begins with decides, and never its name.

A file that cannot be used at all raises BadList. A row that cannot be read says so in `problem`, and the rows around it stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol, TypeAlias

from pokea.errors import CallError

MAX_COLUMNS = 200
MAX_ROW_CHARS = 100_000  # all cells of a row; a list of people has hundreds
_START_BYTES = 4_096
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_UTF_8_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")

# Opens the file anew: a list is read more than once, because what is repeated in it is not known before its end.
Opener: TypeAlias = Callable[[], BinaryIO]


class BadList(CallError):
    """A contact list that cannot be used. The message is one line that names the file and says what to do."""

    http_status = 400

    def __init__(self, source: str, problem: str) -> None:
        super().__init__("bad_list", f"{source}: {problem}", facts={"source": source})


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file. `line` is its place, counted from 1 in the file's own unit. `cells` follow the header; there may
    be fewer, or more. `problem`: why it could not be read; then the cells are all that is known of it."""

    line: int
    cells: tuple[str, ...]
    problem: str = ""


class ListFile(Protocol):
    """`unit`: what `Row.line` counts: "line", "row" or "item"."""

    unit: str
    source: str
    header: tuple[str, ...]

    def rows(self) -> Iterator[Row]:
        """Every row that is not blank, in order; each call begins anew. Raises BadList."""


def list_file(opener: Opener, source: str) -> ListFile:
    """The list that `opener` opens; `source` names it in errors. Raises BadList."""
    with opener() as file:
        start = file.read(_START_BYTES)
    if start.startswith(_ZIP):
        from pokea.campaigns.lists.xlsx_rows import XlsxList

        return XlsxList(opener, source)
    if start.startswith(_OLE):
        raise BadList(
            source, "is an old Excel file or one with a password: save it as .xlsx without one, or as CSV UTF-8"
        )
    if start.startswith(_UTF_16_MARKS) or start.count(b"\0") > len(start) // 4:
        raise BadList(source, "is not UTF-8 text: save it as CSV UTF-8")
    if start.removeprefix(_UTF_8_MARK).lstrip()[:1] in (b"[", b"{"):
        from pokea.campaigns.lists.json_rows import json_list

        return json_list(opener, source)
    from pokea.campaigns.lists.csv_rows import CsvList

    return CsvList(opener, source)


def checked_header(titles: list[str], source: str) -> tuple[str, ...]:
    """The names of the columns, as they can be shown, without empty ones at the end. Raises BadList."""
    seen = ("".join(letter if letter.isprintable() else " " for letter in title) for title in titles)
    names = [" ".join(title.split()) for title in seen]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise BadList(source, "is empty: its first row must name the columns")
    if len(names) > MAX_COLUMNS:
        raise BadList(source, f"has more than {MAX_COLUMNS} columns")
    return tuple(names)


def is_blank(cells: tuple[str, ...]) -> bool:
    return not any(cell.strip() for cell in cells)
