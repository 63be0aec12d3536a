"""Seats and counts of rings over the real store and over the one in memory: the same promises, and many environments at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from functions.voice.door import Rings, Seats, Usher
from pokea.adapters.dynamo_rings import DynamoRings
from pokea.adapters.dynamo_seats import DynamoSeats
from pokea.adapters.dynamo_table import DynamoTable
from pokea.admission import Admission
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.rings import Count, counts_of_ring
from pokea.seats import BACK_WITHIN_S, WINDOW_S, Ticket, Told
from tests.fakes.memory_door import MemoryRings, MemorySeats
from tests.support.control_plane import LINE, NOW

CALLER = E164("+254722000123")
THREADS = 8


@pytest.fixture(params=["memory", "dynamodb"])
def seats(request: pytest.FixtureRequest) -> Any:
    return MemorySeats() if request.param == "memory" else DynamoSeats(request.getfixturevalue("core_table"))


@pytest.fixture(params=["memory", "dynamodb"])
def rings(request: pytest.FixtureRequest) -> Rings:
    if request.param == "memory":
        return MemoryRings()
    table: DynamoTable = request.getfixturevalue("core_table")
    return DynamoRings(table)


@pytest.fixture
def release() -> str:
    return f"r{uuid4().hex[:8]}"


def told(release: str, bridge: str, free: int, *seated: int, **more: Any) -> Told:
    return Told(release=release, bridge=bridge, free=free, seated=Counter(seated), **more)


def left(seats: Seats, release: str) -> dict[str, int]:
    return {board.bridge: board.left for board in seats.boards(release)}


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(count)))


def test_many_environments_take_every_seat_once_while_bridges_beat(seats: Any, release: str) -> None:
    places = {"b1": 10, "b2": 14, "b3": 6}
    for bridge, free in places.items():
        seats.tell(told(release, bridge, free), NOW)
    ushers = [Usher(seats, release) for _ in range(THREADS)]

    def ring(number: int) -> Ticket | Admission:
        if number % 9 == 0:  # nobody has come yet, so that it says the same as before
            bridge = ("b1", "b2", "b3")[number // 9 % 3]
            seats.tell(told(release, bridge, places[bridge]), NOW + timedelta(milliseconds=number))
        return ushers[number % THREADS].seat(NOW + timedelta(milliseconds=number))

    found = at_once(90, ring)
    tickets = [one for one in found if isinstance(one, Ticket)]
    assert (len(tickets), left(seats, release)) == (30, dict.fromkeys(places, 0))
    assert Counter(ticket.bridge for ticket in tickets) == places
    # Who looks at boards that others empty meanwhile may not find the last seats, and takes nothing.
    assert set(found) - set(tickets) == {Admission.FULL}


def test_boards_are_read_for_half_the_units(core_table: DynamoTable, release: str) -> None:
    seats, asked = DynamoSeats(core_table), []
    seats.tell(told(release, "b1", 3), NOW)
    events = core_table._client.meta.events
    events.register("provide-client-params.dynamodb.Query", note := lambda params, **_: asked.append(params))
    try:
        assert left(seats, release) == {"b1": 3}
    finally:
        events.unregister("provide-client-params.dynamodb.Query", note)
    assert [params["ConsistentRead"] for params in asked] == [False]


def test_a_ticket_becomes_a_call_or_comes_back(seats: Any, release: str) -> None:
    seats.tell(told(release, "b1", 3), NOW)
    window = seats.take(seats.boards(release)[0], NOW)[0].window
    assert seats.take(seats.boards(release)[0], NOW) == (Ticket(release, "b1", window), 1)
    seats.tell(told(release, "b1", 2, window), NOW + timedelta(seconds=3))
    assert left(seats, release) == {"b1": 1}  # one on the line, one on the way
    seats.tell(told(release, "b1", 2, window), NOW + timedelta(seconds=BACK_WITHIN_S))
    assert left(seats, release) == {"b1": 2}
    (board,) = seats.boards(release)
    assert board.taken == {}


def test_a_seat_is_given_back_once_and_not_after_its_windows(seats: Any, release: str) -> None:
    seats.tell(told(release, "b1", 1), NOW)
    ticket, _ = seats.take(seats.boards(release)[0], NOW)
    seats.give_back(ticket)
    assert left(seats, release) == {"b1": 1}
    ticket, _ = seats.take(seats.boards(release)[0], NOW)
    seats.tell(told(release, "b1", 1), NOW + timedelta(seconds=BACK_WITHIN_S))
    seats.give_back(ticket)
    assert left(seats, release) == {"b1": 1}
    seats.give_back(replace(ticket, bridge="gone"))
    assert left(seats, release) == {"b1": 1}


def test_no_seat_of_a_silent_or_leaving_bridge_is_given_and_an_old_beat_changes_nothing(
    seats: Any, release: str
) -> None:
    seats.tell(told(release, "b1", 5), NOW)
    (board,) = seats.boards(release)
    assert seats.take(board, board.until) is None
    assert seats.take(board, board.until, forced=True) is not None
    seats.tell(told(release, "b1", 0, leaving=True), NOW + timedelta(seconds=WINDOW_S))
    seats.tell(told(release, "b1", 5), NOW + timedelta(seconds=1))
    assert seats.boards(release)[0].until == NOW + timedelta(seconds=WINDOW_S)
    assert Usher(seats, release).seat(NOW + timedelta(seconds=WINDOW_S)) is Admission.UNCOUNTED


def own_count(business: str, cap: int) -> tuple[Count, Count]:
    line = replace(LINE, number_a_minute=cap, number_an_hour=cap + 3)
    return counts_of_ring(BusinessId(business), CALLER, line, NOW)


def test_of_thirty_rings_of_one_number_at_once_as_many_as_allowed_are_counted(rings: Rings) -> None:
    own, _ = own_count(f"b{uuid4().hex[:8]}", 6)
    assert at_once(30, lambda _: rings.count(own)).count(True) == 6
    later = counts_of_ring(
        own.business_id, CALLER, replace(LINE, number_a_minute=6, number_an_hour=9), NOW.replace(minute=1)
    )
    assert [rings.count(later[0]) for _ in range(4)] == [True, True, True, False]  # the hour is full


def test_one_of_many_claims_a_task(rings: Rings) -> None:
    business = BusinessId(f"b{uuid4().hex[:8]}")
    owners = at_once(20, lambda n: rings.claim(business, "x", "owed", SessionId(f"HD_{n}"), NOW))
    assert len(set(owners)) == 1
    assert rings.claim(business, "x", "owed", owners[0], NOW) == owners[0]
