"""What the carrier charges for a leg that has ended, and every way in which it gets that wrong when a test orders it.

The right price is per begun second, as most of the vendor's pages have it. What a media stream costs is a line of the wallet and stands in
no record: one customer read such a fee in the price list, no page shows where it would be booked.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from local.carrier.ledger import Cdr, Tariff

FORMER_PER_MINUTE_MINOR = {0: 100, 300: 250}
"""A wrong price for each right one. 2.50 is what a sample answer in the vendor's changelog still showed; that an inbound leg is charged at
all is what older pages say."""
STREAM_PER_MINUTE_MINOR = 50
"""The fee that a customer read in the price list, for a carrier that otherwise charges none."""


class BillingFault(StrEnum):
    """Ordered per leg. One that cannot happen to a leg (a failed leg's charge on an answered one) leaves its bill right."""

    PER_STARTED_MINUTE = "per_started_minute"  # the vendor's page about calls counts so, and contradicts the others
    WRONG_RATE = "wrong_rate"
    MISSING = "missing"  # no record, and nothing charged
    DUPLICATE = "duplicate"  # a second record under an id of its own, charged again
    STUCK = "stuck"  # in progress for ever, and nothing charged
    SECOND_MORE = "second_more"  # the carrier's clock, no fault that anybody may be accused of
    SECOND_LESS = "second_less"
    FAILED_LEG_BILLED = "failed_leg_billed"  # ringing charged as talk; only answered calls are to be billed
    UNPAIRED = "unpaired"  # booked under a session of its own
    STREAM_IN_LEG = "stream_in_leg"  # the stream's fee inside the leg's cost
    CURRENCY = "currency"
    CORRECTED = "corrected"  # by started minutes at first, by seconds later
    REFUNDED = "refunded"  # ringing charged as talk at first, given back later


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedLeg:
    """`cdr`: what happened, without a price. `kind`: the wallet's word for its charge."""

    cdr: Cdr
    kind: Literal["call", "dial"]
    per_minute_minor: int
    stream_per_minute_minor: int = 0

    @property
    def is_answered(self) -> bool:
        return self.cdr.answered_at is not None

    @property
    def ringing_s(self) -> int:
        assert self.cdr.ended_at is not None, "only a leg that is over is charged"
        return -int(-(self.cdr.ended_at - self.cdr.started_at).total_seconds() // 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """`records`: with their prices; () where the carrier has none. `later`: the first one, once it has been put right."""

    records: tuple[Cdr, ...]
    stream_minor: int = 0  # charged beside the records
    is_stuck: bool = False
    later: Cdr | None = None
    later_kind: Literal["correction", "refund"] = "correction"


def bill_for(leg: EndedLeg, tariff: Tariff, fault: BillingFault | None = None) -> Bill:
    if fault is None:
        return Bill(records=(priced(leg, tariff),), stream_minor=stream_fee(leg, tariff))
    return _FAULTS[fault](leg, tariff)


def priced(leg: EndedLeg, tariff: Tariff, *, per_minute_minor: int | None = None) -> Cdr:
    """The leg's record with its price: nothing for one that nobody answered."""
    cdr = leg.cdr
    if not leg.is_answered or cdr.duration_seconds is None:
        return cdr
    rate = leg.per_minute_minor if per_minute_minor is None else per_minute_minor
    return replace(
        cdr,
        cost_minor=tariff.leg_cost_minor(cdr.duration_seconds, rate),
        cost_currency=tariff.currency,
        rate_per_minute_minor=rate,
        stream_cost_minor=stream_fee(leg, tariff),
    )


def stream_fee(leg: EndedLeg, tariff: Tariff) -> int:
    return tariff.leg_cost_minor(leg.cdr.stream_seconds, leg.stream_per_minute_minor)


# --- the faults -------------------------------------------------------------------------------------------------------------


def _per_started_minute(leg: EndedLeg, tariff: Tariff) -> Bill:
    return replace(bill_for(leg, tariff), records=(priced(leg, replace(tariff, pulse_s=60)),))


def _wrong_rate(leg: EndedLeg, tariff: Tariff) -> Bill:
    wrong = FORMER_PER_MINUTE_MINOR.get(leg.per_minute_minor, 2 * leg.per_minute_minor)
    return replace(bill_for(leg, tariff), records=(priced(leg, tariff, per_minute_minor=wrong),))


def _missing(leg: EndedLeg, tariff: Tariff) -> Bill:
    return Bill(records=())


def _duplicate(leg: EndedLeg, tariff: Tariff) -> Bill:
    bill = bill_for(leg, tariff)
    return replace(bill, records=(*bill.records, replace(bill.records[0], id=str(uuid.uuid4()))))


def _stuck(leg: EndedLeg, tariff: Tariff) -> Bill:
    return Bill(records=(), is_stuck=True)


def _off_by(seconds: int) -> Callable[[EndedLeg, Tariff], Bill]:
    def fault(leg: EndedLeg, tariff: Tariff) -> Bill:
        cdr = leg.cdr
        if not (leg.is_answered and cdr.duration_seconds and cdr.ended_at):
            return bill_for(leg, tariff)
        ended_at = cdr.ended_at + timedelta(seconds=seconds)
        moved = replace(cdr, duration_seconds=cdr.duration_seconds + seconds, ended_at=ended_at)
        return bill_for(replace(leg, cdr=moved), tariff)

    return fault


def _failed_leg_billed(leg: EndedLeg, tariff: Tariff) -> Bill:
    if leg.is_answered:
        return bill_for(leg, tariff)
    charged = replace(
        leg.cdr,
        cost_minor=tariff.leg_cost_minor(leg.ringing_s, leg.per_minute_minor),
        cost_currency=tariff.currency,
        rate_per_minute_minor=leg.per_minute_minor,
    )
    return Bill(records=(charged,))


def _unpaired(leg: EndedLeg, tariff: Tariff) -> Bill:
    bill = bill_for(leg, tariff)
    return replace(bill, records=(replace(bill.records[0], session_id="HD_" + uuid.uuid4().hex[:12]),))


def _stream_in_leg(leg: EndedLeg, tariff: Tariff) -> Bill:
    rate = leg.stream_per_minute_minor or STREAM_PER_MINUTE_MINOR
    record = priced(leg, tariff)
    fee = tariff.leg_cost_minor(leg.cdr.stream_seconds, rate)
    return Bill(records=(replace(record, cost_minor=record.cost_minor + fee),) if leg.is_answered else (record,))


def _currency(leg: EndedLeg, tariff: Tariff) -> Bill:
    """Only the record says so: a workspace's wallet has one currency."""
    bill = bill_for(leg, tariff)
    wrong = "USD" if tariff.currency != "USD" else "KES"
    return replace(bill, records=(replace(bill.records[0], cost_currency=wrong),)) if leg.is_answered else bill


def _corrected(leg: EndedLeg, tariff: Tariff) -> Bill:
    return replace(_per_started_minute(leg, tariff), later=priced(leg, tariff))


def _refunded(leg: EndedLeg, tariff: Tariff) -> Bill:
    bill = _failed_leg_billed(leg, tariff)
    return bill if leg.is_answered else replace(bill, later=priced(leg, tariff), later_kind="refund")


_FAULTS: Mapping[BillingFault, Callable[[EndedLeg, Tariff], Bill]] = {
    BillingFault.PER_STARTED_MINUTE: _per_started_minute,
    BillingFault.WRONG_RATE: _wrong_rate,
    BillingFault.MISSING: _missing,
    BillingFault.DUPLICATE: _duplicate,
    BillingFault.STUCK: _stuck,
    BillingFault.SECOND_MORE: _off_by(1),
    BillingFault.SECOND_LESS: _off_by(-1),
    BillingFault.FAILED_LEG_BILLED: _failed_leg_billed,
    BillingFault.UNPAIRED: _unpaired,
    BillingFault.STREAM_IN_LEG: _stream_in_leg,
    BillingFault.CURRENCY: _currency,
    BillingFault.CORRECTED: _corrected,
    BillingFault.REFUNDED: _refunded,
}
