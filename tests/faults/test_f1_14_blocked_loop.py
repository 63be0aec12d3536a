"""F1.14: the event loop stands still for 250 ms every two seconds: it is noticed and said, and no call is lost by it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.shell.lag import LoopWatch
from local.live_server import LiveServer
from local.model import Stage, scripted, tone
from tests.integration.bridge_peers import running_bridge, until
from tests.support.raw_socket import BINARY, RawSocket, frame

BLOCK_S, EVERY_S = 0.25, 2.0
SPEECH = tone(400)
QUIET = frame(BINARY, bytes(640))


async def talks(stage: Stage) -> None:
    while True:
        await stage.session.audio(SPEECH, 100)
        await stage.session.generation_complete()
        await stage.session.turn_complete()
        await asyncio.sleep(0.6)


@contextlib.asynccontextmanager
async def watching() -> AsyncIterator[LoopWatch]:
    watch = LoopWatch()
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


async def test_a_loop_that_stood_still_is_logged_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "bridge.shell.lag")
    async with running_bridge("ws://127.0.0.1:9", None, tmp_path, monkeypatch) as bridge, watching() as watch:
        bridge.health.loop_lag_ms = lambda: watch.worst_ms
        await asyncio.sleep(0.15)
        time.sleep(BLOCK_S)  # noqa: ASYNC251  # that is the fault
        await until(lambda: watch.stalls == 1, "it is noticed")
        status, words = await bridge.get("/readyz")
    assert status == 200
    assert 150 <= int(words.split("loop_lag_ms=")[1].split()[0]) < 2_000
    assert "stood still" in caplog.text


async def test_a_loop_that_keeps_time_is_not_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    async with watching() as watch:
        for _ in range(30):
            await asyncio.sleep(0.01)
        if watch.stalls == 0:  # the machine kept time as well
            assert watch.worst_ms == 0
            assert not caplog.records


@pytest.mark.faults
async def test_fifty_calls_survive_a_loop_that_keeps_standing_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        LiveServer(scripted(talks)) as model,
        running_bridge(model.url, None, tmp_path, monkeypatch, max_calls=60) as bridge,
        watching() as watch,
    ):
        calls = [await RawSocket.connect(bridge.port) for _ in range(50)]
        sounds = dict.fromkeys(range(50), 0)
        ended: set[int] = set()

        async def listen(number: int) -> None:
            while (received := await calls[number].receive()) is not None:
                sounds[number] += any(received[1])
            ended.add(number)

        listening = [asyncio.ensure_future(listen(number)) for number in range(50)]
        loop = asyncio.get_running_loop()
        end_s, block_s, next_s = loop.time() + 12, loop.time() + EVERY_S, loop.time()
        while loop.time() < end_s:
            for call in calls:
                call.send(QUIET)
            if loop.time() >= block_s:
                time.sleep(BLOCK_S)  # noqa: ASYNC251  # that is the fault
                block_s += EVERY_S
            next_s += 0.02
            await asyncio.sleep(max(0.0, next_s - loop.time()))
        assert not ended
        assert len(bridge.health.calls) == 50
        assert watch.stalls >= 5
        before = dict(sounds)
        for _ in range(100):
            for call in calls:
                call.send(QUIET)
            await asyncio.sleep(0.02)
        assert all(sounds[number] > before[number] for number in sounds)
        for task, call in zip(listening, calls, strict=True):
            task.cancel()
            call.abort()
