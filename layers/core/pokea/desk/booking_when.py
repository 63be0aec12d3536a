"""From the caller's words to a time that could be had, or to the reply that asks, explains and offers others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pokea import hours as local_time
from pokea.booking import Reason, Service
from pokea.booking_decisions import NOBODY, why_not
from pokea.confirm import Code
from pokea.desk.visit import Visit, ask, refused, reply
from pokea.free_times import alternatives, offers
from pokea.spoken import aloud as spoken
from pokea.spoken.times import Ambiguous, DaysOnly, NotUnderstood, Past, Question, Resolved, resolve
from pokea.toolkit import ToolResult

Times = Sequence[datetime]


def understand(visit: Visit, service: Service) -> datetime | DaysOnly | ToolResult:
    """The instant or the days that `when` names, or the question to ask. The instant is understood, not yet checked."""
    phrase = visit.text("when")
    if not phrase:
        return ask("day", visit.say("ask_when"))
    resolution = resolve(phrase, visit.now, visit.tz, visit.rules.hours, visit.language)
    if isinstance(resolution, Resolved):
        return resolution.start
    if isinstance(resolution, DaysOnly):
        return resolution
    if isinstance(resolution, Past):
        return reply("past", visit.say("past"))
    if isinstance(resolution, NotUnderstood):
        return ask("day", visit.say("ask_when_again"))
    return _ask_which(visit, service, phrase, resolution)


def wanted_start(visit: Visit, service: Service, own: frozenset[str] = NOBODY) -> datetime | ToolResult:
    """The one instant that `when` names, if hours, horizon and grid allow it; else the reply that leads to one."""
    when = understand(visit, service)
    if isinstance(when, ToolResult):
        return when
    if isinstance(when, DaysOnly):
        return _ask_time(visit, service, when, own)
    barred = why_not(visit.rules, service, when, visit.now)
    return no(visit, barred.reason, service, when, own) if barred else when


def free_in(
    visit: Visit, service: Service, days: DaysOnly, own: frozenset[str] = NOBODY
) -> list[datetime] | ToolResult:
    """Free times within the days; if there is none, the reply that says why and offers others."""
    rules, read = visit.rules, visit.store.slots
    last_bookable = rules.last_day(visit.now)
    if days.first > last_bookable:
        return reply("too_far", visit.say("too_far", day=visit.day(last_bookable)))
    found = offers(rules, service, days.first, days.last, days.part, visit.now, read, own)
    if found:
        return found
    instead = offers(rules, service, days.first, last_bookable, None, visit.now, read, own)
    if days.first == days.last and not rules.hours.on(days.first):
        return _offer(visit, "closed", "closed_day", instead, day=visit.day(days.first))
    return _offer(visit, "taken", "none_free", instead)


def no(visit: Visit, reason: Reason, service: Service, start: datetime, own: frozenset[str] = NOBODY) -> ToolResult:
    """Why `start` cannot be had, with times that can."""
    if reason is Reason.PAST:
        return reply("past", visit.say("past"))
    if reason is Reason.TOO_FAR:
        return reply("too_far", visit.say("too_far", day=visit.day(visit.rules.last_day(visit.now))))
    instead = alternatives(visit.rules, service, start, visit.now, visit.store.slots, own)
    if reason is Reason.CLOSED:
        day = local_time.local(start, visit.tz).date()
        key = "closed_time" if visit.rules.hours.on(day) else "closed_day"
        return _offer(visit, "closed", key, instead, day=visit.day(day))
    if reason is Reason.OFF_GRID:
        return _offer(visit, "taken", "off_grid", instead)
    return _offer(visit, "taken", "taken", instead, time=visit.instant(start))


def not_free(visit: Visit, service: Service, start: datetime) -> ToolResult:
    """The caller confirmed, but somebody else has the time by now."""
    instead = alternatives(visit.rules, service, start, visit.now, visit.store.slots)
    listed = spoken.times(instead, visit.tz, visit.language)
    words = visit.say("not_free", times=listed) if instead else visit.say("not_free_none")
    return refused(Code.NOT_FREE, words, times=times_payload(visit, instead))


def times_payload(visit: Visit, starts: Times) -> list[dict[str, str]]:
    return [{"starts_at": visit.iso(start), "spoken": visit.instant(start)} for start in starts]


def _offer(visit: Visit, status: str, key: str, starts: Times, **fields: str) -> ToolResult:
    """Words `key` with the times, or `key`_none when there is not one."""
    if not starts:
        return reply(status, visit.say(f"{key}_none", **fields), times=[])
    listed = spoken.times(starts, visit.tz, visit.language)
    return reply(status, visit.say(key, times=listed, **fields), times=times_payload(visit, starts))


def _ask_time(visit: Visit, service: Service, days: DaysOnly, own: frozenset[str]) -> ToolResult:
    found = free_in(visit, service, days, own)
    if isinstance(found, ToolResult):
        return found
    listed = spoken.times(found, visit.tz, visit.language)
    return ask("time", visit.say("ask_time", times=listed), _choices(visit, found))


def _ask_which(visit: Visit, service: Service, phrase: str, doubt: Ambiguous) -> ToolResult:
    """The question behind an ambiguity. A doubt between times none of which could be had needs no question."""
    if doubt.days:
        choices = [{"value": f"{phrase} {day.isoformat()}", "spoken": visit.day(day)} for day in doubt.days]
        return ask(doubt.question, _which(visit, choices), choices)
    if not doubt.starts:
        return ask(doubt.question, visit.say("ask_day" if doubt.question is Question.DAY else "ask_when_again"))
    barred = [why_not(visit.rules, service, start, visit.now) for start in doubt.starts]
    reasons = {refusal.reason if refusal else None for refusal in barred}
    if len(reasons) == 1 and (reason := reasons.pop()) is not None:
        return no(visit, reason, service, doubt.starts[0])
    choices = _choices(visit, doubt.starts)
    return ask(doubt.question, _which(visit, choices), choices)


def _which(visit: Visit, choices: list[dict[str, str]]) -> str:
    return visit.say("ask_which", choices=spoken.joined([choice["spoken"] for choice in choices], visit.language))


def _choices(visit: Visit, starts: Times) -> list[dict[str, str]]:
    return [{"value": visit.iso(start), "spoken": visit.instant(start)} for start in starts]
