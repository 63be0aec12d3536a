"""The routes of those who must not be called; see `functions.campaigns.suppressions`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query

from functions.campaigns.doorman import Reader, Writer
from functions.campaigns.schemas import ERRORS
from functions.campaigns.suppressions import Named, NamedFor, Suppressed, SuppressionBody, Suppressions

if TYPE_CHECKING:
    from functions.campaigns.wiring import Parts


def router(provide: Callable[[], Parts]) -> APIRouter:
    routes = APIRouter()

    @routes.post("/suppressions", responses=ERRORS)
    def suppress(wanted: NamedFor, business_id: Writer) -> Suppressed:
        return provide().suppressions.suppress(business_id, wanted)

    @routes.get("/suppressions", responses=ERRORS)
    def listed(
        business_id: Reader, day: Annotated[date | None, Query(description="UTC; default: today")] = None
    ) -> Suppressions:
        return Suppressions(suppressions=provide().suppressions.listed(business_id, day))

    @routes.post("/suppressions/find", responses=ERRORS)
    def find(wanted: Named, business_id: Reader) -> SuppressionBody:
        return provide().suppressions.find(business_id, wanted)

    @routes.post("/suppressions/lift", responses=ERRORS)
    def lifts(wanted: NamedFor, business_id: Writer) -> SuppressionBody:
        return provide().suppressions.lift(business_id, wanted)

    return routes
