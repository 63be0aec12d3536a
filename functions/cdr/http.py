"""POST /cdr/reconcile and GET /cdr/{call}: what calls cost, asked for by the business that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError

from functions.cdr.schemas import ERRORS, MAX_DAYS, CallLegs, Queued, Wanted, leg_of
from pokea.adapters.api_answers import LastDoor, answer_errors, refusal
from pokea.adapters.api_door import Doorman, business_of
from pokea.billing.cdr import Cdr
from pokea.billing.cdr_asking import is_settled
from pokea.errors import RejectedInput
from pokea.ids import BusinessId, SessionId

if TYPE_CHECKING:
    from functions.cdr.wiring import Parts
    from pokea.adapters.observability import Log

ROUTE = "/cdr"  # for logs: what follows is a call of somebody
CDRS_READ = "cdrs:read"
CDRS_WRITE = "cdrs:write"
OLDEST_DAYS = 400  # records are kept no longer


def holder(scope: str) -> Callable[[Request], BusinessId]:
    """A dependency of a route: the business whose key allows `scope`. Raises Denied."""

    def business(request: Request) -> BusinessId:
        return business_of(request.state.grant, scope)

    return business


def make_app(provide: Callable[[], Parts], log: Log) -> FastAPI:
    """The application around the parts that `provide` gives."""
    app = FastAPI(title="Pokea detail records", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(
        Doorman, keys=lambda: provide().keys(), refuse=refusal, edge=lambda header: provide().edge.admit(header)
    )
    app.add_middleware(LastDoor, log=log, metric="CdrRequestFailed", route_of=lambda path: ROUTE)
    answer_errors(app, log, lambda path: ROUTE, RequestValidationError)

    @app.post("/cdr/reconcile", responses={**ERRORS, 202: {"model": Queued}})
    def reconcile(
        wanted: Wanted, business_id: Annotated[BusinessId, Depends(holder(CDRS_WRITE))], response: Response
    ) -> CallLegs | Queued:
        parts = provide()
        if wanted.call is not None:
            session_id = SessionId(wanted.call)
            return _legs(session_id, parts.clerk.reconcile(business_id, session_id, parts.patience()))
        response.status_code = 202
        days = days_of(wanted, parts.clock.now().date())
        parts.sweeper.queue_days(business_id, days)
        log.info("days queued", business_id=business_id, count=len(days))
        return Queued(days=len(days))

    @app.get("/cdr/{call}", responses=ERRORS)
    def show(
        call: Annotated[str, Path(max_length=128)],
        business_id: Annotated[BusinessId, Depends(holder(CDRS_READ))],
    ) -> CallLegs:
        parts = provide()
        return _legs(SessionId(call), parts.clerk.cdrs(business_id, SessionId(call)))

    return app


def days_of(wanted: Wanted, today: date) -> Sequence[date]:
    """Every day that is meant. Raises RejectedInput for more than a month of them, and for days of which there can be no records."""
    first = wanted.day or wanted.first or today
    last = wanted.day or wanted.last or today
    if (last - first).days >= MAX_DAYS:
        raise RejectedInput("range_too_long", f"at most {MAX_DAYS} days at once")
    if not 0 <= (today - first).days <= OLDEST_DAYS or last > today:
        raise RejectedInput("no_such_day", f"a day of the last {OLDEST_DAYS}, by UTC")
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _legs(session_id: SessionId, cdrs: Sequence[Cdr]) -> CallLegs:
    return CallLegs(call=session_id, settled=is_settled(cdrs), legs=[leg_of(cdr) for cdr in cdrs])
