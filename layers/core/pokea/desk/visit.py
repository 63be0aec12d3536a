"""One tool call as the agent's functions see it: who asks, of which business, at what time, and in which language to answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pokea.booking import Appointment, BookingRules, Service
from pokea.desk.base import Desk
from pokea.hours import local
from pokea.identity import Caller
from pokea.ports import Store
from pokea.spoken import aloud as spoken
from pokea.toolkit import ToolCall, ToolResult
from pokea.words import say


@dataclass(frozen=True, slots=True)
class Visit:
    call: ToolCall
    caller: Caller
    desk: Desk
    now: datetime
    practitioner: str = ""  # whose diary it is about, where a business keeps several

    @property
    def rules(self) -> BookingRules:
        return self.desk.profile.booking.diary(self.practitioner)

    def at(self, practitioner: str) -> Visit:
        """The same call at one practitioner's diary; a name that is nobody's leads to the business's own."""
        return replace(self, practitioner=practitioner)

    @property
    def store(self) -> Store:
        return self.desk.store

    @property
    def tz(self) -> ZoneInfo:
        return self.rules.tz

    @property
    def language(self) -> str:
        return self.desk.profile.spoken_language(self.caller.language)

    def text(self, argument: str) -> str:
        """An argument's text with its spaces tidied; "" if it was not given."""
        return " ".join(str(self.call.arguments.get(argument, "")).split())

    def say(self, key: str, **fields: str) -> str:
        words = say(self.language, key, **fields)
        return words[:1].upper() + words[1:]

    def instant(self, start: datetime) -> str:
        return spoken.instant(start, self.tz, self.language)

    def day(self, day: date) -> str:
        return spoken.day(day, self.language)

    def iso(self, start: datetime) -> str:
        return spoken.iso_local(start, self.tz)

    @property
    def today(self) -> date:
        return local(self.now, self.tz).date()

    def listed(self, items: list[str], *, all_of: bool = False) -> str:
        return spoken.joined(items, self.language, all_of=all_of)

    def name_of(self, service: Service) -> str:
        names = service.names.get(self.language) or next(iter(service.names.values()), (service.key,))
        return names[0]

    def service_of(self, appointment: Appointment) -> Service:
        """The booked service with the length it was booked at; the profile may have changed since."""
        known = self.desk.profile.booking.services.get(appointment.service)
        minutes = round((appointment.ends_at - appointment.starts_at).total_seconds() / 60)
        return Service(appointment.service, minutes, known.names if known else {}, appointment.buffer_minutes)


def reply(status: str, words: str, **more: object) -> ToolResult:
    return ToolResult({"status": status, "say": words, **more})


def ask(question: str, words: str, choices: list[dict[str, str]] | None = None) -> ToolResult:
    """A question to the caller. A choice is {"value", "spoken"}: `value` can be passed back in place of the caller's words."""
    return reply("ask", words, question=str(question), choices=choices or [])


def refused(code: str, words: str, **more: object) -> ToolResult:
    return reply("refused", words, code=str(code), **more)
