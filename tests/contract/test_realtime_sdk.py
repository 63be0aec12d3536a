"""The simulator of OpenAI's Realtime service driven by the official SDK, and our codec's messages held against the SDK's types.

What the SDK can do with the simulator it can do with the service; every frame is besides held against the SDK's own types, missing
and unknown fields included, because the SDK itself checks nothing when it reads.
"""

from __future__ import annotations

import array
import asyncio
import base64
import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from bridge.core.frames import (
    AnswerTool,
    EndCallerTurn,
    HeardItem,
    ModelSetup,
    SayToModel,
    StopModel,
    TellModel,
    ToolDeclaration,
    TurnDetection,
)
from bridge.wire.openai_realtime import DIALECTS, OpenAIRealtime, realtime_url
from local.engine import realtime
from local.engine.conversation import Memory, Parts
from local.engine.recogniser import recogniser_for
from local.realtime_server import Committed, Faults, Handler, RealtimeServer, RealtimeSession, Wanted
from local.speech.voice import Voice
from tests.support.realtime_types import CLIENT_EVENTS, check_client_event, check_server_event

WITHIN_S = 15.0
MODEL = "gpt-realtime-2.1"
TOOL = {
    "type": "function",
    "name": "findTimes",
    "description": "Finds times.",
    "parameters": {"type": "object", "properties": {"when": {"type": "string"}}, "required": ["when"]},
}
BOOK = {
    "type": "function",
    "name": "proposeBooking",
    "description": "Prepare an appointment.",
    "parameters": {"type": "object", "properties": {"service": {"type": "string", "enum": ["cleaning"]}}},
}
PCM = {"type": "audio/pcm", "rate": 24_000}
DETECTION = {"type": "server_vad", "create_response": True, "interrupt_response": False}


def session_of(**audio_input: Any) -> dict[str, Any]:
    heard = {"format": PCM, "turn_detection": DETECTION, "transcription": {"model": "gpt-transcribe"}, **audio_input}
    return {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be brief. You speak English.",
        "audio": {"input": heard, "output": {"format": PCM, "voice": "marin"}},
        "tools": [TOOL],
    }


def tone(milliseconds: int, rate_hz: int = 24_000) -> bytes:
    count = milliseconds * rate_hz // 1000
    return array.array("h", (int(6_000 * math.sin(math.tau * 440 * i / rate_hz)) for i in range(count))).tobytes()


class Recorded(RealtimeSession):
    """Holds every frame on its way out against the SDK's types."""

    async def send(self, kind: str, **fields: Any) -> None:
        check_server_event({"type": kind, "event_id": "event_1", **json.loads(json.dumps(fields))})
        await super().send(kind, **fields)


async def obliging(session: RealtimeSession) -> None:
    """Says one second for each response; after a turn of the caller it calls the tool first."""
    turns = 0
    async for event in session:
        if isinstance(event, Committed):
            turns += 1
            await session.transcribed(event.item_id, "tomorrow please")
        elif isinstance(event, Wanted):
            if turns:
                turns = 0
                await event.reply.call("call-1", "findTimes", {"when": "tomorrow"})
            else:
                await event.reply.speak("Hello there", tone(1_000))
            await event.reply.done()


@asynccontextmanager
async def running(
    monkeypatch: pytest.MonkeyPatch, handler: Handler = obliging, **options: Any
) -> AsyncIterator[RealtimeServer]:
    monkeypatch.setattr("local.realtime_server.RealtimeSession", Recorded)
    async with RealtimeServer(handler, **options) as server:
        yield server
        assert not server.failures


@asynccontextmanager
async def connected(server: RealtimeServer) -> AsyncIterator[AsyncRealtimeConnection]:
    client = AsyncOpenAI(api_key="offline", base_url=server.base_url)
    async with client.realtime.connect(model=MODEL) as connection:
        yield connection
    await client.close()


async def until(connection: AsyncRealtimeConnection, kind: str) -> list[Any]:
    """Events up to the first of `kind`; each is what the SDK makes of the frame."""
    events = []
    async with asyncio.timeout(WITHIN_S):
        while not events or events[-1].type != kind:
            events.append(await connection.recv())
    return events


async def speak(connection: AsyncRealtimeConnection, milliseconds: int = 600) -> None:
    audio = bytes(24_000) + tone(milliseconds) + bytes(48_000)
    for start in range(0, len(audio), 960):
        await connection.input_audio_buffer.append(audio=base64.b64encode(audio[start : start + 960]).decode())


# --- the SDK and the simulator ---------------------------------------------------------------------------------------------


async def test_a_session_is_configured_and_echoed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as server, connected(server) as connection:
        created = (await until(connection, "session.created"))[-1]
        assert created.session.model == MODEL
        await connection.session.update(session=session_of())  # type: ignore[arg-type]
        session = (await until(connection, "session.updated"))[-1].session
    assert session.audio.input.format.rate == 24_000
    assert session.audio.input.turn_detection.interrupt_response is False
    assert [tool.name for tool in session.tools] == ["findTimes"]


async def test_a_spoken_turn_leads_to_a_tool_call_and_its_answer_to_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as server, connected(server) as connection:
        await connection.session.update(session=session_of())  # type: ignore[arg-type]
        await speak(connection)
        events = await until(connection, "response.done")
        kinds = [event.type for event in events]
        assert kinds.index("input_audio_buffer.speech_started") < kinds.index("input_audio_buffer.speech_stopped")
        assert kinds.index("input_audio_buffer.committed") < kinds.index("response.created")
        heard = next(e for e in events if e.type == "conversation.item.input_audio_transcription.completed")
        assert heard.transcript == "tomorrow please"
        (call,) = events[-1].response.output
        assert (call.type, call.call_id, call.name, json.loads(call.arguments)) == (
            "function_call", "call-1", "findTimes", {"when": "tomorrow"},
        )  # fmt: skip
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": "call-1", "output": '{"status":"ok"}'}
        )
        await connection.response.create()
        events = await until(connection, "response.done")
    audio = b"".join(base64.b64decode(e.delta) for e in events if e.type == "response.output_audio.delta")
    assert len(audio) == 48_000
    assert events[-1].response.usage.total_tokens > 0


async def test_an_item_is_cut_to_what_was_heard_and_no_further_than_it_is_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(monkeypatch) as server, connected(server) as connection:
        await connection.session.update(session=session_of())  # type: ignore[arg-type]
        await connection.response.create()
        item_id = (await until(connection, "response.output_audio.done"))[-1].item_id
        await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=1_060)
        error = (await until(connection, "error"))[-1].error
        assert error.message == "Audio content of 1000ms is already shorter than 1060ms"
        await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=400)
        assert (await until(connection, "conversation.item.truncated"))[-1].audio_end_ms == 400


async def test_a_response_is_cancelled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(session: RealtimeSession) -> None:
        async for event in session:
            if isinstance(event, Wanted):
                await event.reply.speak("one", tone(500))  # and never done

    async with running(monkeypatch, slow) as server, connected(server) as connection:
        await connection.response.create()
        await until(connection, "response.output_audio.delta")
        await connection.response.create(event_id="second")
        refused = (await until(connection, "error"))[-1].error
        assert (refused.code, refused.event_id) == ("conversation_already_has_active_response", "second")
        await connection.response.cancel()
        done = (await until(connection, "response.done"))[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
        await connection.response.cancel()
        assert (await until(connection, "error"))[-1].error.code == "response_cancel_not_active"


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "session.update", "session": {"instructions": "x"}}, "missing_required_parameter", "session.type"),
    ({"type": "session.update", "session": session_of(format={"type": "audio/pcm"})},
     "missing_required_parameter", "session.audio.input.format.rate"),
    ({"type": "session.update", "session": session_of(format={"type": "audio/pcm", "rate": 16_000})},
     "invalid_value", "session.audio.input.format.rate"),
    ({"type": "session.update", "session": session_of(format={"type": "audio/pcmu", "rate": 8_000})},
     "unknown_parameter", "session.audio.input.format.rate"),
    ({"type": "session.update", "session": {"type": "realtime", "voice": "marin"}}, "unknown_parameter", "session.voice"),
    ({"type": "session.update", "session": {"type": "realtime", "model": "other"}}, "invalid_value", "session.model"),
    ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", ""),
    ({"type": "input_audio_buffer.append", "audio": "!"}, "invalid_value", "audio"),
    ({"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 0}, "item_not_found", "item_id"),
    ({"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "x", "output": "{}"}},
     "invalid_tool_call_id", "item.call_id"),
    ({"type": "response.pause"}, "invalid_value", "type"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "code", "param"), REFUSED)
async def test_what_the_service_refuses_is_an_error_and_the_session_goes_on(
    message: dict[str, Any], code: str, param: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(monkeypatch) as server, connected(server) as connection:
        await connection.send_raw(json.dumps({"event_id": "mine", **message}))
        error = (await until(connection, "error"))[-1].error
        assert (error.code, error.param or "", error.event_id) == (code, param, "mine")
        await connection.response.create()
        await until(connection, "response.done")


def words_of(events: list[Any]) -> str:
    return "".join(event.delta for event in events if event.type == "response.output_audio_transcript.delta")


async def test_the_offline_engine_converses_with_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    with Voice("agent") as agent:
        parts = Parts(agent, Memory(), recogniser_for)
        async with (
            running(monkeypatch, partial(realtime.converse, parts=parts)) as server,
            connected(server) as connection,
        ):
            await connection.session.update(session={**session_of(), "tools": [BOOK]})  # type: ignore[arg-type]
            await connection.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": 'Read this aloud, word for word: "Hello, this is a clinic."'}
                    ],
                }
            )
            await connection.response.create()
            events = await until(connection, "response.done")
            assert words_of(events) == "Hello, this is a clinic."
            with Voice("caller") as caller:
                said = await caller.say("please cancel my appointment", rate_hz=24_000)
            await connection.input_audio_buffer.append(
                audio=base64.b64encode(bytes(24_000) + said + bytes(48_000)).decode()
            )
            events = await until(connection, "response.done")
    (heard,) = [e.transcript for e in events if e.type == "conversation.item.input_audio_transcription.completed"]
    assert heard == "please cancel my appointment"
    assert "name" in words_of(events)
    assert events[-1].response.status == "completed"


# --- our codec and the SDK's types -----------------------------------------------------------------------------------------

SETUP = ModelSetup(
    MODEL,
    "Kore",
    "Be brief.",
    (ToolDeclaration("findTimes", "Finds times.", TOOL["parameters"]),),  # type: ignore[arg-type]
    input_hz=8_000,
    language="en",
)


class Client:
    """Our codec on a socket, as far as a test needs it. Every message it writes is held against the SDK's types."""

    def __init__(self, codec: OpenAIRealtime) -> None:
        self.codec = codec
        self.events: list[Any] = []
        self.sent: list[Mapping[str, Any]] = []

    async def flush(self, connection: AsyncRealtimeConnection) -> None:
        for message in self.codec.outbox:
            self.sent.append(json.loads(message))
            check_client_event(self.sent[-1])
            await connection.send_raw(message)
        self.codec.outbox.clear()

    async def read_until(self, connection: AsyncRealtimeConnection, kind: str) -> None:
        async with asyncio.timeout(WITHIN_S):
            while True:
                frame = await connection.recv_bytes()
                self.events += self.codec.receive(frame)
                await self.flush(connection)
                if json.loads(frame)["type"] == kind:
                    return


async def test_every_message_that_our_codec_writes_is_one_that_the_sdk_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as server, connected(server) as connection:
        client = Client(OpenAIRealtime())
        client.codec.open(SETUP)
        client.codec.obey(TellModel("[The line is bad.]"))
        client.codec.obey(SayToModel("Hello?"))
        await client.flush(connection)
        await client.read_until(connection, "response.done")
        item_id = next(event.item for event in client.events if hasattr(event, "item"))
        client.codec.obey(StopModel((HeardItem(item_id, 300, 1_000),)))
        await client.flush(connection)
        await client.read_until(connection, "conversation.item.truncated")
        for start in range(0, 24_000, 320):
            frame = tone(20, 8_000) if 3_200 <= start < 9_600 else bytes(320)
            check_client_event(json.loads(client.codec.audio(frame)))
            await connection.send_raw(client.codec.audio(frame))
        await client.read_until(connection, "response.done")
        client.codec.obey(AnswerTool("call-1", "findTimes", {"status": "ok"}))
        await client.flush(connection)
        await client.read_until(connection, "response.done")
    kinds = [message["type"] for message in client.sent]
    assert kinds.count("response.create") == 2  # the turn between was answered by the service itself
    assert "conversation.item.truncate" in kinds and "response.cancel" not in kinds


async def test_with_own_turn_detection_the_turn_is_committed_and_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as server, connected(server) as connection:
        client = Client(OpenAIRealtime())
        client.codec.open(ModelSetup(MODEL, "", "Be brief.", input_hz=24_000, turn_detection=TurnDetection.OWN))
        await client.flush(connection)
        for _ in range(20):
            await connection.send_raw(client.codec.audio(tone(20)))
        client.codec.obey(EndCallerTurn())
        await client.flush(connection)
        await client.read_until(connection, "response.done")
    assert [message["type"] for message in client.sent] == [
        "session.update",
        "input_audio_buffer.commit",
        "response.create",
    ]


@pytest.mark.parametrize("name", sorted(DIALECTS))
@pytest.mark.parametrize("faults", [Faults(), Faults(no_acks=True, unknown_events=True, second_item=True)])
async def test_every_dialect_gets_a_greeting_out_of_a_server_that_speaks_it(name: str, faults: Faults) -> None:
    async with RealtimeServer(obliging, name, faults=faults) as server:
        dialect = DIALECTS[name]
        client = AsyncOpenAI(api_key="x", websocket_base_url=realtime_url(server.base_url).removesuffix("/realtime"))
        async with client.realtime.connect(model=MODEL) as connection:
            mine = Client(OpenAIRealtime(dialect))
            mine.codec.open(ModelSetup(MODEL, "Kore", "Be brief.", input_hz=dialect.feeds.get(16_000, 16_000)))
            mine.codec.obey(SayToModel("Hello?"))
            for message in mine.codec.outbox:  # a beta session is not in the SDK's types any more
                await connection.send_raw(message)
            mine.codec.outbox.clear()
            await mine.read_until(connection, "response.done")
        await client.close()
        assert not server.failures
    kinds = [type(event).__name__ for event in mine.events]
    assert (kinds[0], kinds[-1]) == ("ModelReady", "TurnComplete")
    heard_ms = sum(len(event.pcm) / event.rate_hz * 500 for event in mine.events if hasattr(event, "pcm"))
    assert heard_ms == pytest.approx(1_000, abs=2)


def test_the_sdk_knows_every_event_that_the_simulator_reads() -> None:
    from local import realtime_wire

    assert set(CLIENT_EVENTS) - realtime_wire.CLIENT_EVENTS == {"output_audio_buffer.clear"}  # not on a WebSocket
