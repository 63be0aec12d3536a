"""The wire as the official SDK speaks and reads it: our setup equals the SDK's, and what the SDK's types allow is understood."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google import genai
from google.auth.credentials import AnonymousCredentials
from google.genai import _live_converters as live_converters
from google.genai import live, types
from google.genai._common import convert_to_dict

from bridge.core.frames import AnswerTool, ModelSetup, ToolDeclaration, UsageReported
from bridge.wire import gemini_live
from local.live_server import AudioIn, ContentIn, LiveServer, LiveSession, TextIn, ToolAnswer
from local.live_wire import normalised, parse_message

SCHEMA = {
    "type": "object",
    "properties": {
        "service": {"type": "string", "enum": ["cleaning", "filling"], "description": "what for"},
        "days": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["service"],
}
TOOLS = (
    ToolDeclaration("findTimes", "Finds times.", SCHEMA),
    ToolDeclaration("endCall", "Ends the call.", {"type": "object", "properties": {}}),
)
SETUP = ModelSetup("gemini-3.8-live", "Kore", "Be brief.", TOOLS, resume_handle="handle-1")


def sdk_config() -> types.LiveConnectConfig:
    """What `SETUP` is, in the SDK's words."""
    schema = types.Schema(
        type=types.Type.OBJECT,
        required=["service"],
        properties={
            "service": types.Schema(type=types.Type.STRING, enum=["cleaning", "filling"], description="what for"),
            "days": types.Schema(type=types.Type.ARRAY, items=types.Schema(type=types.Type.INTEGER)),
        },
    )
    blocking = types.Behavior.BLOCKING
    find = types.FunctionDeclaration(name="findTimes", description="Finds times.", behavior=blocking, parameters=schema)
    end = types.FunctionDeclaration(name="endCall", description="Ends the call.", behavior=blocking)
    voice = types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Kore"))
    detection = types.AutomaticActivityDetection(
        disabled=False,
        start_of_speech_sensitivity=types.StartSensitivity.START_SENSITIVITY_HIGH,
        end_of_speech_sensitivity=types.EndSensitivity.END_SENSITIVITY_LOW,
        prefix_padding_ms=100,
        silence_duration_ms=600,
    )
    return types.LiveConnectConfig(
        response_modalities=[types.Modality.AUDIO],
        speech_config=types.SpeechConfig(voice_config=voice),
        system_instruction="Be brief.",
        tools=[types.Tool(function_declarations=[find, end])],
        realtime_input_config=types.RealtimeInputConfig(
            automatic_activity_detection=detection,
            activity_handling=types.ActivityHandling.START_OF_ACTIVITY_INTERRUPTS,
        ),
        input_audio_transcription=types.AudioTranscriptionConfig(),
        output_audio_transcription=types.AudioTranscriptionConfig(),
        session_resumption=types.SessionResumptionConfig(handle="handle-1"),
        context_window_compression=types.ContextWindowCompressionConfig(
            trigger_tokens=16_000, sliding_window=types.SlidingWindow(target_tokens=8_000)
        ),
    )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost and its key; the SDK connects by TLS only."""
    from datetime import UTC, datetime, timedelta

    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


async def setup_sent_by_the_sdk(certificate: tuple[Path, Path]) -> tuple[dict[str, Any], str]:
    seen: asyncio.Future[tuple[dict[str, Any], str]] = asyncio.get_running_loop().create_future()

    async def handler(session: LiveSession) -> None:
        seen.set_result((session.setup, session.path))

    async with LiveServer(handler, host="localhost", tls=certificate) as server:
        options = types.HttpOptions(
            base_url=server.base_url,
            api_version="v1beta",
            async_client_args={"ssl": ssl.create_default_context(cafile=certificate[0])},
        )
        client = genai.Client(api_key="test", http_options=options)
        async with client.aio.live.connect(model="gemini-3.8-live", config=sdk_config()):
            return await asyncio.wait_for(seen, 10)


async def setup_written_by_the_sdk_for_vertex(location: str) -> tuple[dict[str, Any], str]:
    """What the SDK would send there, and where: by its own converters, because its Vertex path insists on Google's own hosts."""
    client = genai.Client(
        vertexai=True,
        project="clinic",
        location=location,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
    )
    config = await live._t_live_connect_config(client._api_client, sdk_config())
    parent = f"projects/clinic/locations/{location}"
    parameters = types.LiveConnectParameters(model=f"{parent}/publishers/google/models/gemini-3.8-live", config=config)
    written = live_converters._LiveConnectParameters_to_vertex(
        client._api_client, parameters.model_dump(exclude_none=True)
    )
    options = client._api_client._http_options
    base = str(client._api_client._websocket_base_url(options))
    url = f"{base.rstrip('/')}/ws/google.cloud.aiplatform.{options.api_version}.LlmBidiService/BidiGenerateContent"
    return json.loads(json.dumps(convert_to_dict(written)))["setup"], url


@pytest.mark.parametrize("location", ["us-central1", "europe-west4", "global", "us", "eu"])
async def test_our_vertex_setup_and_address_are_the_official_sdks(location: str) -> None:
    theirs, url = await setup_written_by_the_sdk_for_vertex(location)
    codec = gemini_live.GeminiLive(f"projects/clinic/locations/{location}")
    codec.open(SETUP)
    assert normalised(json.loads(codec.outbox[0])["setup"]) == normalised(theirs)
    assert gemini_live.vertex_url(location) == url


def test_vertex_counts_tokens_under_other_names() -> None:
    message = {"usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 5, "totalTokenCount": 12}}
    read = live_converters._LiveServerMessage_from_vertex(message)
    assert types.LiveServerMessage.model_validate(read).usage_metadata.response_token_count == 5  # type: ignore[union-attr]
    (ours,) = gemini_live.decode(json.dumps(message).encode())
    assert isinstance(ours, UsageReported)
    assert (ours.prompt, ours.response, ours.total) == (7, 5, 12)


async def test_our_setup_is_what_the_official_sdk_sends(certificate: tuple[Path, Path]) -> None:
    theirs, path = await setup_sent_by_the_sdk(certificate)
    ours = normalised(json.loads(gemini_live.encode_setup(SETUP))["setup"])
    assert ours == theirs
    assert gemini_live.DEFAULT_URL.endswith(path.lstrip("/"))


def test_what_we_send_is_read_as_what_we_mean() -> None:
    def read(message: bytes) -> Any:
        (event,) = parse_message(json.loads(message))
        return event

    assert read(gemini_live.encode_audio(b"\x01\x02")) == AudioIn(b"\x01\x02", 16_000)
    assert read(gemini_live.encode_text("hi")) == TextIn("hi")
    context = read(gemini_live.encode_context("fact"))
    assert isinstance(context, ContentIn)
    assert (context.text, context.complete) == ("fact", False)
    answer = read(gemini_live.encode_tool_answer(AnswerTool("t1", "f", {"status": "ok"})))
    assert isinstance(answer, ToolAnswer)
    assert answer.responses == ({"id": "t1", "name": "f", "response": {"status": "ok"}},)


SERVER_MESSAGES: list[dict[str, Any]] = [
    {"setup_complete": {}},
    {"server_content": {"model_turn": {"parts": [{"inline_data": {"data": b"\xfb\xff" * 40, "mime_type": "audio/pcm;rate=24000"}}]}}},
    {"server_content": {"interrupted": True}},
    {"server_content": {"generation_complete": True, "output_transcription": {"text": "hi", "finished": True}}},
    {"server_content": {"turn_complete": True}, "usage_metadata": {"prompt_token_count": 3, "total_token_count": 5}},
    {"server_content": {"input_transcription": {"text": "hello", "language_code": "en"}, "waiting_for_input": True}},
    {"tool_call": {"function_calls": [{"id": "1", "name": "findTimes", "args": {"service": "cleaning"}}]}},
    {"tool_call_cancellation": {"ids": ["1"]}},
    {"go_away": {"time_left": "9.5s"}},
    {"session_resumption_update": {"new_handle": "h", "resumable": True}},
]  # fmt: skip


@pytest.mark.parametrize("fields", SERVER_MESSAGES)
def test_what_the_sdks_types_allow_is_understood(fields: dict[str, Any]) -> None:
    """Built by the SDK's own types, which refuse unknown fields, and written by them in the wire's spelling."""
    message = types.LiveServerMessage.model_validate(fields)
    wire = message.model_dump_json(by_alias=True, exclude_none=True)
    assert len(gemini_live.decode(wire.encode())) >= 1
