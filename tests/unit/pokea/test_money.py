from __future__ import annotations

import pytest

from pokea.errors import Misuse, RejectedInput
from pokea.money import Money, divided


def kes(text: str) -> Money:
    return Money.parse(text, "KES")


@pytest.mark.parametrize(
    ("text", "micros"),
    [("3", 3_000_000), ("3.00", 3_000_000), ("0.05", 50_000), ("-0.05", -50_000), ("0.000001", 1), ("-0.0", 0)],
)
def test_decimals_are_read_exactly(text: str, micros: int) -> None:
    assert kes(text) == Money(micros, "KES")


@pytest.mark.parametrize("text", ["", "3,00", ".5", "5.", "1e3", "0.0000001", "+1", " 1", "٣", "nan", "1" * 16])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(RejectedInput, match="not a decimal"):
        kes(text)


@pytest.mark.parametrize(
    ("amount", "by", "rounded"),
    [(5, 10, 1), (4, 10, 0), (-5, 10, -1), (-4, 10, 0), (15, 10, 2), (25, 10, 3), (0, 7, 0)],
)
def test_halves_go_up_by_magnitude(amount: int, by: int, rounded: int) -> None:
    assert divided(amount, by) == rounded


def test_a_divisor_is_positive() -> None:
    with pytest.raises(Misuse, match="positive"):
        divided(1, 0)


def test_forty_seconds_at_three_shillings_a_minute_cost_two() -> None:
    assert kes("3.00").times(40, 60) == kes("2.00")
    assert kes("0.05").times(73) == kes("3.65")


def test_minor_units_follow_the_currency() -> None:
    assert Money.from_minor(305, "KES") == kes("3.05")
    assert Money.from_minor(305, "UGX") == Money.parse("305", "UGX")
    assert kes("3.055").to_minor() == 306
    assert kes("-3.055").to_minor() == -306
    assert Money.parse("304.5", "UGX").to_minor() == 305


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (kes("1234.5"), "KES 1,234.50"),
        (kes("-0.05"), "KES -0.05"),
        (kes("-0.001"), "KES 0.00"),
        (Money.parse("1500.4", "UGX"), "UGX 1,500"),
    ],
)
def test_amounts_are_printed_with_the_coins_of_the_currency(money: Money, text: str) -> None:
    assert str(money) == text


def test_currencies_do_not_mix() -> None:
    dollar = Money.parse("1", "USD")
    for act in (
        lambda: kes("1") + dollar,
        lambda: kes("1") - dollar,
        lambda: kes("1") < dollar,
        lambda: kes("1") >= dollar,
    ):
        with pytest.raises(Misuse, match="do not mix"):
            act()
    assert kes("1") != dollar


def test_comparisons_and_negation() -> None:
    assert kes("1") < kes("2") <= kes("2")
    assert kes("2") > kes("1") >= kes("1")
    assert -kes("1") == kes("-1") == Money.zero("KES") - kes("1")


def test_floats_and_unknown_currencies_are_refused() -> None:
    with pytest.raises(Misuse, match="whole micro-units"):
        Money(1.0, "KES")  # type: ignore[arg-type]
    with pytest.raises(Misuse, match="whole micro-units"):
        Money(True, "KES")
    with pytest.raises(RejectedInput, match="not a currency"):
        Money(1, "kes")
