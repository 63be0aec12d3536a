"""Who must not be called, as the business itself notes it: for somebody who has taken back their consent by letter, at the counter or in a
message. In a call they say so to the agent, and nobody has to note anything.

A number stands in the body and never in an address, because addresses are logged. Whoever lifts a suppression says why; what was lifted
stays on record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pokea.adapters.observability import Log
from pokea.campaigns.ports import CampaignStore
from pokea.campaigns.suppressing import lift, revoke
from pokea.clock import Clock
from pokea.consent import SUPPRESSION, Source, Suppression, asked_on, number_digest
from pokea.errors import NotFound, RejectedInput
from pokea.ids import BusinessId
from pokea.phone_numbers import E164, parse
from pokea.ports import Store
from pokea.profile import Profile

MAX_REASON_CHARS = 300
Reason = Annotated[str, Field(min_length=1, max_length=MAX_REASON_CHARS, description="Why, in the business's words")]


class Named(BaseModel):
    """`number`: E.164, or as dialled in the business's country."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: Annotated[str, Field(max_length=40)]


class NamedFor(Named):
    reason: Reason


class PastBody(BaseModel):
    source: Source
    call: str
    asked_at: datetime
    reason: str
    lifted_at: datetime
    lifted_reason: str


class SuppressionBody(BaseModel):
    """`id` stands for the number, which is not kept. `call`: in which it was asked for, "" where it was none."""

    id: str
    stands: bool
    source: Source
    call: str
    asked_at: datetime
    reason: str
    lifted_at: datetime | None
    lifted_reason: str
    earlier: list[PastBody]


class Suppressed(SuppressionBody):
    """`is_new`: it was not suppressed before. `taken_off`: contacts of all campaigns that were queued and are not any more."""

    is_new: bool
    taken_off: int


class Suppressions(BaseModel):
    suppressions: list[SuppressionBody]


@dataclass(frozen=True, slots=True)
class SuppressionDesk:
    store: Callable[[], Store]
    campaigns: Callable[[], CampaignStore]
    profiles: Mapping[BusinessId, Profile]
    clock: Clock
    log: Log

    def suppress(self, business_id: BusinessId, wanted: NamedFor) -> Suppressed:
        """It can be repeated: the first word stands, and whoever was put on a list since is taken off."""
        number = self._number(business_id, wanted.number)
        done = revoke(self.store(), self.campaigns(), business_id, number, _words(wanted.reason), self.clock.now())
        self.log.info("number suppressed", business_id=business_id, count=done.taken_off)
        self.log.count("NumberSuppressed")
        return Suppressed(**body_of(done.suppression).model_dump(), is_new=done.is_new, taken_off=done.taken_off)

    def lift(self, business_id: BusinessId, wanted: NamedFor) -> SuppressionBody:
        """Raises NotFound where none holds."""
        number = self._number(business_id, wanted.number)
        after = lift(self.store(), business_id, number, _words(wanted.reason), self.clock.now())
        self.log.warning("suppression lifted", business_id=business_id)
        self.log.count("SuppressionLifted")
        return body_of(after)

    def find(self, business_id: BusinessId, wanted: Named) -> SuppressionBody:
        """Also one that was lifted. Raises NotFound."""
        number = self._number(business_id, wanted.number)
        found = self.store().record(SUPPRESSION, business_id, number_digest(business_id, number))
        if found is None:
            raise NotFound("not_suppressed", "this number was never suppressed")
        return body_of(found)

    def listed(self, business_id: BusinessId, day: date | None) -> list[SuppressionBody]:
        """Those asked for on one day, the latest first."""
        at = self.clock.now() if day is None else datetime.combine(day, time(0), UTC)
        found = self.store().records_by(SUPPRESSION, business_id, asked_on(at))
        return [body_of(one) for one in sorted(found, key=lambda one: (one.asked_at, one.digest), reverse=True)]

    def _number(self, business_id: BusinessId, text: str) -> E164:
        profile = self.profiles.get(business_id)
        if profile is None:
            raise NotFound("no_such_business", "the business is not known here")
        return parse(text, profile.country)


def body_of(suppression: Suppression) -> SuppressionBody:
    return SuppressionBody(
        id=suppression.digest,
        stands=suppression.stands,
        source=suppression.source,
        call=suppression.session_id,
        asked_at=suppression.asked_at,
        reason=suppression.reason,
        lifted_at=suppression.lifted_at,
        lifted_reason=suppression.lifted_reason,
        earlier=[
            PastBody(
                source=past.source,
                call=past.session_id,
                asked_at=past.asked_at,
                reason=past.reason,
                lifted_at=past.lifted_at,
                lifted_reason=past.lifted_reason,
            )
            for past in suppression.earlier
        ],
    )


def _words(reason: str) -> str:
    """One line. Raises RejectedInput where nothing is said."""
    said = " ".join("".join(char if char.isprintable() else " " for char in reason).split())
    if not said:
        raise RejectedInput("no_reason", "reason: say why")
    return said
