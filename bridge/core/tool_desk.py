"""The tool calls of one call: each is made once, answered once, and never waits for the audio.

the same again       asked for while it runs: both get the one answer; asked for four times in ten seconds: refused
cancelled            the caller spoke on. A lookup's answer is dropped, but what was changed stays changed: the model is told about it
its asker is gone    the answer is a fact for whoever takes over, and is kept for it in case that asks for the same thing again
done                 a commit that was carried out, or an end, is never made again: its answer is kept and given again
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.core.frames import AnswerTool, CallTool, Command, ToolAsked, ToolReturned
from pokea.toolkit import Effect

_AT_ONCE = 8
_KEPT = 16
_ARGUMENT_BYTES = 16_384
_REPEATS_AT_MOST = 3
_REPEATS_WITHIN_MS = 10_000.0
_REPEATS_LOOKED_AT = 64
_NOT_DONE = ("refused", "unknown")  # may be asked for again: nothing was done, or nobody knows
BUSY = {"status": "error", "code": "too_many_calls", "retryable": False}
UNKNOWN_TOOL = {"status": "error", "code": "unknown_tool", "retryable": False}
TOO_LARGE = {"status": "error", "code": "arguments_too_large", "retryable": False}
REPEATED = {
    "status": "error",
    "code": "repeated_call",
    "retryable": False,
    "instruction": "This was asked for several times in a row with the same arguments. Work with the answer you have.",
}


@dataclass(slots=True)
class _Open:
    name: str
    arguments: Mapping[str, Any]
    tool_call_id: str
    asked_ms: float
    key: str
    waiting: list[str] = field(default_factory=list)  # ids under which the model in use waits for it
    in_handle: bool = False  # a session resumed now would still wait for it
    orphan: bool = False  # the model that asked is gone


@dataclass(frozen=True, slots=True)
class Asked:
    """What to do about a call of the model's. `kept`: it is answered with what an earlier call of the same brought."""

    order: Command
    kept: ToolReturned | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A tool is through. `answers` is empty where nobody waits for it any more; `changed`: it did something that stays done."""

    tool_call_id: str
    name: str
    arguments: Mapping[str, Any]
    took_ms: int
    answers: tuple[AnswerTool, ...]
    orphan: bool
    changed: bool


class ToolDesk:
    def __init__(self, effects: Mapping[str, Effect]) -> None:
        self._effects = effects
        self._open: dict[str, _Open] = {}  # by the id that the tool was called with
        self._kept: dict[str, ToolReturned] = {}  # by key: what is never done again
        self._owed: dict[str, ToolReturned] = {}  # by key: what was asked for by a model that is gone; given once
        self._recent: deque[tuple[str, float]] = deque(maxlen=_REPEATS_LOOKED_AT)

    @property
    def is_busy(self) -> bool:
        """Somebody waits for an answer: the model in use, or the caller of one that is gone."""
        return any(item.waiting or item.orphan for item in self._open.values())

    @property
    def under_way(self) -> frozenset[str]:
        """The ids of the calls that have not answered."""
        return frozenset(self._open)

    def asked_since_ms(self) -> list[float]:
        """When each of the calls that have not answered was asked for."""
        return [item.asked_ms for item in self._open.values()]

    def effect(self, name: str) -> Effect:
        return self._effects.get(name, Effect.READ)

    def name_of(self, tool_call_id: str) -> str:
        """The tool of a call that is under way."""
        item = self._open.get(tool_call_id)
        return "" if item is None else item.name

    # --- the model asks -----------------------------------------------------------------------------------------------------

    def asked(
        self,
        event: ToolAsked,
        evidence: Mapping[str, Any],
        now_ms: float,
        last_turns: tuple[tuple[str, str], ...] = (),
        instead: Mapping[str, Any] | None = None,
    ) -> Asked | None:
        """What to do about a call of the model's; None for one that is already under way. `instead`: what a new one is answered with."""
        if self._is_known(event.tool_call_id):
            return None
        key = event.name + "\n" + json.dumps(event.arguments, sort_keys=True, default=str)
        refusal = self._refusal(event, key, now_ms)
        if refusal is not None:
            return Asked(AnswerTool(event.tool_call_id, event.name, refusal))
        kept = self._owed.pop(key, None) or self._kept.get(key)
        if kept is not None:
            return Asked(AnswerTool(event.tool_call_id, event.name, kept.payload), kept)
        for item in self._open.values():
            if item.key == key:
                item.waiting.append(event.tool_call_id)
                item.orphan = False
                return None
        if instead is not None or len(self._open) >= _AT_ONCE:
            return Asked(AnswerTool(event.tool_call_id, event.name, BUSY if instead is None else instead))
        item = _Open(event.name, event.arguments, event.tool_call_id, now_ms, key, [event.tool_call_id])
        self._open[event.tool_call_id] = item
        return Asked(CallTool(event.tool_call_id, event.name, event.arguments, evidence, last_turns))

    def _is_known(self, tool_call_id: str) -> bool:
        return tool_call_id in self._open or any(tool_call_id in item.waiting for item in self._open.values())

    def _refusal(self, event: ToolAsked, key: str, now_ms: float) -> Mapping[str, Any] | None:
        if event.name not in self._effects:
            return UNKNOWN_TOOL
        if len(key) > _ARGUMENT_BYTES:
            return TOO_LARGE
        before = sum(1 for other, at_ms in self._recent if other == key and now_ms - at_ms < _REPEATS_WITHIN_MS)
        self._recent.append((key, now_ms))
        return REPEATED if before >= _REPEATS_AT_MOST and self.effect(event.name) is not Effect.END else None

    # --- the model lets go --------------------------------------------------------------------------------------------------

    def cancelled(self, tool_call_ids: tuple[str, ...]) -> None:
        for item in self._open.values():
            item.waiting = [waiting for waiting in item.waiting if waiting not in tool_call_ids]

    def handle_given(self) -> None:
        """A session that is resumed from here knows what it has asked for."""
        for item in self._open.values():
            item.in_handle = bool(item.waiting)

    def left(self, *, resumed: bool) -> None:
        """The model that asked is gone. `resumed`: its successor remembers what it had asked for when its handle was given."""
        for item in self._open.values():
            if resumed and item.in_handle:
                item.orphan, item.waiting = False, [item.tool_call_id]
            elif item.waiting:
                item.orphan, item.waiting = True, []

    # --- the tool answers ---------------------------------------------------------------------------------------------------

    def returned(self, event: ToolReturned, now_ms: float) -> Done | None:
        """Whom to answer. None for an id that is unknown or answered."""
        item = self._open.pop(event.tool_call_id, None)
        if item is None:
            return None
        changed = self._keep(item, event)
        if item.orphan and not changed:
            _put(self._owed, item.key, event)
        return Done(
            event.tool_call_id,
            item.name,
            item.arguments,
            int(now_ms - item.asked_ms),
            tuple(AnswerTool(waiting, item.name, event.payload) for waiting in item.waiting),
            item.orphan,
            changed,
        )

    def _keep(self, item: _Open, event: ToolReturned) -> bool:
        """Whether it did something that stays done: its answer then stands for the rest of the call."""
        lasting = self.effect(item.name) in (Effect.COMMIT, Effect.END)
        if not lasting or event.failed or event.payload.get("status") in _NOT_DONE:
            return False
        _put(self._kept, item.key, event)
        return True


def _put(kept: dict[str, ToolReturned], key: str, event: ToolReturned) -> None:
    kept.pop(key, None)
    kept[key] = event
    while len(kept) > _KEPT:
        del kept[next(iter(kept))]
