"""What a model that takes over in mid-call must know, in words that every model understands.

turns         what was said: the caller's words, and the agent's as far as they were heard
facts         what tools were asked and what they answered; each has a number, so that a successor is told exactly what it cannot know
confirmation  the proposal that waits for the caller's yes, and whether its read-back was heard to the end
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TURNS_KEPT = 40
_TURN_CHARS = 500
_FACTS_KEPT = 12
_FACT_CHARS = 3_000
_KEYS_KEPT = 32  # whoever keeps the record of the call takes no more of one fact
_MATTERS = ("status", "code", "say", "nonce")
_HEAD = "\n\nThe call is already under way; you take it over in mid-sentence. Continue it; do not greet again."


@dataclass(frozen=True, slots=True)
class Fact:
    """`number` counts from 1. `tool_call_id` is the id by which the model that asked knows it."""

    number: int
    tool_call_id: str
    tool: str
    arguments: Mapping[str, Any]
    result: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"tool": self.tool, "arguments": _bounded(self.arguments), "result": _bounded(self.result)}

    @property
    def words(self) -> str:
        """For a model that did not ask for it, or asked on a connection that is gone."""
        return f"[{self.tool} finished meanwhile. Its result: {_dump(_bounded(self.result))}]"


@dataclass(frozen=True, slots=True)
class Confirmation:
    nonce: str
    arguments: Mapping[str, Any]


class CallLedger:
    def __init__(self, language: str) -> None:
        self.confirmation: Confirmation | None = None
        self._language = language
        self._turns: deque[dict[str, str]] = deque(maxlen=_TURNS_KEPT)
        self._facts: deque[Fact] = deque(maxlen=_FACTS_KEPT)
        self._numbers = 0

    @property
    def latest(self) -> int:
        """Number of the latest fact; 0 for none."""
        return self._numbers

    def said(self, who: str, text: str) -> None:
        """`who`: "agent" or "caller". Only words that were heard belong here."""
        if text.strip():
            self._turns.append(_turn(who, text))

    def learned(
        self, tool_call_id: str, tool: str, arguments: Mapping[str, Any], result: Mapping[str, Any], nonce: str | None
    ) -> Fact:
        """A tool answered. `nonce`: of the proposal that now waits to be read back, if there is one."""
        self._numbers += 1
        fact = Fact(self._numbers, tool_call_id, tool, arguments, result)
        self._facts.append(fact)
        if nonce is not None:
            self.confirmation = self._opened(nonce, result)
        return fact

    def _opened(self, nonce: str, result: Mapping[str, Any]) -> Confirmation:
        proposed = result.get("arguments")
        if not isinstance(proposed, Mapping) and self.confirmation is not None and self.confirmation.nonce == nonce:
            return self.confirmation
        return Confirmation(nonce, proposed if isinstance(proposed, Mapping) else {})

    def settled(self) -> None:
        """The proposal was carried out, or will not be."""
        self.confirmation = None

    def since(self, number: int) -> list[Fact]:
        """The facts after `number`, oldest first, as far as they are kept."""
        return [fact for fact in self._facts if fact.number > number]

    def recent(self, count: int) -> tuple[tuple[str, str], ...]:
        """The latest turns, oldest first: who, words."""
        return tuple((turn["who"], turn["text"]) for turn in list(self._turns)[-count:])

    @property
    def facts(self) -> tuple[dict[str, Any], ...]:
        return tuple(fact.to_json() for fact in self._facts)

    def brief(self, unfinished: Sequence[tuple[str, str]], *, read_back_heard: bool, answer_owed: bool) -> str:
        """What is added to a successor's instructions. `unfinished`: (who, words) of turns that are not over, as far as they count."""
        confirmation = self.confirmation
        call = {
            "language": self._language,
            "turns": [*self._turns, *(_turn(who, text) for who, text in unfinished if text.strip())],
            "facts": list(self.facts),
            "open_confirmation": None
            if confirmation is None
            else {
                "nonce": confirmation.nonce,
                "read_back_heard": read_back_heard,
                "arguments": dict(confirmation.arguments),
            },
            "answer_owed": answer_owed,
        }
        # What somebody says must not be able to end the block, so no "<" of theirs stays one.
        text = _dump(call).replace("<", "\\u003c")
        return f"{_HEAD}\n<call-so-far>\n{text}\n</call-so-far>"


def _turn(who: str, text: str) -> dict[str, str]:
    return {"who": who, "text": text.strip()[:_TURN_CHARS]}


def _bounded(value: Mapping[str, Any]) -> dict[str, Any]:
    """`value`, or what matters most of it where it is too long to be told."""
    kept = {key: value[key] for key in _MATTERS if key in value}
    if len(_dump(value)) <= _FACT_CHARS:
        if len(value) <= _KEYS_KEPT:
            return dict(value)
        return dict([*kept.items(), *(pair for pair in value.items() if pair[0] not in kept)][:_KEYS_KEPT])
    return {key: kept[key] for key in kept if len(_dump(kept[key])) <= _FACT_CHARS // 4}


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
