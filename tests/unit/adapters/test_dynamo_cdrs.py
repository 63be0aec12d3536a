"""Detail records keep the contract of `pokea.ports.CdrStore`; races are left to the local AWS, because moto is not atomic."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pokea.adapters import cdr_items
from pokea.adapters.dynamo_cdrs import DynamoCdrs
from pokea.adapters.dynamo_table import DynamoTable
from pokea.billing.cdr import CDR_PRIVACY
from pokea.clock import as_utc
from pokea.ports import CdrStore
from tests.contract.cdr_store_contract import AT, CdrStoreContract, a_cdr, a_session, a_statement, full
from tests.fakes.memory_cdrs import MemoryCdrs


class TestMemoryCdrs(CdrStoreContract):
    @pytest.fixture
    def cdrs(self) -> CdrStore:
        return MemoryCdrs()


class TestDynamoCdrs(CdrStoreContract):
    contenders = 1

    @pytest.fixture
    def cdrs(self, table: DynamoTable) -> CdrStore:
        return DynamoCdrs(table)


def test_every_field_of_a_record_is_stored() -> None:
    assert set(cdr_items.CDR.codecs) == set(CDR_PRIVACY)


def test_the_calls_of_a_day_are_spread_and_no_number_stands_in_a_key() -> None:
    items = [cdr_items.latest_item(full(a_cdr(session_id=a_session(), version=1))) for _ in range(200)]
    assert len({item["gsi1pk"]["S"] for item in items}) == cdr_items.SHARDS
    items += [
        cdr_items.version_item(full(a_cdr(version=1))),
        cdr_items.statement_item(a_statement(content="+254722000111")),
    ]
    assert all(
        "254722000111" not in str(item[key])
        for item in items
        for key in item
        if key in ("pk", "sk", "gsi1pk", "gsi1sk")
    )


def test_records_are_kept_for_more_than_a_year_and_versions_out_of_the_index() -> None:
    cdr = full(a_cdr(version=12))
    latest, version = cdr_items.latest_item(cdr), cdr_items.version_item(cdr)
    until = int((as_utc(AT) + timedelta(days=400)).timestamp())
    assert latest["expires_at"] == version["expires_at"] == {"N": str(until)}
    assert version["sk"] == {"S": "LEG#caller#V#000012"} and "gsi1pk" not in version
    assert cdr_items.read_version(version) == cdr


def test_what_stands_is_read_without_what_ever_stood(table: DynamoTable) -> None:
    cdrs = DynamoCdrs(table)
    written = cdrs.put_cdrs([a_cdr()])
    for _ in range(3):
        written = cdrs.put_cdrs(written)
    (standing,) = table.query(cdr_items.partition(written[0].session_id), cdr_items.LATEST)
    assert cdr_items.CDR.read(standing) == written[0]
    assert len(cdrs.versions(written[0].session_id, written[0].leg)) == 4
