"""What a caller may say, as finite-state graphs: one per expectation and language.

An edge carries a whole phrase. Phrases longer than a word are recognised as one word each: that keeps the search small and leaves fewer
places to go wrong than single words do. Services come from the tools' declarations, names from `names`; the rest is how people talk about
appointments anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp

from local.engine.expectation import Expectation
from local.engine.names import NAMES

START, END = "start", "end"


@dataclass(frozen=True, slots=True)
class Edge:
    source: str
    target: str
    weight: float
    phrase: str = ""  # "": follows without a word


@dataclass(frozen=True, slots=True)
class Talk:
    """The phrases of one language. `book_a` ends before a service, `book` is complete in itself."""

    book_a: Sequence[str]
    book: Sequence[str]
    after_book: Sequence[str]  # between `book` and a service
    before_service: Sequence[str]
    move: Sequence[str]
    cancel: Sequence[str]
    ask: Sequence[str]
    yes: Sequence[str]
    no: Sequence[str]
    bye: Sequence[str]
    choose: Sequence[str]
    before_name: Sequence[str]
    before_when: Sequence[str]  # between a wish and its time
    before_new_time: Sequence[str]  # between "move my appointment" and its time
    days: Sequence[str]
    days_after_time: Sequence[str]  # those that cannot be mistaken for the end of a time
    times: Sequence[str]
    times_after_day: Sequence[str]
    units: Sequence[str]  # "kumi na moja" is spoken with a breath after the ten
    minutes: Sequence[str]  # after a time, with a breath too
    parts: Sequence[str]  # after a time
    parts_after_day: Sequence[str]


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HOURS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_RELATIVE_DAYS = ("today", "tomorrow", "the day after tomorrow")
_NAMED_DAYS = tuple(f"{which} {day}" for day in WEEKDAYS for which in ("next", "on", "this"))
_EXACT_TIMES = tuple(
    pattern.format(hour)
    for hour in HOURS
    for pattern in (
        "{} thirty",
        "{} fifteen",
        "{} forty five",
        "{} o'clock",
        "half past {}",
        "quarter past {}",
        "quarter to {}",
    )
)
_AT_TIMES = tuple(f"at {time}" for time in (*_EXACT_TIMES, *HOURS, "noon"))
_PARTS = ("in the morning", "in the afternoon", "in the evening")

ENGLISH = Talk(
    book_a=(
        "i would like to book a",
        "i want to book a",
        "can i book a",
        "i would like a",
        "i need a",
        "book a",
    ),
    book=(
        "i would like to book an appointment",
        "i want to book an appointment",
        "i would like to make an appointment",
        "i need an appointment",
        "book an appointment",
    ),
    after_book=("for a",),
    before_service=("a", "i would like a", "for a", "an"),
    move=(
        "i want to move my appointment",
        "i would like to move my appointment",
        "can i move my appointment",
        "please move my appointment",
        "i want to reschedule my appointment",
    ),
    cancel=(
        "please cancel my appointment",
        "cancel my appointment",
        "i want to cancel my appointment",
        "i would like to cancel my appointment",
        "can you cancel my appointment",
    ),
    ask=("when is my appointment",),
    yes=("yes", "yes please", "yes that is right", "yes that is correct", "that is right", "correct", "okay"),
    no=("no", "no thank you", "no that is wrong"),
    bye=(
        "goodbye",
        "no thank you goodbye",
        "no that is all thank you",
        "no that is all thank you goodbye",
        "that is all",
    ),
    choose=("the first one", "the second one", "the third one", "the last one"),
    before_name=("my name is", "this is", "it is", "the name is"),
    before_when=("for",),
    before_new_time=("to",),
    days=(*WEEKDAYS, *_NAMED_DAYS, *_RELATIVE_DAYS),
    days_after_time=(*_NAMED_DAYS, *_RELATIVE_DAYS),
    times=(*_EXACT_TIMES, *_AT_TIMES),
    times_after_day=(*_EXACT_TIMES, *_AT_TIMES),
    units=(),
    minutes=(),
    parts=_PARTS,
    parts_after_day=(*_PARTS, "morning", "afternoon", "evening"),
)

_SW_WEEKDAYS = ("jumatatu", "jumanne", "jumatano", "alhamisi", "ijumaa", "jumamosi", "jumapili")
_SW_HOURS = ("moja", "mbili", "tatu", "nne", "tano", "sita", "saba", "nane", "tisa", "kumi")
_SW_TIMES = tuple(f"saa {hour}" for hour in _SW_HOURS)
_SW_PARTS = ("asubuhi", "mchana", "alasiri", "jioni", "usiku")

SWAHILI = Talk(
    book_a=("nataka kuweka miadi ya", "naomba kuweka miadi ya", "ningependa kuweka miadi ya", "naomba miadi ya"),
    book=("nataka kuweka miadi", "naomba kuweka miadi", "ningependa kuweka miadi", "naomba miadi"),
    after_book=("ya",),
    before_service=("nataka", "naomba", "ningependa"),
    move=("nataka kuhamisha miadi yangu", "ningependa kuhamisha miadi yangu", "nataka kubadilisha miadi yangu"),
    cancel=("nataka kufuta miadi yangu", "tafadhali futa miadi yangu", "ningependa kufuta miadi yangu"),
    ask=("miadi yangu ni lini",),
    yes=("ndio", "ndio tafadhali", "ndio sawa", "sawa", "sawa sawa", "ni sahihi"),
    no=("hapana", "hapana asante", "la asante"),
    bye=("kwaheri", "hapana ni hayo tu", "hapana ni hayo tu asante", "ni hayo tu asante kwaheri", "asante kwaheri"),
    choose=("ya kwanza", "ya pili", "ya tatu"),
    before_name=("jina langu ni", "mimi ni", "naitwa"),
    before_when=(),
    before_new_time=("hadi", "iwe"),
    days=(*_SW_WEEKDAYS, *(f"{day} ijayo" for day in _SW_WEEKDAYS), "leo", "kesho", "kesho kutwa"),
    days_after_time=(*_SW_WEEKDAYS, *(f"{day} ijayo" for day in _SW_WEEKDAYS), "leo", "kesho", "kesho kutwa"),
    times=_SW_TIMES,
    times_after_day=_SW_TIMES,
    units=("na moja", "na mbili"),
    minutes=("na nusu", "na robo", "kasorobo", "kamili"),
    parts=_SW_PARTS,
    parts_after_day=_SW_PARTS,
)

# "First" and "third" differ by faint consonants, and on a telephone "first" sounds more like "third" (by 5 to 20 nats, measured) while a
# real "third" fits itself better by 120. The line between them belongs in the middle.
HANDICAP_NATS = {"the third one": 60.0}

TALK = {"en": ENGLISH, "sw": SWAHILI}


def plain(text: str) -> str:
    """Lower case without punctuation: how phrases are written here and how recognised words come out."""
    return " ".join(re.sub(r"[^a-z' ]+", " ", text.lower()).split())


def _fan(source: str, target: str, weight: float, phrases: Iterable[str]) -> list[Edge]:
    phrases = list(dict.fromkeys(phrases))
    share = weight / max(1, len(phrases))
    return [Edge(source, target, share * exp(-HANDICAP_NATS.get(phrase, 0.0)), phrase) for phrase in phrases]


def _time(talk: Talk, source: str, target: str, weight: float, times: Sequence[str]) -> list[Edge]:
    if not talk.minutes:
        return _fan(source, target, weight, times)
    hour = f"{source}Hour"
    return [
        *_fan(source, hour, weight, times),
        *_fan(hour, hour, 0.2, talk.units),
        Edge(hour, target, 0.5),
        *_fan(hour, target, 0.3, talk.minutes),
    ]


def _when(talk: Talk, start: str) -> list[Edge]:
    """A day, a time, or both in either order."""
    return [
        *_fan(start, "day", 0.75, talk.days),
        *_time(talk, start, "time", 0.2, talk.times),
        *_fan(start, END, 0.05, talk.parts),
        Edge("day", END, 0.2),
        *_time(talk, "day", "dayTime", 0.6, talk.times_after_day),
        *_fan("day", END, 0.2, talk.parts_after_day),
        Edge("dayTime", END, 0.7),
        *_fan("dayTime", END, 0.3, talk.parts),
        Edge("time", "timePart", 0.8),
        *_fan("time", "timePart", 0.2, talk.parts),
        Edge("timePart", END, 0.7),
        *_fan("timePart", END, 0.3, talk.days_after_time),
    ]


def _services(talk: Talk, source: str, target: str, services: Sequence[str]) -> list[Edge]:
    return _fan(source, target, 1.0, services) if services else []


def _wishes(talk: Talk, services: Sequence[str]) -> list[Edge]:
    """Book, move, cancel, ask; a wish may name its time at once."""
    return [
        *(_fan(START, "bookA", 0.25, talk.book_a) if services else []),
        *_services(talk, "bookA", "booked", services),
        *_fan(START, "booked", 0.1, talk.book),
        *(_fan("booked", "bookA", 0.1, talk.after_book) if services else []),
        Edge("booked", END, 0.4),
        Edge("booked", "when", 0.4),
        *_fan("booked", "when", 0.1, talk.before_when),
        *_fan(START, "moved", 0.15, talk.move),
        Edge("moved", END, 0.4),
        Edge("moved", "when", 0.1),
        *_fan("moved", "when", 0.5, talk.before_new_time),
        *_fan(START, END, 0.1, (*talk.cancel, *talk.ask)),
        *_when(talk, "when"),
    ]


def _names(talk: Talk, names: Sequence[str]) -> list[Edge]:
    return [
        *_fan(START, "name", 0.6, talk.before_name),
        Edge(START, "name", 0.3),
        *_fan("name", END, 1.0, names),
        *_fan(START, END, 0.1, (*talk.cancel, *talk.bye)),
    ]


def _answers(talk: Talk) -> list[Edge]:
    return [
        *_fan(START, END, 0.4, talk.yes),
        *_fan(START, END, 0.2, (*talk.no, *talk.bye)),
        *_fan(START, END, 0.1, talk.cancel),
        *_fan(START, "when", 0.1, ("no", "no make it") if talk is ENGLISH else ("hapana",)),
        Edge(START, "when", 0.2),
        *_when(talk, "when"),
    ]


def edges(expectation: Expectation, language: str, services: Sequence[str]) -> list[Edge]:
    """services: their spoken names, as `plain` writes them."""
    talk = TALK[language]
    match expectation:
        case Expectation.NAME:
            return _names(talk, [plain(name) for name in NAMES])
        case Expectation.YES_NO:
            return _answers(talk)
        case Expectation.WHEN:
            return [*_when(talk, START), *_fan(START, END, 0.05, (*talk.bye, *talk.cancel))]
        case Expectation.SERVICE:
            return [
                *_fan(START, "service", 0.5, talk.before_service),
                Edge(START, "service", 0.5),
                *_services(talk, "service", "booked", services),
                Edge("booked", END, 0.6),
                Edge("booked", "when", 0.4),
                *_when(talk, "when"),
                *_fan(START, END, 0.05, (*talk.bye, *talk.cancel)),
            ]
        case Expectation.CHOICE:
            return [
                *_fan(START, END, 0.5, talk.choose),
                *_fan(START, END, 0.2, (*talk.yes, *talk.no, *talk.bye)),
                *_fan(START, END, 0.1, services or talk.no),
                Edge(START, "when", 0.2),
                *_when(talk, "when"),
            ]
        case Expectation.OPEN:
            return [
                *_wishes(talk, services),
                *_fan(START, END, 0.2, (*talk.yes, *talk.no)),
                *_fan(START, END, 0.2, talk.bye),
                Edge(START, "when", 0.1),
            ]
