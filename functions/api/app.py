"""The businesses' own API, made of routers. Every route needs an API key unless the doorman lists it as open."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from mangum import Mangum

from functions.api import accounts, calendar, calls, cards, reports, shipments, tasks
from functions.api.doorman import OPEN_ROUTES, Doorman
from functions.api.wiring import Api, build
from pokea.adapters.api_answers import LastDoor, answer_errors, refusal
from pokea.adapters.observability import Log

logging.getLogger("mangum").setLevel(logging.WARNING)  # it logs whole paths, and some of ours hold a secret
ROUTERS = (calls.router, calendar.router, shipments.router, cards.router, tasks.router, accounts.router, reports.router)


@cache
def api() -> Api:
    return build(os.environ)


def make_app(provide: Callable[[], Api], log: Log) -> FastAPI:
    """The application around the parts that `provide` gives."""
    app = FastAPI(title="Pokea", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(
        Doorman,
        keys=lambda: provide().keys(),
        refuse=refusal,
        open_routes=OPEN_ROUTES,
        edge=lambda header: provide().edge.admit(header),
    )
    app.add_middleware(LastDoor, log=log, metric="ApiFailed", route_of=first_segment)
    answer_errors(app, log, first_segment, RequestValidationError)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    for router in ROUTERS:
        app.include_router(router(provide, log))

    return app


def first_segment(path: str) -> str:
    """For logs: what follows may be a secret, as in the addresses of cards and calendars."""
    return "/" + path.lstrip("/").partition("/")[0]


def warm() -> None:
    """Build everything the first request would otherwise wait for. Raises BadSettings and BadProfile."""
    api().warm()


app = make_app(api, Log("api"))


@cache
def _adapter() -> Mangum:
    """Made by the first request: Mangum gives the thread that makes it an event loop, and an import should not."""
    return Mangum(app, lifespan="off")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The Lambda handler."""
    return dict(_adapter()(event, context))


if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
