"""The Gemini Live wire (`BidiGenerateContent`), raw: the official SDK spends more on one message than the rest of the bridge.

Developer API (v1beta) and Vertex (v1beta1) differ in the address, the name of the model and one name of a count.

Client messages are JSON in text frames, camelCase. Server messages are JSON in text or binary frames, one object each, whose fields may
combine; unknown fields and unknown messages are skipped, because the service grows. tests/contract holds both directions against the
official SDK.
"""

from __future__ import annotations

import base64
import json
from binascii import Error as BinasciiError
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bridge.core.frames import (
    MODEL_OUT_HZ,
    AgentTranscribed,
    AnswerTool,
    BeginCallerTurn,
    Buffer,
    CallerTranscribed,
    EndCallerTurn,
    GenerationComplete,
    GoingAway,
    LegCommand,
    Loss,
    ModelAudio,
    ModelEvent,
    ModelInterrupted,
    ModelReady,
    ModelSetup,
    ResumeHandle,
    SayToModel,
    StopModel,
    TellModel,
    ToolAsked,
    ToolDeclaration,
    ToolsCancelled,
    TurnComplete,
    TurnDetection,
    UsageReported,
    WireError,
)
from bridge.wire import gemini_usage

DEFAULT_URL = "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
_VERTEX_PATH = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
_MULTI_REGIONS = ("us", "eu")

# Detection of the caller's speech, all four set because the platforms' defaults differ: telephone speech is soft (start: high), and a
# pause of 600 ms inside a sentence is normal (end: low).
_ACTIVITY_DETECTION = {
    "disabled": False,
    "startOfSpeechSensitivity": "START_SENSITIVITY_HIGH",
    "endOfSpeechSensitivity": "END_SENSITIVITY_LOW",
    "prefixPaddingMs": 100,
    "silenceDurationMs": 600,
}
# Every turn bills the whole context again, so it is kept short; the system instruction survives compression.
_COMPRESSION = {"triggerTokens": 16_000, "slidingWindow": {"targetTokens": 8_000}}

_AUDIO_HEAD = b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":'
_AUDIO_TAIL = b"}}}"
_quoted_base64 = msgspec.json.Encoder().encode  # of bytes; measured: 0.85 us with the join, 1.13 with binascii


_GENERATED = (ModelAudio, ToolAsked)
_POISONED = (1007, 1008)
_HOPELESS = (401, 403, 404)


class GeminiLive:
    """The codec of one connection; see bridge.wire.leg.LegCodec."""

    def __init__(self, vertex_parent: str = "") -> None:
        """`vertex_parent`: `projects/<project>/locations/<location>`, or "" at the Developer API."""
        self.outbox: list[bytes] = []
        self._vertex_parent = vertex_parent
        self._billed: UsageReported | None = None  # the latest report, while nothing was generated after it

    def open(self, setup: ModelSetup) -> None:
        self.outbox.append(encode_setup(setup, self._vertex_parent))

    def receive(self, payload: Buffer) -> list[ModelEvent]:
        events = decode(payload)
        last = events[-1] if events else None
        if type(last) is UsageReported:
            self._count_once(last, events)
        elif self._billed is not None and any(type(event) in _GENERATED for event in events):
            self._billed = None
        return events

    def _count_once(self, report: UsageReported, events: list[ModelEvent]) -> None:
        """A report may come in a message of its own and once more with the turn's end: the same figures with nothing generated in between
        are the same report. Figures that differ within one turn cannot be told from those of two generations (a tool's call and the answer
        after it bill the context twice), and a resumed session may repeat one of its predecessor's: all of those are counted."""
        if report == self._billed and not any(type(event) in _GENERATED for event in events):
            events.pop()
        self._billed = report

    @staticmethod
    def audio(frame: Buffer) -> bytes:
        return b"".join((_AUDIO_HEAD, _quoted_base64(frame), _AUDIO_TAIL))

    def obey(self, command: LegCommand) -> None:
        match command:
            case SayToModel(text):
                self.outbox.append(encode_text(text))
            case TellModel(text):
                self.outbox.append(encode_context(text))
            case AnswerTool():
                self.outbox.append(encode_tool_answer(command))
            case BeginCallerTurn():
                self.outbox.append(_dump({"realtimeInput": {"activityStart": {}}}))
            case EndCallerTurn():
                self.outbox.append(_dump({"realtimeInput": {"activityEnd": {}}}))
            case StopModel():
                pass  # there is no such message: the service stops when it hears the caller itself

    def loss(self, code: int, reason: str) -> Loss:
        if code in _POISONED:
            return Loss.STATE
        if code in _HOPELESS:
            return Loss.REFUSED
        if code == 429 or "quota" in reason.lower() or "RESOURCE_EXHAUSTED" in reason:
            return Loss.OVERLOADED
        return Loss.NETWORK


# --- client → server -------------------------------------------------------------------------------------------------------


def vertex_url(location: str) -> str:
    """Where Vertex answers for a location: a region such as `us-central1`, a multi-region (`us`, `eu`) or `global`."""
    if location == "global":
        host = "aiplatform.googleapis.com"
    elif location in _MULTI_REGIONS:
        host = f"aiplatform.{location}.rep.googleapis.com"
    else:
        host = f"{location}-aiplatform.googleapis.com"
    return f"wss://{host}{_VERTEX_PATH}"


def model_path(model: str, vertex_parent: str = "") -> str:
    """The full name of a model; one that is already full stays as it is."""
    if not vertex_parent:
        return model if model.startswith("models/") else f"models/{model}"
    return model if model.startswith("projects/") else f"{vertex_parent}/publishers/google/models/{model}"


def encode_setup(setup: ModelSetup, vertex_parent: str = "") -> bytes:
    """The first message of a connection. Every field in it is one that both platforms take."""
    generation: dict[str, Any] = {"responseModalities": ["AUDIO"]}
    if setup.voice:
        generation["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": setup.voice}}}
    body: dict[str, Any] = {
        "model": model_path(setup.model, vertex_parent),
        "generationConfig": generation,
        "realtimeInputConfig": {
            "automaticActivityDetection": _ACTIVITY_DETECTION
            if setup.turn_detection is TurnDetection.MODEL
            else {"disabled": True},
            "activityHandling": "START_OF_ACTIVITY_INTERRUPTS",
        },
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
        "contextWindowCompression": _COMPRESSION,
        # An explicit null handle is refused by the service with 1007, so a first connection names none.
        "sessionResumption": {"handle": setup.resume_handle} if setup.resume_handle else {},
    }
    if setup.instructions:
        body["systemInstruction"] = {"role": "user", "parts": [{"text": setup.instructions}]}
    if setup.tools:
        body["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in setup.tools]}]
    return _dump({"setup": body})


def _declaration(tool: ToolDeclaration) -> dict[str, Any]:
    # BLOCKING: the model waits for the answer before it speaks on. From 3.8 on the default is the other one.
    declaration: dict[str, Any] = {"name": tool.name, "description": tool.description, "behavior": "BLOCKING"}
    if tool.parameters.get("properties"):
        declaration["parameters"] = _schema(tool.parameters)
    return declaration


_SCHEMA_KEYS = (
    "description",
    "enum",
    "format",
    "nullable",
    "required",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
)


def _schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """JSON schema → the service's OpenAPI subset: type names in capitals, and no keyword that it would refuse with 1007."""
    converted: dict[str, Any] = {key: schema[key] for key in _SCHEMA_KEYS if key in schema}
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kinds = [kind] if isinstance(kind, str) else list(kind)
    if "null" in kinds:
        converted["nullable"] = True
    converted["type"] = next((item for item in kinds if item != "null"), "string").upper()
    if "properties" in schema:
        converted["properties"] = {name: _schema(member) for name, member in schema["properties"].items()}
    if "items" in schema:
        converted["items"] = _schema(schema["items"])
    return converted


encode_audio = GeminiLive.audio  # one piece of caller audio, PCM16 at 16 kHz


def encode_text(text: str) -> bytes:
    """Text that the model acts on at once."""
    return _dump({"realtimeInput": {"text": text}})


def encode_context(text: str) -> bytes:
    """Text that the model knows from now on, without a reply to it."""
    return _dump({"clientContent": {"turns": [{"role": "user", "parts": [{"text": text}]}], "turnComplete": False}})


def encode_tool_answer(answer: AnswerTool) -> bytes:
    response = {"id": answer.tool_call_id, "name": answer.name, "response": dict(answer.payload)}
    return _dump({"toolResponse": {"functionResponses": [response]}})


def _dump(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


# --- server → client -------------------------------------------------------------------------------------------------------


class _Blob(msgspec.Struct):
    mimeType: str = "audio/pcm"
    data: bytes = b""  # msgspec decodes the base64 itself


class _Part(msgspec.Struct):
    inlineData: _Blob | None = None
    thought: bool | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Transcription(msgspec.Struct):
    text: str | None = None
    finished: bool | None = None


class _ServerContent(msgspec.Struct):
    modelTurn: _Content | None = None
    generationComplete: bool | None = None
    turnComplete: bool | None = None
    interrupted: bool | None = None
    inputTranscription: _Transcription | None = None
    outputTranscription: _Transcription | None = None


class _FunctionCall(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    args: dict[str, Any] | None = None


class _ToolCall(msgspec.Struct):
    functionCalls: list[_FunctionCall] | None = None


class _Cancellation(msgspec.Struct):
    ids: list[str] | None = None


class _GoAway(msgspec.Struct):
    timeLeft: str | None = None


class _Resumption(msgspec.Struct):
    newHandle: str | None = None
    resumable: bool | None = None


class _Message(msgspec.Struct):
    setupComplete: dict[str, Any] | None = None
    serverContent: _ServerContent | None = None
    toolCall: _ToolCall | None = None
    toolCallCancellation: _Cancellation | None = None
    goAway: _GoAway | None = None
    sessionResumptionUpdate: _Resumption | None = None
    usageMetadata: Any = None  # a count that is none must not cost the turn that it comes with


_decode = msgspec.json.Decoder(_Message).decode
_URL_SAFE = str.maketrans("-_", "+/")


def decode(payload: Buffer) -> list[ModelEvent]:
    """The events in one server message, in the order in which they take effect. Raises WireError."""
    try:
        message = _decode(payload)
    except msgspec.ValidationError:
        message = _decode_leniently(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WireError("message_not_json") from None
    return list(_events(message))


def _decode_leniently(payload: Buffer) -> _Message:
    """Base64 in the URL-safe alphabet, which the fast path does not know; anything else stays refused."""
    try:
        value = json.loads(bytes(payload))
        for part in _parts(value):
            blob = part.get("inlineData")
            if isinstance(blob, dict) and isinstance(blob.get("data"), str):
                text = blob["data"].translate(_URL_SAFE).rstrip("=")
                blob["data"] = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        return msgspec.convert(value, _Message)
    except (msgspec.ValidationError, BinasciiError, ValueError, RecursionError):
        raise WireError("message_of_unknown_shape") from None


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    content = value.get("serverContent") if isinstance(value, dict) else None
    turn = content.get("modelTurn") if isinstance(content, dict) else None
    parts = turn.get("parts") if isinstance(turn, dict) else None
    yield from (part for part in parts or () if isinstance(part, dict))


def _events(message: _Message) -> Iterator[ModelEvent]:
    if message.setupComplete is not None:
        yield ModelReady()
    resumption = message.sessionResumptionUpdate
    if resumption is not None and resumption.resumable and resumption.newHandle:
        yield ResumeHandle(resumption.newHandle)
    if message.serverContent is not None:
        yield from _content(message.serverContent)
    if message.toolCall is not None:
        yield from _tool_calls(message.toolCall)
    if message.toolCallCancellation is not None and message.toolCallCancellation.ids:
        yield ToolsCancelled(tuple(message.toolCallCancellation.ids))
    if message.goAway is not None:
        yield GoingAway(_duration_ms(message.goAway.timeLeft or "0s"))
    if message.usageMetadata is not None:
        yield gemini_usage.read(message.usageMetadata)


def _content(content: _ServerContent) -> Iterator[ModelEvent]:
    heard, said = content.inputTranscription, content.outputTranscription
    if heard is not None and (heard.text or heard.finished):
        yield CallerTranscribed(heard.text or "", bool(heard.finished))
    if said is not None and said.text:
        yield AgentTranscribed(said.text)
    if content.modelTurn is not None:
        for part in content.modelTurn.parts or ():
            blob = part.inlineData
            if blob is not None and blob.data and not part.thought:
                yield ModelAudio(_whole_samples(blob.data), _rate_hz(blob.mimeType))
    if content.interrupted:
        yield ModelInterrupted()
    if content.generationComplete:
        yield GenerationComplete()
    if content.turnComplete:
        yield TurnComplete()


def _whole_samples(pcm: bytes) -> bytes:
    if len(pcm) % 2:
        raise WireError("audio_holds_half_a_sample")
    return pcm


def _rate_hz(mime_type: str) -> int:
    if mime_type in ("audio/pcm;rate=24000", "audio/pcm"):
        return MODEL_OUT_HZ
    kind, _, parameter = mime_type.replace(" ", "").partition(";")
    if kind != "audio/pcm" or parameter not in ("rate=8000", "rate=16000"):
        raise WireError("audio_of_unknown_type")
    return int(parameter.removeprefix("rate="))


def _tool_calls(call: _ToolCall) -> Iterator[ModelEvent]:
    for function in call.functionCalls or ():
        if not function.id or not function.name:
            raise WireError("tool_call_without_id")
        yield ToolAsked(function.id, function.name, function.args or {})


def _duration_ms(text: str) -> int:
    """A protobuf Duration in JSON: seconds with a fraction and an `s`."""
    try:
        return max(0, int(float(text.removesuffix("s")) * 1000))
    except (ValueError, OverflowError):
        raise WireError("duration_malformed") from None
