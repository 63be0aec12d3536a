"""A caller's own appointments, after the check that the business asks for. See `pokea.identity` for what is checked and why.

The wrong names of a call are counted in a record of the call that stands beside its proposals, so that the count holds across tool
calls and bridges. It keeps digests: a wrong name may be somebody else's. They count against the number that was presented as well, over
all calls of a day (`pokea.verification`), because a number can be presented again and again.
"""

from __future__ import annotations

from dataclasses import replace

from pokea.booking import Appointment, AppointmentStatus
from pokea.confirm import Proposal, ProposalState
from pokea.desk.practitioners import with_whom
from pokea.desk.settle import Decision, settle
from pokea.desk.visit import Visit, ask, reply
from pokea.identity import Verification, is_same_name, may_try_name, name_digest
from pokea.ids import Nonce
from pokea.ports import Change
from pokea.toolkit import ToolResult
from pokea.verification import TRIES, Tries, target_of
from pokea.words import say

WRONG_NAMES = Nonce("wrong-names")  # no proposal has this nonce: those are made by `Desk.new_id`


def own_appointments(visit: Visit) -> tuple[Appointment, ...] | ToolResult:
    """The caller's coming appointments, earliest first; never empty. Else the one reply that gives nothing away."""
    name = visit.text("name")
    by_name = visit.desk.profile.verification is Verification.NUMBER_AND_NAME
    if by_name and not name:
        return ask("name", visit.say("ask_name"))
    found = _checked(visit, name) if by_name else _coming(visit)
    return found or reply("none", visit.say("no_appointment"), appointments=[])


def chosen(visit: Visit) -> Appointment | ToolResult:
    """The one own appointment that is meant: by its reference, or because there is only one."""
    own = own_appointments(visit)
    if isinstance(own, ToolResult):
        return own
    reference = visit.text("reference")
    if reference:
        own = tuple(appointment for appointment in own if appointment.appointment_id == reference)
    if not own:
        return reply("none", visit.say("no_appointment"), appointments=[])
    if len(own) == 1:
        return own[0]
    choices = [
        {"value": str(appointment.appointment_id), "spoken": described(visit, appointment)} for appointment in own
    ]
    listed = "; ".join(choice["spoken"] for choice in choices)
    return ask("which", visit.say("ask_appointment", choices=listed), choices)


def described(visit: Visit, appointment: Appointment) -> str:
    service = visit.name_of(visit.service_of(appointment)) + with_whom(visit, appointment.resource)
    return say(visit.language, "appointment", service=service, time=visit.instant(appointment.starts_at))


def _coming(visit: Visit) -> tuple[Appointment, ...]:
    if visit.caller.a_number is None:
        return ()
    stored = visit.store.appointments_of(visit.caller.business_id, visit.caller.a_number)
    return tuple(a for a in stored if a.status is AppointmentStatus.BOOKED and a.starts_at >= visit.now)


def _checked(visit: Visit, name: str) -> tuple[Appointment, ...]:
    """The same reads, and the same count of wrong names, whether or not this number has any appointment."""

    def decide() -> Decision[tuple[Appointment, ...]]:
        record = visit.store.proposal(visit.caller.session_id, WRONG_NAMES) or _no_wrong_names(visit)
        tries = _tries(visit)
        found = tuple(a for a in _coming(visit) if is_same_name(name, a.name))
        wrong = frozenset(record.arguments)
        if not may_try_name(wrong, name) or tries.is_used_up(visit.now):
            return Decision(())
        if found or name_digest(name) in wrong:
            return Decision(found)
        counted = replace(record, arguments={**record.arguments, name_digest(name): True})
        return Decision((), Change(proposals=(counted,), records=(TRIES.of(tries.failed(visit.now)),)))

    return settle(visit.store, decide)


def _tries(visit: Visit) -> Tries:
    """Wrong names under the number that is presented, in all calls; withheld numbers count together and find nothing anyway."""
    target = target_of(f"appointments {visit.caller.a_number or ''}")
    business = visit.caller.business_id
    return visit.store.record(TRIES, business, target) or Tries.none(business, target)


def _no_wrong_names(visit: Visit) -> Proposal:
    return Proposal(
        nonce=WRONG_NAMES,
        session_id=visit.caller.session_id,
        business_id=visit.caller.business_id,
        action="verify",
        arguments={},
        read_back="",
        proposed_at=visit.now,
        state=ProposalState.VOID,
    )
