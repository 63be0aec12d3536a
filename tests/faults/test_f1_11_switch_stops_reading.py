"""F1.11: the switch stops reading for a while: little waits for it, what is stale is dropped, not played late; barge-in still works."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local.live_server import LiveServer
from local.model import Stage, scripted, tone
from tests.integration import bridge_peers
from tests.integration.bridge_peers import Bridge, running_bridge, until
from tests.support.raw_socket import BINARY, TEXT, RawSocket, frame

BYTES_PER_S = 32_000
KERNEL_BUFFER = 4_096  # of the client: what it asks for; the kernel doubles it
SPEECH = frame(BINARY, (b"\x00\x10\x00\xf0" * 160))
QUIET = frame(BINARY, bytes(640))


async def counts(stage: Stage) -> None:
    """A minute of speech whose level tells at which second it was said: 100, 200, 300 …"""
    for second in range(1, 60):
        level = (100 * second).to_bytes(2, "little", signed=True)
        await stage.session.audio(level * 24_000, 100)


async def can_be_interrupted(stage: Stage) -> None:
    await stage.session.audio(tone(30_000), 100)
    await stage.caller_turn("Stop.")
    await stage.session.interrupted()
    await stage.session.turn_complete()


class Leg:
    """A switch whose reading can be stopped; it goes on sending."""

    def __init__(self, raw: RawSocket) -> None:
        self.raw = raw
        self.messages: list[tuple[int, bytes]] = []
        self.frame = QUIET
        self._reading = asyncio.Event()
        self._reading.set()
        self._tasks = [asyncio.ensure_future(self._read()), asyncio.ensure_future(self._speak())]

    async def _read(self) -> None:
        while True:
            await self._reading.wait()
            received = await self.raw.receive()
            if received is None:
                return
            self.messages.append(received)

    async def _speak(self) -> None:
        while True:
            self.raw.send(self.frame)
            await asyncio.sleep(0.02)

    def stop_reading(self) -> None:
        self._reading.clear()
        self.raw.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a reading transport

    def read_on(self) -> None:
        self.raw.writer.transport.resume_reading()  # type: ignore[attr-defined]
        self._reading.set()

    def sound(self, since: int = 0) -> bytes:
        return b"".join(data for kind, data in self.messages[since:] if kind == BINARY)

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.raw.abort()


@contextlib.asynccontextmanager
async def a_leg(bridge: Bridge) -> AsyncIterator[Leg]:
    leg = Leg(await RawSocket.connect(bridge.port, receive_buffer=KERNEL_BUFFER))
    try:
        yield leg
    finally:
        leg.stop()


def seconds_in(sound: bytes) -> list[int]:
    """Which seconds of the count are in it, in order."""
    levels = [int.from_bytes(sound[at : at + 2], "little", signed=True) for at in range(0, len(sound) - 1, 320)]
    found: list[int] = []
    for level in levels:
        if level > 50 and level % 100 < 5 and (not found or found[-1] != round(level / 100)):
            found.append(round(level / 100))
    return found


async def stall(stall_s: float, folder: Path, monkeypatch: pytest.MonkeyPatch, legs: int) -> None:
    async with (
        LiveServer(scripted(counts)) as model,
        running_bridge(model.url, None, folder, monkeypatch) as bridge,
        contextlib.AsyncExitStack() as stack,
    ):
        lines = [await stack.enter_async_context(a_leg(bridge)) for _ in range(legs)]
        await until(lambda: all(len(seconds_in(leg.sound())) >= 2 for leg in lines), "the count begins", 20)
        before = [len(leg.messages) for leg in lines]
        for leg in lines:
            leg.stop_reading()
        await asyncio.sleep(stall_s)
        for leg in lines:
            leg.read_on()
        await asyncio.sleep(1.5)
        for leg, seen in zip(lines, before, strict=True):
            check_stall(leg, seen, stall_s)


def check_stall(leg: Leg, seen: int, stall_s: float) -> None:
    last_before = seconds_in(leg.sound()[: len(leg.sound()) - len(leg.sound(seen))])[-1]
    after = seconds_in(leg.sound(seen))
    jump = max(later - earlier for earlier, later in zip([last_before, *after], after, strict=False))
    held_back = [second for second in after if second < last_before + stall_s - 1]
    assert jump >= stall_s - 2, (last_before, after)  # what was due meanwhile is not played late
    assert len(held_back) <= 2, (last_before, after)  # at most a second of it, and the second in which it stopped


@pytest.mark.faults
@pytest.mark.usefixtures("each_stack")
async def test_speech_of_the_time_in_which_nobody_read_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stall(5.0, tmp_path, monkeypatch, legs=1)


@pytest.mark.faults
async def test_twenty_legs_that_do_not_read_for_twenty_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await stall(20.0, tmp_path, monkeypatch, legs=20)


@pytest.mark.parametrize("stack", ["picows", pytest.param("websockets", marks=pytest.mark.faults)])
async def test_a_caller_can_interrupt_although_the_switch_does_not_read(
    stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge_peers, "STACK", stack)
    async with (
        LiveServer(scripted(can_be_interrupted)) as model,
        running_bridge(model.url, None, tmp_path, monkeypatch) as bridge,
        a_leg(bridge) as leg,
    ):
        await until(lambda: any(leg.sound()), "the agent speaks")
        leg.stop_reading()
        seen = len(leg.messages)
        await asyncio.sleep(1.5)
        leg.frame = SPEECH
        await asyncio.sleep(0.4)
        leg.frame = QUIET
        await asyncio.sleep(1.0)
        leg.read_on()
        await until(lambda: any(kind == TEXT for kind, _ in leg.messages[seen:]), "killAudio")
        at = next(at for at, (kind, _) in enumerate(leg.messages) if kind == TEXT)
        assert (
            len(b"".join(data for kind, data in leg.messages[seen:at] if kind == BINARY and any(data))) <= BYTES_PER_S
        )
        await asyncio.sleep(0.5)
        assert not any(any(data) for kind, data in leg.messages[at:] if kind == BINARY)
