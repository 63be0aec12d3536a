"""Messages of OpenAI's Realtime wire, one JSON object each: server events read with as little as they need, client events written."""

from __future__ import annotations

import json
from binascii import Error as BinasciiError
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import Any

import msgspec

from bridge.core.frames import Buffer, WireError

_AUDIO_HEAD = b'{"type":"input_audio_buffer.append","audio":"'
_AUDIO_TAIL = b'"}'
_ABSENT = msgspec.Raw(b"null")


class ServerEvent(msgspec.Struct):
    """The fields of all events together. What an event type does not use may hold anything, so that new types cannot break old ones."""

    type: Any = None
    response_id: Any = None
    item_id: Any = None
    call_id: Any = None
    name: Any = None
    arguments: Any = None
    delta: Any = None
    transcript: Any = None
    usage: Any = None
    session: msgspec.Raw = _ABSENT
    item: msgspec.Raw = _ABSENT
    response: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(ServerEvent).decode
_decode_any = msgspec.json.Decoder().decode


def read(payload: Buffer) -> ServerEvent:
    """Raises WireError for what is no event."""
    try:
        event = _decode(payload)
    except msgspec.ValidationError:
        raise WireError("message_of_unknown_shape") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WireError("message_not_json") from None
    if not isinstance(event.type, str):
        raise WireError("message_of_unknown_shape")
    return event


def an_object(raw: msgspec.Raw) -> dict[str, Any]:
    """A nested object; {} where it is missing or null. Raises WireError for anything else."""
    try:
        value = _decode_any(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WireError("message_not_json") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WireError("message_of_unknown_shape")
    return value


def text(value: Any) -> str:
    """A string field; "" where it is missing. Raises WireError for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WireError("message_of_unknown_shape")
    return value


def arguments_of(value: Any) -> dict[str, Any]:
    """A function call's arguments: JSON in a string, an object by the protocol. Raises WireError."""
    try:
        arguments = json.loads(text(value) or "{}")
    except (ValueError, RecursionError):
        raise WireError("arguments_not_json") from None
    if not isinstance(arguments, dict):
        raise WireError("arguments_not_json")
    return arguments


def audio_of(delta: Any) -> bytes:
    """The bytes of an audio delta. Raises WireError."""
    try:
        return a2b_base64(text(delta), strict_mode=True)
    except (BinasciiError, ValueError):
        raise WireError("audio_not_base64") from None


def write(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def append(audio: Buffer) -> bytes:
    """Caller audio in the session's input format. The only message without an id: it is never answered, and there are fifty a second."""
    return _AUDIO_HEAD + b2a_base64(audio, newline=False) + _AUDIO_TAIL


def message_item(item_id: str, role: str, words: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": words}]
    return {"id": item_id, "type": "message", "role": role, "content": content}


def answer_item(item_id: str, call_id: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    output = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return {"id": item_id, "type": "function_call_output", "call_id": call_id, "output": output}
