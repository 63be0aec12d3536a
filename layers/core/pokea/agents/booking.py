"""The booking agent: books, moves and cancels appointments. The work is in `pokea.desk.booking_*`."""

from __future__ import annotations

from pokea.desk import gate
from pokea.desk.agent import DeskAgent, Tool, schema, text
from pokea.desk.booking_commit import commit_proposal
from pokea.desk.booking_desk import find_times, list_appointments
from pokea.desk.booking_propose import propose_booking, propose_cancel, propose_move, withdraw_open
from pokea.desk.visit import Visit
from pokea.profile import Profile
from pokea.toolkit import Effect, Level, ToolResult, ToolSpec
from pokea.words import say


class BookingAgent(DeskAgent):
    name = "booking"
    persona = "You book, move and cancel appointments, and nothing else."
    proposed = ("service", "starts_at", "name", "reference")

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
        return gate.commit(visit, actions) if gate.proposed_action(visit) in actions else commit_proposal(visit)


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
    return (
        Tool(
            ToolSpec(
                "findTimes",
                "Free times for a service. Leave out `when` for the next free ones.",
                schema(["service"], service=service, when=when),
                Effect.READ,
            ),
            find_times,
        ),
        Tool(
            ToolSpec(
                "listAppointments",
                "The caller's own coming appointments, after their name was checked.",
                schema(["name"], name=name),
                Effect.READ,
                Level.CLAIMED,
            ),
            list_appointments,
        ),
        Tool(
            ToolSpec(
                "proposeBooking",
                "Prepare a new appointment. Returns the read-back to speak and a nonce. Books nothing.",
                schema(["service", "when", "name"], service=service, when=when, name=name),
                Effect.PROPOSE,
            ),
            propose_booking,
        ),
        Tool(
            ToolSpec(
                "proposeMove",
                "Prepare moving the caller's appointment to another time. Returns the read-back and a nonce. Moves nothing.",
                schema(["name", "when"], name=name, when=when, reference=reference),
                Effect.PROPOSE,
                Level.CLAIMED,
            ),
            propose_move,
        ),
        Tool(
            ToolSpec(
                "proposeCancel",
                "Prepare cancelling the caller's appointment. Returns the read-back and a nonce. Cancels nothing.",
                schema(["name"], name=name, reference=reference),
                Effect.PROPOSE,
                Level.CLAIMED,
            ),
            propose_cancel,
        ),
    )
