"""POST /reports: asks for the billing report of a day or a month, and GET /reports/{period}: where it is, once it is made.

Another function makes it, because a large month takes longer than a request may. The links show a report to whoever has them, for a
quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from functions.api.doorman import REPORTS_READ, REPORTS_WRITE, holder
from functions.api.schemas import ERRORS
from pokea.adapters.api_answers import described
from pokea.adapters.report_bucket import LINK_S
from pokea.billing.period import Period, as_asked, asked_for, must_have_begun, period_of
from pokea.billing.statements.places import statement_key
from pokea.clock import Clock
from pokea.errors import NotFound, Unavailable
from pokea.ids import BusinessId
from pokea.profile import Profile

if TYPE_CHECKING:
    from functions.api.wiring import Api
    from pokea.adapters.observability import Log

AGAIN_AFTER = timedelta(minutes=1)  # reports are made by workers that all businesses share


class WantedReport(BaseModel):
    """One of the two, on the business's own calendar."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    month: Annotated[str | None, Field(description="YYYY-MM", examples=["2026-11"], max_length=10)] = None
    day: Annotated[str | None, Field(description="YYYY-MM-DD", examples=["2026-11-20"], max_length=10)] = None


class ReportFile(BaseModel):
    key: Annotated[str, Field(description="In the reports bucket; the same report always has the same")]
    url: Annotated[str, Field(description="Shows the file to whoever has it, for `valid_s`")]


class BillingReport(BaseModel):
    """`made_at` is when the files were last written; null in the answer to a wish, which another function fulfils."""

    period: str
    made_at: datetime | None
    html: ReportFile
    csv: ReportFile
    valid_s: int


class Shelf(Protocol):
    """Where reports are kept."""

    def made_at(self, key: str) -> datetime | None: ...

    def link(self, key: str) -> str: ...


def router(provide: Callable[[], Api], log: Log) -> APIRouter:
    routes = APIRouter()

    @routes.post("/reports", status_code=202, responses=ERRORS)
    def ask(wanted: WantedReport, business_id: Annotated[BusinessId, Depends(holder(REPORTS_WRITE))]) -> BillingReport:
        report = provide().reports.ask(business_id, wanted.month, wanted.day)
        log.info("report asked for", business_id=business_id, resource=report.period)
        return report

    @routes.get("/reports/{period}", responses={**ERRORS, **described(404)})
    def find(
        period: Annotated[str, Path(max_length=10, description="YYYY-MM or YYYY-MM-DD")],
        business_id: Annotated[BusinessId, Depends(holder(REPORTS_READ))],
    ) -> BillingReport:
        return provide().reports.find(business_id, period)

    return routes


class ReportDesk:
    def __init__(
        self,
        *,
        shelf: Callable[[], Shelf],
        ask: Callable[[Mapping[str, Any]], None],
        profiles: Callable[[], Mapping[BusinessId, Profile]],
        clock: Clock,
    ) -> None:
        self._shelf = shelf
        self._ask = ask
        self._profiles = profiles
        self._clock = clock

    def ask(self, business_id: BusinessId, month: str | None, day: str | None) -> BillingReport:
        """The same report may be asked for again a minute after it was made. Raises RejectedInput, NotFound and Unavailable."""
        period, now = asked_for(month, day, self._profile(business_id).tz), self._clock.now()
        must_have_begun(period, now)
        made_at = self._shelf().made_at(statement_key(business_id, period, "html"))
        if made_at is not None and now - made_at < AGAIN_AFTER:
            left_s = (made_at + AGAIN_AFTER - now).total_seconds()
            raise Unavailable("report_just_made", "this report is not a minute old", retry_after_s=left_s)
        report = self._described(business_id, period, made_at=None)
        self._ask({"version": 1, "business": business_id, **as_asked(period)})
        return report

    def find(self, business_id: BusinessId, name: str) -> BillingReport:
        period = period_of(name, self._profile(business_id).tz)
        made_at = self._shelf().made_at(statement_key(business_id, period, "html"))
        if made_at is None:
            raise NotFound("no_report", "there is no report of this period yet: ask for it with POST /reports")
        return self._described(business_id, period, made_at)

    def _described(self, business_id: BusinessId, period: Period, made_at: datetime | None) -> BillingReport:
        html, csv = (self._file(statement_key(business_id, period, kind)) for kind in ("html", "csv"))
        return BillingReport(period=period.name, made_at=made_at, html=html, csv=csv, valid_s=LINK_S)

    def _file(self, key: str) -> ReportFile:
        return ReportFile(key=key, url=self._shelf().link(key))

    def _profile(self, business_id: BusinessId) -> Profile:
        profile = self._profiles().get(business_id)
        if profile is None:
            raise NotFound("no_such_business", "the business is not known here")
        return profile
