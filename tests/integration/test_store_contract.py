"""The stores keep the contract of `pokea.ports` on the local AWS, races included."""

from __future__ import annotations

import pytest

from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from tests.contract.booking_store_contract import BookingStoreContract, CallStoreContract


class TestDynamoBookings(BookingStoreContract):
    contenders = 16

    @pytest.fixture
    def store(self, core_table: DynamoTable) -> DynamoStore:
        return DynamoStore(core_table)


class TestDynamoCalls(CallStoreContract):
    contenders = 16

    @pytest.fixture
    def store(self, core_table: DynamoTable) -> DynamoCallStore:
        return DynamoCallStore(core_table)
