"""What each leg costs by the price list, whether the carrier's bill agrees with it, and what the model cost.

The audit is between two witnesses: the carrier's record, and what anybody else measured. A leg whose talk nobody else measured is compared
by the carrier's own times, so its price can still be wrong but its length cannot; that is said, not hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pokea.billing.account import Account, bridge_word
from pokea.billing.audit import audit
from pokea.billing.audit_amounts import Raters
from pokea.billing.audit_findings import Audit
from pokea.billing.call_leg import CallLeg, Direction
from pokea.billing.cdr import CarrierLeg, Cdr, CdrFinding
from pokea.billing.exchange import ExchangeRates
from pokea.billing.model_cost import NO_USAGE, model_cost
from pokea.billing.model_prices import PriceList
from pokea.billing.rate_deck import RateDeck
from pokea.billing.rating import Unrated
from pokea.billing.reconcile_parts import Part, parts_of
from pokea.billing.reconcile_sights import BELIEFS, Fact, Sight, Source, believed

BRIDGE_SLACK_S = 10  # a stream opens a second or two after the answer, and may close seconds after the end
NO_STREAM_RECORDS = "the carrier's REST API has no record of streams: its fee is seen in the wallet only"
ONLY_THE_CARRIER = "nobody but the carrier measured how long it took"
_CARRIERS = (Source.CARRIER, Source.CARRIER_SO_FAR)


class Pricing:
    """One price list, made ready. It remembers charges, so whoever rates often keeps it; one per thread."""

    def __init__(self, deck: RateDeck) -> None:
        self.deck = deck
        self.raters = Raters(deck)


def with_charges(
    drafts: Sequence[Cdr], account: Account, pricing: Pricing, settled_before: datetime
) -> tuple[Cdr, ...]:
    """`drafts` of `account`, rated, and audited against the carrier's records of this session and of no other.

    settled_before: a leg that ended before then should be in the carrier's books.
    """
    parts = {part.name: part for part in parts_of(account)}
    known = [(draft, parts[draft.leg]) for draft in drafts if draft.leg in parts]
    carriers = [
        record.billed_as(draft.as_leg) for draft, part in known if part.record is not None for record in _all(part)
    ]
    ours = [_observed(draft, part) for draft, part in known if part.is_expected]
    result = audit(pricing.deck, ours, carriers, settled_before=settled_before, raters=pricing.raters)
    return tuple(_audited(_rated(draft, pricing), parts.get(draft.leg), result) for draft in drafts)


def with_model_cost(
    drafts: Sequence[Cdr], account: Account, prices: PriceList, exchange: ExchangeRates, currency: str
) -> tuple[Cdr, ...]:
    """`drafts` with the model's usage, its cost and the shares of time on the leg of the stream, while which the model ran."""
    return tuple(
        _with_model(draft, account, prices, exchange, currency) if draft.direction is Direction.STREAM else draft
        for draft in drafts
    )


def _all(part: Part) -> Iterator[CarrierLeg]:
    if part.record is not None:
        yield part.record
        yield from part.twins


def _rated(draft: Cdr, pricing: Pricing) -> Cdr:
    rated = pricing.raters.own.rate(draft.as_leg)
    if isinstance(rated, Unrated):
        # Its currency all the same: a model's cost on this leg is in it.
        return replace(draft, deck_id=pricing.deck.deck_id, currency=pricing.deck.currency, unrated=rated.message)
    return replace(
        draft,
        deck_id=pricing.deck.deck_id,
        deck_row=rated.lines[0].row.number if rated.lines else None,
        rule=rated.rule,
        rate_prefix=rated.prefix,
        billable_s=rated.billable_s,
        charge_micros=rated.micros,
        currency=rated.currency,
        doubt=rated.doubt,
    )


def _observed(draft: Cdr, part: Part) -> CallLeg:
    """The leg as everybody but the carrier's record tells it."""
    sight, source = _own_sight(part)
    leg = draft.as_leg
    if _rests_on_carrier(part, sight, source):
        return leg
    return replace(leg, answered_at=sight.answered_at, ended_at=sight.ended_at, status=sight.status)


def _own_sight(part: Part) -> tuple[Sight, Source | None]:
    fact = Fact.STREAM if part.direction is Direction.STREAM else Fact.TALK
    own = {source: sight for source, sight in part.sights.items() if source not in _CARRIERS}
    sight = believed(fact, own)
    return sight, next((source for source in BELIEFS[fact].order if own.get(source) is sight), None)


def _rests_on_carrier(part: Part, sight: Sight, source: Source | None) -> bool:
    """Whether the carrier's times are taken for ours: nobody else knows the talk, or only the stream's length speaks for it and fits."""
    theirs = part.sights.get(Source.CARRIER)
    if theirs is None or theirs.talk is None:
        return False
    if sight.talk is None:
        return True
    is_stream_time = source in (Source.BRIDGE, Source.CLOSING) and part.direction is not Direction.STREAM
    return is_stream_time and abs(theirs.talk - sight.talk) <= timedelta(seconds=BRIDGE_SLACK_S)


def _audited(draft: Cdr, part: Part | None, result: Audit) -> Cdr:
    if part is None:
        return draft
    findings = tuple(CdrFinding(one.kind, one.evidence) for one in result.findings if one.leg == draft.leg)
    unknowns = tuple(one.reason for one in result.unknowns if one.leg == draft.leg)
    if part.direction is Direction.STREAM and part.record is None:
        findings, unknowns = (), (NO_STREAM_RECORDS,)
    elif part.is_expected and _rests_on_carrier(part, *_own_sight(part)):
        unknowns = (*unknowns, ONLY_THE_CARRIER)
    return replace(draft, findings=findings, unknowns=unknowns)


def _with_model(draft: Cdr, account: Account, prices: PriceList, exchange: ExchangeRates, currency: str) -> Cdr:
    word, closing = bridge_word(account.statements), account.closing
    usage = (closing.usage if closing is not None else ()) or (word.usage if word is not None else None)
    shares = (closing.shares if closing is not None else None) or (word.shares if word is not None else None)
    if usage is None:
        return replace(draft, shares=shares, model_unpriced=NO_USAGE)
    cost = model_cost(usage, draft.began_at, prices, exchange, currency)
    doubts = [draft.doubt, f"model: {cost.doubt}" if cost.doubt else ""]
    return replace(
        draft,
        usage=usage,
        shares=shares,
        model_micros=cost.micros,
        model_charge_micros=cost.charge_micros,
        model_prices=cost.prices,
        exchange=cost.exchange,
        model_unpriced=cost.unpriced,
        doubt="; ".join(doubt for doubt in doubts if doubt),
    )
