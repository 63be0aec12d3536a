"""The vocabulary of profile files: what a key, a spoken name, a language or a week of opening hours may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pokea.errors import RejectedInput
from pokea.hours import WEEKDAYS, Opening, OpeningHours

LANGUAGES = ("en", "sw")  # the ones the agents have words for


def known_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{zone!r} is not a time zone") from None
    return zone


def _known_language(language: str) -> str:
    if language not in LANGUAGES:
        raise ValueError(f"{language!r} is not one of {', '.join(LANGUAGES)}")
    return language


def _spoken(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be words that can be spoken")
    return text


def _openings(texts: tuple[str, ...]) -> tuple[str, ...]:
    try:
        openings = [Opening.parse(text) for text in texts]
    except RejectedInput as problem:
        raise ValueError(problem.message) from None
    for before, after in pairwise(openings):
        if after.opens_min < before.closes_min:
            raise ValueError("openings must not overlap and must be in order")
    return texts


Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Language = Annotated[str, AfterValidator(_known_language)]
Spoken = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_spoken)]


class Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class HoursTable(Table):
    monday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()
    tuesday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()
    wednesday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()
    thursday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()
    friday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()
    saturday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()
    sunday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()
    closed_days: list[date] = []

    def opening_hours(self) -> OpeningHours:
        week = {
            weekday: tuple(Opening.parse(text) for text in getattr(self, name)) for weekday, name in enumerate(WEEKDAYS)
        }
        return OpeningHours(week, frozenset(self.closed_days))


def in_every_language(texts: Mapping[str, object], languages: list[str], key: str) -> None:
    """Raises ValueError that names the first of `languages` without a text."""
    for language in languages:
        if language not in texts:
            raise ValueError(f"{key}.{language}: is missing")


_KEYED = re.compile(r"^(?:Value error, )?(?:(?P<key>[a-z][\w.]*): )?(?P<problem>.*)$", re.DOTALL)


def first_problem(problem: ValidationError) -> tuple[str, str]:
    """pydantic's first complaint as the key it is about and one line. A check across keys begins its message with the key it means."""
    first = problem.errors()[0]
    path = ".".join(str(part) for part in first["loc"] if part != "[key]")
    said = _KEYED.fullmatch(" ".join(first["msg"].split()))
    key = path or (said["key"] if said and said["key"] else "")
    text = said["problem"] if said else first["msg"]
    return key, text[:1].lower() + text[1:]
