"""One business: who it is, when it is open, what can be booked, and how its agent speaks. Read from a TOML file.

pydantic checks the file; the rest of the house sees frozen dataclasses. A file that cannot be used raises `BadProfile`, one line that
names the file and the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationError, model_validator

from pokea.backends import Backend
from pokea.billing.rules import BillingRules
from pokea.booking import BookingRules
from pokea.calendars import CalendarRules
from pokea.directory import Directory
from pokea.dispatch import DispatchRules
from pokea.errors import RejectedInput
from pokea.hours import OpeningHours
from pokea.identity import Verification
from pokea.ids import BusinessId
from pokea.leads import LeadScript
from pokea.lines import PACKAGED, BadProfile, Line, line_of, profile_files, read_toml
from pokea.reception import ReceptionRules
from pokea.retention import Recording, Retention
from pokea.support import SupportRules
from pokea.tables.backends import BackendTable, check_backends
from pokea.tables.base import LANGUAGES, HoursTable, Key, Language, Spoken, Table, first_problem, known_zone
from pokea.tables.billing import BillingTable
from pokea.tables.booking import BookingTable
from pokea.tables.calendar import CalendarTable
from pokea.tables.directory import Business, HandoffTable, PersonTable, check_directory, directory_of
from pokea.tables.dispatch import DispatchTable
from pokea.tables.leads import LeadsTable
from pokea.tables.reception import ReceptionTable
from pokea.tables.retention import RecordingRule, RetentionTable
from pokea.tables.support import SupportTable

__all__ = ["LANGUAGES", "PACKAGED", "BadProfile", "Line", "Profile", "Verification", "load_profile", "load_profiles"]


Setting = str | int | float | bool | tuple[str, ...]


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
    recording: Recording
    verification: Verification
    line: Line
    booking: BookingRules  # without services where nothing can be booked
    calendar: CalendarRules = field(default_factory=CalendarRules)
    directory: Directory = field(default_factory=Directory)
    retention: Retention = field(default_factory=Retention)
    billing: BillingRules = field(default_factory=BillingRules)
    reception: ReceptionRules | None = None
    support: SupportRules | None = None
    leads: LeadScript | None = None
    dispatch: DispatchRules | None = None
    backends: Mapping[str, Backend] = field(default_factory=dict)  # by what they keep: accounts, orders, shipments
    settings: Mapping[str, Setting] = field(default_factory=dict)  # of an agent of the business's own

    @property
    def hours(self) -> OpeningHours:
        return self.booking.hours

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
    for key, person in checked.directory.items():
        if person.number == line.number:
            raise BadProfile(path.name, f"directory.{key}.number", "is the business's own line")
    try:
        return _profile(checked, line, path.parent)
    except RejectedInput as problem:
        raise BadProfile(path.name, "reception.knowledge", problem.message) from None


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


class _ProfileFile(Table):
    id: str  # checked by `lines.line_of`
    name: Spoken
    zone: Annotated[str, AfterValidator(known_zone)]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    language: Language
    languages: Annotated[list[Language], Field(min_length=1)]
    voice: Annotated[str, Field(min_length=1, max_length=64)]
    recording: RecordingRule = Recording.OFF.value
    verification: str = Verification.NUMBER_AND_NAME.value
    hours: HoursTable = HoursTable()
    booking: BookingTable = BookingTable()
    calendar: CalendarTable = CalendarTable()
    directory: dict[Key, PersonTable] = {}
    handoff: HandoffTable = HandoffTable()
    retention: RetentionTable = RetentionTable()
    billing: BillingTable = BillingTable()
    reception: ReceptionTable | None = None
    support: SupportTable | None = None
    leads: LeadsTable | None = None
    dispatch: DispatchTable | None = None
    backend: dict[Key, BackendTable] = {}
    settings: dict[Key, str | int | float | bool | list[str]] = {}

    @model_validator(mode="after")
    def _consistent(self) -> _ProfileFile:
        if self.language not in self.languages:
            raise ValueError("language: must be one of languages")
        if self.verification not in set(Verification):
            raise ValueError(f"verification: must be one of {', '.join(Verification)}")
        for table in (self.booking, self.reception, self.support, self.leads, self.dispatch):
            if table is not None:
                table.check(self.languages)
        self.calendar.check([person.key for person in self.booking.practitioners])
        check_backends(self.backend, self.id)
        check_directory(self.directory, self.handoff, self.business)
        return self

    @property
    def business(self) -> Business:
        return Business(self.zone, self.country, tuple(self.languages), self.hours.opening_hours())


def _profile(checked: _ProfileFile, line: Line, folder: Path) -> Profile:
    """Reads, beside the tables, the files of `folder` that they name. Raises RejectedInput."""
    settings: dict[str, Setting] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in checked.settings.items()
    }
    return Profile(
        business_id=line.business_id,
        name=checked.name,
        zone=checked.zone,
        country=checked.country,
        language=checked.language,
        languages=tuple(checked.languages),
        voice=checked.voice,
        recording=Recording(checked.recording),
        verification=Verification(checked.verification),
        line=line,
        booking=checked.booking.rules(line.business_id, checked.zone, checked.hours.opening_hours()),
        calendar=checked.calendar.rules(),
        directory=directory_of(checked.directory, checked.handoff, checked.business),
        retention=checked.retention.rules(),
        billing=checked.billing.rules(),
        reception=checked.reception.rules(folder, checked.language, checked.name) if checked.reception else None,
        support=checked.support.rules() if checked.support else None,
        leads=checked.leads.rules() if checked.leads else None,
        dispatch=checked.dispatch.rules() if checked.dispatch else None,
        backends={domain: table.backend() for domain, table in checked.backend.items()},
        settings=settings,
    )


def _first_problem(problem: ValidationError, source: str) -> BadProfile:
    return BadProfile(source, *first_problem(problem))
