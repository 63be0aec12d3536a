"""From a caller's words to a day on which a parcel can come, or to the reply that asks or explains."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from pokea import dispatch
from pokea.desk.own_shipments import rules_of
from pokea.desk.visit import Visit, ask, reply
from pokea.dispatch import NotThen
from pokea.hours import local
from pokea.spoken.said import Part
from pokea.spoken.times import Ambiguous, DaysOnly, NotUnderstood, Past, Resolution, Resolved, resolve
from pokea.toolkit import ToolResult


def wanted_day(visit: Visit, phrase: str) -> tuple[date, str] | ToolResult:
    """The day and the window ("": whenever). A time of day is not promised: what it says of the day is taken."""
    resolution = _resolve(visit, phrase)
    if isinstance(resolution, Past):
        return _no(visit, NotThen.PAST, resolution.day)
    if isinstance(resolution, NotUnderstood):
        return ask("day", visit.say("reschedule_ask_when_again"))
    days, part = _days(visit, resolution)
    if len(days) != 1:
        return _which(visit, days)
    day = days[0]
    rules, hours = rules_of(visit), visit.desk.profile.hours
    barred = dispatch.why_not(rules, hours, day, visit.today)
    if day == visit.today and barred is None:
        barred = NotThen.PAST  # today's drivers have left with what they have
    window = dispatch.window_of(rules, hours, day, part) if barred is None else ""
    if barred is None and window is None:
        barred = NotThen.CLOSED
    return _no(visit, barred, day) if barred is not None or window is None else (day, window)


def when_in(visit: Visit, words: Sequence[str], *, days_only: bool = False) -> str:
    """The end of what was said that names one other day than today ("no, please bring it tomorrow"), or several in a row ("next
    week"); "" if nothing does. `days_only`: a time of day names no day."""
    for start in range(len(words)):
        phrase = " ".join(words[start:])
        resolution = _resolve(visit, phrase)
        if isinstance(resolution, DaysOnly) or (isinstance(resolution, Resolved | Ambiguous) and not days_only):
            days, _ = _days(visit, resolution)
            if visit.today not in days and (len(days) == 1 or isinstance(resolution, DaysOnly)):
                return phrase
    return ""


def _resolve(visit: Visit, phrase: str) -> Resolution:
    return resolve(phrase, visit.now, visit.tz, visit.desk.profile.hours, visit.language)


def _days(visit: Visit, resolution: Resolved | DaysOnly | Ambiguous) -> tuple[list[date], Part | None]:
    if isinstance(resolution, Resolved):
        return [local(resolution.start, visit.tz).date()], None
    if isinstance(resolution, DaysOnly):
        count = (resolution.last - resolution.first).days + 1
        return [resolution.first + timedelta(days=n) for n in range(count)], resolution.part
    days = resolution.days or tuple(local(start, visit.tz).date() for start in resolution.starts)
    return sorted(set(days)), None


def _which(visit: Visit, days: Sequence[date]) -> ToolResult:
    """Two or three days are a choice; a whole week is asked about."""
    if not 2 <= len(days) <= 3:
        return ask("day", visit.say("reschedule_ask_day"))
    choices = [{"value": day.isoformat(), "spoken": visit.day(day)} for day in days]
    return ask("day", visit.say("reschedule_which", choices=visit.listed([c["spoken"] for c in choices])), choices)


def _no(visit: Visit, why: NotThen | None, day: date) -> ToolResult:
    rules = rules_of(visit)
    if why is NotThen.TOO_FAR:
        return reply("too_far", visit.say("reschedule_too_far", day=visit.day(dispatch.last_day(rules, visit.today))))
    if why is NotThen.CLOSED:
        return reply("closed", visit.say("reschedule_closed", day=visit.day(day)))
    return reply("past", visit.say("reschedule_past"))
