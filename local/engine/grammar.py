"""What a caller may say, as finite-state graphs: one per expectation and language.

An edge carries a whole phrase. Phrases longer than a word are recognised as one word each: that keeps the search small and leaves fewer
places to go wrong than single words do. Services come from the tools' declarations, names from `names`; the rest is how people talk about
appointments anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import exp

from local.engine import answers
from local.engine.expectation import Expectation
from local.engine.names import NAMES
from local.engine.openings import PERSON, WHEN, openings_for
from local.engine.subject import plain

__all__ = ["END", "ENGLISH", "HOURS", "START", "SWAHILI", "WEEKDAYS", "Edge", "edges", "plain"]

START, END = "start", "end"
BOOKING_TOOL = "proposeBooking"


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

EXTRA = 0.4  # of the weight of all that is expected, for what may be asked for at any moment


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


def edges(
    expectation: Expectation,
    language: str,
    services: Sequence[str],
    tools: Sequence[str] = (),
    people: Sequence[str] = (),
) -> list[Edge]:
    """services, people: their spoken names, as `plain` writes them. Without `tools`: appointments and nothing else."""
    talk = TALK[language]
    asked = (
        _about_appointments(expectation, talk, services)
        if not tools or BOOKING_TOOL in tools
        else _about_anything(expectation, talk, language, tools)
    )
    asked = asked or _told(expectation, talk, language, tools)
    extra = _openings(expectation, language, tools, people)
    if not extra:
        return asked
    shared = [replace(edge, weight=edge.weight * (1 - EXTRA)) if edge.source == START else edge for edge in asked]
    has_when = any(edge.source == "when" for edge in asked)
    return [*shared, *extra, *([] if has_when or not _leads_to(extra, "when") else _when(talk, "when"))]


def _leads_to(graph: Sequence[Edge], target: str) -> bool:
    return any(edge.target == target for edge in graph)


def _openings(expectation: Expectation, language: str, tools: Sequence[str], people: Sequence[str]) -> list[Edge]:
    """What may be asked for now: anything while nothing was asked or after a yes-or-no question; else a person, or to be left alone."""
    is_free = expectation in (Expectation.OPEN, Expectation.YES_NO)
    phrases = [
        phrase
        for opening in openings_for(tools, always=not is_free)
        for phrase in opening.phrases[language]
        if people or not phrase.endswith(PERSON)
    ]
    by_slot = {
        slot: [phrase.removesuffix(slot).strip() for phrase in phrases if phrase.endswith(slot)]
        for slot in (WHEN, PERSON)
    }
    whole = [phrase for phrase in phrases if not phrase.endswith((WHEN, PERSON))]
    if is_free and BOOKING_TOOL in tools:  # whose own graphs know nothing of the other tools' answers
        whole += answers.listed(answers.REPLIES, tools, language)
    return [
        *_fan(START, END, 0.6 * EXTRA, whole),
        *_fan(START, "when", 0.2 * EXTRA, by_slot[WHEN]),
        *_fan(START, "person", 0.2 * EXTRA, by_slot[PERSON]),
        *(_fan("person", END, 1.0, _called(people, language)) if by_slot[PERSON] else []),
    ]


def _called(people: Sequence[str], language: str) -> list[str]:
    return (
        [*people, *(f"the {name}" for name in people if not name.startswith("the "))] if language == "en" else [*people]
    )


def _about_appointments(expectation: Expectation, talk: Talk, services: Sequence[str]) -> list[Edge]:
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
    return []


def _about_anything(expectation: Expectation, talk: Talk, language: str, tools: Sequence[str]) -> list[Edge]:
    """The same questions where nothing is booked."""
    match expectation:
        case Expectation.NAME:
            return [
                *_fan(START, "name", 0.6, talk.before_name),
                Edge(START, "name", 0.3),
                *_fan("name", END, 1.0, [plain(name) for name in NAMES]),
                *_fan(START, END, 0.1, talk.bye),
            ]
        case Expectation.YES_NO:
            return [
                *_fan(START, END, 0.5, talk.yes),
                *_fan(START, END, 0.2, (*talk.no, *talk.bye)),
                *_fan(START, END, 0.3, answers.listed(answers.REPLIES, tools, language)),
            ]
        case Expectation.WHEN:
            return [*_when(talk, START), *_fan(START, END, 0.05, talk.bye)]
        case Expectation.CHOICE:
            return [
                *_fan(START, END, 0.6, talk.choose),
                *_fan(START, END, 0.2, (*talk.yes, *talk.no, *talk.bye)),
                Edge(START, "when", 0.2),
                *_when(talk, "when"),
            ]
        case Expectation.OPEN:
            return [
                *_fan(START, END, 0.4, (*talk.yes, *talk.no)),
                *_fan(START, END, 0.4, talk.bye),
                *_fan(START, END, 0.2, answers.listed(answers.REPLIES, tools, language)),
            ]
    return []


def _told(expectation: Expectation, talk: Talk, language: str, tools: Sequence[str]) -> list[Edge]:
    """What a tool has asked for, whatever the business."""
    leave = _fan(START, END, 0.05, (*talk.no, *talk.bye))
    match expectation:
        case Expectation.NUMBER:
            return [
                *_fan(START, "number", 0.35, answers.BEFORE_NUMBER[language]),
                Edge(START, "number", 0.6),
                *_fan("number", "counted", 1.0, answers.NUMBERS[language]),
                Edge("counted", END, 0.6),
                *_fan("counted", END, 0.4, answers.AFTER_NUMBER[language]),
                *leave,
            ]
        case Expectation.DIGITS:
            return [
                *_fan(START, "digit0", 0.35, answers.BEFORE_DIGITS[language]),
                Edge(START, "digit0", 0.55),
                *_fan(START, END, 0.05, answers.INSTEAD_OF_DIGITS[language]),
                *_digits("digit", language),
                *leave,
            ]
        case Expectation.TRACKING:
            return [
                *_fan(START, "letter0", 0.35, answers.BEFORE_TRACKING[language]),
                Edge(START, "letter0", 0.6),
                *_letters("letter", "digit0"),
                *_digits("digit", language),
                *leave,
            ]
        case Expectation.PLACE:
            return [*_fan(START, END, 0.95, answers.PLACES[language]), *leave]
        case Expectation.TEXT:
            told = answers.listed(answers.TEXTS, tools, language) + answers.listed(answers.REPLIES, tools, language)
            return [*_fan(START, END, 0.7, told), *_fan(START, END, 0.3, (*talk.yes, *talk.no, *talk.bye))]
    return []


def _digits(state: str, language: str) -> list[Edge]:
    """From `state`0 to the end: as many digits as a reference may have."""
    return [
        edge
        for place in range(answers.MAX_DIGITS)
        for edge in (
            *_fan(f"{state}{place}", f"{state}{place + 1}", 0.5, answers.DIGITS[language]),
            *([Edge(f"{state}{place}", END, 0.5)] if place >= answers.MIN_DIGITS else []),
        )
    ] + [Edge(f"{state}{answers.MAX_DIGITS}", END, 1.0)]


def _letters(state: str, target: str) -> list[Edge]:
    return [
        edge
        for place in range(answers.MAX_LETTERS)
        for edge in (
            *_fan(f"{state}{place}", f"{state}{place + 1}", 0.5, answers.LETTERS),
            *([Edge(f"{state}{place}", target, 0.5)] if place >= answers.MIN_LETTERS else []),
        )
    ] + [Edge(f"{state}{answers.MAX_LETTERS}", target, 1.0)]
