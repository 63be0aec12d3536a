"""What calls cost: each call, each agent and each outcome; and what of it went into silence, hold and waiting for tools.

A call's cost is what its legs cost with the carrier, by our own rating, and what its models cost, both in the deck's currency. A part that
nobody knows is counted as unknown and never as 0: the sums are then lower bounds, and a mean is taken over the calls that are known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import TypeVar

from pokea.billing.call_leg import UNANSWERED, Direction
from pokea.billing.cdr import Cdr
from pokea.billing.usage import CallShares
from pokea.call_outcomes import Disposition
from pokea.ids import SessionId
from pokea.money import divided

Key = TypeVar("Key", bound=Hashable)


class OutcomeGroup(StrEnum):
    """What a business pays for when it pays for a call."""

    BOOKED = "booked"  # an appointment stands
    QUALIFIED = "qualified"  # a lead worth a salesman's time
    DELIVERED = "delivered"  # a parcel knows where it is to go, and when
    DEFLECTED = "deflected"  # the agent settled it, and no person has to do anything more
    PASSED_ON = "passed_on"  # a person took it, or has to
    NOTHING = "nothing"  # it ended without a result
    UNKNOWN = "unknown"  # nobody has said what came of it


GROUP_OF: Mapping[Disposition, OutcomeGroup] = {
    Disposition.BOOKED: OutcomeGroup.BOOKED,
    Disposition.MOVED: OutcomeGroup.BOOKED,
    Disposition.QUALIFIED_HOT: OutcomeGroup.QUALIFIED,
    Disposition.QUALIFIED_WARM: OutcomeGroup.QUALIFIED,
    Disposition.DELIVERY_AGREED: OutcomeGroup.DELIVERED,
    Disposition.RESCHEDULED: OutcomeGroup.DELIVERED,
    Disposition.CONFIRMED: OutcomeGroup.DELIVERED,
    Disposition.ANSWERED: OutcomeGroup.DEFLECTED,
    Disposition.DELIVERED_INFO: OutcomeGroup.DEFLECTED,
    Disposition.CANCELLED: OutcomeGroup.DEFLECTED,
    Disposition.WAITING: OutcomeGroup.DEFLECTED,
    Disposition.HANDED_OVER: OutcomeGroup.PASSED_ON,
    Disposition.TICKET_OPENED: OutcomeGroup.PASSED_ON,
    Disposition.TICKET_UPDATED: OutcomeGroup.PASSED_ON,
    Disposition.MESSAGE: OutcomeGroup.PASSED_ON,
    Disposition.QUALIFIED_COLD: OutcomeGroup.NOTHING,
    Disposition.CALL_AGAIN: OutcomeGroup.NOTHING,
    Disposition.OPTED_OUT: OutcomeGroup.NOTHING,
    Disposition.NOT_DONE: OutcomeGroup.NOTHING,
    Disposition.TALKED: OutcomeGroup.NOTHING,
    Disposition.SILENT: OutcomeGroup.NOTHING,
    Disposition.MACHINE: OutcomeGroup.NOTHING,
    Disposition.TURNED_AWAY: OutcomeGroup.NOTHING,
    Disposition.ABANDONED: OutcomeGroup.NOTHING,
    Disposition.CUT_OFF: OutcomeGroup.NOTHING,
    Disposition.FAILED: OutcomeGroup.NOTHING,
    Disposition.UNCERTAIN: OutcomeGroup.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCost:
    """One call with all its legs. Amounts are micro-units of the report's currency; None where any part of it is unknown."""

    call_id: SessionId
    agent: str
    outcome: str  # a Disposition, or "" where nobody has said
    carrier_micros: int | None
    model_micros: int | None
    shares: CallShares | None  # None: no stream was open, or its times are unknown
    unknown: tuple[str, ...] = ()  # in words, what has no known cost or no known times

    @property
    def micros(self) -> int | None:
        if self.carrier_micros is None or self.model_micros is None:
            return None
        return self.carrier_micros + self.model_micros

    @property
    def group(self) -> OutcomeGroup:
        return _group(self.outcome)

    def share(self, part_ms: int) -> int | None:
        """What `part_ms` of the call's time cost, rounded half up."""
        if self.micros is None or self.shares is None or not self.shares.total_ms:
            return None
        return divided(self.micros * part_ms, self.shares.total_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTotal:
    """Of some calls. The first sums hold what is known, of every call; `micros` and what is derived from it only calls known in full.

    priced: calls whose cost is known in full. timed: calls whose times are known. shared: calls of which both are known; the shares of
    money are theirs, and `shared_micros` is what they cost together.
    """

    calls: int = 0
    carrier_micros: int = 0
    model_micros: int = 0
    unknown_carrier: int = 0
    unknown_model: int = 0
    priced: int = 0
    micros: int = 0
    timed: int = 0
    total_ms: int = 0
    silence_ms: int = 0
    hold_ms: int = 0
    tools_ms: int = 0
    shared: int = 0
    shared_micros: int = 0
    silence_micros: int = 0
    hold_micros: int = 0
    tools_micros: int = 0

    @property
    def is_complete(self) -> bool:
        """Every call's cost is known in full."""
        return self.priced == self.calls

    @property
    def mean_micros(self) -> int | None:
        """Of the calls that are known in full."""
        return divided(self.micros, self.priced) if self.priced else None

    def __add__(self, other: CostTotal) -> CostTotal:
        return total_of((self, other))


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPerOutcome:
    """`calls` in the order of their first leg in time. Every total is the sum over its calls."""

    currency: str
    calls: tuple[CallCost, ...]
    total: CostTotal
    by_agent: Mapping[str, CostTotal]
    by_group: Mapping[OutcomeGroup, CostTotal]
    by_outcome: Mapping[str, CostTotal]
    by_agent_and_group: Mapping[tuple[str, OutcomeGroup], CostTotal]

    def micros_per(self, group: OutcomeGroup, agent: str | None = None) -> int | None:
        """What one such outcome costs if all calls (of the agent) are paid for by it, the fruitless ones as well. None where there was no
        such outcome, or some call's cost is unknown."""
        whole = self.total if agent is None else self.by_agent.get(agent, CostTotal())
        found = self.by_group.get(group) if agent is None else self.by_agent_and_group.get((agent, group))
        return divided(whole.micros, found.calls) if found is not None and whole.is_complete else None


def cost_per_outcome(cdrs: Iterable[Cdr], currency: str) -> CostPerOutcome:
    """Of the latest versions of legs, in any order. `currency`: the deck's; a leg in another one is unknown here."""
    legs: dict[SessionId, list[Cdr]] = defaultdict(list)
    for cdr in cdrs:
        legs[cdr.call_id].append(cdr)
    ordered = sorted(legs.values(), key=lambda own: min((cdr.began_at, cdr.call_id) for cdr in own))
    calls = [call_cost(own, currency) for own in ordered]
    sums = [(call, _sum_of(call)) for call in calls]
    return CostPerOutcome(
        currency=currency,
        calls=tuple(calls),
        total=total_of(one for _, one in sums),
        by_agent=_grouped(sums, lambda call: call.agent),
        by_group=_grouped(sums, lambda call: call.group),
        by_outcome=_grouped(sums, lambda call: call.outcome),
        by_agent_and_group=_grouped(sums, lambda call: (call.agent, call.group)),
    )


def call_cost(legs: Iterable[Cdr], currency: str) -> CallCost:
    """One call from all its legs, of which there is at least one."""
    ordered = sorted(legs, key=_rank)
    uncharged = [why for cdr in ordered if (why := _uncharged(cdr, currency))]
    streams = [cdr for cdr in ordered if had_model(cdr)]
    unpriced = [why for cdr in streams if (why := _unpriced(cdr, currency))]
    untimed = [f"{_name(cdr)}: its times are unknown" for cdr in streams if cdr.shares is None]
    return CallCost(
        call_id=ordered[0].call_id,
        agent=next((cdr.agent for cdr in ordered if cdr.agent), ""),
        outcome=next((cdr.outcome for cdr in ordered if cdr.outcome), ""),
        carrier_micros=None if uncharged else sum(cdr.charge_micros or 0 for cdr in ordered),
        model_micros=None if unpriced else sum(cdr.model_charge_micros or 0 for cdr in streams),
        shares=None if untimed else _added(cdr.shares for cdr in streams),
        unknown=(*uncharged, *unpriced, *untimed),
    )


def total_of(totals: Iterable[CostTotal]) -> CostTotal:
    columns = [sum(column) for column in zip(*map(_values, totals), strict=True)]
    return CostTotal(**dict(zip(_FIELDS, columns, strict=True))) if columns else CostTotal()


def _sum_of(call: CallCost) -> CostTotal:
    """One call, as a total of its own."""
    micros, shares = call.micros, call.shares
    total = {
        "calls": 1,
        "carrier_micros": call.carrier_micros or 0,
        "model_micros": call.model_micros or 0,
        "unknown_carrier": int(call.carrier_micros is None),
        "unknown_model": int(call.model_micros is None),
        "priced": int(micros is not None),
        "micros": micros or 0,
    }
    if shares is not None:
        total |= {"timed": 1, "total_ms": shares.total_ms}
        total |= {f"{part}_ms": getattr(shares, f"{part}_ms") for part in _PARTS}
        if micros is not None and shares.total_ms:
            total |= {"shared": 1, "shared_micros": micros}
            total |= {f"{part}_micros": call.share(getattr(shares, f"{part}_ms")) or 0 for part in _PARTS}
    return CostTotal(**total)


_PARTS = ("silence", "hold", "tools")
_FIELDS = tuple(CostTotal.__dataclass_fields__)
_values = attrgetter(*_FIELDS)
_SHARES = tuple(CallShares.__dataclass_fields__)


def _grouped(sums: Iterable[tuple[CallCost, CostTotal]], key: Callable[[CallCost], Key]) -> dict[Key, CostTotal]:
    groups: dict[Key, list[CostTotal]] = defaultdict(list)
    for call, one in sums:
        groups[key(call)].append(one)
    return {name: total_of(own) for name, own in groups.items()}


def _rank(cdr: Cdr) -> tuple[bool, bool, SessionId, str]:
    """The leg that the call is named after first: it knows best who answered and what came of it."""
    return cdr.session_id != cdr.call_id, cdr.direction is Direction.STREAM, cdr.session_id, cdr.leg


def _group(outcome: str) -> OutcomeGroup:
    try:
        return GROUP_OF[Disposition(outcome)]
    except ValueError:
        return OutcomeGroup.UNKNOWN


def _uncharged(cdr: Cdr, currency: str) -> str:
    """Why the leg has no charge in `currency`; "" if it has one."""
    if cdr.charge_micros is None:
        return f"{_name(cdr)}: {cdr.unrated or 'it has no charge'}"
    if cdr.charge_micros and cdr.currency != currency:
        return f"{_name(cdr)}: it is charged in {cdr.currency or 'an unknown currency'}"
    return ""


def had_model(cdr: Cdr) -> bool:
    """A model may have run: the stream was open, or somebody reported what was used."""
    if cdr.usage or cdr.model_charge_micros is not None:
        return True
    return cdr.direction is Direction.STREAM and not (cdr.answered_at is None and cdr.status in UNANSWERED)


def _unpriced(cdr: Cdr, currency: str) -> str:
    if cdr.model_charge_micros is None:
        return f"{_name(cdr)}: {cdr.model_unpriced or 'its model has no known cost'}"
    if cdr.model_charge_micros and cdr.currency not in ("", currency):
        return f"{_name(cdr)}: its model's cost is in {cdr.currency}"
    return ""


def _added(shares: Iterable[CallShares | None]) -> CallShares | None:
    known = [one for one in shares if one is not None]
    return CallShares(**{name: sum(getattr(one, name) for one in known) for name in _SHARES}) if known else None


def _name(cdr: Cdr) -> str:
    return cdr.leg if cdr.session_id == cdr.call_id else f"{cdr.leg} of {cdr.session_id}"
