"""What each call of the demo cost: our own detail records, read until they are final, and the simulated carrier's ledger beside them.

The records are those that the functions wrote through the queue; nothing here reconciles or rates. A bill that does not come, or that the
carrier's ledger contradicts, is a problem of its call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from local.carrier import Call, Carrier
from local.carrier import Cdr as CarrierRecord
from local.stack import BOOKS
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrState
from pokea.billing.rate_deck import amount
from pokea.errors import CallError
from pokea.ids import SessionId
from pokea.money import MICROS
from pokea.ports import CdrStore

BILLED_WITHIN_S = 20.0  # of the end of the call's last leg
LOOKED_AT_EVERY_S = 2.0
MINOR_MICROS = MICROS // 100  # the carrier's books are in cents
SAME_STREAM_MINOR = 1  # a stream has no record at the carrier: ours and its clock may be on two sides of a second


@dataclass(frozen=True)
class LegBill:
    """Amounts as decimals; None is unknown. `carrier_minor`: cents, by the carrier's record; a stream has none."""

    leg: str
    direction: str
    talk_s: int | None
    charge: str | None
    currency: str
    carrier_minor: int | None
    state: str
    findings: list[str]


@dataclass(frozen=True)
class CallBill:
    """One call with its second calls. `carrier`: what its legs cost by our records, in their currency. `model_usd` and `model`: what the
    model cost, in dollars and in that currency. `total`: both; None where one is unknown. `books`: what the carrier took for it.
    `unpriced`: why a model's cost is unknown."""

    legs: list[LegBill]
    carrier: str | None
    model_usd: str | None
    model: str | None
    total: str | None
    state: str
    books: str = ""
    unpriced: str = ""


@dataclass(frozen=True)
class Account:
    """The same in numbers, for sums. Micro-units; None is unknown. `ours_minor`: our charges as a bill shows them, each leg in cents."""

    bill: CallBill
    legs: int = 0
    talk_s: int = 0
    carrier_micros: int | None = None
    model_micros: int | None = None
    ours_minor: int = 0
    books_minor: int = 0
    differences: int = 0
    problems: tuple[str, ...] = ()


class Cashier:
    """`cdrs`: where the functions keep their detail records."""

    def __init__(self, cdrs: CdrStore, carrier: Carrier) -> None:
        self._cdrs, self._carrier = cdrs, carrier

    async def account_of(self, calls: Sequence[Call]) -> Account:
        """The bill of the sessions that belong together, once it is final, or as it is when the time is up."""
        sessions = [SessionId(call.session_id) for call in calls]
        until = time.monotonic() + BILLED_WITHIN_S
        await asyncio.sleep(BOOKS.priced_after_s)  # no bill is final before the carrier's records are
        while True:
            found = await asyncio.to_thread(self._read, sessions)
            if _is_whole(found, sessions) or time.monotonic() > until:
                return accounted(found, [self._books_of(session) for session in sessions])
            await asyncio.sleep(LOOKED_AT_EVERY_S)

    def _read(self, sessions: Iterable[SessionId]) -> list[Cdr]:
        found: list[Cdr] = []
        for session in sessions:
            try:
                found += self._cdrs.cdrs(session)
            except CallError:
                continue  # a store that is busy is asked again
        return found

    def _books_of(self, session: str) -> tuple[list[CarrierRecord], int]:
        """The carrier's records of a session, and what it took for the session's streams."""
        records = list(self._carrier.records.newest_first(session))
        ids = {record.id for record in records}
        lines = [line for line in self._carrier.wallet.movements if line.reference in ids]
        return records, -sum(line.amount_minor for line in lines if line.kind == "stream")


def _is_whole(found: Sequence[Cdr], sessions: Sequence[SessionId]) -> bool:
    """Every session has its records, and every leg its last word."""
    return {cdr.session_id for cdr in found} >= set(sessions) and all(cdr.state is CdrState.FINAL for cdr in found)


def accounted(found: Sequence[Cdr], books: Sequence[tuple[list[CarrierRecord], int]]) -> Account:
    streams_minor = sum(stream_minor for _, stream_minor in books)
    records = [record for session_records, _ in books for record in session_records]
    carrier_micros = _sum(cdr.charge_micros for cdr in found)
    models = [cdr for cdr in found if cdr.direction is Direction.STREAM]
    model_micros, model_usd = (
        _sum(cdr.model_charge_micros for cdr in models),
        _sum(cdr.model_micros for cdr in models),
    )
    books_minor = sum(record.cost_minor for record in records) + streams_minor
    bill = CallBill(
        legs=[_leg_bill(cdr) for cdr in sorted(found, key=lambda cdr: (cdr.began_at, cdr.leg))],
        carrier=_decimal(carrier_micros),
        model_usd=_decimal(model_usd),
        model=_decimal(model_micros),
        total=_decimal(_sum((carrier_micros, model_micros))),
        state=_state(found),
        books=amount(books_minor * MINOR_MICROS),
        unpriced="; ".join(dict.fromkeys(cdr.model_unpriced for cdr in models if cdr.model_unpriced)),
    )
    return Account(
        bill,
        legs=len(found),
        talk_s=sum(cdr.talk_s or 0 for cdr in found if cdr.direction is not Direction.STREAM),
        carrier_micros=carrier_micros,
        model_micros=model_micros,
        ours_minor=sum(_minor(cdr) for cdr in found),
        books_minor=books_minor,
        differences=sum(len(cdr.findings) for cdr in found),
        problems=tuple(_problems(found, records, streams_minor)),
    )


def _problems(found: Sequence[Cdr], records: Sequence[CarrierRecord], streams_minor: int) -> Iterable[str]:
    if not found:
        yield f"no bill came within {BILLED_WITHIN_S:.0f} s"
        return
    for cdr in found:
        if cdr.state is not CdrState.FINAL:
            yield f"the {cdr.leg}'s bill was {cdr.state} after {BILLED_WITHIN_S:.0f} s"
        yield from (f"the {cdr.leg}'s bill: {finding.evidence}" for finding in cdr.findings)
    ours = {cdr.carrier_id: cdr for cdr in found if cdr.carrier_id}
    for record in records:
        own = ours.pop(record.id, None)
        if own is None:
            yield f"the carrier's {record.direction} record {record.id} is in no bill"
        elif (own.carrier_minor, _minor(own)) != (record.cost_minor, record.cost_minor):
            yield f"the {own.leg}'s bill says {own.carrier_minor} and {_minor(own)} cents, the carrier took {record.cost_minor}"
    yield from (f"the {other.leg}'s bill is of no record of the carrier's" for other in ours.values())
    streams = [cdr for cdr in found if cdr.direction is Direction.STREAM]
    if abs(sum(_minor(cdr) for cdr in streams) - streams_minor) > SAME_STREAM_MINOR * max(1, len(streams)):
        yield f"our streams cost {sum(map(_minor, streams))} cents, the carrier took {streams_minor}"


def _leg_bill(cdr: Cdr) -> LegBill:
    return LegBill(
        leg=cdr.leg,
        direction=cdr.direction.value,
        talk_s=cdr.talk_s,
        charge=_decimal(cdr.charge_micros),
        currency=cdr.currency,
        carrier_minor=cdr.carrier_minor,
        state=cdr.state.value,
        findings=[finding.kind.value for finding in cdr.findings],
    )


def _state(found: Sequence[Cdr]) -> str:
    """The least settled one's; "missing" where there is no record at all."""
    states = [cdr.state for cdr in found]
    return next((state.value for state in CdrState if state in states and state is not CdrState.FINAL), "") or (
        CdrState.FINAL.value if states else "missing"
    )


def _sum(parts: Iterable[int | None]) -> int | None:
    known = list(parts)
    return None if None in known or not known else sum(part for part in known if part is not None)


def _minor(cdr: Cdr) -> int:
    """As the carrier's bill shows it: begun cents."""
    return -(-(cdr.charge_micros or 0) // MINOR_MICROS)


def _decimal(micros: int | None) -> str | None:
    return None if micros is None else amount(micros)
