"""F1.4: the switch's socket dies in every way and in every state of a call: the model is let go within a second, the end reported once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.live_server import LiveServer
from local.model import Stage, scripted, tone
from tests.integration.bridge_peers import (
    CONTEXT,
    SESSION,
    TOKEN,
    Bridge,
    FakeTools,
    SwitchClient,
    is_sound,
    ok,
    running_bridge,
    switch_call,
    until,
    write_clip,
)
from tests.support.raw_socket import RawSocket

DEATHS = ("close 1000", "reset", "end of file", "half-open")
STATES = ("upgraded", "metadata", "first burst", "steady", "playing", "killAudio sent", "closing")
SILENT_LIMIT_S = 10.0  # a leg that sends nothing is dead by then: nothing but time says so
TIMES = 5


async def stays_quiet(stage: Stage) -> None:
    """Listens and says nothing."""


async def tells_a_story(stage: Stage) -> None:
    await stage.session.audio(tone(8_000), 100)


async def is_interrupted(stage: Stage) -> None:
    await stage.session.audio(tone(4_000), 100)
    await stage.caller_turn("Stop.")
    await stage.session.interrupted()
    await stage.session.turn_complete()


async def says_goodbye(stage: Stage) -> None:
    await stage.caller_turn("Goodbye.")
    await stage.call("endCall")
    await stage.say("Goodbye then.", 1_500)


PLAYS = {
    "playing": tells_a_story,
    "first burst": tells_a_story,
    "killAudio sent": is_interrupted,
    "closing": says_goodbye,
}


@dataclass
class Line:
    """A call under way, and its two ends."""

    bridge: Bridge
    model: LiveServer
    tools: FakeTools


@contextlib.asynccontextmanager
async def a_line(state: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    tools = FakeTools(
        {"endCall": ok(payload={"status": "ok", "say": "Goodbye then."}, end_call=True)},
        context={**CONTEXT, "greeting": ""},
    )
    play = PLAYS.get(state, stays_quiet)
    async with (
        LiveServer(scripted(play)) as model,
        running_bridge(model.url, tools, folder, monkeypatch) as bridge,
    ):
        yield Line(bridge, model, tools)


async def reach(state: str, line: Line, switch: SwitchClient) -> None:
    """Bring the call into the state."""
    if state in ("upgraded", "metadata"):
        return
    if state == "first burst":
        await until(lambda: any(is_sound(message) for _, message in switch.received), "the first sound")
        return
    await until(lambda: line.model.active == 1, "the model is connected")
    if state in ("playing", "killAudio sent"):
        await until(lambda: sum(is_sound(message) for _, message in switch.received) > 20, "the agent speaks")
    if state in ("killAudio sent", "closing"):
        switch.speak(400)
    if state == "killAudio sent":
        await until(lambda: any(isinstance(message, str) for _, message in switch.received), "killAudio")
    if state == "closing":
        await until(lambda: any(is_sound(message) for _, message in switch.received), "the goodbye")


async def die(how: str, switch: SwitchClient) -> None:
    if how == "close 1000":
        await switch.hang_up()
    elif how == "reset":
        switch.abort()
    elif how == "end of file":
        switch.socket.transport.write_eof()


async def one_death(state: str, how: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_line(state, folder, monkeypatch) as line:
        metadata = {"sessionId": SESSION} if state == "metadata" else None
        async with switch_call(line.bridge, metadata=metadata) as switch:
            await reach(state, line, switch)
            await die(how, switch)
            await all_gone(line, 1.0)
    check(line, state)


async def all_gone(line: Line, within_s: float) -> None:
    """The model's socket is closed in time, and then the end is reported."""
    await until(
        lambda: line.model.active == 0, "the model is let go", within_s + 0.5
    )  # and half a second for a slow machine
    await until(lambda: bool(line.tools.of("close")) and not line.bridge.health.calls, "the end is reported")


def check(line: Line, state: str) -> None:
    (end,) = line.tools.of("close")
    assert end["reason"] in (("goodbye", "caller_hung_up") if state == "closing" else ("caller_hung_up",))


@pytest.mark.usefixtures("each_stack")
@pytest.mark.parametrize("how", DEATHS[:3])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.faults
async def test_a_switch_that_dies_takes_everything_of_its_call_with_it(
    state: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for time in range(TIMES):
        await one_death(state, how, tmp_path / str(time), monkeypatch)


@pytest.mark.usefixtures("each_stack")
@pytest.mark.parametrize(
    ("state", "how"), [("playing", "reset"), ("steady", "end of file"), ("upgraded", "close 1000")]
)
async def test_a_switch_that_dies_takes_everything_of_its_call_with_it_in_three_ways(
    state: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one_death(state, how, tmp_path, monkeypatch)


async def silent_leg(bridge: Bridge, number: int) -> RawSocket:
    """A leg that is up and sends no sound any more: half-open, or stalled."""
    raw = await RawSocket.connect(bridge.port, f"/audio?call={SESSION}-{number}&token={TOKEN}")
    raw.send(bytes([0x82, 0xFE, 0x02, 0x80, 0, 0, 0, 0]) + bytes(640))
    return raw


@pytest.mark.faults
async def test_a_leg_that_falls_silent_is_found_dead_in_time_and_hung_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Generous(FakeTools):
        def __call__(self, event: dict[str, object]) -> dict[str, object]:  # the same token for every leg
            self.asked.append(event)
            return ok(call_token="call-token", context=dict(self.context)) if event["operation"] == "open" else ok()

    tools = Generous(context={**CONTEXT, "greeting": ""})
    write_clip(tmp_path / "clips", "Kore", "unused", 20)
    loop = asyncio.get_running_loop()
    async with (
        LiveServer(scripted(stays_quiet)) as model,
        running_bridge(model.url, tools, tmp_path, monkeypatch) as bridge,
    ):
        began_s = loop.time()
        legs = [await silent_leg(bridge, number) for number in range(20)]
        await until(lambda: model.active == 20, "every leg has its model")
        await until(lambda: model.active == 0, "every model is let go", SILENT_LIMIT_S + 4)
        assert loop.time() - began_s < SILENT_LIMIT_S + 4
        await until(lambda: len(tools.of("close")) == 20 and not bridge.health.calls, "every end is reported")
        assert len(bridge.hang_ups) == 20
        for leg in legs:
            leg.abort()
