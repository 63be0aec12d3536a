"""Readers of contact lists with one safeguard taken out each. Every check of a list must be seen to fail against the one that lacks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from pokea.campaigns import listing, rejected_rows
from pokea.campaigns.contact import Consent
from pokea.campaigns.lists import cells, numbers
from pokea.campaigns.lists.cells import Unusable

Breaks = Callable[[], AbstractContextManager[None]]


@contextmanager
def rings_a_number_twice() -> Iterator[None]:
    """Does not notice that a number comes again."""
    with mock.patch.object(listing, "repeated", lambda numbers: {}):
        yield


@contextmanager
def keeps_the_first_consent() -> Iterator[None]:
    """Takes the first row for the whole contact."""
    merged = listing._merged

    def first_only(rows: Any, unit: str) -> Any:
        return rows[0], merged(rows, unit)[1]

    with mock.patch.object(listing, "_merged", first_only):
        yield


@contextmanager
def asks_for_no_consent() -> Iterator[None]:
    """Makes contacts of people who have agreed to nothing."""
    strict = cells.consent_of

    def lax(source: str, wording: str, at: str, tz: ZoneInfo) -> Consent:
        return strict(source or "unknown", wording or "unknown", at or "2026-01-01", tz)

    with mock.patch.object(cells, "consent_of", lax):
        yield


@contextmanager
def drops_what_it_cannot_read() -> Iterator[None]:
    """Rejected rows are gone."""
    entries = listing.ContactList._entries_of

    def contacts_only(self: Any, number: int, rows: Any, due_at: datetime) -> Iterator[Any]:
        return (one for one in entries(self, number, rows, due_at) if isinstance(one, listing.Imported))

    with mock.patch.object(listing.ContactList, "_entries_of", contacts_only):
        yield


@contextmanager
def fills_lost_digits_with_zeros() -> Iterator[None]:
    """Reads 7.12346E+08 as a spreadsheet would show it: 712346000, somebody else's number."""

    def padded(power: Any, text: str) -> str:
        return (power[1] + (power[2] or "")).ljust(int(power[3]) + 1, "0")

    with mock.patch.object(numbers, "_written_out", padded):
        yield


@contextmanager
def takes_letters_for_digits() -> Iterator[None]:
    """Dials letters as they stand on the keys: 0712 JOHN."""
    strict = numbers.spelled
    keys = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")

    def lax(cell: str) -> str:
        try:
            return strict(cell)
        except Unusable:
            return strict(cell.upper().translate(keys))

    with mock.patch.object(numbers, "spelled", lax):
        yield


@contextmanager
def writes_formulas() -> Iterator[None]:
    """The file of rejected rows runs what somebody typed into a form."""
    with mock.patch.object(rejected_rows, "guarded", lambda cell: cell):
        yield


BROKEN: tuple[Breaks, ...] = (
    rings_a_number_twice,
    keeps_the_first_consent,
    asks_for_no_consent,
    drops_what_it_cannot_read,
    fills_lost_digits_with_zeros,
    takes_letters_for_digits,
    writes_formulas,
)
