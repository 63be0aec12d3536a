"""F1.3: SIGTERM at any instant of a call: no leg stays up, every opened call is reported once, and the process ends in time.

200 instants in 20 processes: a bridge that is stopped has ten calls of different ages, some of which come only after the signal.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sys
from typing import Any

import pytest

from local.live_server import LiveServer
from local.model import Stage, scripted, tone
from tests.integration.bridge_peers import CONTEXT, HttpPeer, ok
from tests.integration.test_bridge_process import ROOT, environ, free_port, get
from tests.support.raw_socket import BINARY, RawSocket, frame

SEED = 1_3
LIMIT_S = 1
CALLS = 10
TOKEN = "eyJhbGciOiJI.eyJzaWQiOiJI.c2lnbmF0dXJlLW9mLXRlc3Q"
SPEECH = frame(BINARY, b"\x00\x10\x00\xf0" * 160)
QUIET = frame(BINARY, bytes(640))
STORY = tone(800)


class Plane:
    """The tools function and the carrier: which calls were opened, reported and hung up."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.hung_up: list[str] = []

    def tools(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        event = json.loads(body)
        if event["operation"] == "open":
            self.opened.append(event["session_id"])
            return 200, ok(call_token=event["session_id"], context={**CONTEXT, "greeting": ""})
        if event["operation"] == "close":
            self.closed.append(event["call_token"])
            return 200, ok()
        return 200, ok(payload={"status": "ok", "say": "Fine."}, nonce=None, end_call=False)

    def carrier(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        self.hung_up.append(path.split("/")[3])
        return 200, {"status": "hung_up"}


async def converses(stage: Stage) -> None:
    while True:
        await stage.session.audio(STORY, 100)
        await stage.session.generation_complete()
        await stage.session.turn_complete()
        await stage.call("findTimes")
        await asyncio.sleep(0.4)


class Leg:
    """One leg from its connection, `after_s` from now, to its end, whatever the bridge does."""

    def __init__(self, port: int, name: str, after_s: float) -> None:
        self.name = name
        self.is_up = False
        self.task = asyncio.ensure_future(self._live(port, after_s))

    async def _live(self, port: int, after_s: float) -> None:
        await asyncio.sleep(after_s)
        try:
            raw = await RawSocket.connect(port, f"/audio?call={self.name}&token={TOKEN}")
        except (ConnectionError, OSError, asyncio.IncompleteReadError):
            return  # refused: the carrier goes on with what stands behind the stream
        self.is_up = True
        speaking = asyncio.ensure_future(self._speak(raw))
        try:
            while await raw.receive() is not None:
                pass
            self.is_up = False
        finally:
            speaking.cancel()
            raw.abort()

    async def _speak(self, raw: RawSocket) -> None:
        with contextlib.suppress(ConnectionError):
            for number in range(10_000):
                raw.send(SPEECH if number % 60 < 15 else QUIET)
                await asyncio.sleep(0.02)


async def calls_of_ages(ages_s: list[float], stack: str) -> str:
    """Starts a bridge, stops it when its calls are `ages_s` old (below 0: they come afterwards), and says what is wrong then."""
    plane, port = Plane(), free_port()
    async with (
        HttpPeer(plane.tools) as tools,
        HttpPeer(plane.carrier) as carrier,
        LiveServer(scripted(converses)) as model,
    ):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bridge", cwd=ROOT, stderr=asyncio.subprocess.DEVNULL,
            env=environ(
                POKEA_BRIDGE_PORT=str(port), POKEA_BRIDGE_WORKERS="1", POKEA_GEMINI_URL=model.url, POKEA_DRAIN_S=str(LIMIT_S),
                POKEA_TOOLS_FUNCTION="tools", AWS_ENDPOINT_URL_LAMBDA=tools.url, AWS_ACCESS_KEY_ID="x", AWS_DEFAULT_REGION="af-south-1",
                AWS_SECRET_ACCESS_KEY="x", SAUTIKIT_API_BASE=carrier.url, SAUTIKIT_API_KEY="k", POKEA_WS_STACK=stack,
            ),
        )  # fmt: skip
        try:
            await listening(port)
            legs = [Leg(port, f"HD_{number:012x}", max(ages_s) - age_s) for number, age_s in enumerate(ages_s)]
            await asyncio.sleep(max(ages_s))
            process.send_signal(signal.SIGTERM)
            took_s = await ended(process)
            if took_s is None:
                return "still running"
        finally:
            if process.returncode is None:
                process.kill()
        await asyncio.wait([leg.task for leg in legs], timeout=5)
        problems = {
            "exit code": process.returncode != 0,
            f"took {took_s:.1f} s": took_s > LIMIT_S + 5 + 1,  # and a second for a slow machine
            "a leg is still up": any(leg.is_up for leg in legs),
            "not every call was reported once": sorted(plane.opened) != sorted(plane.closed),
            "no call was opened": not plane.opened and max(ages_s) > 1,
            "a connection to a model is left": model.active > 0,
        }
    return ", ".join(name for name, wrong in problems.items() if wrong)


async def ended(process: asyncio.subprocess.Process) -> float | None:
    """Seconds that the process took to end; None if it did not."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    try:
        async with asyncio.timeout(LIMIT_S + 12):
            await process.wait()
    except TimeoutError:
        return None
    return loop.time() - began_s


async def listening(port: int) -> None:
    async with asyncio.timeout(20):
        for _ in range(400):
            with contextlib.suppress(OSError):
                if "200 OK" in await get(port, "/readyz"):
                    return
            await asyncio.sleep(0.05)


def some_ages(draw: random.Random) -> list[float]:
    """Seconds; each call's own instant at which the signal meets it."""
    return [draw.uniform(-0.1, 2.0) for _ in range(CALLS)]


@pytest.mark.faults
@pytest.mark.parametrize("part", range(5))
async def test_a_bridge_that_is_stopped_at_any_instant_leaves_nothing_behind(part: int) -> None:
    draw = random.Random(SEED + part)
    ages_s = [some_ages(draw) for _ in range(4)]
    wrong = await asyncio.gather(
        *(calls_of_ages(ages, stack) for ages, stack in zip(ages_s, ["picows", "websockets"] * 2, strict=True))
    )
    assert [(ages, problem) for ages, problem in zip(ages_s, wrong, strict=True) if problem] == []
