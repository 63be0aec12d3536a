"""What the control plane told the bridge about a call when it opened: who answers, in which words, with which tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.core.announcer import in_language
from bridge.core.frames import ModelSetup, ToolDeclaration
from bridge.core.stop_words import StopWords
from pokea.errors import RejectedInput
from pokea.toolkit import Effect

_PHRASES = (
    "idle_ask",
    "idle_ask_again",
    "idle_goodbye",
    "goodbye",
    "trouble",
    "one_moment",
    "handoff_calling",
    "handoff_wait",
    "caller_gone",
    "opted_out",
)
_TRACKS = ("inbound_track", "both_tracks")
_GREETED = (
    'The caller has already heard this greeting in your voice: "{}" Do not greet again; wait for the caller to speak.'
)
_RECORDING = ("off", "notice", "ask")
_RATES_HZ = (8_000, 16_000, 24_000)
VOICEMAIL = "voicemail"  # the name of the line that is left on a machine


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """Of a placed call, which is listened to before anything is said. `message`: what is left on a machine that records; "" for nothing:
    then a machine is hung up on."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class CallContext:
    """Everything has a neutral default: a benchmark or a first probe runs without a control plane."""

    business_id: str = ""
    agent: str = ""
    language: str = ""
    a_number_masked: str = ""
    instructions: str = ""
    voice: str = ""
    greeting: str = ""
    phrases: Mapping[str, str] = field(default_factory=dict)
    other_phrases: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict
    )  # the same in the business's other languages
    tools: tuple[ToolDeclaration, ...] = ()
    effects: Mapping[str, Effect] = field(default_factory=dict)
    max_call_ms: int | None = None
    rate_hz: int = 16_000
    track: str = "inbound_track"  # whose sound the switch sends: the caller's alone, or ours too
    recording: str = "off"  # off, notice or ask
    recording_days: int = 30  # how long a recording is kept
    stop: StopWords | None = None  # what the bridge itself takes for an opt-out
    handoff_id: str = ""  # this is the leg of a person who is to take a caller over
    answering: AnswerPolicy | None = None  # None: whoever is on the line is greeted at once


@dataclass(frozen=True, slots=True)
class Owner:
    """Where the caller of a person's leg is, and what proves there that this leg is the one that was asked for."""

    url: str
    hop: str = field(repr=False)


def parse_context(value: Mapping[str, Any]) -> CallContext:
    """The `context` of the open operation. Raises RejectedInput that names the key."""
    business = _mapping(value, "business")
    stream = _mapping(value, "stream")
    limits = _mapping(value, "limits")
    phrases, other = _mapping(value, "phrases"), _mapping(value, "other_phrases")
    tools = [_tool(item) for item in _list(value, "tools")]
    rate_hz = stream.get("rate_hz", 16_000)
    if rate_hz not in _RATES_HZ:
        raise RejectedInput("bad_context", f"stream.rate_hz: {rate_hz!r} is not one of {_RATES_HZ}")
    track = stream.get("track", "inbound_track")
    if track not in _TRACKS:
        raise RejectedInput("bad_context", f"stream.track: {track!r} is not one of {_TRACKS}")
    max_call_s = limits.get("max_call_s")
    if max_call_s is not None and not (isinstance(max_call_s, int) and max_call_s > 0):
        raise RejectedInput("bad_context", "limits.max_call_s: not a positive whole number")
    return CallContext(
        business_id=_text(business, "id"),
        agent=_text(value, "agent"),
        language=_text(value, "language"),
        a_number_masked=_text(value, "a_number_masked"),
        instructions=_text(value, "instructions"),
        voice=_text(value, "voice"),
        greeting=_text(value, "greeting"),
        phrases=_phrases(phrases),
        other_phrases={str(code): _phrases(_mapping(other, code)) for code in other},
        tools=tuple(declaration for declaration, _ in tools),
        effects={declaration.name: effect for declaration, effect in tools},
        max_call_ms=None if max_call_s is None else max_call_s * 1000,
        rate_hz=rate_hz,
        track=track,
        **_recording(value),
        stop=_stop(_mapping(value, "stop")),
        handoff_id=_text(_mapping(value, "handoff"), "id"),
        answering=_answering(value),
    )


def _phrases(value: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value, name) for name in _PHRASES}


def lines_of(context: CallContext) -> dict[str, str]:
    """Every fixed line of a call by the name that the announcer knows it by."""
    others = {
        in_language(code, name): text
        for code, phrases in context.other_phrases.items()
        for name, text in phrases.items()
    }
    message = {VOICEMAIL: context.answering.message} if context.answering is not None else {}
    return {"greeting": context.greeting, **context.phrases, **others, **message}


def parse_owner(value: Mapping[str, Any]) -> Owner | None:
    """The bridge that has the caller, of a person's leg. Raises RejectedInput that names the key."""
    handoff = _mapping(value, "handoff")
    if not _text(handoff, "id"):
        return None
    url, hop = _text(handoff, "owner_url"), _text(handoff, "hop")
    if not url.startswith(("ws://", "wss://")) or not hop or not hop.isascii() or not hop.isprintable():
        raise RejectedInput("bad_context", "handoff: no address of the owner, or no proof")
    return Owner(url, hop)


def model_setup(context: CallContext, *, greeted: bool) -> ModelSetup:
    """What every model of this call is opened with, whichever it is. `greeted`: the caller hears the greeting as a clip."""
    instructions = context.instructions
    if greeted:
        instructions = f"{instructions}\n\n{_GREETED.format(context.greeting)}".strip()
    return ModelSetup("", context.voice, instructions, context.tools, language=context.language)


def _recording(value: Mapping[str, Any]) -> dict[str, Any]:
    """A rule that is not known here records nothing; the call is taken all the same."""
    rule, days = value.get("recording"), _mapping(value, "retention").get("recording_days", 30)
    if rule not in _RECORDING:
        rule = "off"
    if not isinstance(days, int) or days <= 0:
        raise RejectedInput("bad_context", "retention.recording_days: not a positive whole number")
    return {"recording": rule, "recording_days": days}


def _answering(value: Mapping[str, Any]) -> AnswerPolicy | None:
    """A policy that is not known here leaves no message; the call is taken all the same."""
    if value.get("answering") is None:
        return None
    policy = _mapping(value, "answering")
    return AnswerPolicy(_text(policy, "message") if policy.get("voicemail") == "message" else "")


def _stop(value: Mapping[str, Any]) -> StopWords | None:
    words, tool = _list(value, "words"), _text(value, "tool")
    if not all(isinstance(word, str) for word in words):
        raise RejectedInput("bad_context", "stop.words: not a list of strings")
    return StopWords(tuple(words), _text(value, "key"), tool) if tool else None


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key) or {}
    if not isinstance(found, Mapping):
        raise RejectedInput("bad_context", f"{key}: not an object")
    return found


def _list(value: Mapping[str, Any], key: str) -> list[Any]:
    found = value.get(key) or []
    if not isinstance(found, list):
        raise RejectedInput("bad_context", f"{key}: not a list")
    return found


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    if found is not None and not isinstance(found, str):
        raise RejectedInput("bad_context", f"{key}: not a string")
    return found or ""


def _tool(item: Any) -> tuple[ToolDeclaration, Effect]:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        raise RejectedInput("bad_context", "tools: a tool without a name")
    try:
        effect = Effect(item.get("effect", "read"))
    except ValueError:
        raise RejectedInput("bad_context", f"tools: unknown effect of {item['name']}") from None
    return ToolDeclaration(item["name"], _text(item, "description"), _mapping(item, "parameters")), effect
