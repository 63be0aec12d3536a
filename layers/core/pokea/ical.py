"""The diary as iCalendar (RFC 5545), and the busy times of other people's calendars out of it. The format is icalendar's business."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pokea.booking import Appointment, AppointmentStatus
from pokea.busy import Span, merged
from pokea.clock import as_utc
from pokea.errors import RejectedInput

if TYPE_CHECKING:
    from pokea.profile import Profile

MEDIA_TYPE = "text/calendar; charset=utf-8"
MAX_CALENDAR_BYTES = 1024 * 1024
MAX_EVENTS = 5_000
MAX_STEPS = 300_000  # of all series since each began: about a second and a half of work
MAX_TIMES_A_DAY = 24
_TIMES_A_DAY = {"HOURLY": 24.0, "DAILY": 1.0, "WEEKLY": 1 / 7, "MONTHLY": 1 / 7, "YEARLY": 1 / 7}


def feed(profile: Profile, appointments: Iterable[Appointment], now: datetime) -> bytes:
    """The booked appointments of one business. People's names stand in it only where the profile says so."""
    from icalendar import Calendar, Event

    calendar = Calendar()
    calendar.add("prodid", "-//Pokea//Diary//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", profile.name)
    calendar.add("refresh-interval;value=duration", "PT10M")
    for appointment in appointments:
        if appointment.status is not AppointmentStatus.BOOKED:
            continue
        event = Event()
        event.add("uid", f"{appointment.appointment_id}.{appointment.business_id}@pokea")
        event.add("sequence", appointment.version)
        event.add("dtstamp", as_utc(now))
        event.add("dtstart", as_utc(appointment.starts_at))
        event.add("dtend", as_utc(appointment.ends_at))
        event.add("summary", _summary(profile, appointment))
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


def busy_times(content: bytes, first: date, last: date, tz: ZoneInfo) -> tuple[Span, ...]:
    """When the owner of a calendar is busy from `first` to `last` (local days, both included); repeated events count each time.

    An event without a time takes its whole local day. What is cancelled, or marked as free, is not busy. Raises RejectedInput.
    """
    from icalendar import Calendar
    from recurring_ical_events import of

    if len(content) > MAX_CALENDAR_BYTES:
        raise RejectedInput("calendar_too_large", f"a calendar has at most {MAX_CALENDAR_BYTES} bytes")
    try:
        calendar = Calendar.from_ical(content)
        _refuse_endless(calendar, last)
        events = of(calendar, components=["VEVENT"]).between(first, last + timedelta(days=1))
        if len(events) > MAX_EVENTS:
            raise RejectedInput("too_many_events", f"more than {MAX_EVENTS} events until the diary's last day")
        spans = [_span(event, tz) for event in events if _blocks(event)]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as problem:
        # What strangers' files make a parser raise: whatever it is, the file cannot be used.
        raise RejectedInput("bad_calendar", f"not a calendar that can be read ({type(problem).__name__})") from None
    return merged(span for span in spans if span.starts_at < span.ends_at)


def _refuse_endless(calendar: Any, last: date) -> None:
    """Repetitions are worked out one by one from the first: what nobody's diary holds, or would take too long, is refused before."""
    steps = 0.0
    for event in calendar.walk("VEVENT"):
        steps += _listed(event, "RDATE") + _listed(event, "EXDATE")
        rules = event.get("RRULE", [])
        for rule in rules if isinstance(rules, list) else [rules]:
            steps += _steps(rule, event["DTSTART"].dt, last)
    if steps > MAX_STEPS:
        raise RejectedInput("too_many_events", "the calendar's events repeat too often to be worked out")


def _steps(rule: Any, start: date | datetime, last: date) -> float:
    """How often a rule is looked at from `start` to `last`, about. Raises RejectedInput for one that is none of a calendar."""
    frequency, interval = str(rule["FREQ"][0]).upper(), int(rule.get("INTERVAL", [1])[0])
    if frequency not in _TIMES_A_DAY or interval < 1:
        raise RejectedInput("endless_event", f"an event that repeats {frequency} every {interval}")
    times = _TIMES_A_DAY[frequency]
    for part in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        times *= max(1, len(rule.get(part, ())))
    if times > MAX_TIMES_A_DAY:
        raise RejectedInput("endless_event", f"an event that repeats more than {MAX_TIMES_A_DAY} times a day")
    began = start.date() if isinstance(start, datetime) else start
    return max(0, (last - began).days) * times * max(1, len(rule.get("BYDAY", ()))) / interval


def _listed(event: Any, name: str) -> int:
    dates = event.get(name, [])
    return sum(len(listed.dts) for listed in (dates if isinstance(dates, list) else [dates]))


def _summary(profile: Profile, appointment: Appointment) -> str:
    service = profile.booking.services.get(appointment.service)
    what = service.names[profile.language][0] if service else appointment.service
    who = profile.booking.practitioners.get(appointment.resource)
    title = f"{what} ({who.names[profile.language][0]})" if who else what
    return f"{title}: {appointment.name}" if profile.calendar.names else title


def _blocks(event: Any) -> bool:
    cancelled = str(event.get("STATUS", "")).upper() == "CANCELLED"
    return not cancelled and str(event.get("TRANSP", "")).upper() != "TRANSPARENT"


def _span(event: Any, tz: ZoneInfo) -> Span:
    start = event["DTSTART"].dt
    end = event["DTEND"].dt if "DTEND" in event else start + event["DURATION"].dt if "DURATION" in event else None
    if end is None:
        end = start if isinstance(start, datetime) else start + timedelta(days=1)
    return Span(_instant(start, tz), _instant(end, tz))


def _instant(moment: date | datetime, tz: ZoneInfo) -> datetime:
    """A time without a zone is the business's own wall time."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.min)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=tz)).astimezone(UTC)
