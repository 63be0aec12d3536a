"""What the caller says to what it hears: an ordered list of rules, each good for a limited number of times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    name: str
    number: str
    """E.164."""
    language: str = "en"
    voice: str = ""
    """A speech voice's name; "" is the language's usual caller voice."""
    wpm: int = 0
    """0: the voice's usual speed."""


AGAIN = "\x00again"
"""As a rule's `say`: whatever this caller said last."""


@dataclass(frozen=True, slots=True)
class Rule:
    """If `pattern` (regular expression, any case) is found in the agent's words of this turn, do this, at most `times` times.

    say "": stay silent to it; AGAIN: repeat the last line. wait_ms: think before speaking.
    hang_up_after_ms: hang up this long after the line was said. keys: pressed instead of saying anything, or before it.
    follow: said after the line, at the earliest after so many milliseconds, once the caller may (see there) and everybody is quiet.
    Whatever was said in between is not answered.
    language: of the line; "" is the persona's own.
    """

    pattern: str
    say: str
    times: int = 3
    wait_ms: int = 0
    hang_up_after_ms: int | None = None
    keys: str = ""
    follow: tuple[str, int] | None = None
    language: str = ""


@dataclass(frozen=True, slots=True)
class Interruption:
    """Talk over the agent's `turn`-th turn (1 is the greeting) once it has been speaking for `after_ms`."""

    after_ms: int
    say: str
    turn: int = 1


@dataclass(frozen=True, slots=True)
class Aside:
    """A sound that is no turn, made into the agent's `turn`-th turn once it has lasted `after_ms`: a murmur, a cough.

    say: what is murmured; sound: 16 kHz mono PCM16LE instead of words. The caller goes on listening.
    """

    after_ms: int
    turn: int
    say: str = ""
    sound: bytes = b""


class RuleBook:
    """Counts how often each rule was used. The first rule that matches and is not used up wins."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [(re.compile(rule.pattern, re.IGNORECASE), rule) for rule in rules]
        self._used = [0] * len(rules)

    def answer(self, words: str) -> Rule | None:
        for position, (pattern, rule) in enumerate(self._rules):
            if self._used[position] < rule.times and pattern.search(words):
                self._used[position] += 1
                return rule
        return None
