"""What an API of ours says when it does not do what it was asked: one body for every error, and a last door for what nobody expected.

Plain ASGI, as `pokea.adapters.api_door` is: no framework is imported. Whatever has exception handlers can be given ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from pydantic import BaseModel

from pokea.adapters.api_door import App, Receive, Scope, Send
from pokea.adapters.observability import Log
from pokea.errors import CallError, Unauthorized, Unavailable

MAX_MESSAGE_CHARS = 300
RouteOf = Callable[[str], str]  # a path as it may be logged: what stands in it may be a secret


class ErrorDetail(BaseModel):
    code: str
    message: str


class ErrorBody(BaseModel):
    error: ErrorDetail


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for its description."""
    return {status: {"model": ErrorBody} for status in statuses}


class Failure:
    """An ASGI application: the same error to every request."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        body = {"error": {"code": code, "message": message}}
        self._body = json.dumps(body, ensure_ascii=False).encode(errors="replace")
        self._status = status
        named = {"content-type": "application/json", "content-length": str(len(self._body)), **(headers or {})}
        self._headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


def refusal(error: CallError) -> Failure:
    return Failure(error.http_status, error.code, error.message, _headers(error))


def _headers(error: CallError) -> dict[str, str]:
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, Unavailable):
        return {"Retry-After": str(max(1, round(error.retry_after_s)))}
    return {}


class LastDoor:
    """ASGI middleware around everything: what nobody expected becomes a plain 500, and its place is logged."""

    def __init__(self, app: App, log: Log, metric: str, route_of: RouteOf) -> None:
        self._app = app
        self._log = log
        self._metric = metric
        self._route_of = route_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            self._log.error("request failed", error, route=self._route_of(scope.get("path", "")))
            self._log.count(self._metric)
            await Failure(500, "internal", "something went wrong")(scope, receive, send)


class Asked(Protocol):
    """A framework's request."""

    @property
    def url(self) -> Any: ...


class Misread(Protocol):
    """What a framework raises for a request of the wrong form."""

    def errors(self) -> Sequence[Any]: ...


class HasHandlers(Protocol):
    def exception_handler(self, exc_class_or_status_code: Any) -> Callable[[Any], Any]: ...


def answer_errors(app: HasHandlers, log: Log, route_of: RouteOf, misread: type[Exception]) -> None:
    """Have `app` answer our own errors, and those by which its framework tells that a request has the wrong form."""

    @app.exception_handler(CallError)
    def refused(request: Asked, error: CallError) -> App:
        log.warning("refused", route=route_of(request.url.path), code=error.code, status=error.http_status)
        return refusal(error)

    @app.exception_handler(misread)
    def malformed(request: Asked, error: Misread) -> App:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return Failure(400, "bad_request", f"{place}: {first['msg']}"[:MAX_MESSAGE_CHARS])
