"""What a worker says of its places."""

from __future__ import annotations

import asyncio

from bridge.shell.health import Health
from bridge.shell.heart import Heart
from bridge.shell.seats import SeatCount, Seats
from pokea.seats import SEATED_TOLD_S
from tests.unit.bridge.shell.test_heart import ControlRoom


class Line:
    def must_end(self) -> None: ...

    def must_leave(self) -> None: ...

    def check_line(self) -> None: ...


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_it_tells_its_free_places_and_which_seats_were_used_lately() -> None:
    health, clock = Health(3), Clock()
    seats = SeatCount(health, "r1", clock)
    assert seats.read() == Seats("r1", 3)
    health.take(Line())
    seats.came(1_700_000_000)
    seats.came(None)  # nobody had kept a seat for it
    assert seats.read() == Seats("r1", 2, (1_700_000_000,))
    clock.now_s = SEATED_TOLD_S + 1
    assert seats.read() == Seats("r1", 2)


def test_a_call_that_is_on_its_way_in_has_its_ticket_still() -> None:
    health = Health(3, admitting=2)
    assert SeatCount(health, "r1").read().free == 3


def test_a_bridge_that_drains_or_has_no_room_on_its_disk_has_no_place() -> None:
    assert SeatCount(Health(3, draining=True), "r1").read().free == 0
    full = Health(3)
    full.kept = type("Full", (), {"has_room": False, "words": lambda self: ""})()
    assert SeatCount(full, "r1").read().free == 0


def test_a_change_is_news_where_places_are_scarce() -> None:
    seats = SeatCount(Health(100), "r1")

    def is_news(told: int, now: int) -> bool:
        return seats.is_news(Seats("r1", told), Seats("r1", now))

    assert not is_news(90, 60)
    assert is_news(0, 1) and is_news(25, 24) and is_news(90, 0)
    assert not is_news(3, 3)
    assert not seats.is_news(None, Seats("r1", 0))


async def test_while_places_are_scarce_one_that_became_free_is_told_of_at_once() -> None:
    room, health, line = ControlRoom(), Health(4), Line()
    health.take(line)
    for _ in range(3):
        health.take(Line())
    heart = Heart(room.beat, lambda: ("HD_1",), beat_s=60, apart_s=0.001, look_s=0.001, seats=SeatCount(health, "r1"))
    heart.start()
    await room.count(1)
    await asyncio.sleep(0)
    assert room.seats == [Seats("r1", 0)]
    health.release(line)
    await room.count(2)
    assert room.seats[1] == Seats("r1", 1)
    await heart.close()
