"""Rating and auditing with one safeguard taken out each. Every check of money must be seen to fail against the one that lacks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

from pokea.billing import rating
from pokea.billing.audit_amounts import AmountJudge
from pokea.billing.call_leg import CallLeg
from pokea.billing.rating import Charge, Rater, Unrated

Breaks = Callable[[], AbstractContextManager[None]]


@contextmanager
def float_money() -> Iterator[None]:
    """Counts in floats and rounds as floats do."""

    def price(per_minute_micros: int, seconds: int) -> int:
        return round(round(per_minute_micros / 1e6 * seconds / 60, 4) * 1_000_000)

    with mock.patch.object(rating, "price", price):
        yield


@contextmanager
def half_to_even() -> Iterator[None]:
    """Rounds halves to the even side, as `round` does."""

    def price(per_minute_micros: int, seconds: int) -> int:
        whole, rest = divmod(per_minute_micros * seconds, 60)
        return whole + (rest > 30 or (rest == 30 and whole % 2 == 1))

    with mock.patch.object(rating, "price", price):
        yield


@contextmanager
def nearest_rule() -> Iterator[None]:
    """Takes the rule that comes nearest for the one that explains a charge."""

    def fitting(self: Any, legs: Sequence[CallLeg], cost_minor: int) -> tuple[str, ...]:
        def distance(rated: Charge | Unrated) -> int:
            return abs(rated.micros - cost_minor * 10_000) if isinstance(rated, Charge) else 10**12

        nearest = min(self._by_rule, key=lambda rule: min(distance(rule[1].rate(leg)) for leg in legs))
        return (nearest[0].name,)

    with mock.patch.object(AmountJudge, "_fitting", fitting):
        yield


@contextmanager
def unrated_as_zero() -> Iterator[None]:
    """Takes what has no price to cost nothing."""
    rate = Rater.rate

    def free(self: Rater, leg: CallLeg) -> Charge | Unrated:
        rated = rate(self, leg)
        return Charge((), 0, 0, self.deck.currency) if isinstance(rated, Unrated) else rated

    with mock.patch.object(Rater, "rate", free):
        yield


@contextmanager
def first_prefix() -> Iterator[None]:
    """Takes the shortest prefix that fits."""
    index_of = rating._index_of

    def reversed_index(*arguments: Any) -> Any:
        return tuple(reversed(index_of(*arguments)))

    with mock.patch.object(rating, "_index_of", reversed_index):
        yield


@contextmanager
def price_of_the_answer() -> Iterator[None]:
    """Charges the whole call at the price that held when it began."""
    on = Rater._on

    def without_change(self: Any, timeline: Any, answered: Any, ended: Any, talk_s: int) -> Charge | Unrated:
        return on(self, timeline, answered, answered, talk_s)

    with mock.patch.object(Rater, "_on", without_change):
        yield
