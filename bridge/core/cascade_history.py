"""The conversation as a language model is told it: what the caller said, what the caller heard of the agent, what the tools answered."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.core.cascade_frames import Message, Role, ToolCall
from bridge.core.frames import HeardItem
from bridge.core.transcript import heard_part

_NOTES_KEPT = 12
_PROMPT_CHARS = 300
_MS_PER_CHAR = 60  # of speech; for a sentence whose audio has not all come
_HEARD_MARGIN_MS = 60  # less than this of a sentence unheard cannot hold a word
_BRIEF = re.compile(r"<call-so-far>\s*(\{.*\})\s*</call-so-far>", re.DOTALL)
_PENDING = '{"status":"pending"}'


@dataclass(slots=True, eq=False)
class Sentence:
    """`begun`: some of its audio was handed on; `whole`: all of it."""

    item: str
    text: str
    begun: bool = False
    whole: bool = False


@dataclass(slots=True, eq=False)
class Said:
    """One answer of the model: sentences and the tools it asked for, with their results by id as they come."""

    sentences: list[Sentence] = field(default_factory=list)
    tool_calls: tuple[ToolCall, ...] = ()
    results: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not self.sentences and not self.tool_calls

    @property
    def waits(self) -> bool:
        """For a tool."""
        return any(call.tool_call_id not in self.results for call in self.tool_calls)


@dataclass(slots=True, eq=False)
class Asked:
    """What the model must answer: the caller's words, or an order of ours. `aside`: said while the agent went on speaking."""

    text: str
    aside: bool = False


class History:
    """Bounded: the last `turns_kept` things asked, each with all that followed it."""

    def __init__(self, instructions: str, turns_kept: int) -> None:
        self._instructions = instructions
        self._turns_kept = turns_kept
        self._notes: deque[str] = deque(maxlen=_NOTES_KEPT)
        self._entries: deque[Asked | Said] = deque()
        self._earlier_words = _last_agent_words(instructions)

    # --- what happened ------------------------------------------------------------------------------------------------------

    def asked(self, text: str, *, aside: bool = False) -> None:
        self._entries.append(Asked(text, aside))
        while sum(isinstance(entry, Asked) for entry in self._entries) > self._turns_kept:
            self._entries.popleft()
            while self._entries and isinstance(self._entries[0], Said):
                self._entries.popleft()

    def note(self, text: str) -> None:
        self._notes.append(text)

    def begin(self) -> Said:
        said = Said()
        self._entries.append(said)
        return said

    def forget(self, said: Said) -> None:
        """It was void before anything of it was used."""
        if said in self._entries:
            self._entries.remove(said)

    def answered(self, tool_call_id: str, payload: Mapping[str, Any]) -> bool:
        """The result of a tool; False if nothing here asked for it."""
        for entry in reversed(self._entries):
            if isinstance(entry, Said) and any(call.tool_call_id == tool_call_id for call in entry.tool_calls):
                entry.results.setdefault(tool_call_id, json.dumps(dict(payload), ensure_ascii=False))
                return True
        return False

    def withdraw(self, tool_call_ids: Collection[str]) -> None:
        """These calls were never passed on to anybody."""
        for entry in [entry for entry in self._entries if isinstance(entry, Said)]:
            entry.tool_calls = tuple(call for call in entry.tool_calls if call.tool_call_id not in tool_call_ids)
            if entry.is_empty:
                self.forget(entry)

    def cut(self, heard: Sequence[HeardItem]) -> None:
        """Keep of the agent's words what the caller heard. An item that is not named was heard if all of it had been handed on."""
        by_item = {item.item: item for item in heard}
        for entry in [entry for entry in self._entries if isinstance(entry, Said)]:
            for sentence in entry.sentences:
                sentence.text = _heard_text(sentence, by_item.get(sentence.item))
                sentence.whole = sentence.whole or bool(sentence.text)
            entry.sentences = [sentence for sentence in entry.sentences if sentence.text]
            if entry.is_empty:
                self.forget(entry)
        for asked in self._entries:
            if isinstance(asked, Asked):
                asked.aside = False

    # --- what follows from it -----------------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """For a tool."""
        return any(isinstance(entry, Said) and entry.waits for entry in self._entries)

    @property
    def owes_answer(self) -> bool:
        """The last thing was asked of the model, or a tool has told it what it wanted to know."""
        for entry in reversed(self._entries):
            if isinstance(entry, Said):
                return bool(entry.tool_calls) and not entry.waits
            if not entry.aside:
                return True
        return False

    @property
    def last_words(self) -> str:
        """The end of what the agent said last."""
        said = next((entry for entry in reversed(self._entries) if isinstance(entry, Said) and entry.sentences), None)
        text = _joined(said.sentences) if said is not None else self._earlier_words
        return text if len(text) <= _PROMPT_CHARS else text[-_PROMPT_CHARS:].partition(" ")[2]

    def messages(self) -> tuple[Message, ...]:
        """Notes stand in the one system message: many models' templates refuse a second one."""
        notes = "".join(f"\n- {note}" for note in self._notes)
        system = self._instructions + (f"\n\nNotes on this call, latest last:{notes}" if notes else "")
        messages = [Message(Role.SYSTEM, system)] if system else []
        for entry in self._entries:
            if isinstance(entry, Asked):
                messages.append(Message(Role.USER, entry.text))
            elif not entry.is_empty:
                messages.append(Message(Role.ASSISTANT, _joined(entry.sentences), entry.tool_calls))
                messages += [
                    Message(Role.TOOL, entry.results.get(call.tool_call_id, _PENDING), answers=call.tool_call_id)
                    for call in entry.tool_calls
                ]
        return tuple(messages)


def _last_agent_words(instructions: str) -> str:
    """What another engine said last in this call, as the brief of a takeover tells it; empty without one."""
    found = _BRIEF.search(instructions)
    try:
        turns = json.loads(found[1])["turns"] if found is not None else []
        return next((str(turn["text"]) for turn in reversed(turns) if turn["who"] == "agent"), "")
    except (ValueError, LookupError, TypeError):
        return ""


def _joined(sentences: Sequence[Sentence]) -> str:
    return " ".join(sentence.text.strip() for sentence in sentences)


def _heard_text(sentence: Sentence, heard: HeardItem | None) -> str:
    if heard is None:
        return sentence.text if sentence.whole else ""
    generated_ms = heard.generated_ms
    if not sentence.whole:
        generated_ms = max(generated_ms, len(sentence.text) * _MS_PER_CHAR)
    if heard.heard_ms >= generated_ms - _HEARD_MARGIN_MS and heard.heard_ms > 0:
        return sentence.text
    part = heard_part(sentence.text.strip(), heard.heard_ms, generated_ms)
    return f"{part}…" if part else ""
