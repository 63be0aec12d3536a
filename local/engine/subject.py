"""What a session's tools are about: all that the engine ever learns of a business, read off the tools' declarations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Names = Mapping[str, tuple[str, ...]]  # key → spoken names


@dataclass(frozen=True, slots=True)
class Subject:
    """`tools`: the names of the declared ones. `first_question`: what the greeting of a questionnaire has asked already."""

    tools: frozenset[str] = frozenset()
    services: Names = field(default_factory=dict)
    people: Names = field(default_factory=dict)
    required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # arguments, by tool
    first_question: str = ""

    @property
    def terms(self) -> Terms:
        return Terms(
            tuple(sorted(self.tools)),
            tuple(dict.fromkeys(name for names in self.services.values() for name in names)),
            tuple(dict.fromkeys(name for names in self.people.values() for name in names)),
        )

    def with_all_of(self, other: Subject) -> Subject:
        """What either may be about: for words whose session is not known."""
        if other.tools <= self.tools and _holds(self.services, other.services) and _holds(self.people, other.people):
            return self
        return replace(
            self,
            tools=self.tools | other.tools,
            services=_united(self.services, other.services),
            people=_united(self.people, other.people),
        )


def _holds(ours: Names, theirs: Names) -> bool:
    return all(set(names) <= set(ours.get(key, ())) for key, names in theirs.items())


def _united(ours: Names, theirs: Names) -> Names:
    return {key: tuple(dict.fromkeys((*ours.get(key, ()), *theirs.get(key, ())))) for key in (*ours, *theirs)}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a recogniser must know of a subject. `services` and `people`: spoken names in all languages."""

    tools: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


def subject_of(declarations: Sequence[Mapping[str, Any]]) -> Subject:
    """declarations: {"name", "description", "parameters"} each."""
    return Subject(
        frozenset(str(one.get("name")) for one in declarations),
        _named(declarations, "service"),
        _named(declarations, "department"),
        {str(one.get("name")): _required(one) for one in declarations},
        next((key for one in declarations if one.get("name") == "recordAnswer" for key in _keys(one, "question")), ""),
    )


def _named(declarations: Sequence[Mapping[str, Any]], argument: str) -> Names:
    """Keys and their spoken names, from the first tool that has an `argument` with an enum.

    The description lists them as "key: name, name; key: name"; a key that it does not explain is spoken as it is written.
    """
    for declaration in declarations:
        if keys := _keys(declaration, argument):
            text = str(_properties(declaration)[argument].get("description", ""))
            return {key: _spoken_names(key, text) for key in keys}
    return {}


def _properties(declaration: Mapping[str, Any]) -> Mapping[str, Any]:
    return (declaration.get("parameters") or {}).get("properties") or {}


def _keys(declaration: Mapping[str, Any], argument: str) -> list[str]:
    return [str(key) for key in (_properties(declaration).get(argument) or {}).get("enum") or ()]


def _required(declaration: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(name) for name in (declaration.get("parameters") or {}).get("required") or ())


def _spoken_names(key: str, description: str) -> tuple[str, ...]:
    listed = re.search(rf"\b{re.escape(key)}: ([^;.]+)", description)
    names = [plain(name) for name in listed[1].split(",")] if listed else []
    return tuple(dict.fromkeys([*filter(None, names), plain(key.replace("_", " "))]))


def plain(text: str) -> str:
    """Lower case without punctuation: how phrases are written here and how recognised words come out."""
    return " ".join(re.sub(r"[^a-z' ]+", " ", text.lower()).split())
