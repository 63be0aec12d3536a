"""Who is asking: the API key in `Authorization: Bearer …`, and what it allows.

The doorman stands before the application, so a route that nobody thought about is closed: only what `OPEN_ROUTES` lists needs no key,
and a request without one learns nothing, not even whether its body would have been valid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from pokea.errors import CallError, Denied, Unauthorized
from pokea.ids import BusinessId

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

# Beside /healthz these are addresses that hold their own proof: a secret that cannot be guessed, checked by the route itself.
OPEN_ROUTES = (("GET", "/healthz"), ("GET", "/calendar/*"), ("GET", "/cards/*"))
CALLS_WRITE = "calls:write"
CALENDAR_READ = "calendar:read"
SHIPMENTS_WRITE = "shipments:write"
ACCOUNTS_WRITE = "accounts:write"
TASKS_READ = "tasks:read"
TASKS_WRITE = "tasks:write"
_SCHEME = "bearer "


class Grant(Protocol):
    @property
    def business_id(self) -> BusinessId: ...
    @property
    def scopes(self) -> frozenset[str]: ...


class Keys(Protocol):
    def find(self, key: str) -> Grant:
        """Who presents `key`. Raises Unauthorized."""


class Doorman:
    """ASGI middleware. Leaves the grant in `request.state.grant`; `refuse` turns an error into the response."""

    def __init__(self, app: ASGIApp, keys: Callable[[], Keys], refuse: Callable[[CallError], Response]) -> None:
        self._app = app
        self._keys = keys
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_open(scope["method"], scope["path"]):
            authorization = Request(scope).headers.get("authorization", "")
            try:
                grant = await run_in_threadpool(lambda: grant_of(authorization, self._keys()))
            except CallError as error:
                await self._refuse(error)(scope, receive, send)
                return
            scope.setdefault("state", {})["grant"] = grant
        await self._app(scope, receive, send)


def is_open(method: str, path: str) -> bool:
    """A pattern's last segment may be anything, but it is one segment."""
    return any(
        method == allowed and (path == pattern or (pattern.endswith("/*") and _is_child(path, pattern[:-1])))
        for allowed, pattern in OPEN_ROUTES
    )


def _is_child(path: str, folder: str) -> bool:
    return path.startswith(folder) and len(path) > len(folder) and "/" not in path[len(folder) :]


def grant_of(authorization: str, keys: Keys) -> Grant:
    """The grant behind an Authorization header. Raises Unauthorized without a known key."""
    if not authorization.lower().startswith(_SCHEME):
        raise Unauthorized("no_api_key", "send an API key: Authorization: Bearer <key>")
    return keys.find(authorization[len(_SCHEME) :].strip())


def holder(scope: str) -> Callable[[Request], BusinessId]:
    """A dependency of a route: the business whose key allows `scope`. Raises Denied."""

    def business(request: Request) -> BusinessId:
        grant: Grant = request.state.grant
        if scope not in grant.scopes:
            raise Denied("scope_missing", f"this key does not have the scope {scope}")
        return grant.business_id

    return business
