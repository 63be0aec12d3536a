"""The stores keep the contract of `pokea.ports`; races are left to the local AWS, because moto is not atomic."""

from __future__ import annotations

import pytest

from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from tests.contract.booking_store_contract import BookingStoreContract, CallStoreContract


class TestDynamoBookings(BookingStoreContract):
    contenders = 1

    @pytest.fixture
    def store(self, table: DynamoTable) -> DynamoStore:
        return DynamoStore(table)


class TestDynamoCalls(CallStoreContract):
    contenders = 1

    @pytest.fixture
    def store(self, table: DynamoTable) -> DynamoCallStore:
        return DynamoCallStore(table)
