"""The books of `pokea.billing.spend` in the store: decided on fresh state, fenced, and decided again when somebody else wrote first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from pokea.billing.rate_deck import RateDeck
from pokea.billing.rating import Rater, Unrated
from pokea.billing.spend import (
    LONGEST_S,
    RESERVATION,
    SPEND_DAY,
    Caps,
    Entered,
    Limit,
    Need,
    Quote,
    Reservation,
    SpendDay,
    SpendTrip,
    caps_of,
    released,
    reserved,
    settled,
    unsure,
)
from pokea.billing.spend_quote import is_unusual, quote_of
from pokea.desk.settle import Decision, settle
from pokea.errors import Conflict, Denied, Indeterminate, Misuse, Unavailable
from pokea.hours import local
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from pokea.ports import Change, Store
from pokea.profile import Profile

ROUNDS = 3  # of `settle`, each of eight tries: dialers that start at one moment all write the same day
_SAID = {
    Limit.DAILY: "the day's spending cap is reached",
    Limit.UNUSUAL: "the day's cap for calls out of the ordinary is reached",
    Limit.BURST: "too many calls to unusual numbers; they are stopped until tomorrow",
}
_TROUBLE = (Unavailable, Indeterminate, Conflict)
Step = Callable[[SpendDay, Reservation], Entered]


@dataclass(frozen=True, slots=True)
class SpendLedger:
    """`tell` hears of the first call of a day that a limit refuses. Without a cap only calls to unusual numbers are written down."""

    store: Callable[[], Store]
    profiles: Callable[[], Mapping[BusinessId, Profile]]
    deck_of: Callable[[Profile], RateDeck]
    tell: Callable[[SpendTrip], None]
    _raters: dict[BusinessId, Rater] = field(default_factory=dict, init=False, repr=False, compare=False)

    def admit(self, business_id: BusinessId, label: str, number: E164, need: Need, now: datetime) -> None:
        """See `pokea.billing.spend.SpendGuard`. Raises BadDeck too, where a cap is set and the price list cannot be read."""
        profile = self.profiles()[business_id]
        caps = caps_of(profile.billing)
        quote = self._quote(profile, caps, number, need, now)
        if quote is None:
            return
        day = local(now, profile.tz).date()
        entered = self._written(lambda: self._reserve(business_id, day, label, quote, caps, need, now))
        if entered.refused is None:
            return
        if entered.day is not None:
            self.tell(SpendTrip(business_id, day, entered.refused))
        raise Denied("spend_cap", _SAID[entered.refused], facts={"limit": entered.refused.value})

    def release(self, business_id: BusinessId, label: str, now: datetime) -> None:
        """See `SpendGuard`."""
        self._step(business_id, label, released)

    def unsure(self, business_id: BusinessId, label: str, now: datetime) -> None:
        """See `SpendGuard`."""
        self._step(business_id, label, unsure)

    def settle(self, business_id: BusinessId, label: str, micros: int, at: datetime) -> None:
        """The call `label` costs `micros`, all its legs together, in the currency of the business's deck; told again, the last sum counts.

        `at`: when it began, for one that was never reserved. Raises what the store raises; nothing is settled then, or the same can be
        told again.
        """
        if micros < 0:
            raise Misuse("negative_charge", "a call costs nothing or more")
        profile = self.profiles().get(business_id)
        store = self.store()

        def decide() -> Decision[Entered]:
            known = store.record(RESERVATION, business_id, label)
            if known is None and (profile is None or not caps_of(profile.billing).is_set):
                return Decision(Entered())
            day = known.day if known is not None else local(at, profile.tz).date() if profile is not None else at.date()
            return _decision(settled(self._day(business_id, day), known, label, micros, at))

        self._written(decide)

    def _quote(self, profile: Profile, caps: Caps, number: E164, need: Need, now: datetime) -> Quote | None:
        """None: nothing holds such a call back. Raises Denied for a number of which nobody can say what it costs, while there is a cap."""
        if not caps.is_set:
            unusual = is_unusual(number, profile.country)
            return Quote(expected_micros=0, longest_micros=0, is_unusual=True, longest_s=LONGEST_S) if unusual else None
        found = quote_of(self._rater(profile), number, profile.country, need, now)
        if isinstance(found, Unrated):
            raise Denied("no_price", "there is a spending cap, and the price list says nothing of this number")
        return found

    def _rater(self, profile: Profile) -> Rater:
        """A price list is read once: a long one takes seconds."""
        known = self._raters.get(profile.business_id)
        if known is None:
            known = self._raters[profile.business_id] = Rater(self.deck_of(profile))
        return known

    def _reserve(
        self, business_id: BusinessId, day: date, label: str, quote: Quote, caps: Caps, need: Need, now: datetime
    ) -> Decision[Entered]:
        known = self.store().record(RESERVATION, business_id, label)
        return _decision(reserved(self._day(business_id, day), known, label, quote, caps, need, now))

    def _step(self, business_id: BusinessId, label: str, step: Step) -> None:
        store = self.store()

        def decide() -> Decision[Entered]:
            known = store.record(RESERVATION, business_id, label)
            if known is None:
                return Decision(Entered())
            return _decision(step(self._day(business_id, known.day), known))

        try:
            self._written(decide)
        except _TROUBLE:
            return

    def _day(self, business_id: BusinessId, day: date) -> SpendDay:
        found = self.store().record(SPEND_DAY, business_id, day.isoformat())
        return found or SpendDay(business_id=business_id, day=day)

    def _written(self, decide: Callable[[], Decision[Entered]]) -> Entered:
        """Raises Unavailable. A write whose reply is lost is decided again: every step is idempotent by its label."""
        for _ in range(ROUNDS):
            try:
                return settle(self.store(), decide)
            except Indeterminate:
                continue
            except Unavailable as problem:
                if problem.code != "busy":
                    raise
        raise Unavailable("spend_contended", "the day's books are being written by many at once", retry_after_s=0.5)


def _decision(entered: Entered) -> Decision[Entered]:
    records = [SPEND_DAY.of(entered.day)] if entered.day is not None else []
    written = [RESERVATION.of(entered.reservation)] if entered.reservation is not None else []
    return Decision(entered, Change(records=(*records, *written)) if records or written else None)
