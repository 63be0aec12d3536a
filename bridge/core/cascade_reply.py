"""One completion as it streams in: words become sentences, pieces become tool calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.core.cascade_frames import CascadeLimits, ToolCall, ToolDelta
from bridge.core.cascade_history import Said
from bridge.core.cascade_text import SentenceSplitter, ThinkFilter


@dataclass(slots=True)
class _Call:
    tool_call_id: str = ""
    name: str = ""
    arguments: str = ""


class Completion:
    """`request` is the one under way for it; `said` is its place in the history."""

    def __init__(self, request: int, said: Said, limits: CascadeLimits) -> None:
        self.request = request
        self.said = said
        self.retries = 0
        self._limits = limits
        self._begin()

    def _begin(self) -> None:
        self._filter = ThinkFilter()
        self._splitter = SentenceSplitter()
        self._calls: list[_Call] = []  # in the order in which they began
        self._latest: dict[int, _Call] = {}  # by index
        self._chars = 0
        self.is_counted = False  # the service has said what it used

    @property
    def is_used(self) -> bool:
        """Something of it went on, so that it cannot be asked for again."""
        return not self.said.is_empty

    @property
    def is_endless(self) -> bool:
        return self._chars > self._limits.reply_chars

    def again(self, request: int) -> None:
        self.request = request
        self.retries += 1
        self._begin()

    def words(self, text: str) -> list[str]:
        """The sentences that are now complete."""
        self._chars += len(text)
        return self._splitter.feed(self._filter.feed(text))

    def last_words(self) -> list[str]:
        return self._splitter.feed(self._filter.flush()) + self._splitter.flush()

    def tool_piece(self, piece: ToolDelta) -> None:
        call = self._call_of(piece)
        if call is None:
            return
        call.tool_call_id = call.tool_call_id or piece.tool_call_id
        call.name = call.name or piece.name  # some servers repeat it with every piece
        call.arguments = (call.arguments + piece.arguments)[: self._limits.argument_chars]

    def _call_of(self, piece: ToolDelta) -> _Call | None:
        """Some servers give every call the index 0: a piece with another id, or with a name after whole arguments, begins a call."""
        call = self._latest.get(piece.index)
        if call is not None and not (piece.name and call.name):
            return call
        if call is not None and (
            piece.tool_call_id == call.tool_call_id if call.tool_call_id else not _is_object(call.arguments)
        ):
            return call
        if len(self._calls) >= self._limits.tool_calls:
            return None
        self._latest[piece.index] = _Call()
        self._calls.append(self._latest[piece.index])
        return self._calls[-1]

    def tool_calls(self, known: set[str], prefix: str) -> tuple[ToolCall, ...]:
        """In order. An id that is missing, or that some server gave to another call before, is replaced; `known` grows."""
        calls = []
        for index, call in enumerate(self._calls):
            if not call.name:
                continue
            tool_call_id = call.tool_call_id
            if not tool_call_id or tool_call_id in known:
                tool_call_id = f"{prefix}-{self.request}-{index}"
            known.add(tool_call_id)
            calls.append(ToolCall(tool_call_id, call.name, call.arguments.strip() or "{}"))
        return tuple(calls)


def arguments_of(call: ToolCall) -> Mapping[str, Any] | None:
    """None where the model wrote something else than one JSON object."""
    try:
        value = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_object(text: str) -> bool:
    return arguments_of(ToolCall("", "", text)) is not None
