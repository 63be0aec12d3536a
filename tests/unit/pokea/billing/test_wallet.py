"""The wallet: when it is low, when that is over, and what nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pokea.billing.wallet import (
    LOW_EVENT,
    MAX_AGE,
    RESTORED_EVENT,
    Balance,
    Standing,
    Wallet,
    may_ring,
    may_ring_unasked,
    read,
    refused,
    standing_at,
    to_tell,
    told,
)
from pokea.money import MICROS

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def after(wallet: Wallet, balance: int, threshold: int | None = 500, own: int = 0) -> Wallet:
    limit = None if threshold is None else threshold * MICROS
    return read(wallet, Balance(balance * MICROS, "KES", limit), own * MICROS, NOW)


@pytest.mark.parametrize(
    ("balance", "threshold", "own", "standing"),
    [
        (501, 500, 0, Standing.OK),
        (500, 500, 0, Standing.OK),
        (499, 500, 0, Standing.LOW),
        (600, 500, 700, Standing.LOW),
        (600, None, 700, Standing.LOW),
        (600, None, 0, Standing.OK),
        (1, None, 0, Standing.OK),
        (0, None, 0, Standing.EMPTY),
        (-3, 500, 0, Standing.EMPTY),
    ],
)
def test_how_a_balance_stands(balance: int, threshold: int | None, own: int, standing: Standing) -> None:
    wallet = after(Wallet(), balance, threshold, own)
    assert (wallet.standing, standing_at(wallet, NOW)) == (standing, standing)


@pytest.mark.parametrize(
    ("standing", "asked", "unasked"),
    [
        (Standing.OK, True, True),
        (Standing.LOW, True, False),
        (Standing.EMPTY, False, False),
        (Standing.UNKNOWN, True, True),
    ],
)
def test_what_a_standing_lets_through(standing: Standing, asked: bool, unasked: bool) -> None:
    assert (may_ring(standing), may_ring_unasked(standing)) == (asked, unasked)


def test_what_was_read_too_long_ago_is_not_known() -> None:
    wallet = after(Wallet(), 10)
    assert standing_at(wallet, NOW + MAX_AGE) is Standing.LOW
    assert standing_at(wallet, NOW + MAX_AGE + timedelta(seconds=1)) is Standing.UNKNOWN
    assert standing_at(None, NOW) is standing_at(Wallet(), NOW) is Standing.UNKNOWN


def test_a_balance_about_its_threshold_is_low_once() -> None:
    wallet, events = Wallet(), []
    for balance in (600, 499, 501, 498, 599, 502, 600, 499):
        wallet = after(wallet, balance)
        event = to_tell(wallet)
        wallet = told(wallet, event)
        events.append(event)
    assert [event for event in events if event] == [LOW_EVENT, RESTORED_EVENT, LOW_EVENT]
    assert events[6] == RESTORED_EVENT  # at 120 % of the threshold


def test_running_empty_is_told_beside_running_low() -> None:
    wallet, events = Wallet(), []
    for balance in (499, 0, 100, 0, 700):
        wallet = after(wallet, balance)
        events.append(to_tell(wallet))
        wallet = told(wallet, events[-1])
    assert events == [LOW_EVENT, LOW_EVENT, "", "", RESTORED_EVENT]


def test_an_event_that_was_not_told_is_due_again() -> None:
    wallet = after(Wallet(), 10)
    assert to_tell(wallet) == to_tell(after(wallet, 11)) == LOW_EVENT
    assert to_tell(after(wallet, 900)) == ""  # it was over before anybody was told


def test_a_refusal_is_believed_at_once_and_until_the_next_reading() -> None:
    wallet = refused(after(Wallet(), 10_000), NOW)
    assert standing_at(wallet, NOW) is Standing.EMPTY
    assert to_tell(wallet) == LOW_EVENT
    assert after(wallet, 10_000).standing is Standing.OK
    assert after(wallet, 550).standing is Standing.LOW
    assert standing_at(refused(Wallet(), NOW), NOW + MAX_AGE) is Standing.EMPTY


BALANCES = st.lists(st.integers(-5, 2_000), min_size=1, max_size=40)


@given(BALANCES, st.integers(0, 1_500), st.integers(0, 1_500))
def test_events_come_in_turns_and_say_what_is_true(balances: list[int], threshold: int, own: int) -> None:
    wallet, low = Wallet(), False
    for balance in balances:
        wallet = after(wallet, balance, threshold, own)
        event = to_tell(wallet)
        if event == RESTORED_EVENT:
            assert low and balance >= max(threshold, own)
            low = False
        elif event == LOW_EVENT:
            assert balance <= 0 or balance < max(threshold, own) * 1.2
            low = True
        wallet = told(wallet, event)
        assert low == (wallet.standing is not Standing.OK)
        assert (wallet.standing is Standing.EMPTY) == (balance <= 0)
