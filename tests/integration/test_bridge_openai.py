"""Whole calls over real sockets with the OpenAI leg: an 8 kHz line in µ-law from end to end, a 16 kHz line in 24 kHz PCM."""

from __future__ import annotations

import array
import asyncio
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bridge.core.engines import OPENAI
from bridge.core.session import SessionSettings
from bridge.shell.engines import Engines, openai_realtime, over_socket
from local.realtime_server import Added, Committed, Faults, RealtimeServer, RealtimeSession, Truncated, Wanted
from pokea.billing.usage import Meter, usage_from_json
from tests.integration import bridge_peers
from tests.integration.bridge_peers import (
    CONTEXT,
    SESSION,
    FakeTools,
    is_sound,
    ok,
    running_bridge,
    switch_call,
    until,
    write_clip,
)

WISH = {"service": "cleaning", "when": "friday", "name": "Jane"}
SETTINGS = SessionSettings(engines=(OPENAI,))


def tone(milliseconds: int) -> bytes:
    """24 kHz PCM16 that stands in for speech."""
    count = milliseconds * 24
    return array.array(
        "h", (int(6_000 * math.sin(math.tau * 440 * index / 24_000)) for index in range(count))
    ).tobytes()


class Clerk:
    """A scripted model: it proposes after the first turn, commits after the second, and says goodbye."""

    def __init__(self) -> None:
        self.turns: list[bytes] = []
        self.truncated: list[Truncated] = []
        self.answers: list[Mapping[str, Any]] = []

    async def __call__(self, session: RealtimeSession) -> None:
        async for event in session:
            match event:
                case Committed(item_id, pcm16k):
                    self.turns.append(pcm16k)
                    await session.transcribed(
                        item_id, ["I would like to book.", "Yes.", "Thanks."][len(self.turns) - 1]
                    )
                case Added(item) if item["type"] == "function_call_output":
                    self.answers.append(json.loads(item["output"]))
                case Truncated():
                    self.truncated.append(event)
                case Wanted(reply):
                    await self._fill(reply)

    async def _fill(self, reply: Any) -> None:
        match len(self.turns), len(self.answers):
            case 1, 0:
                await reply.call("c1", "proposeBooking", WISH)
            case 1, 1:
                await reply.speak(str(self.answers[0]["say"]), tone(500))
            case 2, 1:
                proposed = self.answers[0]
                arguments = {"nonce": proposed["nonce"], "arguments": proposed["arguments"]}
                await reply.call("c2", "commitProposal", arguments)
            case 2, 2:
                await reply.speak(str(self.answers[1]["say"]), tone(500))
                await reply.call("c3", "endCall", {})
            case 2, 3:
                await reply.speak(str(self.answers[2]["say"]), tone(400))
        await reply.done()


def engines_at(server: RealtimeServer) -> Engines:
    return Engines({"openai": over_socket(openai_realtime(server.url, OPENAI.model, "key"))})


def tools_at(rate_hz: int) -> FakeTools:
    context = {**CONTEXT, "stream": {"rate_hz": rate_hz, "track": "inbound_track"}}
    read_back = {"status": "proposed", "nonce": "n1", "arguments": {"a": 1}, "say": "Friday at two, yes?"}
    return FakeTools(
        {
            "proposeBooking": ok(payload=read_back, nonce="n1"),
            "commitProposal": ok(payload={"status": "booked", "say": "It is booked.", "reference": "AB12"}),
            "endCall": ok(payload={"status": "ok", "say": "Goodbye."}, end_call=True),
        },
        context,
    )


@pytest.fixture(params=[8_000, 16_000])
def rate_hz(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The line's rate; the raw switch speaks at it, and the greeting is there."""
    rate = int(request.param)
    monkeypatch.setattr(bridge_peers, "FRAME", rate // 25)
    speech = np.random.default_rng(3).integers(-5_000, 5_000, rate // 50).astype("<i2").tobytes()
    monkeypatch.setattr(bridge_peers, "SPEECH", speech)
    write_clip(tmp_path / "clips", "Kore", str(CONTEXT["greeting"]), 600)
    yield rate


FORMATS: dict[int, dict[str, Any]] = {8_000: {"type": "audio/pcmu"}, 16_000: {"type": "audio/pcm", "rate": 24_000}}


async def test_a_whole_call_books_over_the_openai_leg(
    rate_hz: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk, tools = Clerk(), tools_at(rate_hz)
    async with (
        RealtimeServer(clerk, api_key="key") as model,
        running_bridge(engines_at(model), tools, tmp_path, monkeypatch, settings=SETTINGS) as bridge,
        switch_call(bridge, metadata={"sessionId": SESSION}) as switch,
    ):
        await switch.first_sound_s()
        await switch.says_after_the_agent(600, 900)
        await switch.says_after_the_agent(600, 900)
        await asyncio.wait_for(switch.closed.wait(), 15)
        assert not model.failures
        (session,) = model.sessions
    audio = session.config["audio"]
    assert audio["input"]["format"] == audio["output"]["format"] == FORMATS[rate_hz]
    assert bridge.log == ["hangup", "closed"]
    (commit,) = tools.of("tool", tool="commitProposal")
    read_back, caller_turns = commit["evidence"]["read_back"], commit["evidence"]["caller_turns"]
    assert read_back["nonce"] == "n1"
    assert read_back["finished_at_ms"] <= caller_turns[-1]["started_at_ms"]
    said = [(line["who"], line["text"]) for line in tools.of("close")[0]["transcript"]]
    assert ("agent", "It is booked.") in said and ("caller", "Yes.") in said
    model_usage, transcription = usage_from_json(tools.of("close")[0]["usage"])
    assert (model_usage.engine, model_usage.model, model_usage.silent_turns) == ("openai", OPENAI.model, 0)
    assert model_usage.turns == len([event for event in session.received if event["type"] == "response.create"]) + 2
    assert set(model_usage.meters) == set(Meter) - {
        Meter.IMAGE_IN,
        Meter.THOUGHT_OUT,
        Meter.SESSION_MS,
        Meter.HEARD_MS,
        Meter.SPOKEN_CHARS,
    }
    assert transcription.model == "gpt-transcribe"
    assert transcription.meters[Meter.HEARD_MS] == sum(len(turn) for turn in clerk.turns) // 32
    assert all(0.5 < len(turn) / 32_000 < 3 for turn in clerk.turns)
    creates = [event for event in session.received if event["type"] == "response.create"]
    assert (
        len(creates) == len(clerk.answers) == 3
    )  # one for each batch of calls; turns are answered by the service itself


@pytest.mark.parametrize("rate_hz", [8_000], indirect=True)
async def test_a_reply_that_is_spoken_over_is_cut_to_what_was_heard(
    rate_hz: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[Truncated] = []

    async def talkative(session: RealtimeSession) -> None:
        async for event in session:
            if isinstance(event, Wanted):
                await event.reply.speak("a long story " * 20, tone(8_000))
                await event.reply.done()
            elif isinstance(event, Truncated):
                cut.append(event)

    faults = Faults(items_shorter_by_ms=0, unknown_events=True)
    async with (
        RealtimeServer(talkative, faults=faults) as model,
        running_bridge(engines_at(model), tools_at(rate_hz), tmp_path, monkeypatch, settings=SETTINGS) as bridge,
        switch_call(bridge, metadata={"sessionId": SESSION}) as switch,
    ):
        await switch.first_sound_s()
        await switch.says_after_the_agent(600, 900)
        seen = len(switch.received)
        await until(lambda: any(is_sound(message) for _, message in switch.received[seen:]), "the story begins", 10)
        await asyncio.sleep(1.0)
        switch.speak(1_500)
        await until(lambda: bool(cut), "the story is cut", 10)
        await switch.hang_up()
        assert not model.failures
    assert 300 < cut[0].audio_end_ms < 6_000
