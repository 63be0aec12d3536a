"""English words for days and times: the rules that `said.scan` tries in turn, the longer phrases before the shorter."""

from __future__ import annotations

import re
from datetime import date

from pokea.hours import DAY_MINUTES, WEEKDAYS
from pokea.spoken import number_words as numbers
from pokea.spoken.days import DayOfMonth, MonthDay, OneOf, Relative, Span, Weekday, WeeksAhead, Which
from pokea.spoken.said import HALF_DAY, MIDNIGHT, Clock, Part, Rule, Said, Scanner

MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]  # index + 1 = month
MORNING = Part("morning", 60, 720)
AFTERNOON = Part("afternoon", 720, 1140)
EVENING = Part("evening", 960, 1440)
NIGHT = Part("night", 1080, DAY_MINUTES + 300)
PARTS = {part.name: part for part in (MORNING, AFTERNOON, EVENING, NIGHT)}

_WEEKDAY = {name: number for number, name in enumerate(WEEKDAYS)} | {
    **{name[:3]: number for number, name in enumerate(WEEKDAYS)},
    "tues": 1,
    "weds": 2,
    "thur": 3,
    "thurs": 3,
}
_MONTH = {name: number for number, name in enumerate(MONTHS, start=1)} | {
    **{name[:3]: number for number, name in enumerate(MONTHS, start=1)},
    "sept": 9,
}
_RELATIVE = {"today": 0, "tomorrow": 1, "yesterday": -1}
_WHICH = {"next": Which.NEXT, "this": Which.THIS, "coming": Which.PLAIN}
_MINUTES_BESIDE_AN_HOUR = (5, 10, 20, 25)  # "ten past two"; any number with the word "minutes"
_ANY_DAY = (
    "any time",
    "anytime",
    "any day",
    "whenever",
    "as soon as possible",
    "as early as possible",
    "earliest",
    "soonest",
    "first available",
    "next available",
)
_NUMERIC_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})(?:/([0-9]{4}))?")
_AFTER_AN_HOUR = {"am", "pm", "in", "at", *PARTS}
_FIGURES = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::00)?")
_SAYS_NOTHING = """
at on in the of for to a an and please around about maybe perhaps um uh so is it that be i we want would like come
see then okay ok yes yeah sure say make put some time day date sharp exactly o clock oclock hours
"""
FILLERS = frozenset(_SAYS_NOTHING.split())


def _relative(scan: Scanner, said: Said) -> bool:
    if scan.take("day", "after", "tomorrow"):
        said.days.append(Relative(2))
    elif scan.take("tonight"):
        said.days.append(Relative(0))
        said.parts.append(EVENING)
    elif scan.word() in _RELATIVE:
        said.days.append(Relative(_RELATIVE[scan.word()]))
        scan.at += 1
    else:
        return False
    return True


def _ahead(scan: Scanner, said: Said) -> bool:
    """Such as "in two weeks", "in 3 days", "a week from today", "in a fortnight"."""
    opened = scan.take("in")
    count = scan.number(numbers.english, 1, 60)
    if count is None and (scan.take("a") or scan.take("one")):
        count = 1
    if count is None:
        return False
    unit = scan.word()
    scan.at += 1
    if not (scan.take_any("from today", "from now") or opened):
        return False
    if unit in ("day", "days"):
        said.days.append(Relative(count))
    elif unit in ("week", "weeks", "fortnight", "fortnights"):
        said.days.append(WeeksAhead(count * (2 if unit.startswith("fortnight") else 1)))
    else:
        return False
    return True


def _span(scan: Scanner, said: Said) -> bool:
    if scan.take_any(*_ANY_DAY):
        said.days.append(Span("today"))
        return True
    ahead = 1 if scan.take_any("next", "coming") else 0
    is_named = bool(ahead) or scan.take("this")
    if is_named and scan.take("week"):  # "Thursday week" is the Thursday after: not this week, so not understood
        said.days.append(Span("week", ahead))
    elif is_named and scan.take("month"):
        said.days.append(Span("month", ahead))
    elif scan.take("weekend"):
        said.days.append(Span("week", ahead, first=5))
    else:
        return False
    return True


def _this_part(scan: Scanner, said: Said) -> bool:
    """A part of today: "this afternoon"."""
    if scan.word() != "this" or scan.word(1) not in PARTS:
        return False
    said.days.append(Relative(0))
    said.parts.append(PARTS[scan.word(1)])
    scan.at += 2
    return True


def _weekday(scan: Scanner, said: Said) -> bool:
    which = Which.PLAIN if scan.take("this", "coming") else _WHICH.get(scan.word(), Which.PLAIN)
    if scan.word() in _WHICH:
        scan.at += 1
    if scan.word() not in _WEEKDAY:
        return False
    said.days.append(Weekday(_WEEKDAY[scan.word()], which))
    scan.at += 1
    return True


def _numeric_date(scan: Scanner, said: Said) -> bool:
    """A date in figures, "26/11/2026", day first as it is written here; figures that also make a date the other way round stay open."""
    found = _NUMERIC_DATE.fullmatch(scan.word())
    if not found:
        return False
    one, other, year = int(found[1]), int(found[2]), found[3]
    pairs = [(day, month) for day, month in ((one, other), (other, one)) if 1 <= month <= 12 and 1 <= day <= 31]
    if not pairs:
        return False
    scan.at += 1
    if year is None:
        if len(set(pairs)) > 1:
            return False
        said.days.append(MonthDay(*pairs[0]))
        return True
    days = [found_day for day, month in pairs if (found_day := full_date(int(year), month, day))]
    said.days.append(OneOf(tuple(sorted(set(days)))))
    return True


def _month_day(scan: Scanner, said: Said) -> bool:
    """Such as "26th of November", "26 November 2026", "November the 26th"."""
    if scan.word() in _MONTH:
        month = _MONTH[scan.word()]
        scan.at += 1
        scan.take("the")
        day = _day_number(scan)
    else:
        day = _day_number(scan)
        scan.take("of")
        month = _MONTH.get(scan.word(), 0)
        scan.at += 1
    if day is None or not month:
        return False
    year = scan.word()
    if len(year) == 4 and year.isascii() and year.isdigit():
        scan.at += 1
        full = full_date(int(year), month, day)
        said.days.append(OneOf((full,) if full else ()))
    else:
        said.days.append(MonthDay(day, month))
    return True


def _day_number(scan: Scanner) -> int | None:
    ordinal = scan.number(numbers.english_ordinal, 1, 31)
    return ordinal if ordinal is not None else scan.number(numbers.english, 1, 31)


def _day_of_month(scan: Scanner, said: Said) -> bool:
    day = scan.number(numbers.english_ordinal, 1, 31)
    if day is None or scan.word() == "one":  # "the first one" picks from a list; it names no date
        return False
    said.days.append(DayOfMonth(day))
    return True


def _named_clock(scan: Scanner, said: Said) -> bool:
    scan.take("12") or scan.take("twelve")
    if scan.take_any("noon", "midday"):
        said.clocks.append(Clock.exactly(HALF_DAY))
    elif scan.take_any("midnight at the start of the day"):
        said.clocks.append(Clock.exactly(0))
    elif scan.take("midnight"):
        said.clocks.append(MIDNIGHT)
    else:
        return False
    return True


def _beside_clock(scan: Scanner, said: Said) -> bool:
    """Such as "half past two", "a quarter to three", "ten past two", "twelve minutes to four"."""
    if scan.take("half"):
        minutes = 30
    elif scan.take("quarter"):
        minutes = 15
    else:
        read = scan.number(numbers.english, 1, 59)
        if read is None or not (scan.take_any("minutes", "minute") or read in _MINUTES_BESIDE_AN_HOUR):
            return False
        minutes = read
    is_before = not scan.take("past")
    if is_before and (minutes == 30 or not scan.take_any("to", "till")):
        return False
    hour = scan.number(numbers.english, 1, 12)
    if hour is None:
        return False
    total = (hour * 60 - minutes if is_before else hour * 60 + minutes) % HALF_DAY
    said.clocks.append(_with_half(scan, total // 60 or 12, total % 60))
    return True


def _clock(scan: Scanner, said: Said) -> bool:
    """Such as "two thirty", "two oh five", "two o'clock", "at fourteen hundred", "9"."""
    before, word = scan.word(-1), scan.word()
    hour = scan.number(numbers.english, 0, 23)
    if hour is None:
        return False
    minute = _minute_after(scan)
    if minute is None and before != "at":
        if hour > 12 and not scan.take("hours"):
            return False  # "Thursday 23" is a date half said
        if word.isdigit() and (before in _WEEKDAY or before == "the") and scan.word() not in _AFTER_AN_HOUR:
            return False  # "Friday 9" may be the ninth or nine o'clock
    if hour == 0 or hour > 12:
        said.clocks.append(Clock.exactly(hour * 60 + (minute or 0)))
    else:
        said.clocks.append(_with_half(scan, hour, minute or 0))
    return True


def _figures(scan: Scanner, said: Said) -> bool:
    """Such as "2:30 pm", "14:30", "09:00". A leading zero, as nobody speaks it, marks the 24-hour clock."""
    found = _FIGURES.fullmatch(scan.word())
    if not found or int(found[1]) > 24 or int(found[2]) > 59 or (int(found[1]) == 24 and int(found[2])):
        return False
    hour, minute = int(found[1]), int(found[2])
    scan.at += 1
    if hour == 0 or hour > 12 or found[1].startswith("0"):
        scan.take_any("am", "pm")
        said.clocks.append(Clock.exactly(hour * 60 + minute))
    else:
        said.clocks.append(_with_half(scan, hour, minute))
    return True


def _minute_after(scan: Scanner) -> int | None:
    """The minutes said after an hour, or None. "hundred" and "o'clock" say zero."""
    if scan.take_any("hundred", "oclock"):
        return 0
    before = scan.at
    low, high = (1, 9) if scan.take_any("oh", "o", "zero") else (10, 59)
    minute = scan.number(numbers.english, low, high)
    if minute is None or scan.word() in _MONTH or numbers.english_ordinal(scan.words, before) is not None:
        scan.at = before  # "nine 26 November", "ten twenty-sixth": the second number belongs to a date
        return None
    return minute


def _with_half(scan: Scanner, hour: int, minute: int) -> Clock:
    """An hour from 1 to 12 with its am or pm, if that was said. Twelve at night is midnight, of one day or the other."""
    scan.take("oclock")
    early = (hour % 12) * 60 + minute
    if scan.take("am"):
        return Clock(frozenset({early, early + DAY_MINUTES})) if hour == 12 else Clock.exactly(early)
    if scan.take("pm"):
        return Clock.exactly(early + HALF_DAY)
    return Clock.twelve_hour(hour, minute)


def _part(scan: Scanner, said: Said) -> bool:
    if scan.word() not in PARTS:
        return False
    said.parts.append(PARTS[scan.word()])
    scan.at += 1
    return True


def _fold(scan: Scanner, said: Said) -> bool:
    """Which of two equal times in the night when clocks go back."""
    if not scan.take_any("before the clocks change", "after the clocks change"):
        return False
    said.fold = 0 if scan.word(-4) == "before" else 1
    return True


def full_date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


RULES: tuple[Rule, ...] = (
    _numeric_date,
    _fold,
    _relative,
    _ahead,
    _this_part,
    _span,
    _weekday,
    _month_day,
    _day_of_month,
    _named_clock,
    _beside_clock,
    _figures,
    _clock,
    _part,
)
