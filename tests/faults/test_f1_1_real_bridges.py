"""F1.1 on a real process: what a bridge with live calls says of them, and what becomes of them when it is killed with SIGKILL."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from local.live_server import LiveServer
from local.model import scripted
from pokea.ids import SessionId
from pokea.orphans import LIFE, SURE
from tests.faults.test_f3_10_real_bridges import Peers, World, mute
from tests.integration.bridge_peers import HttpPeer
from tests.support.reaping import Floor


class Plane(Peers):
    """The tools function, whose beats go to a real control plane with a real reaper. `heard`: is set by each beat."""

    def __init__(self) -> None:
        super().__init__()
        self.floor = Floor()
        self.beats: list[dict[str, Any]] = []
        self.heard = asyncio.Event()

    def tools(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        event = json.loads(body)
        if event["operation"] == "open":
            self.floor.bridge("unused").open(SessionId(event["session_id"]))
        if event["operation"] == "beat":
            self.beats.append(event)
            self.heard.set()
            return 200, self.floor.plane.tools(event, None)
        return super().tools(method, path, body)

    async def until_known(self, names: set[str]) -> None:
        async with asyncio.timeout(30):
            while not self.beats or set(self.beats[-1]["calls"]) != names:
                self.heard.clear()
                await self.heard.wait()


async def killed_under(folder: Path, count: int) -> None:
    plane = Plane()
    names = {f"HD_{number:012x}" for number in range(count)}
    async with (
        HttpPeer(plane.tools) as tools,
        HttpPeer(plane.carrier) as carrier,
        HttpPeer(plane.sqs) as sqs,
        LiveServer(scripted(mute)) as model,
    ):
        world = World(folder, plane, {"tools": tools.url, "carrier": carrier.url, "sqs": sqs.url, "model": model.url})
        async with world.bridge() as bridge:
            for name in sorted(names):
                assert await bridge.call(name)
            await plane.until_known(names)
            assert plane.floor.run()["bridges"] == 0
            bridge.kill()
            await bridge.process.wait()
    plane.floor.plane.clock.advance((LIFE + SURE).total_seconds())
    assert plane.floor.run() == {"bridges": 1, "ended": count, "failed": 0}
    assert set(plane.floor.hung_up) == names
    assert set(plane.floor.plane.callbacks.tasks) == names
    assert all(plane.floor.told_of(SessionId(name)) for name in names)


async def test_the_calls_of_a_killed_bridge_are_ended_by_what_it_had_said_of_them(tmp_path: Path) -> None:
    await killed_under(tmp_path, 3)


@pytest.mark.faults
async def test_so_are_fifty(tmp_path: Path) -> None:
    await killed_under(tmp_path, 50)


async def test_a_bridge_that_is_told_to_stop_leaves_no_lease(tmp_path: Path) -> None:
    plane = Plane()
    async with (
        HttpPeer(plane.tools) as tools,
        HttpPeer(plane.carrier) as carrier,
        HttpPeer(plane.sqs) as sqs,
        LiveServer(scripted(mute)) as model,
    ):
        world = World(tmp_path, plane, {"tools": tools.url, "carrier": carrier.url, "sqs": sqs.url, "model": model.url})
        async with world.bridge() as bridge:
            await plane.until_known(set())
            bridge.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(bridge.process.wait(), 30) == 0
    assert plane.beats[-1]["leaving"] is True
    plane.floor.plane.clock.advance((LIFE + SURE).total_seconds())
    assert plane.floor.run() == {"bridges": 0, "ended": 0, "failed": 0}
