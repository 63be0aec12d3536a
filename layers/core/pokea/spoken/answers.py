"""What an answer to a question says: yes or no, how many, which of several, by when. None: it does not answer the question.

English and Swahili are read alike, mixed as people do. A contradiction ("yes, no, well") is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pokea import hours
from pokea.hours import OpeningHours
from pokea.knowledge_words import folded
from pokea.spoken import times as spoken_time
from pokea.spoken import times_en as spoken_time_en
from pokea.spoken import times_sw as spoken_time_sw
from pokea.spoken.counts import whole_numbers

# Said first and taken out, because the words in them mean something else here.
_IDIOMS = {
    "yes": """no problem;not a problem;why not;not at all a problem;no worries;i do not mind;i dont mind;hakuna shida;
    hamna shida;hakuna tatizo;hamna noma;si mbaya""",
    "no": """please do not;please dont;not yet;not now;not right now;not really;not today;i am busy;im busy;not interested;
    si sasa;sio sasa;siyo sasa;kwa sasa hapana""",
}
_YES = """yes;yeah;yep;yup;yea;sure;of course;okay;ok;go ahead;go on;certainly;absolutely;definitely;correct;
    thats right;that is right;alright;all right;i do;i am;i can;we do;we are;thats me;that is me;please do;fine;
    ndiyo;ndio;naam;eeh;ee;eh;haya;sawa;poa;kabisa;bila shaka;hakika;endelea;uliza;ninayo;ndimi;tunayo"""
_NO = """no;nope;nah;not;dont;do not;never;cannot;cant;busy;bad time;another time;later;some other time;hapana;la;siyo;
    sio;si;sina;hatuna;siwezi;sitaki;hatutaki;nina shughuli;niko na shughuli;nina kazi;baadaye;wakati mwingine;
    bado"""
_UNSURE = """i dont know;i do not know;dont know;do not know;not sure;im not sure;no idea;hard to say;cannot say;cant say;
    depends;just looking;only looking;looking around;no plans;no plan;someday;some day;one day;undecided;
    have not decided;havent decided;sijui;sina uhakika;hatujui;naangalia tu;tunaangalia tu;inategemea;hatujaamua;
    sijaamua"""
_NONE_AT_ALL = "none;nobody;no one;hakuna;hatuna;hakuna mtu"
_JUST_ONE = "just me;only me;just myself;me alone;mimi tu;peke yangu"
_RANGE = re.compile(r"\b(?:to|and|or|between|hadi|mpaka|au|na|kati)\b|-")

_AT_ONCE = """immediately;right away;straight away;as soon as possible;asap;at once;now;today;soon;very soon;sasa hivi;
    mara moja;haraka;haraka iwezekanavyo;leo;sasa;karibuni"""
# By when, at the latest, that is: a plan that is said vaguely is not taken for an early one.
_PERIODS = {
    "tomorrow;kesho": 1,
    "this week;wiki hii": 7,
    "next week;wiki ijayo": 14,
    "this month;mwezi huu": 31,
    "next month;mwezi ujao;couple of months": 62,
    "this quarter;robo hii": 92,
    "next quarter;robo ijayo": 183,
    "this year;mwaka huu": 365,
    "next year;mwaka ujao;mwakani": 730,
}
_UNITS = {
    "day": 1, "days": 1, "siku": 1, "week": 7, "weeks": 7, "wiki": 7, "month": 31, "months": 31, "mwezi": 31, "miezi": 31,
    "year": 365, "years": 365, "mwaka": 365, "miaka": 365,
}  # fmt: skip
_VAGUE_COUNTS = {"a": 1, "an": 1, "couple": 2, "few": 3, "several": 6, "half": 0, "kadhaa": 6, "chache": 3}


def yes_or_no(said: str) -> bool | None:
    text, yes, no = f" {folded(said)} ", False, False
    for meaning, phrases in _IDIOMS.items():
        for phrase in _listed(phrases):
            if f" {phrase} " in text:
                yes, no = yes or meaning == "yes", no or meaning == "no"
                text = text.replace(f" {phrase} ", " ")
    yes, no = yes or _has(text, _YES), no or _has(text, _NO)
    return yes if yes is not no else None


def is_unsure(said: str) -> bool:
    return _has(f" {folded(said)} ", _UNSURE)


def count(said: str, language: str = "en") -> int | None:
    """A whole number. Of a range the smaller end: that much is certain."""
    text = f" {folded(said)} "
    numbers = whole_numbers(said, language)
    if len(numbers) == 1:
        return numbers[0]
    if len(numbers) == 2 and _RANGE.search(said.casefold()):
        return min(numbers)
    if not numbers and _has(text, _JUST_ONE):
        return 1
    return 0 if not numbers and _has(text, _NONE_AT_ALL) else None


def chosen(said: str, choices: Mapping[str, Mapping[str, tuple[str, ...]]]) -> str | None:
    """The key of the one choice that was named, in any language. A name within a longer one that was said does not count."""
    text = f" {folded(said)} "
    named = [(folded(name), key) for key, names in choices.items() for words in names.values() for name in words]
    found = set()
    for name, key in sorted(named, key=lambda pair: -len(pair[0])):
        if f" {name} " in text:
            found.add(key)
            text = text.replace(f" {name} ", " , ")
    return found.pop() if len(found) == 1 else None


def days_until(said: str, now: datetime, tz: ZoneInfo, opening: OpeningHours, language: str) -> int | None:
    """By when, in days from today, at the latest that the words allow."""
    text = f" {folded(said)} "
    counted = _counted(text.split())
    if counted is not None:
        return counted
    for phrases, days in _PERIODS.items():
        if _has(text, phrases):
            return days
    month = _month(text.split(), now, tz)
    if month is not None:
        return month
    return 0 if _has(text, _AT_ONCE) else _date(said, now, tz, opening, language)


def _counted(words: list[str]) -> int | None:
    """Such as "in three months", "wiki mbili", "miezi sita", "half a year"."""
    for at, word in enumerate(words):
        if word not in _UNITS:
            continue
        before, after = words[at - 1] if at else "", words[at + 1] if at + 1 < len(words) else ""
        if "half" in words[max(0, at - 2) : at] or after == "nusu":
            return _UNITS[word] // 2
        numbers = whole_numbers(" ".join(words[max(0, at - 3) : at])) or whole_numbers(" ".join(words[at + 1 : at + 4]))
        vague = _VAGUE_COUNTS.get(before, _VAGUE_COUNTS.get(words[at - 2] if before == "of" and at > 1 else after))
        quantity = numbers[-1] if numbers else vague
        if quantity is not None:
            return min(quantity * _UNITS[word], 36_500)
    return None


def _month(words: list[str], now: datetime, tz: ZoneInfo) -> int | None:
    """To the last day of the month that was named."""
    for names in (spoken_time_en.MONTHS, spoken_time_sw.MONTHS):
        for number, name in enumerate(names, start=1):
            if name in words and (
                name != "may" or words[words.index(name) - 1] in ("in", "by", "before", "until", "of")
            ):
                today = hours.local(now, tz).date()
                year = today.year + (number < today.month)
                following = today.replace(year=year + number // 12, month=number % 12 + 1, day=1)
                return (following - timedelta(days=1) - today).days
    return None


def _date(said: str, now: datetime, tz: ZoneInfo, opening: OpeningHours, language: str) -> int | None:
    found = spoken_time.resolve(said, now, tz, opening, language)
    today = hours.local(now, tz).date()
    if isinstance(found, spoken_time.Resolved):
        return (hours.local(found.start, tz).date() - today).days
    if isinstance(found, spoken_time.DaysOnly):
        return (found.last - today).days
    return None


def _has(text: str, phrases: str) -> bool:
    return any(f" {phrase} " in text for phrase in _listed(phrases))


def _listed(phrases: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in phrases.split(";")]
