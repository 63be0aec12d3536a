"""Swahili words for days and times.

The Swahili clock counts from sunrise and sunset: "saa tatu" is the third hour, 9:00 by day or 21:00 by night. Which of the two is never
guessed and never taken from opening hours: it is asked, unless asubuhi, mchana, jioni or another part of the day was said.
"""

from __future__ import annotations

import re

from pokea.hours import DAY_MINUTES
from pokea.spoken import number_words as numbers
from pokea.spoken.days import DayOfMonth, MonthDay, OneOf, Relative, Span, Weekday, WeeksAhead, Which
from pokea.spoken.said import HALF_DAY, Clock, Part, Rule, Said, Scanner
from pokea.spoken.times_en import full_date

WEEKDAYS = ["jumatatu", "jumanne", "jumatano", "alhamisi", "ijumaa", "jumamosi", "jumapili"]  # index = date.weekday()
MONTHS = [
    "januari",
    "februari",
    "machi",
    "aprili",
    "mei",
    "juni",
    "julai",
    "agosti",
    "septemba",
    "oktoba",
    "novemba",
    "desemba",
]
SUNRISE_MIN = 6 * 60  # hour 0 of the Swahili day

DAWN = Part("alfajiri", 180, 420)
MORNING = Part("asubuhi", 240, 720)
DAYTIME = Part("mchana", 660, 1020)
LATE_AFTERNOON = Part("alasiri", 900, 1080)
EVENING = Part("jioni", 960, 1200)
NIGHT = Part("usiku", 1140, DAY_MINUTES + SUNRISE_MIN)
NIGHT_BEFORE = Part("usiku wa kuamkia", 0, SUNRISE_MIN)  # the night that dawns into the day named
PARTS = {part.name: part for part in (DAWN, MORNING, DAYTIME, LATE_AFTERNOON, EVENING, NIGHT)}

_WEEKDAY = {name: number for number, name in enumerate(WEEKDAYS)}
_MONTH = {name: number for number, name in enumerate(MONTHS, start=1)}
_WHICH = {"ijayo": Which.NEXT, "hii": Which.THIS, "inayokuja": Which.PLAIN}
_RELATIVE = {"leo": 0, "kesho": 1, "keshokutwa": 2, "mtondo": 3, "jana": -1}
_FIGURES = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_SAYS_NOTHING = """
siku ya za wa la kwa na mnamo majira kwenye tafadhali nataka naomba ningependa ningetaka kuja ni iwe basi sawa
ndiyo hiyo kama wakati kamili
"""
FILLERS = frozenset(_SAYS_NOTHING.split())


def _relative(scan: Scanner, said: Said) -> bool:
    if scan.take("kesho", "kutwa"):
        said.days.append(Relative(2))
        return True
    if scan.word() not in _RELATIVE:
        return False
    said.days.append(Relative(_RELATIVE[scan.word()]))
    scan.at += 1
    return True


def _ahead(scan: Scanner, said: Said) -> bool:
    """Such as "baada ya wiki mbili", "wiki mbili zijazo", "baada ya siku tatu"."""
    after = scan.take("baada", "ya")
    unit = scan.word()
    if unit not in ("siku", "wiki"):
        return False
    scan.at += 1
    count = scan.number(numbers.swahili, 1, 60)
    if count is None or not (after or scan.take("zijazo")):
        return False
    said.days.append(Relative(count) if unit == "siku" else WeeksAhead(count))
    return True


def _span(scan: Scanner, said: Said) -> bool:
    if scan.take_any("wakati wowote", "siku yoyote", "siku yo yote", "mapema iwezekanavyo", "haraka iwezekanavyo"):
        said.days.append(Span("today"))
    elif scan.take_any("wikendi ijayo", "mwisho wa wiki ijayo"):
        said.days.append(Span("week", 1, first=5))
    elif scan.take_any("wikendi hii", "wikendi", "mwisho wa wiki hii", "mwisho wa wiki"):
        said.days.append(Span("week", 0, first=5))
    elif scan.take("wiki", "ijayo"):
        said.days.append(Span("week", 1))
    elif scan.take("wiki", "hii"):
        said.days.append(Span("week", 0))
    elif scan.take("mwezi", "ujao"):
        said.days.append(Span("month", 1))
    elif scan.take("mwezi", "huu"):
        said.days.append(Span("month", 0))
    else:
        return False
    return True


def _weekday(scan: Scanner, said: Said) -> bool:
    if scan.word() not in _WEEKDAY:
        return False
    weekday = _WEEKDAY[scan.word()]
    scan.at += 1
    which = _WHICH.get(scan.word(), Which.PLAIN)
    if scan.word() in _WHICH:
        scan.at += 1
    said.days.append(Weekday(weekday, which))
    return True


def _month_day(scan: Scanner, said: Said) -> bool:
    """Such as "tarehe 26 Novemba", "tarehe ishirini na sita mwezi wa kumi na moja", "26 Novemba 2026", "tarehe 26"."""
    dated = scan.take("tarehe")
    day = scan.number(numbers.swahili, 1, 31)
    if day is None:
        return False
    month = _month(scan)
    if month is None:
        said.days.append(DayOfMonth(day))
        return dated
    scan.take("mwaka")
    year = scan.word()
    if len(year) == 4 and year.isascii() and year.isdigit():
        scan.at += 1
        full = full_date(int(year), month, day)
        said.days.append(OneOf((full,) if full else ()))
    else:
        said.days.append(MonthDay(day, month))
    return True


def _month(scan: Scanner) -> int | None:
    before = scan.at
    scan.take_any("mwezi wa", "ya mwezi wa", "ya", "mwezi")
    if scan.word() in _MONTH:
        scan.at += 1
        return _MONTH[scan.word(-1)]
    if scan.word(-1) == "wa":
        number = scan.number(numbers.swahili, 1, 12)
        if number is not None:
            return number
    scan.at = before
    return None


def _clock(scan: Scanner, said: Said) -> bool:
    """Such as "saa nane na nusu", "saa tatu kasorobo", "saa mbili na dakika kumi", "saa 8:30"; without "saa" only where more words show
    that a time is meant ("nane na nusu", "nane mchana")."""
    marked = scan.take("saa") or scan.take("masaa")
    found = _FIGURES.fullmatch(scan.word())
    if found:
        return (marked or scan.language == "sw") and _figures(scan, said, int(found[1]), int(found[2]), marked)
    hour = scan.number(numbers.swahili, 1, 12)
    if hour is None:
        return False
    minutes = _minutes_beside(scan)
    if minutes is None and not (marked or scan.word() in PARTS):
        return False
    said.clocks.append(Clock(_both_halves(hour * 60 + (minutes or 0))))
    return True


def _figures(scan: Scanner, said: Said, hour: int, minute: int, marked: bool) -> bool:
    """Figures after "saa" are the Swahili clock's; without it either clock may be meant. From 13 on only one clock has such hours."""
    if hour > 23 or minute > 59:
        return False
    is_24 = hour == 0 or hour > 12 or scan.word().startswith("0")
    scan.at += 1
    if is_24:
        said.clocks.append(Clock.exactly(hour * 60 + minute))
    elif marked:
        said.clocks.append(Clock(_both_halves(hour * 60 + minute)))
    else:
        said.clocks.append(Clock(_both_halves(hour * 60 + minute) | Clock.twelve_hour(hour, minute).minutes))
    return True


def _minutes_beside(scan: Scanner) -> int | None:
    """Minutes after the hour, negative before it, or None when nothing was said about them."""
    if scan.take_any("na nusu", "unusu", "u nusu", "nusu"):
        return 30
    if scan.take_any("na robo", "robo"):
        return 15
    if scan.take_any("kasorobo", "kasoro robo"):
        return -15
    if scan.take("kamili"):
        return 0
    before = scan.at
    sign = -1 if scan.take("kasoro") else 1
    if (scan.take("na", "dakika") or scan.take("dakika") or sign < 0) and (
        minutes := scan.number(numbers.swahili, 1, 59)
    ) is not None:
        scan.take("dakika")
        return sign * minutes
    scan.at = before
    return None


def _both_halves(minute: int) -> frozenset[int]:
    """A time of the Swahili clock, in minutes after sunrise or sunset, as minutes of the day."""
    by_day = (minute + SUNRISE_MIN) % DAY_MINUTES
    return frozenset({by_day, (by_day + HALF_DAY) % DAY_MINUTES})


def _part(scan: Scanner, said: Said) -> bool:
    if scan.take_any("usiku wa kuamkia", "usiku kuamkia"):
        said.parts.append(NIGHT_BEFORE)
        return True
    if scan.word() not in PARTS:
        return False
    said.parts.append(PARTS[scan.word()])
    scan.at += 1
    return True


def _fold(scan: Scanner, said: Said) -> bool:
    if scan.take("kabla", "ya", "saa", "kubadilika"):
        said.fold = 0
    elif scan.take("baada", "ya", "saa", "kubadilika"):
        said.fold = 1
    else:
        return False
    return True


RULES: tuple[Rule, ...] = (_fold, _relative, _ahead, _span, _weekday, _clock, _month_day, _part)
