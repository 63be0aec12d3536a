"""Spending caps: what is reserved, what is given back, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from pokea.adapters.dynamo_records import puts_of_record
from pokea.billing.rate_deck import RateDeck
from pokea.billing.spend import (
    BURST_CALLS,
    BURST_S,
    EXPECTED_S,
    LONGEST_S,
    RESERVATION,
    SPEND_DAY,
    UNHEARD_OF_S,
    HoldState,
    Limit,
    Need,
    SpendDay,
    committed,
)
from pokea.billing.spend_quote import is_unusual
from pokea.errors import Conflict, Denied, Indeterminate, Misuse, Unavailable
from pokea.ids import BusinessId
from pokea.money import MICROS
from pokea.phone_numbers import E164
from pokea.ports import Change
from tests.fakes.memory_store import MemoryStore
from tests.support.spending import DECK, MORNING, RARE, UNPRICED, USUAL, Books, business, cost

FIVE_MINUTES, LONGEST = cost(USUAL, EXPECTED_S), cost(USUAL, LONGEST_S)  # KES 17.50 and 52.50


def total(books: Books) -> int:
    return committed(books.day, books.clock.now())[0]


def test_a_call_is_reserved_for_five_minutes_and_grows_to_the_longest_one() -> None:
    books = Books(business(daily=100))
    assert books.admits("a") == ""
    assert total(books) == FIVE_MINUTES == 17_500_000
    for seconds, talked in ((300, 300), (60, 360), (30, 420), (30, 420), (480, 900), (3_600, 900)):
        books.clock.advance(seconds)
        assert total(books) == cost(USUAL, talked)


def test_calls_are_refused_once_another_one_might_go_over_the_cap() -> None:
    books = Books(business(daily=50))
    assert [books.admits(n) for n in range(3)] == ["", "", "daily"]
    books.settle(0, cost(USUAL, 40))
    assert books.admits(3) == ""
    assert books.admits(4) == "daily"


def test_a_cap_is_told_of_once_a_day_and_again_the_next_day() -> None:
    books = Books(business(daily=20))
    assert [books.admits(n) for n in range(4)] == ["", "daily", "daily", "daily"]
    books.clock.advance(86_400)
    assert [books.admits(n) for n in range(4, 7)] == ["", "daily", "daily"]
    assert [(trip.limit, trip.day) for trip in books.told] == [
        (Limit.DAILY, date(2026, 11, 23)), (Limit.DAILY, date(2026, 11, 24)),
    ]  # fmt: skip


def test_the_day_is_the_business_s_own() -> None:
    books = Books(business(daily=20))
    books.clock.advance(15.5 * 3600)  # 23:30 in Nairobi, half past eight in the evening UTC
    assert books.admits("late") == ""
    books.clock.advance(1_860)
    assert books.admits("early") == ""
    books.settle("late", 5 * MICROS)
    days = {day.day: day.spent_micros for day in books.store.all_records(SPEND_DAY)}
    assert days == {date(2026, 11, 23): 5 * MICROS, date(2026, 11, 24): 0}


def test_a_label_counts_once_however_often_it_is_reserved_settled_or_released() -> None:
    books = Books(business(daily=100))
    for _ in range(3):
        assert books.admits("a") == ""
    assert total(books) == FIVE_MINUTES
    for _ in range(3):
        books.settle("a", 2 * MICROS)
    assert (total(books), books.day.holds) == (2 * MICROS, ())
    books.release("a")
    books.unsure("a")
    assert total(books) == 2 * MICROS
    assert books.admits("a") == ""
    assert total(books) == 2 * MICROS


def test_a_correction_takes_the_place_of_the_charge() -> None:
    books = Books(business(daily=100))
    books.admits("a")
    for micros in (2 * MICROS, 5 * MICROS, MICROS, 0):
        books.settle("a", micros)
        assert total(books) == micros


def test_a_call_that_was_never_placed_gives_its_reservation_back() -> None:
    books = Books(business(daily=20))
    assert (books.admits("a"), books.admits("b")) == ("", "daily")
    books.release("a")
    assert total(books) == 0
    assert books.admits("b") == ""
    books.release("never heard of")
    assert total(books) == FIVE_MINUTES


def test_a_call_that_nobody_knows_of_counts_for_an_hour_and_then_not_any_more() -> None:
    books = Books(business(daily=20))
    books.admits("a")
    books.unsure("a")
    books.unsure("a")
    assert total(books) == FIVE_MINUTES
    books.clock.advance(UNHEARD_OF_S)
    assert (total(books), books.admits("b")) == (LONGEST, "daily")
    books.clock.advance(1)
    assert (total(books), books.admits("b")) == (0, "")
    books.settle("a", 3 * MICROS)  # it was placed after all
    assert books.day.spent_micros == 3 * MICROS
    assert total(books) == 3 * MICROS + FIVE_MINUTES


def test_a_call_whose_charge_nobody_tells_counts_as_the_longest_for_the_rest_of_the_day() -> None:
    books = Books(business(daily=200))
    books.admits("a")
    books.clock.advance(6 * 3600)
    books.admits("b")  # tidies up
    assert (books.day.overdue_micros, len(books.day.holds)) == (LONGEST, 1)
    assert total(books) == LONGEST + FIVE_MINUTES
    books.settle("a", MICROS)
    assert (books.day.overdue_micros, total(books)) == (0, MICROS + FIVE_MINUTES)


def test_a_day_keeps_its_size_however_many_calls_it_has() -> None:
    books = Books(business(daily=90_000_000, unusual=90_000_000))
    for n in range(600):
        assert books.admits(n, RARE if n % 3 else USUAL) == ""
        if n % 5 == 0:
            books.unsure(n)
        books.clock.advance(20)
    (put,) = puts_of_record(SPEND_DAY.of(books.day))
    assert len(put.item["content"]["S"]) < 40_000  # an item may have 400 KB; the worst is 16 + 16 + 61 + 61 sums


def test_a_call_that_was_never_reserved_is_settled_on_its_own_day() -> None:
    books = Books(business(daily=20))
    books.settle("from before", 15 * MICROS)
    books.settle("from before", 15 * MICROS)
    assert (total(books), books.admits("a")) == (15 * MICROS, "daily")


def test_without_caps_ordinary_calls_leave_no_trace() -> None:
    books = Books(business())
    assert [books.admits(n) for n in range(100)] == [""] * 100
    books.settle(1, 5 * MICROS)
    books.ledger.settle(BusinessId("unknown"), "x", 1, MORNING)
    assert books.store.writes == 0


def test_a_charge_is_not_negative() -> None:
    with pytest.raises(Misuse):
        Books(business()).settle("a", -1)


def test_unusual_numbers_have_a_cap_of_their_own_and_good_calls_go_on() -> None:
    books = Books(business(daily=2_000, unusual=1_000))
    assert [books.admits(n, RARE) for n in range(4)] == ["", "", "unusual", "unusual"]
    assert [books.admits(n) for n in range(10, 40)] == [""] * 30
    assert [trip.limit for trip in books.told] == [Limit.UNUSUAL]


def test_where_only_a_daily_cap_is_set_unusual_numbers_get_a_quarter_of_it() -> None:
    books = Books(business(daily=4_000))
    assert [books.admits(n, RARE) for n in range(3)] == ["", "", "unusual"]


def test_where_only_an_unusual_cap_is_set_ordinary_calls_are_not_held_back() -> None:
    books = Books(business(unusual=500))
    assert [books.admits(n) for n in range(200)] == [""] * 200
    assert [books.admits(n, RARE) for n in range(200, 202)] == ["", "unusual"]


def test_a_burst_to_unusual_numbers_is_stopped_for_the_day_where_nobody_said_what_they_may_cost() -> None:
    books = Books(business())
    assert [books.admits(n, RARE) for n in range(BURST_CALLS)] == [""] * BURST_CALLS
    assert books.admits("one more", RARE) == "burst"
    books.clock.advance(3 * 3600)
    assert (books.admits("later", RARE), books.admits("good")) == ("burst", "")
    books.clock.advance(86_400)
    assert books.admits("tomorrow", RARE) == ""
    assert [trip.limit for trip in books.told] == [Limit.BURST]


def test_unusual_numbers_at_their_leisure_are_no_burst() -> None:
    books = Books(business())
    for n in range(5 * BURST_CALLS):
        assert books.admits(n, RARE) == ""
        books.admits(f"usual {n}")
        books.clock.advance(BURST_S / BURST_CALLS)
    assert books.told == []


def test_who_said_what_unusual_numbers_may_cost_may_ring_many_of_them() -> None:
    books = Books(business(unusual=50_000))
    assert [books.admits(n, RARE) for n in range(3 * BURST_CALLS)] == [""] * 3 * BURST_CALLS


@pytest.mark.parametrize(
    ("number", "unusual"),
    [("+254722000111", False), ("+254202000111", False), ("+254900223456", True), ("+255712345678", True), ("+881612345678", True)],
)  # fmt: skip
def test_what_is_unusual(number: str, unusual: bool) -> None:
    assert is_unusual(E164(number), "KE") is unusual


def test_a_number_without_a_price_is_refused_only_where_there_is_a_cap() -> None:
    assert Books(business(daily=1_000)).admits("a", UNPRICED) == "no_price"
    assert Books(business(unusual=1_000)).admits("a", UNPRICED) == "no_price"
    assert Books(business()).admits("a", UNPRICED) == ""


def test_a_caller_who_needs_a_person_is_put_through_until_the_cap_is_used_up() -> None:
    books = Books(business(daily=20))
    assert (books.admits("a"), books.admits("b")) == ("", "daily")
    assert books.admits("person", need=Need.PERSON) == ""
    assert books.admits("another", need=Need.PERSON) == "daily"


def test_a_person_without_a_price_counts_as_the_dearest_one() -> None:
    books = Books(business(daily=10_000, unusual=10_000))
    assert books.admits("a", RARE, Need.PERSON) == ""  # the deck has no price for a transfer there
    assert total(books) == cost(RARE, EXPECTED_S)
    books.clock.advance(3_600)
    assert total(books) == cost(RARE, 3_600)


def test_a_person_abroad_is_held_back_by_the_unusual_cap() -> None:
    assert Books(business(daily=10_000, unusual=100)).admits("a", RARE, Need.PERSON) == "unusual"


def test_prices_that_fall_in_mid_call_do_not_shrink_a_reservation() -> None:
    row = DECK.rows[0]
    change = MORNING + timedelta(seconds=200)
    dear = replace(row, per_minute_micros=60 * MICROS, connect_fee_micros=MICROS, valid_to=change)
    cheap = replace(row, number=9, per_minute_micros=0, valid_from=change)
    books = Books(business(daily=1_000), deck=RateDeck(deck_id="x", currency="KES", rows=(dear, cheap)))
    books.admits("a")
    assert total(books) == 201 * MICROS
    books.clock.advance(900)
    assert total(books) == 201 * MICROS


class Trouble(MemoryStore):
    """`apply` fails as often as it is told to; `after` says whether it wrote first."""

    def __init__(self, errors: list[Exception], after: bool = False) -> None:
        super().__init__()
        self.errors, self.after = errors, after

    def apply(self, change: Change) -> None:
        if self.errors and not self.after:
            raise self.errors.pop(0)
        super().apply(change)
        if self.errors:
            raise self.errors.pop(0)


def test_a_write_whose_reply_was_lost_reserves_once() -> None:
    books = Books(business(daily=100), Trouble([Indeterminate("lost")], after=True))
    assert books.admits("a") == ""
    assert total(books) == FIVE_MINUTES


def test_a_ledger_that_cannot_be_written_places_nothing() -> None:
    for errors in ([Conflict("stale")] * 24, [Indeterminate("lost")] * 3, [Unavailable("store_unavailable")]):
        with pytest.raises(Unavailable):
            Books(business(daily=100), Trouble(list(errors))).admits("a")


def test_giving_back_never_raises() -> None:
    books = Books(business(daily=100), Trouble([]))
    books.admits("a")
    for errors in ([Indeterminate("lost")] * 3, [Unavailable("store_unavailable")]):
        books.store.errors = list(errors)
        books.release("a")
        assert total(books) == FIVE_MINUTES
    books.store.errors = [Unavailable("store_unavailable")]
    with pytest.raises(Unavailable):
        books.settle("a", 1)


def test_a_refusal_says_which_limit_spoke() -> None:
    books = Books(business(daily=1))
    with pytest.raises(Denied) as caught:
        books.ledger.admit(books.business_id, "x", USUAL, Need.CALL, MORNING)
    assert (caught.value.code, caught.value.facts) == ("spend_cap", {"limit": "daily"})


def test_what_is_kept_of_a_call_holds_no_number() -> None:
    books = Books(business(daily=100))
    books.admits("a")
    (reservation,) = books.store.all_records(RESERVATION)
    assert reservation.state is HoldState.HELD
    assert str(USUAL)[1:] not in str(reservation) + str(books.day)
    kept = SPEND_DAY.kept_until(SpendDay(business_id=books.business_id, day=date(2026, 11, 23)))
    assert kept is not None and kept.date() == date(2027, 3, 3)
