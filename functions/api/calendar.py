"""GET /calendar/{secret}.ics: a business's diary for its own calendar program, and GET /calendar: where that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from functions.api.doorman import CALENDAR_READ, holder
from functions.api.schemas import ERRORS
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.tokens import TokenSigner
from pokea.booking import Appointment
from pokea.clock import Clock
from pokea.errors import NotFound
from pokea.hours import local
from pokea.ical import MEDIA_TYPE, feed
from pokea.ids import BusinessId
from pokea.profile import Profile

if TYPE_CHECKING:
    from functions.api.wiring import Api
    from pokea.adapters.observability import Log

DAYS_BACK = 7  # long enough to look up what was yesterday


class CalendarAddress(BaseModel):
    """Whoever has `url` can read the diary. A new `calendar.generation` in the profile makes it worthless."""

    url: str


class CalendarDesk:
    """`store` reads appointments by day, from an index that lags by less than a second."""

    def __init__(
        self,
        *,
        store: Callable[[], DynamoStore],
        profiles: Callable[[], Mapping[BusinessId, Profile]],
        signer: Callable[[], TokenSigner],
        public_url: str,
        clock: Clock,
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._signer = signer
        self._public_url = public_url
        self._clock = clock

    def address(self, business_id: BusinessId) -> CalendarAddress:
        """Raises NotFound where the profile offers no feed."""
        profile = self._offering(business_id)
        secret = self._signer().feed_secret(business_id, profile.calendar.generation)
        return CalendarAddress(url=f"{self._public_url}/calendar/{business_id}.{secret}.ics")

    def diary(self, name: str) -> bytes:
        """The feed at `name`: "<business>.<secret>.ics". Whatever is wrong with it is the same NotFound."""
        business, _, rest = name.removesuffix(".ics").partition(".")
        profile = self._profiles().get(BusinessId(business))
        generation = profile.calendar.generation if profile is not None else 1
        known = self._signer().is_feed_secret(rest, BusinessId(business), generation)
        if not known or profile is None or not profile.calendar.feed or not name.endswith(".ics"):
            raise NotFound("no_such_calendar", "there is no such calendar")
        now = self._clock.now()
        return feed(profile, self._appointments(profile, now), now)

    def _appointments(self, profile: Profile, now: datetime) -> list[Appointment]:
        first = local(now, profile.tz).date() - timedelta(days=DAYS_BACK)
        days = DAYS_BACK + profile.booking.horizon_days + 2  # the index goes by UTC days: one more on either side
        store = self._store()
        return [
            appointment
            for number in range(days)
            for appointment in store.appointments_on(profile.business_id, first + timedelta(days=number))
        ]

    def _offering(self, business_id: BusinessId) -> Profile:
        profile = self._profiles().get(business_id)
        if profile is None or not profile.calendar.feed:
            raise NotFound("no_calendar", "this business offers no calendar feed: set calendar.feed in its profile")
        return profile


def router(provide: Callable[[], Api], log: Log) -> APIRouter:
    routes = APIRouter()

    @routes.get("/calendar", responses=ERRORS)
    def calendar_address(business_id: Annotated[BusinessId, Depends(holder(CALENDAR_READ))]) -> CalendarAddress:
        return provide().calendar.address(business_id)

    @routes.get("/calendar/{secret}")
    def calendar(secret: str) -> Response:
        headers = {"Cache-Control": "private, max-age=300", "X-Robots-Tag": "noindex"}
        return Response(provide().calendar.diary(secret), media_type=MEDIA_TYPE, headers=headers)

    return routes
