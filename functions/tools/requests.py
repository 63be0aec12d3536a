"""What the media bridge may ask for, checked. An unknown field is refused: nothing a model wrote can slip in beside what is declared."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pokea.errors import RejectedInput
from pokea.ids import Nonce, ToolCallId
from pokea.sautikit.closings import CloseReason, Said
from pokea.toolkit import CallerTurn, Evidence, ReadBack, ToolCall

Token = Annotated[str, Field(min_length=1, max_length=2_048)]
Millis = Annotated[int, Field(ge=0, le=24 * 3_600_000)]
MAX_ARGUMENTS = 32
MAX_ARGUMENTS_CHARS = 16_384
MAX_CALLER_TURNS = 16
MAX_TRANSCRIPT = 5_000
MAX_FACTS = 50


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


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


class _Utterance(_Part):
    who: Literal["agent", "caller"]
    text: Annotated[str, Field(max_length=20_000)]
    at_ms: Millis


class Open(_Part):
    operation: Literal["open"]
    session_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:~-]{0,127}$")]
    token: Token
    bridge: Annotated[str, Field(max_length=128)]


class Tool(_Part):
    operation: Literal["tool"]
    call_token: Token
    tool_call_id: Annotated[str, Field(min_length=1, max_length=256)]
    tool: Annotated[str, Field(min_length=1, max_length=64)]
    arguments: Annotated[dict[str, Any], Field(max_length=MAX_ARGUMENTS)]
    evidence: _Evidence

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
        return Evidence(at_ms=evidence.at_ms, read_back=heard, caller_turns=turns)


class _Fact(_Part):
    tool: Annotated[str, Field(max_length=64)]
    arguments: Annotated[dict[str, Any], Field(max_length=MAX_ARGUMENTS)]
    result: dict[str, Any]

    @property
    def line(self) -> str:
        """As a person reads it: what was asked for, and what came of it."""
        asked = ", ".join(f"{name}={value}" for name, value in self.arguments.items())
        return f"{self.tool}({asked}): {self.result.get('status', '')} {self.result.get('say', '')}".rstrip()


class Close(_Part):
    operation: Literal["close"]
    call_token: Token
    reason: Annotated[CloseReason, Field(strict=False)]
    duration_ms: Millis
    transcript: Annotated[list[_Utterance], Field(max_length=MAX_TRANSCRIPT)]
    facts: Annotated[list[_Fact], Field(max_length=MAX_FACTS)] = []  # pydantic copies it

    def said(self) -> tuple[Said, ...]:
        return tuple(Said(line.who, line.text, line.at_ms) for line in self.transcript)


Request = Open | Tool | Close
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="operation")])


def parse(event: object) -> Request:
    """The request in an invocation's payload. Raises RejectedInput, whose message names the field and never its value."""
    try:
        return _REQUEST.validate_python(event)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "request"
        raise RejectedInput("bad_request", f"{place}: {first['msg']}"[:300]) from None
