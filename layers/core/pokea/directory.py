"""The people and departments of a business: whom a caller can be handed to, when, and who stands in.

Everybody is named by a key. A model gives a key, or the words a caller used, and never a number: numbers stand in the profile alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from pokea.dial_policy import DialPolicy
from pokea.hours import OpeningHours, local
from pokea.phone_numbers import E164
from pokea.toolkit import HandoffMode

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person or department. `names` by language, the usual one first; `languages`: what they speak, the best first."""

    key: str
    names: Mapping[str, tuple[str, ...]]
    number: E164
    hours: OpeningHours
    languages: tuple[str, ...]
    fallback: str = ""
    notify_url: str = ""  # is told of a hand-off by a POST with the address of its card

    def called(self, language: str) -> str:
        """As it is spoken of in `language`."""
        names = self.names.get(language) or next(iter(self.names.values()), (self.key,))
        return names[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffRules:
    """`ring_s`: how long a telephone rings. `brief_s`: how long somebody may take to hear the brief and answer it."""

    mode: HandoffMode = HandoffMode.ATTENDED
    ring_s: int = 25
    brief_s: int = 40
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    people: Mapping[str, Person] = field(default_factory=dict)
    rules: HandoffRules = field(default_factory=HandoffRules)
    policy: DialPolicy = field(default_factory=DialPolicy)
    zone: str = "UTC"

    def find(self, said: str) -> Person | None:
        """Whom `said` means: a key, or a name in any language with whatever words around it; None for nobody or several.

        No words at all mean the business's usual person.
        """
        if not said:
            return self.people.get(self.rules.default)
        if said in self.people:
            return self.people[said]
        spoken = _padded(said)
        named = [(name, person) for person in self.people.values() for name in _padded_names(person) if name in spoken]
        # "sales support" names one department and not also "sales".
        whole = {
            person.key: person
            for name, person in named
            if not any(name in other and name != other for other, _ in named)
        }
        return next(iter(whole.values())) if len(whole) == 1 else None

    def names(self, language: str) -> list[str]:
        return [person.called(language) for person in self.people.values()]


class Absence(StrEnum):
    """Why nobody can be rung."""

    UNKNOWN = "unknown"  # no such key
    CLOSED = "closed"  # neither this one nor anybody who stands in is there at this time
    NOT_ALLOWED = "not_allowed"  # the dial policy forbids the number


@dataclass(frozen=True, slots=True)
class Absent:
    """Nobody can be rung for `person`, who was asked for; None when nobody is known by that name."""

    why: Absence
    person: Person | None = None


def resolve(directory: Directory, key: str, now: datetime) -> Person | Absent:
    """Whom to ring for `key` at `now`: that person, or the first who stands in and is there."""
    asked_for = directory.people.get(key)
    if asked_for is None:
        return Absent(Absence.UNKNOWN)
    there = [person for person in _chain(directory, asked_for) if is_there(person, directory.zone, now)]
    if not there:
        return Absent(Absence.CLOSED, asked_for)
    allowed = [person for person in there if directory.policy.problem_with(person.number) is None]
    return allowed[0] if allowed else Absent(Absence.NOT_ALLOWED, asked_for)


def is_there(person: Person, zone: str, now: datetime) -> bool:
    wall = local(now, ZoneInfo(zone))
    return person.hours.is_open_at(wall.date(), wall.hour * 60 + wall.minute)


def looping(fallbacks: Mapping[str, str]) -> str | None:
    """A key from which following `fallbacks` never ends; None if there is none."""
    for start in fallbacks:
        seen, key = {start}, fallbacks.get(start, "")
        while key:
            if key in seen:
                return start
            seen.add(key)
            key = fallbacks.get(key, "")
    return None


def _chain(directory: Directory, person: Person) -> Iterator[Person]:
    """`person` and those who stand in, each once: a chain that bites its tail ends there."""
    seen: set[str] = set()
    following: Person | None = person
    while following is not None and following.key not in seen:
        seen.add(following.key)
        yield following
        following = directory.people.get(following.fallback)


def _padded_names(person: Person) -> set[str]:
    spoken = [name for names in person.names.values() for name in names]
    return {_padded(name) for name in (*spoken, person.key.replace("_", " "))}


def _padded(text: str) -> str:
    """The words of `text` between single spaces, for finding whole words in whole words."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "
