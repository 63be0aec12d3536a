"""How many calls of the demo go on side by side, by what the machine has time for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from local.demo.admission import EVERY_S, LOOK_AGAIN_S, SPARE, Admission, Lines, Processors

LINES = Lines(fewest=2, most=4, unknown=3)


@pytest.mark.parametrize(
    ("under_way", "spare", "room"),
    [
        (1, 0.0, True),
        (2, 0.0, False),
        (2, SPARE, True),
        (3, SPARE, True),
        (4, 1.0, False),
        (2, None, True),
        (3, None, False),
    ],
)
def test_a_few_calls_always_begin_and_more_while_the_machine_has_time(
    under_way: int, spare: float | None, room: bool
) -> None:
    assert LINES.has_room(under_way, spare) is room


def test_time_to_spare_is_what_was_left_over_since_the_last_look(tmp_path: Path) -> None:
    counters = tmp_path / "stat"
    counters.write_text("cpu  100 0 100 700 100 0 0 0 50 50\ncpu0 1 1 1 1\n")
    processors = Processors(counters)
    counters.write_text("cpu  160 0 120 710 110 0 0 0 90 90\ncpu0 1 1 1 1\n")
    assert processors.spare() == pytest.approx(0.2)
    assert processors.spare() == 0.0  # no time has passed


@pytest.mark.parametrize("text", [None, "", "cpu one two", "cpu 1 2"])
def test_a_machine_that_does_not_count_says_so(tmp_path: Path, text: str | None) -> None:
    counters = tmp_path / "stat"
    if text is not None:
        counters.write_text(text)
    assert Processors(counters).spare() is None


async def test_calls_begin_one_after_another_and_more_only_once_the_machine_has_time() -> None:
    begun: list[int] = []
    slept: list[tuple[float, int]] = []
    third = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append((seconds, len(begun)))
        await asyncio.sleep(0)

    def spare() -> float:
        return 1.0 if slept.count((LOOK_AGAIN_S, 2)) >= 3 else 0.0

    async def call(number: int) -> None:
        async with admission:
            begun.append(number)
            if number == 2:
                third.set()
            await third.wait()

    admission = Admission(LINES, spare, sleep)
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(call(number))
    assert begun == [0, 1, 2]
    assert slept == [(EVERY_S, 0), (EVERY_S, 1), *3 * [(LOOK_AGAIN_S, 2)], (EVERY_S, 2)]


async def test_a_call_that_is_over_makes_room_whatever_the_machine_does() -> None:
    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    admission = Admission(Lines(fewest=1, most=1, unknown=1), lambda: 0.0, sleep)
    for _ in range(3):
        async with admission:
            pass
    with pytest.raises(ZeroDivisionError):
        async with admission:
            raise ZeroDivisionError
    async with admission:
        pass


async def test_whoever_stops_waiting_at_the_door_takes_no_room() -> None:
    closed = asyncio.Event()
    admission = Admission(Lines(fewest=1, most=1, unknown=1), lambda: 0.0, lambda _: closed.wait())  # type: ignore[arg-type, return-value]
    waiting = asyncio.create_task(admission.__aenter__())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    closed.set()
    async with admission:
        pass
