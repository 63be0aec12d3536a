"""Which scope of an API key each route of campaigns asks for; `pokea.adapters.api_door` does the asking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from pokea.adapters.api_door import business_of
from pokea.ids import BusinessId

CAMPAIGNS_READ = "campaigns:read"
CAMPAIGNS_WRITE = "campaigns:write"


def holder(scope: str) -> Callable[[Request], BusinessId]:
    """A dependency of a route: the business whose key allows `scope`. Raises Denied."""

    def business(request: Request) -> BusinessId:
        return business_of(request.state.grant, scope)

    return business


Reader = Annotated[BusinessId, Depends(holder(CAMPAIGNS_READ))]
Writer = Annotated[BusinessId, Depends(holder(CAMPAIGNS_WRITE))]
