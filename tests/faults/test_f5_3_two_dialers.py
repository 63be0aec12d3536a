"""F5.3: two dialers on the local AWS, every message twice, clocks five minutes apart: one attempt for each contact."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_campaigns import DynamoCampaigns
from pokea.adapters.dynamo_table import DynamoTable
from pokea.campaigns.contact import ContactState
from pokea.errors import Unavailable
from tests.fakes.memory_store import MemoryCallStore
from tests.faults.broken.dialers import UnfencedCampaigns
from tests.support.dial_room import Board, Room, always_lawful
from tests.support.store import RunningAws

SKEW_S = 300.0


class OwnTime:
    """The clock of one dialer: it runs on its own, and whoever waits pushes it on."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead = timedelta(seconds=ahead_s)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def wait(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


class CountingBoard(Board):
    """Rung from many threads."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self._lock = threading.Lock()

    def place_call(self, **wish: Any) -> Any:
        with self._lock:
            return super().place_call(**wish)


class Anytime:
    """A store whose turns are free: pace is not what this is about, and clocks five minutes apart have no common one."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def take_turn(self, business: str, campaign: str, now: datetime, gap_s: float, patience_s: float) -> datetime:
        return now + timedelta(seconds=0.2)  # a slow machine has so much longer


def race(campaigns: Any, calls: Any, count: int, threads: int = 4) -> tuple[Room, CountingBoard]:
    room = Room(clock=OwnTime(0), campaigns=campaigns, calls=calls, policies=always_lawful())  # type: ignore[arg-type]
    board = CountingBoard(room.clock)
    room.open(count, cps=1_000)
    assert room.plan(copies=2) == count
    clocks = [OwnTime((-1) ** number * SKEW_S / 2) for number in range(threads)]
    dialers = [
        room.dialer(telephony=board, campaigns=Anytime(campaigns), clock=clock, wait=clock.wait) for clock in clocks
    ]

    def take(number: int, body: str) -> None:
        for _ in range(5):  # deliveries
            try:
                dialers[number % threads].take(body)
            except Unavailable:
                continue
            return

    with ThreadPoolExecutor(threads) as pool:
        for _ in range(100):  # whoever misses a turn on a slow machine comes back
            bodies = [body for _, _, body in room.queue]
            room.queue.clear()
            list(pool.map(take, range(len(bodies)), bodies))
    return room, board


def judge(room: Room, board: CountingBoard, count: int) -> None:
    assert set(board.per_label.values()) == {1}
    assert len(board.per_number) == count and set(board.per_number.values()) == {1}
    for contact in room.contacts():
        assert contact.state is ContactState.RINGING and contact.attempts == 1
        assert room.campaigns.contact_of_label(contact.label) == contact
    counts = room.campaigns.counts(room.business, "spring")
    assert counts.states[ContactState.RINGING] == counts.contacts == count
    assert len(room.campaigns.live(room.business, "spring")) == count


@pytest.fixture
def tables(local_aws: RunningAws) -> Iterator[tuple[DynamoTable, DynamoTable]]:
    with local_aws.fresh_table() as one, local_aws.fresh_table() as two:
        yield one, two


def test_two_dialers_ring_each_of_some_contacts_once(tables: tuple[DynamoTable, DynamoTable]) -> None:
    judge(*race(DynamoCampaigns(tables[0]), DynamoCallStore(tables[1]), 4, threads=2), 4)


@pytest.mark.faults
def test_two_dialers_ring_each_of_a_thousand_contacts_once(tables: tuple[DynamoTable, DynamoTable]) -> None:
    judge(*race(DynamoCampaigns(tables[0]), DynamoCallStore(tables[1]), 1_000, threads=2), 1_000)


def test_the_check_catches_attempts_that_are_not_fenced() -> None:
    barrier = threading.Barrier(2, timeout=5)

    class Together(UnfencedCampaigns):
        """Both dialers have read the contact before either begins."""

        def begin(self, *args: Any) -> Any:
            try:
                barrier.wait(0.5)
            except threading.BrokenBarrierError:
                barrier.reset()
            return super().begin(*args)

    _, board = race(Together(), MemoryCallStore(), 6, threads=2)
    assert max(Counter(board.per_number).values()) > 1
