"""The cascade with real parts: speech recognition, dialogue and synthesis behind HTTP, a caller with a voice."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

import pytest

from bridge.core.frames import (
    AgentTranscribed,
    AnswerTool,
    CallerTranscribed,
    ModelAudio,
    ToolAsked,
    ToolDeclaration,
    TurnComplete,
)
from bridge.shell.cascade_link import CascadeLink
from local.engine.http_service import OfflineServices
from local.engine.names import NAMES
from local.speech.voice import Voice
from tests.contract.test_cascade_sdk import COMMIT, PROPOSE
from tests.house.rules import ROOT
from tests.integration.cascade_peers import Leg, Session, order, running_leg, target_at

TOOLS = tuple(ToolDeclaration(one["name"], one["description"], one["parameters"]) for one in (PROPOSE, COMMIT))
SPEAKS_ENGLISH = "You are a telephone assistant. You speak English."


async def says(leg: Leg, caller: Voice, words: str, language: str = "en") -> None:
    pcm = await caller.say(words, language=language)
    leg.caller_speaks(bytes(9_600) + pcm + bytes(9_600))


@pytest.mark.spoken
async def test_a_booking_is_made_by_voice() -> None:
    with Voice("agent") as agent, Voice("caller") as caller:
        async with running_leg(OfflineServices(agent), opening=order(instructions=SPEAKS_ENGLISH, tools=TOOLS)) as leg:
            session = leg.session
            await says(leg, caller, "I would like to book a cleaning next Thursday at two thirty")
            await session.sees(TurnComplete)
            await says(leg, caller, f"my name is {NAMES[0]}")
            asked = await session.sees(ToolAsked)
            assert (asked.name, asked.arguments) == (
                "proposeBooking",
                {"service": "cleaning", "when": "next thursday at two thirty", "name": NAMES[0].title()},
            )
            read_back = "A cleaning on Thursday at half past two. Shall I book it?"
            answer: dict[str, Any] = {"say": read_back, "nonce": "n1", "arguments": {"service": "cleaning"}}
            leg.link.obey(AnswerTool(asked.tool_call_id, asked.name, answer))
            await session.sees(TurnComplete, 2)
            await says(leg, caller, "yes that is right")
            commit = await session.sees(ToolAsked, 2)
            assert (commit.name, commit.arguments["nonce"]) == ("commitProposal", "n1")
            assert [said.text for said in session.all(AgentTranscribed)][-2:] == [
                "A cleaning on Thursday at half past two.",
                "Shall I book it?",
            ]
            assert len(session.all(CallerTranscribed)) == 3
            seconds = sum(len(audio.pcm) for audio in session.all(ModelAudio)) / 48_000
            assert 4 < seconds < 15


async def test_the_services_run_as_a_process_and_stop_when_told() -> None:
    command = [sys.executable, "-m", "local.engine", "--wire", "http", "--port", "0", "--json-ready"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            ready = json.loads(await process.stdout.readline())
        session, target = Session(), target_at(ready["url"])
        link = CascadeLink(1, target, session.on_events, session.lost.append)
        await link.open(order())
        assert not session.lost
        link.close()
        await target.aclose()
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            code = await process.wait()
    assert code == 0
