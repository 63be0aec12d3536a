"""F5.1 with kill -9: a dialer in a process of its own dies at every step, on the local AWS and with the simulated carrier, and another
process goes on. Nobody is rung twice, nobody is lost, and whatever was unknown is settled within 180 s."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from local.carrier import Carrier as Simulator
from local.processes import ROOT
from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_campaigns import DynamoCampaigns
from pokea.adapters.dynamo_table import DynamoTable
from pokea.campaigns.contact import ContactState
from tests.faults.test_f5_1_crashes import SETTLED_WITHIN, Hall, WallClock, judge, own_the_line
from tests.support.dial_room import always_lawful
from tests.support.store import RunningAws

# Of which part, before or after which operation, of a contact in which state.
POINTS = {
    "c1 before the claim": ("campaigns", "before", "put_contact", "claimed"),
    "c2 claimed": ("campaigns", "after", "put_contact", "claimed"),
    "c2 noted, not asked": ("campaigns", "after", "begin", "asked"),
    "c3 asked, no reply": ("line", "after", "place_call", ""),
    "c4 reply not stored": ("campaigns", "before", "put_contact", "ringing"),
    "c5 stored, not acknowledged": ("campaigns", "after", "put_contact", "ringing"),
}


class Shifts:
    """The process that forks dialers, one shift after the other."""

    def __init__(self, process: subprocess.Popen[str], tables: tuple[DynamoTable, DynamoTable], hall: Hall) -> None:
        self._process, self._tables, self._hall = process, tables, hall
        self._began = hall.clock.now()

    def work(self, **shift: Any) -> int:
        """Everything that is due, by one dialer. Returns how its process ended."""
        bodies = []
        while (body := self._hall.ready()) is not None:
            bodies.append(body)
        return self.take(bodies, **shift)

    def take(self, bodies: list[str], **shift: Any) -> int:
        skipped = self._hall.clock._skipped.total_seconds()  # type: ignore[attr-defined]
        named = {"campaigns": self._tables[0].name, "calls": self._tables[1].name, "skipped_s": skipped}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({**named, "messages": bodies, **shift}) + "\n")
        self._process.stdin.flush()
        status: int = json.loads(self._process.stdout.readline())
        assert status in (0, -signal.SIGKILL)
        return status

    def finish(self) -> None:
        """Until nobody is waiting, claimed or unknown. Nobody may be unknown for longer than they should."""
        for _ in range(30):
            states = self._hall.states()
            if not states["waiting"] + states["claimed"] + states["asked"]:
                return
            self._hall.clock.advance(59)
            self._hall.plan()
            for contact in self._hall.contacts():
                if contact.state is ContactState.ASKED and contact.asked_at is not None:
                    assert self._hall.clock.now() - contact.asked_at < SETTLED_WITHIN, "still unknown"
            self._hall.clock.advance(1)
            self.work()


@pytest.fixture
def tables(local_aws: RunningAws) -> Iterator[tuple[DynamoTable, DynamoTable]]:
    with local_aws.fresh_table() as one, local_aws.fresh_table() as two:
        yield one, two


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator("key") as running:
        yield running


async def kill(
    simulator: Simulator, aws: RunningAws, tables: tuple[DynamoTable, DynamoTable], count: int, *deaths: dict[str, Any]
) -> list[int]:
    """Every shift gets all messages that were never acknowledged; after the deadly ones an undisturbed one finishes."""
    hall = Hall(
        clock=WallClock(),  # type: ignore[arg-type]
        campaigns=DynamoCampaigns(tables[0]),
        calls=DynamoCallStore(tables[1]),
        policies=always_lawful(),
    )
    hall.carry(simulator)
    hall.open(count, cps=50)
    own_the_line(simulator, hall)
    arguments = [sys.executable, "-m", "tests.support.dialer_process", aws.aws.endpoint_url, simulator.base_url]

    def story() -> list[int]:
        with subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            shifts = Shifts(process, tables, hall)
            hall.plan()
            bodies = [body for _, _, body in sorted(hall.queue)]
            hall.queue.clear()
            ends = [shifts.take(bodies, **death) for death in deaths]
            shifts.take(bodies)
            shifts.finish()
            assert process.stdin is not None
            process.stdin.close()
        return ends

    try:
        ends = await asyncio.to_thread(story)
        judge(simulator, hall, count)
    finally:
        hall.board.close()
    return ends


@pytest.mark.faults
@pytest.mark.parametrize("point", POINTS)
async def test_a_dialer_that_is_killed_rings_nobody_twice_and_loses_nobody(
    simulator: Simulator, local_aws: RunningAws, tables: tuple[DynamoTable, DynamoTable], point: str
) -> None:
    deaths = [{"dies": [*POINTS[point], number]} for number in (1, 2)]
    ends = await kill(simulator, local_aws, tables, 4, *deaths)
    assert ends[0] == -signal.SIGKILL


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(4))
async def test_a_dialer_that_is_killed_at_any_moment_rings_nobody_twice_and_loses_nobody(
    simulator: Simulator, local_aws: RunningAws, tables: tuple[DynamoTable, DynamoTable], seed: int
) -> None:
    draw = random.Random(seed)
    deaths = [{"kill_after_ms": draw.uniform(50, 3_000)} for _ in range(4)]
    ends = await kill(simulator, local_aws, tables, 12, *deaths)
    assert -signal.SIGKILL in ends


@pytest.mark.faults
async def test_the_check_catches_a_dialer_that_notes_no_attempt_before_it_rings(
    simulator: Simulator, local_aws: RunningAws, tables: tuple[DynamoTable, DynamoTable]
) -> None:
    with pytest.raises(AssertionError, match="rung twice"):
        await kill(simulator, local_aws, tables, 2, {"dies": [*POINTS["c3 asked, no reply"], 1], "notes_nothing": True})
