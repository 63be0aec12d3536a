"""Who of a campaign's people is held: never more than there are, and nobody for longer than they are needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from pokea.campaigns.reps import Held, Reps, held, is_one_free, nobody_held, released
from pokea.ids import SessionId
from tests.support.settled import BUSINESS, MONDAY

LONG = timedelta(hours=2)


def wanted(n: int, handoff: str = "", now: timedelta = timedelta()) -> Held:
    return Held(SessionId(f"HD_{n}"), handoff or f"h{n}", MONDAY + now + LONG)


def with_held(*ns: int) -> Reps:
    return replace(nobody_held(BUSINESS, "spring", MONDAY), held=tuple(wanted(n) for n in ns))


def test_as_many_are_held_as_there_are_people_and_the_next_one_gets_nobody() -> None:
    one = held(nobody_held(BUSINESS, "spring", MONDAY), wanted(1), 2, (), MONDAY)
    assert one is not None
    two = held(one, wanted(2), 2, (), MONDAY)
    assert two is not None and [entry.handoff_id for entry in two.held] == ["h1", "h2"]
    assert held(two, wanted(3), 2, (), MONDAY) is None


def test_a_campaign_without_people_puts_nobody_through() -> None:
    assert held(nobody_held(BUSINESS, "spring", MONDAY), wanted(1), 0, (), MONDAY) is None


def test_a_hand_off_that_is_over_holds_nobody() -> None:
    again = held(with_held(1, 2), wanted(3), 2, {"h1"}, MONDAY)
    assert again is not None and [entry.handoff_id for entry in again.held] == ["h2", "h3"]


def test_what_was_never_heard_of_again_holds_nobody_after_its_time() -> None:
    assert not is_one_free(with_held(1), SessionId("HD_2"), 1, (), MONDAY + LONG - timedelta(seconds=1))
    assert is_one_free(with_held(1), SessionId("HD_2"), 1, (), MONDAY + LONG)


def test_a_call_that_tries_again_takes_no_second_person() -> None:
    again = held(with_held(1), wanted(1, "second"), 1, (), MONDAY)
    assert again is not None and [entry.handoff_id for entry in again.held] == ["second"]


def test_a_call_that_is_over_gives_its_person_back_once() -> None:
    freed = released(with_held(1, 2), SessionId("HD_1"), MONDAY)
    assert freed is not None and [entry.handoff_id for entry in freed.held] == ["h2"]
    assert released(freed, SessionId("HD_1"), MONDAY) is None


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(0, 7)),
        st.tuples(st.just("over"), st.integers(0, 7)),
        st.tuples(st.just("later"), st.integers(1, 7_200)),
    ),
    max_size=40,
)


@given(EVENTS, st.integers(0, 4))
def test_never_more_hand_offs_under_way_than_people(events: list[tuple[str, int]], people: int) -> None:
    record, now, over, live = nobody_held(BUSINESS, "spring", MONDAY), MONDAY, set[str](), dict[int, Held]()
    for number, (event, value) in enumerate(events):
        if event == "later":
            now += timedelta(seconds=value)
            live = {n: entry for n, entry in live.items() if now < entry.until}
        elif event == "over" and value in live:
            over.add(live.pop(value).handoff_id)
        elif event == "begin" and value not in live:
            asked = Held(SessionId(f"HD_{value}"), f"h{number}", now + LONG)
            after = held(record, asked, people, over, now)
            assert (after is None) == (len(live) >= people)  # nobody is refused while somebody is free either
            if after is not None:
                record, live[value] = after, asked
        assert len(live) <= people
