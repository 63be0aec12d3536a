"""Calls that lead nowhere although the line is never silent: music on hold, a television, a machine that says the same over and over,
two machines talking. The idle timer does not see them, because something is always heard; so here only words count, and only new ones.

    no words for 20 s        the caller is asked, as a silent one is         (while the agent speaks or works, no time passes)
    no words for 40 s        goodbye
    the same turn 8 times    goodbye
    the call's cap on spend  goodbye
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bridge.core.limits import Due

_SAME_TURNS = 8  # nobody asks "hello?" as often as that
_TURN_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class FruitlessLimits:
    """`max_tokens`: of all turns together, as the model reports them; None for no cap."""

    ask_ms: int = 20_000
    goodbye_ms: int = 40_000
    max_tokens: int | None = None


class Fruitless:
    """The session says what happened; `due` says what is to be done about it."""

    def __init__(self, limits: FruitlessLimits) -> None:
        self._limits = limits
        self._wordless_ms = 0.0  # so far, without the stretches in which the agent spoke or worked
        self._listening_since_ms: float | None = None
        self._asked = False
        self._turn = ""  # what the caller has said of this turn
        self._last_turn = ""
        self._same = 0  # how often the same turn came in a row
        self._tokens = 0
        self._ended = False
        self._is_transcribed = False  # somebody writes down what the caller says: not every model does

    # --- what happened ------------------------------------------------------------------------------------------------------

    def listening(self, is_listening: bool, now_ms: float) -> None:
        """Whether the caller has the floor. Only then does time pass."""
        if is_listening and self._listening_since_ms is None:
            self._listening_since_ms = now_ms
        elif not is_listening and self._listening_since_ms is not None:
            self._wordless_ms += now_ms - self._listening_since_ms
            self._listening_since_ms = None

    def words(self, text: str) -> None:
        """More of what the caller says."""
        if text.strip():
            self._is_transcribed = True
            self._turn = (self._turn + text)[-_TURN_CHARS:]
            self.sign_of_life()

    def turn_over(self) -> None:
        """The caller's turn is complete."""
        said = " ".join(re.findall(r"\w+", self._turn.lower()))
        self._turn = ""
        if said:
            self._same = self._same + 1 if said == self._last_turn else 1
            self._last_turn = said

    def sign_of_life(self) -> None:
        """Somebody is there: words, a key, something that was done for them."""
        self._wordless_ms, self._asked = 0.0, False
        if self._listening_since_ms is not None:
            self._listening_since_ms = None  # counts anew from the next moment of listening

    def answered(self) -> None:
        """The model spoke. Where no caller's word was ever written down, that is the only sign that it has understood any."""
        if not self._is_transcribed:
            self.sign_of_life()

    def progress(self) -> None:
        """A tool was asked for: the conversation leads somewhere, even in the same words."""
        self._same = 0
        self.sign_of_life()

    def asked(self) -> None:
        """The caller was asked for another reason: once is enough, and what happens next tells."""
        self._asked = True

    def spent(self, tokens: int) -> None:
        self._tokens += tokens

    # --- what is due --------------------------------------------------------------------------------------------------------

    @property
    def deadline_ms(self) -> float | None:
        """When `due` may have something to say, if nothing happens before."""
        if self._ended or self._listening_since_ms is None:
            return None
        limit = self._limits.goodbye_ms if self._asked else self._limits.ask_ms
        return self._listening_since_ms + limit - self._wordless_ms

    def due(self, now_ms: float) -> Due | None:
        """Each step once."""
        if self._ended:
            return None
        if self._same >= _SAME_TURNS or self._is_spent:
            self._ended = True
            return Due.FRUITLESS
        deadline_ms = self.deadline_ms
        if deadline_ms is None or now_ms < deadline_ms:
            return None
        if self._asked:
            self._ended = True
            return Due.IDLE_GOODBYE
        self._asked = True
        return Due.ASK

    @property
    def _is_spent(self) -> bool:
        return self._limits.max_tokens is not None and self._tokens >= self._limits.max_tokens
