"""F2.1 on sockets: a sample of the grid with the production shell. A connection dies, another takes over, and the caller is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from local.live_server import LiveServer, LiveSession
from local.model import Stage, scripted, tone
from tests.integration.bridge_peers import CONTEXT, FakeTools, running_bridge, switch_call, until, write_clip

PLAIN = {**CONTEXT, "greeting": "", "phrases": {**CONTEXT["phrases"], "one_moment": "One moment, please."}}


async def rst(session: LiveSession) -> None:
    session.abort()


async def fin(session: LiveSession) -> None:
    session.connection.transport.close()


def closing(code: int) -> Callable[[LiveSession], Awaitable[None]]:
    async def close(session: LiveSession) -> None:
        await session.close(code, "the end")

    return close


async def garbage(session: LiveSession) -> None:
    for _ in range(30):
        await session.connection.send(b"\x00 this is no JSON")


async def oversize(session: LiveSession) -> None:
    await session.connection.send(b'{"serverContent":"' + b"x" * 9_000_000 + b'"}')


async def stall(session: LiveSession) -> None:
    """Says nothing any more."""
    await session.connection.wait_closed()


DEATHS = {
    "rst": rst,
    "fin": fin,
    "1000": closing(1000),
    "1001": closing(1001),
    "1007": closing(1007),
    "1008": closing(1008),
    "1011": closing(1011),
    "garbage": garbage,
    "oversize": oversize,
    "stall": stall,
}
STATES = ("upgraded", "ready", "caller_speaking", "model_speaking", "tool_asked", "tool_answered", "going_away")
QUICK = [("caller_speaking", "rst"), ("tool_asked", "1011"), ("model_speaking", "1008")]
SAMPLE = [
    ("upgraded", "rst"),
    ("upgraded", "1007"),
    ("upgraded", "stall"),
    ("ready", "1000"),
    ("ready", "fin"),
    ("ready", "1001"),
    ("caller_speaking", "1011"),
    ("caller_speaking", "garbage"),
    ("caller_speaking", "stall"),
    ("model_speaking", "rst"),
    ("model_speaking", "oversize"),
    ("model_speaking", "stall"),
    ("tool_asked", "rst"),
    ("tool_asked", "1007"),
    ("tool_asked", "stall"),
    ("tool_answered", "fin"),
    ("tool_answered", "1008"),
    ("tool_answered", "stall"),
    ("going_away", "1000"),
    ("going_away", "rst"),
]


class Story:
    """The first connection dies in `state`; every later one books what the caller wants."""

    def __init__(self, state: str, death: str) -> None:
        self.state = state
        self.kill = DEATHS[death]
        self.died = asyncio.Event()
        self.answered = asyncio.Event()
        self.briefs: list[str] = []

    async def handle(self, session: LiveSession) -> None:
        if session.number == 1 and self.state == "upgraded":
            await self._die(session)
            return
        await session.complete_setup()
        await scripted(self._first if session.number == 1 else self._later)(session)

    async def _die(self, session: LiveSession) -> None:
        self.died.set()
        await self.kill(session)

    async def _first(self, stage: Stage) -> None:
        session = stage.session
        await session.resumption("handle-1")
        if self.state == "ready":
            return await self._die(session)
        if self.state == "caller_speaking":
            await until(lambda: stage.heard_bytes > 32_000, "a second of the caller's line")
            return await self._die(session)
        await stage.caller_turn("I would like to book.")
        if self.state == "model_speaking":
            await session.output_transcription("Which day would you")
            await session.audio(tone(400), 100)
            return await self._die(session)
        if self.state == "going_away":
            await stage.say("Which day?", 400)
            await session.go_away(9.0)
            await asyncio.sleep(0.05)
            return await self._die(session)
        if self.state == "tool_asked":
            await session.tool_call([{"id": "c1", "name": "findTimes", "args": {"when": "friday"}}])
            return await self._die(session)
        await stage.call("findTimes", when="friday")
        return await self._die(session)

    async def _later(self, stage: Stage) -> None:
        """Answers whatever it is given first: text to act on, or the caller's voice."""
        self.briefs.append(str(stage.session.setup))
        told = asyncio.ensure_future(stage.told())
        heard = asyncio.ensure_future(stage.caller_turn("I would like to book."))
        await asyncio.wait({told, heard}, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (told, heard):
            waiting.cancel()
        await stage.say("On which day may it be?", 700)
        self.answered.set()


async def play(state: str, death: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(folder / "clips", "Kore", "One moment, please.", 500)
    story, tools = Story(state, death), FakeTools(context=PLAIN)
    async with (
        LiveServer(story.handle, auto_setup=False) as model,
        running_bridge(model.url, tools, folder, monkeypatch) as bridge,
        switch_call(bridge) as switch,
    ):
        await until(lambda: model.active >= 1 or story.died.is_set(), "the model is connected")
        await asyncio.sleep(0.3)
        switch.speak(500)
        await asyncio.wait_for(story.died.wait(), 8)
        if state in ("ready", "upgraded", "going_away"):  # nobody was waiting: the successor serves the next words
            await until(lambda: model.connections >= 2 or death == "stall", "a second connection", 6)
            await asyncio.sleep(0.7)
            switch.speak(500)
        await asyncio.wait_for(story.answered.wait(), 14)
        assert bridge.events("last_resort") == []
        ran = tools.of("tool", tool="findTimes")
        assert len(ran) == (1 if state.startswith("tool") else 0)
        handles = [note for note in bridge.events("model_ready") if note.get("resumed")]
        assert len(handles) <= 1
    assert not model.failures


@pytest.mark.parametrize(("state", "death"), QUICK)
async def test_a_leg_that_dies_is_replaced_and_the_caller_is_answered(
    state: str, death: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await play(state, death, tmp_path, monkeypatch)


@pytest.mark.faults
@pytest.mark.parametrize(("state", "death"), SAMPLE)
async def test_a_larger_sample_of_deaths(
    state: str, death: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await play(state, death, tmp_path, monkeypatch)
