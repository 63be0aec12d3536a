"""What the media bridge may ask for, checked. An unknown field is refused: nothing a model wrote can slip in beside what is declared.
A close and a beat are taken without what is unknown in them: after a way back the bridges are newer than these functions, and have calls.

What a close tells beside the end itself is cut to what fits, item by item: that a call is over is never refused for its trimmings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError

from pokea.billing.usage import CallShares, ModelUsage, shares_from_json, usage_from_json
from pokea.errors import RejectedInput
from pokea.ids import SESSION_ID_PATTERN, Nonce, ToolCallId
from pokea.sautikit.closings import CloseReason, Fact, RecordingPointer, Said, ToolUse
from pokea.toolkit import CallerTurn, Evidence, ReadBack, ToolCall
from pokea.turn_latency import TurnLatency, turns_from_json

Token = Annotated[str, Field(min_length=1, max_length=2_048)]
_SessionId = Annotated[str, Field(pattern=rf"^{SESSION_ID_PATTERN}$")]
Millis = Annotated[int, Field(ge=0, le=24 * 3_600_000)]
MAX_ARGUMENTS = 32
MAX_ARGUMENTS_CHARS = 16_384
MAX_CALLER_TURNS = 16
MAX_LAST_TURNS = 12
MAX_TRANSCRIPT = 5_000
MAX_FACTS = 50
MAX_TURNS = 500
MAX_SEATED = 10_000
MAX_NAME = 64
MAX_TEXT = 20_000


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Told(BaseModel):
    """What a newer bridge may tell more of. It asks for nothing, so a field that is ignored gives nobody anything."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _ReadBack(_Part):
    nonce: Annotated[str, Field(min_length=1, max_length=128)]
    started_at_ms: Millis | None
    generated_ms: Millis
    heard_ms: Millis
    finished_at_ms: Millis | None


class _CallerTurn(_Part):
    started_at_ms: Millis
    ended_at_ms: Millis | None


class _Evidence(_Part):
    at_ms: Millis
    read_back: _ReadBack | None
    caller_turns: Annotated[list[_CallerTurn], Field(max_length=MAX_CALLER_TURNS)]
    keys: Annotated[str, Field(pattern=r"^[0-9*#A-D]{0,20}$", repr=False)] = ""


class _Utterance(_Part):
    who: Literal["agent", "caller"]
    text: Annotated[str, Field(max_length=MAX_TEXT)]
    at_ms: Millis


class HandoffAsked(StrEnum):
    """What a bridge asks about a hand-off, or reports of it."""

    STATUS = "status"
    CANCEL = "cancel"
    ACCEPT = "accept"
    DECLINE = "decline"
    BRIEFING = "briefing"
    JOINED = "joined"
    ENDED = "ended"


class Open(_Part):
    operation: Literal["open"]
    session_id: _SessionId
    token: Token
    bridge: Annotated[str, Field(max_length=128)]
    relay: Annotated[str, Field(max_length=256, pattern=r"^(wss?://[A-Za-z0-9.\[\]:-]+)?$")] = ""


_Turn = Annotated[list[Annotated[str, Field(max_length=500)]], Field(min_length=2, max_length=2)]


class Tool(_Part):
    operation: Literal["tool"]
    call_token: Token
    tool_call_id: Annotated[str, Field(min_length=1, max_length=256)]
    tool: Annotated[str, Field(min_length=1, max_length=64)]
    arguments: Annotated[dict[str, Any], Field(max_length=MAX_ARGUMENTS)]
    evidence: _Evidence
    last_turns: Annotated[list[_Turn], Field(max_length=MAX_LAST_TURNS)] = []  # pydantic copies it

    def tool_call(self) -> ToolCall:
        """As the domain knows it. Raises RejectedInput for arguments of unreasonable size."""
        if len(str(self.arguments)) > MAX_ARGUMENTS_CHARS:
            raise RejectedInput("arguments_too_large", "the tool's arguments are too large")
        return ToolCall(ToolCallId(self.tool_call_id), self.tool, self.arguments, self._attested())

    def _attested(self) -> Evidence:
        evidence, read_back = self.evidence, self.evidence.read_back
        heard = None
        if read_back is not None:
            heard = ReadBack(
                nonce=Nonce(read_back.nonce),
                started_at_ms=read_back.started_at_ms,
                generated_ms=read_back.generated_ms,
                heard_ms=read_back.heard_ms,
                finished_at_ms=read_back.finished_at_ms,
            )
        turns = tuple(CallerTurn(turn.started_at_ms, turn.ended_at_ms) for turn in evidence.caller_turns)
        last_turns = tuple((turn[0], turn[1]) for turn in self.last_turns)
        return Evidence(evidence.at_ms, heard, turns, keys=evidence.keys, last_turns=last_turns)


class _Fact(_Part):
    tool: Annotated[str, Field(max_length=MAX_NAME)]
    arguments: Annotated[dict[str, Any], Field(max_length=MAX_ARGUMENTS)]
    result: dict[str, Any]

    @property
    def line(self) -> str:
        """As a person reads it: what came of it, and never what it was asked with, which may have been a secret."""
        return f"{self.tool}: {self.result.get('status', '')} {self.result.get('say', '')}".rstrip()


class _ToolUse(_Part):
    name: Annotated[str, Field(max_length=MAX_NAME)]
    status: Annotated[str, Field(max_length=MAX_NAME)]
    took_ms: Millis
    at_ms: Millis


class _Recording(_Part):
    key: Annotated[str, Field(max_length=400)]
    bytes: Annotated[int, Field(ge=0)]
    ms: Millis


def _latest(of: Any, most: int) -> BeforeValidator:
    """Keeps the latest `most` items that are, or can be cut to, an `of`; drops the others."""
    adapter: TypeAdapter[Any] = TypeAdapter(of)

    def sifted(value: object) -> list[Any]:
        items: list[Any] = []
        for item in value[-most:] if isinstance(value, list) else []:
            with suppress(ValidationError):
                items.append(adapter.validate_python(_cut(item)))
        return items

    return BeforeValidator(sifted)


def _or(of: Any, default: Any) -> BeforeValidator:
    """`default` for what is no `of`."""
    adapter: TypeAdapter[Any] = TypeAdapter(of)

    def settled(value: object) -> Any:
        with suppress(ValidationError):
            return adapter.validate_python(value)
        return default

    return BeforeValidator(settled)


def _cut(item: object) -> object:
    """A fact, a tool's use or an utterance with what is too long made shorter."""
    if not isinstance(item, Mapping):
        return item
    cut = dict(item)
    for name, most in (("tool", MAX_NAME), ("name", MAX_NAME), ("status", MAX_NAME), ("text", MAX_TEXT)):
        if isinstance(cut.get(name), str):
            cut[name] = cut[name][:most]
    if isinstance(arguments := cut.get("arguments"), Mapping):
        cut["arguments"] = dict([*arguments.items()][:MAX_ARGUMENTS])
    return cut


_Language = Annotated[str, Field(strict=True, pattern=r"^([a-z]{2})?$")]
_HandoffId = Annotated[str, Field(strict=True, max_length=128)]
_Answerer = Annotated[str, Field(strict=True, pattern=r"^(person|machine|fax|silence)?$")]


class Close(_Told):
    operation: Literal["close"]
    call_token: Token
    reason: Annotated[CloseReason, Field(strict=False)]
    duration_ms: Millis
    transcript: Annotated[list[_Utterance], _latest(_Utterance, MAX_TRANSCRIPT)]
    facts: Annotated[list[_Fact], _latest(_Fact, MAX_FACTS)] = []  # pydantic copies it
    language: Annotated[_Language, _or(_Language, "")] = ""
    latency_ms: Annotated[list[Millis], _latest(Annotated[Millis, Field(strict=True)], MAX_TURNS)] = []
    turns: Annotated[tuple[TurnLatency, ...], PlainValidator(lambda value: turns_from_json(value)[-MAX_TURNS:])] = ()
    tools: Annotated[list[_ToolUse], _latest(_ToolUse, MAX_TURNS)] = []
    recording: Annotated[_Recording | None, _or(_Recording, None)] = None
    handoff: Annotated[_HandoffId | None, _or(_HandoffId, None)] = None
    usage: Annotated[tuple[ModelUsage, ...], PlainValidator(usage_from_json)] = ()
    shares: Annotated[CallShares | None, PlainValidator(shares_from_json)] = None
    answerer: Annotated[_Answerer, _or(_Answerer, "")] = ""

    def said(self) -> tuple[Said, ...]:
        return tuple(Said(line.who, line.text, line.at_ms) for line in self.transcript)

    def used(self) -> tuple[ToolUse, ...]:
        return tuple(ToolUse(tool.name, tool.status, tool.took_ms, tool.at_ms) for tool in self.tools)

    def learned(self) -> tuple[Fact, ...]:
        return tuple(Fact(fact.tool, fact.arguments, fact.result) for fact in self.facts)

    def recorded(self) -> RecordingPointer | None:
        found = self.recording
        return None if found is None else RecordingPointer(found.key, found.bytes, found.ms)


class HandoffRequest(_Part):
    operation: Literal["handoff"]
    call_token: Token
    handoff_id: Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]
    asked: Annotated[HandoffAsked, Field(strict=False)]


def _session_ids(value: object) -> object:
    """Without those that cannot be any: one of them must not cost the others their lease."""
    if not isinstance(value, list):
        return value
    return [one for one in value if isinstance(one, str) and re.fullmatch(SESSION_ID_PATTERN, one)]


_Release = Annotated[str, Field(strict=True, pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$")]
_Free = Annotated[int, Field(strict=True, ge=0, le=10_000)]
_Ring = Annotated[int, Field(strict=True, ge=0)]


class Beat(_Told):
    """A bridge worker lives. It has no token, because it speaks of no call's content; who may invoke this function may say so."""

    operation: Literal["beat"]
    bridge: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")]
    task: Annotated[str, Field(max_length=256, pattern=r"^(arn:[A-Za-z0-9:/_.-]+)?$")] = ""
    calls: Annotated[list[_SessionId], BeforeValidator(_session_ids), Field(max_length=5_000)] = []
    leaving: bool = False
    # What is odd in these three costs the worker its board at most: the lease of its calls must not hang on it.
    release: Annotated[_Release, _or(_Release, "")] = ""
    free: Annotated[_Free | None, _or(_Free | None, None)] = None
    seated: Annotated[list[_Ring], _latest(_Ring, MAX_SEATED)] = []


Request = Open | Tool | Close | HandoffRequest | Beat
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="operation")])


def parse(event: object) -> Request:
    """The request in an invocation's payload. Raises RejectedInput, whose message names the field and never its value."""
    try:
        return _REQUEST.validate_python(event)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
        # The name of a field that we do not know is the sender's own words.
        known = first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
        place = ".".join(str(part) for part in known) or "request"
        raise RejectedInput("bad_request", f"{place}: {first['msg']}"[:300]) from None
