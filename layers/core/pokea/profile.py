"""One business: who it is, when it is open, what can be booked, and how its agent speaks. Read from a TOML file.

pydantic checks the file; the rest of the house sees frozen dataclasses. A file that cannot be used raises `BadProfile`, one line that
names the file and the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pokea.booking import BookingRules, Service
from pokea.errors import RejectedInput
from pokea.hours import WEEKDAYS, Opening, OpeningHours
from pokea.identity import Verification
from pokea.ids import BusinessId
from pokea.lines import PACKAGED, BadProfile, Line, line_of, profile_files, read_toml

__all__ = ["PACKAGED", "BadProfile", "Line", "Profile", "Verification", "load_profile", "load_profiles"]

LANGUAGES = ("en", "sw")  # the ones the agents have words for


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One business, checked. `language` is what its agent speaks first; `voice` is the model's name for a voice."""

    business_id: BusinessId
    name: str
    zone: str  # IANA name: "Africa/Nairobi"
    country: str  # ISO 3166 alpha-2
    language: str
    languages: tuple[str, ...]
    voice: str
    recording: bool
    verification: Verification
    line: Line
    booking: BookingRules

    @property
    def tz(self) -> ZoneInfo:
        return self.booking.tz

    def spoken_language(self, language: str) -> str:
        """`language` if this business speaks it, else its first one."""
        return language if language in self.languages else self.language


def load_profile(path: Path) -> Profile:
    """The profile in one file. Raises BadProfile."""
    tables = read_toml(path)
    line = line_of(tables, path.name)
    try:
        checked = _ProfileFile.model_validate({key: value for key, value in tables.items() if key != "line"})
    except ValidationError as problem:
        raise _first_problem(problem, path.name) from None
    return _profile(checked, line)


def load_profiles(folder: Path) -> Mapping[BusinessId, Profile]:
    """Every profile of `folder`. Raises BadProfile, also for an id or a number that two files claim."""
    profiles: dict[BusinessId, Profile] = {}
    numbers: dict[str, BusinessId] = {}
    for path in profile_files(folder):
        profile = load_profile(path)
        if profile.business_id in profiles:
            raise BadProfile(path.name, "id", f"{profile.business_id!r} is already the id of another profile")
        if profile.line.number in numbers:
            raise BadProfile(path.name, "line.number", f"is already the line of {numbers[profile.line.number]}")
        profiles[profile.business_id] = profile
        numbers[profile.line.number] = profile.business_id
    return profiles


def _known_zone(zone: str) -> str:
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


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _ServiceTable(_Table):
    key: Key
    minutes: Annotated[int, Field(ge=5, le=480)]
    names: dict[Language, Annotated[list[Spoken], Field(min_length=1, max_length=10)]]


class _HoursTable(_Table):
    monday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()
    tuesday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()
    wednesday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()
    thursday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()
    friday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()
    saturday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()
    sunday: Annotated[tuple[str, ...], AfterValidator(_openings), Field(strict=False)] = ()


class _BookingTable(_Table):
    capacity: Annotated[int, Field(ge=1, le=50)] = 1
    horizon_days: Annotated[int, Field(ge=1, le=180)] = (
        60  # read-back leaves the year out: half a year keeps it unmistakable
    )
    resource: Key = "main"
    closed_days: list[date] = []
    hours: _HoursTable
    services: Annotated[list[_ServiceTable], Field(min_length=1, max_length=50)]


class _ProfileFile(_Table):
    id: str  # checked by `lines.line_of`
    name: Spoken
    zone: Annotated[str, AfterValidator(_known_zone)]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    language: Language
    languages: Annotated[list[Language], Field(min_length=1)]
    voice: Annotated[str, Field(min_length=1, max_length=64)]
    recording: bool = False
    verification: str = Verification.NUMBER_AND_NAME.value
    booking: _BookingTable

    @model_validator(mode="after")
    def _consistent(self) -> _ProfileFile:
        if self.language not in self.languages:
            raise ValueError("language: must be one of languages")
        if self.verification not in set(Verification):
            raise ValueError(f"verification: must be one of {', '.join(Verification)}")
        keys = [service.key for service in self.booking.services]
        if len(set(keys)) != len(keys):
            raise ValueError("booking.services: two services have the same key")
        for service in self.booking.services:
            for language in self.languages:
                if language not in service.names:
                    raise ValueError(f"booking.services.{service.key}.names.{language}: is missing")
        return self


def _profile(checked: _ProfileFile, line: Line) -> Profile:
    booking = checked.booking
    week = {
        weekday: tuple(Opening.parse(text) for text in getattr(booking.hours, name))
        for weekday, name in enumerate(WEEKDAYS)
    }
    services = {
        service.key: Service(
            service.key, service.minutes, {language: tuple(names) for language, names in service.names.items()}
        )
        for service in booking.services
    }
    return Profile(
        business_id=line.business_id,
        name=checked.name,
        zone=checked.zone,
        country=checked.country,
        language=checked.language,
        languages=tuple(checked.languages),
        voice=checked.voice,
        recording=checked.recording,
        verification=Verification(checked.verification),
        line=line,
        booking=BookingRules(
            business_id=line.business_id,
            tz=ZoneInfo(checked.zone),
            hours=OpeningHours(week, frozenset(booking.closed_days)),
            services=services,
            capacity=booking.capacity,
            horizon_days=booking.horizon_days,
            resource=booking.resource,
        ),
    )


_KEYED = re.compile(r"^(?:Value error, )?(?:(?P<key>[a-z][\w.]*): )?(?P<problem>.*)$", re.DOTALL)


def _first_problem(problem: ValidationError, source: str) -> BadProfile:
    """pydantic's first complaint as one line. A check across keys begins its message with the key it means."""
    first = problem.errors()[0]
    path = ".".join(str(part) for part in first["loc"] if part != "[key]")
    said = _KEYED.fullmatch(" ".join(first["msg"].split()))
    key = path or (said["key"] if said and said["key"] else "")
    text = said["problem"] if said else first["msg"]
    return BadProfile(source, key, text[:1].lower() + text[1:])
