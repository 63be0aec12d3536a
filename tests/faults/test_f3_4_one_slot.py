"""Many callers, one diary: exactly as many win as there is room, everybody else is told so and offered something else."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.booking import Appointment, AppointmentStatus
from tests.faults.broken.stores import CrowdedTable
from tests.oracles.slot_checker import check
from tests.support.booker import MORNING, Booker, History, Taken, final_read, rules_of
from tests.support.store import RunningAws

CALLERS = 200
QUARTER = timedelta(minutes=15)


@dataclass
class Diary:
    """One business's diary in a table of its own, and everything that was done to it."""

    table: DynamoTable
    capacity: int
    history: History

    def booker(self) -> Booker:
        return Booker(DynamoStore(self.table), rules_of("clinic", self.capacity), self.history)

    def breaches(self) -> list[str]:
        return check(self.history.events, final_read(self.table._client, self.table.name), self.capacity)


@pytest.fixture
def patient_table(local_aws: RunningAws) -> Iterator[DynamoTable]:
    """With time to wait: what is tested is who wins, not how fast 200 threads are served on two cores."""
    with local_aws.fresh_table(read_timeout=60, connect_timeout=60, max_pool_connections=CALLERS) as table:
        yield table


def race(diary: Diary, callers: int) -> list[Appointment | Taken | None]:
    """Everybody wants the same half hour at the same moment."""
    gate = threading.Barrier(callers)

    def one(number: int) -> Appointment | Taken | None:
        gate.wait()
        return diary.booker().book(f"wish of {number}", MORNING)

    with ThreadPoolExecutor(callers) as threads:
        return list(threads.map(one, range(callers)))


@pytest.mark.parametrize("capacity", [1, 3])
def test_many_callers_leave_as_many_appointments_as_there_is_room(capacity: int, patient_table: DynamoTable) -> None:
    assert_one_round_is_right(Diary(patient_table, capacity, History()), callers=48)


@pytest.mark.faults
@pytest.mark.parametrize("capacity", [1, 3])
@pytest.mark.parametrize("number", range(5))
def test_two_hundred_callers_do_so_every_time(number: int, capacity: int, patient_table: DynamoTable) -> None:
    assert_one_round_is_right(Diary(patient_table, capacity, History()), CALLERS)


def assert_one_round_is_right(diary: Diary, callers: int) -> None:
    answers = race(diary, callers)
    winners = [answer for answer in answers if isinstance(answer, Appointment)]
    losers = [answer for answer in answers if isinstance(answer, Taken)]
    assert (len(winners), len(losers)) == (diary.capacity, callers - diary.capacity)
    assert all(loser.times and MORNING not in loser.times for loser in losers)
    for number, answer in enumerate(answers):
        if isinstance(answer, Appointment):
            again = diary.booker().book(f"wish of {number}", MORNING)
            assert isinstance(again, Appointment) and again.appointment_id == answer.appointment_id
    assert diary.breaches() == []


def test_fewer_callers_than_room_all_get_in(patient_table: DynamoTable) -> None:
    diary = Diary(patient_table, 3, History())
    assert all(isinstance(answer, Appointment) for answer in race(diary, callers=2))
    assert diary.breaches() == []


@pytest.mark.parametrize("capacity", [1, 2])
def test_booking_moving_and_cancelling_all_at_once_keeps_the_diary_whole(
    capacity: int, patient_table: DynamoTable
) -> None:
    diary = Diary(patient_table, capacity, History())
    churn(diary, threads=8, steps=6, seed=capacity)
    assert diary.breaches() == []


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(25))
def test_it_stays_whole_whatever_the_order(seed: int, patient_table: DynamoTable) -> None:
    diary = Diary(patient_table, 1 + seed % 3, History())
    churn(diary, threads=12, steps=10, seed=seed)
    assert diary.breaches() == []


def churn(diary: Diary, threads: int, steps: int, seed: int) -> None:
    """Each thread books, moves and cancels its own appointments, all within one and a half hours."""

    def one(number: int) -> None:
        draw = random.Random(f"{seed}/{number}")
        booker, mine = diary.booker(), list[str]()
        for step in range(steps):
            start = MORNING + draw.randrange(5) * QUARTER
            action = draw.choice(["book", "move", "cancel"]) if mine else "book"
            if action == "book":
                answer = booker.book(f"wish {number}.{step}", start)
                mine += [str(answer.appointment_id)] if isinstance(answer, Appointment) else []
            elif action == "move":
                booker.move(draw.choice(mine), start)
            else:
                booker.cancel(mine.pop(draw.randrange(len(mine))))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(threads)))


def test_two_phones_cannot_both_have_the_last_word_on_one_appointment(patient_table: DynamoTable) -> None:
    diary = Diary(patient_table, 1, History())
    booked = diary.booker().book("wish", MORNING)
    assert isinstance(booked, Appointment)
    gate = threading.Barrier(8)

    def one(number: int) -> Any:
        gate.wait()
        booker, name = diary.booker(), str(booked.appointment_id)
        return booker.cancel(name) if number % 2 else booker.move(name, MORNING + number * QUARTER)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(8)))
    assert sum(isinstance(a, Appointment) and a.status is AppointmentStatus.CANCELLED for a in answers) == 1
    assert diary.breaches() == []


def test_the_checker_sees_a_store_that_forgets_its_conditions(patient_table: DynamoTable) -> None:
    unfenced = CrowdedTable(patient_table._client, patient_table.name)
    unfenced.everybody_is(8)
    diary = Diary(unfenced, 1, History())
    race(diary, callers=8)
    assert any(breach.startswith(("oversold", "torn")) for breach in diary.breaches())
