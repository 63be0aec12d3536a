"""The fakes are verified: they pass the same tests as the real stores."""

from __future__ import annotations

import pytest

from pokea.ports import BookingStore, CallStore
from tests.contract.booking_store_contract import BookingStoreContract, CallStoreContract
from tests.fakes.memory_store import MemoryCallStore, MemoryStore


class TestMemoryBookings(BookingStoreContract):
    @pytest.fixture
    def store(self) -> BookingStore:
        return MemoryStore()


class TestMemoryCalls(CallStoreContract):
    @pytest.fixture
    def store(self) -> CallStore:
        return MemoryCallStore()
