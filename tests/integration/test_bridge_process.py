"""`python -m bridge` as a process: starts, serves, drains, and says in one line why it cannot."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from bridge.core.recording import Kind, decode
from local.live_server import LiveServer
from local.model import Stage, scripted
from tests.integration.bridge_peers import SUBPROTOCOL, is_sound

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environ(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("POKEA_", "SAUTIKIT_"))}
    return {**kept, "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/core'}", **settings}


async def start(**settings: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge", env=environ(**settings), stderr=asyncio.subprocess.PIPE, cwd=ROOT
    )


async def get(port: int, path: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return (await reader.read()).decode()
    finally:
        writer.close()


@contextlib.asynccontextmanager
async def bridge(**settings: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A bridge that accepts streams without a token; it must end with 0 when told to stop."""
    port = free_port()
    process = await start(POKEA_BRIDGE_PORT=str(port), POKEA_STREAM_AUTH="off", **settings)
    try:
        async with asyncio.timeout(60):
            while True:  # a real process takes its time to start
                with contextlib.suppress(OSError):
                    if "200 OK" in await get(port, "/readyz"):
                        break
                await asyncio.sleep(0.05)
        yield process, port
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            await process.communicate()
    assert process.returncode == 0


async def says_hello(stage: Stage) -> None:
    await stage.say("Hello.", 400)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_the_benchmark_entry_talks_without_any_control_plane_and_ends_when_told(workers: str) -> None:
    async with (
        LiveServer(scripted(says_hello)) as model,
        bridge(POKEA_GEMINI_URL=model.url, POKEA_BRIDGE_WORKERS=workers) as (_, port),
    ):
        assert "200 OK" in await get(port, "/livez")
        async with connect(f"ws://127.0.0.1:{port}/audio", subprotocols=[SUBPROTOCOL], compression=None) as switch:
            async with asyncio.timeout(30):
                while not is_sound(await switch.recv()):
                    pass


async def test_a_worker_that_died_is_replaced_and_told_of_in_json_as_a_log_group_wants_it() -> None:
    async with bridge(POKEA_GEMINI_URL="ws://127.0.0.1:9", POKEA_BRIDGE_WORKERS="2") as (process, port):
        told = process.stderr
        assert told is not None
        async with asyncio.timeout(20):
            assert [(await told.readline())[:17] for _ in range(2)] == [b"bridge: listening"] * 2
            worker = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
            os.kill(int(worker), signal.SIGKILL)
            said = json.loads(await told.readline())
            assert (await told.readline()).startswith(
                b"bridge: listening"
            )  # whoever is told to stop before that dies of it
        assert (said["level"], said["service"]) == ("ERROR", "bridge")
        assert said["message"] == f"worker {worker} ended with -9 and is replaced"
        assert "200 OK" in await get(port, "/livez")


async def test_a_drain_lets_a_live_call_finish_and_takes_no_new_one() -> None:
    async with (
        LiveServer(scripted(says_hello)) as model,
        bridge(POKEA_GEMINI_URL=model.url, POKEA_BRIDGE_WORKERS="1") as (process, port),
    ):
        switch = await connect(f"ws://127.0.0.1:{port}/audio", subprotocols=[SUBPROTOCOL], compression=None)
        await switch.recv()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            while "503" not in await get(port, "/readyz"):  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.01)
        await switch.send(bytes(640))
        assert process.returncode is None
        await switch.close()
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_at_the_drain_limit_the_call_is_ended() -> None:
    async with (
        LiveServer(scripted(says_hello)) as model,
        bridge(POKEA_GEMINI_URL=model.url, POKEA_BRIDGE_WORKERS="1", POKEA_DRAIN_S="0") as (process, port),
        connect(f"ws://127.0.0.1:{port}/audio", subprotocols=[SUBPROTOCOL], compression=None),
    ):
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"POKEA_BRIDGE_PORT": "many", "POKEA_STREAM_AUTH": "off"}, "POKEA_BRIDGE_PORT"),
        ({"POKEA_STREAM_AUTH": "off", "POKEA_GEMINI_CA": "missing.pem"}, "POKEA_GEMINI_CA"),
    ],
)
async def test_settings_that_cannot_run_stop_the_start_with_one_line_that_names_the_key(
    settings: dict[str, str], named: str
) -> None:
    """One that is read at once, one that is needed later. The others, without a process: tests/unit/local/cli/test_refusals.py."""
    process = await start(**{"POKEA_BRIDGE_PORT": str(free_port()), "POKEA_BRIDGE_WORKERS": "1", **settings})
    _, stderr = await asyncio.wait_for(process.communicate(), 60)
    lines = stderr.decode().strip().splitlines()
    assert process.returncode == 2
    assert len(lines) == 1
    assert named in lines[0]


async def test_a_port_that_is_taken_is_not_shared_with_a_stranger() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = await start(POKEA_BRIDGE_PORT=str(taken.getsockname()[1]), POKEA_STREAM_AUTH="off")
        _, stderr = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert "cannot listen" in stderr.decode()


async def test_a_full_worker_steps_aside_so_that_every_place_behind_the_port_is_used() -> None:
    async with (
        LiveServer(scripted(says_hello)) as model,
        bridge(POKEA_GEMINI_URL=model.url, POKEA_BRIDGE_WORKERS="2", POKEA_MAX_CALLS="3", POKEA_DRAIN_S="0") as (
            process,
            port,
        ),
        contextlib.AsyncExitStack() as calls,
    ):
        told = process.stderr
        assert told is not None
        async with asyncio.timeout(20):  # the fixture waits for one worker, and the places are those of both
            assert [(await told.readline())[:17] for _ in range(2)] == [b"bridge: listening"] * 2
        for _ in range(6):
            url = f"ws://127.0.0.1:{port}/audio"
            switch = await calls.enter_async_context(connect(url, subprotocols=[SUBPROTOCOL], compression=None))
            await switch.recv()
        async with asyncio.timeout(20):
            while "503" not in await get(port, "/readyz"):  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.05)  # a worker looks four times a second whether others have room
        assert "200 OK" in await get(port, "/livez")


async def test_the_other_websocket_stack_talks_too_and_frames_are_recorded(tmp_path: Path) -> None:
    settings = {"POKEA_WS_STACK": "websockets", "POKEA_FRAMES_DIR": str(tmp_path / "frames")}
    async with (
        LiveServer(scripted(says_hello)) as model,
        bridge(POKEA_GEMINI_URL=model.url, POKEA_BRIDGE_WORKERS="1", **settings) as (_, port),
        connect(f"ws://127.0.0.1:{port}/audio", subprotocols=[SUBPROTOCOL], compression=None) as switch,
        asyncio.timeout(30),
    ):
        while not is_sound(await switch.recv()):
            pass
    (path,) = (tmp_path / "frames").iterdir()
    _, records = decode(path.read_bytes())
    assert any(record.kind is Kind.SWITCH_AUDIO_OUT and any(record.payload) for record in records)
