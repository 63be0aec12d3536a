"""A caller's words for a day and a time, resolved to an instant in the business's zone, or to the question that must be asked.

Nothing is guessed. Words that no rule knows are `NotUnderstood`; words that can mean several days or times are `Ambiguous` with the
candidates. One narrowing is allowed: a bare English clock time ("three") of which exactly one half of the day lies in the opening hours.
English and Swahili words may be mixed, as people do.

The rules for each kind of word are in `days`, `times_en` and `times_sw`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from pokea import hours as local_time
from pokea.clock import as_utc
from pokea.hours import DAY_MINUTES, OpeningHours
from pokea.spoken import times_en as spoken_time_en
from pokea.spoken import times_sw as spoken_time_sw
from pokea.spoken.days import Dates, OneOf, Span, dates
from pokea.spoken.said import Clock, Part, Said, scan

MAX_PHRASE_CHARS = 200  # longer than anybody says a time
MAX_WORDS = 40

_ISO = re.compile(
    r"\b(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[t ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::[0-9]{2}(?:\.[0-9]+)?)?(?P<offset>z|[+-][0-9]{2}:?[0-9]{2})?)?(?!\S)"
)
_RULES = (*spoken_time_sw.RULES, *spoken_time_en.RULES)
_FILLERS = spoken_time_sw.FILLERS | spoken_time_en.FILLERS


class Question(StrEnum):
    """What has to be asked before the words name one instant."""

    DAY = "day"
    TIME = "time"
    PERIOD = "period"  # morning or evening


@dataclass(frozen=True, slots=True)
class Resolved:
    """Exactly one instant, aware, in UTC."""

    start: datetime


@dataclass(frozen=True, slots=True)
class DaysOnly:
    """One or more days in a row, `first` to `last`, without a time; `part` of each day if one was said."""

    first: date
    last: date
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several meanings, or none: ask. `starts` or `days` are the candidates, earliest first; both empty when the words give none."""

    question: Question
    starts: tuple[datetime, ...] = ()
    days: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Past:
    """Understood, but over. `start` is None when only a day was said."""

    day: date
    start: datetime | None = None


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """No day or time that can be relied on."""


Resolution = Resolved | DaysOnly | Ambiguous | Past | NotUnderstood


def resolve(phrase: str, now: datetime, tz: ZoneInfo, hours: OpeningHours, language: str = "en") -> Resolution:
    """What `phrase` means, said at `now` to a business in zone `tz` that is open at `hours`, in a call held in `language`."""
    said = _understand(phrase, tz, language)
    if said is None or len(set(said.parts)) > 1:
        return NotUnderstood()
    part = said.parts[0] if said.parts else None
    today = local_time.local(now, tz).date()
    named = dates(said.days, today)
    clock = _one_clock(said.clocks)
    if named is None:
        return Ambiguous(Question.DAY) if clock else _days(dates([Span("today")], today), part, today)
    if named.is_span or len(named.days) != 1:
        return _which_day(named, clock, part, today)
    if named.days[0] < today:
        return Past(named.days[0])
    if clock is None:
        return DaysOnly(named.days[0], named.days[0], part)
    return _instant(named.days[0], clock, part, said.fold, now, tz, hours)


def _understand(phrase: str, tz: ZoneInfo, language: str) -> Said | None:
    """The phrase in parts. ISO dates and times, which no one speaks but models send, are taken out first."""
    if len(phrase) > MAX_PHRASE_CHARS:
        return None
    text = unicodedata.normalize("NFKC", phrase).casefold().replace("’", "'")
    iso = Said()
    for found in _ISO.finditer(text):
        if not _add_iso(iso, found, tz):
            return None
    words = _words(_ISO.sub(" ", text))
    if len(words) > MAX_WORDS:
        return None
    said = scan(words, language, _RULES, _FILLERS) if words else Said()
    if said is None:
        said = Said() if not iso.is_empty and all(word in _FILLERS for word in words) else None
    if said is None:
        return None
    merged = Said(
        [*iso.days, *said.days], [*iso.clocks, *said.clocks], said.parts, said.fold if iso.fold is None else iso.fold
    )
    return None if merged.is_empty else merged


def _add_iso(said: Said, found: re.Match[str], tz: ZoneInfo) -> bool:
    try:
        if found["offset"]:
            moment = datetime.fromisoformat(found[0].upper().replace(" ", "T"))
            wall = local_time.local(moment, tz)
            said.fold = wall.fold
        else:
            wall = datetime.fromisoformat(f"{found['day']}T{found['hour'] or '00'}:{found['minute'] or '00'}")
    except (ValueError, OverflowError):
        return False
    said.days.append(OneOf((wall.date(),)))
    if found["hour"]:
        said.clocks.append(Clock.exactly(wall.hour * 60 + wall.minute))
    return True


def _words(text: str) -> list[str]:
    text = text.replace("o'clock", "oclock").replace("'", "")
    text = re.sub(r"\b([ap])\.\s?m\b\.?", r"\1m", text)
    text = re.sub(r"([0-9])\s?([ap]m)\b", r"\1 \2", text)
    text = re.sub(r"\b([0-9]{1,2})\.([0-9]{2})\b", r"\1:\2", text)
    return re.sub(r"[^\w:/]+", " ", text).split()


def _one_clock(clocks: list[Clock]) -> Clock | None:
    """All clock words together: a question answered with one more word narrows down. Contradicting ones leave no minute."""
    if not clocks:
        return None
    return Clock(
        frozenset[int].intersection(*(clock.minutes for clock in clocks)), all(clock.by_hours for clock in clocks)
    )


def _which_day(named: Dates, clock: Clock | None, part: Part | None, today: date) -> Resolution:
    """Several days, or none. Days that are over cannot be meant while others are left."""
    left = tuple(day for day in named.days if day >= today)
    if named.days and not left:
        return Past(named.days[-1])
    if named.is_span and left:
        return Ambiguous(Question.DAY) if clock else _days(Dates(left, True), part, today)
    return Ambiguous(Question.DAY, days=left)


def _days(named: Dates | None, part: Part | None, today: date) -> Resolution:
    left = [day for day in named.days if day >= today] if named else []
    return DaysOnly(left[0], left[-1], part) if left else NotUnderstood()


def _instant(
    day: date, clock: Clock, part: Part | None, fold: int | None, now: datetime, tz: ZoneInfo, hours: OpeningHours
) -> Resolution:
    minutes = sorted(part.keep(clock.minutes) if part else clock.minutes)
    if len(minutes) > 1 and clock.by_hours and part is None:
        open_at = [minute for minute in minutes if hours.is_open_at(day, minute)]
        minutes = open_at if len(open_at) == 1 else minutes
    if len(minutes) != 1:
        candidates = minutes or sorted(clock.minutes)
        starts = tuple(local_time.instants_of(day, minute, tz)[0] for minute in candidates)
        question = Question.PERIOD if minutes else Question.TIME
        same_time = len({minute % DAY_MINUTES for minute in candidates}) == 1 and len(candidates) > 1
        return Ambiguous(Question.DAY if same_time else question, starts)
    starts = local_time.instants_of(day, minutes[0], tz)
    if not local_time.exists(day, minutes[0], tz) or (len(starts) > 1 and fold is None):
        return Ambiguous(Question.TIME, starts)
    start = starts[fold or 0] if len(starts) > 1 else starts[0]
    return Past(day, start) if start < as_utc(now) else Resolved(start)
