"""Who is asking an API of ours: the API key in `Authorization: Bearer …`, and what it allows.

The doorman stands before an application, so a route that nobody thought about is closed: only what its list of open routes names needs
no key, and a request without one learns nothing, not even whether its body would have been valid. Plain ASGI: no framework is imported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any, Protocol

from pokea.adapters.edge import EDGE_HEADER
from pokea.errors import CallError, Denied, Unauthorized
from pokea.ids import BusinessId

_SCHEME = "bearer "
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
OpenRoutes = Sequence[tuple[str, str]]


class Grant(Protocol):
    @property
    def business_id(self) -> BusinessId: ...
    @property
    def scopes(self) -> frozenset[str]: ...


class Keys(Protocol):
    def find(self, key: str) -> Grant:
        """Who presents `key`. Raises Unauthorized."""


class Doorman:
    """ASGI middleware. Leaves the grant in `request.state.grant`; `refuse` turns an error into the response.

    `edge` raises Unauthorized for the edge's header if a request did not come that way; it is asked before the list of open routes.
    """

    def __init__(
        self,
        app: App,
        keys: Callable[[], Keys],
        refuse: Callable[[CallError], App],
        open_routes: OpenRoutes = (),
        edge: Callable[[str], None] = lambda header: None,
    ) -> None:
        self._app = app
        self._keys = keys
        self._refuse = refuse
        self._open_routes = open_routes
        self._edge = edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                grant = await asyncio.to_thread(self._ask, scope)
            except CallError as error:
                await self._refuse(error)(scope, receive, send)
                return
            if grant is not None:
                scope.setdefault("state", {})["grant"] = grant
        await self._app(scope, receive, send)

    def _ask(self, scope: Scope) -> Grant | None:
        self._edge(header(scope["headers"], EDGE_HEADER.encode()))
        if is_open(scope["method"], scope["path"], self._open_routes):
            return None
        return grant_of(header(scope["headers"], b"authorization"), self._keys())


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """The first value of a header, "" without one. ASGI gives names in lower case."""
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), "")


def is_open(method: str, path: str, open_routes: OpenRoutes) -> bool:
    """A pattern's last segment may be anything, but it is one segment."""
    return any(
        method == allowed and (path == pattern or (pattern.endswith("/*") and _is_child(path, pattern[:-1])))
        for allowed, pattern in open_routes
    )


def _is_child(path: str, folder: str) -> bool:
    return path.startswith(folder) and len(path) > len(folder) and "/" not in path[len(folder) :]


def grant_of(authorization: str, keys: Keys) -> Grant:
    """The grant behind an Authorization header. Raises Unauthorized without a known key."""
    if not authorization.lower().startswith(_SCHEME):
        raise Unauthorized("no_api_key", "send an API key: Authorization: Bearer <key>")
    return keys.find(authorization[len(_SCHEME) :].strip())


def business_of(grant: Grant, scope: str) -> BusinessId:
    """The business whose key allows `scope`. Raises Denied."""
    if scope not in grant.scopes:
        raise Denied("scope_missing", f"this key does not have the scope {scope}")
    return grant.business_id
