"""What was said and heard. The agent's words count only as far as the caller heard them."""

from __future__ import annotations

from dataclasses import dataclass

_LINES_KEPT = 400
_LINE_CHARS = 2000


def heard_part(text: str, heard: int, generated: int) -> str:
    """The words heard when `heard` of `generated` samples were: an estimate by proportion, cut at a word."""
    if heard >= generated:
        return text
    if heard <= 0:
        return ""
    end = len(text) * heard // generated
    if end < len(text) and not text[end].isspace():
        end = text.rfind(" ", 0, end) + 1
    return text[:end].rstrip()


@dataclass(frozen=True, slots=True)
class Line:
    who: str  # "agent" or "caller"
    text: str
    at_ms: int

    def to_json(self) -> dict[str, object]:
        return {"who": self.who, "text": self.text, "at_ms": self.at_ms}


class Transcript:
    """Bounded: the first lines of an endless call are kept, because they say what it was about."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._caller = ""
        self._caller_at_ms = 0.0

    def agent(self, text: str, at_ms: float) -> None:
        self._add("agent", text, at_ms)

    def caller_words(self, text: str, now_ms: float) -> None:
        """A piece of the caller's turn, as the model transcribes it."""
        if not self._caller:
            self._caller_at_ms = now_ms
        self._caller = (self._caller + text)[:_LINE_CHARS]

    @property
    def caller_line(self) -> str:
        """The caller's words in the turn that is not over."""
        return self._caller.strip()

    def forget_caller_line(self) -> None:
        self._caller = ""

    def close_caller_line(self) -> Line | None:
        """The caller's turn is over; its line, if there were words."""
        text, self._caller = self._caller.strip(), ""
        return self._add("caller", text, self._caller_at_ms) if text else None

    def _add(self, who: str, text: str, at_ms: float) -> Line:
        line = Line(who, text.strip()[:_LINE_CHARS], int(at_ms))
        if line.text and len(self.lines) < _LINES_KEPT:
            self.lines.append(line)
        return line
