"""The rows of a report: a file that `pokea rate` and `pokea audit` take as it is, and that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrFinding
from pokea.billing.cdr_file import CdrFile
from pokea.billing.period import period_of
from pokea.billing.rate_deck import packaged_deck
from pokea.billing.rating import Charge, Rater
from pokea.billing.statements import words
from pokea.billing.statements.places import rows_key, statement_key
from pokea.billing.statements.rows_file import NAMES, csv_of
from pokea.call_outcomes import Disposition
from pokea.ids import SessionId
from tests.support.billing_samples import CLINIC, leg, month_of_calls, stream

NAIROBI = ZoneInfo("Africa/Nairobi")
NOVEMBER = period_of("2026-11", NAIROBI)


def rows(*cdrs: Cdr) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_of(cdrs, NOVEMBER)), strict=True))


def test_rating_reads_every_leg_back_as_it_was() -> None:
    cdrs = month_of_calls()
    read = list(CdrFile(io.StringIO(csv_of(cdrs, NOVEMBER), newline=""), "statement"))
    assert [row.leg for row in read] == [cdr.as_leg for cdr in cdrs]
    assert not any(row.problem for row in read)


def test_rating_the_file_again_gives_the_charges_in_it() -> None:
    cdrs = [cdr for cdr in month_of_calls() if cdr.direction in (Direction.INBOUND, Direction.OUTBOUND)]
    rater = Rater(packaged_deck("sautikit-kes-2026-06-27"))
    for row, written in zip(
        CdrFile(io.StringIO(csv_of(cdrs, NOVEMBER), newline=""), "statement"), rows(*cdrs), strict=True
    ):
        assert row.leg is not None
        charge = rater.rate(row.leg)
        assert isinstance(charge, Charge)
        assert (str(charge.micros), charge.currency) == (written["charge_micros"], written["currency"])


def test_what_is_unknown_is_an_empty_cell() -> None:
    unknown = leg(
        charge_micros=None, currency="", carrier_minor=None, talk_s=None, answered_at=None, ended_at=None, outcome=""
    )
    (row,) = rows(unknown)
    for name in (
        "charge_micros",
        "carrier_cost_minor",
        "talk_s",
        "answered_at",
        "ended_at",
        "silence_ms",
        "model_usd_micros",
        "outcome",
    ):
        assert row[name] == "", name
    assert rows(leg(charge_micros=0))[0]["charge_micros"] == "0"


def test_times_are_utc_and_the_local_day_is_the_business_s() -> None:
    late = datetime(2026, 11, 20, 23, 30, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))
    (row,) = rows(leg(began_at=late))
    assert (row["began_at"], row["local_day"]) == ("2026-11-20T21:30:00.250000Z", "2026-11-21")


@pytest.mark.parametrize(
    "name", ["agent", "outcome", "unrated", "doubt", "model_unpriced", "model_prices", "exchange", "deck_id", "rule"]
)
@pytest.mark.parametrize(
    "attack", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", '"\r\n=1,2']
)
def test_no_text_becomes_a_formula_or_a_row_of_its_own(name: str, attack: str) -> None:
    text = csv_of([leg(**{name: attack}), leg(session_id=SessionId("HD_2"))], NOVEMBER)
    assert len(text.splitlines()) == 3
    for row in csv.reader(io.StringIO(text)):
        assert len(row) == len(NAMES)
        assert not any(cell.startswith(("=", "@", "\t", "\r", "\n")) for cell in row)
        assert not any(cell[:1] in "+-" and not cell[1:].isdigit() for cell in row if cell)


def test_evidence_and_ids_are_guarded_like_everything_else() -> None:
    finding = CdrFinding(Difference.MISSING, '=HYPERLINK("http://x")')
    (row,) = rows(leg(session_id=SessionId("=1+1"), findings=(finding, finding), unknowns=("@a", "b"), a_number="=1"))
    assert row["call_id"] == "'=1+1" and row["a_number"] == "'=1"
    assert row["evidence"].startswith("'=HYPERLINK") and row["differences"] == "missing missing"
    assert row["unknowns"] == "'@a | b"


def test_what_cannot_be_written_in_utf_8_is_replaced() -> None:
    text = csv_of([leg(agent="a\ud800b\x00c\u202ed")], NOVEMBER)
    assert "a�b�c�d" in text and text.encode("utf-8")


def test_the_same_report_lies_at_the_same_place() -> None:
    day = period_of("2026-11-05", NAIROBI)
    assert statement_key(CLINIC, NOVEMBER, "html") == "statements/business=whitedent/2026-11.html"
    assert statement_key(CLINIC, day, "csv") == "statements/business=whitedent/2026-11-05.csv"
    assert rows_key(CLINIC, day.first) == "cdr/business=whitedent/year=2026/month=11/day=05/part.parquet"


def test_every_word_that_a_statement_needs_is_there() -> None:
    assert set(words.OUTCOMES) == set(Disposition)
    assert set(words.DIFFERENCES) == set(Difference)
    assert set(words.DIRECTIONS) == set(Direction)
    assert "model" in words.DIRECTIONS[Direction.STREAM], "that line's cost holds it"
    assert words.outcome_words("") == "not known" and words.outcome_words("new_kind") == "new kind"


def test_amounts_are_read_as_people_read_them() -> None:
    assert words.money(1_234_567_891, "KES") == "KES 1,234.57"
    assert words.money(1_500_000, "UGX") == "UGX 2"
    assert words.money(1_500_000, "XYZ") == "XYZ 1.500000"
    assert words.fine_money(-150, "KES") == "KES -0.0002"
    assert words.exact(-1_000_001) == "-1.000001"
    assert (words.duration(59), words.duration(61), words.duration(7_260)) == ("59 s", "1 min 1 s", "2 h 1 min")
    assert (words.percent(1, 1_000), words.percent(999, 1_000), words.percent(0, 9), words.percent(1, 1)) == (
        "< 1 %",
        "> 99 %",
        "0 %",
        "100 %",
    )
    assert words.percent(0, 0) == "–"


def test_the_file_of_the_same_rows_is_the_same() -> None:
    call = leg(began_at=datetime(2026, 11, 20, 7, tzinfo=UTC))
    assert csv_of([call, stream(call)], NOVEMBER) == csv_of([call, stream(call)], NOVEMBER)
