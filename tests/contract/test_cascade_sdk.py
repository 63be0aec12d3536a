"""The offline HTTP services, driven by the official openai SDK as it is, and our own request bodies held against the SDK's types.

What the SDK accepts from the services it accepts from every server of that form; what its types accept from us, those servers do.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Required, get_args, get_origin, get_type_hints

import pytest
from openai import APIStatusError, AsyncOpenAI, NotFoundError
from openai.types.audio import SpeechCreateParams
from openai.types.audio.transcription_create_params import TranscriptionCreateParamsNonStreaming
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import ConfigDict, TypeAdapter, ValidationError

from bridge.core.cascade_frames import Complete, Message, Role, Speak, ToolCall, Transcribe
from bridge.core.frames import ToolDeclaration
from bridge.wire import chat, speech, transcription
from local.engine.http_service import HttpEngine, OfflineServices
from local.engine.http_wire import HttpServer
from local.engine.names import NAMES
from local.speech.voice import Voice

SERVICE = {
    "type": "string",
    "enum": ["cleaning", "checkup"],
    "description": "What to book. cleaning: cleaning, teeth cleaning; checkup: check-up, examination",
}
PROPOSE: dict[str, Any] = {
    "name": "proposeBooking",
    "description": "Prepare an appointment.",
    "parameters": {
        "type": "object",
        "properties": {"service": SERVICE, "when": {"type": "string"}, "name": {"type": "string"}},
        "required": ["service", "when", "name"],
    },
}
COMMIT = {
    "name": "commitProposal",
    "description": "Carry out a proposal.",
    "parameters": {"type": "object", "properties": {"nonce": {"type": "string"}, "arguments": {"type": "object"}}},
}
TOOLS: Any = [{"type": "function", "function": function} for function in (PROPOSE, COMMIT)]
SYSTEM = {"role": "system", "content": "You speak English. Be brief."}


@pytest.fixture(scope="module")
def caller() -> Iterator[Voice]:
    with Voice("caller") as voice:
        yield voice


@pytest.fixture
async def client() -> AsyncIterator[AsyncOpenAI]:
    with Voice("agent") as voice:
        async with HttpServer(HttpEngine(OfflineServices(voice))) as server:
            async with AsyncOpenAI(api_key="x", base_url=server.url, max_retries=0) as sdk:
                yield sdk
            assert not server.failures


async def test_the_sdk_lists_the_models(client: AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["offline"]


async def test_the_sdk_has_speech_transcribed(client: AsyncOpenAI, caller: Voice) -> None:
    pcm = await caller.say("I would like to book a cleaning next Thursday at two thirty")
    heard = await client.audio.transcriptions.create(
        model="offline", file=("utterance.wav", transcription.wav(pcm, 16_000), "audio/wav"), language="en"
    )
    assert heard.text == "i would like to book a cleaning next thursday at two thirty"


async def test_what_the_agent_said_last_decides_what_is_understood(client: AsyncOpenAI, caller: Voice) -> None:
    told: Any = [SYSTEM, {"role": "user", "content": "I would like to book a cleaning tomorrow at nine"}]
    asked = await client.chat.completions.create(model="offline", messages=told, tools=TOOLS)
    question = asked.choices[0].message.content or ""
    assert question == "May I have your name, please?"
    wav = transcription.wav(await caller.say(f"my name is {NAMES[0]}"), 16_000)
    heard = await client.audio.transcriptions.create(model="offline", file=("a.wav", wav), prompt=question)
    assert heard.text == f"my name is {NAMES[0]}".lower()


async def test_noise_is_transcribed_as_nothing(client: AsyncOpenAI) -> None:
    heard = await client.audio.transcriptions.create(
        model="offline", file=("utterance.wav", transcription.wav(bytes(16_000), 16_000))
    )
    assert heard.text == ""


async def test_the_sdk_streams_a_chat_with_tools(client: AsyncOpenAI) -> None:
    told: list[Any] = [SYSTEM]

    async def ask(*messages: Any) -> Any:
        told.extend(messages)
        async with client.chat.completions.stream(
            model="offline", messages=told, tools=TOOLS, stream_options={"include_usage": True}
        ) as stream:
            async for _ in stream:
                pass
            return await stream.get_final_completion()

    first = await ask({"role": "user", "content": "I would like to book a cleaning tomorrow at nine"})
    assert first.choices[0].message.content == "May I have your name, please?"
    assert first.choices[0].finish_reason == "stop"
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens
    second = await ask(first.choices[0].message, {"role": "user", "content": "my name is amina"})
    (call,) = second.choices[0].message.tool_calls
    assert second.choices[0].finish_reason == "tool_calls"
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "proposeBooking",
        {"service": "cleaning", "when": "tomorrow at nine", "name": "Amina"},
    )
    proposed = {"say": "A cleaning for Amina tomorrow at nine. Shall I book it?", "nonce": "n1", "arguments": {"a": 1}}
    third = await ask(
        second.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": json.dumps(proposed)}
    )
    assert third.choices[0].message.content == proposed["say"]
    fourth = await ask(third.choices[0].message, {"role": "user", "content": "Yes."})
    (commit,) = fourth.choices[0].message.tool_calls
    assert (commit.function.name, json.loads(commit.function.arguments)) == (
        "commitProposal",
        {"nonce": "n1", "arguments": {"a": 1}},
    )


async def test_every_event_of_the_stream_has_the_sdks_form(client: AsyncOpenAI) -> None:
    strict = type("Chunk", (ChatCompletionChunk,), {"model_config": ConfigDict(extra="forbid")})
    told: Any = [SYSTEM, {"role": "user", "content": "I want to cancel my appointment my name is amina"}]
    body = {"model": "offline", "messages": told, "tools": TOOLS, "stream": True}
    async with client.chat.completions.with_streaming_response.create(**body) as response:
        lines = [line async for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    for line in lines[:-1]:
        strict.model_validate_json(line.removeprefix("data: "))


async def test_the_sdk_streams_speech_as_pcm(client: AsyncOpenAI) -> None:
    async with client.audio.speech.with_streaming_response.create(
        model="offline", voice="alloy", input="Good morning, how can I help you?", response_format="pcm"
    ) as response:
        pieces = [piece async for piece in response.iter_bytes()]
    pcm = b"".join(pieces)
    assert len(pieces) > 1
    assert 1_000 < len(pcm) / 48 < 4_000
    assert max(abs(int.from_bytes(pcm[at : at + 2], "little", signed=True)) for at in range(0, len(pcm), 2)) > 3_000


async def test_errors_are_the_sdks_errors(client: AsyncOpenAI) -> None:
    with pytest.raises(NotFoundError):
        await client.embeddings.create(model="offline", input="x")
    with pytest.raises(APIStatusError) as refused:
        await client.audio.speech.create(model="offline", voice="alloy", input="x", response_format="mp3")
    assert refused.value.status_code == 400


# --- what we send ----------------------------------------------------------------------------------------------------------


def check(params: Any, body: Mapping[str, Any]) -> None:
    """Every field has a name and a type of the SDK's, and none that it requires is missing."""
    hints = get_type_hints(params, include_extras=True)
    assert set(body) <= set(hints)
    assert {name for name in params.__required_keys__ if name in body} == set(params.__required_keys__)
    for name, value in body.items():
        if name == "file":
            continue  # of the SDK's own types for files, bytes are one
        hint = get_args(hints[name])[0] if get_origin(hints[name]) is Required else hints[name]
        of_items = get_origin(hint) is Iterable  # the SDK's Iterable would be checked only when somebody iterates
        for item in value if of_items else [value]:
            TypeAdapter(get_args(hint)[0] if of_items else hint).validate_python(item)


HISTORY = (
    Message(Role.SYSTEM, "Be brief."),
    Message(Role.USER, "Thursday?"),
    Message(Role.ASSISTANT, "One moment.", (ToolCall("a", "findTimes", '{"day":"Thursday"}'),)),
    Message(Role.TOOL, '{"say":"Two."}', answers="a"),
    Message(Role.ASSISTANT, "At two."),
)


def test_a_chat_request_has_the_sdks_form() -> None:
    tools = (ToolDeclaration("findTimes", "Free times.", {"type": "object", "properties": {}}),)
    check(CompletionCreateParamsStreaming, chat.request_body(Complete(1, HISTORY, tools), "m"))


def test_a_speech_request_has_the_sdks_form() -> None:
    check(SpeechCreateParams, speech.request_body(Speak(1, "Hello."), "m", "alloy"))


def test_a_transcription_request_has_the_sdks_form() -> None:
    form = transcription.form(Transcribe(1, b"", 16_000, "At two?", "sw"), "m")
    check(TranscriptionCreateParamsNonStreaming, {"file": transcription.wav(b"", 16_000), **form})


WRONG = [{"message": []}, {"stream": "yes"}, {"messages": [{"role": "robot", "content": "x"}]}]


@pytest.mark.parametrize("change", WRONG)
def test_the_check_would_find_a_wrong_field(change: dict[str, Any]) -> None:
    body = {**chat.request_body(Complete(1, HISTORY), "m"), **change}
    with pytest.raises((ValidationError, AssertionError)):
        check(CompletionCreateParamsStreaming, body)
