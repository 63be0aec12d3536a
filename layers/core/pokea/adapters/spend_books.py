"""The spending books of a function, and who hears of a cap that was reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from pokea.adapters.observability import Log
from pokea.billing.business_deck import deck_for
from pokea.billing.spend import SpendTrip
from pokea.billing.spend_ledger import SpendLedger
from pokea.errors import CallError
from pokea.ids import BusinessId
from pokea.ports import Store
from pokea.profile import Profile

EVENT = "SpendCapReached"


def spend_ledger(
    store: Callable[[], Store],
    profiles: Callable[[], Mapping[BusinessId, Profile]],
    folder: Path,
    bus: str = "",
    log: Log | None = None,
) -> SpendLedger:
    """`folder`: of the profiles. `bus`: the event bus that is told of a cap that was reached; nobody hears it without one."""
    deck_of = lambda profile: deck_for(profile, folder)
    return SpendLedger(store=store, profiles=profiles, deck_of=deck_of, tell=_teller(bus, log))


def _teller(bus: str, log: Log | None) -> Callable[[SpendTrip], None]:
    """One metric for all functions, because an alarm names every dimension. The metric is written to the log and cannot fail; an event
    that the bus does not take is not sent again."""

    @cache
    def own_log() -> Log:
        return log or Log("spend")

    def tell(trip: SpendTrip) -> None:
        own_log().warning("spending cap reached", business_id=trip.business_id, reason=trip.limit.value)
        own_log().count(EVENT)
        if not bus:
            return
        from pokea.adapters.clients import events
        from pokea.adapters.event_bus import EventBus

        day, limit = trip.day.isoformat(), trip.limit.value
        detail: dict[str, str | int] = {"version": 1, "business": trip.business_id, "day": day, "limit": limit}
        try:
            EventBus(events(), bus).put(EVENT, detail)
        except CallError as problem:
            own_log().warning("event not taken", business_id=trip.business_id, code=problem.code)

    return tell
