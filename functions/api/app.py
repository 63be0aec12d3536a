"""POST /calls and GET /healthz: the businesses' own API. Every route but /healthz needs an API key."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from mangum import Mangum
from starlette.types import ASGIApp, Receive, Scope, Send

from functions.api.calls import CallDesk
from functions.api.doorman import CALLS_WRITE, Doorman, holder
from functions.api.schemas import CallAccepted, ErrorBody, NewCall
from functions.api.wiring import build
from pokea.adapters.observability import Log
from pokea.errors import CallError, Unauthorized, Unavailable
from pokea.ids import BusinessId

ERRORS: dict[int | str, dict[str, Any]] = {status: {"model": ErrorBody} for status in (400, 401, 403, 409, 503)}


@cache
def desk() -> CallDesk:
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
            self._log.error("api failed", error, route=scope.get("path"))
            self._log.count("ApiFailed")
            await _error(500, "internal", "something went wrong")(scope, receive, send)


def make_app(provide: Callable[[], CallDesk], log: Log) -> FastAPI:
    """The application around the desk that `provide` gives."""
    app = FastAPI(title="Pokea", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Doorman, keys=lambda: provide().keys(), refuse=_refusal)
    app.add_middleware(LastDoor, log=log)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/calls", status_code=202, responses=ERRORS)
    def place_call(
        wanted: NewCall,
        business_id: Annotated[BusinessId, Depends(holder(CALLS_WRITE))],
        idempotency_key: Annotated[str, Header()] = "",
    ) -> CallAccepted:
        accepted = provide().place(wanted, business_id, idempotency_key)
        log.info("call placed", client_request_id=accepted.request_id, status=accepted.status)
        return accepted

    @app.exception_handler(CallError)
    def refused(request: Request, error: CallError) -> Response:
        log.warning("refused", route=request.url.path, code=error.code, status=error.http_status)
        return _refusal(error)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return _error(400, "bad_request", f"{place}: {first['msg']}"[:300])

    return app


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
    desk().warm()


app = make_app(desk, Log("api"))


@cache
def _adapter() -> Mangum:
    """Made by the first request: Mangum gives the thread that makes it an event loop, and an import should not."""
    return Mangum(app, lifespan="off")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The Lambda handler."""
    return dict(_adapter()(event, context))


if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    warm()
