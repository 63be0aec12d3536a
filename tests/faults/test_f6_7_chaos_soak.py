"""F6.7: a day of calls, one thing gone wrong in each, through the real functions in virtual time. Whatever was lost, late, doubled,
contradicted or killed: every leg of the carrier's books has one detail record, of the right length, and the money adds up."""

from __future__ import annotations

import logging
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import pytest

from tests.faults.broken import chaos as broken
from tests.support.chaos_calls import FAULTS, Chaos
from tests.support.chaos_world import World
from tests.support.control_plane import NOW
from tests.support.sizes import examples

SEED = int(os.environ.get("POKEA_CHAOS_SEED", "0"))
DRAWN = random.SystemRandom().randrange(1, 1_000_000)  # the large day is another one each time, the small one is not
SPREAD_S = 10 * 3_600
Breaks = Callable[[], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def _quiet(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """A day's logs and metrics are of no use, and cost more than the day."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    capsys.readouterr()


def breaches(faults: Sequence[str], seed: int, breaks: Breaks = nullcontext) -> list[str]:
    """What is wrong after the last day. The same faults and seed give the same day."""
    draw = random.Random(seed)
    world = World(draw)
    chaos = Chaos(world)
    for fault in faults:
        chaos.call(NOW + timedelta(seconds=draw.randrange(SPREAD_S)), fault)
    with breaks():
        world.run()
        return world.breaches()


def drawn(calls: int, seed: int) -> list[str]:
    """Every fault at least once, where there are calls enough."""
    names = list(FAULTS)
    return [*names, *random.Random(seed).choices(names, k=max(0, calls - len(names)))][:calls]


def check(faults: Sequence[str], seed: int, breaks: Breaks = nullcontext) -> None:
    found = breaches(faults, seed, breaks)
    kinds = Counter(line.split(":")[0].split(" of ")[0] for line in found).most_common(4)
    assert not found, f"POKEA_CHAOS_SEED={seed}: {len(found)} breaches {kinds}: {found[:4]}"


def test_a_day_with_something_wrong_in_every_call_ends_in_true_books() -> None:
    check(drawn(examples(80, 200), SEED or 7), SEED or 7)


@pytest.mark.faults
def test_two_thousand_calls_with_something_wrong_in_each() -> None:
    check(drawn(2_000, SEED or DRAWN), SEED or DRAWN)


@pytest.mark.parametrize(
    ("breaks", "fault"),
    [
        (broken.drops_statements, "lost close"),
        (broken.keeps_every_version_as_a_leg, "late completed"),
        (broken.sleeps_at_night, "told to nobody"),
        (broken.asks_the_carrier_once, "booked late"),
        (broken.believes_the_bridge, "another stream"),
        (broken.asks_for_the_callers_leg_alone, "bridge killed"),
    ],
)
def test_the_soak_sees_a_build_without_a_safeguard(breaks: Breaks, fault: str) -> None:
    calls = [fault] * 8
    check(calls, 67)
    with pytest.raises(AssertionError, match="breaches"):
        check(calls, 67, breaks)


def test_a_night_that_finds_no_queue_is_run_again() -> None:
    world = World(random.Random(3))
    chaos = Chaos(world)
    chaos.call(NOW, "told to nobody")  # only the night finds this one
    world.at(NOW.replace(hour=1) + timedelta(days=1), lambda: setattr(world.office.later, "down", 1))
    world.run()
    assert world.breaches() == []
    assert world.office.later.down == 0


def test_a_seed_gives_the_same_day_again() -> None:
    assert drawn(300, 5) == drawn(300, 5)
    one, other = Chaos(World(random.Random(5))), Chaos(World(random.Random(5)))
    for chaos in (one, other):
        for fault in drawn(60, 5):
            chaos.call(NOW, fault)
        chaos.world.books.close()
    assert one.world.streams == other.world.streams
