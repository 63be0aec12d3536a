"""Proposals: what the caller wants is checked, held, and put into the words that must be heard before anything is changed."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime

from pokea.booking import HOLD_LIFE, Appointment, AppointmentStatus, Reason, Refused, Service, SlotKey
from pokea.booking_decisions import decide_hold, keys_for, release
from pokea.confirm import Proposal, voided
from pokea.desk.booking_when import no, wanted_start
from pokea.desk.memory import memory_of, remember
from pokea.desk.own_appointments import chosen
from pokea.desk.practitioners import at_diary_of, with_somebody, with_whom
from pokea.desk.settle import Decision, settle
from pokea.desk.visit import Visit, ask, refused, reply
from pokea.identity import name_key
from pokea.ids import Nonce
from pokea.ports import Change
from pokea.spoken.aloud import from_iso_local
from pokea.toolkit import ToolResult, then_yes_no

MAX_NAME = 80
MAX_OPEN_WITHHELD = 2  # appointments that a caller with a withheld number may make in one call
BOOKED_HERE = "booked_here"  # the note that counts them


def propose_booking(visit: Visit) -> ToolResult:
    service = asked_service(visit)
    if isinstance(service, ToolResult):
        return service
    return with_somebody(visit, service, lambda at: _propose_at(at, service))


def _propose_at(visit: Visit, service: Service) -> ToolResult:
    start = wanted_start(visit, service)
    if isinstance(start, ToolResult):
        return start
    name = visit.text("name")
    if not is_speakable_name(name):
        return ask("name", visit.say("ask_name"))
    booked = _already_booked(visit, service, start, name)
    if booked is not None:
        what = visit.name_of(service) + with_whom(visit, booked.resource)
        words = visit.say("already_booked", service=what, name=booked.name, time=visit.instant(start))
        return reply("booked", words, reference=booked.appointment_id)
    if _has_enough(visit):
        yes = {"tool": "handOver", "arguments": {"reason": "several appointments under this number"}}
        return refused("too_many", visit.say("too_many_appointments"), then=then_yes_no(yes, None))
    arguments = {"action": "book", "service": service.key, "starts_at": visit.iso(start), "name": name, **_whose(visit)}
    what = visit.name_of(service) + with_whom(visit, visit.practitioner)
    read_back = visit.say("read_back_book", service=what, name=name, time=visit.instant(start))
    return _propose(visit, arguments, read_back, service, start)


def propose_move(visit: Visit) -> ToolResult:
    before = chosen(visit)
    if isinstance(before, ToolResult):
        return before
    visit = at_diary_of(visit, before)
    service, own = visit.service_of(before), frozenset({str(before.appointment_id)})
    start = wanted_start(visit, service, own)
    if isinstance(start, ToolResult):
        return start
    if start == before.starts_at:
        return refused(Reason.SAME_TIME, visit.say("same_time"))
    arguments = {
        "action": "move",
        "reference": str(before.appointment_id),
        "service": service.key,
        "starts_at": visit.iso(start),
        "name": before.name,
        **_whose(visit),
    }
    read_back = visit.say(
        "read_back_move",
        service=visit.name_of(service) + with_whom(visit, before.resource),
        name=before.name,
        before=visit.instant(before.starts_at),
        time=visit.instant(start),
    )
    return _propose(visit, arguments, read_back, service, start, own)


def propose_cancel(visit: Visit) -> ToolResult:
    before = chosen(visit)
    if isinstance(before, ToolResult):
        return before
    service = visit.name_of(visit.service_of(before)) + with_whom(visit, before.resource)
    arguments = {
        "action": "cancel",
        "reference": str(before.appointment_id),
        "service": before.service,
        "starts_at": visit.iso(before.starts_at),
        "name": before.name,
    }
    read_back = visit.say("read_back_cancel", service=service, name=before.name, time=visit.instant(before.starts_at))
    proposal = _proposal(visit, Nonce(visit.desk.new_id()), arguments, read_back)
    return settle(visit.store, lambda: Decision(proposed(proposal), Change(proposals=(proposal,))))


def withdraw_open(visit: Visit) -> None:
    """Void what this call has proposed so far and let its holds go: the caller is asking for something else now.

    It happens before the new wish is looked at, because a caller who answers a read-back with another wish has not said yes to it,
    even if the new wish then comes to nothing.
    """

    def decide() -> Decision[None]:
        older = visit.store.open_proposals(visit.caller.session_id)
        if not older:
            return Decision(None)
        keys = sorted({key for proposal in older for key in held_keys(visit, proposal)}, key=lambda key: key.starts_at)
        freed = release(visit.store.slots(keys), frozenset(str(proposal.nonce) for proposal in older), visit.now)
        return Decision(None, Change(slots=freed, proposals=tuple(voided(proposal) for proposal in older)))

    settle(visit.store, decide)


def held_keys(visit: Visit, proposal: Proposal) -> tuple[SlotKey, ...]:
    """The slots that a proposal may hold; none where it holds no time, or when the profile no longer has the service."""
    visit = at_diary_of_proposal(visit, proposal)
    service = visit.rules.services.get(str(proposal.arguments.get("service")))
    if proposal.action == "cancel" or "starts_at" not in proposal.arguments or service is None:
        return ()
    return keys_for(visit.rules, service, proposed_start(visit, proposal))


def at_diary_of_proposal(visit: Visit, proposal: Proposal) -> Visit:
    return visit.at(str(proposal.arguments.get("practitioner", "")))


def _whose(visit: Visit) -> dict[str, str]:
    return (
        {"practitioner": visit.practitioner} if visit.practitioner in visit.desk.profile.booking.practitioners else {}
    )


def proposed_start(visit: Visit, proposal: Proposal) -> datetime:
    return from_iso_local(str(proposal.arguments["starts_at"]), visit.tz)


def proposed(proposal: Proposal, status: str = "proposed", **more: object) -> ToolResult:
    """A result whose next utterance is the read-back of `proposal`."""
    payload = {"status": status, "say": proposal.read_back, **more}
    return ToolResult({**payload, "nonce": proposal.nonce, "arguments": dict(proposal.arguments)}, nonce=proposal.nonce)


def asked_service(visit: Visit) -> Service | ToolResult:
    """The service by its key or by one of its spoken names, or the question."""
    said = visit.text("service").casefold()
    for service in visit.rules.services.values():
        if said == service.key or any(said == name.casefold() for names in service.names.values() for name in names):
            return service
    names = [(service.key, visit.name_of(service)) for service in visit.rules.services.values()]
    listed = visit.listed([name for _, name in names])
    return ask("service", visit.say("ask_service", choices=listed), [{"value": k, "spoken": n} for k, n in names])


def is_speakable_name(name: str) -> bool:
    """Letters of any script with the marks that names have; nothing that could be read as markup or as a number."""
    letters = sum(char.isalpha() for char in name)
    allowed = all(char.isalpha() or char in " -'’." or unicodedata.category(char) in ("Mn", "Mc") for char in name)
    return allowed and letters >= 2 and len(name) <= MAX_NAME


def _has_enough(visit: Visit) -> bool:
    """Whether this number may not take another time: one caller must not fill a diary."""
    number = visit.caller.a_number
    if number is None:
        return int(str(memory_of(visit).notes.get(BOOKED_HERE, 0))) >= MAX_OPEN_WITHHELD
    own = visit.store.appointments_of(visit.caller.business_id, number)
    coming = [a for a in own if a.status is AppointmentStatus.BOOKED and a.starts_at >= visit.now]
    return len(coming) >= visit.desk.profile.booking.max_open


def counted(visit: Visit, answer: ToolResult) -> ToolResult:
    """`answer` of a commit, remembered where no number could tell us later how many there are."""
    if visit.caller.a_number is None and answer.payload["status"] == "booked":
        remember(visit, lambda memory: memory.noted(**{BOOKED_HERE: int(str(memory.notes.get(BOOKED_HERE, 0))) + 1}))
    return answer


def _already_booked(visit: Visit, service: Service, start: datetime, name: str) -> Appointment | None:
    """The same wish granted before, in this call or in one from the same number under the same name."""
    if visit.caller.a_number is None:
        return None
    for appointment in visit.store.appointments_of(visit.caller.business_id, visit.caller.a_number):
        is_same = appointment.service == service.key and appointment.starts_at == start
        if is_same and appointment.status is AppointmentStatus.BOOKED and name_key(appointment.name) == name_key(name):
            return appointment
    return None


def _propose(
    visit: Visit,
    arguments: Mapping[str, str],
    read_back: str,
    service: Service,
    start: datetime,
    own: frozenset[str] = frozenset(),
) -> ToolResult:
    """Hold the slots and store the proposal in one write, or say why not."""
    proposal = _proposal(visit, Nonce(visit.desk.new_id()), arguments, read_back)
    keys = keys_for(visit.rules, service, start)

    def decide() -> Decision[ToolResult]:
        slots = {slot.key: slot for slot in visit.store.slots(keys)}
        until = visit.now + HOLD_LIFE
        held = decide_hold(visit.rules, service, start, slots, proposal.nonce, until, visit.now, own)
        if isinstance(held, Refused):
            return Decision(no(visit, held.reason, service, start, own))
        return Decision(proposed(proposal), Change(slots=held, proposals=(proposal,), token=proposal.nonce))

    return settle(visit.store, decide)


def _proposal(visit: Visit, nonce: Nonce, arguments: Mapping[str, str], read_back: str) -> Proposal:
    return Proposal(
        nonce=nonce,
        session_id=visit.caller.session_id,
        business_id=visit.caller.business_id,
        action=arguments["action"],
        arguments=dict(arguments),
        read_back=read_back,
        proposed_at=visit.now,
        expires=visit.desk.profile.retention.transcript_until(visit.now),
    )
