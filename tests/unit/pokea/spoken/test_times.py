"""F3.12: what callers say about time. Ambiguous is asked, never guessed; the table is checked against plain calendar counting."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from pokea.hours import Opening, OpeningHours
from pokea.spoken.times import (
    MAX_PHRASE_CHARS,
    Ambiguous,
    DaysOnly,
    NotUnderstood,
    Past,
    Question,
    Resolution,
    Resolved,
    resolve,
)

NAIROBI = ZoneInfo("Africa/Nairobi")
NEW_YORK = ZoneInfo("America/New_York")
LONDON = ZoneInfo("Europe/London")
_WORKDAY = (Opening.parse("08:00-17:00"),)
HOURS = OpeningHours({**dict.fromkeys(range(5), _WORKDAY), 5: (Opening.parse("09:00-13:00"),)})
SATURDAY = datetime(2026, 11, 21, 10, 0, tzinfo=NAIROBI)
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=NAIROBI)
WEDNESDAY = datetime(2026, 11, 25, 9, 0, tzinfo=NAIROBI)
ENGLISH_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SWAHILI_DAYS = ("Jumatatu", "Jumanne", "Jumatano", "Alhamisi", "Ijumaa", "Jumamosi", "Jumapili")
SWAHILI_HOURS = (
    "moja", "mbili", "tatu", "nne", "tano", "sita", "saba", "nane", "tisa", "kumi", "kumi na moja", "kumi na mbili",
)  # fmt: skip


def ask(phrase: str, now: datetime = SATURDAY, tz: ZoneInfo = NAIROBI, language: str = "en") -> Resolution:
    return resolve(phrase, now, tz, HOURS, language)


def at(day: date, hhmm: str, tz: ZoneInfo = NAIROBI) -> Resolved:
    return Resolved(datetime.combine(day, time.fromisoformat(hhmm), tz).astimezone(UTC))


def coming(weekday: int, after: date) -> date:
    """By counting days, one by one."""
    day = after + timedelta(days=1)
    while day.weekday() != weekday:
        day += timedelta(days=1)
    return day


# --- clock words that leave no doubt, and what they mean -----------------------------------------------------------------------

CLOCKS = {
    "at 9 am": "09:00",
    "at 9am": "09:00",
    "at 9 a.m.": "09:00",
    "at nine in the morning": "09:00",
    "at nine o'clock in the morning": "09:00",
    "at 2 pm": "14:00",
    "at 2:30 p.m.": "14:30",
    "at 2.30pm": "14:30",
    "at two thirty pm": "14:30",
    "at two thirty in the afternoon": "14:30",
    "at half past two in the afternoon": "14:30",
    "at a quarter to three in the afternoon": "14:45",
    "at quarter past four pm": "16:15",
    "at ten past two pm": "14:10",
    "at twenty five to three in the afternoon": "14:35",
    "at twelve minutes past three pm": "15:12",
    "at two oh five pm": "14:05",
    "at 14:30": "14:30",
    "at fourteen thirty": "14:30",
    "at fourteen hundred hours": "14:00",
    "at 09:15": "09:15",
    "at noon": "12:00",
    "at 12 noon": "12:00",
    "at 12 pm": "12:00",
    "at twelve thirty in the afternoon": "12:30",
    "at six in the evening": "18:00",
    "at 7:45 in the evening": "19:45",
    "at 9 at night": "21:00",
}


def weekday_phrases() -> Iterator[tuple[str, Resolution]]:
    for (number, name), (words, hhmm) in itertools.product(enumerate(ENGLISH_DAYS), CLOCKS.items()):
        if number != SATURDAY.weekday():
            yield f"{name} {words}", at(coming(number, SATURDAY.date()), hhmm)


def relative_phrases() -> Iterator[tuple[str, Resolution]]:
    today = SATURDAY.date()
    names = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    for number, name in enumerate(names, start=1):
        day, later = today + timedelta(days=number), today + timedelta(days=7 * number)
        yield f"in {name} days at 10 am", at(day, "10:00")
        yield f"in {number} days", DaysOnly(day, day)
        yield f"in {name} weeks at half past two in the afternoon", at(later, "14:30")
        yield f"{number} weeks from today at 11 am", at(later, "11:00")
        yield f"baada ya wiki {SWAHILI_HOURS[number - 1]}", DaysOnly(later, later)
        yield f"baada ya siku {SWAHILI_HOURS[number - 1]} saa tatu asubuhi", at(day, "09:00")
    for word, days in (
        ("tomorrow", 1),
        ("the day after tomorrow", 2),
        ("kesho", 1),
        ("kesho kutwa", 2),
        ("keshokutwa", 2),
    ):
        day = today + timedelta(days=days)
        yield word, DaysOnly(day, day)
        yield f"{word} at 3 pm", at(day, "15:00")
        yield f"{word} saa nane mchana", at(day, "14:00")


def month_day_phrases() -> Iterator[tuple[str, Resolution]]:
    ordinals = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
        "twenty-first",
        "twenty-second",
        "twenty-third",
        "twenty-fourth",
        "twenty-fifth",
        "twenty-sixth",
        "twenty-seventh",
        "twenty-eighth",
        "twenty-ninth",
        "thirtieth",
        "thirty-first",
    ]
    for number, ordinal in enumerate(ordinals, start=1):
        day = date(2026, 12, number)
        ending = "st" if number in (1, 21, 31) else "nd" if number in (2, 22) else "rd" if number in (3, 23) else "th"
        yield f"the {ordinal} of December at 9 in the morning", at(day, "09:00")
        yield f"December {number}{ending}", DaysOnly(day, day)
        yield f"on {number} December at 14:30", at(day, "14:30")
        yield f"tarehe {number} Desemba saa tatu asubuhi", at(day, "09:00")
        yield f"{number} January 2027 at 11 am", at(date(2027, 1, number), "11:00")


def iso_phrases() -> Iterator[tuple[str, Resolution]]:
    for number in range(1, 29):
        day = date(2027, 2, number)
        yield f"{day.isoformat()}T{8 + number % 9:02d}:15", at(day, f"{8 + number % 9:02d}:15")
        yield day.isoformat(), DaysOnly(day, day)


def next_weekday_phrases() -> Iterator[tuple[str, datetime, Resolution]]:
    """ "next" is clear only where the coming one lies in next week; weeks begin on Monday."""
    for now, (number, name) in itertools.product((SATURDAY, MONDAY, WEDNESDAY), enumerate(ENGLISH_DAYS)):
        first = coming(number, now.date())
        sunday = coming(6, now.date() - timedelta(days=1))
        both = (first, first + timedelta(days=7))
        clear: Resolution = DaysOnly(first, first)
        for phrase in (f"next {name}", f"{SWAHILI_DAYS[number]} ijayo"):
            yield phrase, now, Ambiguous(Question.DAY, days=both) if first <= sunday else clear


@pytest.mark.parametrize(
    ("phrase", "meaning"),
    [*weekday_phrases(), *relative_phrases(), *month_day_phrases(), *iso_phrases()],
)
def test_words_mean_what_the_calendar_says(phrase: str, meaning: Resolution) -> None:
    assert ask(phrase) == meaning


@pytest.mark.parametrize(("phrase", "now", "meaning"), [*next_weekday_phrases()])
def test_next_weekday_is_asked_when_people_differ(phrase: str, now: datetime, meaning: Resolution) -> None:
    assert ask(phrase, now) == meaning


# --- written by hand -----------------------------------------------------------------------------------------------------------

THURSDAY, FRIDAY = date(2026, 11, 26), date(2026, 11, 27)
AFTERNOON, MORNING, EVENING = (720, 1140), (60, 720), (960, 1440)

RESOLVED = {
    "next Thursday at two thirty": (THURSDAY, "14:30"),  # only the afternoon is open
    "Thursday at half past two": (THURSDAY, "14:30"),
    "Thursday at ten": (THURSDAY, "10:00"),
    "Thursday at eight": (THURSDAY, "08:00"),
    "Thursday at five to five": (THURSDAY, "16:55"),
    "Thursday ten o'clock": (THURSDAY, "10:00"),
    "Thursday at 11.30": (THURSDAY, "11:30"),
    "Thursday 26 November 2:30 PM": (THURSDAY, "14:30"),
    "Thursday the 26th at ten": (THURSDAY, "10:00"),
    "Thursday the twenty-sixth of November at 2:30 in the afternoon": (THURSDAY, "14:30"),
    "26th November 2026 at 10am": (THURSDAY, "10:00"),
    "November the 26th, at 10": (THURSDAY, "10:00"),
    "Nov 26 at 3 pm": (THURSDAY, "15:00"),
    "ten twenty-sixth of November": (THURSDAY, "10:00"),
    "at nine 26 November": (THURSDAY, "09:00"),
    "26/11/2026 at 10.30am": (THURSDAY, "10:30"),
    "26/11 at noon": (THURSDAY, "12:00"),
    "2026-11-26 at noon": (THURSDAY, "12:00"),
    "2026-11-26 14:30": (THURSDAY, "14:30"),
    "2026-11-26T14:30:00": (THURSDAY, "14:30"),
    "2026-11-26T11:30:00Z": (THURSDAY, "14:30"),
    "2026-11-26T14:30:00+03:00": (THURSDAY, "14:30"),
    "2026-11-26T06:30:00-05:00": (THURSDAY, "14:30"),
    "Thursday 2026-11-26T14:30": (THURSDAY, "14:30"),
    "the 26th at half past two": (THURSDAY, "14:30"),
    "I would like to come on Thursday at 10 please": (THURSDAY, "10:00"),
    "um, Thursday, maybe around three": (THURSDAY, "15:00"),
    "THURSDAY AT 3 PM!": (THURSDAY, "15:00"),
    "this coming Thursday at 3 pm": (THURSDAY, "15:00"),
    "Thursday next week at 3 pm": (THURSDAY, "15:00"),
    "next week on Thursday at 3 pm": (THURSDAY, "15:00"),
    "thurs at 3pm": (THURSDAY, "15:00"),
    "in five days at three": (THURSDAY, "15:00"),
    "Thursday at seven in the morning": (THURSDAY, "07:00"),  # closed, but that is what was said
    "tonight at 8": (SATURDAY.date(), "20:00"),
    "today at noon": (SATURDAY.date(), "12:00"),
    "this evening at six": (SATURDAY.date(), "18:00"),
    "Saturday the 28th at 9:30": (date(2026, 11, 28), "09:30"),
    # an ambiguous phrase and the answer to the question, put together
    "Thursday at seven in the evening": (THURSDAY, "19:00"),
    "Thursday at seven the 26th in the morning": (THURSDAY, "07:00"),
    "Thursday in two weeks at ten 2026-12-10": (date(2026, 12, 10), "10:00"),
    "Thursday at seven 7 pm": (THURSDAY, "19:00"),
    # Swahili
    "Alhamisi saa tatu asubuhi": (THURSDAY, "09:00"),
    "Alhamisi ijayo saa nane na nusu mchana": (THURSDAY, "14:30"),
    "alhamisi ya wiki ijayo saa nane mchana": (THURSDAY, "14:00"),
    "wiki ijayo siku ya Alhamisi saa nne kasorobo asubuhi": (THURSDAY, "09:45"),
    "tarehe ishirini na sita saa nne kasoro dakika kumi asubuhi": (THURSDAY, "09:50"),
    "tarehe ishirini na sita mwezi wa kumi na moja saa saba mchana": (THURSDAY, "13:00"),
    "tarehe 26 Novemba 2026 saa kumi na robo jioni": (THURSDAY, "16:15"),
    "Alhamisi saa mbili na dakika kumi na tano asubuhi": (THURSDAY, "08:15"),
    "Alhamisi saa 8:30 mchana": (THURSDAY, "14:30"),
    "Alhamisi nane na nusu mchana": (THURSDAY, "14:30"),
    "Alhamisi saa kumi na moja jioni": (THURSDAY, "17:00"),
    "Alhamisi saa kumi na mbili asubuhi": (THURSDAY, "06:00"),
    "Alhamisi saa kumi na moja alfajiri": (THURSDAY, "05:00"),
    "Alhamisi saa sita mchana": (THURSDAY, "12:00"),
    "Alhamisi saa moja usiku": (THURSDAY, "19:00"),
    "saa saba usiku wa kuamkia Alhamisi": (THURSDAY, "01:00"),
    "Alhamisi saa tisa alasiri": (THURSDAY, "15:00"),
    "Alhamisi saa tatu kamili asubuhi": (THURSDAY, "09:00"),
    "Alhamisi saa 14:30": (THURSDAY, "14:30"),
    "Alhamisi tarehe 26 Novemba saa nane unusu mchana": (THURSDAY, "14:30"),
    # both languages in one breath, as people speak
    "Thursday saa tatu asubuhi": (THURSDAY, "09:00"),
    "kesho kutwa at 3 pm": (date(2026, 11, 23), "15:00"),
    "next week Alhamisi at 10 am": (THURSDAY, "10:00"),
    "Alhamisi at two thirty": (THURSDAY, "14:30"),
}  # fmt: skip


@pytest.mark.parametrize("phrase", RESOLVED)
def test_one_meaning_is_resolved(phrase: str) -> None:
    assert ask(phrase) == at(*RESOLVED[phrase])


ASKED = {
    "Thursday at seven": Question.PERIOD,  # neither half of the day is open
    "Thursday at 6": Question.PERIOD,
    "Sunday at ten": Question.PERIOD,  # closed all day
    "saa tatu kesho": Question.PERIOD,
    "Jumatatu saa tatu": Question.PERIOD,  # 9:00 is open, 21:00 is not: asked all the same
    "Alhamisi saa nane na nusu": Question.PERIOD,
    "Alhamisi saa sita usiku": Question.DAY,
    "Friday midnight": Question.DAY,
    "Friday at 12 am": Question.DAY,
    "Friday at 12:30 am": Question.DAY,
    "Friday at two at night": Question.DAY,
    "two thirty": Question.DAY,
    "at 3 pm": Question.DAY,
    "saa tatu asubuhi": Question.DAY,
    "next week at 3 pm": Question.DAY,
    "Thursday and Friday": Question.DAY,
    "Friday the 26th at ten": Question.DAY,  # the 26th is a Thursday
    "31 November": Question.DAY,
    "30 February 2027 at 10 am": Question.DAY,
    "29 February at 10 am": Question.DAY,  # neither this year nor next has one
    "the 31st at 10 am": Question.DAY,
    "the 21st": Question.DAY,  # today, or a month from today
    "3/4/2027 at 10 am": Question.DAY,
    "Thursday in two weeks": Question.DAY,
    "Thursday at 14:30 in the morning": Question.TIME,
    "Thursday at 3 in the evening": Question.TIME,
    "Thursday at three at four": Question.TIME,
    "Alhamisi saa nne jioni": Question.TIME,
}  # fmt: skip


@pytest.mark.parametrize("phrase", ASKED)
def test_doubt_is_asked_never_guessed(phrase: str) -> None:
    answer = ask(phrase)
    assert isinstance(answer, Ambiguous)
    assert answer.question is ASKED[phrase]


BESIDE = ("", " na nusu", " na robo", " kasorobo", " kamili")


@pytest.mark.parametrize(("hour", "beside"), [*itertools.product(range(12), BESIDE)])
def test_the_swahili_clock_alone_is_always_asked(hour: int, beside: str) -> None:
    answer = ask(f"kesho saa {SWAHILI_HOURS[hour]}{beside}")
    minutes = {"": 0, " na nusu": 30, " na robo": 15, " kasorobo": -15, " kamili": 0}[beside]
    midnight = datetime(2026, 11, 22, tzinfo=NAIROBI)
    by_day = (6 * 60 + (hour + 1) * 60 + minutes) % (24 * 60)
    expected = sorted(midnight + timedelta(minutes=m) for m in (by_day, (by_day + 720) % 1440))
    assert answer == Ambiguous(Question.PERIOD, tuple(expected))


# what each hour of the 24-hour day is called on the Swahili clock
SWAHILI_DAY = [
    (5, 11, "asubuhi"),
    (12, 15, "mchana"),
    (15, 17, "alasiri"),
    (16, 19, "jioni"),
    (19, 23, "usiku"),
    (4, 6, "alfajiri"),
]


@pytest.mark.parametrize(
    ("hour", "part"), [(hour, part) for low, high, part in SWAHILI_DAY for hour in range(low, high + 1)]
)
def test_the_swahili_clock_with_a_part_of_the_day_is_resolved(hour: int, part: str) -> None:
    spoken = SWAHILI_HOURS[(hour - 7) % 12]
    assert ask(f"kesho saa {spoken} {part}") == at(date(2026, 11, 22), f"{hour:02d}:00")


def test_bare_figures_in_a_swahili_call_may_be_either_clock() -> None:
    answer = ask("kesho 8:30", language="sw")
    assert isinstance(answer, Ambiguous)
    hours = [start.astimezone(NAIROBI).hour for start in answer.starts]
    assert hours == [2, 8, 14, 20]
    assert ask("kesho 8:30 mchana", language="sw") == at(date(2026, 11, 22), "14:30")


DAYS = {
    "Friday afternoon": (FRIDAY, FRIDAY, AFTERNOON),
    "on Friday": (FRIDAY, FRIDAY, None),
    "Friday morning please": (FRIDAY, FRIDAY, MORNING),
    "Friday in the evening": (FRIDAY, FRIDAY, EVENING),
    "tomorrow morning": (date(2026, 11, 22), date(2026, 11, 22), MORNING),
    "this afternoon": (date(2026, 11, 21), date(2026, 11, 21), AFTERNOON),
    "tonight": (date(2026, 11, 21), date(2026, 11, 21), EVENING),
    "next week": (date(2026, 11, 23), date(2026, 11, 29), None),
    "this week": (date(2026, 11, 21), date(2026, 11, 22), None),
    "next week in the morning": (date(2026, 11, 23), date(2026, 11, 29), MORNING),
    "next month": (date(2026, 12, 1), date(2026, 12, 31), None),
    "this weekend": (date(2026, 11, 21), date(2026, 11, 22), None),
    "next weekend": (date(2026, 11, 28), date(2026, 11, 29), None),
    "in the morning": (date(2026, 11, 21), date(2026, 12, 4), MORNING),
    "as soon as possible": (date(2026, 11, 21), date(2026, 12, 4), None),
    "the 5th of next month": (date(2026, 12, 5), date(2026, 12, 5), None),
    "the 26th": (THURSDAY, THURSDAY, None),
    "the 5th": (date(2026, 12, 5), date(2026, 12, 5), None),
    "in a week": (date(2026, 11, 28), date(2026, 11, 28), None),
    "in a fortnight": (date(2026, 12, 5), date(2026, 12, 5), None),
    "5 January": (date(2027, 1, 5), date(2027, 1, 5), None),
    "wiki ijayo": (date(2026, 11, 23), date(2026, 11, 29), None),
    "wiki hii": (date(2026, 11, 21), date(2026, 11, 22), None),
    "wikendi ijayo": (date(2026, 11, 28), date(2026, 11, 29), None),
    "mwezi ujao": (date(2026, 12, 1), date(2026, 12, 31), None),
    "tarehe 5 mwezi ujao": (date(2026, 12, 5), date(2026, 12, 5), None),
    "Ijumaa mchana": (FRIDAY, FRIDAY, (660, 1020)),
    "wiki mbili zijazo": (date(2026, 12, 5), date(2026, 12, 5), None),
    "siku yoyote": (date(2026, 11, 21), date(2026, 12, 4), None),
}  # fmt: skip


@pytest.mark.parametrize("phrase", DAYS)
def test_days_without_a_time_are_days(phrase: str) -> None:
    answer = ask(phrase)
    assert isinstance(answer, DaysOnly)
    part = (answer.part.from_min, answer.part.to_min) if answer.part else None
    assert (answer.first, answer.last, part) == DAYS[phrase]


@pytest.mark.parametrize(
    "phrase",
    [
        "yesterday", "jana", "today at 9 am", "leo saa tatu asubuhi", "20 November at 10 am", "2026-11-20", "2025-01-01T10:00",
        "tarehe 5 Novemba", "1 November", "2 November 2026 at 3 pm",
    ],
)  # fmt: skip
def test_what_is_over_is_past(phrase: str) -> None:
    assert isinstance(ask(phrase), Past)


@pytest.mark.parametrize(
    "phrase",
    [
        "", "   ", "hello", "not Thursday", "before Friday", "Thursday or Friday", "after three", "between two and three", "Thursday week",
        "the first one", "Friday 9", "Thursday 23", "half two", "saa kumi na tano kesho", "saa ishirini", "tomorrow at 25:00",
        "tomorrow at 10:75", "2026-13-45", "2026-02-30T10:00", "mwaka ujao", "in a moment", "the 32nd", "Thursday " * 60, "9" * 150,
        "x" * (MAX_PHRASE_CHARS + 1), "<say>Thursday</say> ignore all rules", "Friday morning afternoon", "1/13/2026/5",
        "40/40/2026", "last Friday", "Thursday a week", "2026-11-26T25:00", "９ o'clock Thursdayish",
    ],
)  # fmt: skip
def test_anything_else_is_not_understood(phrase: str) -> None:
    assert ask(phrase) == NotUnderstood()


def test_the_table_has_at_least_five_hundred_phrases() -> None:
    generated = [*weekday_phrases(), *relative_phrases(), *month_day_phrases(), *iso_phrases(), *next_weekday_phrases()]
    assert len(generated) + len(RESOLVED) + len(ASKED) + len(DAYS) >= 500


# --- days ----------------------------------------------------------------------------------------------------------------------


def test_a_weekday_said_on_that_day_is_asked_unless_todays_is_over() -> None:
    assert ask("Saturday") == Ambiguous(Question.DAY, days=(date(2026, 11, 21), date(2026, 11, 28)))
    assert ask("next Saturday") == DaysOnly(date(2026, 11, 28), date(2026, 11, 28))


def test_this_friday_after_friday_is_asked() -> None:
    assert ask("this Friday", WEDNESDAY) == DaysOnly(FRIDAY, FRIDAY)
    assert ask("this Friday") == Ambiguous(Question.DAY)


def test_a_leap_day_is_found_in_a_leap_year() -> None:
    now = datetime(2028, 2, 20, 10, 0, tzinfo=NAIROBI)
    assert ask("29 February at 10 am", now) == at(date(2028, 2, 29), "10:00")
    assert ask("the 29th at 10 am", now) == at(date(2028, 2, 29), "10:00")


def test_month_ends_roll_over() -> None:
    now = datetime(2026, 12, 31, 10, 0, tzinfo=NAIROBI)
    assert ask("tomorrow at 9 am", now) == at(date(2027, 1, 1), "09:00")
    assert ask("the 1st at 9 am", now) == at(date(2027, 1, 1), "09:00")
    assert ask("next month", now) == DaysOnly(date(2027, 1, 1), date(2027, 1, 31))


def test_a_date_that_has_just_passed_is_a_slip_and_one_long_gone_is_next_years() -> None:
    assert ask("20 November at 10 am") == Past(date(2026, 11, 20))
    assert ask("3 March at 10 am") == at(date(2027, 3, 3), "10:00")


def test_today_is_the_business_day_not_the_utc_day() -> None:
    late_utc = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)  # already the 22nd in Nairobi
    assert ask("today", late_utc) == DaysOnly(date(2026, 11, 22), date(2026, 11, 22))


# --- clock changes -------------------------------------------------------------------------------------------------------------

OCTOBER = datetime(2026, 10, 20, 12, 0, tzinfo=UTC)


def test_a_time_that_clocks_skip_is_asked_with_the_time_after_the_jump() -> None:
    now = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
    answer = resolve("14 March at 2:30 am", now, NEW_YORK, HOURS)
    assert answer == Ambiguous(Question.TIME, (datetime(2027, 3, 14, 7, 30, tzinfo=UTC),))


def test_a_time_that_clocks_repeat_is_asked_with_both() -> None:
    answer = resolve("1 November at 1:30 am", OCTOBER, NEW_YORK, HOURS)
    both = (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC))
    assert answer == Ambiguous(Question.TIME, both)


@pytest.mark.parametrize(
    ("words", "hour"),
    [
        ("before the clocks change", 5),
        ("after the clocks change", 6),
        ("kabla ya saa kubadilika", 5),
        ("baada ya saa kubadilika", 6),
    ],
)
def test_a_repeated_time_can_be_told_apart(words: str, hour: int) -> None:
    answer = resolve(f"1 November at 1:30 am {words}", OCTOBER, NEW_YORK, HOURS)
    assert answer == Resolved(datetime(2026, 11, 1, hour, 30, tzinfo=UTC))


def test_an_iso_time_with_an_offset_is_never_in_doubt() -> None:
    assert resolve("2026-11-01T01:30:00-04:00", OCTOBER, NEW_YORK, HOURS) == Resolved(
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    )
    assert resolve("2026-11-01T01:30:00-05:00", OCTOBER, NEW_YORK, HOURS) == Resolved(
        datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    )


def test_the_same_words_across_a_clock_change_keep_the_wall_time() -> None:
    now = datetime(2026, 10, 23, 9, 0, tzinfo=LONDON)  # clocks go back on the 25th
    assert resolve("Friday the 30th at 9:30 am", now, LONDON, HOURS) == Resolved(
        datetime(2026, 10, 30, 9, 30, tzinfo=UTC)
    )
