"""`pokea report`: what the calls of a day or a month cost, as a table, a page, or a file of rows.

Read from the running local stack; else from the account that POKEA_CDRS_TABLE and the usual AWS_* variables name; else from what a
stopped stack has left in its state folder, for which the local AWS is started and stopped again. What only some of these need is
imported there: whoever has no calls yet is told so at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from local.cli.report_table import print_report
from local.cli.running import client_of, store_at
from pokea.adapters.dynamo_cdrs import DynamoCdrs
from pokea.adapters.dynamo_table import DynamoTable
from pokea.billing.business_deck import deck_for
from pokea.billing.period import Period, asked_for, month_period, must_have_begun
from pokea.billing.report import Report, billing_report, rows_of
from pokea.billing.statements.rows_file import csv_of
from pokea.billing.sums import Sum
from pokea.errors import NotFound, RejectedInput
from pokea.ids import BusinessId
from pokea.lines import PACKAGED
from pokea.ports import CdrStore
from pokea.profile import Profile, load_profiles

Format = Literal["table", "csv", "html", "parquet"]
Work = Callable[[CdrStore], int]
SETTING = "POKEA_CDRS_TABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """`month` and `day` as they were typed; neither is this month. `out`: where a file goes; None: a name of its own."""

    month: str | None = None
    day: str | None = None
    business: str = ""
    format: Format = "table"
    out: Path | None = None
    opens: bool = False
    profiles: Path | None = None
    state: Path = Path(".local/state")
    as_json: bool = False


def run_report(
    options: ReportOptions,
    with_store: Callable[[Path, Work], int] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """0 with a report, 1 without a call in the period. Raises CallError for what cannot be asked."""
    folder = options.profiles or Path(os.environ.get("POKEA_PROFILES_DIR", "") or PACKAGED)
    profiles = load_profiles(folder)
    if options.business and options.business not in profiles:
        raise NotFound("no_such_business", f"unknown business {options.business!r}; there are {', '.join(profiles)}")
    wanted = {BusinessId(options.business): profiles[BusinessId(options.business)]} if options.business else profiles
    moment = now()
    periods = {business: _period(options, profile, moment) for business, profile in wanted.items()}

    def work(store: CdrStore) -> int:
        reports = []
        for business, profile in wanted.items():
            found = _report(store, profile, periods[business], deck_for(profile, folder).currency, moment)
            if found.rows:
                reports.append(found)
        return _show(reports, options, next(iter(periods.values())))

    return (with_store or at_hand)(options.state, work)


def _period(options: ReportOptions, profile: Profile, now: datetime) -> Period:
    if options.month is None and options.day is None:
        return month_period(now.astimezone(profile.tz).date(), profile.tz)
    period = asked_for(options.month, options.day, profile.tz)
    must_have_begun(period, now)
    return period


def _report(store: CdrStore, profile: Profile, period: Period, currency: str, now: datetime) -> Report:
    return billing_report(
        rows_of(store, profile.business_id, period),
        business_id=profile.business_id,
        name=profile.name,
        period=period,
        currency=currency,
        now=now,
    )


def _show(reports: list[Report], options: ReportOptions, period: Period) -> int:
    if not reports:
        whose = f" of {options.business}" if options.business else ""
        print(f"pokea: no calls{whose} in {period.name}", file=sys.stderr)
        return 1
    if options.format == "table":
        if options.as_json:
            print(json.dumps([described(report) for report in reports], ensure_ascii=False, indent=2))
        else:
            print_report(reports, options.out)
        return 0
    if len(reports) > 1:
        names = ", ".join(report.business_id for report in reports)
        raise RejectedInput("several_businesses", f"{names} have calls in {period.name}: choose one with --business")
    return _write(reports[0], options)


def _write(report: Report, options: ReportOptions) -> int:
    content = _file(report, options.format)
    if options.format == "csv" and options.out is None and not options.as_json:
        sys.stdout.write(content.decode("utf-8"))
        return 0
    path = options.out or Path(f"{report.business_id}-{report.period.name}.{options.format}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as problem:
        raise RejectedInput("bad_out", f"{path}: {problem.strerror}") from None
    print(
        json.dumps([{**described(report), "file": str(path)}], ensure_ascii=False, indent=2)
        if options.as_json
        else path
    )
    if options.opens and options.format == "html":
        webbrowser.open(path.resolve().as_uri())
    return 0


def _file(report: Report, kind: Format) -> bytes:
    if kind == "html":
        from functions.reports.page import page_of

        return page_of(report).encode("utf-8")
    rows = csv_of(report.rows, report.period)
    if kind == "csv":
        return rows.encode("utf-8")
    from functions.reports.table_file import typesetter

    with typesetter() as parquet_of:
        return parquet_of(rows)


def described(report: Report) -> dict[str, Any]:
    """The report as JSON. Amounts are whole micro-units; what is not known is counted beside them."""
    return {
        "business": report.business_id,
        "name": report.name,
        "period": report.period.name,
        "zone": report.period.tz.key,
        "is_over": report.is_over,
        "as_of": report.as_of.isoformat() if report.as_of else None,
        "currency": report.currency,
        **_sum(report.total),
        "by_agent": {name: _sum(one) for name, one in report.by_agent.items()},
        "by_outcome": {name: _sum(one) for name, one in report.by_outcome.items()},
        "by_direction": {direction.value: _sum(one) for direction, one in report.by_direction.items()},
        "by_day": {day.isoformat(): _sum(one) for day, one in report.by_day.items() if one.legs},
        "in_other_currencies": {currency: _sum(one) for currency, one in report.elsewhere.items()},
        "differences": [
            {"kind": one.kind.value, "call_id": one.session_id, "leg": one.leg, "evidence": one.evidence}
            for one in report.disagreements
        ],
        "unknown": [
            {"what": one.gap.value, "reason": one.reason, "legs": one.legs, "examples": list(one.examples)}
            for one in report.unknowns
        ],
        "decks": [basis.name for basis in report.decks],
        "model_prices": [basis.name for basis in report.prices],
        "exchange": [basis.name for basis in report.exchanges],
    }


def _sum(one: Sum) -> dict[str, int]:
    return {
        "calls": one.calls,
        "legs": one.legs,
        "talk_s": one.talk_s,
        "total_micros": one.total_micros,
        "carrier_micros": one.carrier_micros,
        "stream_micros": one.stream_micros,
        "model_micros": one.model_micros,
        "model_usd_micros": one.model_usd_micros,
        "without_charge": one.uncharged,
        "without_model_cost": one.unpriced,
        "not_settled": one.provisional + one.unreconciled,
    }


def at_hand(state: Path, work: Work) -> int:
    """`work` on the store that is there. Raises NotFound where there is none."""
    store = store_at(state, "cdrs", SETTING)
    if store is not None:
        return work(DynamoCdrs(DynamoTable(client_of(store), store["cdrs"])))
    if not (state / "aws").is_dir():
        text = f"no running stack (`pokea up`), no data in {state}, and {SETTING} is not set"
        raise NotFound("no_store", text)
    return asyncio.run(_with_stopped_stack(state, work))


async def _with_stopped_stack(state: Path, work: Work) -> int:
    from local.aws import LocalAws
    from local.stack import TEMPLATE

    print("  starting local AWS on what the stopped stack has left", file=sys.stderr, flush=True)
    async with LocalAws(state, TEMPLATE) as aws:
        store = DynamoCdrs(DynamoTable(aws.client(), aws.store_address()["cdrs"]))
        return await asyncio.to_thread(work, store)
