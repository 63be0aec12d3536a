"""Word left with the carrier: whom it is to dial once the stream of a handed-over call is closed.

The carrier asks what to do next when the stream has gone; it is told once. The same request delivered again gets the same answer, for
as long as a carrier repeats a request whose answer it did not get; any other request gets none, because by then somebody may be talking.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pokea.call_status import CallStatus
from pokea.phone_numbers import E164

REPEATED_WITHIN = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """`words` are said by the carrier itself before it dials. `outcome`: how the carrier says that the dialling ended."""

    handoff_id: str
    number: E164
    words: str
    language: str  # BCP-47
    ring_s: int
    given_at: datetime | None = None
    given_to: str | None = None  # the delivery that was told
    outcome: CallStatus | None = None


def given(onward: Onward, delivery: str, now: datetime) -> Onward | None:
    """`onward` once `delivery` has been told of it; None if it may not be told."""
    if onward.given_at is None:
        return replace(onward, given_at=now, given_to=delivery)
    is_repeated = onward.given_to == delivery and now - onward.given_at < REPEATED_WITHIN and onward.outcome is None
    return onward if is_repeated else None
