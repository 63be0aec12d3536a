"""openingHours: when the business is open, in words, on one day, at one time, or in the usual week."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from pokea import hours
from pokea.desk.visit import Visit, ask, reply
from pokea.hours import DAY_MINUTES, WEEKDAYS, Opening
from pokea.knowledge_words import folded
from pokea.reception import SameDays, usual_week
from pokea.spoken import aloud as spoken
from pokea.spoken import days as said_days
from pokea.spoken import times_sw as spoken_time_sw
from pokea.spoken.times import Ambiguous, DaysOnly, NotUnderstood, Past, Resolved, resolve
from pokea.toolkit import ToolResult, then
from pokea.words import say

MAX_DAYS = 3  # that are answered one by one; more of them are the usual week
# Said around the day in a question about opening hours; whatever else is said must be a day or a time, or nothing is understood.
_AROUND_DAY = """
are is do you your the open opened opening close closed closing hours hour what when time times on at until till from
be will there anybody anyone office working work works shop store college mko iko wazi mnafungua mnafunga kufungua kufunga mtakuwa
mtafungua mtafunga saa ngapi gani za kazi masaa lini mpaka hadi siku
"""
_AROUND = frozenset(_AROUND_DAY.split())
_CLOCK_WORDS = frozenset({"at", "saa"})  # belong to a time as well


def opening_hours(visit: Visit) -> ToolResult:
    if not any(visit.rules.hours.week.values()):
        from pokea.desk.reception import connect

        return connect(visit, "hours_never", "opening hours")
    said = visit.text("when")
    found = _resolved(visit, said) if said else None
    if isinstance(found, Resolved):
        return _at(visit, found.start)
    if isinstance(found, DaysOnly):
        days = [found.first + timedelta(days=n) for n in range((found.last - found.first).days + 1)]
        return _on(visit, days) if len(days) <= MAX_DAYS else _week(visit)
    if isinstance(found, Ambiguous) and found.days:
        return _on(visit, list(found.days[:1]))
    if isinstance(found, Ambiguous) and found.starts:
        return _on(visit, [hours.local(found.starts[0], visit.tz).date()])
    if isinstance(found, Past):
        return _on(visit, [found.day])
    if isinstance(found, NotUnderstood) and _names_nothing(said):
        return _week(visit)
    if found is not None:
        asked = visit.say("hours_which_day")
        return ToolResult({**ask("day", asked).payload, "then": then("openingHours", "when", "when")})
    return _week(visit)


def _resolved(visit: Visit, said: str) -> Resolved | DaysOnly | Ambiguous | Past | NotUnderstood:
    """The day in `said`, first as it stands, then without the words around it."""
    found = resolve(said, visit.now, visit.tz, visit.rules.hours, visit.language)
    if not isinstance(found, NotUnderstood):
        return found
    for dropped in (_AROUND - _CLOCK_WORDS, _AROUND):
        rest = " ".join(word for word in folded(said).split() if word not in dropped)
        found = resolve(rest, visit.now, visit.tz, visit.rules.hours, visit.language) if rest else NotUnderstood()
        if not isinstance(found, NotUnderstood):
            return found
    return found


def _names_nothing(said: str) -> bool:
    return all(word in _AROUND for word in folded(said).split())


def _at(visit: Visit, start: datetime) -> ToolResult:
    wall = hours.local(start, visit.tz)
    openings = visit.rules.hours.on(wall.date())
    if not openings:
        return _on(visit, [wall.date()])
    is_open = visit.rules.hours.is_open_at(wall.date(), wall.hour * 60 + wall.minute)
    key = "hours_open_then" if is_open else "hours_closed_then"
    return reply("ok", visit.say(key, day=visit.day(wall.date()), openings=_openings(visit, openings)), open=is_open)


def _on(visit: Visit, days: list[date]) -> ToolResult:
    sentences = []
    for day in days:
        openings = visit.rules.hours.on(day)
        key = "hours_on_day" if openings else "hours_closed_day"
        words = visit.say(key, day=visit.day(day), openings=_openings(visit, openings))
        sentences.append(words if day == days[-1] else words.rpartition(". ")[0] + ".")
    return reply("ok", " ".join(sentences), days=[day.isoformat() for day in days])


def _week(visit: Visit) -> ToolResult:
    wall = hours.local(visit.now, visit.tz)
    is_open = visit.rules.hours.is_open_at(wall.date(), wall.hour * 60 + wall.minute)
    stretches = [_stretch(visit, same) for same in usual_week(visit.rules.hours) if same.openings]
    week = visit.listed(stretches, all_of=True)
    now = visit.say("hours_now_open" if is_open else "hours_now_closed")
    return reply("ok", visit.say("hours_week", now=now, week=week), open=is_open)


def _stretch(visit: Visit, same: SameDays) -> str:
    first, last = _weekday(visit, same.first), _weekday(visit, same.last)
    days = first if same.first == same.last else say(visit.language, "hours_days", first=first, last=last)
    return f"{days} {_openings(visit, same.openings)}"


def _weekday(visit: Visit, day: int) -> str:
    return (spoken_time_sw.WEEKDAYS if visit.language == "sw" else WEEKDAYS)[day].capitalize()


def _openings(visit: Visit, openings: tuple[Opening, ...]) -> str:
    said = []
    for opening in openings:
        if (opening.opens_min, opening.closes_min) == (0, DAY_MINUTES):
            said.append(say(visit.language, "hours_whole_day"))
            continue
        opens, closes = _clock(visit, opening.opens_min), _clock(visit, opening.closes_min)
        said.append(say(visit.language, "hours_between", opens=opens, closes=closes))
    return visit.listed(said, all_of=True)


def _clock(visit: Visit, minute: int) -> str:
    """A time of day in words; no clock change moves it."""
    if minute in (0, DAY_MINUTES):
        return say(visit.language, "hours_midnight")
    (monday, *_) = hours.instants_of(said_days.monday(visit.today), minute, visit.tz)
    return spoken.clock(monday, visit.tz, visit.language)
