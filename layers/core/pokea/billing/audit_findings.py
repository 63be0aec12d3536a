"""What an audit says: findings with their evidence, and what it cannot say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pokea.billing.call_leg import Direction
from pokea.billing.rate_deck import RateDeck, RateRow, amount
from pokea.errors import CallError
from pokea.money import Money


class Difference(StrEnum):
    MISSING = "missing"  # one of the two has no record of the leg
    DUPLICATE = "duplicate"  # the carrier has booked the leg more than once
    WRONG_RATE = "wrong_rate"  # no known rounding rule explains the charge: the price is another one
    WRONG_ROUNDING = "wrong_rounding"  # another rounding rule than the deck's explains the charge
    STUCK = "stuck"  # in progress for the carrier, although it has ended
    FAILED_LEG_BILLED = "failed_leg_billed"  # nobody answered, and it is charged
    TRANSFER_LEG_UNPAIRED = "transfer_leg_unpaired"  # a transfer without its call, or booked under another one
    STREAM_FEE = "stream_fee"  # a fee for the media stream that is not due, or another than the deck's
    DURATION_DIFFERS = "duration_differs"  # talk times differ by more than a second
    CURRENCY = "currency"  # charged in another currency than the deck's


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One disagreement about one leg. None means unknown. `fits` names the rounding rules that explain the charge exactly.

    `by_rule`: where the amount is in question, what the leg costs under each known rule, in micro-units.
    """

    kind: Difference
    call_id: str
    leg: str
    direction: Direction
    observed_s: int | None
    billed_s: int | None
    expected_micros: int | None
    charged_minor: int | None
    charged_currency: str
    currency: str  # the deck's
    rule: str  # the deck's rule for this leg
    fits: tuple[str, ...]
    by_rule: tuple[tuple[str, int], ...]
    row: RateRow | None
    deck_id: str
    note: str

    @property
    def difference_micros(self) -> int | None:
        """Charged minus expected, where both are known and in one currency."""
        if self.charged_minor is None or self.expected_micros is None:
            return None
        if (self.charged_currency or self.currency) != self.currency:
            return None
        return Money.from_minor(self.charged_minor, self.currency).micros - self.expected_micros

    @property
    def evidence(self) -> str:
        """One line for a dispute: ids, both talk times, both amounts, the rule, and the row of the deck with its source."""
        parts = [
            f"call {self.call_id}, leg {self.leg} ({self.direction}): {self.kind}"
            + (f", {self.note}" if self.note else ""),
            f"we measured {_seconds(self.observed_s)}, the carrier {_seconds(self.billed_s)}",
            f"expected {self._expected()}{f' ({self.rule})' if self.rule else ''}, charged {self._charged()}",
        ]
        if (more := self.difference_micros) is not None:
            parts[-1] += f", difference {self.currency} {amount(more)}"
        if self.fits:
            parts.append(f"the charge fits {', '.join(self.fits)}")
        if self.row is None:
            parts.append(f"deck {self.deck_id}")
        else:
            parts.append(f"deck {self.deck_id}, {self.row.describe()}")
            parts.append(
                f"source: {self.row.source or 'not given'}"
                + (f" (uncertain: {self.row.doubt})" if self.row.doubt else "")
            )
        return "; ".join(parts)

    def _expected(self) -> str:
        return "unknown" if self.expected_micros is None else f"{self.currency} {amount(self.expected_micros)}"

    def _charged(self) -> str:
        if self.charged_minor is None:
            return "unknown"
        try:
            return str(Money.from_minor(self.charged_minor, self.charged_currency or self.currency))
        except CallError:  # a currency that we do not know, so neither do we know its minor unit
            return f"{self.charged_minor} minor units of {self.charged_currency}"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A leg, or a row of a file, that could not be judged."""

    call_id: str
    leg: str
    reason: str


@dataclass(frozen=True, slots=True)
class Audit:
    """`fits`: for each known rounding rule, how many of the `judged` charges it explains exactly. Free legs are not among them."""

    deck: RateDeck
    findings: tuple[Finding, ...]
    unknowns: tuple[Unknown, ...]
    agreed: int
    judged: int
    fits: Mapping[str, int]

    @property
    def carrier_rules(self) -> tuple[str, ...]:
        """The rules that explain every charge of the carrier's; empty if none does, or nothing could be judged."""
        return tuple(rule for rule, count in self.fits.items() if self.judged and count == self.judged)


def _seconds(seconds: int | None) -> str:
    return "unknown" if seconds is None else f"{seconds} s"
