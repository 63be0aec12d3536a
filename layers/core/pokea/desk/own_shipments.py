"""Which shipment a caller means, and what they may hear and change of it. `pokea.dispatch` says what is checked and why.

What was shown once in a call is kept in the call's memory: nobody is asked for the same name twice. Wrong names are kept as digests, in
one write with the count of the day.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum

from pokea import tracking_ids
from pokea.allowance import Limit, spent
from pokea.call_memory import MEMORY, CallMemory
from pokea.desk.booking_propose import is_speakable_name
from pokea.desk.memory import memory_of, remember
from pokea.desk.settle import Decision, settle
from pokea.desk.visit import Visit, ask, refused, reply
from pokea.dispatch import WRONG_NAMES_A_DAY, WRONG_NAMES_A_PARCEL, DispatchRules
from pokea.identity import MAX_WRONG_NAMES, is_same_name, name_key
from pokea.ports import Change
from pokea.shipments import Shipment
from pokea.toolkit import ToolResult, then, then_yes_no
from pokea.tracking_ids import Doubt, Problem

MAX_UNCLEAR = 3  # times that a tracking id is asked for before a person is offered
EXACTLY = "="  # before an id that was offered as a choice: it is taken as it is written
AGAIN = "again"
_TRACKED, _RUNG, _NAMED, _WRONG, _UNCLEAR = "tracked", "rung_about", "recipient_of", "wrong_recipients", "unclear_ids"


class Need(IntEnum):
    STATE = 1
    DAY = 2  # the day and word to the driver
    ADDRESS = 3


@dataclass(frozen=True, slots=True)
class Known:
    """A shipment and how the caller is known to belong to it."""

    shipment: Shipment
    by_number: bool
    by_name: bool
    rung: bool  # we rang this number about this very shipment

    def allows(self, need: Need) -> bool:
        if need is Need.STATE:
            return self.by_number or self.by_name
        is_recipient = self.by_number and self.by_name
        return is_recipient or (need is Need.DAY and self.rung)


def rules_of(visit: Visit) -> DispatchRules:
    return visit.desk.profile.dispatch or DispatchRules()


def to_dispatch(visit: Visit, reason: str) -> dict[str, object]:
    """The hand-over that a `then` names: to the business's dispatchers."""
    department = rules_of(visit).department
    return {"tool": "handOver", "arguments": {**({"department": department} if department else {}), "reason": reason}}


def identified(visit: Visit, need: Need) -> Known | ToolResult:
    """The shipment that is meant, once the caller may have what they `need` of it; else what to say or ask."""
    said = said_id(visit)
    if isinstance(said, ToolResult):
        return said
    memory = memory_of(visit)
    tracking_id = said or _usual(visit, memory)
    if not tracking_id:
        return asking(visit, "trackingId", "tracking_ask", "tracking")
    known = _known(visit, memory, tracking_id)
    if known is not None and known.allows(need):
        _keep_in_mind(visit, tracking_id)
        return known
    if known is None or not known.by_name:
        named = _by_name(visit, tracking_id, known)
        if isinstance(named, ToolResult):
            return named
        known = named
    if known.allows(need):
        return known
    return refused(
        "not_your_number", visit.say("dispatch_not_your_number"), then=then_yes_no(to_dispatch(visit, "a change"), None)
    )


def rung_about(visit: Visit, shipment: Shipment) -> None:
    """We have rung the caller about `shipment`: this call is about it."""
    remember(visit, lambda memory: memory.noted(**{_TRACKED: shipment.tracking_id, _RUNG: shipment.tracking_id}))


def said_id(visit: Visit) -> str | ToolResult:
    """The tracking id that was said, "" without one, or the question that is needed to know it."""
    text, pattern = visit.text("trackingId"), rules_of(visit).tracking
    if not text:
        return ""
    if text.startswith(EXACTLY) and pattern.is_valid(text[1:]):
        return text[1:]
    found = tracking_ids.understand(text, pattern, visit.language)
    return _doubted(visit, found) if isinstance(found, Doubt) else found.tracking_id


def asking(
    visit: Visit,
    argument: str,
    key: str,
    expect: str,
    options: list[dict[str, str]] | None = None,
    tool: str = "",
    **fields: str,
) -> ToolResult:
    """A question whose answer goes into `argument` of the tool that was called, or of `tool`, beside what is already known."""
    asked = ask(argument, visit.say(key, **fields), options)
    follow = then(tool or visit.call.name, argument, expect, **carried(visit, argument))
    return ToolResult({**asked.payload, "then": follow})


def carried(visit: Visit, *but: str) -> dict[str, object]:
    """The arguments that the next call of the tool needs again."""
    return {name: visit.text(name) for name in visit.call.arguments if name not in but and visit.text(name)}


def spoken_id(visit: Visit, tracking_id: str) -> str:
    return tracking_ids.spoken(tracking_id, visit.language)


def _doubted(visit: Visit, doubt: Doubt) -> ToolResult:
    memory = remember(visit, lambda memory: memory.noted(**{_UNCLEAR: _count(memory, _UNCLEAR) + 1}))
    if _count(memory, _UNCLEAR) > MAX_UNCLEAR:
        words = visit.say("tracking_give_up")
        return refused("unclear", words, then=then_yes_no(to_dispatch(visit, "tracking number not understood"), None))
    rest = carried(visit, "trackingId")
    if len(doubt.candidates) == 1:
        candidate = doubt.candidates[0]
        follow = then_yes_no(
            {"tool": visit.call.name, "arguments": {**rest, "trackingId": EXACTLY + candidate}},
            {"tool": visit.call.name, "arguments": {**rest, "trackingId": AGAIN}},
        )
        asked = ask("trackingId", visit.say("tracking_is_it", id=spoken_id(visit, candidate)))
        return ToolResult({**asked.payload, "then": follow})
    if doubt.candidates:
        choices = [{"value": EXACTLY + one, "spoken": spoken_id(visit, one)} for one in doubt.candidates]
        listed = visit.listed([choice["spoken"] for choice in choices])
        return asking(visit, "trackingId", "tracking_which", "choice", choices, choices=listed)
    key = {Problem.LENGTH: "tracking_length", Problem.CHECK: "tracking_check"}.get(doubt.problem, "tracking_again")
    return asking(visit, "trackingId", key, "tracking")


def _usual(visit: Visit, memory: CallMemory) -> str:
    """The one this call is about already, else the caller's latest."""
    if tracked := str(memory.notes.get(_TRACKED) or ""):
        return tracked
    number = visit.caller.a_number
    found = visit.desk.shipments.latest_of(number) if number is not None else None
    return found.tracking_id if found is not None else ""


def _known(visit: Visit, memory: CallMemory, tracking_id: str) -> Known | None:
    shipment = visit.desk.shipments.find(tracking_id)
    if shipment is None:
        return None
    by_number = visit.caller.a_number is not None and visit.caller.a_number in shipment.numbers
    rung = by_number and memory.notes.get(_RUNG) == tracking_id
    return Known(shipment, by_number, tracking_id in _texts(memory, _NAMED), rung)


def _by_name(visit: Visit, tracking_id: str, known: Known | None) -> Known | ToolResult:
    """Whether there is such a shipment and whose it is makes no difference to what a caller without the right name hears."""
    name = visit.text("name")
    if not is_speakable_name(name):
        return asking(visit, "name", "dispatch_ask_name", "name")
    shipment = known.shipment if known is not None else None
    if not settle(visit.store, lambda: _named(visit, tracking_id, shipment, name)) or known is None:
        words = visit.say("dispatch_none")
        return reply("none", words, then=then_yes_no(to_dispatch(visit, "no parcel found"), None))
    return Known(known.shipment, known.by_number, True, known.rung)


def _named(visit: Visit, tracking_id: str, shipment: Shipment | None, name: str) -> Decision[bool]:
    memory, business = memory_of(visit), visit.caller.business_id
    tried = hashlib.sha256(f"{tracking_id}\n{name_key(name)}".encode()).hexdigest()[:16]
    wrong = _texts(memory, _WRONG)
    who = visit.caller.a_number or visit.caller.session_id
    limits = (
        Limit("wrong recipient", who, WRONG_NAMES_A_DAY),
        Limit("wrong recipient of", tracking_id, WRONG_NAMES_A_PARCEL),
    )
    counts = spent(visit.store, business, limits, visit.today)
    if tried in wrong or len(wrong) >= MAX_WRONG_NAMES or counts is None:
        return Decision(False)
    if shipment is None or not is_same_name(name, shipment.recipient):
        after = memory.noted(**{_WRONG: [*wrong, tried]})
        return Decision(False, Change(records=(MEMORY.of(after), *counts)))
    shown = [*_texts(memory, _NAMED), tracking_id]
    after = memory.noted(**{_NAMED: shown, _TRACKED: tracking_id, "verified_by": "the recipient's name"})
    return Decision(True, Change(records=(MEMORY.of(after),)))


def _keep_in_mind(visit: Visit, tracking_id: str) -> None:
    remember(visit, lambda memory: memory.noted(**{_TRACKED: tracking_id, _UNCLEAR: 0}))


def _count(memory: CallMemory, note: str) -> int:
    value = memory.notes.get(note)
    return value if isinstance(value, int) else 0


def _texts(memory: CallMemory, note: str) -> list[str]:
    value = memory.notes.get(note)
    return [str(item) for item in value] if isinstance(value, list | tuple) else []
