"""A store that throttles, fails and loses replies: every operation ends with the right word, few retries, and nothing done twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable, Retries
from pokea.booking import Appointment
from pokea.errors import Unavailable
from tests.faults.broken.stores import OptimisticTable, PatientTable
from tests.oracles.slot_checker import check
from tests.support import faulty_client as fault
from tests.support.booker import MORNING, Booker, History, final_read, rules_of
from tests.support.faulty_client import Fault, Faults
from tests.support.store import ManualTime, RunningAws

CALLS = 100
READS = 200
CAPACITY = 12
WEATHER: dict[Fault, float] = {  # share of requests; the rest pass
    fault.THROTTLED: 0.30,
    fault.INTERNAL_ERROR: 0.03,
    fault.ERROR_AFTER_WRITE: 0.02,
    fault.REPLY_LOST: 0.03,
    fault.REQUEST_LOST: 0.02,
}


@pytest.fixture
def time() -> ManualTime:
    return ManualTime()


@pytest.fixture
def retries(time: ManualTime) -> Retries:
    return time.retries()


@pytest.fixture
def table(local_aws: RunningAws, retries: Retries) -> Iterator[DynamoTable]:
    with local_aws.fresh_table(retries, read_timeout=30) as made:
        yield made


def weather(seed: int) -> Iterator[Fault]:
    draw = random.Random(seed)
    passing = 1 - sum(WEATHER.values())
    while True:
        yield draw.choices([*WEATHER, fault.NO_FAULT], [*WEATHER.values(), passing])[0]


def calls_in_bad_weather(table: DynamoTable, seed: int) -> Booker:
    """One hundred callers, one after the other; who is not served tells nobody else."""
    faults = Faults(table._client, weather(seed))
    booker = Booker(DynamoStore(table), rules_of("clinic", CAPACITY), History())
    for number in range(CALLS):
        booker.book(f"wish {number}", MORNING + (number % 8) * timedelta(minutes=15))
    faults.give()
    return booker


def assert_one_storm_is_weathered(table: DynamoTable, seed: int) -> None:
    booker = calls_in_bad_weather(table, seed)
    assert check(booker.history.events, final_read(table._client, table.name), CAPACITY) == []
    served = 0
    for number in range(CALLS):  # the weather has cleared: everybody who asks again is served or told no, nobody twice
        answer = booker.book(f"wish {number}", MORNING + (number % 8) * timedelta(minutes=15))
        served += isinstance(answer, Appointment)
    assert served > 0
    assert check(booker.history.events, final_read(table._client, table.name), CAPACITY) == []


def test_a_storm_loses_nothing_and_books_nothing_twice(table: DynamoTable) -> None:
    assert_one_storm_is_weathered(table, seed=1)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(2, 12))
def test_every_storm_does_so(seed: int, table: DynamoTable) -> None:
    assert_one_storm_is_weathered(table, seed)


def test_retries_do_not_become_the_load_that_keeps_the_store_down(table: DynamoTable) -> None:
    faults = Faults(table._client, weather(3))
    for number in range(READS):
        try:
            table.get((f"CALL#{number}", "META"))
        except Unavailable as unavailable:
            assert unavailable.retry_after_s > 0
    sent = len(faults.requests)
    faults.give()
    assert READS < sent <= 1.3 * 4 * CALLS


def test_the_checks_see_a_store_that_retries_without_end(local_aws: RunningAws, retries: Retries) -> None:
    with local_aws.fresh_table(retries) as table:
        broken = PatientTable(table._client, table.name, retries)
        faults = Faults(table._client, weather(3))
        for number in range(READS):
            broken.get((f"CALL#{number}", "META"))
        sent = len(faults.requests)
        faults.give()
        assert sent > 1.3 * READS


def test_the_checker_sees_a_store_that_takes_silence_for_no(table: DynamoTable, retries: Retries) -> None:
    broken = OptimisticTable(table._client, table.name, retries)
    faults = Faults(table._client)
    booker = Booker(DynamoStore(broken), rules_of("clinic", CAPACITY), History())
    faults.give(*[fault.NO_FAULT] * READS_BEFORE_A_BOOKING, *[fault.REPLY_LOST] * 3)
    booker.book("wish", MORNING)
    breaches = check(booker.history.events, final_read(table._client, table.name), CAPACITY)
    assert [breach.partition(":")[0] for breach in breaches] == ["phantom"]


READS_BEFORE_A_BOOKING = 2  # is it booked already, and who is in the slots
