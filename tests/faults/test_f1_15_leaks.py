"""F1.15: thousands of short calls leave nothing behind: no memory, no descriptor, no thread, no task."""

from __future__ import annotations

import asyncio
import gc
import json
import random
from collections import Counter
from pathlib import Path

import pytest
from websockets.protocol import Protocol

from local.live_server import LiveServer
from local.model import Stage, scripted, tone
from tests.integration.bridge_peers import running_bridge, until
from tests.integration.test_bridge_process import bridge as bridge_process
from tests.integration.test_bridge_process import get
from tests.support.descriptors import open_descriptors, resident_bytes, threads
from tests.support.raw_socket import BINARY, TEXT, RawSocket, close_frame, frame

AT_ONCE = 10
SEED = 1_15
HELLO = tone(200)
SOUND = frame(BINARY, b"\x00\x10\x00\xf0" * 160)
METADATA = frame(TEXT, json.dumps({"sessionId": "HD_1"}).encode())


async def says_hello(stage: Stage) -> None:
    await stage.session.output_transcription("Hello.")
    await stage.session.audio(HELLO, 100)
    await stage.session.generation_complete()
    await stage.session.turn_complete()


async def short_call(port: int, draw: random.Random) -> None:
    """A fifth of a second of talk; ends in one of three ways."""
    raw = await RawSocket.connect(port)
    raw.send(METADATA)
    for _ in range(5):
        raw.send(SOUND)
        await asyncio.sleep(0.02)
    for _ in range(200):
        received = await raw.receive()
        if received is None or any(received[1]):
            break
    ending = draw.randrange(3)
    if ending == 0:
        raw.abort()
        return
    if ending == 1:
        raw.send(close_frame())
    await raw.close()


async def calls(port: int, count: int, draw: random.Random) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with places:
            await short_call(port, draw)

    await asyncio.gather(*(one() for _ in range(count)))


async def nothing_left(port: int) -> None:
    async with asyncio.timeout(6):
        while "calls=0 " not in await get(port, "/readyz"):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.1)


async def hunt(warm_up: int, count: int, growth: float, stack: str) -> None:
    draw = random.Random(SEED)
    async with (
        LiveServer(scripted(says_hello)) as model,
        bridge_process(POKEA_GEMINI_URL=model.url, POKEA_BRIDGE_WORKERS="1", POKEA_WS_STACK=stack) as (process, port),
    ):
        await calls(port, warm_up, draw)
        await nothing_left(port)
        await asyncio.sleep(1.2)  # a closing socket is cut after a second
        memory, descriptors, running = resident_bytes(process.pid), open_descriptors(process.pid), threads(process.pid)
        await calls(port, count, draw)
        await nothing_left(port)
        await until(lambda: open_descriptors(process.pid) <= descriptors, "descriptors return", 5)
        await until(lambda: model.active == 0, "no connection to the model is left", 5)
        assert threads(process.pid) <= running
        assert resident_bytes(process.pid) <= memory * (1 + growth), (memory, resident_bytes(process.pid))


async def test_a_hundred_short_calls_leave_nothing_behind() -> None:
    await hunt(20, 80, 0.10, "picows")  # a small sample proves less about memory than about the rest


async def breaks_off(stage: Stage) -> None:
    """Every other connection dies in mid-sentence."""
    await stage.session.audio(HELLO, 100)
    if stage.session.number % 2:
        stage.session.abort()


def ours() -> Counter[str]:
    """How many there are of each type of the bridge, and of the core of its second stack."""
    kinds = Counter(type(thing) for thing in gc.get_objects())
    return Counter(
        {
            kind.__qualname__: n
            for kind, n in kinds.items()
            if str(kind.__module__).startswith("bridge.") or kind is Protocol
        }
    )


@pytest.mark.usefixtures("each_stack")
async def test_no_part_of_a_call_that_is_over_waits_for_the_garbage_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collector runs rarely while calls are on, so what waits for it looks like a leak of 15 MB."""
    async with (
        LiveServer(scripted(breaks_off)) as model,
        running_bridge(model.url, None, tmp_path, monkeypatch) as bridge,
    ):
        await calls(bridge.port, 2, random.Random(SEED))
        await until(lambda: not bridge.health.calls and model.active == 0, "every call is over")
        gc.collect()
        gc.disable()
        try:
            before = ours()
            await calls(bridge.port, 8, random.Random(SEED))
            await until(lambda: not bridge.health.calls and model.active == 0, "every call is over")
            await asyncio.sleep(1.2)  # a closing socket is cut after a second
            assert ours() - before == Counter()
        finally:
            gc.enable()


@pytest.mark.faults
@pytest.mark.parametrize("stack", ["picows", "websockets"])
async def test_two_thousand_short_calls_leave_nothing_behind(stack: str) -> None:
    await hunt(200, 1_800, 0.05, stack)
