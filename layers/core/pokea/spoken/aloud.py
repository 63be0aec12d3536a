"""Instants and lists as words that are good to hear, in English and Swahili.

Law: what is said here is understood by `times.resolve` as the very same instant, so a read-back never says something else than
what is stored. The year is left out, which is safe for anything within half a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pokea import hours
from pokea.clock import as_utc
from pokea.spoken import times_en as en
from pokea.spoken import times_sw as sw
from pokea.spoken.number_words import english_ordinal_of, in_swahili

_OR = {"en": "or", "sw": "au"}
_AND = {"en": "and", "sw": "na"}
_AT = {"en": " at ", "sw": " "}


def instant(start: datetime, tz: ZoneInfo, language: str) -> str:
    """Such as "Thursday the 26th of November at 2:30 in the afternoon"; "Alhamisi tarehe 26 Novemba saa nane na nusu mchana"."""
    wall = hours.local(start, tz)
    return (
        f"{day(wall.date(), language)}{_AT[language]}{clock(start, tz, language)}{_which_of_two(start, tz, language)}"
    )


def day(of: date, language: str) -> str:
    """Such as "Thursday the 26th of November"; "Alhamisi tarehe 26 Novemba"."""
    if language == "sw":
        return f"{sw.WEEKDAYS[of.weekday()].capitalize()} tarehe {of.day} {sw.MONTHS[of.month - 1].capitalize()}"
    weekday, month = hours.WEEKDAYS[of.weekday()].capitalize(), en.MONTHS[of.month - 1].capitalize()
    return f"{weekday} the {english_ordinal_of(of.day)} of {month}"


def clock(start: datetime, tz: ZoneInfo, language: str) -> str:
    """The time of day alone: "2:30 in the afternoon"; "saa nane na nusu mchana"."""
    wall = hours.local(start, tz)
    figure, part = _clock_sw(wall.hour, wall.minute) if language == "sw" else _clock_en(wall.hour, wall.minute)
    return f"{figure} {part}".rstrip()


def times(starts: Sequence[datetime], tz: ZoneInfo, language: str) -> str:
    """A choice of instants, each day named once: "Friday the 27th of November at 2 o'clock or 3 o'clock in the afternoon"."""
    groups: list[tuple[date, list[datetime]]] = []
    for start in starts:
        at = hours.local(start, tz).date()
        if groups and groups[-1][0] == at:
            groups[-1][1].append(start)
        else:
            groups.append((at, [start]))
    said = [f"{day(at, language)}{_AT[language]}{_clocks(of_day, tz, language)}" for at, of_day in groups]
    return joined(said, language)


def joined(items: Sequence[str], language: str, *, all_of: bool = False) -> str:
    """Such as "a, b or c", with `all_of` "a, b and c"."""
    word = (_AND if all_of else _OR)[language]
    return f"{', '.join(items[:-1])} {word} {items[-1]}" if len(items) > 1 else "".join(items)


def iso_local(start: datetime, tz: ZoneInfo) -> str:
    """The wall time as ISO, to the minute. Where clocks show it twice the offset is added, so that it still names one instant."""
    wall = hours.local(start, tz)
    text = wall.strftime("%Y-%m-%dT%H:%M")
    offset = wall.strftime("%z")
    return f"{text}{offset[:3]}:{offset[3:]}" if hours.is_repeated(start, tz) else text


def from_iso_local(text: str, tz: ZoneInfo) -> datetime:
    """The instant that `iso_local` wrote. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return hours.instants_of(moment.date(), moment.hour * 60 + moment.minute, tz)[0]
    return as_utc(moment)


def _clocks(starts: Sequence[datetime], tz: ZoneInfo, language: str) -> str:
    """Times of one day; a part of the day that the next one shares is said once, at the end."""
    walls = [hours.local(start, tz) for start in starts]
    pairs = [_clock_sw(w.hour, w.minute) if language == "sw" else _clock_en(w.hour, w.minute) for w in walls]
    said = []
    for number, (figure, part) in enumerate(pairs):
        shared = number + 1 < len(pairs) and pairs[number + 1][1] == part
        said.append(figure if shared else f"{figure} {part}".rstrip())
    return joined(said, language)


def _clock_en(hour: int, minute: int) -> tuple[str, str]:
    if minute == 0 and hour in (0, 12):
        return ("12 noon", "") if hour else ("midnight, at the start of the day", "")
    if hour == 0:
        return f"0:{minute:02d}", ""  # "12:30" with any word for the night is heard as either night
    figure = f"{(hour - 1) % 12 + 1} o'clock" if minute == 0 else f"{(hour - 1) % 12 + 1}:{minute:02d}"
    part = "in the morning" if hour < 12 else "in the afternoon" if hour < 18 else "in the evening"
    return figure, part


def _clock_sw(hour: int, minute: int) -> tuple[str, str]:
    counted, beside = hour, ""
    if minute == 45:
        counted, beside = hour + 1, " kasorobo"
    elif minute:
        beside = {15: " na robo", 30: " na nusu"}.get(minute, f" na dakika {in_swahili(minute)}")
    return f"saa {in_swahili((counted - 7) % 12 + 1)}{beside}", _part_sw(hour)


def _part_sw(hour: int) -> str:
    """The part of the day in which this hour is unmistakable."""
    if hour < 4:
        return sw.NIGHT_BEFORE.name
    for before, part in ((6, sw.DAWN), (12, sw.MORNING), (16, sw.DAYTIME), (19, sw.EVENING), (24, sw.NIGHT)):
        if hour < before:
            return part.name
    return sw.NIGHT.name


def _which_of_two(start: datetime, tz: ZoneInfo, language: str) -> str:
    """In the night when clocks go back, which of the two equal times is meant."""
    if not hours.is_repeated(start, tz):
        return ""
    is_first = hours.local(start, tz).fold == 0
    if language == "sw":
        return ", kabla ya saa kubadilika" if is_first else ", baada ya saa kubadilika"
    return ", before the clocks change" if is_first else ", after the clocks change"
