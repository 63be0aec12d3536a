"""What a day of a business's calls has cost and may still cost, and whether one more may be placed. docs/spend.md describes it.

Every call is reserved before its telephone rings and settled once its charge is known. A reservation is worth what a call of `EXPECTED_S`
costs, and grows by the clock with the call until it is worth the longest one there is; so an admission holds even if no charge is ever
told. What is settled and reserved never goes over the cap by an admission: the day costs at most the cap and what the calls that are
under way then talk on, one call each.

A day is one record of constant size: reservations of one minute are kept as sums. Each call has a record of its own beside it, which
makes reserving, releasing and settling idempotent. Amounts are micro-units of the currency of the business's rate deck.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from pokea.billing.rules import BillingRules
from pokea.clock import as_utc
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from pokea.privacy import Pii
from pokea.records import Kind

EXPECTED_S = (
    300  # few calls of an agent last longer; reserving the longest for each would stop a small cap's second call
)
LONGEST_S = 900  # the bridge ends a call then (POKEA_MAX_CALL_S as it ships)
LONGEST_JOINED_S = 3_600  # likewise of a caller with a person (POKEA_MAX_JOINED_S)
UNHEARD_OF_S = 3_600  # a call that nobody can say was placed, and of which nothing was heard for so long, was not
BURST_CALLS = 10  # to unusual numbers, by a business that never said what these may cost
BURST_S = 600
UNUSUAL_SHARE = 4  # where only a daily cap is set, unusual numbers may use a quarter of it
KEPT = timedelta(days=100)  # corrections come later than the call, but not later than that
_MINUTE = timedelta(minutes=1)


class Limit(StrEnum):
    """What a call was refused by."""

    DAILY = "daily"
    UNUSUAL = "unusual"
    BURST = "burst"


class Need(StrEnum):
    """Whom a call is for. A caller who is handed to a person is on the line already."""

    CALL = "call"
    PERSON = "person"


class HoldState(StrEnum):
    HELD = "held"
    UNSURE = "unsure"  # asked for, and the carrier did not say whether it was placed
    RELEASED = "released"  # nothing was placed
    SETTLED = "settled"


class SpendGuard(Protocol):
    """Who is asked before a telephone rings. All of it is idempotent by `label`, the call's client_request_id."""

    def admit(self, business_id: BusinessId, label: str, number: E164, need: Need, now: datetime) -> None:
        """Reserves. Raises Denied ("spend_cap", "no_price") and Unavailable; never Indeterminate."""

    def release(self, business_id: BusinessId, label: str, now: datetime) -> None:
        """Nothing was placed, for certain. Never raises: what stays reserved is too careful, not too careless."""

    def unsure(self, business_id: BusinessId, label: str, now: datetime) -> None:
        """Nobody knows whether it was placed. Never raises."""


@dataclass(frozen=True, slots=True)
class Caps:
    """None: no cap. `stops_bursts`: what unusual numbers may cost was never said, so their number is watched."""

    daily_micros: int | None = None
    unusual_micros: int | None = None
    stops_bursts: bool = True

    @property
    def is_set(self) -> bool:
        return self.daily_micros is not None or self.unusual_micros is not None


def caps_of(rules: BillingRules) -> Caps:
    unusual = rules.unusual_cap_micros
    if unusual is None and rules.daily_cap_micros is not None:
        unusual = rules.daily_cap_micros // UNUSUAL_SHARE
    return Caps(rules.daily_cap_micros, unusual, stops_bursts=rules.unusual_cap_micros is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What one call costs if it lasts `EXPECTED_S`, and if it lasts `longest_s`."""

    expected_micros: int
    longest_micros: int
    longest_s: int = LONGEST_S
    is_unusual: bool = False  # outside the business's country, or no ordinary number of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The sum of what is reserved for the calls of one minute that are alike in the other three."""

    minute: datetime
    longest_s: int
    is_unusual: bool
    is_unsure: bool
    expected_micros: int
    longest_micros: int

    @property
    def key(self) -> tuple[datetime, int, bool, bool]:
        return self.minute, self.longest_s, self.is_unusual, self.is_unsure


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendDay:
    """One day of one business, in its own time zone. `overdue`: calls that must have ended and whose charge nobody has told: they count as
    the longest call. `reached`: the limits that were told of today."""

    business_id: BusinessId
    day: date
    spent_micros: int = 0
    unusual_spent_micros: int = 0
    overdue_micros: int = 0
    unusual_overdue_micros: int = 0
    holds: tuple[Hold, ...] = ()
    burst: tuple[datetime, ...] = ()  # when the latest calls to unusual numbers were reserved
    reached: tuple[Limit, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """One call of a day. `micros`: its charge, once that is known."""

    business_id: BusinessId
    label: str
    day: date
    minute: datetime
    longest_s: int
    is_unusual: bool
    expected_micros: int
    longest_micros: int
    state: HoldState
    micros: int | None = None
    version: int = 0

    @property
    def hold(self) -> Hold:
        return Hold(
            minute=self.minute,
            longest_s=self.longest_s,
            is_unusual=self.is_unusual,
            is_unsure=self.state is HoldState.UNSURE,
            expected_micros=self.expected_micros,
            longest_micros=self.longest_micros,
        )


SPEND_DAY: Kind[SpendDay] = Kind(
    "spend_day",
    SpendDay,
    key=lambda spend: spend.day.isoformat(),
    privacy={
        "business_id": Pii.ID,
        "day": Pii.NONE,
        "spent_micros": Pii.MONEY,
        "unusual_spent_micros": Pii.MONEY,
        "overdue_micros": Pii.MONEY,
        "unusual_overdue_micros": Pii.MONEY,
        "holds": Pii.MONEY,
        "burst": Pii.NONE,
        "reached": Pii.NONE,
        "version": Pii.NONE,
    },
    kept_until=lambda spend: _kept_until(spend.day),
)
RESERVATION: Kind[Reservation] = Kind(
    "spend_call",
    Reservation,
    key=lambda reservation: reservation.label,
    privacy={
        "business_id": Pii.ID,
        "label": Pii.ID,
        "day": Pii.NONE,
        "minute": Pii.NONE,
        "longest_s": Pii.NONE,
        "is_unusual": Pii.NONE,
        "expected_micros": Pii.MONEY,
        "longest_micros": Pii.MONEY,
        "state": Pii.NONE,
        "micros": Pii.MONEY,
        "version": Pii.NONE,
    },
    kept_until=lambda reservation: _kept_until(reservation.day),
)


@dataclass(frozen=True, slots=True)
class SpendTrip:
    """A limit was reached for the first time of a day."""

    business_id: BusinessId
    day: date
    limit: Limit


@dataclass(frozen=True, slots=True)
class Entered:
    """Both records after a change; None where one stays as it is. `refused`: by which limit; nothing is reserved then."""

    day: SpendDay | None = None
    reservation: Reservation | None = None
    refused: Limit | None = None


def worth(hold: Hold, now: datetime) -> int:
    """What a reservation counts as now. Between the two quoted lengths it grows along a straight line, minute by begun minute; a call of
    which nobody heard counts until it is given up."""
    minutes = -((hold.minute - as_utc(now)) // _MINUTE)
    over_s = min(max(minutes * 60, EXPECTED_S), hold.longest_s) - EXPECTED_S
    if hold.is_unsure and minutes * 60 > UNHEARD_OF_S:
        return 0
    growth = (hold.longest_micros - hold.expected_micros) * over_s
    return hold.expected_micros + -(-growth // (hold.longest_s - EXPECTED_S))


def committed(spend: SpendDay, now: datetime) -> tuple[int, int]:
    """(of all calls, of those to unusual numbers): what is settled and what is reserved, in micro-units."""
    held = [(worth(hold, now), hold.is_unusual) for hold in spend.holds]
    unusual = spend.unusual_spent_micros + spend.unusual_overdue_micros + sum(w for w, is_unusual in held if is_unusual)
    return spend.spent_micros + spend.overdue_micros + sum(w for w, _ in held), unusual


def reserved(
    spend: SpendDay, known: Reservation | None, label: str, quote: Quote, caps: Caps, need: Need, now: datetime
) -> Entered:
    """One more call, or the limit that forbids it. The same label twice is reserved once."""
    if known is not None and known.state is not HoldState.RELEASED:
        return Entered()
    limit = limit_on(spend, quote, caps, need, now)
    if limit is not None:
        is_news = limit not in spend.reached
        return Entered(replace(spend, reached=(*spend.reached, limit)) if is_news else None, refused=limit)
    reservation = Reservation(
        business_id=spend.business_id,
        label=label,
        day=spend.day,
        minute=as_utc(now).replace(second=0, microsecond=0),
        longest_s=quote.longest_s,
        is_unusual=quote.is_unusual,
        expected_micros=quote.expected_micros,
        longest_micros=quote.longest_micros,
        state=HoldState.HELD,
        version=0 if known is None else known.version,
    )
    burst = _recent(spend, now)
    if quote.is_unusual:
        burst = (*burst, as_utc(now))[-BURST_CALLS:]
    return Entered(_with(replace(tidied(spend, now), burst=burst), reservation.hold), reservation)


def limit_on(spend: SpendDay, quote: Quote, caps: Caps, need: Need, now: datetime) -> Limit | None:
    """What forbids one more call. A caller who needs a person is put through as long as the day's cap is not used up."""
    total, unusual = committed(spend, now)
    if quote.is_unusual:
        if caps.stops_bursts and (Limit.BURST in spend.reached or len(_recent(spend, now)) >= BURST_CALLS):
            return Limit.BURST
        if caps.unusual_micros is not None and unusual + quote.expected_micros > caps.unusual_micros:
            return Limit.UNUSUAL
    if caps.daily_micros is None:
        return None
    if need is Need.PERSON:
        return Limit.DAILY if total >= caps.daily_micros else None
    return Limit.DAILY if total + quote.expected_micros > caps.daily_micros else None


def released(spend: SpendDay, known: Reservation) -> Entered:
    """Nothing was placed."""
    if known.state not in (HoldState.HELD, HoldState.UNSURE):
        return Entered()
    return Entered(_without(spend, known), replace(known, state=HoldState.RELEASED))


def unsure(spend: SpendDay, known: Reservation) -> Entered:
    """Nobody knows whether it was placed: it counts, but not for the rest of the day."""
    if known.state is not HoldState.HELD:
        return Entered()
    after = replace(known, state=HoldState.UNSURE)
    return Entered(_with(_without(spend, known), after.hold), after)


def settled(spend: SpendDay, known: Reservation | None, label: str, micros: int, at: datetime) -> Entered:
    """The charge is known. Another one for the same label is a correction. `spend` is the day that `known` is of; a call that was never
    reserved is entered as one of the day of `at`."""
    if known is not None and known.state is HoldState.SETTLED:
        if known.micros == micros:
            return Entered()
        more = micros - (known.micros or 0)
        return Entered(_spent(spend, more, known.is_unusual), replace(known, micros=micros))
    if known is None:
        known = Reservation(
            business_id=spend.business_id,
            label=label,
            day=spend.day,
            minute=as_utc(at).replace(second=0, microsecond=0),
            longest_s=LONGEST_S,
            is_unusual=False,
            expected_micros=0,
            longest_micros=0,
            state=HoldState.RELEASED,
        )
    after = _spent(_without(spend, known), micros, known.is_unusual)
    return Entered(after, replace(known, state=HoldState.SETTLED, micros=micros))


def tidied(spend: SpendDay, now: datetime) -> SpendDay:
    """Without reservations that have stopped growing, so that a day keeps its size however many calls it has; worth what it was."""
    kept: list[Hold] = []
    overdue, unusual = spend.overdue_micros, spend.unusual_overdue_micros
    for hold in spend.holds:
        age_s = (as_utc(now) - hold.minute).total_seconds()
        if hold.is_unsure:
            if age_s <= UNHEARD_OF_S:
                kept.append(hold)
        elif age_s < hold.longest_s:
            kept.append(hold)
        else:
            overdue += hold.longest_micros
            unusual += hold.longest_micros if hold.is_unusual else 0
    return replace(spend, holds=tuple(kept), overdue_micros=overdue, unusual_overdue_micros=unusual)


def _recent(spend: SpendDay, now: datetime) -> tuple[datetime, ...]:
    since = as_utc(now) - timedelta(seconds=BURST_S)
    return tuple(at for at in spend.burst if at > since)


def _spent(spend: SpendDay, micros: int, is_unusual: bool) -> SpendDay:
    unusual = spend.unusual_spent_micros + (micros if is_unusual else 0)
    return replace(spend, spent_micros=spend.spent_micros + micros, unusual_spent_micros=unusual)


def _with(spend: SpendDay, more: Hold) -> SpendDay:
    found = next((hold for hold in spend.holds if hold.key == more.key), None)
    if found is None:
        return replace(spend, holds=(*spend.holds, more))
    return _changed(spend, found, more, int.__add__)


def _without(spend: SpendDay, known: Reservation) -> SpendDay:
    """The day without what `known` reserves; where that is overdue it is taken from there, and where it was given up it is gone already."""
    if known.state not in (HoldState.HELD, HoldState.UNSURE):
        return spend
    less = known.hold
    found = next((hold for hold in spend.holds if hold.key == less.key), None)
    if found is not None:
        return _changed(spend, found, less, int.__sub__)
    if less.is_unsure:
        return spend
    unusual = less.longest_micros if less.is_unusual else 0
    return replace(
        spend,
        overdue_micros=spend.overdue_micros - less.longest_micros,
        unusual_overdue_micros=spend.unusual_overdue_micros - unusual,
    )


def _changed(spend: SpendDay, found: Hold, by: Hold, change: Callable[[int, int], int]) -> SpendDay:
    after = replace(
        found,
        expected_micros=change(found.expected_micros, by.expected_micros),
        longest_micros=change(found.longest_micros, by.longest_micros),
    )
    others = tuple(hold for hold in spend.holds if hold is not found)
    return replace(spend, holds=others if after.longest_micros <= 0 else (*others, after))


def _kept_until(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + KEPT
