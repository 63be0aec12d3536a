"""What a tool is, how it is called, and what the bridge can prove when it is called.

A tool is declared once; the same declaration feeds every model. Its effect class decides what guards it:

    read     looks something up
    propose  prepares a change and yields a nonce and the words to read back; changes nothing the caller asked for
    commit   makes the proposed change; passes the confirm gate or does nothing
    end      ends the call after the goodbye was heard
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pokea.ids import Nonce, ToolCallId

Json = Mapping[str, object]


class Effect(StrEnum):
    READ = "read"
    PROPOSE = "propose"
    COMMIT = "commit"
    END = "end"


class Level(StrEnum):
    """How sure we are who is speaking. A caller number alone is a claim."""

    ANONYMOUS = "anonymous"  # number withheld
    CLAIMED = "claimed"  # a number was presented; anybody can present any number
    VERIFIED = "verified"  # two factors matched


@dataclass(frozen=True, slots=True)
class ToolSpec:
    name: str  # camelCase, as models are used to
    description: str
    parameters: Json  # JSON schema, type "object"
    effect: Effect
    level: Level = Level.ANONYMOUS

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
            "effect": self.effect.value,
            "level": self.level.value,
        }


@dataclass(frozen=True, slots=True)
class ReadBack:
    """The agent's utterance that followed a proposal, as the bridge's playout ledger saw it.

    All times are milliseconds on the call's audio clock. `heard_ms` counts what the caller has heard by our own clock, never what a
    model or a carrier claims. `finished_at_ms` is None until every generated sample was heard.
    """

    nonce: Nonce
    started_at_ms: int | None
    generated_ms: int
    heard_ms: int
    finished_at_ms: int | None


@dataclass(frozen=True, slots=True)
class CallerTurn:
    """One stretch of caller speech found by the bridge itself. `ended_at_ms` is None while the caller still speaks."""

    started_at_ms: int
    ended_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the bridge attests with a tool call. The model has no way to write any of it."""

    at_ms: int = 0  # the call's audio clock when the tool was asked for
    read_back: ReadBack | None = None  # of the latest proposal
    caller_turns: tuple[CallerTurn, ...] = ()  # those since the latest proposal, oldest first, at most 16


@dataclass(frozen=True, slots=True)
class ToolCall:
    tool_call_id: ToolCallId
    name: str
    arguments: Json
    evidence: Evidence = field(default_factory=Evidence)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """`payload` goes to the model: always a "status", and "say" where the exact words matter. The rest is for the bridge."""

    payload: Json
    nonce: Nonce | None = None  # set by a proposal: the next agent utterance is its read-back
    end_call: bool = False  # the next agent utterance is the goodbye; hang up once it was heard
