"""The commit: carries out a confirmed proposal exactly once, or says why nothing was done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime

from pokea import confirm
from pokea.booking import HOLD_LIFE, Appointment, AppointmentStatus, Reason, Refused, Service, Slot, SlotKey
from pokea.booking_decisions import decide_book, decide_cancel, decide_hold, decide_move, keys_of, release
from pokea.confirm import Code, Commit, Proposal, Refusal, Repeat
from pokea.desk.booking_propose import at_diary_of_proposal, held_keys, proposed, proposed_start
from pokea.desk.booking_when import no, not_free
from pokea.desk.own_appointments import WRONG_NAMES
from pokea.desk.practitioners import with_whom
from pokea.desk.settle import Decision, settle
from pokea.desk.visit import Visit, refused, reply
from pokea.desk.waiting_list import offered
from pokea.errors import Indeterminate, Misuse
from pokea.identity import name_key
from pokea.ids import AppointmentId, IntentKey, Nonce
from pokea.ports import Change
from pokea.records import Stored
from pokea.toolkit import ToolResult
from pokea.waiting import Waiting

_STATUS = {"book": "booked", "move": "moved", "cancel": "cancelled"}


def commit_proposal(visit: Visit) -> ToolResult:
    """Raises Indeterminate only while it is really unknown whether the write happened."""
    try:
        return settle(visit.store, lambda: _decide(visit))
    except Indeterminate:
        verdict = _verdict(visit)  # the proposal knows: a write marks it used together with everything else
        if not isinstance(verdict, Repeat):
            raise
        return _repeated(visit, verdict.proposal)


def _verdict(visit: Visit) -> Commit | Repeat | Refusal:
    nonce = Nonce(str(visit.call.arguments.get("nonce", "")))
    is_name = bool(nonce) and nonce != WRONG_NAMES
    proposal = visit.store.proposal(visit.caller.session_id, nonce) if is_name else None
    return confirm.decide(proposal, visit.call, visit.caller, visit.now)


def _decide(visit: Visit) -> Decision[ToolResult]:
    verdict = _verdict(visit)
    if isinstance(verdict, Repeat):
        return Decision(_repeated(visit, verdict.proposal))
    if isinstance(verdict, Refusal):
        return _refused(visit, verdict)
    return _ACTIONS[verdict.proposal.action](at_diary_of_proposal(visit, verdict.proposal), verdict.proposal)


def _refused(visit: Visit, refusal: Refusal) -> Decision[ToolResult]:
    if refusal.proposal is None:
        return Decision(refused(refusal.code, visit.say("propose_again")))
    if refusal.code in confirm.READ_AGAIN:
        return _read_again(visit, refusal.proposal, refusal.code)
    if refusal.code is Code.CHANGED:
        return _void(visit, refusal.proposal, refused(Code.CHANGED, visit.say("propose_again")))
    words = "already_done" if refusal.code is Code.NONCE_USED else "propose_again"
    return Decision(refused(refusal.code, visit.say(words)))


def _read_again(visit: Visit, proposal: Proposal, code: Code) -> Decision[ToolResult]:
    """The proposal and its hold start their lives anew, and its read-back is to be spoken once more."""
    visit = at_diary_of_proposal(visit, proposal)
    again = confirm.renewed(proposal, visit.now)
    answer = proposed(again, "refused", code=code.value)
    service = visit.rules.services.get(str(proposal.arguments["service"]))
    if proposal.action == "cancel" or service is None:
        return Decision(answer, Change(proposals=(again,)))
    start, own = proposed_start(visit, proposal), _own(proposal)
    slots = _read(visit, held_keys(visit, proposal))
    until = visit.now + HOLD_LIFE
    held = decide_hold(visit.rules, service, start, slots, proposal.nonce, until, visit.now, own)
    if isinstance(held, Refused):
        return _void(visit, proposal, _no(visit, held.reason, service, start))
    return Decision(answer, Change(slots=held, proposals=(again,)))


def _book(visit: Visit, proposal: Proposal) -> Decision[ToolResult]:
    service = visit.rules.services.get(str(proposal.arguments["service"]))
    if service is None:  # the profile changed during the call
        return _void(visit, proposal, refused(Code.CHANGED, visit.say("propose_again")))
    wish = _appointment(visit, proposal, service, proposed_start(visit, proposal))
    known = visit.store.appointment(visit.caller.business_id, wish.appointment_id)
    if known is not None:
        if known.status is AppointmentStatus.BOOKED and known.starts_at == wish.starts_at:
            return _already_done(visit, proposal, known)  # one wish, proposed twice, books once
        wish = _appointment(visit, proposal, service, wish.starts_at, AppointmentId(visit.desk.new_id()))
    taken = decide_book(visit.rules, wish, _read(visit, keys_of(visit.rules, wish)), proposal.nonce, visit.now)
    if isinstance(taken, Refused):
        return _void(visit, proposal, _no(visit, taken.reason, service, wish.starts_at))
    return _done(visit, proposal, wish, taken)


def _move(visit: Visit, proposal: Proposal) -> Decision[ToolResult]:
    before, start = _subject(visit, proposal), proposed_start(visit, proposal)
    service = visit.service_of(before)
    slots = _read(visit, (*keys_of(visit.rules, before), *held_keys(visit, proposal)))
    moved = decide_move(visit.rules, before, start, slots, proposal.nonce, visit.now)
    if isinstance(moved, Refused):
        return _void(visit, proposal, _no(visit, moved.reason, service, start))
    after, changed = moved
    return _done(visit, proposal, after, changed, offered(visit, before))


def _cancel(visit: Visit, proposal: Proposal) -> Decision[ToolResult]:
    before = _subject(visit, proposal)
    cancelled = decide_cancel(visit.rules, before, _read(visit, keys_of(visit.rules, before)), visit.now)
    if isinstance(cancelled, Refused):
        return _void(visit, proposal, refused(cancelled.reason, visit.say("not_booked")))
    after, changed = cancelled
    return _done(visit, proposal, after, changed, offered(visit, before))


_ACTIONS: dict[str, Callable[[Visit, Proposal], Decision[ToolResult]]] = {
    "book": _book,
    "move": _move,
    "cancel": _cancel,
}


def _done(
    visit: Visit,
    proposal: Proposal,
    appointment: Appointment,
    slots: tuple[Slot, ...],
    owed: tuple[Stored[Waiting], ...] = (),
) -> Decision[ToolResult]:
    """One write for everything: the appointment, its slots, the proposal marked as used by this very tool call, and whoever on the waiting
    list is `owed` a call now."""
    used = confirm.used(proposal, visit.call.tool_call_id, str(appointment.appointment_id))
    token = f"{proposal.nonce}:{visit.call.tool_call_id}"
    change = Change(slots=slots, appointment=appointment, records=owed, proposals=(used,), token=token)
    return Decision(_outcome(visit, proposal.action, appointment), change)


def _already_done(visit: Visit, proposal: Proposal, known: Appointment) -> Decision[ToolResult]:
    used = confirm.used(proposal, visit.call.tool_call_id, str(known.appointment_id))
    freed = release(visit.store.slots(held_keys(visit, proposal)), frozenset({str(proposal.nonce)}), visit.now)
    return Decision(_outcome(visit, "book", known), Change(slots=freed, proposals=(used,)))


def _repeated(visit: Visit, proposal: Proposal) -> ToolResult:
    known = visit.store.appointment(proposal.business_id, AppointmentId(str(proposal.outcome)))
    if known is None:
        raise Misuse("no_outcome", "a used proposal names no appointment")
    return _outcome(visit, proposal.action, known)


def _outcome(visit: Visit, action: str, appointment: Appointment) -> ToolResult:
    status = _STATUS[action]
    service = visit.name_of(visit.service_of(appointment)) + with_whom(visit, appointment.resource)
    time = visit.instant(appointment.starts_at)
    words = visit.say(status, service=service, name=appointment.name, time=time)
    return reply(status, words, reference=str(appointment.appointment_id), starts_at=visit.iso(appointment.starts_at))


def _void(visit: Visit, proposal: Proposal, answer: ToolResult) -> Decision[ToolResult]:
    """Answer, and end the proposal together with its hold."""
    freed = release(visit.store.slots(held_keys(visit, proposal)), frozenset({str(proposal.nonce)}), visit.now)
    return Decision(answer, Change(slots=freed, proposals=(confirm.voided(proposal),)))


def _no(visit: Visit, reason: Reason, service: Service, start: datetime) -> ToolResult:
    if reason is Reason.TAKEN:
        return not_free(visit, service, start)
    if reason is Reason.NOT_BOOKED:
        return refused(reason, visit.say("not_booked"))
    barred = no(visit, reason, service, start)
    return ToolResult({**barred.payload, "status": "refused", "code": reason.value})


def _read(visit: Visit, keys: tuple[SlotKey, ...]) -> dict[SlotKey, Slot]:
    return {slot.key: slot for slot in visit.store.slots(list(dict.fromkeys(keys)))}


def _subject(visit: Visit, proposal: Proposal) -> Appointment:
    """The appointment that a proposal is about; it was found and checked when it was proposed, in this same call."""
    reference = AppointmentId(str(proposal.arguments["reference"]))
    appointment = visit.store.appointment(proposal.business_id, reference)
    if appointment is None:
        raise Misuse("no_subject", "a proposal names an appointment that was never stored")
    return appointment


def _own(proposal: Proposal) -> frozenset[str]:
    return frozenset({str(proposal.nonce), str(proposal.arguments.get("reference", ""))})


def _appointment(
    visit: Visit, proposal: Proposal, service: Service, start: datetime, other_id: AppointmentId | None = None
) -> Appointment:
    name = str(proposal.arguments["name"])
    intent = _intent(visit, service, start, name)
    return Appointment(
        appointment_id=other_id or AppointmentId(f"A{intent[:16]}"),
        business_id=visit.caller.business_id,
        service=service.key,
        resource=visit.rules.resource,
        starts_at=start,
        ends_at=start + service.length,
        name=name,
        a_number=visit.caller.a_number,
        status=AppointmentStatus.BOOKED,
        session_id=visit.caller.session_id,
        intent_key=intent,
        buffer_minutes=service.buffer_minutes,
    )


def _intent(visit: Visit, service: Service, start: datetime, name: str) -> IntentKey:
    """Names the wish: the same service, time and name in the same call is one wish, however often it is proposed."""
    wish = [visit.caller.business_id, visit.caller.session_id, "book", service.key, start.isoformat(), name_key(name)]
    return IntentKey(hashlib.sha256(json.dumps(wish).encode()).hexdigest()[:32])
