"""F1.7, F1.8 on sockets: a peer that sends too much at once, too fast or too often is refused in two seconds, and hurts no other call."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from unittest import mock

import pytest

from bridge.shell import call_task, flood
from local.live_server import LiveServer
from local.model import Stage, scripted, tone
from tests.integration.bridge_peers import running_bridge, until
from tests.integration.test_bridge_process import bridge as bridge_process
from tests.support.descriptors import resident_bytes
from tests.support.raw_socket import BINARY, TEXT, RawSocket, frame

FRAME = frame(BINARY, bytes(640))
NOTICE = frame(TEXT, json.dumps({"type": "transcription", "data": {"text": "x"}}).encode())
SPEECH = tone(400)
GOOD = 50
Offence = Callable[[RawSocket], Awaitable[None]]


async def talks(stage: Stage) -> None:
    while True:
        await stage.session.audio(SPEECH, 100)
        await stage.session.generation_complete()
        await stage.session.turn_complete()
        await asyncio.sleep(0.6)


async def megabyte(raw: RawSocket) -> None:
    raw.send(frame(BINARY, bytes(1024 * 1024)))


async def megabyte_in_pieces(raw: RawSocket) -> None:
    raw.send(frame(BINARY, bytes(64 * 1024), fin=False))
    for _ in range(16):
        raw.send(frame(0, bytes(64 * 1024), fin=False))


async def ten_times_too_fast(raw: RawSocket) -> None:
    """Sound at ten times real time, for as long as anybody takes it."""
    for _ in range(60 * 50):
        raw.send(FRAME * 10)
        await asyncio.sleep(0.02)


async def flood_of_texts(raw: RawSocket) -> None:
    """10,000 a second."""
    for _ in range(60 * 50):
        raw.send(NOTICE * 200)
        await asyncio.sleep(0.02)


OFFENCES: dict[str, tuple[Offence, int]] = {
    "a megabyte at once": (megabyte, 1009),
    "a megabyte in pieces": (megabyte_in_pieces, 1009),
    "sound at ten times real time": (ten_times_too_fast, 1008),
    "ten thousand texts a second": (flood_of_texts, 1008),
}


async def refusal(port: int, offence: Offence) -> tuple[int | None, float]:
    """The close code, and after how many seconds the connection was gone."""
    loop = asyncio.get_running_loop()
    raw = await RawSocket.connect(port)
    began_s = loop.time()
    sending = asyncio.ensure_future(offence(raw))
    try:
        reply = await raw.until_quiet(None, within_s=8.0)
        return reply.code, loop.time() - began_s
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await sending
        raw.abort()


@pytest.mark.usefixtures("each_stack")
@pytest.mark.parametrize("name", OFFENCES)
async def test_too_much_is_refused_in_two_seconds(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offence, code = OFFENCES[name]
    async with LiveServer(scripted(talks)) as model, running_bridge(model.url, None, tmp_path, monkeypatch) as bridge:
        got, after_s = await refusal(bridge.port, offence)
        assert (got, after_s < 2.0 + 0.5) == (code, True)  # half a second for a slow machine
        await until(lambda: not bridge.health.calls and model.active == 0, "nothing is left of it")


async def test_without_an_allowance_the_flood_goes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above fails against a bridge that takes what it is sent."""
    with mock.patch.object(flood.Allowance, "take", lambda *_: True):
        async with (
            LiveServer(scripted(talks)) as model,
            running_bridge(model.url, None, tmp_path, monkeypatch) as bridge,
        ):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2.5):
                    await refusal(bridge.port, flood_of_texts)
    assert call_task.text_allowance is flood.text_allowance


class GoodCall:
    """A light peer: many of them share this test's core with the offender."""

    def __init__(self, raw: RawSocket) -> None:
        self.raw = raw
        self.sounds = 0
        self.ended = False
        self.listening = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        while (received := await self.raw.receive()) is not None:
            self.sounds += any(received[1])
        self.ended = True


async def speak_for(calls: list[GoodCall]) -> None:
    while True:
        for call in calls:
            call.raw.send(FRAME)
        await asyncio.sleep(0.02)


@pytest.mark.faults
async def test_other_calls_go_on_while_bad_sockets_come_and_go() -> None:
    async with (
        LiveServer(scripted(talks)) as model,
        bridge_process(POKEA_GEMINI_URL=model.url, POKEA_BRIDGE_WORKERS="1", POKEA_DRAIN_S="0") as (process, port),
    ):
        calls = [GoodCall(await RawSocket.connect(port)) for _ in range(GOOD)]
        speaking = asyncio.ensure_future(speak_for(calls))
        await until(lambda: all(call.sounds for call in calls), "every call is answered", 30)
        memory = resident_bytes(process.pid)
        for offence, code in OFFENCES.values():
            got, _ = await refusal(port, offence)
            assert got in (
                code,
                None,
            )  # a reset may overtake the code at a busy sender; it is checked above, one peer at a time
            goals = [(call, call.sounds + 20) for call in calls]
            await until(lambda goals=goals: all(call.sounds > goal for call, goal in goals), "sound goes on", 20)  # type: ignore[misc]
            assert not any(call.ended for call in calls)
        assert resident_bytes(process.pid) - memory < 20 * 1024 * 1024
        speaking.cancel()
        for call in calls:
            call.raw.abort()
            call.listening.cancel()
