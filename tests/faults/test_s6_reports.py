"""S6 and L3 of billing reports, against builds that break them: each must be seen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.faults.broken import reports as broken
from tests.properties import test_billing_laws as laws
from tests.support.billing_samples import month_of_calls
from tests.unit.functions import test_report_page as pages
from tests.unit.pokea.billing import test_report as made
from tests.unit.pokea.billing import test_statements as rows

Breaks = Callable[[], AbstractContextManager[None]]


@pytest.mark.parametrize(
    ("breaks", "law"),
    [
        (broken.pastes_text_into_the_page, lambda: pages.check_page_of(pages.HOSTILE[0])),
        (
            broken.writes_cells_as_they_come,
            lambda: rows.test_no_text_becomes_a_formula_or_a_row_of_its_own("agent", "=1+1"),
        ),
        (broken.writes_cells_as_they_come, rows.test_evidence_and_ids_are_guarded_like_everything_else),
        (
            broken.lets_line_breaks_through,
            lambda: rows.test_no_text_becomes_a_formula_or_a_row_of_its_own("doubt", "a\n=1"),
        ),
        (broken.takes_unknown_for_nothing, made.test_what_is_unknown_is_counted_and_never_a_zero),
        (broken.takes_unknown_for_nothing, lambda: laws.check_totals(month_of_calls())),
        (broken.adds_rounded_amounts, lambda: laws.check_totals(month_of_calls())),
        (broken.adds_rounded_amounts, lambda: laws.check_cells(month_of_calls())),
        (broken.counts_days_by_utc, made.test_midnight_in_nairobi_parts_the_days),
        (broken.keeps_every_version, made.test_a_leg_that_is_read_twice_counts_once_in_its_latest_version),
    ],
)
def test_the_law_is_seen_to_fail(breaks: Breaks, law: Callable[[], None]) -> None:
    with breaks(), pytest.raises(AssertionError):
        law()
