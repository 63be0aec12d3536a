"""The tool calls of one call: each is made once, answered once, and never waits for the audio.

A cancelled call (the caller spoke on) differs by effect: a lookup's answer is dropped, but what was changed stays changed, so the model is
told about it, and gets the kept answer at once if it asks for the same thing again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.core.frames import AnswerTool, CallTool, Command, TellModel, ToolAsked, ToolReturned
from pokea.toolkit import Effect

_AT_ONCE = 8
_KEPT = 16  # cancelled commits whose result waits to be asked for again
_ARGUMENT_BYTES = 16_384
BUSY = {"status": "error", "code": "too_many_calls", "retryable": False}
UNKNOWN_TOOL = {"status": "error", "code": "unknown_tool", "retryable": False}
TOO_LARGE = {"status": "error", "code": "arguments_too_large", "retryable": False}


@dataclass(slots=True)
class _Open:
    name: str
    asked_ms: float
    key: str
    cancelled: bool = False


class ToolDesk:
    def __init__(self, effects: Mapping[str, Effect]) -> None:
        self._effects = effects
        self._open: dict[str, _Open] = {}
        self._kept: dict[str, Mapping[str, Any]] = {}

    @property
    def is_busy(self) -> bool:
        """The model waits for an answer."""
        return any(not item.cancelled for item in self._open.values())

    def asked(self, event: ToolAsked, evidence: Mapping[str, Any], now_ms: float) -> Command | None:
        """What to do about a call of the model's; None for a call that is already under way."""
        if event.tool_call_id in self._open:
            return None
        key = event.name + "\n" + json.dumps(event.arguments, sort_keys=True, default=str)
        refusal = self._refusal(event, key)
        if refusal is not None:
            return AnswerTool(event.tool_call_id, event.name, refusal)
        if key in self._kept:
            return AnswerTool(event.tool_call_id, event.name, self._kept.pop(key))
        self._open[event.tool_call_id] = _Open(event.name, now_ms, key)
        return CallTool(event.tool_call_id, event.name, event.arguments, evidence)

    def _refusal(self, event: ToolAsked, key: str) -> Mapping[str, Any] | None:
        if event.name not in self._effects:
            return UNKNOWN_TOOL
        if len(key) > _ARGUMENT_BYTES:
            return TOO_LARGE
        return BUSY if len(self._open) >= _AT_ONCE else None

    def effect(self, name: str) -> Effect:
        return self._effects.get(name, Effect.READ)

    def cancelled(self, tool_call_ids: tuple[str, ...]) -> None:
        for tool_call_id in tool_call_ids:
            if tool_call_id in self._open:
                self._open[tool_call_id].cancelled = True

    def cancel_all(self) -> None:
        """The model that asked is gone; its successor does not know these calls."""
        self.cancelled(tuple(self._open))

    def returned(self, event: ToolReturned, now_ms: float) -> tuple[Command | None, str, int]:
        """(what to send to the model, tool name, how long it took in ms). Unknown or answered ids give (None, "", 0)."""
        item = self._open.pop(event.tool_call_id, None)
        if item is None:
            return None, "", 0
        took_ms = int(now_ms - item.asked_ms)
        if not item.cancelled:
            return AnswerTool(event.tool_call_id, item.name, event.payload), item.name, took_ms
        if self.effect(item.name) is not Effect.COMMIT or event.failed or event.payload.get("status") == "refused":
            return None, item.name, took_ms  # nothing was changed
        if len(self._kept) < _KEPT:
            self._kept[item.key] = event.payload
        words = json.dumps(dict(event.payload), ensure_ascii=False, default=str)
        return TellModel(f"[{item.name} finished although it was cancelled. Its result: {words}]"), item.name, took_ms
