"""What a tool is, how it is called, and what the bridge can prove when it is called.

A tool is declared once; the same declaration feeds every model. Its effect class decides what guards it:

    read      looks something up
    note      writes down, in this call's own record, what the caller said or chose; touches nothing that outlives the call
    propose   prepares a change and yields a nonce and the words to read back; changes nothing the caller asked for
    commit    makes the proposed change; passes the confirm gate or does nothing
    transfer  hands the caller to a person of the business's directory, by key
    protect   takes effect at once because it only narrows what we may do: an opt-out
    end       ends the call after the goodbye was heard

What comes back is a payload for the model. Beside "status" and "say" (words to be spoken exactly) it may hold

    question, choices  what the words ask for; choices are [{"value", "spoken"}]
    then               which tool takes the caller's next answer, so that a model need not work it out (see `Then`)
    nonce, arguments   of a proposal, to be given back to commitProposal unchanged
    expects_digits     keys pressed next are a secret of this many digits ("secret": of any number): heard by the tool, never by the
                       model or a log
    instruction        for the model, not for the caller
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pokea.ids import Nonce, ToolCallId

Json = Mapping[str, object]


class Effect(StrEnum):
    READ = "read"
    NOTE = "note"
    PROPOSE = "propose"
    COMMIT = "commit"
    TRANSFER = "transfer"
    PROTECT = "protect"
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
    keys: str = field(default="", repr=False)  # a secret that was keyed in since it was asked for; no model sees it
    last_turns: tuple[
        tuple[str, str], ...
    ] = ()  # (who, what was heard), latest last; with tools that transfer, at most 12


@dataclass(frozen=True, slots=True)
class ToolCall:
    tool_call_id: ToolCallId
    name: str
    arguments: Json
    evidence: Evidence = field(default_factory=Evidence)


class HandoffMode(StrEnum):
    ATTENDED = "attended"  # the caller is kept while the human is rung, briefed and asked
    DIAL = "dial"  # the stream is closed and the carrier dials; only where the carrier goes on after a stream


@dataclass(frozen=True, slots=True)
class HandoffOrder:
    """Tells the bridge to begin a hand-off. The tool's answer to the model is held back until its outcome is known.

    hop: what the bridge of the human's leg will prove itself with to this one; "" in mode dial.
    answer_s: to ring and to answer the brief, together; 0 in mode dial.
    """

    handoff_id: str
    mode: HandoffMode
    ring_s: int
    hop: str = ""
    answer_s: int = 0


@dataclass(frozen=True, slots=True)
class ToolResult:
    """`payload` goes to the model: always a "status", and "say" where the exact words matter. The rest is for the bridge."""

    payload: Json
    nonce: Nonce | None = None  # set by a proposal: the next agent utterance is its read-back
    end_call: bool = False  # the next agent utterance is the goodbye; hang up once it was heard
    handoff: HandoffOrder | None = None
    language: str | None = None  # from now on the caller is spoken to in this language: prompts and fillers too
    recording: bool | None = (
        None  # the caller's word on being recorded: True starts it, False stops it and deletes what there is
    )


def then(tool: str, fill: str = "", expect: str = "text", **arguments: object) -> dict[str, object]:
    """A payload's `then`: call `tool` with `arguments` and, in the argument `fill`, the caller's own words.

    expect: what kind of answer is likely: text, name, when, number, digits, reference, tracking, place, yes_no, choice.
    """
    filled = {"fill": fill, "expect": expect} if fill else {"expect": expect}
    return {"tool": tool, "arguments": arguments, **filled}


def then_yes_no(yes: Json | None, no: Json | None) -> dict[str, object]:
    """A payload's `then` for a question that is answered with yes or no; None: nothing but to ask what else there is."""
    return {"expect": "yes_no", "yes": yes, "no": no}
