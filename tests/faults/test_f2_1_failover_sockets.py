"""F2.1 on sockets, across kinds of leg: Gemini dies in mid-call and stays away; OpenAI takes over and answers the caller."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge.core.engines import GEMINI, OPENAI
from bridge.core.session import SessionSettings
from bridge.shell.engines import Engines, gemini, openai_realtime, over_socket
from local.live_server import LiveServer
from local.model import Stage, scripted, tone
from local.realtime_server import RealtimeServer, RealtimeSession, Wanted
from tests.integration.bridge_peers import CONTEXT, FakeTools, running_bridge, switch_call, until


async def test_another_kind_of_leg_takes_over_in_mid_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = asyncio.Event()

    async def dies_after_a_tool(stage: Stage) -> None:
        await stage.caller_turn("Is Friday free?")
        await stage.call("findTimes", when="friday")
        gone.refuse_status = 503
        stage.session.abort()

    async def takes_over(session: RealtimeSession) -> None:
        async for event in session:
            if isinstance(event, Wanted):
                await event.reply.speak("Friday is free.", tone(600))
                await event.reply.done()
                answered.set()

    tools = FakeTools(context={**CONTEXT, "greeting": ""})
    async with LiveServer(scripted(dies_after_a_tool)) as gone, RealtimeServer(takes_over, api_key="key") as other:
        engines = Engines(
            {
                "gemini": over_socket(gemini(gone.url, "key")),
                "openai": over_socket(openai_realtime(other.url, OPENAI.model, "key")),
            }
        )
        settings = SessionSettings(engines=(GEMINI, OPENAI))
        async with (
            running_bridge(engines, tools, tmp_path, monkeypatch, settings=settings) as bridge,
            switch_call(bridge) as switch,
        ):
            await until(lambda: gone.active == 1, "the first model is connected")
            await asyncio.sleep(0.3)
            switch.speak(500)
            await asyncio.wait_for(answered.wait(), 14)
            await switch.first_sound_s()
            assert [note["engine"] for note in bridge.events("model_ready")] == ["gemini", "openai"]
            told = str(other.sessions[0].config["instructions"])
            assert "Is Friday free?" in told
            assert '"tool":"findTimes"' in told
        assert not other.failures
    assert len(tools.of("tool")) == 1
