"""Campaigns keep the contract of `pokea.campaigns.ports.CampaignStore`; races are left to the local AWS, because moto is not atomic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pokea.adapters import campaign_items
from pokea.adapters.dynamo_campaigns import DynamoCampaigns
from pokea.adapters.dynamo_table import DynamoTable
from pokea.campaigns.ports import SHARDS, CampaignStore
from tests.contract.campaign_store_contract import AT, CampaignStoreContract, a_campaign, a_contact
from tests.fakes.memory_campaigns import MemoryCampaigns
from tests.support.store import moto_table


class TestMemoryCampaigns(CampaignStoreContract):
    @pytest.fixture
    def store(self) -> CampaignStore:
        return MemoryCampaigns()


@pytest.fixture(scope="module")
def one_table() -> Iterator[DynamoTable]:
    """For all tests of the contract: each has a business of its own."""
    with moto_table() as made:
        yield made


class TestDynamoCampaigns(CampaignStoreContract):
    contenders = 1

    @pytest.fixture
    def store(self, one_table: DynamoTable) -> CampaignStore:
        return DynamoCampaigns(one_table)


def test_contacts_are_spread_over_the_shards_and_no_number_stands_in_a_key() -> None:
    campaign = a_campaign()
    items = [campaign_items.contact_item(a_contact(campaign, number)) for number in range(200)]
    assert len({item["pk"]["S"] for item in items}) == len({item["gsi1pk"]["S"] for item in items}) == SHARDS
    assert all("2547221" not in str(item[key]) for item in items for key in ("pk", "sk", "gsi1pk", "gsi1sk"))
    assert len({campaign_items.tally_key(a_contact(campaign, number)) for number in range(1_000)}) == 32


def test_a_contact_is_tidied_away_in_the_end() -> None:
    item = campaign_items.contact_item(a_contact(a_campaign()))
    assert int(item["expires_at"]["N"]) == int((AT + campaign_items.KEPT).timestamp())
