"""Call records as CSV: what is read, what is refused and how, and that nothing written can run in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pokea.billing.call_leg import Direction
from pokea.billing.cdr_file import (
    BILLED_COLUMNS,
    LEG_COLUMNS,
    BadFile,
    CdrFile,
    RatedWriter,
    Row,
    guarded,
    instant,
    unguarded,
)
from pokea.billing.rate_deck import packaged_deck
from pokea.billing.rating import Rater, Unrated

GOOD = {
    "call_id": "c1",
    "leg": "1",
    "direction": "outbound",
    "a_number": "+254711000001",
    "b_number": "+254722000111",
    "answered_at": "2026-11-02T09:00:00Z",
    "ended_at": "2026-11-02T09:00:40Z",
    "status": "completed",
}
BILLED = {"duration_seconds": "40", "cost_minor": "200", "cost_currency": "KES"}


def text_of(*rows: dict[str, str], header: list[str] | None = None) -> list[str]:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, header or list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().splitlines(keepends=True)


def one(carrier: bool = False, **changes: str) -> Row:
    (row,) = CdrFile(text_of({**GOOD, **(BILLED if carrier else {}), **changes}), "calls.csv", carrier=carrier)
    return row


def test_a_row_becomes_a_leg() -> None:
    leg = one().leg
    assert leg is not None
    assert (leg.key, leg.direction, leg.status) == (("c1", "1"), Direction.OUTBOUND, "completed")
    assert leg.answered_at == datetime(2026, 11, 2, 9, tzinfo=UTC)


def test_columns_may_stand_in_any_order_and_others_are_kept() -> None:
    for order in list(permutations([*LEG_COLUMNS[:4], "colour"]))[::17]:
        header = [*order, *LEG_COLUMNS[4:]]
        (row,) = CdrFile(text_of({**GOOD, "colour": "red"}, header=header), "calls.csv")
        assert row.leg == one().leg
        assert row.cells[header.index("colour")] == "red"


def test_a_carriers_row_says_what_it_charges_and_empty_is_unknown() -> None:
    billed = one(carrier=True).billed
    assert billed is not None
    assert (billed.duration_s, billed.cost_minor, billed.currency) == (40, 200, "KES")
    silent = one(carrier=True, duration_seconds="", cost_minor="", cost_currency="").billed
    assert silent is not None
    assert (silent.duration_s, silent.cost_minor, silent.currency) == (None, None, "")


def test_rows_are_read_one_by_one() -> None:
    taken = []

    def lines() -> Iterator[str]:
        for line in text_of(*[GOOD] * 50):
            taken.append(line)
            yield line

    next(iter(CdrFile(lines(), "calls.csv")))
    assert len(taken) == 2


def test_an_unanswered_row_has_an_empty_time_and_statuses_have_several_spellings() -> None:
    for text, status in (("no-answer", "no_answer"), ("Cancelled", "canceled"), ("BUSY", "busy"), ("", "unknown")):
        leg = one(answered_at="", status=text).leg
        assert leg is not None
        assert (leg.answered_at, leg.status) == (None, status)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("call_id", ""),
        ("direction", "sideways"),
        ("direction", ""),
        ("answered_at", "yesterday"),
        ("answered_at", "2026-11-02T09:00:00"),
        ("answered_at", "2026-11-02"),
        ("answered_at", "2026-02-30T09:00:00Z"),
        ("answered_at", "0001-01-01T00:00:00+03:00"),
        ("ended_at", "2026-11-02T25:00:00Z"),
        ("ended_at", "1793610000"),
        ("ended_at", "9999-12-31T23:59:59Z"),
        ("status", "finished"),
        ("duration_seconds", "40.5"),
        ("duration_seconds", "-1"),
        ("cost_minor", "2.00"),
        ("cost_currency", "shillings"),
    ],
)
def test_a_cell_that_cannot_be_used_is_named(column: str, text: str) -> None:
    row = one(carrier=True, **{column: text})
    assert row.leg is None
    assert row.problem.startswith(column)


def test_too_few_and_too_many_cells_are_a_problem_of_the_row_alone() -> None:
    lines = [*text_of(GOOD), "c2,1\n", "\n", ",".join([*GOOD.values(), "more"]) + "\n", *text_of(GOOD)[1:]]
    rows = list(CdrFile(lines, "calls.csv"))
    assert [bool(row.problem) for row in rows] == [False, True, True, False]
    assert [row.line for row in rows] == [2, 3, 5, 6]
    assert all(len(row.cells) == len(GOOD) for row in rows)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "lacks call_id"),
        (["call_id,leg\n"], "lacks direction"),
        ([",".join([*LEG_COLUMNS, "leg"]) + "\n"], "leg more than once"),
        ([",".join(LEG_COLUMNS) + "\n", 'c1,"1\n'], "not CSV"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(lines: list[str], problem: str) -> None:
    with pytest.raises(BadFile, match=problem) as caught:
        list(CdrFile(lines, "calls.csv"))
    assert caught.value.message.startswith("calls.csv: ")
    assert "\n" not in caught.value.message


def test_a_carriers_file_needs_the_carriers_columns() -> None:
    with pytest.raises(BadFile, match=", ".join(BILLED_COLUMNS)):
        CdrFile(text_of(GOOD), "calls.csv", carrier=True)


def test_a_mark_of_the_byte_order_is_no_part_of_a_name() -> None:
    lines = text_of(GOOD)
    assert len(list(CdrFile(["\ufeff" + lines[0], *lines[1:]], "calls.csv"))) == 1


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-02T09:00:00Z", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("2026-11-02t12:00:00+03:00", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("2026-11-02 09:00:00.5z", datetime(2026, 11, 2, 9, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-02T09:00:00.123456789-00:00", datetime(2026, 11, 2, 9, 0, 0, 123_456, tzinfo=UTC)),
        ("", None),
    ],
)
def test_times_are_instants(text: str, moment: datetime | None) -> None:
    assert instant(text, "at") == moment


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(1+1)", "'@SUM(1+1)"),
        ("-2+3", "'-2+3"),
        ("+A1", "'+A1"),
        ("\t=1", "'\t=1"),
        ("+254722000111", "+254722000111"),
        ("-12.50", "-12.50"),
        ("plain", "plain"),
        ("'quoted", "'quoted"),
        ("'=guarded before", "'=guarded before"),
    ],
)
def test_formulas_are_written_as_text_and_numbers_as_they_are(cell: str, written: str) -> None:
    assert guarded(cell) == written


def test_ids_stay_what_they_are() -> None:
    assert guarded("-x_9", is_id=True) == "-x_9"
    assert guarded("-x(9)", is_id=True) == "'-x(9)"


@given(st.text(max_size=12), st.booleans())
def test_what_is_guarded_is_inert_and_read_back_as_it_was(cell: str, is_id: bool) -> None:
    once = guarded(cell, is_id=is_id)
    assert guarded(once, is_id=is_id) == once
    assert unguarded(once) == unguarded(cell)
    assert once[:1] not in ("=", "@", "\t", "\r")


def written(*rows: dict[str, str]) -> list[dict[str, str]]:
    source = CdrFile(text_of(*rows), "calls.csv")
    out = io.StringIO(newline="")
    writer = RatedWriter(csv.writer(out), source.header)
    rater = Rater(packaged_deck("sautikit-kes-2026-06-27"))
    for row in source:
        writer.write(row, rater.rate(row.leg) if row.leg else Unrated("bad_row", row.problem))
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_a_rated_row_keeps_its_columns_and_gets_six() -> None:
    (row,) = written({"note": "=1+1", **GOOD})
    assert row == {
        "note": "'=1+1",
        **GOOD,
        "billable_s": "40",
        "rate_prefix": "+254",
        "charge_micros": "2000000",
        "currency": "KES",
        "rule": "per_second",
        "problem": "",
    }


def test_a_row_without_a_price_has_no_amount_and_says_why() -> None:
    (row,) = written({**GOOD, "b_number": "+256772000111"})
    assert (row["charge_micros"], row["billable_s"], row["currency"]) == ("", "", "")
    assert "no outbound row" in row["problem"]


def test_rating_a_rated_file_again_replaces_what_was_added() -> None:
    once = written(GOOD)
    assert written(*once) == once


def test_nobody_answered_is_a_charge_of_nothing() -> None:
    (row,) = written({**GOOD, "answered_at": "", "status": "busy"})
    assert (row["billable_s"], row["charge_micros"], row["rule"], row["problem"]) == ("0", "0", "unanswered", "")
