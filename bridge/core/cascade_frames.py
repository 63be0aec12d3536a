"""What passes between the cascade's machine and the shell that runs its three services: orders go out, results come back.

Every request has a number of its own, never used again within a link; results of a request that was aborted are ignored by that number.
pcm: little-endian int16, mono.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from bridge.core.frames import Loss, ToolDeclaration


class Stage(StrEnum):
    """The three services."""

    TRANSCRIPTION = "transcription"
    COMPLETION = "completion"
    SPEECH = "speech"


# --- the conversation, as a completion is asked with it ----------------------------------------------------------------------


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is JSON text of one object."""

    tool_call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """`answers`: for a tool's result, the id of the call it answers."""

    role: Role
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    answers: str = ""


# --- orders to the shell ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Words of one utterance. `prompt`: what the agent said last, so that names and figures in it are recognised."""

    request: int
    pcm: bytes
    rate_hz: int
    prompt: str = ""
    language: str = ""  # ISO 639-1
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Complete:
    request: int
    messages: tuple[Message, ...]
    tools: tuple[ToolDeclaration, ...] = ()
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Speak:
    request: int
    text: str
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Abort:
    """Drop these requests; nothing of them is wanted any more."""

    requests: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lose:
    """The leg is of no more use. `code`: the HTTP status that says so, 0 for none."""

    code: int
    reason: str
    loss: Loss


CascadeOrder: TypeAlias = Transcribe | Complete | Speak | Abort | Lose

# --- results from the shell ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transcribed:
    request: int
    text: str


@dataclass(frozen=True, slots=True)
class Delta:
    """More words of a completion."""

    request: int
    text: str


@dataclass(frozen=True, slots=True)
class ToolDelta:
    """A part of the tool call number `index`: id and name come once, the arguments in any number of pieces."""

    request: int
    index: int
    tool_call_id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class TokensUsed:
    request: int
    prompt: int
    response: int
    thoughts: int  # of `response`
    total: int
    cached: int = 0  # of `prompt`


@dataclass(frozen=True, slots=True)
class CompletionDone:
    request: int


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    request: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class SpeechDone:
    request: int


@dataclass(frozen=True, slots=True)
class StageFailed:
    """A request ended without its result. `code`: HTTP status, 0 for none."""

    request: int
    loss: Loss
    code: int = 0
    reason: str = ""


StageEvent: TypeAlias = (
    Transcribed | Delta | ToolDelta | TokensUsed | CompletionDone | SpeechChunk | SpeechDone | StageFailed
)


@dataclass(frozen=True, slots=True)
class CascadeLimits:
    """Every queue's bound. Refusing more is right in each case: what is cut off here was out of control."""

    utterance_ms: int = 60_000  # of caller audio in one turn
    pre_roll_ms: int = 300
    turns_kept: int = 40  # of the caller, with everything that followed each
    sentences_ahead: int = 2  # synthesised or being synthesised, and not yet playing
    reply_chars: int = 6_000  # eight minutes of speech
    tool_calls: int = 16
    argument_chars: int = 20_000
    retries: Mapping[Stage, int] = field(default_factory=lambda: dict.fromkeys(Stage, 1))


Tools: TypeAlias = tuple[ToolDeclaration, ...]
Json: TypeAlias = Mapping[str, Any]
