from __future__ import annotations

import pytest

from pokea.adapters.dynamo_api_keys import ApiKeyGrant, DynamoApiKeyStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.errors import Misuse, Unauthorized
from pokea.ids import BusinessId
from tests.support.faulty_client import Faults
from tests.support.store_samples import NOW

CLINIC = BusinessId("white-dent_2")


@pytest.fixture
def store(table: DynamoTable) -> DynamoApiKeyStore:
    return DynamoApiKeyStore(table)


def created(store: DynamoApiKeyStore, *scopes: str) -> str:
    return store.create_key(CLINIC, scopes or ("calls:write",), label="website", at=NOW)


def test_a_key_grants_its_scopes_at_its_business(store: DynamoApiKeyStore) -> None:
    key = created(store, "calls:write", "calls:read")
    assert store.find(key) == ApiKeyGrant(CLINIC, frozenset({"calls:write", "calls:read"}))


def test_the_key_itself_is_stored_nowhere(store: DynamoApiKeyStore, table: DynamoTable) -> None:
    key = created(store)
    everything = str(table._client.scan(TableName=table.name)["Items"])
    assert key not in everything
    assert key.rpartition(".")[2] not in everything


def test_no_two_keys_are_the_same(store: DynamoApiKeyStore) -> None:
    assert len({created(store) for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "tampered",
    [
        "",
        "x",
        "pokea.white-dent_2.",
        "pokea.white-dent_2." + "A" * 43,
        "pokea.other.{secret}",
        "pokea.white-dent_2.{secret}x",
        "pokea.-.{secret}",
        "pokea.white-dent_2#x.{secret}",
        " pokea.white-dent_2.{secret}",
        "POKEA.white-dent_2.{secret}",
        "x" * 100_000,
        "pokea.ü.{secret}",
        "\udc80",
    ],
)
def test_any_other_key_is_unauthorized_after_the_same_work(
    tampered: str, store: DynamoApiKeyStore, table: DynamoTable
) -> None:
    secret = created(store).rpartition(".")[2]
    faults = Faults(table._client)
    with pytest.raises(Unauthorized) as caught:
        store.find(tampered.replace("{secret}", secret))
    assert faults.requests == ["GetItem"]
    assert secret not in str(caught.value)


def test_a_revoked_key_grants_nothing(store: DynamoApiKeyStore) -> None:
    key, other = created(store), created(store)
    store.revoke_key(key)
    store.revoke_key(key)
    with pytest.raises(Unauthorized):
        store.find(key)
    assert store.find(other)


@pytest.mark.parametrize(("business", "scopes"), [("", ["a"]), ("a#b", ["a"]), ("-", ["a"]), ("clinic", [])])
def test_a_key_for_no_business_or_for_nothing_is_not_made(
    business: str, scopes: list[str], store: DynamoApiKeyStore
) -> None:
    with pytest.raises(Misuse):
        store.create_key(BusinessId(business), scopes, label="", at=NOW)
