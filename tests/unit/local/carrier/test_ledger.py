"""Charges and records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.carrier.ledger import Tariff, Wallet, billed_seconds

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration_s", "per_second_cost", "per_minute_cost"),
    [(0, 0, 0), (1, 5, 300), (60, 300, 300), (61, 305, 600), (90, 450, 600)],
)
def test_an_outbound_call_is_charged_by_the_second_or_by_begun_minutes(
    duration_s: int, per_second_cost: int, per_minute_cost: int
) -> None:
    assert Tariff().leg_cost_minor(duration_s, 300) == per_second_cost
    assert Tariff(pulse_s=60).leg_cost_minor(duration_s, 300) == per_minute_cost


@given(duration_s=st.integers(0, 100_000), rate=st.integers(0, 10_000))
def test_a_longer_call_never_costs_less(duration_s: int, rate: int) -> None:
    tariff = Tariff()
    assert tariff.leg_cost_minor(duration_s, rate) <= tariff.leg_cost_minor(duration_s + 1, rate)


def test_every_begun_second_of_talk_counts() -> None:
    assert billed_seconds(None, NOON) == 0
    assert billed_seconds(NOON, NOON) == 0
    assert billed_seconds(NOON, NOON + timedelta(milliseconds=1)) == 1
    assert billed_seconds(NOON, NOON + timedelta(seconds=61)) == 61


def test_the_wallet_keeps_every_movement_and_skips_empty_ones() -> None:
    wallet = Wallet(1000)
    wallet.move(-305, "call", "c1", NOON)
    wallet.move(0, "call", "c2", NOON)
    assert wallet.balance_minor == 695
    assert [(one.reference, one.balance_minor) for one in wallet.movements] == [("c1", 695)]
