"""A billing report: what the calls of one business cost in a day or a month, out of its call detail records.

Every sum is exactly the sum of the report's rows. What nobody knows is counted and named with its reason; it is never 0. Legs that are
charged in another currency than most stand apart: two currencies are never added.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrState
from pokea.billing.cost_shares import CallCost, CostPerOutcome, cost_per_outcome
from pokea.billing.period import Period, is_over
from pokea.billing.sums import CALLS, Sum, billed_micros, model_is_unknown, sum_of, total_of
from pokea.errors import Misuse
from pokea.ids import BusinessId, SessionId
from pokea.money import divided
from pokea.ports import CdrStore

K = TypeVar("K")
NO_ANSWER = "no_answer"  # beside the dispositions: nobody answered, so nothing could come of the call
MODEL_DOUBT = "model: "  # what stands before the model's doubt in a record's
EXAMPLES = 3  # calls named for one reason why something is unknown


class Gap(StrEnum):
    """What is not known of a leg."""

    CHARGE = "charge"  # what it costs by the rate deck
    MODEL = "model"  # what the model cost
    VERDICT = "verdict"  # whether the carrier's charge is right
    RECORD = "record"  # the carrier's record is not closed, or never came
    OUTCOME = "outcome"  # what came of the call


@dataclass(frozen=True, slots=True)
class Unknown:
    """`legs` of the report have this gap for this reason; `examples` are session ids of some."""

    gap: Gap
    reason: str
    legs: int
    examples: tuple[SessionId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One difference with the carrier. `more_micros`: what it charged above our reckoning, where both are known."""

    kind: Difference
    evidence: str
    session_id: SessionId
    leg: str
    began_at: datetime
    more_micros: int | None


@dataclass(frozen=True, slots=True)
class Basis:
    """What the figures rest on. `name`: the id of a rate deck, price table or exchange rate; `legs`: how many of the report rest on it."""

    name: str
    legs: int
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`rows` in the order of their beginning. `total` and the groups are over those charged in `currency` or not at all; `elsewhere` has
    the others by their currency. costs: of whole calls, and where they went: of those that began in the period, with all of their legs,
    also those after its end. mean_by_*: what a call cost, over those of them whose cost is known in full. as_of: when the newest of the
    records was made; None without any."""

    business_id: BusinessId
    name: str
    period: Period
    currency: str
    is_over: bool
    as_of: datetime | None
    rows: tuple[Cdr, ...]
    total: Sum
    by_agent: Mapping[str, Sum]
    by_outcome: Mapping[str, Sum]
    by_direction: Mapping[Direction, Sum]
    by_day: Mapping[date, Sum]
    by_hour: Mapping[int, Sum]
    elsewhere: Mapping[str, Sum]
    costs: CostPerOutcome
    mean_by_agent: Mapping[str, int]
    mean_by_outcome: Mapping[str, int]
    disagreements: tuple[Disagreement, ...]
    unknowns: tuple[Unknown, ...]
    decks: tuple[Basis, ...]
    prices: tuple[Basis, ...]
    exchanges: tuple[Basis, ...]


def rows_of(store: CdrStore, business_id: BusinessId, period: Period) -> Iterator[Cdr]:
    """Everything that may belong to the report, as the store has it now, and the legs beside the period that complete its calls."""
    for day in period.utc_days:
        yield from store.cdrs_of_day(business_id, day)


def billing_report(
    cdrs: Iterable[Cdr], *, business_id: BusinessId, name: str, period: Period, currency: str, now: datetime
) -> Report:
    """The report over those of `cdrs` that began in `period`. The others only complete its calls. `currency` is the one to use where no leg
    has any.

    Raises Misuse for the record of another business.
    """
    known = _latest(cdrs, business_id)
    rows = tuple(cdr for cdr in known if period.holds(cdr.began_at))
    currency = _main_currency(rows, currency)
    own = [cdr for cdr in rows if cdr.currency in ("", currency)]
    summed = [(cdr, sum_of(cdr, currency)) for cdr in own]
    calls = cost_per_outcome(known, currency).calls
    agents = {call.call_id: call.agent for call in calls}
    outcomes = _outcomes(calls, known)
    begun = _begun(own, known, period)
    costs = cost_per_outcome((cdr for cdr in known if cdr.call_id in begun), currency)
    days = _groups(summed, lambda cdr: period.day_of(cdr.began_at))
    return Report(
        business_id=business_id,
        name=name,
        period=period,
        currency=currency,
        is_over=is_over(period, now),
        as_of=max((cdr.made_at for cdr in rows), default=None),
        rows=rows,
        total=total_of(one for _, one in summed),
        by_agent=_by_cost(_groups(summed, lambda cdr: agents[cdr.call_id])),
        by_outcome=_by_cost(_groups(summed, lambda cdr: outcomes[cdr.call_id])),
        by_direction=dict(sorted(_groups(summed, lambda cdr: cdr.direction).items())),
        by_day={day: days.get(day, Sum()) for day in period.days},
        by_hour=_groups(summed, lambda cdr: cdr.began_at.astimezone(period.tz).hour),
        elsewhere=_elsewhere(rows, currency),
        costs=costs,
        mean_by_agent=_means(costs.calls, agents),
        mean_by_outcome=_means(costs.calls, outcomes),
        disagreements=tuple(_disagreements(rows)),
        unknowns=_unknowns(rows, {call_id for call_id, outcome in outcomes.items() if outcome}),
        decks=_basis(rows, lambda cdr: cdr.deck_id, lambda cdr: _doubts(cdr)[0]),
        prices=_basis(rows, lambda cdr: cdr.model_prices, lambda cdr: _doubts(cdr)[1]),
        exchanges=_basis(rows, lambda cdr: cdr.exchange),
    )


def _latest(cdrs: Iterable[Cdr], business_id: BusinessId) -> tuple[Cdr, ...]:
    """Each leg once, in its latest version: a leg whose beginning was corrected may be read on two days."""
    latest: dict[tuple[SessionId, str], Cdr] = {}
    for cdr in cdrs:
        if cdr.business_id != business_id:
            raise Misuse("foreign_record", "a report holds the records of one business")
        known = latest.get(cdr.key)
        if known is None or known.version < cdr.version:
            latest[cdr.key] = cdr
    return tuple(sorted(latest.values(), key=lambda cdr: (cdr.began_at, cdr.call_id, cdr.session_id, cdr.leg)))


def _begun(rows: Iterable[Cdr], known: Iterable[Cdr], period: Period) -> set[SessionId]:
    """The calls of `rows` that began in the period: half of a call that is the day before's is no call of this one's. A call begins with
    the first leg of its own session; where none of those is known nobody can say what it cost, and it is no call here."""
    began: dict[SessionId, datetime] = {}
    for cdr in known:
        if cdr.session_id == cdr.call_id:
            began[cdr.call_id] = min(cdr.began_at, began.get(cdr.call_id, cdr.began_at))
    return {cdr.call_id for cdr in rows if cdr.call_id in began and period.holds(began[cdr.call_id])}


def _main_currency(rows: Sequence[Cdr], default: str) -> str:
    counts = Counter(cdr.currency for cdr in rows if cdr.currency)
    return min(counts, key=lambda currency: (-counts[currency], currency), default=default)


def _outcomes(calls: Iterable[CallCost], rows: Iterable[Cdr]) -> dict[SessionId, str]:
    """What came of each call; "" where nobody has said. That nobody answered is what came of a call, too."""
    unanswered = {cdr.call_id for cdr in rows if cdr.direction in CALLS and cdr.as_leg.is_unanswered}
    return {call.call_id: call.outcome or (NO_ANSWER if call.call_id in unanswered else "") for call in calls}


def _means(calls: Iterable[CallCost], group_of: Mapping[SessionId, str]) -> dict[str, int]:
    costs: dict[str, list[int]] = defaultdict(list)
    for call in calls:
        if call.micros is not None:
            costs[group_of[call.call_id]].append(call.micros)
    return {name: divided(sum(known), len(known)) for name, known in costs.items()}


def _groups(summed: Sequence[tuple[Cdr, Sum]], key: Callable[[Cdr], K]) -> dict[K, Sum]:
    parts: dict[K, list[Sum]] = defaultdict(list)
    for cdr, one in summed:
        parts[key(cdr)].append(one)
    return {name: total_of(sums) for name, sums in parts.items()}


def _by_cost(groups: Mapping[str, Sum]) -> dict[str, Sum]:
    """The dearest first."""
    return dict(sorted(groups.items(), key=lambda item: (-item[1].total_micros, item[0])))


def _elsewhere(rows: Iterable[Cdr], currency: str) -> dict[str, Sum]:
    others: dict[str, list[Sum]] = defaultdict(list)
    for cdr in rows:
        if cdr.currency not in ("", currency):
            others[cdr.currency].append(sum_of(cdr, cdr.currency))
    return {other: total_of(sums) for other, sums in sorted(others.items())}


def _disagreements(rows: Iterable[Cdr]) -> Iterator[Disagreement]:
    for cdr in rows:
        theirs = billed_micros(cdr, cdr.currency)
        more = theirs - cdr.charge_micros if theirs is not None and cdr.charge_micros is not None else None
        for finding in cdr.findings:
            yield Disagreement(
                kind=finding.kind,
                evidence=finding.evidence,
                session_id=cdr.session_id,
                leg=cdr.leg,
                began_at=cdr.began_at,
                more_micros=more,
            )


def _unknowns(rows: Iterable[Cdr], told: Collection[SessionId]) -> tuple[Unknown, ...]:
    """The commonest first, by gap."""
    found: dict[tuple[Gap, str], list[SessionId]] = defaultdict(list)
    for cdr in rows:
        for gap, reason in _gaps(cdr, told):
            found[gap, reason].append(cdr.session_id)
    places = list(Gap)
    ordered = sorted(found.items(), key=lambda item: (places.index(item[0][0]), -len(item[1]), item[0][1]))
    return tuple(
        Unknown(gap, reason, len(legs), tuple(dict.fromkeys(legs))[:EXAMPLES]) for (gap, reason), legs in ordered
    )


def _gaps(cdr: Cdr, told: Collection[SessionId]) -> Iterator[tuple[Gap, str]]:
    if cdr.charge_micros is None:
        yield Gap.CHARGE, cdr.unrated or "no reason was noted"
    if model_is_unknown(cdr):
        yield Gap.MODEL, cdr.model_unpriced or "no usage was reported"
    for reason in cdr.unknowns:
        yield Gap.VERDICT, reason
    if cdr.state is CdrState.PROVISIONAL:
        yield Gap.RECORD, "the carrier's record is not closed yet"
    elif cdr.state is CdrState.UNRECONCILED:
        yield Gap.RECORD, "the carrier never gave its record"
    if cdr.direction in CALLS and cdr.call_id not in told:
        yield Gap.OUTCOME, "no record says what came of the call"


def _doubts(cdr: Cdr) -> tuple[str, str]:
    """Why the deck's price is uncertain, and why the model's: a record has both in one text."""
    deck, _, model = cdr.doubt.partition(MODEL_DOUBT)
    return deck.removesuffix("; "), model


def _basis(
    rows: Iterable[Cdr], name: Callable[[Cdr], str], doubt: Callable[[Cdr], str] = lambda _: ""
) -> tuple[Basis, ...]:
    legs: Counter[str] = Counter()
    doubts: dict[str, dict[str, None]] = defaultdict(dict)
    for cdr in rows:
        if used := name(cdr):
            legs[used] += 1
            if said := doubt(cdr):
                doubts[used][said] = None
    return tuple(Basis(used, count, tuple(sorted(doubts[used]))) for used, count in sorted(legs.items()))
