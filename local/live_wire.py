"""Client messages of the Gemini Live wire, read the way Google reads protobuf JSON.

Both spellings of every key are accepted (`realtime_input`, `realtimeInput`), and both base64 alphabets: the official SDK sends
URL-safe base64, which Python's default decoder would silently shorten.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_INPUT_RATE_HZ = 16_000
_STANDARD_ALPHABET = str.maketrans("-_", "+/")
# Below these keys stand names that the user chose, or opaque JSON: they keep their spelling.
_OPAQUE_KEYS = frozenset({"args", "response", "labels", "parametersJsonSchema", "responseJsonSchema"})
_NAMED_MEMBERS = frozenset({"properties", "defs"})


class BadMessage(ValueError):
    """The client sent something that is not a Live message; the server closes with 1007."""


@dataclass(frozen=True, slots=True)
class AudioIn:
    """pcm: little-endian int16, mono, at rate_hz."""

    pcm: bytes
    rate_hz: int


@dataclass(frozen=True, slots=True)
class AudioStreamEnd:
    """The client's microphone went off; what was heard so far is complete."""


@dataclass(frozen=True, slots=True)
class TextIn:
    text: str


@dataclass(frozen=True, slots=True)
class ContentIn:
    """`turns` are Content objects, {"role", "parts": [{"text"}, …]}; `complete`: the model shall answer now."""

    turns: tuple[dict[str, Any], ...]
    complete: bool

    @property
    def text(self) -> str:
        """Text of the latest user turn, "" without one."""
        for turn in reversed(self.turns):
            if turn.get("role", "user") == "user":
                return " ".join(part["text"] for part in turn.get("parts", ()) if "text" in part).strip()
        return ""


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """FunctionResponse objects: {"id", "name", "response", …}."""

    responses: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ActivityStart:
    """The client detects speech itself: the caller began to speak."""


@dataclass(frozen=True, slots=True)
class ActivityEnd:
    """The caller's turn is over."""


@dataclass(frozen=True, slots=True)
class ContextUpdate:
    """New system instruction and/or tools in the middle of a session, as sent (camelCase)."""

    update: dict[str, Any]


ClientEvent = AudioIn | AudioStreamEnd | TextIn | ContentIn | ToolAnswer | ActivityStart | ActivityEnd | ContextUpdate


def decode_base64(text: str) -> bytes:
    """Bit-exact for both alphabets, padded or not. Raises BadMessage on anything else."""
    standard = text.translate(_STANDARD_ALPHABET).rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except ValueError as error:  # binascii.Error is one
        raise BadMessage(f"audio is not base64: {error}") from error


def camel(key: str) -> str:
    """`realtime_input` → `realtimeInput`; camelCase and names with a leading underscore stay."""
    first, *rest = key.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest) if first else key


def normalised(value: Any, *, names_are_free: bool = False) -> Any:
    """A copy with camelCase keys, except where a key is a name the user chose (schema properties, arguments)."""
    if isinstance(value, list):
        return [normalised(member) for member in value]
    if not isinstance(value, Mapping):
        return value
    copy = {}
    for key, member in value.items():
        name = key if names_are_free else camel(key)
        if not names_are_free and name in _OPAQUE_KEYS:
            copy[name] = member
        else:
            copy[name] = normalised(member, names_are_free=name in _NAMED_MEMBERS and not names_are_free)
    return copy


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadMessage(f"{what} must be an object")
    return value


def parse_setup(message: Any) -> dict[str, Any]:
    """The `setup` object, normalised. Raises BadMessage when the message is anything else."""
    setup = _mapping(message, "message").get("setup")
    copy: dict[str, Any] = normalised(_mapping(setup, "the first message's setup"))
    if not isinstance(copy.get("model"), str):
        raise BadMessage("setup.model is missing")
    if "handle" in (copy.get("sessionResumption") or {}) and not isinstance(copy["sessionResumption"]["handle"], str):
        raise BadMessage("setup.sessionResumption.handle must be a string")  # an explicit null is refused by Google too
    return copy


def parse_message(message: Any) -> Iterator[ClientEvent]:
    """What one client message after the setup asks for, in order. Raises BadMessage on an unknown message."""
    known = False
    for key, value in _mapping(message, "message").items():
        reader = _READERS.get(camel(key))
        if reader is None:
            raise BadMessage(f"unknown message {key!r}")
        known = True
        yield from reader(_mapping(value, key))
    if not known:
        raise BadMessage("empty message")


def _audio(blob: Any) -> AudioIn:
    blob = _mapping(blob, "audio")
    mime_type = str(blob.get("mimeType", blob.get("mime_type", "audio/pcm")))
    kind, _, parameters = mime_type.partition(";")
    if kind.strip() != "audio/pcm":
        raise BadMessage(f"unsupported input {mime_type!r}")
    rate = dict(part.strip().partition("=")[::2] for part in parameters.split(";") if part).get("rate")
    if rate is not None and not (rate.isdecimal() and 4_000 <= int(rate) <= 96_000):
        raise BadMessage(f"unsupported rate in {mime_type!r}")
    pcm = decode_base64(str(blob.get("data", "")))
    if len(pcm) % 2:
        raise BadMessage("audio holds half a sample")
    return AudioIn(pcm, int(rate) if rate else DEFAULT_INPUT_RATE_HZ)


def _read_realtime_input(value: Mapping[str, Any]) -> Iterator[ClientEvent]:
    for key, member in value.items():
        match camel(key):
            case "audio":
                yield _audio(member)
            case "mediaChunks":
                yield from (_audio(blob) for blob in member)
            case "text":
                yield TextIn(str(member))
            case "audioStreamEnd":
                if member:
                    yield AudioStreamEnd()
            case "activityStart":
                yield ActivityStart()
            case "activityEnd":
                yield ActivityEnd()
            case "video":
                pass  # accepted and unseen: this wire carries phone calls
            case other:
                raise BadMessage(f"unknown realtimeInput.{other}")


def _read_client_content(value: Mapping[str, Any]) -> Iterator[ClientEvent]:
    content = normalised(value)
    yield ContentIn(tuple(content.get("turns") or ()), bool(content.get("turnComplete", False)))


def _read_tool_response(value: Mapping[str, Any]) -> Iterator[ClientEvent]:
    answer = normalised(value)
    responses = tuple(answer.get("functionResponses") or ())
    if any(not response.get("id") for response in responses):
        raise BadMessage("every function response needs the id of its call")
    yield ToolAnswer(responses)


def _read_context_update(value: Mapping[str, Any]) -> Iterator[ClientEvent]:
    yield ContextUpdate(normalised(value))


_READERS = {
    "realtimeInput": _read_realtime_input,
    "clientContent": _read_client_content,
    "toolResponse": _read_tool_response,
    "contextUpdate": _read_context_update,
}
