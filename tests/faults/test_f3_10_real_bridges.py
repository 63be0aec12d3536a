"""F3.10 on real processes: a bridge with live calls whose queue is down, whose disk fills up, and that is killed; and its successor."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import resource
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from local.live_server import LiveServer
from local.model import Stage, scripted
from tests.integration.bridge_peers import CONTEXT, HttpPeer, ok
from tests.integration.test_bridge_process import ROOT, environ, free_port, get
from tests.support.outboxes import QueueDouble, files, whole
from tests.support.raw_socket import BINARY, RawSocket, close_frame, frame

TOKEN = "eyJhbGciOiJI.eyJzaWQiOiJI.c2lnbmF0dXJlLW9mLXRlc3Q"
QUIET = frame(BINARY, bytes(640))
UNLIMITED = resource.RLIM_INFINITY


async def mute(stage: Stage) -> None:
    """Listens and says nothing."""


class Peers:
    """The tools function, the carrier and the queue."""

    def __init__(self) -> None:
        self.queue = QueueDouble()
        self.opened: list[str] = []

    def tools(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        event = json.loads(body)
        if event["operation"] == "open":
            self.opened.append(event["session_id"])
            return 200, ok(call_token=event["session_id"], context={**CONTEXT, "greeting": ""})
        return 200, ok()

    def carrier(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        return 200, {"status": "hung_up"}

    def sqs(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if not self.queue.is_up:
            return 503, {"__type": "com.amazonaws.sqs#ServiceUnavailable", "message": "down"}
        entries = json.loads(body)["Entries"]
        self.queue([entry["MessageBody"].encode() for entry in entries])
        return 200, {
            "Successful": [{"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "x"} for entry in entries]
        }


class World:
    """What stays while bridges come and go."""

    def __init__(self, spool: Path, peers: Peers, urls: dict[str, str]) -> None:
        self.spool, self.peers, self.urls = spool, peers, urls

    @contextlib.asynccontextmanager
    async def bridge(self) -> AsyncIterator[Bridge]:
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bridge", cwd=ROOT,
            env=environ(
                POKEA_BRIDGE_PORT=str(port), POKEA_BRIDGE_WORKERS="1", POKEA_GEMINI_URL=self.urls["model"], POKEA_DRAIN_S="1",
                POKEA_TOOLS_FUNCTION="tools", AWS_ENDPOINT_URL_LAMBDA=self.urls["tools"], AWS_ENDPOINT_URL_SQS=self.urls["sqs"],
                AWS_ACCESS_KEY_ID="x", AWS_DEFAULT_REGION="af-south-1", AWS_SECRET_ACCESS_KEY="x", SAUTIKIT_API_KEY="k",
                SAUTIKIT_API_BASE=self.urls["carrier"], POKEA_MAX_CALLS="400", POKEA_OUTBOX_DIR=str(self.spool),
                POKEA_CDR_QUEUE_URL=f"{self.urls['sqs']}/000000000000/cdr", POKEA_IDLE_ASK_S="100", POKEA_IDLE_ASK_AGAIN_S="200",
                POKEA_IDLE_GOODBYE_S="300",
            ),
        )  # fmt: skip
        running = Bridge(process, port)
        try:
            await running.says(r"^ready ")
            yield running
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


class Bridge:
    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process, self.port = process, port
        self.legs: dict[str, RawSocket] = {}

    async def says(self, pattern: str, within_s: float = 30) -> None:
        """Wait until the readiness page says so."""
        words = ""
        try:
            async with asyncio.timeout(within_s):
                while not re.search(pattern, words):
                    with contextlib.suppress(OSError):
                        words = (await get(self.port, "/readyz")).partition("\r\n\r\n")[2]
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"the bridge does not say {pattern!r} but {words!r}") from None

    async def call(self, name: str) -> bool:
        """Whether the bridge took it."""
        try:
            leg = await RawSocket.connect(self.port, f"/audio?call={name}&token={TOKEN}")
        except ConnectionError:
            return False
        leg.send(QUIET)
        self.legs[name] = leg
        return True

    async def hang_up(self, name: str) -> None:
        leg = self.legs.pop(name)
        leg.send(close_frame())
        await leg.close()

    def still_heard(self) -> None:
        """Live legs send sound: a leg without any for ten seconds is a dead one."""
        for leg in self.legs.values():
            leg.send(QUIET)

    def files_may_grow_to(self, size: int) -> None:
        """What `write` says beyond that is as on a full disk, the torn record before it too."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, UNLIMITED))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        for leg in self.legs.values():
            leg.abort()


@contextlib.asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    peers = Peers()
    async with (
        HttpPeer(peers.tools) as tools,
        HttpPeer(peers.carrier) as carrier,
        HttpPeer(peers.sqs) as sqs,
        LiveServer(scripted(mute)) as model,
    ):
        urls = {"tools": tools.url, "carrier": carrier.url, "sqs": sqs.url, "model": model.url}
        yield World(folder / "spool", peers, urls)


async def everything_at_once(folder: Path, live: int, more: int) -> None:
    """The queue is down; the disk fills up with `live` calls on; half of them end and `more` want to begin; there is room again; the rest
    is killed with its bridge, and another bridge starts on the spool."""
    async with world(folder) as around:
        queue = around.peers.queue
        queue.is_up = False
        names = [f"HD_{number}" for number in range(live)]
        over, cut = names[: live // 2], names[live // 2 :]
        late = [f"HD_late_{number}" for number in range(more)]
        async with around.bridge() as first:
            for name in names:
                assert await first.call(name)
            await first.says(rf"^ready calls={live} .* outbox={live} .* unwritten=0")
            (segment,) = (path for path in around.spool.rglob("*.log"))
            first.files_may_grow_to(segment.stat().st_size + 50)
            for name in over:
                await first.hang_up(name)
            await first.says(rf"^spool_full calls={len(cut)} .* unwritten={len(over)}")
            first.still_heard()
            assert [await first.call(name) for name in late] == [False] * more
            assert not set(late) & set(around.peers.opened)
            first.files_may_grow_to(UNLIMITED)
            await first.says(rf"^ready calls={len(cut)} .* unwritten=0")
            for name in late:
                assert await first.call(name)
                await first.hang_up(name)
            await first.says(rf"^ready calls={len(cut)} .* unwritten=0")
            await first.says(rf"outbox={live + len(over) + 2 * more} ")
            first.kill()
            await first.process.wait()
        queue.is_up = True
        async with around.bridge() as second:
            await second.says(r" outbox=0 ")
            second.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(second.process.wait(), 20) == 0
        assert queue.said() == {**whole([*over, *late]), **{name: [(1, "opened")] for name in cut}}
        assert files(around.spool) == []


async def test_a_bridge_whose_queue_and_disk_fail_and_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    await everything_at_once(tmp_path, live=6, more=2)


@pytest.mark.faults
async def test_nor_does_one_with_two_hundred_calls_and_twenty_more(tmp_path: Path) -> None:
    await everything_at_once(tmp_path, live=200, more=20)


@pytest.mark.faults
async def test_a_drain_delivers_what_it_can_and_leaves_the_rest_on_the_disk(tmp_path: Path) -> None:
    async with world(tmp_path) as around:
        queue = around.peers.queue
        for is_up, left in ((True, 0), (False, 1)):
            queue.is_up = is_up
            name = f"HD_{left}"
            async with around.bridge() as bridge:
                assert await bridge.call(name)
                await bridge.says(r"unwritten=0")
                bridge.process.send_signal(signal.SIGTERM)
                await bridge.hang_up(name)
                assert await asyncio.wait_for(bridge.process.wait(), 20) == 0
            assert len(list(around.spool.rglob("*.log"))) == left
        assert queue.said() == whole(["HD_0"])
        queue.is_up = True
        async with around.bridge() as bridge:
            await bridge.says(r" outbox=0 ")
        assert queue.said() == whole(["HD_0", "HD_1"])
