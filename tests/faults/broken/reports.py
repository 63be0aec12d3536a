"""Billing reports as they must not be built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from unittest.mock import patch

from functions.reports import page
from pokea.billing import report as billing_report
from pokea.billing import sums as billing_sums
from pokea.billing.cdr import Cdr
from pokea.billing.period import Period
from pokea.billing.statements import rows_file
from pokea.billing.sums import Sum


@contextmanager
def pastes_text_into_the_page() -> Iterator[None]:
    """Without escaping: a name is markup."""
    pages = page._pages()
    pages.autoescape = False
    assert pages.cache is not None
    pages.cache.clear()
    try:
        yield
    finally:
        pages.autoescape = True
        pages.cache.clear()


@contextmanager
def writes_cells_as_they_come() -> Iterator[None]:
    """A name that begins with an equals sign is a formula in the owner's spreadsheet."""
    with patch.object(rows_file, "guarded", lambda cell, **_: cell):
        yield


@contextmanager
def lets_line_breaks_through() -> Iterator[None]:
    with patch.object(rows_file, "one_line", lambda said: said):
        yield


@contextmanager
def takes_unknown_for_nothing() -> Iterator[None]:
    """What nobody knows is free of charge."""
    honest = billing_sums.sum_of

    def careless(cdr: Cdr, currency: str) -> Sum:
        return replace(honest(cdr, currency), uncharged=0, unpriced=0)

    with patch.object(billing_report, "sum_of", careless):
        yield


@contextmanager
def counts_days_by_utc() -> Iterator[None]:
    """The first three hours of a day in Nairobi belong to the day before."""

    def day_of(self: Period, instant: datetime) -> date:
        return instant.astimezone(UTC).date()

    with patch.object(Period, "day_of", day_of):
        yield


@contextmanager
def adds_rounded_amounts() -> Iterator[None]:
    """Each line rounded to cents before it is added: a total that no row adds up to."""
    honest = billing_sums.sum_of

    def rounded(cdr: Cdr, currency: str) -> Sum:
        one = honest(cdr, currency)
        cents = {name: round(getattr(one, name), -4) for name in ("carrier_micros", "stream_micros", "model_micros")}
        return replace(one, **cents)

    with patch.object(billing_report, "sum_of", rounded):
        yield


@contextmanager
def keeps_every_version() -> Iterator[None]:
    """A leg that was corrected is charged twice."""

    def all_of_them(cdrs: Iterable[Cdr], business_id: Any) -> tuple[Cdr, ...]:
        return tuple(cdrs)

    with patch.object(billing_report, "_latest", all_of_them):
        yield
