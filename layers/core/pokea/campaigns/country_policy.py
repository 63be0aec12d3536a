"""Country rules as data: when, with what consent and how often people of a country may be rung. docs/lawful-hours.md describes the files.

Every rule says on what it stands (`basis`), where it was found (`source`) and what is not certain about it (`doubt`). A rule that a
machine can check is a value; the others are notices, which a preview shows and people heed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path

from pokea.campaigns.holiday_dates import holidays_of
from pokea.errors import CallError, RejectedInput
from pokea.hours import WEEKDAYS, Opening, OpeningHours
from pokea.toml_tables import TomlTable, read_tables

FOLDER = "policy"  # beside the profiles and not among them: every *.toml there is read as a profile
PACKAGED_POLICIES = Path(__file__).parents[1] / "policy"  # the packs that ship with the package
MAX_POLICY_BYTES = 256 * 1024
MAX_MARGIN_DAYS = 3
MAX_TEXT_CHARS = 2_000
_POLICY_KEYS = frozenset(
    {"id", "country", "replaces", "hours", "holidays", "consent", "consent_age", "attempts", "notice"}
)
_GROUNDS_KEYS = frozenset({"basis", "source", "doubt"})
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_WORD = re.compile(r"\w+")


class BadPolicy(CallError):
    """A country pack that cannot be used. The message is one line that names the file and the key."""

    http_status = 400

    def __init__(self, source: str, key: str, problem: str) -> None:
        where = f"{source}: {key}" if key else source
        super().__init__("bad_policy", f"{where}: {problem}", facts={"source": source, "key": key})


class Basis(StrEnum):
    LAW = "law"  # the rule's own text was read
    REPORTED = "reported"  # read in somebody's summary of it
    OURS = "ours"  # no rule was found: our own, and careful


@dataclass(frozen=True, slots=True)
class Grounds:
    """On what a rule stands. `doubt` is empty only where the rule's own text was read."""

    basis: Basis
    source: str
    doubt: str


class Topic(StrEnum):
    DISCLOSURE = "disclosure"
    DO_NOT_CALL = "do_not_call"
    SENSITIVE = "sensitive"
    RECORDING = "recording"
    OTHER = "other"


NEEDED_TOPICS = (Topic.DISCLOSURE, Topic.DO_NOT_CALL, Topic.SENSITIVE)


@dataclass(frozen=True, slots=True)
class Notice:
    """A rule for people: what to say, whom not to choose. Nothing in the gate reads it."""

    topic: Topic
    says: str
    grounds: Grounds


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayRule:
    """`calendar`: the country in the holidays package. `margin_days`: so many days before and after a holiday whose date is an estimate
    are holidays too. `extra`: days that the package does not know."""

    calendar: str
    categories: tuple[str, ...]
    margin_days: int
    extra: Mapping[date, str]
    grounds: Grounds

    def name_of(self, day: date) -> str:
        """What is celebrated on `day`; "" for an ordinary day. A year that no calendar knows is a holiday as a whole."""
        return self.extra.get(day) or holidays_of(self.calendar, self.categories, self.margin_days, day)


class ConsentForm(StrEnum):
    EXPRESS = "express"
    WRITTEN = "written"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRule:
    """`max_age`: how long consent holds; None: until it is taken back."""

    form: ConsentForm
    written_words: frozenset[str]
    spoken_words: frozenset[str]
    grounds: Grounds
    max_age: timedelta | None = None
    age_grounds: Grounds | None = None

    def shows_form(self, source: str) -> bool:
        """Whether `source`, the list's word for where somebody agreed, shows that it was in the form that the country asks for."""
        if self.form is ConsentForm.EXPRESS:
            return True
        words = set(_WORD.findall(source.casefold().replace("_", " ")))
        return bool(words & self.written_words) and not words & self.spoken_words


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptCaps:
    """At most so many attempts on one day of the contact's, in seven such days in a row, and for one campaign."""

    per_day: int
    per_week: int
    in_all: int
    grounds: Grounds


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryPolicy:
    """One pack. `replaces`: the id of the packaged pack whose place it takes; "" = it holds beside it."""

    policy_id: str
    country: str
    hours: OpeningHours
    hours_grounds: Grounds
    holidays: HolidayRule
    consent: ConsentRule
    attempts: AttemptCaps
    notices: tuple[Notice, ...]
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Policies:
    """The packs of every country that may be rung. A country may have several: then all of them must be kept."""

    packs: tuple[CountryPolicy, ...]
    _by_country: Mapping[str, tuple[CountryPolicy, ...]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        found: dict[str, list[CountryPolicy]] = defaultdict(list)
        for pack in self.packs:
            found[pack.country].append(pack)
        object.__setattr__(self, "_by_country", {country: tuple(packs) for country, packs in found.items()})

    def of(self, country: str) -> tuple[CountryPolicy, ...]:
        """The packs of a country (ISO alpha-2); none: nobody there may be rung."""
        return self._by_country.get(country, ())

    @property
    def countries(self) -> tuple[str, ...]:
        return tuple(sorted(self._by_country))


@cache
def packaged_policies() -> Policies:
    """The packs that ship with the package. Reads files, once."""
    return Policies(_packs_in(PACKAGED_POLICIES))


def policies_in(folder: Path) -> Policies:
    """The packs of one's own in `folder` (every *.toml) and the packaged ones. Raises BadPolicy.

    A pack of a country that has one already tightens it: both must be kept. Only a pack that says which one it `replaces` takes a rule
    away, so nobody loosens the law by leaving a key out.
    """
    own, packaged = _packs_in(folder), packaged_policies().packs
    replaced = {pack.replaces: pack for pack in own if pack.replaces}
    for policy_id, pack in replaced.items():
        if not any(known.policy_id == policy_id and known.country == pack.country for known in packaged):
            raise BadPolicy(
                str(folder),
                pack.policy_id,
                f"replaces {policy_id!r}, which is no pack for {pack.country} that ships with Pokea",
            )
    return Policies((*own, *(pack for pack in packaged if pack.policy_id not in replaced)))


def policies_for(profiles: Path) -> Policies:
    """The packs that hold for the businesses of a folder of profiles: those in its folder `policy`, if there is one, and the packaged
    ones. Raises BadPolicy."""
    own = profiles / FOLDER
    return policies_in(own) if own.is_dir() else packaged_policies()


def load_policy(path: Path) -> CountryPolicy:
    """The pack in the TOML file `path`. Raises BadPolicy: one line that names the file and the key."""
    return policy_of(read_tables(path, MAX_POLICY_BYTES, BadPolicy), path.name)


def policy_of(tables: Mapping[str, object], file: str) -> CountryPolicy:
    """The pack in the tables of a TOML file, checked. `file` names it in errors. Raises BadPolicy."""
    read = _Table(file, "", tables, "pack")
    read.only(_POLICY_KEYS)
    hours = read.table("hours")
    hours.only({*WEEKDAYS, *_GROUNDS_KEYS})
    notices = tuple(
        _notice_of(_Table(file, f"notice {number}", row, "notice")) for number, row in enumerate(read.rows("notice"), 1)
    )
    if missing := [topic for topic in NEEDED_TOPICS if topic not in {notice.topic for notice in notices}]:
        raise read.bad("notice", f"none of them is about {missing[0]}")
    return CountryPolicy(
        policy_id=read.name("id", _ID, "lower-case letters, digits and hyphens"),
        country=read.name("country", _COUNTRY, "a country as two capital letters, such as KE"),
        replaces=read.name("replaces", _ID, "the id of a pack") if read.has("replaces") else "",
        hours=OpeningHours({weekday: hours.openings(name) for weekday, name in enumerate(WEEKDAYS)}),
        hours_grounds=hours.grounds(),
        holidays=_holidays_of(read.table("holidays")),
        consent=_consent_of(read.table("consent"), read.table("consent_age") if read.has("consent_age") else None),
        attempts=_attempts_of(read.table("attempts")),
        notices=notices,
    )


def _notice_of(read: _Table) -> Notice:
    read.only({"topic", "says", *_GROUNDS_KEYS})
    return Notice(Topic(read.one_of("topic", Topic)), read.said("says"), read.grounds())


def _holidays_of(read: _Table) -> HolidayRule:
    read.only({"calendar", "categories", "estimated_margin_days", "extra", *_GROUNDS_KEYS})
    extra: dict[date, str] = {}
    for number, row in enumerate(read.rows("extra") if read.has("extra") else (), 1):
        day = read.row(f"extra {number}", row)
        day.only({"date", "name"})
        extra[day.day("date")] = day.said("name")
    rule = HolidayRule(
        calendar=read.name("calendar", _COUNTRY, "a country as two capital letters, such as KE"),
        categories=read.texts("categories"),
        margin_days=read.count("estimated_margin_days", 0, MAX_MARGIN_DAYS),
        extra=extra,
        grounds=read.grounds(),
    )
    try:
        holidays_of(rule.calendar, rule.categories, rule.margin_days, date(2026, 1, 1))
    except RejectedInput as problem:
        raise read.bad("calendar", problem.message) from None
    return rule


def _consent_of(read: _Table, age: _Table | None) -> ConsentRule:
    read.only({"form", "written_words", "spoken_words", *_GROUNDS_KEYS})
    form = ConsentForm(read.one_of("form", ConsentForm))
    is_written = form is ConsentForm.WRITTEN
    if read.has("written_words") != is_written or (read.has("spoken_words") and not is_written):
        raise read.bad("written_words", 'go with form = "written", and only with it')
    if age:
        age.only({"days", *_GROUNDS_KEYS})
    return ConsentRule(
        form=form,
        written_words=read.words("written_words"),
        spoken_words=read.words("spoken_words"),
        grounds=read.grounds(),
        max_age=timedelta(days=age.count("days", 1, 36_500)) if age else None,
        age_grounds=age.grounds() if age else None,
    )


def _attempts_of(read: _Table) -> AttemptCaps:
    read.only({"per_day", "per_week", "in_all", *_GROUNDS_KEYS})
    return AttemptCaps(
        per_day=read.count("per_day", 1, 100),
        per_week=read.count("per_week", 1, 100),
        in_all=read.count("in_all", 1, 1_000),
        grounds=read.grounds(),
    )


def _packs_in(folder: Path) -> tuple[CountryPolicy, ...]:
    if not folder.is_dir():
        raise BadPolicy(str(folder), "", "is not a folder")
    packs = tuple(load_policy(path) for path in sorted(folder.glob("*.toml")))
    if twice := _twice(pack.policy_id for pack in packs):
        raise BadPolicy(str(folder), "id", f"{twice} is the id of two packs")
    return packs


def _twice(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


class _Table(TomlTable):
    """One table of a pack; whatever is wrong becomes a BadPolicy that names the key."""

    def __init__(self, file: str, where: str, table: object, kind: str) -> None:
        super().__init__(BadPolicy, file, where, table, kind)

    def table(self, key: str) -> _Table:
        if not self.has(key):
            raise self.bad(key, f"is missing: a pack needs [{key}]")
        return _Table(self._file, key, self._table[key], "rule")

    def row(self, where: str, row: object) -> _Table:
        return _Table(self._file, f"{self._where}: {where}", row, "row")

    def said(self, key: str) -> str:
        """A text for people, in one line and not empty."""
        text = self.text(key).strip()
        if not text or "\n" in text or len(text) > MAX_TEXT_CHARS:
            raise self.bad(key, f"is not one line of 1 to {MAX_TEXT_CHARS} characters")
        return text

    def name(self, key: str, pattern: re.Pattern[str], what: str) -> str:
        text = self.text(key)
        if not pattern.fullmatch(text):
            raise self.bad(key, f"is not {what}")
        return text

    def one_of(self, key: str, choices: type[StrEnum]) -> str:
        value = self.text(key)
        known = [choice.value for choice in choices]
        if value not in known:
            raise self.bad(key, f"is not one of {', '.join(known)}")
        return value

    def count(self, key: str, least: int, most: int) -> int:
        value = self._table.get(key)
        if type(value) is not int or not least <= value <= most:
            raise self.bad(key, f"is not a whole number from {least} to {most}")
        return value

    def day(self, key: str) -> date:
        value = self._table.get(key)
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self.bad(key, "is not a date such as 2027-08-10")
        return value

    def words(self, key: str) -> frozenset[str]:
        words = self.texts(key) if self.has(key) else ()
        if bad := next((word for word in words if word != word.casefold() or not _WORD.fullmatch(word)), ""):
            raise self.bad(key, f"{bad!r} is not one word in lower case")
        return frozenset(words)

    def openings(self, key: str) -> tuple[Opening, ...]:
        """The openings of a weekday, which must be named even when there are none: to forget a day is not to close it."""
        value = self._table.get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.bad(key, 'is not a list of openings such as ["08:00-19:00"]; [] for a day without calls')
        try:
            openings = tuple(Opening.parse(text) for text in value)
        except RejectedInput as problem:
            raise self.bad(key, problem.message) from None
        if any(later.opens_min < earlier.closes_min for earlier, later in pairwise(openings)):
            raise self.bad(key, "its openings overlap or are out of order")
        return openings

    def grounds(self) -> Grounds:
        basis = Basis(self.one_of("basis", Basis))
        source = self.said("source")
        if basis is Basis.LAW and not self.text("doubt", ""):
            return Grounds(basis, source, "")
        return Grounds(basis, source, self.said("doubt"))
