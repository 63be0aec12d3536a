from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.calls import CallStatus
from pokea.errors import Conflict
from pokea.ids import BusinessId
from tests.support import faulty_client as fault
from tests.support.faulty_client import Faults
from tests.support.store_samples import NOW, a_call


@pytest.fixture
def store(table: DynamoTable) -> DynamoCallStore:
    return DynamoCallStore(table)


def test_the_first_writer_of_a_call_wins(store: DynamoCallStore) -> None:
    first = store.create_call(a_call("HD_1"))
    assert first.version == 1
    assert store.create_call(a_call("HD_1", agent="support")) == first
    assert store.call(first.session_id) == first


def test_an_unknown_call_is_none(store: DynamoCallStore) -> None:
    assert store.call(a_call().session_id) is None


def test_a_call_is_stored_over_the_version_it_was_read_at_and_no_other(store: DynamoCallStore) -> None:
    read = store.create_call(a_call())
    written = store.put_call(replace(read, status=CallStatus.ANSWERED))
    assert written.version == 2
    with pytest.raises(Conflict) as caught:
        store.put_call(replace(read, status=CallStatus.BUSY))
    assert caught.value.code == "stale"
    assert store.call(read.session_id) == written


def test_a_call_that_was_never_stored_cannot_be_changed(store: DynamoCallStore) -> None:
    with pytest.raises(Conflict):
        store.put_call(a_call(version=3))


def test_a_lost_reply_to_a_change_is_still_the_change(store: DynamoCallStore, table: DynamoTable) -> None:
    read = store.create_call(a_call())
    Faults(table._client, [fault.REPLY_LOST])
    assert store.put_call(replace(read, status=CallStatus.ANSWERED)).version == 2


def test_an_event_is_seen_for_the_first_time_once(store: DynamoCallStore) -> None:
    session = a_call().session_id
    assert [store.first_sight(session, "e1", NOW) for _ in range(3)] == [True, False, False]
    assert store.first_sight(session, "e2", NOW)
    assert store.first_sight(a_call().session_id, "e1", NOW)


def test_a_lost_reply_to_a_first_sight_is_still_the_first_sight(store: DynamoCallStore, table: DynamoTable) -> None:
    session = a_call().session_id
    Faults(table._client, [fault.REPLY_LOST])
    assert store.first_sight(session, "e1", NOW)
    assert not store.first_sight(session, "e1", NOW)


def test_the_calls_of_a_day_are_listed_by_business_earliest_first(store: DynamoCallStore) -> None:
    later, earlier = (store.create_call(a_call(created_at=NOW + timedelta(minutes=n))) for n in (5, 1))
    store.create_call(a_call(created_at=NOW + timedelta(days=1)))
    store.create_call(a_call(business_id="other"))
    assert store.calls_on(BusinessId("clinic"), NOW.date()) == (earlier, later)
