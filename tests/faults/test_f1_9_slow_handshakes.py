"""F1.9: 500 sockets that dribble out their request are closed in time, while 20 good calls come in and go on."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from bridge.shell.doorman import HEAD_WITHIN_S
from local.live_server import LiveServer
from local.model import Stage, scripted
from tests.integration.bridge_peers import running_bridge, switch_call, until
from tests.support.descriptors import open_descriptors

SLOW, GOOD = 500, 20
HEAD = b"GET /audio HTTP/1.1\r\nHost: bridge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX: " + b"a" * 200


async def mute(stage: Stage) -> None:
    """Listens and says nothing."""


async def dribble(port: int) -> float:
    """One byte a second; returns after how many seconds the other side had enough, or 13."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    end = asyncio.ensure_future(reader.read())
    for at in range(13):
        writer.write(HEAD[at : at + 1])
        done, _ = await asyncio.wait([end], timeout=1.0)
        if done:
            break
    end.cancel()
    with contextlib.suppress(ConnectionError, asyncio.CancelledError):
        await end
    writer.close()
    return loop.time() - began_s


@pytest.mark.faults
@pytest.mark.usefixtures("each_stack")
async def test_slow_handshakes_are_closed_and_good_calls_do_not_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert HEAD_WITHIN_S <= 10
    async with (
        LiveServer(scripted(mute)) as model,
        running_bridge(model.url, None, tmp_path, monkeypatch, head_within_s=HEAD_WITHIN_S) as bridge,
    ):
        before = open_descriptors()
        slow = [asyncio.ensure_future(dribble(bridge.port)) for _ in range(SLOW)]
        await asyncio.sleep(1.0)
        url = f"ws://127.0.0.1:{bridge.port}/audio"
        async with contextlib.AsyncExitStack() as calls:
            good = [await calls.enter_async_context(switch_call(bridge, url)) for _ in range(GOOD)]
            await until(lambda: model.active == GOOD, "every good call has its model")
            took = await asyncio.gather(*slow)
            assert not any(switch.closed.is_set() for switch in good)
        assert max(took) <= 11
        assert min(took) >= HEAD_WITHIN_S - 1
        await until(lambda: open_descriptors() <= before + 2 and not bridge.health.calls, "descriptors return", 5)
