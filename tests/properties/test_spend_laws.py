"""Laws of spending: whatever calls are placed, settled, lost or never heard of, a day costs at most its cap and one call each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pokea.billing.spend import LONGEST_S, RESERVATION, HoldState, committed, tidied
from pokea.money import MICROS
from tests.oracles.spending import Day, Talk
from tests.support.sizes import examples
from tests.support.spending import USUAL, Books, business, cost

LEGS = (3 * MICROS, MICROS // 2)  # a minute of the call and of its stream
ONE_CALL = cost(USUAL, LONGEST_S)

seconds = st.integers(0, LONGEST_S)
STEPS = st.one_of(
    st.tuples(st.just("ring"), seconds),
    st.tuples(st.just("wait"), st.integers(1, 1_200)),
    st.tuples(st.sampled_from(["settle", "release", "unsure", "again"]), st.integers(0, 30)),
)


@dataclass
class World:
    """The books and what really happens. Of a call that is released the telephone never rang."""

    books: Books
    cap: int
    day: Day
    names: dict[int, Talk]
    at_s: int = 0
    overrun: int = 0  # of the calls that were on when the latest was let in

    def run(self, step: tuple[str, int]) -> None:
        what, value = step
        match what:
            case "ring":
                self._ring(value)
            case "wait":
                self.at_s += value
                self.books.clock.advance(value)
            case _ if self.names:
                number = value % len(self.names)
                getattr(self, f"_{what}")(number, self.names[number])

    def _ring(self, talks_s: int) -> None:
        number = len(self.names)
        if self.books.admits(number):
            return
        talk = Talk(self.at_s, LEGS, talks_s)
        self.names[number] = talk
        self.day.talks.append(talk)
        self.overrun = ONE_CALL * len(self.day.on(self.at_s))
        assert self.day.exposure(self.at_s) + cost(USUAL, 300) <= self.cap

    def _settle(self, number: int, talk: Talk) -> None:
        if not talk.is_on(self.at_s) and talk in self.day.talks:
            self.books.settle(number, talk.in_full)
            talk.is_settled = True

    def _release(self, number: int, talk: Talk) -> None:
        """The carrier says that it placed nothing: at once, and never of a call that was on."""
        if talk.began_s == self.at_s and not talk.is_settled and talk in self.day.talks:
            self.books.release(number)
            self.day.talks.remove(talk)

    def _unsure(self, number: int, talk: Talk) -> None:
        """Nobody knows, and it rang all the same: its charge is told later, or its hooks were lost and it never rang at all."""
        if talk.began_s == self.at_s and not talk.is_settled and talk in self.day.talks:
            self.books.unsure(number)
            self.day.talks.remove(talk)

    def _again(self, number: int, talk: Talk) -> None:
        if talk in self.day.talks:
            assert self.books.admits(number) == ""


def world(cap: int) -> World:
    return World(Books(business(daily=cap)), cap * MICROS, Day(), {})


@settings(max_examples=examples(20, 200))
@given(cap=st.integers(20, 400), steps=st.lists(STEPS, max_size=60))
@example(cap=60, steps=[("ring", 900), ("ring", 900), ("wait", 899), ("ring", 900), ("ring", 1), ("ring", 1)])
def test_a_day_costs_at_most_its_cap_and_one_call_for_each_that_is_on(cap: int, steps: list[tuple[str, int]]) -> None:
    it = world(cap)
    for step in steps:
        it.run(step)
        if it.books.clock.now().date() != it.books.day.day:
            return  # the next day has a cap of its own
    assert it.day.in_full <= it.cap + it.overrun


@settings(max_examples=examples(20, 200))
@given(cap=st.integers(20, 400), steps=st.lists(STEPS, max_size=60))
def test_once_every_call_is_settled_the_books_hold_their_sum_and_nothing_else(
    cap: int, steps: list[tuple[str, int]]
) -> None:
    it = world(cap)
    for step in steps:
        it.run(step)
        if it.books.clock.now().date() != it.books.day.day:
            return
    paid: dict[str, int] = {}
    for number, talk in reversed(it.names.items()):
        for _ in range(1 + number % 3):
            it.books.settle(number, talk.in_full)
        paid[it.books.label(number)] = talk.in_full
    now = it.books.clock.now()
    assert committed(it.books.day, now) == (sum(paid.values()), 0)
    assert (it.books.day.spent_micros, it.books.day.overdue_micros) == (sum(paid.values()), 0)
    states = {r.label: (r.state, r.micros) for r in it.books.store.all_records(RESERVATION)}
    assert states == {label: (HoldState.SETTLED, micros) for label, micros in paid.items()}


@settings(max_examples=examples(20, 200))
@given(steps=st.lists(STEPS, max_size=60), later=st.integers(0, 10_000))
def test_tidying_changes_nothing_from_then_on(steps: list[tuple[str, int]], later: int) -> None:
    it = world(10_000)
    for step in steps:
        it.run(step)
    now = it.books.clock.now()
    tidy = tidied(it.books.day, now)
    then: Any = it.books.clock.advance(later)
    assert committed(tidy, now) == committed(it.books.day, now)
    assert committed(tidy, then) == committed(it.books.day, then)
