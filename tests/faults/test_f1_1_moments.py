"""F1.1 on real processes: SIGKILL under live calls of the simulated carrier, in each of four moments; whoever was on the line is hung up
and owed a call, each call has one detail record, and a booking that was being made is made once.

The bound is the life of a lease (30 s, a beat every 10 s), what the others' beats must vouch for (20 s) and one sweep (60 s); where ECS
tells of the task's end nobody waits for the lease, and that is not counted on here.
"""

from __future__ import annotations

import pytest

from pokea.orphans import LIFE, VOUCHED
from tests.faults.broken.reapers import OwesNothing
from tests.support.last_night import MOMENTS, SWEEP_S, Night

pytestmark = pytest.mark.faults
LIVE = dict.fromkeys(MOMENTS, 50) | {"tool running": 30}  # whole talks, of which two cores carry no more
BOUND_S = (LIFE + VOUCHED).total_seconds() + SWEEP_S


@pytest.mark.parametrize("moment", MOMENTS)
async def test_calls_whose_bridge_is_killed_are_ended_recorded_and_owed(moment: str) -> None:
    night = Night(moment, live=LIVE[moment])
    await night.run()
    assert night.breaches == []
    assert max(night.took_s.values()) <= BOUND_S


async def test_a_reaper_that_forgets_the_callers_is_found_out() -> None:
    night = Night("greeting", live=2, reaper_class=OwesNothing)
    await night.run()
    assert night.breaches == ["owed for None"] * 2
