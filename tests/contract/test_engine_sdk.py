"""The offline engine, driven by the official google-genai SDK as it is, over TLS.

What the SDK accepts from the engine it accepts from Google; every frame is besides held against the SDK's own types, which forbid
unknown fields, so that a misspelt field cannot hide.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import ssl
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google import genai
from google.genai import types
from google.genai.live import AsyncSession

from local.engine.recogniser import recogniser_for
from local.engine.session import Memory, Parts
from local.engine.session import converse as converse_on_gemini
from local.live_server import LiveServer, LiveSession
from local.speech.voice import Voice

FRAME_BYTES = 640  # 20 ms at 16 kHz
SILENCE = bytes(FRAME_BYTES)
END_OF_TURN_FRAMES = 45
WITHIN_S = 20.0

TOOLS: list[dict[str, Any]] = [
    {
        "name": "proposeBooking",
        "description": "Prepare an appointment.",
        "parameters": {
            "type": "OBJECT",
            "properties": {
                "service": {
                    "type": "STRING",
                    "enum": ["cleaning", "checkup"],
                    "description": "What to book. cleaning: cleaning; checkup: check-up, examination",
                },
                "when": {"type": "STRING"},
                "name": {"type": "STRING"},
            },
            "required": ["service", "when", "name"],
        },
    },
    {
        "name": "commitProposal",
        "description": "Carry out a proposal.",
        "parameters": {
            "type": "OBJECT",
            "properties": {"nonce": {"type": "STRING"}, "arguments": {"type": "OBJECT", "properties": {}}},
        },
    },
    {"name": "endCall", "description": "End the call.", "parameters": {"type": "OBJECT", "properties": {}}},
]


class RecordedSession(LiveSession):
    """Keeps a copy of every message on its way out."""

    def record_to(self, messages: list[Mapping[str, Any]]) -> RecordedSession:
        self._messages = messages
        return self

    async def send(self, message: Mapping[str, Any]) -> None:
        self._messages.append(message)
        await super().send(message)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for loopback, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "offline engine")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    certfile, keyfile = folder / "cert.pem", folder / "key.pem"
    certfile.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    keyfile.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certfile, keyfile


@pytest.fixture(scope="module")
def caller() -> Iterator[Voice]:
    with Voice("caller") as voice:
        yield voice


@pytest.fixture(scope="module")
def agent() -> Iterator[Voice]:
    with Voice("agent") as voice:
        yield voice


class Engine:
    """The engine behind TLS, and what it sent. `client` is the SDK, pointed at it by its public options only."""

    def __init__(self, server: LiveServer, certfile: Path, sent: list[Mapping[str, Any]]) -> None:
        self.sent = sent
        context = ssl.create_default_context(cafile=certfile)
        options = types.HttpOptions(
            base_url=server.base_url, api_version="v1beta", async_client_args={"ssl": context, "proxy": None}
        )
        self._client = genai.Client(api_key="offline", http_options=options)

    @asynccontextmanager
    async def connect(self, handle: str | None = None, *, is_told: bool = False) -> AsyncIterator[AsyncSession]:
        """`is_told`: the client says when the caller speaks."""
        detection = types.AutomaticActivityDetection(disabled=is_told)
        config = types.LiveConnectConfig(
            response_modalities=[types.Modality.AUDIO],
            system_instruction="You are a booking assistant. You speak English.",
            tools=[{"function_declarations": TOOLS}],
            realtime_input_config=types.RealtimeInputConfig(automatic_activity_detection=detection),
            input_audio_transcription=types.AudioTranscriptionConfig(),
            output_audio_transcription=types.AudioTranscriptionConfig(),
            session_resumption=types.SessionResumptionConfig(handle=handle)
            if handle
            else types.SessionResumptionConfig(),
        )
        async with self._client.aio.live.connect(model="gemini-3.8-live", config=config) as session:
            yield session


@asynccontextmanager
async def running_engine(
    certificate: tuple[Path, Path], agent: Voice, go_away_after_s: float | None = None
) -> AsyncIterator[Engine]:
    sent: list[Mapping[str, Any]] = []
    parts = Parts(agent, Memory(), recogniser_for, go_away_after_s)

    async def converse(session: LiveSession) -> None:
        recorded = RecordedSession(session.connection, session.setup, session.path, session.number)
        await converse_on_gemini(recorded.record_to(sent), parts)

    async with LiveServer(converse, tls=certificate) as server:
        yield Engine(server, certificate[0], sent)
        assert not server.failures
    for message in sent:  # strictly: the SDK itself drops unknown fields before it looks
        types.LiveServerMessage.model_validate_json(json.dumps(message))


async def speak(session: AsyncSession, pcm: bytes) -> None:
    """As the bridge does: 20 ms frames, and silence until the turn is over."""
    frames = [pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0") for start in range(0, len(pcm), FRAME_BYTES)]
    for frame in [*[SILENCE] * 15, *frames, *[SILENCE] * END_OF_TURN_FRAMES]:
        await session.send_realtime_input(audio=types.Blob(data=frame, mime_type="audio/pcm;rate=16000"))


class Turn:
    """What the engine said until its turn was complete, or until it called a tool."""

    def __init__(self) -> None:
        self.audio = b""
        self.mime_types: set[str | None] = set()
        self.said = self.heard = ""
        self.calls: list[types.FunctionCall] = []
        self.flags: list[str] = []
        self.usage: types.UsageMetadata | None = None
        self.handle = ""
        self.time_left: str | None = None

    def take(self, message: types.LiveServerMessage) -> None:
        if content := message.server_content:
            for part in (content.model_turn.parts or []) if content.model_turn else []:
                if part.inline_data:
                    self.audio += part.inline_data.data or b""
                    self.mime_types.add(part.inline_data.mime_type)
            self.said += (content.output_transcription.text or "") if content.output_transcription else ""
            self.heard += (content.input_transcription.text or "") if content.input_transcription else ""
            self.flags += [
                name for name in ("interrupted", "generation_complete", "turn_complete") if getattr(content, name)
            ]
        if message.tool_call:
            self.calls += message.tool_call.function_calls or []
        if message.session_resumption_update:
            self.handle = message.session_resumption_update.new_handle or self.handle
        self.usage = message.usage_metadata or self.usage
        self.time_left = message.go_away.time_left if message.go_away else self.time_left


async def hear(session: AsyncSession, until: str) -> Turn:
    """Messages until a flag ("turn_complete"), a "tool_call", a "handle", "audio" or a "go_away" came."""
    turn = Turn()
    async with asyncio.timeout(WITHIN_S):
        while True:
            turn.take(await session._receive())  # `receive()` ends after each turn and hides what comes late
            came = {"tool_call": turn.calls, "handle": turn.handle, "audio": turn.audio, "go_away": turn.time_left}
            if came.get(until) or until in turn.flags:
                return turn


async def answer(session: AsyncSession, call: types.FunctionCall, payload: dict[str, Any]) -> None:
    await session.send_tool_response(
        function_responses=[types.FunctionResponse(id=call.id, name=call.name, response=payload)]
    )


async def test_a_typed_turn_is_answered_with_speech_its_words_and_its_usage(
    certificate: tuple[Path, Path], agent: Voice
) -> None:
    async with running_engine(certificate, agent) as engine, engine.connect() as session:
        await session.send_realtime_input(text="I would like to book a cleaning.")
        turn = await hear(session, "turn_complete")
        await session.send_realtime_input(text="Pardon?")
        again = await hear(session, "turn_complete")
    assert turn.said == "On which day and at what time?"
    assert turn.mime_types == {"audio/pcm;rate=24000"}
    assert 1.0 < len(turn.audio) / 48_000 < 5.0
    assert turn.flags == ["generation_complete", "turn_complete"]
    first, second = turn.usage, again.usage
    assert first is not None and first.response_token_count
    assert second is not None and second.prompt_token_count and first.prompt_token_count
    said = {part.modality: part.token_count or 0 for part in first.response_tokens_details or []}
    heard = {part.modality: part.token_count or 0 for part in second.prompt_tokens_details or []}
    # The turn before is context now.
    assert heard[types.MediaModality.AUDIO] == said[types.MediaModality.AUDIO]
    assert second.prompt_token_count > first.prompt_token_count


async def test_a_clip_is_read_aloud_word_for_word(certificate: tuple[Path, Path], agent: Voice) -> None:
    async with running_engine(certificate, agent) as engine, engine.connect() as session:
        await session.send_client_content(
            turns=types.Content(
                role="user", parts=[types.Part(text='Read this aloud, word for word: "Hello, this is a clinic."')]
            ),
            turn_complete=True,
        )
        turn = await hear(session, "turn_complete")
    assert turn.said == "Hello, this is a clinic."


async def test_a_spoken_booking_goes_through_its_tools(
    certificate: tuple[Path, Path], agent: Voice, caller: Voice
) -> None:
    async with running_engine(certificate, agent) as engine, engine.connect() as session:
        await speak(session, await caller.say("I would like to book a cleaning next Thursday at two thirty"))
        asked = await hear(session, "turn_complete")
        assert asked.heard == "i would like to book a cleaning next thursday at two thirty"
        assert "name" in asked.said
        await speak(session, await caller.say("my name is Grace Wanjiru"))
        proposed = await hear(session, "tool_call")
        (call,) = proposed.calls
        assert (call.name, call.args) == (
            "proposeBooking",
            {"service": "cleaning", "when": "next thursday at two thirty", "name": "Grace Wanjiru"},
        )
        arguments = {"action": "book", "starts_at": "2026-11-26T14:30"}
        read_back = "A check-up for Grace on Thursday at two thirty. Shall I book it?"
        await answer(session, call, {"status": "proposed", "nonce": "n-1", "arguments": arguments, "say": read_back})
        assert (await hear(session, "turn_complete")).said == read_back
        await speak(session, await caller.say("yes please"))
        committed = await hear(session, "tool_call")
        (commit,) = committed.calls
        assert (commit.name, commit.args) == ("commitProposal", {"nonce": "n-1", "arguments": arguments})


@pytest.mark.parametrize("is_told", [True, False])
async def test_the_client_says_when_the_caller_has_finished(
    is_told: bool, certificate: tuple[Path, Path], agent: Voice, caller: Voice
) -> None:
    pcm = await caller.say("please cancel my appointment")
    async with running_engine(certificate, agent) as engine, engine.connect(is_told=is_told) as session:
        if is_told:
            await session.send_realtime_input(activity_start=types.ActivityStart())
        await session.send_realtime_input(audio=types.Blob(data=bytes(16_000) + pcm, mime_type="audio/pcm;rate=16000"))
        if is_told:
            await session.send_realtime_input(activity_end=types.ActivityEnd())
        else:
            await session.send_realtime_input(audio_stream_end=True)
        turn = await hear(session, "turn_complete")
    assert turn.heard == "please cancel my appointment"
    assert "name" in turn.said


async def test_speech_that_no_grammar_holds_is_asked_again(
    certificate: tuple[Path, Path], agent: Voice, caller: Voice
) -> None:
    async with running_engine(certificate, agent) as engine, engine.connect() as session:
        await speak(session, await caller.say("my car has broken down on the motorway"))
        turn = await hear(session, "turn_complete")
    assert turn.heard == "" and "did not catch" in turn.said and not turn.calls


async def test_the_caller_interrupts_and_the_rest_of_the_reply_is_dropped(
    certificate: tuple[Path, Path], agent: Voice, caller: Voice
) -> None:
    text = "one two three four five six seven eight nine ten eleven twelve " * 6
    async with running_engine(certificate, agent) as engine, engine.connect() as session:
        await session.send_realtime_input(text=f'Read this aloud, word for word: "{text.strip()}"')
        await hear(session, "audio")
        await speak(session, await caller.say("please cancel my appointment"))
        cut = await hear(session, "turn_complete")
        assert cut.flags == ["interrupted", "turn_complete"]
        assert len(cut.said.split()) < len(text.split())
        assert "name" in (await hear(session, "turn_complete")).said


async def test_a_resumed_session_goes_on_where_it_was(certificate: tuple[Path, Path], agent: Voice) -> None:
    async with running_engine(certificate, agent) as engine:
        async with engine.connect() as first:
            await first.send_realtime_input(text="book a cleaning tomorrow at nine")
            await hear(first, "turn_complete")
            handle = (await hear(first, "handle")).handle
        async with engine.connect(handle) as second:
            await second.send_realtime_input(text="my name is Lucy Wambui")
            (call,) = (await hear(second, "tool_call")).calls
    assert call.args == {"service": "cleaning", "when": "tomorrow at nine", "name": "Lucy Wambui"}


async def test_the_end_of_a_connection_is_announced(certificate: tuple[Path, Path], agent: Voice) -> None:
    async with running_engine(certificate, agent, go_away_after_s=0.05) as engine, engine.connect() as session:
        turn = await hear(session, "go_away")
    assert turn.time_left == "10s"


async def test_the_engine_is_a_process_that_says_where_it_listens(certificate: tuple[Path, Path]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local.engine", "--json-ready", "--tls", str(certificate[0]), str(certificate[1])),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), WITHIN_S))
        assert ready["url"].startswith("wss://127.0.0.1:")
    finally:
        process.terminate()
        await process.wait()
    assert process.returncode == 0
