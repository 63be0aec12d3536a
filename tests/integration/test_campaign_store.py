"""Campaigns on the local AWS: the contract with its races."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pokea.adapters.dynamo_campaigns import DynamoCampaigns
from pokea.adapters.dynamo_table import DynamoTable
from pokea.campaigns.ports import CampaignStore
from tests.contract.campaign_store_contract import CampaignStoreContract
from tests.support.store import RunningAws


@pytest.fixture(scope="module")
def one_table(local_aws: RunningAws) -> Iterator[DynamoTable]:
    """For all tests of the contract: each has a business of its own."""
    with local_aws.fresh_table() as made:
        yield made


class TestDynamoCampaigns(CampaignStoreContract):
    contenders = 8

    @pytest.fixture
    def store(self, one_table: DynamoTable) -> CampaignStore:
        return DynamoCampaigns(one_table)
