"""The booking agent: books, moves and cancels appointments. The work is in `pokea.desk.booking_*`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pokea.desk import gate
from pokea.desk.agent import DeskAgent, Run, Tool, schema, text
from pokea.desk.booking_commit import commit_proposal
from pokea.desk.booking_desk import find_times, list_appointments
from pokea.desk.booking_propose import counted, propose_booking, propose_cancel, propose_move, withdraw_open
from pokea.desk.visit import Visit
from pokea.desk.waiting_list import enter_waiting_list, propose_waiting_list
from pokea.profile import Profile
from pokea.toolkit import Effect, Level, ToolResult, ToolSpec
from pokea.words import say


class BookingAgent(DeskAgent):
    name = "booking"
    persona = "You book, move and cancel appointments, and nothing else."
    proposed = ("service", "starts_at", "name", "reference", "practitioner", "first_day", "last_day")
    actions: ClassVar[Mapping[str, gate.Action]] = {"wait": enter_waiting_list}

    def toolbox(self, profile: Profile) -> tuple[Tool, ...]:
        return diary_tools(profile)

    def rules(self, profile: Profile, language: str) -> str:
        services = ", ".join(service.names[language][0] for service in profile.booking.services.values())
        return _RULES.format(services=services)

    def phrases(self, profile: Profile, language: str) -> dict[str, str]:
        language = profile.spoken_language(language)
        return {**super().phrases(profile, language), "idle_ask_again": say(language, "booking_idle_ask_again")}

    def problem(self, profile: Profile) -> str | None:
        return None if profile.booking.services else "booking.services: the booking agent needs at least one"

    def withdraw_open(self, visit: Visit) -> None:
        withdraw_open(visit)

    def commit(self, visit: Visit) -> ToolResult:
        """Appointments are written together with their slots and the proposal, all in one."""
        actions = self.actions_of(visit.desk.profile)
        if gate.proposed_action(visit) in actions:
            return gate.commit(visit, actions)
        return counted(visit, commit_proposal(visit))


AGENT = BookingAgent()

_RULES = """\
- Services: {services}.
- Never work out a date or a time yourself, and never state one that a tool did not give you. Pass the caller's own words as `when`.
  When the caller answers a question about the day or the time, pass the first words and the answer together
  ("Thursday at seven" and "in the morning" become "Thursday at seven in the morning").
- Status "taken", "closed", "past" or "too_far": speak it and let the caller choose.
- To find, move or cancel an appointment ask for the name it was booked under; the tool checks it with the caller's number. A caller
  whose number is withheld can make new appointments only."""


def diary_tools(profile: Profile) -> tuple[Tool, ...]:
    """The declarations, with the business's services as an enum. Every `when` is the caller's own words."""
    services = profile.booking.services.values()
    spoken = "; ".join(
        f"{service.key}: {', '.join(n for names in service.names.values() for n in names)}" for service in services
    )
    service = {
        "type": "string",
        "enum": [service.key for service in services],
        "description": f"What to book. {spoken}",
    }
    when = text("The caller's own words for the day and time, unchanged, or an ISO local time that a tool returned.")
    name = text("The caller's full name as they said it.")
    reference = text("The appointment's reference as a tool returned it; leave out if the caller has only one.")
    whom = _practitioner(profile)
    return (
        _tool(find_times, "findTimes", "Free times for a service. Leave out `when` for the next free ones.", Effect.READ,
              schema(["service"], service=service, when=when, **whom)),
        _tool(list_appointments, "listAppointments", "The caller's own coming appointments, after their name was checked.", Effect.READ,
              schema(["name"], name=name), Level.CLAIMED),
        _tool(propose_booking, "proposeBooking", "Prepare a new appointment. Returns the read-back to speak and a nonce. Books nothing.",
              Effect.PROPOSE, schema(["service", "when", "name"], service=service, when=when, name=name, **whom)),
        _tool(propose_move, "proposeMove",
              "Prepare moving the caller's appointment to another time. Returns the read-back and a nonce. Moves nothing.", Effect.PROPOSE,
              schema(["name", "when"], name=name, when=when, reference=reference), Level.CLAIMED),
        _tool(propose_cancel, "proposeCancel",
              "Prepare cancelling the caller's appointment. Returns the read-back and a nonce. Cancels nothing.", Effect.PROPOSE,
              schema(["name"], name=name, reference=reference), Level.CLAIMED),
        _tool(propose_waiting_list, "proposeWaitingList",
              "Prepare an entry in the waiting list, for a caller whom no free time suits. Leave out `when` for any day.", Effect.PROPOSE,
              schema(["service", "name"], service=service, when=when, name=name, **whom), Level.CLAIMED),
    )  # fmt: skip


def _tool(
    run: Run, name: str, description: str, effect: Effect, parameters: dict[str, object], level: Level = Level.ANONYMOUS
) -> Tool:
    return Tool(ToolSpec(name, description, parameters, effect, level), run)


def _practitioner(profile: Profile) -> dict[str, object]:
    """The argument that names one, where a business has several."""
    people = profile.booking.practitioners.values()
    if not people:
        return {}
    spoken = "; ".join(f"{who.key}: {', '.join(n for names in who.names.values() for n in names)}" for who in people)
    return {"practitioner": text(f"With whom; leave out for anybody. {spoken}", [who.key for who in people])}
