"""The businesses' own API, made of routers. Every route needs an API key unless the doorman lists it as open."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from mangum import Mangum
from starlette.types import ASGIApp, Receive, Scope, Send

from functions.api import accounts, calendar, calls, cards, reports, shipments, tasks
from functions.api.doorman import OPEN_ROUTES, Doorman
from functions.api.wiring import Api, build
from pokea.adapters.observability import Log
from pokea.errors import CallError, Unauthorized, Unavailable

logging.getLogger("mangum").setLevel(logging.WARNING)  # it logs whole paths, and some of ours hold a secret
ROUTERS = (calls.router, calendar.router, shipments.router, cards.router, tasks.router, accounts.router, reports.router)


@cache
def api() -> Api:
    return build(os.environ)


class LastDoor:
    """ASGI middleware around everything: what nobody expected becomes a plain 500, and its place is logged."""

    def __init__(self, app: ASGIApp, log: Log) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            self._log.error("api failed", error, route=first_segment(scope.get("path", "")))
            self._log.count("ApiFailed")
            await _error(500, "internal", "something went wrong")(scope, receive, send)


def make_app(provide: Callable[[], Api], log: Log) -> FastAPI:
    """The application around the parts that `provide` gives."""
    app = FastAPI(title="Pokea", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Doorman, keys=lambda: provide().keys(), refuse=_refusal, open_routes=OPEN_ROUTES)
    app.add_middleware(LastDoor, log=log)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    for router in ROUTERS:
        app.include_router(router(provide, log))

    @app.exception_handler(CallError)
    def refused(request: Request, error: CallError) -> Response:
        log.warning("refused", route=first_segment(request.url.path), code=error.code, status=error.http_status)
        return _refusal(error)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return _error(400, "bad_request", f"{place}: {first['msg']}"[:300])

    return app


def first_segment(path: str) -> str:
    """For logs: what follows may be a secret, as in the addresses of cards and calendars."""
    return "/" + path.lstrip("/").partition("/")[0]


def _refusal(error: CallError) -> Response:
    return _error(error.http_status, error.code, error.message, _headers(error))


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def _headers(error: CallError) -> dict[str, str]:
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, Unavailable):
        return {"Retry-After": str(max(1, round(error.retry_after_s)))}
    return {}


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
