"""The answer of a voice URL, read the way the switch reads it: XML or the JSON action list → verbs.

This is a reader of its own on purpose: it shares nothing with the product's writer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

MAX_ACTIONS = 50
_OUTPUT_RATES = (8000, 16000)
_TRACKS = ("inbound_track", "outbound_track", "both_tracks")


class DocumentError(Exception):
    """The switch cannot use this answer. The text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Say:
    text: str
    voice: str = ""
    language: str = ""
    loop: int = 0


@dataclass(frozen=True, slots=True)
class Play:
    url: str
    loop: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    url: str
    connect: bool = False
    track: str = "inbound_track"
    output_rate_hz: int = 8000
    bidirectional_rate_hz: int | None = None
    """None: nothing the server sends is played."""
    name: str = ""
    status_callback: str = ""
    status_events: tuple[str, ...] = ()
    open_metadata: str | None = None
    header_metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Dial:
    numbers: tuple[str, ...]
    caller_id: str = ""
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Hangup:
    pass


@dataclass(frozen=True, slots=True)
class Reject:
    reason: str = "rejected"


@dataclass(frozen=True, slots=True)
class Redirect:
    url: str
    method: str = "POST"


Verb = Say | Play | Stream | Dial | Hangup | Reject | Redirect
Document = tuple[Verb, ...]
Fields = Mapping[str, Any]


def parse_document(body: bytes, content_type: str) -> Document:
    """The verbs of one answer, in order; an empty document has none. Raises DocumentError."""
    if "json" in content_type.lower() or (not content_type and body.lstrip()[:1] == b"{"):
        return _parse_json(body)
    return _parse_xml(body)


def _parse_xml(body: bytes) -> Document:
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DocumentError(f"not well-formed XML: {error}") from error
    if root.tag != "Response":
        raise DocumentError(f"root element is <{root.tag}>, expected <Response>")
    verbs: list[Verb] = []
    for element in root:
        if element.tag == "Connect":  # a wrapper of other platforms: it forks the audio but does not hold the leg
            verbs += [_stream({**child.attrib, "connect": "false"}) for child in element if child.tag == "Stream"]
        else:
            verbs.append(_verb(element.tag.lower(), _xml_fields(element)))
    return tuple(verbs)


def _xml_fields(element: ElementTree.Element) -> dict[str, Any]:
    text = "".join(element.itertext()).strip()
    fields: dict[str, Any] = dict(element.attrib)
    match element.tag:
        case "Say":
            fields["text"] = text
        case "Play" | "Redirect":
            fields.setdefault("url", text)
        case "Dial":
            listed = [(child.text or "").strip() for child in element if child.tag == "Number"]
            spelled = str(fields.get("phoneNumbers", "")) or text
            fields["numbers"] = listed or [number.strip() for number in spelled.split(",") if number.strip()]
    return fields


def _parse_json(body: bytes) -> Document:
    try:
        actions = json.loads(body)["actions"]
    except (ValueError, KeyError, TypeError) as error:
        raise DocumentError(f"not a JSON action list: {error}") from error
    if not isinstance(actions, list) or len(actions) > MAX_ACTIONS:
        raise DocumentError(f"actions must be a list of at most {MAX_ACTIONS}")
    verbs: list[Verb] = []
    for action in actions:
        if not isinstance(action, dict) or len(action) != 1:
            raise DocumentError(f"one verb per action, got {action!r}")
        ((name, fields),) = action.items()
        if not isinstance(fields, dict):
            raise DocumentError(f"{name} needs an object, got {fields!r}")
        verbs.append(_verb(str(name).lower(), _json_fields(str(name).lower(), fields)))
    return tuple(verbs)


def _json_fields(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    if name == "dial":
        given = [key for key in ("number", "numbers", "sip") if fields.get(key)]
        if len(given) != 1:
            raise DocumentError("ErrDialTargetXOR: exactly one of number, numbers and sip")
        return {**fields, "numbers": fields[given[0]] if given[0] == "numbers" else [fields[given[0]]]}
    return fields


def _verb(name: str, fields: Fields) -> Verb:
    reader = _READERS.get(name)
    if reader is None:
        raise DocumentError(f"verb {name!r} is not one that this carrier executes")
    return reader(fields)


def _required(fields: Fields, key: str) -> str:
    value = str(fields.get(key) or "")
    if not value:
        raise DocumentError(f"{key} is required")
    return value


def _int(fields: Fields, key: str) -> int | None:
    value = fields.get(key)
    if value is None or value == "":
        return None
    try:
        return int(str(value))
    except ValueError:
        raise DocumentError(f"{key} must be a number, got {value!r}") from None


def _stream(fields: Fields) -> Stream:
    url = _required(fields, "url")
    if not url.startswith(("ws://", "wss://")):
        raise DocumentError(f"url must be ws:// or wss://, got {url!r}")
    track = str(fields.get("track") or "inbound_track")
    if track not in _TRACKS:
        raise DocumentError(f"track must be one of {', '.join(_TRACKS)}, got {track!r}")
    output_rate_hz = _int(fields, "outputSamplingRate") or 8000
    if output_rate_hz not in _OUTPUT_RATES:
        raise DocumentError(f"outputSamplingRate must be 8000 or 16000, got {output_rate_hz}")
    back_rate_hz = _int(fields, "bidirectionalSamplingRate")
    if back_rate_hz is not None and (back_rate_hz % 8000 or not 8000 <= back_rate_hz <= 64000):
        raise DocumentError(f"bidirectionalSamplingRate must be a multiple of 8000 up to 64000, got {back_rate_hz}")
    open_metadata = fields.get("openMetadata")
    return Stream(
        url=url,
        connect=str(fields.get("connect", "")).lower() == "true",
        track=track,
        output_rate_hz=output_rate_hz,
        bidirectional_rate_hz=back_rate_hz,
        name=str(fields.get("name") or ""),
        status_callback=str(fields.get("statusCallback") or ""),
        status_events=tuple(str(fields.get("statusEvents") or "").split()),
        open_metadata=None if open_metadata is None else str(open_metadata),
        header_metadata=_header_metadata(fields.get("headerMetadata")),
    )


def _header_metadata(value: object) -> Mapping[str, str] | None:
    if value is None or value == "":
        return None
    try:
        headers = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        headers = None
    if not isinstance(headers, dict):
        raise DocumentError("headerMetadata must be a string that holds a JSON object")
    return {str(key): str(item) for key, item in headers.items()}


def _say(fields: Fields) -> Say:
    voice, language = str(fields.get("voice") or ""), str(fields.get("language") or "")
    return Say(_required(fields, "text"), voice, language, _int(fields, "loop") or 0)


def _dial(fields: Fields) -> Dial:
    numbers = tuple(str(number) for number in fields.get("numbers") or ())
    if not numbers:
        raise DocumentError("ErrDialTargetXOR: a Dial without a number")
    return Dial(numbers, str(fields.get("callerId") or ""), float(_int(fields, "timeout") or 60))


_READERS: Mapping[str, Callable[[Fields], Verb]] = {
    "say": _say,
    "play": lambda fields: Play(_required(fields, "url"), _int(fields, "loop") or 0),
    "stream": _stream,
    "dial": _dial,
    "hangup": lambda fields: Hangup(),
    "reject": lambda fields: Reject(str(fields.get("reason") or "rejected")),
    "redirect": lambda fields: Redirect(_required(fields, "url"), str(fields.get("method") or "POST")),
}
