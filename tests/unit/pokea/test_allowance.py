from __future__ import annotations

from datetime import date, timedelta

import pytest

from pokea.allowance import Limit, spent
from pokea.errors import Conflict
from pokea.ids import BusinessId
from pokea.ports import Change
from tests.fakes.memory_store import MemoryStore

DAY = date(2026, 11, 21)
BUSINESS = BusinessId("one")
LIMITS = (Limit("knock", "+254722000111", 2), Limit("knock_all", "", 3))


def spend(store: MemoryStore, limits: tuple[Limit, ...] = LIMITS, day: date = DAY) -> bool:
    counts = spent(store, BUSINESS, limits, day)
    if counts is None:
        return False
    store.apply(Change(records=counts))
    return True


def test_every_limit_counts_and_the_first_that_is_used_up_refuses() -> None:
    store = MemoryStore()
    assert [spend(store) for _ in range(3)] == [True, True, False]
    other = (Limit("knock", "+254733000222", 2), LIMITS[1])
    assert [spend(store, other) for _ in range(2)] == [True, False]


def test_a_new_day_begins_at_nothing() -> None:
    store = MemoryStore()
    assert [spend(store) for _ in range(3)] == [True, True, False]
    assert spend(store, day=DAY + timedelta(days=1))


def test_two_that_spend_the_same_at_once_cannot_both() -> None:
    store = MemoryStore()
    one, other = (spent(store, BUSINESS, LIMITS, DAY) for _ in range(2))
    assert one is not None
    assert other is not None
    store.apply(Change(records=one))
    with pytest.raises(Conflict):
        store.apply(Change(records=other))


def test_no_number_stands_in_a_key() -> None:
    counts = spent(MemoryStore(), BUSINESS, LIMITS, DAY)
    assert counts is not None
    assert not any("254722" in stored.value.key for stored in counts)
