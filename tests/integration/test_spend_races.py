"""Many dialers at once on one day's books, in a store that is atomic: what is let in never goes over the cap."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.billing.spend import RESERVATION, SPEND_DAY, HoldState, SpendDay, committed
from pokea.errors import Unavailable
from tests.support.spending import USUAL, Books, business, cost

DIALERS, CALLS = 12, 48
FIVE_MINUTES = cost(USUAL, 300)
FITS = 20
CAP_KES = 350  # 20 calls of KES 17.50


def books_in(table: DynamoTable) -> Books:
    return Books(business(daily=CAP_KES), DynamoStore(table))


def stored_day(books: Books) -> SpendDay:
    found = books.store.record(SPEND_DAY, books.business_id, date(2026, 11, 23).isoformat())
    assert isinstance(found, SpendDay)
    return found


def at_once(books: Books, names: list[int]) -> Counter[str]:
    """What was said to each of the calls that all dialers begin at one moment."""

    def ring(name: int) -> str:
        try:
            return books.admits(name)
        except Unavailable as busy:
            return busy.code

    with ThreadPoolExecutor(DIALERS) as dialers:
        return Counter(dialers.map(ring, names))


def test_dialers_at_one_moment_let_in_what_fits_and_no_more(core_table: DynamoTable) -> None:
    books = books_in(core_table)
    said = at_once(books, list(range(CALLS)))
    assert set(said) <= {"", "daily", "spend_contended"}
    assert committed(stored_day(books), books.clock.now())[0] == said[""] * FIVE_MINUTES <= FITS * FIVE_MINUTES
    assert said[""] >= FITS // 2  # of those who lose a race most are let in by the next try
    for name in range(CALLS, CALLS + FITS):  # whoever was sent away for the crowd tries again
        books.admits(name)
    assert committed(stored_day(books), books.clock.now())[0] == FITS * FIVE_MINUTES
    assert len(books.told) == 1


def test_one_label_from_many_sides_is_one_reservation(core_table: DynamoTable) -> None:
    books = books_in(core_table)
    said = at_once(books, [7] * 24)
    assert said[""] + said["spend_contended"] == 24
    assert committed(stored_day(books), books.clock.now())[0] == FIVE_MINUTES


def test_reserving_and_settling_at_once_loses_nothing(core_table: DynamoTable) -> None:
    books = books_in(core_table)
    for name in range(10):
        assert books.admits(name) == ""
    rng = random.Random(5)
    jobs = [(name, rng.randint(0, 9) * 1_000_000) for name in range(10)]
    wanted = dict(jobs)

    def work(job: tuple[int, int]) -> None:
        for _ in range(20):
            try:
                books.settle(*job)
                books.admits(100 + job[0])
                return
            except Unavailable:
                continue
        raise AssertionError("never settled")

    with ThreadPoolExecutor(5) as clerks:
        list(clerks.map(work, jobs * 2))
    day = stored_day(books)
    held = [books.store.record(RESERVATION, books.business_id, books.label(100 + name)) for name in range(10)]
    assert day.spent_micros == sum(wanted.values())
    kept = sum(r is not None and r.state is HoldState.HELD for r in held)
    assert committed(day, books.clock.now())[0] == day.spent_micros + kept * FIVE_MINUTES <= CAP_KES * 1_000_000
