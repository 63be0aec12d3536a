"""Who listens: a full worker steps aside while another has room, and nobody does when nobody has."""

from __future__ import annotations

from bridge.shell.crew import Crew, TakesTurns
from bridge.shell.flood import Allowance
from bridge.shell.health import Health


class Caller:
    def must_end(self) -> None: ...

    def must_leave(self) -> None: ...

    def check_line(self) -> None: ...


class Ear:
    def __init__(self) -> None:
        self.is_listening = True

    def stop_listening(self) -> None:
        self.is_listening = False

    async def listen(self) -> None:
        self.is_listening = True


def worker(crew: Crew, index: int, places: int) -> tuple[TakesTurns, Health, Ear]:
    health, ear = Health(places), Ear()
    turns = TakesTurns(ear, health, crew.place(index))
    health.changed = turns.look
    turns.look()
    return turns, health, ear


async def test_a_worker_that_fills_up_steps_aside_and_comes_back() -> None:
    crew = Crew(2)
    turns, health, ear = worker(crew, 0, 2)
    worker(crew, 1, 2)
    callers = [Caller(), Caller()]
    health.take(callers[0])
    assert ear.is_listening
    health.take(callers[1])
    assert not ear.is_listening
    health.release(callers[0])
    await turns.look_again()
    assert ear.is_listening


async def test_when_nobody_has_room_everybody_listens_and_says_so() -> None:
    crew = Crew(2)
    turns, health, ear = worker(crew, 0, 1)
    _, other_health, other_ear = worker(crew, 1, 1)
    health.take(Caller())
    assert not ear.is_listening
    other_health.take(Caller())
    assert other_ear.is_listening
    await turns.look_again()
    assert ear.is_listening


async def test_a_worker_that_drains_steps_aside_too() -> None:
    crew = Crew(2)
    turns, health, ear = worker(crew, 0, 5)
    worker(crew, 1, 5)
    health.draining = True
    turns.look()
    await turns.look_again()
    assert not ear.is_listening


def test_an_allowance_refills_with_time_and_never_beyond_its_size() -> None:
    allowance = Allowance(10, 5)
    assert allowance.take(10, 0)
    assert not allowance.take(1, 100)
    assert allowance.take(5, 1_100)
    assert not allowance.take(11, 60_000)
    assert allowance.take(10, 60_000)
