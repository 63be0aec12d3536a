"""L3 of a billing report: every total is exactly the sum of its rows, whichever way they are put together."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrState
from pokea.billing.period import day_period, month_period
from pokea.billing.report import Report, billing_report
from pokea.billing.statements.rows_file import csv_of
from pokea.billing.sums import total_of
from pokea.ids import SessionId
from tests.support.billing_samples import CLINIC, leg, stream
from tests.support.sizes import examples

ZONES = [ZoneInfo(name) for name in ("Africa/Nairobi", "Africa/Cairo", "Asia/Kathmandu", "Pacific/Kiritimati")]
AMOUNTS = st.none() | st.integers(0, 10**15)
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@st.composite
def legs(draw: st.DrawFn) -> list[Cdr]:
    made = []
    for number in range(draw(st.integers(0, 12))):
        session = SessionId(f"HD_{number}")
        call = leg(
            session_id=session,
            call_id=SessionId(f"HD_{draw(st.integers(0, number))}"),
            direction=draw(st.sampled_from(list(Direction))),
            began_at=datetime(2026, 10, 30, tzinfo=UTC) + timedelta(seconds=draw(st.integers(0, 34 * 86_400))),
            agent=draw(st.sampled_from(["booking", "leads", ""])),
            outcome=draw(st.sampled_from(["booked", "talked", "", "something_new"])),
            charge_micros=draw(AMOUNTS),
            carrier_minor=draw(AMOUNTS),
            talk_s=draw(st.none() | st.integers(0, 10_000)),
            state=draw(st.sampled_from(list(CdrState))),
            currency=draw(st.sampled_from(["KES", "KES", "UGX"])),
        )
        made.append(call)
        if draw(st.booleans()):
            made.append(stream(call, model_charge_micros=draw(AMOUNTS), charge_micros=draw(AMOUNTS)))
    return made


def report(cdrs: list[Cdr], month: date, tz: ZoneInfo) -> Report:
    period = month_period(month, tz)
    return billing_report(cdrs, business_id=CLINIC, name="x", period=period, currency="KES", now=NOW)


@given(legs(), st.sampled_from(ZONES))
@settings(max_examples=examples(30, 300))
def test_every_total_is_the_sum_of_its_rows(cdrs: list[Cdr], tz: ZoneInfo) -> None:
    check_totals(cdrs, tz)


def check_totals(cdrs: list[Cdr], tz: ZoneInfo = ZONES[0]) -> None:
    made = report(cdrs, date(2026, 11, 1), tz)
    own = [cdr for cdr in made.rows if cdr.currency in ("", made.currency)]
    assert made.total.charge_micros == sum(cdr.charge_micros or 0 for cdr in own)
    assert made.total.model_micros == sum(cdr.model_charge_micros or 0 for cdr in own)
    assert made.total.uncharged == sum(cdr.charge_micros is None for cdr in own)
    for groups in (made.by_agent, made.by_outcome, made.by_direction, made.by_day, made.by_hour):
        assert total_of(groups.values()) == made.total
    assert len(own) + sum(one.legs for one in made.elsewhere.values()) == len(made.rows)


@given(legs(), st.sampled_from(ZONES))
@settings(max_examples=examples(30))
def test_a_month_is_the_sum_of_its_days(cdrs: list[Cdr], tz: ZoneInfo) -> None:
    kes = [replace(cdr, currency="KES") for cdr in cdrs]
    month = report(kes, date(2026, 11, 1), tz)
    days = [
        billing_report(kes, business_id=CLINIC, name="x", period=day_period(day, tz), currency="KES", now=NOW)
        for day in month.period.days
    ]
    assert total_of(day.total for day in days) == month.total
    assert sorted(cdr.key for day in days for cdr in day.rows) == sorted(cdr.key for cdr in month.rows)


@given(legs(), st.sampled_from(ZONES))
@settings(max_examples=examples(20, 200))
def test_the_cells_of_the_file_add_up_to_the_total(cdrs: list[Cdr], tz: ZoneInfo) -> None:
    check_cells(cdrs, tz)


def check_cells(cdrs: list[Cdr], tz: ZoneInfo = ZONES[0]) -> None:
    made = report(cdrs, date(2026, 11, 1), tz)
    rows = [
        row for row in csv.DictReader(io.StringIO(csv_of(made.rows, made.period))) if row["currency"] == made.currency
    ]
    for column, total in (
        ("charge_micros", made.total.charge_micros),
        ("model_charge_micros", made.total.model_micros),
    ):
        assert sum(int(row[column]) for row in rows if row[column]) == total
    assert sum(not row["charge_micros"] for row in rows) == made.total.uncharged


@given(legs(), st.randoms(use_true_random=False))
@settings(max_examples=examples(30))
def test_the_order_of_reading_changes_nothing(cdrs: list[Cdr], chance: object) -> None:
    shuffled = list(cdrs)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert report(shuffled, date(2026, 11, 1), ZONES[0]) == report(cdrs, date(2026, 11, 1), ZONES[0])
