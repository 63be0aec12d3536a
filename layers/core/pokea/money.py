"""Money as whole micro-units of one currency. There is no float anywhere: floats lose cents on a million call records.

One rounding rule for everything: half up by magnitude, so that 0.5 becomes 1 and -0.5 becomes -1, and a refund undoes a charge to the
last micro-unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pokea.errors import Misuse, RejectedInput

MICROS = 1_000_000  # micro-units in one whole unit: 1 KES = 1,000,000
# ISO 4217 digits after the point of the currencies we meet; another currency is refused, not guessed.
MINOR_DIGITS = {
    "EUR": 2,
    "GBP": 2,
    "GHS": 2,
    "KES": 2,
    "NGN": 2,
    "RWF": 0,
    "TZS": 2,
    "UGX": 0,
    "USD": 2,
    "XAF": 0,
    "XOF": 0,
    "ZAR": 2,
}
_DECIMAL = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,6}))?")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount. Adding or comparing two currencies is our bug and raises Misuse."""

    micros: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.micros) is not int:
            raise Misuse("not_micros", "money is counted in whole micro-units")
        if self.currency not in MINOR_DIGITS:
            raise RejectedInput("unknown_currency", f"{self.currency!r} is not a currency we know")

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(0, currency)

    @classmethod
    def from_minor(cls, minor: int, currency: str) -> Money:
        """From minor units: 305 of KES is 3.05 KES, 305 of UGX is 305 UGX."""
        return cls(minor * cls(0, currency)._micros_per_minor, currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """From a decimal as carriers and price lists write it: "3.00", "-0.05", at most six digits after the point."""
        found = _DECIMAL.fullmatch(text)
        if not found:
            raise RejectedInput("not_an_amount", "not a decimal amount with at most six digits after the point")
        sign, whole, part = found.groups(default="")
        micros = int(whole) * MICROS + int(part.ljust(6, "0"))
        return cls(-micros if sign else micros, currency)

    def to_minor(self) -> int:
        """In minor units, rounded half up."""
        return divided(self.micros, self._micros_per_minor)

    def times(self, numerator: int, denominator: int = 1) -> Money:
        """This amount × numerator ÷ denominator, rounded half up to a micro-unit: 3 KES a minute for 40 s is `times(40, 60)`."""
        return Money(divided(self.micros * numerator, denominator), self.currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.micros + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.micros - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.micros, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.micros < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.micros <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.micros > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.micros >= self._same(other)

    def __str__(self) -> str:
        """Such as "KES 1,234.50": rounded to what the currency has coins for."""
        digits = MINOR_DIGITS[self.currency]
        whole, part = divmod(abs(self.to_minor()), 10**digits)
        sign = "-" if self.to_minor() < 0 else ""
        return f"{self.currency} {sign}{whole:,}" + (f".{part:0{digits}d}" if digits else "")

    @property
    def _micros_per_minor(self) -> int:
        return MICROS // int(10 ** MINOR_DIGITS[self.currency])

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise Misuse("two_currencies", f"{self.currency} and {other.currency} do not mix")
        return other.micros


def divided(amount: int, by: int) -> int:
    """`amount` ÷ `by` in whole numbers, rounded half up by magnitude. `by` must be positive."""
    if by <= 0:
        raise Misuse("bad_divisor", "the divisor of an amount must be positive")
    magnitude = (2 * abs(amount) + by) // (2 * by)
    return magnitude if amount >= 0 else -magnitude
