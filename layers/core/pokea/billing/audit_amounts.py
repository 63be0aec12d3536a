"""Whether an amount on the carrier's bill is what the deck says, and if not, which rule or price explains it exactly.

A rule explains an amount only if it gives that amount to the minor unit. The nearest rule is no explanation.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import DIALLED, CallLeg, Direction
from pokea.billing.rate_deck import PER_SECOND, PER_STARTED_MINUTE, Pulse, RateDeck, amount
from pokea.billing.rating import Charge, Rater, Unrated, price
from pokea.money import divided

KNOWN_RULES = (
    PER_SECOND,
    PER_STARTED_MINUTE,
    Pulse(60, 1),
    Pulse(60, 30),
    Pulse(30, 30),
    Pulse(30, 6),
    Pulse(6, 6),
)
OF_TOTAL = "per_started_minute_of_total"  # the seconds of a call's legs are added up before they become minutes
MAX_RATES = 12  # more prices than this explain the charge of a very short call: it tells nothing about the price
_RATE_STEP = 10_000  # prices are looked for in steps of 0.01 a minute


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """`kind` None and `unknown` "": the amount is right.

    `by_rule`: what the leg costs under each known rule, `rates`: prices a minute that would explain the amount; both in micro-units.
    """

    kind: Difference | None
    charge: Charge | None
    fits: tuple[str, ...] = ()
    by_rule: tuple[tuple[str, int], ...] = ()
    rates: frozenset[int] = frozenset()
    note: str = ""
    unknown: str = ""


class Raters:
    """A deck's prices under its own rule and under each known one. They remember, so whoever audits often keeps them; one per thread."""

    def __init__(self, deck: RateDeck) -> None:
        self.deck = deck
        self.own = Rater(deck)
        self.by_rule = [(pulse, Rater(_under(deck, pulse))) for pulse in KNOWN_RULES]


class AmountJudge:
    """Judges the amounts of one audit and counts which rules fit."""

    def __init__(self, raters: Raters) -> None:
        self.judged = 0
        self._deck = raters.deck
        self._rater = raters.own
        self._fits: Counter[str] = Counter()
        self._calls: dict[str, list[tuple[Charge, int, Verdict]]] = defaultdict(list)  # the priced legs of each call
        self._by_rule = raters.by_rule

    def judge(self, legs: Sequence[CallLeg], cost_minor: int, streams: Sequence[CallLeg]) -> Verdict:
        """`legs`: the leg as the carrier times it and, where the times agree, as we do; a charge for either is right.

        `streams`: the media streams that we saw in the call.
        """
        rated = [self._rater.rate(leg) for leg in legs]
        charges = [charge for charge in rated if isinstance(charge, Charge)]
        if not charges:
            return self._without_price(legs[0], rated[0], cost_minor)
        fits: tuple[str, ...] = ()
        if cost_minor or any(charge.micros for charge in charges):
            fits = self._fitting(legs, cost_minor)
        if any(charge.micros for charge in charges):  # of a free leg every rule would be true
            self.judged += 1
            self._fits.update(fits)
        is_right = any(self._deck.may_show(charge.micros, cost_minor) for charge in charges)
        if is_right or (not cost_minor and charges[0].doubt):  # a fee that is in doubt need not be charged
            verdict = Verdict(None, charges[0])
        else:
            verdict = self._explained(legs[0], charges[0], cost_minor, fits, streams)
            verdict = replace(verdict, by_rule=self.by_rule(legs[0]))
        if legs[0].direction in DIALLED and charges[0].micros:
            self._calls[legs[0].call_id].append((charges[0], cost_minor, verdict))
        return verdict

    def by_rule(self, leg: CallLeg) -> tuple[tuple[str, int], ...]:
        """What the leg costs under each known rule, in micro-units."""
        rated = [(pulse.name, rater.rate(leg)) for pulse, rater in self._by_rule]
        return tuple((name, charge.micros) for name, charge in rated if isinstance(charge, Charge))

    def counts(self) -> Mapping[str, int]:
        """For each known rule, how many charges it explains."""
        return {pulse.name: self._fits[pulse.name] for pulse in KNOWN_RULES}

    def settle(self, verdicts: Iterable[Verdict]) -> Mapping[int, Verdict]:
        """Second thoughts, by the id of the verdict: a charge that both a rule and another price explain goes to the price,
        if other charges need that price and none needs the rule."""
        known = list(verdicts)
        prices = Counter(rate for one in known if one.kind is Difference.WRONG_RATE for rate in one.rates)
        rounded = [one for one in known if one.kind is Difference.WRONG_ROUNDING]
        rules = Counter(rule for one in rounded if not any(prices[rate] for rate in one.rates) for rule in one.fits)
        changed = {}
        for one in rounded:
            best = max(one.rates, key=lambda rate: prices[rate], default=None)
            if best is not None and prices[best] > 1 and not any(rules[rule] for rule in one.fits):
                note = f"{amount(best)} a minute, as on other legs"
                changed[id(one)] = replace(one, kind=Difference.WRONG_RATE, note=note)
        return changed | self._by_total()

    def _by_total(self) -> dict[int, Verdict]:
        """Calls of several legs at one price whose charges add up to the started minutes of all their seconds together."""
        found = {}
        for legs in self._calls.values():
            rates = {line.row.per_minute_micros for charge, _, _ in legs for line in charge.lines}
            if len(legs) < 2 or len(rates) != 1 or all(verdict.kind is None for _, _, verdict in legs):
                continue
            talk_s = sum(charge.billable_s for charge, _, _ in legs)
            together = price(rates.pop(), PER_STARTED_MINUTE.up_to(talk_s))
            if not self._deck.may_show(together, sum(cost for _, cost, _ in legs)):
                continue
            for _, _, verdict in legs:
                if verdict.kind is Difference.WRONG_RATE:
                    found[id(verdict)] = replace(verdict, kind=Difference.WRONG_ROUNDING, fits=(OF_TOTAL,), note="")
        return found

    def _without_price(self, leg: CallLeg, rated: Charge | Unrated, cost_minor: int) -> Verdict:
        assert isinstance(rated, Unrated)
        if leg.direction is not Direction.STREAM or rated.reason != "no_row":
            return Verdict(None, None, unknown=rated.message)
        if not cost_minor:
            return Verdict(None, None)
        return Verdict(Difference.STREAM_FEE, None, note="the deck has no fee for streams")

    def _fitting(self, legs: Sequence[CallLeg], cost_minor: int) -> tuple[str, ...]:
        return tuple(
            pulse.name
            for pulse, rater in self._by_rule
            if any(
                isinstance(charge := rater.rate(leg), Charge) and self._deck.may_show(charge.micros, cost_minor)
                for leg in legs
            )
        )

    def _explained(
        self, leg: CallLeg, charge: Charge, cost_minor: int, fits: tuple[str, ...], streams: Sequence[CallLeg]
    ) -> Verdict:
        if (
            leg.direction is not Direction.STREAM
            and not fits
            and self._holds_stream_fee(leg, charge, cost_minor, streams)
        ):
            return Verdict(Difference.STREAM_FEE, charge, note="the charge is the leg's and a stream's together")
        if not fits and self._is_rounded_otherwise(charge, cost_minor):
            fits = (f"{charge.rule} with fractions of a minor unit rounded otherwise",)
        rates = self._rates(charge, cost_minor)
        if fits:
            return Verdict(Difference.WRONG_ROUNDING, charge, fits, rates=rates)
        note = self._price_note(leg, charge, cost_minor)
        kind = Difference.STREAM_FEE if leg.direction is Direction.STREAM else Difference.WRONG_RATE
        return Verdict(kind, charge, rates=rates, note=note)

    def _holds_stream_fee(self, leg: CallLeg, charge: Charge, cost_minor: int, streams: Sequence[CallLeg]) -> bool:
        """Whether the amount is the leg's charge and the fee for its stream: the streams we saw, or one as long as the leg."""
        fees = [self._rater.rate(stream) for stream in streams]
        same_length = self._rater.rate(replace(leg, direction=Direction.STREAM))
        for group in (fees, [same_length]):
            micros = [fee.micros for fee in group if isinstance(fee, Charge)]
            if len(micros) != len(group) or not any(micros):
                continue
            apart = [self._deck.minor_amounts(part) for part in (charge.micros, *micros)]
            if self._deck.may_show(charge.micros + sum(micros), cost_minor):
                return True
            if sum(map(min, apart)) <= cost_minor <= sum(map(max, apart)):
                return True
        return False

    def _is_rounded_otherwise(self, charge: Charge, cost_minor: int) -> bool:
        """Within the same minor unit, where the deck says how fractions are rounded."""
        return abs(charge.micros - cost_minor * self._deck.minor_micros) < self._deck.minor_micros

    def _rates(self, charge: Charge, cost_minor: int) -> frozenset[int]:
        """The prices a minute, in steps of 0.01, under which the deck's rule gives exactly this amount."""
        if len(charge.lines) != 1 or not charge.billable_s:
            return frozenset()
        unit = self._deck.minor_micros
        low = max((cost_minor - 1) * unit * 60 // charge.billable_s // _RATE_STEP, 0)
        high = (cost_minor + 1) * unit * 60 // charge.billable_s // _RATE_STEP + 1
        if high - low > 4 * MAX_RATES:
            return frozenset()
        rates = frozenset(
            rate
            for rate in range(low * _RATE_STEP, high * _RATE_STEP + 1, _RATE_STEP)
            if self._deck.may_show(price(rate, charge.billable_s), cost_minor)
        )
        return rates if len(rates) <= MAX_RATES else frozenset()

    def _price_note(self, leg: CallLeg, charge: Charge, cost_minor: int) -> str:
        """Which price a minute the charge amounts to, and whether another row of the deck has it."""
        spent = cost_minor * self._deck.minor_micros - sum(line.micros for line in charge.lines if not line.seconds)
        if not charge.billable_s or spent < 0:
            return ""
        rate = divided(spent * 60, charge.billable_s)
        other = next(
            (
                row
                for row in self._deck.rows
                if row.direction is leg.direction
                and row.per_minute_micros != charge.lines[-1].row.per_minute_micros
                and self._deck.may_show(price(row.per_minute_micros, charge.billable_s), cost_minor)
            ),
            None,
        )
        known = f", the price of {other.describe()}" if other else ""
        return f"{amount(rate)} a minute for {charge.billable_s} s{known}"


def _under(deck: RateDeck, pulse: Pulse) -> RateDeck:
    """The same prices under another step."""
    return replace(deck, rows=tuple(replace(row, pulse=pulse) for row in deck.rows))
