"""Seats: whatever comes in whatever order, no more callers are invited than there are places, and a place that is free is given again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from functions.voice.door import Usher
from pokea import seats
from pokea.admission import Admission
from pokea.seats import BACK_WITHIN_S, COMES_WITHIN_S, SEATED_TOLD_S, Ticket, Told, by_window
from tests.fakes.memory_door import MemorySeats
from tests.support.control_plane import NOW

RELEASE = "r1"
FLIGHT_S = 5.0  # of a beat, from the look at the places to the write


@dataclass
class Worker:
    name: str
    places: int
    live: int = 0
    came: list[tuple[datetime, datetime]] = field(default_factory=list)  # when, and when they had rung

    def told(self, now: datetime) -> Told:
        lately = [rang for came, rang in self.came if now - came <= timedelta(seconds=SEATED_TOLD_S)]
        seated = by_window(int(rang.timestamp()) for rang in lately)
        return Told(release=RELEASE, bridge=self.name, free=max(0, self.places - self.live), seated=seated)


class World:
    def __init__(self, places: list[int], seed: int) -> None:
        self.draw = random.Random(seed)
        self.now = NOW + timedelta(seconds=self.draw.uniform(0, 10))
        self.seats = MemorySeats()
        self.usher = Usher(self.seats, RELEASE, self.draw.random)
        self.workers = [Worker(f"b{number}", count) for number, count in enumerate(places)]
        self.coming: list[datetime] = []  # when they rang
        self.beats: list[tuple[Told, datetime]] = []  # on their way
        self.refused = 0
        self.lost_at = self.now - timedelta(seconds=BACK_WITHIN_S)  # when a ticket was last left unused
        for worker in self.workers:
            self.seats.tell(worker.told(self.now), self.now)

    @property
    def places(self) -> int:
        return sum(worker.places for worker in self.workers)

    @property
    def invited(self) -> int:
        return len(self.coming) + sum(worker.live for worker in self.workers)

    def ring(self) -> None:
        found = self.usher.seat(self.now)
        if isinstance(found, Ticket):
            self.coming.append(self.now)
        self.refused += found is Admission.FULL

    def come(self) -> None:
        """To whichever worker the balancer likes, of those that have room."""
        free = [worker for worker in self.workers if worker.live < worker.places]
        if self.coming and free:
            worker = self.draw.choice(free)
            worker.live += 1
            worker.came.append((self.now, self.coming.pop(self.draw.randrange(len(self.coming)))))

    def give_up(self) -> None:
        if self.coming:
            self.coming.pop(self.draw.randrange(len(self.coming)))
            self.lost_at = self.now

    def leave(self) -> None:
        if busy := [worker for worker in self.workers if worker.live]:
            self.draw.choice(busy).live -= 1

    def beat(self) -> None:
        self.beats.append((self.draw.choice(self.workers).told(self.now), self.now))

    def hear(self) -> None:
        """One of the beats on their way, not always the oldest."""
        if self.beats:
            told, at = self.beats.pop(self.draw.randrange(len(self.beats)))
            self.seats.tell(told, at)

    def wait(self) -> None:
        self.now += timedelta(seconds=self.draw.choice([0.1, 1, 4]))
        on_time = [rang for rang in self.coming if self.now - rang <= timedelta(seconds=COMES_WITHIN_S)]
        self.lost_at = self.now if len(on_time) < len(self.coming) else self.lost_at
        self.coming = on_time
        late = [beat for beat in self.beats if self.now - beat[1] > timedelta(seconds=FLIGHT_S)]
        self.beats = [beat for beat in self.beats if beat not in late]

    def settle(self) -> None:
        """Everybody who comes has come; each worker beats once in ten seconds."""
        self.coming.clear()
        for _ in range(BACK_WITHIN_S // 10):
            self.now += timedelta(seconds=10)
            for worker in self.workers:
                self.seats.tell(worker.told(self.now), self.now)

    def left(self) -> list[int]:
        return [board.left for board in sorted(self.seats.boards(RELEASE), key=lambda board: board.bridge)]


ACTS: tuple[Callable[[World], None], ...] = (
    World.ring, World.ring, World.ring, World.come, World.come, World.come, World.give_up, World.leave, World.beat, World.hear, World.wait,
)  # fmt: skip
DAYS = st.lists(st.sampled_from(range(len(ACTS))), max_size=80)


def breaches(places: list[int], acts: list[int], seed: int) -> list[str]:
    world, found = World(places, seed), []
    for act in acts:
        ACTS[act](world)
        if world.invited > world.places:
            found.append(f"{world.invited} invited to {world.places} places")
    world.settle()
    if world.left() != [worker.places - worker.live for worker in world.workers]:
        found.append("a seat does not come back")
    return found


@given(st.lists(st.integers(1, 6), min_size=1, max_size=3), DAYS, st.integers(0, 1_000_000))
def test_never_more_are_invited_than_there_are_places_and_every_seat_comes_back(
    places: list[int], acts: list[int], seed: int
) -> None:
    assert breaches(places, acts, seed) == []


def short_boards(acts: list[int], seed: int) -> list[str]:
    """One worker, so each ticket is used where it was taken: but for tickets that were left unused, a beat that is heard at once leaves
    the board with the places that nobody has or is on the way to."""
    world, found = World([6], seed), []
    (worker,) = world.workers
    for act in acts:
        ACTS[act](world)
        if ACTS[act] is not World.come or world.now - world.lost_at < timedelta(seconds=BACK_WITHIN_S):
            continue
        world.now += timedelta(milliseconds=1)
        world.seats.tell(worker.told(world.now), world.now)
        if (left := sum(world.left())) != world.places - world.invited:
            found.append(f"{left} left of {world.places} with {world.invited} invited")
    return found


@given(DAYS, st.integers(0, 1_000_000))
def test_a_caller_who_has_come_is_counted_once(acts: list[int], seed: int) -> None:
    assert short_boards(acts, seed) == []


def after_one_came() -> list[int]:
    world = World([3], 1)
    world.ring()
    world.come()
    world.now += timedelta(milliseconds=1)
    world.beat()
    world.hear()
    return world.left()


def test_with_the_first_beat_a_caller_who_has_come_is_no_ticket_any_more() -> None:
    assert after_one_came() == [2]


def drawn_days(count: int) -> list[str]:
    found: list[str] = []
    for seed in range(count):
        draw = random.Random(seed)
        acts = [draw.randrange(len(ACTS)) for _ in range(400)]
        found += breaches([draw.randint(1, 6) for _ in range(draw.randint(1, 3))], acts, seed)
    return found


def test_a_long_day_is_no_different() -> None:
    assert drawn_days(20) == []


def forgets_who_is_on_the_way(told: Told, taken: object, now: datetime) -> int:
    return told.free


def counts_callers_twice(told: Told, taken: dict[int, int], now: datetime) -> int:
    return told.free - sum(taken.values())


def test_a_sum_that_forgets_who_is_on_the_way_is_found_out() -> None:
    with mock.patch.object(seats, "left_of", forgets_who_is_on_the_way):
        assert any("invited to" in one for one in drawn_days(8))


def test_a_sum_that_counts_callers_twice_is_found_out() -> None:
    draw = random.Random(1)
    days = [[draw.randrange(len(ACTS)) for _ in range(80)] for _ in range(8)]
    assert [short_boards(day, 1) for day in days] == [[]] * 8
    with mock.patch.object(seats, "left_of", counts_callers_twice):
        assert after_one_came() == [1]
        assert any(short_boards(day, 1) for day in days)


def test_a_seat_that_counts_for_ever_is_found_out() -> None:
    with mock.patch.object(seats, "COUNTED", 1_000):
        assert any("does not come back" in one for one in drawn_days(8))


def test_a_board_whose_worker_is_silent_is_no_board() -> None:
    world = World([2], 1)
    world.now += seats.FRESH
    assert world.usher.seat(world.now) is Admission.UNCOUNTED


def test_where_no_bridge_has_told_of_seats_nobody_is_refused() -> None:
    assert Usher(MemorySeats(), RELEASE).seat(NOW) is Admission.UNCOUNTED


def test_a_call_that_is_never_refused_is_counted_all_the_same() -> None:
    world = World([1], 1)
    assert all(isinstance(world.usher.seat(world.now, forced=True), Ticket) for _ in range(2))
    assert world.left() == [-1]
    world.settle()
    assert world.left() == [1]


def test_a_full_house_is_looked_at_no_more_than_five_times_a_second() -> None:
    world = World([1], 1)
    world.ring()
    reads = world.seats.reads
    for _ in range(100):
        world.ring()
        world.now += timedelta(milliseconds=10)
    assert (world.refused, world.seats.reads - reads <= 6, world.seats.writes) == (100, True, 1)
