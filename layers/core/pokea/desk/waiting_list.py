"""The waiting list at the desk: who would come on which days, and who is owed a call because a time became free."""

from __future__ import annotations

from datetime import date, timedelta

from pokea.booking import Appointment, Service
from pokea.confirm import Proposal
from pokea.desk import gate
from pokea.desk.booking_propose import asked_service, is_speakable_name
from pokea.desk.booking_when import understand
from pokea.desk.practitioners import with_somebody, with_whom
from pokea.desk.settle import Decision, settle
from pokea.desk.visit import Visit, ask, refused, reply
from pokea.hours import local
from pokea.ids import IntentKey
from pokea.ports import Change
from pokea.records import Stored
from pokea.spoken.times import DaysOnly
from pokea.toolkit import ToolResult
from pokea.waiting import WAITING, Waiting, WaitingState, decide_offer
from pokea.words import say

MAX_ENTRIES = 3  # of one number at a time


def propose_waiting_list(visit: Visit) -> ToolResult:
    """Prepare an entry: for a service, on the days that `when` names or on any."""
    service = asked_service(visit)
    if isinstance(service, ToolResult):
        return service
    days = _days(visit, service)
    if isinstance(days, ToolResult):
        return days
    name = visit.text("name")
    if not is_speakable_name(name):
        return ask("name", visit.say("ask_name"))
    number = visit.caller.a_number
    if number is None:
        return refused("number_withheld", visit.say("waiting_needs_number"))
    if len([entry for entry in _of_number(visit) if entry.state is WaitingState.WAITING]) >= MAX_ENTRIES:
        return refused("too_many", visit.say("waiting_too_many"))

    def propose(at: Visit) -> ToolResult:
        named = at.practitioner if visit.text("practitioner") else ""
        what = at.name_of(service) + with_whom(at, named)
        first, last = days
        span = at.day(first) if first == last else say(at.language, "from_to", first=at.day(first), last=at.day(last))
        arguments = {
            "service": service.key,
            "name": name,
            "first_day": first.isoformat(),
            "last_day": last.isoformat(),
            **({"practitioner": named} if named else {}),
        }
        return gate.propose(at, "wait", arguments, at.say("read_back_waiting", service=what, name=name, days=span))

    return with_somebody(visit, service, propose)


def enter_waiting_list(visit: Visit, proposal: Proposal, intent: IntentKey) -> gate.Done | gate.NotDone:
    """The entry's id is the intent, so one wish is one entry."""
    given = proposal.arguments
    entry = Waiting(
        business_id=visit.caller.business_id,
        entry_id=f"W{intent[:16]}",
        service=str(given["service"]),
        practitioner=str(given.get("practitioner", "")),
        first_day=date.fromisoformat(str(given["first_day"])),
        last_day=date.fromisoformat(str(given["last_day"])),
        name=str(given["name"]),
        number=visit.caller.a_number,
        session_id=visit.caller.session_id,
        asked_at=visit.now,
    )

    def decide() -> Decision[None]:
        known = visit.store.record(WAITING, entry.business_id, entry.entry_id)
        return Decision(None, None if known else Change(records=(WAITING.of(entry),)))

    settle(visit.store, decide)
    return gate.Done(reply("waiting", visit.say("waiting"), reference=entry.entry_id))


def offered(visit: Visit, freed: Appointment) -> tuple[Stored[Waiting], ...]:
    """What to write beside a change that frees the time of `freed`: the entry of whoever is offered it now."""
    waiting = visit.store.records_by(WAITING, freed.business_id, f"service:{freed.service}")
    day = local(freed.starts_at, visit.tz).date()
    entry = decide_offer(waiting, freed.resource, freed.starts_at, day, visit.now)
    return () if entry is None else (WAITING.of(entry),)


def _of_number(visit: Visit) -> tuple[Waiting, ...]:
    return visit.store.records_by(WAITING, visit.caller.business_id, str(visit.caller.a_number))


def _days(visit: Visit, service: Service) -> tuple[date, date] | ToolResult:
    """The days that would do; an instant means its day."""
    last = visit.rules.last_day(visit.now)
    if not visit.text("when"):
        return visit.today, last
    when = understand(visit, service)
    if isinstance(when, ToolResult):
        return when
    wanted = (when.first, when.last) if isinstance(when, DaysOnly) else (local(when, visit.tz).date(),) * 2
    first, until = max(wanted[0], visit.today), min(wanted[1], last)
    if first > last:
        return reply("too_far", visit.say("too_far", day=visit.day(last)))
    if first > until:
        return reply("past", visit.say("past"))
    if not any(visit.rules.hours.on(first + timedelta(days=n)) for n in range((until - first).days + 1)):
        return reply("closed", visit.say("closed_day_none", day=visit.day(first)))
    return first, until
