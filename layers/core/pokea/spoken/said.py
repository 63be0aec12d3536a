"""What a phrase about time says, before anybody asks what it means: days, clock times, a part of the day.

`Scanner` walks over the words; each language brings rules, small functions that take the words they know and note what they say. A word
that no rule knows makes the whole phrase "not understood": half-understood times are how wrong appointments are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pokea.hours import DAY_MINUTES
from pokea.spoken.days import DayWords

HALF_DAY = DAY_MINUTES // 2


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the day in minutes from its midnight. One that runs past 1440 reaches into the next day: "at night"."""

    name: str
    from_min: int
    to_min: int

    def keep(self, minutes: frozenset[int]) -> frozenset[int]:
        """Those of `minutes` that lie in this part. After midnight of a night both days stay possible: m and m + 1440."""
        inside = {m for m in minutes if self.from_min <= m < self.to_min}
        beyond = {m for m in minutes if self.from_min <= m + DAY_MINUTES < self.to_min}
        return frozenset(inside | beyond | {m + DAY_MINUTES for m in beyond})


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day: every minute of the day it can mean. `by_hours`: opening hours may settle it (a bare English "three")."""

    minutes: frozenset[int]
    by_hours: bool = False

    @classmethod
    def exactly(cls, minute: int) -> Clock:
        return cls(frozenset({minute}))

    @classmethod
    def twelve_hour(cls, hour: int, minute: int) -> Clock:
        """An hour from 1 to 12 without morning or evening."""
        early = (hour % 12) * 60 + minute
        return cls(frozenset({early, early + HALF_DAY}), by_hours=True)


MIDNIGHT = Clock(frozenset({0, DAY_MINUTES}))  # the night before or the night after: people mean both


@dataclass(slots=True)
class Said:
    """Everything one phrase says. `fold`: which of two equal wall-clock times, where clocks go back (0 the earlier)."""

    days: list[DayWords] = field(default_factory=list)
    clocks: list[Clock] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    fold: int | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.days or self.clocks or self.parts)


@dataclass(slots=True)
class Scanner:
    """A cursor over the words of one phrase. `language` is the call's: it decides how bare figures are read."""

    words: Sequence[str]
    language: str
    at: int = 0

    @property
    def done(self) -> bool:
        return self.at >= len(self.words)

    def word(self, ahead: int = 0) -> str:
        """The word `ahead` of the cursor, or "" beyond either end."""
        index = self.at + ahead
        return self.words[index] if 0 <= index < len(self.words) else ""

    def take(self, *words: str) -> bool:
        """Move over `words` if exactly they come next."""
        if tuple(self.words[self.at : self.at + len(words)]) != words:
            return False
        self.at += len(words)
        return True

    def take_any(self, *phrases: str) -> bool:
        """Move over the first of several phrases that comes next."""
        return any(self.take(*phrase.split()) for phrase in phrases)

    def number(self, read: Callable[[Sequence[str], int], tuple[int, int] | None], low: int, high: int) -> int | None:
        """Move over a number between `low` and `high` as `read` finds it."""
        found = read(self.words, self.at)
        if found is None or not low <= found[0] <= high:
            return None
        self.at = found[1]
        return found[0]


Rule = Callable[[Scanner, Said], bool]


def scan(words: Sequence[str], language: str, rules: Sequence[Rule], fillers: frozenset[str]) -> Said | None:
    """What `words` say, or None when one of them says nothing that a rule knows."""
    scanner, said = Scanner(words, language), Said()
    while not scanner.done:
        if any(_applies(rule, scanner, said) for rule in rules):
            continue
        if scanner.word() not in fillers:
            return None
        scanner.at += 1
    return None if said.is_empty else said


def _applies(rule: Rule, scanner: Scanner, said: Said) -> bool:
    """Whether `rule` took words. One that gave up half-way leaves no trace."""
    before, trial = scanner.at, Said(list(said.days), list(said.clocks), list(said.parts), said.fold)
    if not rule(scanner, trial) or scanner.at == before:
        scanner.at = before
        return False
    said.days, said.clocks, said.parts, said.fold = trial.days, trial.clocks, trial.parts, trial.fold
    return True
