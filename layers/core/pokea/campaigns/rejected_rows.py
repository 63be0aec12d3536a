"""The rows that are no contacts, as CSV: the list's own columns and `problem`. Mended, the file is a list again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from pokea.billing.cdr_file import guarded
from pokea.campaigns.listing import Rejected
from pokea.campaigns.lists.columns import PROBLEM


class _CsvWriter(Protocol):
    def writerow(self, row: Iterable[str], /) -> object: ...


class RejectsWriter:
    """`unit`: what the list's rows are counted in. Nothing that it writes is run by a spreadsheet."""

    def __init__(self, writer: _CsvWriter, titles: Sequence[str], unit: str) -> None:
        self._writer = writer
        self._unit = unit
        self._width = len(titles)
        self._kept = [place for place, title in enumerate(titles) if title.casefold() != PROBLEM]
        writer.writerow([*(guarded(titles[place]) for place in self._kept), PROBLEM])

    def write(self, rejected: Rejected) -> None:
        """Cells beyond the header stand behind the problem, so that they are not lost."""
        cells = [_inert(cell) for cell in rejected.cells]
        padded = cells + [""] * (self._width - len(cells))
        self._writer.writerow(
            [*(padded[place] for place in self._kept), told(rejected, self._unit), *cells[self._width :]]
        )


def told(rejected: Rejected, unit: str) -> str:
    """Such as "line 7: Mobile no. has too few digits: write it …"."""
    return guarded(f"{unit} {rejected.line}: {rejected.column or 'the row'} {rejected.says}")


def _inert(cell: str) -> str:
    return guarded(cell.replace("\0", "�"))
