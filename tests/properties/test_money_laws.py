"""Money is exact: it agrees with fractions, and what is charged can be given back to the last micro-unit."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from pokea.money import MINOR_DIGITS, Money, divided

currencies = st.sampled_from(sorted(MINOR_DIGITS))
micros = st.integers(-(10**15), 10**15)


@given(micros, micros, micros, currencies)
def test_adding_is_exact_in_any_order(a: int, b: int, c: int, currency: str) -> None:
    one, two, three = (Money(amount, currency) for amount in (a, b, c))
    assert (one + two) + three == three + (two + one)
    assert (one + two) - two == one
    assert one - one == Money.zero(currency)
    assert (one < two) == (a < b)


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**9))
def test_rounding_is_half_up_by_magnitude(amount: int, by: int) -> None:
    exact = Fraction(amount, by)
    rounded = divided(amount, by)
    assert abs(exact - rounded) <= Fraction(1, 2)
    if abs(exact - rounded) == Fraction(1, 2):
        assert abs(rounded) > abs(exact)
    assert divided(-amount, by) == -rounded


@given(micros, st.integers(0, 100_000), st.integers(1, 3_600), currencies)
def test_a_refund_undoes_a_charge(amount: int, seconds: int, per: int, currency: str) -> None:
    price = Money(amount, currency)
    assert price.times(seconds, per) + (-price).times(seconds, per) == Money.zero(currency)


@given(st.integers(-(10**12), 10**12), currencies)
def test_minor_units_survive_the_round_trip(minor: int, currency: str) -> None:
    assert Money.from_minor(minor, currency).to_minor() == minor


@given(micros, currencies)
def test_what_is_written_with_six_digits_is_read_back(amount: int, currency: str) -> None:
    sign = "-" if amount < 0 else ""
    text = f"{sign}{abs(amount) // 10**6}.{abs(amount) % 10**6:06d}"
    assert Money.parse(text, currency) == Money(amount, currency)
