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
MAX_EVENTS = 5_000  # one that repeats every minute would never end


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
        events = of(Calendar.from_ical(content), components=["VEVENT"]).between(first, last + timedelta(days=1))
        spans = [_span(event, tz) for event in events[:MAX_EVENTS] if _blocks(event)]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as problem:
        # What strangers' files make a parser raise: whatever it is, the file cannot be used.
        raise RejectedInput("bad_calendar", f"not a calendar that can be read ({type(problem).__name__})") from None
    return merged(span for span in spans if span.starts_at < span.ends_at)


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
