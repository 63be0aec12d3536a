"""Sums over call detail records: exactly the sum of their rows, in whole micro-units. What is unknown is counted, never added."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrState
from pokea.billing.cost_shares import had_model
from pokea.billing.usage import CallShares
from pokea.money import MINOR_DIGITS, Money

CALLS = frozenset({Direction.INBOUND, Direction.OUTBOUND})  # the leg that makes it a call; the others belong to one


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Of some legs. Amounts are micro-units of one currency, model_usd_micros of US dollars.

    uncharged, unpriced, unbilled, untimed: legs of which our charge, the model's cost, the carrier's charge, the talk time is unknown.
    compared_*: of the legs whose charge both we and the carrier say. booked_again: legs that the carrier has booked more than once; they
    are not compared.
    """

    legs: int = 0
    calls: int = 0
    answered: int = 0  # of the calls
    talk_s: int = 0  # of the calls
    carrier_micros: int = 0  # what our rating says of calls and transfers
    stream_micros: int = 0  # and of media streams
    model_micros: int = 0
    model_usd_micros: int = 0
    uncharged: int = 0
    unpriced: int = 0
    unbilled: int = 0
    untimed: int = 0
    compared: int = 0
    compared_ours_micros: int = 0
    compared_theirs_micros: int = 0
    provisional: int = 0
    unreconciled: int = 0
    findings: int = 0
    booked_again: int = 0
    total_ms: int = 0  # on the bridge, and of it:
    agent_ms: int = 0
    caller_ms: int = 0
    tools_ms: int = 0
    hold_ms: int = 0
    silence_ms: int = 0

    @property
    def charge_micros(self) -> int:
        return self.carrier_micros + self.stream_micros

    @property
    def total_micros(self) -> int:
        return self.charge_micros + self.model_micros

    @property
    def more_charged_micros(self) -> int:
        """What the carrier charged above our reckoning; negative where it charged less."""
        return self.compared_theirs_micros - self.compared_ours_micros

    @property
    def is_lower_bound(self) -> bool:
        """Something of it has no known cost."""
        return bool(self.uncharged or self.unpriced)

    def __add__(self, other: Sum) -> Sum:
        return total_of((self, other))


def sum_of(cdr: Cdr, currency: str) -> Sum:
    """One leg, as a sum of its own. Its charge must be in `currency` or unknown."""
    is_call, is_stream = cdr.direction in CALLS, cdr.direction is Direction.STREAM
    charge, billed = cdr.charge_micros, billed_micros(cdr, currency)
    ours, theirs = (charge, billed) if charge is not None and billed is not None else (None, None)
    return Sum(
        legs=1,
        calls=int(is_call),
        answered=int(is_call and cdr.answered_at is not None),
        talk_s=(cdr.talk_s or 0) if is_call else 0,
        carrier_micros=0 if is_stream else charge or 0,
        stream_micros=charge or 0 if is_stream else 0,
        model_micros=cdr.model_charge_micros or 0,
        model_usd_micros=cdr.model_micros or 0,
        uncharged=int(charge is None),
        unpriced=int(model_is_unknown(cdr)),
        unbilled=int(billed is None),
        untimed=int(is_call and cdr.answered_at is not None and cdr.talk_s is None),
        compared=int(ours is not None),
        compared_ours_micros=ours or 0,
        compared_theirs_micros=theirs or 0,
        provisional=int(cdr.state is CdrState.PROVISIONAL),
        unreconciled=int(cdr.state is CdrState.UNRECONCILED),
        findings=len(cdr.findings),
        booked_again=int(is_booked_again(cdr)),
        **(_times(cdr.shares) if cdr.shares is not None else {}),
    )


def total_of(sums: Iterable[Sum]) -> Sum:
    columns = [sum(column) for column in zip(*map(_values, sums), strict=True)]
    return Sum(**dict(zip(_FIELDS, columns, strict=True))) if columns else Sum()


def model_is_unknown(cdr: Cdr) -> bool:
    """A model may have run on this leg, and nobody can say what it cost."""
    return cdr.model_charge_micros is None and had_model(cdr)


def billed_micros(cdr: Cdr, currency: str) -> int | None:
    """What the carrier charges for the leg; None where it does not say, says it in another currency or in none, or has booked the leg more
    than once: the record holds one of its charges then, and it took more."""
    if cdr.carrier_minor is None or currency not in MINOR_DIGITS or is_booked_again(cdr):
        return None
    if cdr.carrier_currency != currency and (cdr.carrier_minor or cdr.carrier_currency):
        return None  # nothing is nothing in any currency
    return Money.from_minor(cdr.carrier_minor, currency).micros


def is_booked_again(cdr: Cdr) -> bool:
    return any(finding.kind is Difference.DUPLICATE for finding in cdr.findings)


def _times(shares: CallShares) -> dict[str, int]:
    return dict(zip(_TIMES, _times_of(shares), strict=True))


_TIMES = tuple(CallShares.__dataclass_fields__)
_times_of = attrgetter(*_TIMES)
_FIELDS = tuple(Sum.__dataclass_fields__)
_values = attrgetter(*_FIELDS)
