"""Makes one report: reads the records, draws the statement, puts files at their keys, and tells who wants to know.

The same records give the same files, so whoever asks again changes nothing; a later report of the same days replaces an earlier one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.reports.page import page_of
from functions.reports.table_file import typesetter
from pokea.adapters.observability import Log
from pokea.billing.period import Period, as_asked, asked_for, must_have_begun, periods_due
from pokea.billing.report import Report, billing_report, rows_of
from pokea.billing.statements.places import CONTENT_TYPES, rows_key, statement_key
from pokea.billing.statements.rows_file import csv_of
from pokea.clock import Clock
from pokea.errors import NotFound, RejectedInput
from pokea.ids import BusinessId
from pokea.ports import CdrStore
from pokea.profile import Profile

MAX_BODY_CHARS = 2_000  # a message holds an id and a period
READY = "billing.report.ready"

Emit = Callable[[str, Mapping[str, str | int]], None]


class Shelf(Protocol):
    """Where reports are kept."""

    def put(self, key: str, body: bytes, content_type: str) -> None: ...


class Wish(BaseModel):
    """A report that is wanted: by a message of the queue, or by a direct invocation."""

    model_config = ConfigDict(frozen=True)

    business: Annotated[str, Field(min_length=1, max_length=64)]
    month: Annotated[str | None, Field(max_length=10)] = None
    day: Annotated[str | None, Field(max_length=10)] = None


@dataclass(frozen=True, slots=True)
class Made:
    """The keys of what was stored, and how much it was about."""

    business: BusinessId
    period: str
    csv: str
    html: str
    tables: tuple[str, ...]
    calls: int
    differences: int


class Press:
    def __init__(
        self,
        *,
        store: Callable[[], CdrStore],
        shelf: Callable[[], Shelf],
        profiles: Mapping[BusinessId, Profile],
        currency_of: Callable[[Profile], str],
        ask: Callable[[list[dict[str, Any]]], None],
        emit: Emit,
        clock: Clock,
        log: Log,
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._profiles = profiles
        self._currency_of = currency_of
        self._ask = ask
        self._emit = emit
        self._clock = clock
        self._log = log

    def ask_for_what_is_due(self) -> int:
        """On a schedule: one message for each report whose time has come on its business's own clock. Returns how many."""
        now = self._clock.now()
        due = [
            {"version": 1, "business": business_id, **as_asked(period)}
            for business_id, profile in self._profiles.items()
            for period in periods_due(profile.tz, now)
        ]
        if due:
            self._ask(due)
        self._log.info("reports asked for", count=len(due))
        return len(due)

    def take(self, body: str, message_id: str) -> None:
        """One message of the queue. Raises CallError for one that cannot be followed."""
        if len(body) > MAX_BODY_CHARS:
            raise RejectedInput("bad_message", "the message is too long")
        try:
            wish = Wish.model_validate_json(body)
        except ValidationError:
            raise RejectedInput("bad_message", "the message does not name a report") from None
        self.fulfil(wish)

    def fulfil(self, wish: Wish) -> Made:
        profile = self._profiles.get(BusinessId(wish.business))
        if profile is None:
            raise NotFound("no_such_business", "the business is not known here")
        return self.make(profile, asked_for(wish.month, wish.day, profile.tz))

    def make(self, profile: Profile, period: Period) -> Made:
        """Raises Unavailable, and RejectedInput for what has not begun."""
        now = self._clock.now()
        must_have_begun(period, now)
        report = billing_report(
            rows_of(self._store(), profile.business_id, period),
            business_id=profile.business_id,
            name=profile.name,
            period=period,
            currency=self._currency_of(profile),
            now=now,
        )
        made = self._stored(report, period.days_begun(now))
        self._tell(report, made)
        return made

    def _stored(self, report: Report, days: tuple[date, ...]) -> Made:
        """Every day's table is written, an empty one too: what a correction moved to another day must not stay behind."""
        shelf, business_id = self._shelf(), report.business_id
        tables = {day: rows_key(business_id, day) for day in days}
        with typesetter() as parquet_of:
            for day, key in tables.items():
                rows = [cdr for cdr in report.rows if report.period.day_of(cdr.began_at) == day]
                shelf.put(key, parquet_of(csv_of(rows, report.period)), CONTENT_TYPES["parquet"])
        files = {"csv": csv_of(report.rows, report.period), "html": page_of(report)}
        keys = {kind: statement_key(business_id, report.period, kind) for kind in files}
        for kind, content in files.items():
            shelf.put(keys[kind], content.encode("utf-8"), CONTENT_TYPES[kind])
        return Made(
            business=business_id,
            period=report.period.name,
            csv=keys["csv"],
            html=keys["html"],
            tables=tuple(tables.values()),
            calls=report.total.calls,
            differences=len(report.disagreements),
        )

    def _tell(self, report: Report, made: Made) -> None:
        self._log.info("report made", business_id=made.business, resource=made.period, count=len(report.rows))
        if made.differences:
            self._log.count("ReportDifferences", made.differences)
        self._emit(
            READY,
            {
                "business": made.business,
                "period": made.period,
                "csv": made.csv,
                "html": made.html,
                "calls": made.calls,
                "total_micros": report.total.total_micros,
                "currency": report.currency,
                "differences": made.differences,
                "unknown": report.total.uncharged + report.total.unpriced,
            },
        )
