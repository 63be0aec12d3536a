"""What of the API is open, and which scope of an API key each of its routes asks for; `pokea.adapters.api_door` does the asking."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request

from pokea.adapters.api_door import Doorman, Grant, Keys, business_of
from pokea.ids import BusinessId

__all__ = ["OPEN_ROUTES", "Doorman", "Grant", "Keys", "holder"]

# Beside /healthz these are addresses that hold their own proof: a secret that cannot be guessed, checked by the route itself.
OPEN_ROUTES = (("GET", "/healthz"), ("GET", "/calendar/*"), ("GET", "/cards/*"))
CALLS_WRITE = "calls:write"
CALENDAR_READ = "calendar:read"
SHIPMENTS_WRITE = "shipments:write"
ACCOUNTS_WRITE = "accounts:write"
TASKS_READ = "tasks:read"
TASKS_WRITE = "tasks:write"
REPORTS_READ = "reports:read"
REPORTS_WRITE = "reports:write"


def holder(scope: str) -> Callable[[Request], BusinessId]:
    """A dependency of a route: the business whose key allows `scope`. Raises Denied."""

    def business(request: Request) -> BusinessId:
        return business_of(request.state.grant, scope)

    return business
