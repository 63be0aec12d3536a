"""`[directory.<key>]` and `[handoff]`: whom a caller can be handed to, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from pokea.dial_policy import DialPolicy, NotAllowed
from pokea.directory import Directory, HandoffRules, Person, looping
from pokea.errors import RejectedInput
from pokea.hours import OpeningHours
from pokea.phone_numbers import E164
from pokea.tables.base import HoursTable, Language, Spoken, Table, in_every_language
from pokea.toolkit import HandoffMode

_PROBLEMS = {
    NotAllowed.INVALID: "is not a telephone number that exists",
    NotAllowed.COUNTRY: "lies in a country that handoff.countries does not name",
    NotAllowed.KIND: "is not an ordinary fixed or mobile number",
}


class PersonTable(Table):
    """One person or department."""

    number: str
    names: dict[Language, Annotated[list[Spoken], Field(min_length=1)]]
    languages: list[Language] = []
    fallback: str = ""
    notify_url: Annotated[str, Field(max_length=500)] = ""
    hours: HoursTable | None = None


class HandoffTable(Table):
    """How hand-offs are made."""

    mode: Literal["attended", "dial"] = "attended"
    ring_s: Annotated[int, Field(ge=5, le=60)] = 25
    brief_s: Annotated[int, Field(ge=15, le=120)] = 40
    countries: list[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]] = []
    default: str = ""


@dataclass(frozen=True, slots=True)
class Business:
    """What the directory takes from the rest of the profile."""

    zone: str
    country: str
    languages: tuple[str, ...]
    hours: OpeningHours


def directory_of(people: Mapping[str, PersonTable], handoff: HandoffTable, business: Business) -> Directory:
    return Directory(
        people={key: _person(key, table, business) for key, table in people.items()},
        rules=HandoffRules(
            mode=HandoffMode(handoff.mode),
            ring_s=handoff.ring_s,
            brief_s=handoff.brief_s,
            default=handoff.default or next(iter(people), ""),
        ),
        policy=_policy(handoff, business),
        zone=business.zone,
    )


def check_directory(people: Mapping[str, PersonTable], handoff: HandoffTable, business: Business) -> None:
    """Raises ValueError that begins with the key it means."""
    if handoff.default and handoff.default not in people:
        raise ValueError(f"handoff.default: {handoff.default!r} is not a key of the directory")
    policy = _policy(handoff, business)
    taken: dict[str, str] = {}
    for key, person in people.items():
        where = f"directory.{key}"
        _check_number(person.number, policy, where)
        for language in person.languages:
            if language not in business.languages:
                raise ValueError(f"{where}.languages: {language!r} is not one of the business's languages")
        in_every_language(person.names, list(business.languages), f"{where}.names")
        if person.fallback and person.fallback not in people:
            raise ValueError(f"{where}.fallback: {person.fallback!r} is not a key of the directory")
        if not any(_hours(person, business).week.values()):
            raise ValueError(f"{where}.hours: is missing, and the business has no opening hours either")
        if person.notify_url and not _is_https(person.notify_url):
            raise ValueError(f"{where}.notify_url: must be an https URL")
        for name in {name.casefold() for names in person.names.values() for name in names}:
            if taken.setdefault(name, key) != key:
                raise ValueError(f"{where}.names: {name!r} is already a name of {taken[name]}")
    if loop := looping({key: person.fallback for key, person in people.items()}):
        raise ValueError(f"directory.{loop}.fallback: leads back to where it began")


def _check_number(number: str, policy: DialPolicy, where: str) -> None:
    try:
        valid = E164(number)
    except RejectedInput as problem:
        raise ValueError(f"{where}.number: {number!r} is {problem.message}") from None
    if problem_found := policy.problem_with(valid):
        raise ValueError(f"{where}.number: {valid} {_PROBLEMS[problem_found]}")


def _policy(handoff: HandoffTable, business: Business) -> DialPolicy:
    return DialPolicy(frozenset(handoff.countries or [business.country]))


def _hours(table: PersonTable, business: Business) -> OpeningHours:
    return table.hours.opening_hours() if table.hours is not None else business.hours


def _person(key: str, table: PersonTable, business: Business) -> Person:
    return Person(
        key=key,
        names={language: tuple(names) for language, names in table.names.items()},
        number=E164(table.number),
        hours=_hours(table, business),
        languages=tuple(table.languages) or business.languages,
        fallback=table.fallback,
        notify_url=table.notify_url,
    )


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and parts.username is None and url.isprintable()
    except ValueError:
        return False
