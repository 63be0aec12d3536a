"""The carrier's list, read in bounded looks: every call of the time is seen, and only a whole pass shows that there is none."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pokea.campaigns import moves
from pokea.campaigns.contact import Contact
from pokea.campaigns.seeking import MAX_PAGES, PAGE, WHOLE_S, Search, begun, read_on
from pokea.campaigns.unknowns import CLOCKS_DIFFER, GONE_AFTER, search_for, shows_none
from pokea.errors import Unavailable
from tests.contract.campaign_store_contract import AT, a_campaign, a_contact

HOUR = timedelta(hours=1)


class Books:
    """A carrier with calls at these moments, newest first, whose cursor is a place. `down_at`: the questions it does not answer."""

    def __init__(self, moments: Sequence[datetime], down_at: frozenset[int] = frozenset(), broken: int = -1) -> None:
        numbered = sorted((at, number) for number, at in enumerate(moments))
        self._moments = [at for at, _ in numbered]
        self._rows = [_row(number, at) if number != broken else {"nonsense": number} for at, number in numbered]
        self._down_at = down_at
        self.asked = 0

    def list_calls(self, **query: str) -> tuple[Sequence[Mapping[str, object]], str | None]:
        self.asked += 1
        if self.asked in self._down_at:
            raise Unavailable("carrier_down")
        since, until = (datetime.fromisoformat(query[name]) for name in ("from", "to"))
        first, behind = bisect_left(self._moments, since), bisect_left(self._moments, until)
        start = int(query.get("cursor", "0"))
        end = behind - start
        page = self._rows[max(first, end - PAGE) : end]
        return page[::-1], str(start + PAGE) if end - PAGE > first else None


def _row(number: int, at: datetime) -> dict[str, object]:
    labelled = {"metadata": {"client_request_id": f"pk{number}"}}
    return {
        "id": f"c{number}", "session_id": f"HD_{number}", "direction": "outbound", "status": "ringing",
        "started_at": at.isoformat(), **labelled,
    }  # fmt: skip


def looks(books: Books, search: Search, most: int = 200) -> Iterator[tuple[Search, set[str]]]:
    """One look after the other until the pass is done."""
    for _ in range(most):
        before = books.asked
        search, legs = read_on(books, search)
        assert books.asked - before <= MAX_PAGES
        yield search, {str(leg.client_request_id) for leg in legs}
        if search.is_done:
            return


def over(books: Books, span: timedelta = HOUR) -> tuple[list[Search], set[str]]:
    found = list(looks(books, begun(AT, AT + span, AT + span, None)))
    return [search for search, _ in found], set().union(*(labels for _, labels in found))


def evenly(count: int, span: timedelta) -> list[datetime]:
    return [AT + span * number / count for number in range(count)]


def test_where_calls_are_few_a_pass_is_one_question() -> None:
    books = Books(evenly(30, HOUR))
    searches, seen = over(books)
    assert books.asked == len(searches) == 1 and len(seen) == 30 and searches[-1].is_done


@pytest.mark.parametrize("count", [8_000, pytest.param(54_000, marks=pytest.mark.faults)])
def test_a_list_of_many_calls_is_read_to_its_end_in_bounded_looks(count: int) -> None:
    """Twenty minutes at 45 calls a second are 540 pages, which we read twelve minutes long."""
    books = Books(evenly(count, timedelta(minutes=20)))
    searches, seen = over(books, timedelta(minutes=20))
    assert len(seen) == count and searches[-1].is_done and not searches[-1].has_gaps
    assert books.asked <= 1.5 * count / PAGE + 40 and len(searches) <= books.asked / MAX_PAGES + 3


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.integers(0, 3_599_999), max_size=40),
    st.sampled_from((0, 7, 1_200)),
    st.integers(0, 3_540),
    st.frozensets(st.integers(1, 40), max_size=10),
)
def test_whatever_the_calls_and_whenever_the_carrier_is_down_every_call_is_seen(
    lone_ms: list[int], burst: int, burst_s: int, down_at: frozenset[int]
) -> None:
    moments = [AT + timedelta(milliseconds=ms) for ms in lone_ms]
    moments += [AT + timedelta(seconds=burst_s, milliseconds=20 * number) for number in range(burst)]
    searches, seen = over(Books(moments, down_at))
    assert searches[-1].is_done and len(seen) == len(moments)
    assert all(one.reached <= other.reached for one, other in pairwise(searches))


def test_a_carrier_that_does_not_answer_stops_the_look_and_not_the_pass() -> None:
    search, legs = read_on(Books([AT], frozenset({1})), begun(AT, AT + HOUR, AT + HOUR, None))
    assert search.reached == AT and legs == ()


def test_no_page_is_read_once_the_time_is_over() -> None:
    books = Books([AT])
    begins = begun(AT, AT + HOUR, AT + HOUR, None)
    assert read_on(books, begins, lambda: True) == (begins, ()) and books.asked == 0


def test_a_row_that_nobody_can_read_stops_no_pass_and_lets_it_show_nothing() -> None:
    books = Books(evenly(3, HOUR), broken=1)
    searches, seen = over(books)
    assert seen == {"pk0", "pk2"} and searches[-1].is_done and searches[-1].has_gaps
    assert not shows_none(searches[-1], _sought(AT))


def test_the_next_pass_knows_how_many_calls_there_are_and_tries_a_wider_slice_by_and_by() -> None:
    narrow = replace(begun(AT, AT + HOUR, AT, None), slice_s=18, version=4)
    following = begun(AT + HOUR, AT + 2 * HOUR, AT + HOUR, narrow)
    assert (following.slice_s, following.version, following.reached) == (36, 4, AT + HOUR)
    assert begun(AT, AT, AT, replace(narrow, slice_s=WHOLE_S)).slice_s == WHOLE_S


def _sought(at: datetime, number: int = 0) -> Contact:
    """Asked for at `at`, and looked for since a second later."""
    contact = moves.claimed(a_contact(a_campaign(), number), at)
    return moves.sought(moves.asked(contact, f"pk{number}", at), at + timedelta(seconds=1))


def test_a_pass_that_was_begun_too_early_shows_of_nobody_that_there_is_no_call() -> None:
    contact = _sought(AT)
    assert contact.sought_at is not None
    for begins, expected in ((contact.sought_at + GONE_AFTER, True), (contact.sought_at + GONE_AFTER / 2, False)):
        search = search_for([contact], None, begins)
        assert search is not None and not shows_none(search, contact)  # nothing is read yet
        assert shows_none(replace(search, reached=search.until), contact) is expected


def test_a_pass_goes_on_for_whom_it_was_begun_whoever_gets_lost_meanwhile() -> None:
    early = _sought(AT)
    running = search_for([early], None, AT + timedelta(minutes=3))
    assert running is not None and running.covers(AT - CLOCKS_DIFFER, AT + CLOCKS_DIFFER)
    late = _sought(AT + timedelta(minutes=2), 1)
    assert search_for([early, late], running, AT + timedelta(minutes=9)) == running
    following = search_for([late], running, AT + timedelta(minutes=9))
    assert following is not None and following.begun_at == AT + timedelta(minutes=9)
    assert not shows_none(replace(running, reached=running.until), late)


def test_a_pass_that_can_show_nothing_makes_way_for_one_that_can() -> None:
    contact = _sought(AT)
    early = search_for([contact], None, AT + timedelta(minutes=1))
    assert early is not None and search_for([contact], early, AT + timedelta(seconds=90)) == early
    ripe = search_for([contact], early, AT + timedelta(minutes=2))
    assert ripe is not None and ripe.begun_at == AT + timedelta(minutes=2)


@pytest.mark.parametrize("contacts", [[], [moves.asked(moves.claimed(a_contact(a_campaign()), AT), "pk0", AT)]])
def test_without_anybody_to_look_for_the_list_is_left_alone(contacts: list[Contact]) -> None:
    assert search_for(contacts, None, AT) is None
