"""F1.2: a new release is rolled out at noon. Real processes, the simulated carrier and the control plane's real handlers."""

from __future__ import annotations

import signal

import pytest

from bridge.shell.drain import Drain
from bridge.shell.health import Health
from pokea.ids import SessionId
from pokea.sautikit.closings import CloseReason
from tests.faults.broken.rolling import BUILDS
from tests.support.rolling import OLD, Roll, house

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("ecs", ["granted", "blocked", "gone"])
async def test_a_release_that_is_replaced_under_twenty_calls_drops_none_whatever_ecs_says(ecs: str) -> None:
    roll = Roll(live=20, fresh=10, ecs=ecs)
    await roll.run()
    assert roll.breaches == []


async def test_at_the_limit_every_call_is_hung_up_by_rest_and_told_of_and_the_bridge_leaves() -> None:
    async with house() as here, here.release(OLD, drain_s=1) as old:
        calls = await here.dial(10)
        old.process.send_signal(signal.SIGTERM)
        assert await old.gone(Drain(Health(1), 1.0).longest_s)
        for one in calls:
            await one.call.ended(5)
        closings = [here.plane.closings.closing(SessionId(one.call.session_id)) for one in calls]
        assert [closing and closing.reason for closing in closings] == [CloseReason.BRIDGE_ERROR] * len(calls)
        assert {one.call.released_by for one in calls} == {"api"}


@pytest.mark.parametrize("build", BUILDS)
async def test_a_bridge_that_drains_badly_is_found_out(build: str) -> None:
    roll = Roll(live=2, fresh=2, build=build)
    await roll.run()
    assert any(breach.startswith(BUILDS[build][1]) for breach in roll.breaches), roll.breaches
