"""The minutes of a call: its transcript, holding only what was heard, and a note in the call record for each line of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridge.core.frames import Note
from bridge.core.playout import Utterance
from bridge.core.transcript import Transcript, heard_part

_TOOLS_KEPT = 400
NOT_KEPT = "[not kept]"


class Minutes:
    """`emit` takes the notes, in order."""

    def __init__(self, emit: Callable[[Note], None]) -> None:
        self.transcript = Transcript()
        self.tools: list[dict[str, Any]] = []
        self._emit = emit

    def note(self, event: str, **fields: object) -> None:
        self._emit(Note(event, fields))

    def tool_used(self, name: str, status: str, took_ms: int, now_ms: float) -> None:
        """A tool has answered."""
        if len(self.tools) < _TOOLS_KEPT:
            at_ms = max(0, int(now_ms) - took_ms)
            self.tools.append({"name": name, "status": status[:64], "took_ms": took_ms, "at_ms": at_ms})

    def agent_said(self, utterance: Utterance, now_ms: float) -> str:
        """Enter an utterance that is over, as far as it was heard; returns those words."""
        text = heard_part(utterance.text, utterance.heard(now_ms), utterance.generated)
        heard_all = utterance.cut_ms is None or utterance.heard_at_cut >= utterance.generated > 0
        self.transcript.agent(text, utterance.started_ms if utterance.started_ms is not None else now_ms)
        if text:
            self.note("agent_said", text=text, heard=heard_all and utterance.complete)
        return text

    def caller_words(self, text: str, now_ms: float, *, is_secret: bool = False) -> None:
        """A piece of what the caller is saying. Of a secret only that something was said is kept."""
        if is_secret:
            text = "" if self.caller_line.endswith(NOT_KEPT) else f" {NOT_KEPT}"
        self.transcript.caller_words(text, now_ms)

    def caller_done(self) -> str:
        """The caller's turn is over; returns their words."""
        line = self.transcript.close_caller_line()
        if line is None:
            return ""
        self.note("caller_said", text=line.text)
        return line.text

    @property
    def caller_line(self) -> str:
        """What the caller has said in the turn that is not over."""
        return self.transcript.caller_line

    def handed_over(self, line: str, now_ms: float) -> None:
        """From here on the caller speaks with a person, and nobody writes down what they say."""
        self.transcript.agent(line, now_ms)
        self.note("handed_over")

    def forget_caller_line(self) -> None:
        """The turn that is not over will be understood anew."""
        self.transcript.forget_caller_line()

    @property
    def lines(self) -> tuple[dict[str, object], ...]:
        """The transcript as the close operation reports it."""
        return tuple(line.to_json() for line in self.transcript.lines)
