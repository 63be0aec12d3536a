"""The routes of campaigns. Whoever has a key with `campaigns:write` defines, fills, starts and stops those of its own business."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Body, FastAPI, Path, Query, Response
from fastapi.exceptions import RequestValidationError

from functions.campaigns.doorman import Reader, Writer
from functions.campaigns.schemas import (
    ERRORS,
    MAX_PAGE,
    Batch,
    CampaignBody,
    Campaigns,
    StandingBody,
    Taken,
    body_of,
)
from functions.campaigns.suppression_routes import router as suppressions
from pokea.adapters.api_answers import LastDoor, answer_errors, refusal
from pokea.adapters.api_door import Doorman
from pokea.campaigns.results import csv_of, row_json
from pokea.campaigns.steering import Order
from pokea.ids import BusinessId

if TYPE_CHECKING:
    from functions.campaigns.wiring import Parts
    from pokea.adapters.observability import Log

ROUTE = "/campaigns"  # for logs
CURSOR_HEADER = "x-next-cursor"
Name = Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Tables = Annotated[dict[str, Any], Body(description="The keys of CAMPAIGN.toml; times as RFC 3339")]


def make_app(provide: Callable[[], Parts], log: Log) -> FastAPI:
    """The application around the parts that `provide` gives."""
    app = FastAPI(title="Pokea campaigns", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(
        Doorman, keys=lambda: provide().keys(), refuse=refusal, edge=lambda header: provide().edge.admit(header)
    )
    app.add_middleware(LastDoor, log=log, metric="CampaignRequestFailed", route_of=lambda path: ROUTE)
    answer_errors(app, log, lambda path: ROUTE, RequestValidationError)

    @app.post("/campaigns", responses=ERRORS)
    def define(tables: Tables, business_id: Writer) -> CampaignBody:
        return body_of(provide().desk.define(business_id, tables))

    @app.get("/campaigns", responses=ERRORS)
    def every(business_id: Reader) -> Campaigns:
        return Campaigns(campaigns=[body_of(campaign) for campaign in provide().desk.all(business_id)])

    @app.get("/campaigns/{id}", responses=ERRORS)
    def standing(campaign_id: Annotated[Name, Path(alias="id")], business_id: Reader) -> StandingBody:
        return provide().desk.standing(business_id, campaign_id)

    @app.post("/campaigns/{id}/contacts", responses=ERRORS)
    def add(campaign_id: Annotated[Name, Path(alias="id")], batch: Batch, business_id: Writer) -> Taken:
        return provide().desk.add(business_id, campaign_id, batch.contacts)

    @app.get("/campaigns/{id}/results", responses=ERRORS)
    def results(
        campaign_id: Annotated[Name, Path(alias="id")],
        business_id: Reader,
        form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
        cursor: Annotated[str, Query(max_length=2_000)] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE,
    ) -> Response:
        return _page(provide(), business_id, campaign_id, form, cursor, limit)

    @app.post("/campaigns/{id}/{order}", responses=ERRORS)
    def steer(campaign_id: Annotated[Name, Path(alias="id")], order: Order, business_id: Writer) -> CampaignBody:
        return body_of(provide().desk.order(business_id, campaign_id, order))

    app.include_router(suppressions(provide))
    return app


def _page(parts: Parts, business_id: BusinessId, campaign_id: str, form: str, cursor: str, limit: int) -> Response:
    """One page of contacts. The cursor of the next one is in a header, and in a page of JSON as well; "" after the last one. Pages of CSV
    are one file when they are put together."""
    campaign = parts.desk.campaign(business_id, campaign_id)
    contacts, following = parts.pages.page(business_id, campaign_id, cursor, limit)
    rows = parts.outcomes.rows(contacts)
    headers = {CURSOR_HEADER: following}
    if form == "csv":
        text = csv_of(rows, parts.desk.questions(business_id), campaign.fields, is_first=not cursor)
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)
    document = {
        "version": 1,
        "campaign": campaign.campaign_id,
        "contacts": [row_json(row) for row in rows],
        "cursor": following,
    }
    content = json.dumps(document, ensure_ascii=False).encode(errors="replace")
    return Response(content, media_type="application/json", headers=headers)
