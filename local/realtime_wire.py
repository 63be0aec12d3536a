"""OpenAI's Realtime wire as its server reads it: client events, the session they configure, and the ways other servers differ.

GA shapes, strictly: what the service refuses is refused here, by the same code where it is known.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

MAX_APPEND_BYTES = 15 * 1024 * 1024
VOICES = frozenset(["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"])
CLIENT_EVENTS = frozenset(
    [
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "conversation.item.create",
        "conversation.item.delete",
        "conversation.item.retrieve",
        "conversation.item.truncate",
        "response.create",
        "response.cancel",
    ]
)
_GA_FIELDS = frozenset(
    [
        "type",
        "model",
        "output_modalities",
        "instructions",
        "audio",
        "tools",
        "tool_choice",
        "max_output_tokens",
        "truncation",
        "tracing",
        "reasoning",
        "parallel_tool_calls",
        "prompt",
        "include",
    ]
)
_BETA_FIELDS = frozenset(
    [
        "modalities",
        "model",
        "instructions",
        "voice",
        "input_audio_format",
        "output_audio_format",
        "input_audio_transcription",
        "turn_detection",
        "tools",
        "tool_choice",
        "temperature",
        "max_response_output_tokens",
    ]
)
TO_BETA: Mapping[str, str] = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}


class Refused(Exception):
    """One client event is not carried out; the session goes on. The fields are those of the wire's error."""

    def __init__(self, code: str, message: str, param: str | None = None, kind: str = "invalid_request_error") -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.param, self.kind = code, message, param, kind


@dataclass(frozen=True, slots=True)
class ServerDialect:
    """How a server differs from OpenAI's. rates: the PCM rates it takes; default_hz: what it means where no rate is given."""

    name: str
    rates: tuple[int, ...] = (24_000,)
    default_hz: int | None = None  # None: a rate must be given
    has_g711: bool = False
    is_beta: bool = False
    confirms: bool = True  # answers session.update
    acknowledges: bool = True  # sends what only repeats the client's own events, and item bookkeeping
    has_voices: bool = False


SERVER_DIALECTS: Mapping[str, ServerDialect] = {
    dialect.name: dialect
    for dialect in (
        ServerDialect("openai", has_g711=True, has_voices=True),
        ServerDialect("hf-s2s", (8_000, 16_000, 24_000, 48_000), 16_000, confirms=False, acknowledges=False),
        ServerDialect("localai", (8_000, 16_000, 24_000, 48_000), 24_000),
        ServerDialect("speaches", (24_000,), 24_000, is_beta=True),
    )
}
BOOKKEEPING = frozenset(
    [
        "input_audio_buffer.committed",
        "input_audio_buffer.cleared",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.truncated",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "rate_limits.updated",
    ]
)


def new_session(model: str) -> dict[str, Any]:
    """What a session is until its client says otherwise."""
    pcm = {"type": "audio/pcm", "rate": 24_000}
    return {
        "type": "realtime",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "You are a helpful assistant.",
        "audio": {
            "input": {
                "format": dict(pcm),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": _with_defaults({"type": "server_vad"}),
            },
            "output": {"format": dict(pcm), "voice": "marin", "speed": 1.0},
        },
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "truncation": "auto",
        "tracing": None,
    }


def _with_defaults(detection: Mapping[str, Any]) -> dict[str, Any]:
    if detection.get("type") == "semantic_vad":
        defaults: dict[str, Any] = {"eagerness": "auto"}
    elif detection.get("type") == "server_vad":
        defaults = {"threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}
    else:
        raise Refused("invalid_value", "Unknown turn detection.", "session.audio.input.turn_detection.type")
    return {**defaults, "create_response": True, "interrupt_response": True, **detection}


def updated(session: Mapping[str, Any], update: Any, dialect: ServerDialect) -> dict[str, Any]:
    """The session after a session.update: fields that are not named stay. Raises Refused, and then nothing has changed."""
    if not isinstance(update, Mapping):
        raise Refused("missing_required_parameter", "Missing required parameter: 'session'.", "session")
    changed = deepcopy(dict(session))
    if dialect.is_beta:
        return _updated_by_beta(changed, update)
    if "type" not in update:
        raise Refused("missing_required_parameter", "Missing required parameter: 'session.type'.", "session.type")
    if update["type"] != "realtime":
        raise Refused("invalid_value", "Only realtime sessions are simulated.", "session.type")
    _no_unknown(update, _GA_FIELDS, "session")
    if "model" in update and update["model"] != session["model"]:
        raise Refused("invalid_value", "The model of a session can't be changed.", "session.model")
    if update.get("output_modalities", ["audio"]) not in (["audio"], ["text"]):
        raise Refused("invalid_value", "Exactly one modality is spoken.", "session.output_modalities")
    for name in _GA_FIELDS - {"audio", "model", "tools"}:
        if name in update:
            changed[name] = update[name]
    if "tools" in update:
        changed["tools"] = _tools(update["tools"])
    changed["audio"] = _audio(changed["audio"], update.get("audio") or {}, dialect)
    return changed


def _audio(audio: dict[str, Any], update: Mapping[str, Any], dialect: ServerDialect) -> dict[str, Any]:
    _no_unknown(update, frozenset(["input", "output"]), "session.audio")
    heard, spoken = update.get("input") or {}, update.get("output") or {}
    _no_unknown(heard, frozenset(audio["input"]), "session.audio.input")
    _no_unknown(spoken, frozenset(audio["output"]), "session.audio.output")
    if (detection := heard.get("turn_detection")) is not None:
        heard = {**heard, "turn_detection": _with_defaults(detection)}
    for side, values in (("input", heard), ("output", spoken)):
        if "format" in values:
            audio[side]["format"] = _format(values["format"], f"session.audio.{side}.format", dialect)
        audio[side] |= {name: value for name, value in values.items() if name != "format"}
    voice = audio["output"]["voice"]
    if dialect.has_voices and not (voice in VOICES if isinstance(voice, str) else isinstance(voice, Mapping)):
        raise Refused("invalid_value", f"Unknown voice {voice!r}.", "session.audio.output.voice")
    return audio


def _format(value: Any, param: str, dialect: ServerDialect) -> dict[str, Any]:
    kind = value.get("type") if isinstance(value, Mapping) else None
    if kind in ("audio/pcmu", "audio/pcma") and dialect.has_g711:
        _no_unknown(value, frozenset(["type"]), param)
        return dict(value)
    if kind != "audio/pcm":
        raise Refused("invalid_value", f"Unsupported audio format {kind!r}.", f"{param}.type")
    rate = value.get("rate", dialect.default_hz)
    if rate is None:
        raise Refused("missing_required_parameter", f"Missing required parameter: '{param}.rate'.", f"{param}.rate")
    if rate not in dialect.rates:
        raise Refused("invalid_value", f"Unsupported rate {rate}.", f"{param}.rate")
    return {"type": kind, "rate": rate}


def _updated_by_beta(session: dict[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Kept in the GA shape inside. The server of that shape that is simulated refuses to be told its formats."""
    _no_unknown(update, _BETA_FIELDS, "session")
    for name in ("input_audio_format", "output_audio_format"):
        if name in update:
            raise Refused("", f"Specifying `session.{name}` is not supported.")
    for name in ("instructions", "tool_choice"):
        if name in update:
            session[name] = update[name]
    if "tools" in update:
        session["tools"] = _tools(update["tools"])
    if "turn_detection" in update:
        detection = update["turn_detection"]
        if detection is not None and "prefix_padding_ms" in detection:
            raise Refused("", "Specifying `session.turn_detection.prefix_padding_ms` is not supported.")
        session["audio"]["input"]["turn_detection"] = _with_defaults(detection) if detection is not None else None
    return session


def _tools(tools: Any) -> list[dict[str, Any]]:
    if not isinstance(tools, list):
        raise Refused("invalid_type", "Tools are an array.", "session.tools")
    for index, tool in enumerate(tools):
        if tool.get("type") != "function" or not isinstance(tool.get("name"), str):
            raise Refused("missing_required_parameter", "A tool has a type and a name.", f"session.tools[{index}]")
        _no_unknown(tool, frozenset(["type", "name", "description", "parameters"]), f"session.tools[{index}]")
    return deepcopy(tools)


def _no_unknown(value: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    for name in value:
        if name not in known:
            raise Refused("unknown_parameter", f"Unknown parameter: '{where}.{name}'.", f"{where}.{name}")


def read_event(message: Any) -> Mapping[str, Any]:
    """A client event whose type is known. Raises Refused."""
    if not isinstance(message, Mapping):
        raise Refused("invalid_event", "An event is an object.")
    kind = message.get("type")
    if kind is None:
        raise Refused("missing_required_parameter", "Missing required parameter: 'type'.", "type")
    if kind not in CLIENT_EVENTS:
        raise Refused("invalid_value", f"Invalid value: {kind!r}.", "type")
    return message


def read_audio(event: Mapping[str, Any]) -> bytes:
    """The bytes of an append, in the session's input format. Raises Refused."""
    text = event.get("audio")
    if not isinstance(text, str):
        raise Refused("missing_required_parameter", "Missing required parameter: 'audio'.", "audio")
    try:
        audio = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused("invalid_value", "Audio is not base64.", "audio") from None
    if len(audio) > MAX_APPEND_BYTES:
        raise Refused("invalid_value", "Too much audio at once.", "audio")
    return audio


def read_item(event: Mapping[str, Any]) -> dict[str, Any]:
    """The item of a conversation.item.create. Raises Refused."""
    item = event.get("item")
    if not isinstance(item, Mapping):
        raise Refused("missing_required_parameter", "Missing required parameter: 'item'.", "item")
    if len(str(item.get("id", ""))) > 32:
        raise Refused("string_above_max_length", "An item's id has at most 32 characters.", "item.id")
    match item.get("type"):
        case "message":
            _check_message(item)
        case "function_call_output":
            if not isinstance(item.get("call_id"), str) or not isinstance(item.get("output"), str):
                raise Refused("missing_required_parameter", "An output names its call.", "item.call_id")
        case other:
            raise Refused("invalid_value", f"Items of type {other!r} are not simulated.", "item.type")
    return dict(item)


def _check_message(item: Mapping[str, Any]) -> None:
    allowed = {"user": ("input_text", "input_audio"), "system": ("input_text",), "assistant": ("output_text",)}
    kinds = allowed.get(str(item.get("role")))
    if kinds is None:
        raise Refused("invalid_value", "Unknown role.", "item.role")
    for index, part in enumerate(item.get("content") or []):
        if part.get("type") not in kinds:
            raise Refused("invalid_value", "A part of the wrong type for its role.", f"item.content[{index}].type")


def text_of(item: Mapping[str, Any]) -> str:
    return " ".join(str(part["text"]) for part in item.get("content") or [] if part.get("text")).strip()
