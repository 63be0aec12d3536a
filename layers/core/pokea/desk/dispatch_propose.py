"""Changes to a delivery: what the caller wants is checked, put into words, and carried out once the caller has said yes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from pokea.allowance import Limit, spent
from pokea.confirm import Proposal
from pokea.consent import asks_to_stop
from pokea.desk import gate
from pokea.desk.delivery_day import wanted_day, when_in
from pokea.desk.dispatch_desk import spoken_window
from pokea.desk.memory import memory_of, remember
from pokea.desk.opt_out import opt_out
from pokea.desk.own_shipments import EXACTLY, Known, Need, asking, identified, spoken_id, to_dispatch
from pokea.desk.settle import Decision, settle
from pokea.desk.somebody_there import somebody_there
from pokea.desk.visit import Visit, ask, refused, reply
from pokea.dispatch import MAX_ADDRESS, MAX_NOTE, PROPOSALS_A_DAY
from pokea.errors import Conflict, NotFound
from pokea.ids import IntentKey
from pokea.ports import Change
from pokea.shipments import Shipment
from pokea.toolkit import ToolResult, then, then_yes_no
from pokea.words import say

MAX_ANSWER = 256  # characters of an answer that are looked at
MAX_ASKED = 2  # times that a recipient is asked what to do before a person is offered
_ASKED = "delivery_asked"
# What callers say instead of an address, and instead of a landmark.
_ANOTHER = frozenset(
    {"another", "another one", "a new one", "new", "different", "no", "nyingine", "mpya", "hapana", "sio"}
)
_NOTHING = frozenset({"no", "none", "nothing", "no landmark", "i do not know", "hapana", "hakuna", "sijui"})
_NEARBY = (
    "leave", "neighbour", "neighbor", "guard", "watchman", "security", "reception", "caretaker", "gate", "shop", "friend",
    "acha", "waachie", "mwachie", "muachie", "jirani", "mlinzi", "askari", "mapokezi", "duka", "lango", "geti",
)  # fmt: skip
_OTHER_DAY = ("another day", "other day", "different day", "reschedule", "later date", "siku nyingine", "ahirisha")


def propose_reschedule(visit: Visit) -> ToolResult:
    address = visit.text("address")
    known = changeable(visit, Need.ADDRESS if address else Need.DAY)
    if isinstance(known, ToolResult):
        return known
    return _propose_reschedule(visit, known.shipment, visit.text("when"), address)


def propose_confirm_address(visit: Visit) -> ToolResult:
    known = changeable(visit, Need.ADDRESS)
    if isinstance(known, ToolResult):
        return known
    shipment, address, landmark = known.shipment, visit.text("address"), visit.text("landmark")
    if address.lower() in _ANOTHER or (not address and not landmark and not shipment.address):
        return asking(visit, "address", "address_ask", "place")
    if not address and not landmark:
        return _propose_as_it_is(visit, shipment)
    if address and not is_place(address):
        return asking(visit, "address", "address_ask", "place")
    if not landmark:
        return asking(visit, "landmark", "landmark_ask", "place")
    if landmark.lower() in _NOTHING or not is_place(landmark):
        landmark = ""
    arguments = {"tracking_id": shipment.tracking_id, "address": address, "landmark": landmark}
    words = _place_words(visit, address or shipment.address, landmark)
    return _capped(visit, shipment, lambda: gate.propose(visit, "confirm_address", arguments, words))


def delivery_answer(visit: Visit) -> ToolResult:
    """The recipient whom we rang says whether somebody will be there, and else what to do instead."""
    if asks_to_stop(visit.text("answer")):
        return opt_out(visit)
    known = changeable(visit, Need.DAY)
    if isinstance(known, ToolResult):
        return known
    shipment, said = known.shipment, visit.text("answer")[:MAX_ANSWER].strip(" .!?")
    words = said.lower().replace("'", "").replace(",", " ").replace(".", " ").split()
    plain, is_there = " ".join(words), somebody_there(said)
    if when := _another_day(visit, shipment, words, days_only=is_there is True):
        return _propose_reschedule(visit, shipment, when, "")
    if any(phrase in plain for phrase in _OTHER_DAY):
        return _ask_when(visit, shipment, "reschedule_ask_when")
    if any(word.startswith(_NEARBY) for word in words) and is_place(said):
        return _propose_note(visit, shipment, said[:MAX_NOTE])
    if is_there:
        return _propose_note(visit, shipment, "")
    return _ask_answer(visit, "delivery_ask_again" if is_there is None else "delivery_ask_instead")


def changeable(visit: Visit, need: Need) -> Known | ToolResult:
    """The shipment, if this caller may change it and it can still be changed."""
    known = identified(visit, need)
    if isinstance(known, ToolResult) or known.shipment.is_movable:
        return known
    return _not_movable(visit, known.shipment)


# --- carrying out ------------------------------------------------------------------------------------------------------------------


def commit_reschedule(visit: Visit, proposal: Proposal, intent: IntentKey) -> gate.Done | gate.NotDone:
    said = _texts(proposal)
    on = date.fromisoformat(said["on"]) if said["on"] else None
    change = lambda: visit.desk.shipments.reschedule(
        intent, said["tracking_id"], on=on, window=said["window"], address=said["address"] or None, at=visit.now
    )
    words = _change_words(visit, on, said["window"], said["address"])
    return _done(visit, change, "rescheduled", "rescheduled", change=words)


def commit_address(visit: Visit, proposal: Proposal, intent: IntentKey) -> gate.Done | gate.NotDone:
    said = _texts(proposal)
    change = lambda: visit.desk.shipments.confirm_address(
        intent, said["tracking_id"], address=said["address"] or None, landmark=said["landmark"] or None, at=visit.now
    )
    return _done(visit, change, "confirmed", "address_confirmed")


def commit_note(visit: Visit, proposal: Proposal, intent: IntentKey) -> gate.Done | gate.NotDone:
    said = _texts(proposal)
    change = lambda: visit.desk.shipments.note_for_driver(intent, said["tracking_id"], said["note"], at=visit.now)
    return _done(visit, change, "confirmed", "driver_noted")


def _done(
    visit: Visit, carry_out: Callable[[], Shipment], status: str, key: str, **fields: str
) -> gate.Done | gate.NotDone:
    """Raises Unavailable and Indeterminate: the gate knows what they mean for a commit."""
    try:
        shipment = carry_out()
    except (Conflict, NotFound):
        return gate.NotDone(_end(visit, "dispatch_too_late"))
    payload = {"status": status, "say": visit.say(key, **fields), "tracking_id": shipment.tracking_id}
    return gate.Done(ToolResult(payload))


# --- proposing -----------------------------------------------------------------------------------------------------------------------


def _propose_reschedule(visit: Visit, shipment: Shipment, when: str, address: str) -> ToolResult:
    if not when and not address:
        return _ask_when(visit, shipment, "reschedule_ask_when")
    if address and not is_place(address):
        return asking(visit, "address", "address_ask", "place")
    on, window = None, ""
    if when:
        wanted = wanted_day(visit, when)
        if isinstance(wanted, ToolResult):
            return _as_reschedule(wanted, shipment, address)
        on, window = wanted
        if on == shipment.deliver_on and window == shipment.window and not address:
            return _end(visit, "reschedule_same_day", day=visit.day(on))
    arguments = {
        "tracking_id": shipment.tracking_id,
        "on": on.isoformat() if on else "",
        "window": window,
        "address": address,
    }
    change = _change_words(visit, on, window, address)
    words = visit.say("reschedule_read_back", id=spoken_id(visit, shipment.tracking_id), change=change)
    return _capped(visit, shipment, lambda: gate.propose(visit, "reschedule", arguments, words))


def _propose_as_it_is(visit: Visit, shipment: Shipment) -> ToolResult:
    """The read-back of the address that we have; a no leads to a better one."""
    arguments = {"tracking_id": shipment.tracking_id, "address": "", "landmark": ""}
    near = visit.say("landmark_near", landmark=shipment.landmark) if shipment.landmark else ""
    words = visit.say("address_read_back", address=shipment.address, near=f" {near}" if near else "")
    other = {"trackingId": EXACTLY + shipment.tracking_id, "address": "another"}

    def propose() -> ToolResult:
        result = gate.propose(visit, "confirm_address", arguments, words)
        follow = then_yes_no(None, {"tool": "confirmAddress", "arguments": other})
        return ToolResult({**result.payload, "then": follow}, nonce=result.nonce)

    return _capped(visit, shipment, propose)


def _propose_note(visit: Visit, shipment: Shipment, note: str) -> ToolResult:
    """`note`: the caller's own words; "": somebody will be there."""
    if note:
        words = visit.say("note_read_back", note=note.rstrip(".!?"))
    else:
        note = say(visit.desk.profile.language, "note_somebody_there")
        words = visit.say("note_read_back_there")
    arguments = {"tracking_id": shipment.tracking_id, "note": note}
    return _capped(visit, shipment, lambda: gate.propose(visit, "driver_note", arguments, words))


def _capped(visit: Visit, shipment: Shipment, propose: Callable[[], ToolResult]) -> ToolResult:
    """Count the proposal, so that nobody sends a driver to and fro all day; what is not committed counts too."""
    limit = Limit("shipment proposal", shipment.tracking_id, PROPOSALS_A_DAY)

    def decide() -> Decision[bool]:
        counts = spent(visit.store, visit.caller.business_id, [limit], visit.today)
        return Decision(False) if counts is None else Decision(True, Change(records=counts))

    if settle(visit.store, decide):
        return propose()
    words = visit.say("dispatch_too_many")
    return refused("too_many", words, then=then_yes_no(to_dispatch(visit, "many changes in a day"), None))


def _another_day(visit: Visit, shipment: Shipment, words: Sequence[str], *, days_only: bool) -> str:
    """The day that is wanted instead of the planned one. `days_only`: beside a yes a time of day is no wish for another day."""
    when = when_in(visit, words, days_only=days_only)
    planned = wanted_day(visit, when) if days_only and when else None
    return "" if isinstance(planned, tuple) and planned[0] == shipment.deliver_on else when


def _ask_answer(visit: Visit, key: str) -> ToolResult:
    """Ask about the delivery; whoever was asked in vain before is offered a person."""
    before = memory_of(visit).notes.get(_ASKED)
    asked = before + 1 if isinstance(before, int) else 1
    remember(visit, lambda memory: memory.noted(**{_ASKED: asked}))
    if asked > MAX_ASKED:
        to_person = then_yes_no(to_dispatch(visit, "delivery answer not understood"), None)
        return refused("unclear", visit.say("delivery_give_up"), then=to_person)
    return asking(visit, "answer", key, "yes_no" if key == "delivery_ask_again" else "text")


def _ask_when(visit: Visit, shipment: Shipment, key: str) -> ToolResult:
    asked = ask("when", visit.say(key))
    follow = then("reschedule", "when", "when", trackingId=EXACTLY + shipment.tracking_id)
    return ToolResult({**asked.payload, "then": follow})


def _as_reschedule(question: ToolResult, shipment: Shipment, address: str) -> ToolResult:
    """A question about the day, whichever tool it came up in, is answered to reschedule."""
    kept = {"trackingId": EXACTLY + shipment.tracking_id, **({"address": address} if address else {})}
    expect = "choice" if question.payload.get("choices") else "when"
    return ToolResult({**question.payload, "then": then("reschedule", "when", expect, **kept)})


def _not_movable(visit: Visit, shipment: Shipment) -> ToolResult:
    key = f"not_movable_{shipment.status.value}"
    words = f"{visit.say(key, id=spoken_id(visit, shipment.tracking_id))} {visit.say('anything_else')}"
    return refused("not_movable", words)


def _end(visit: Visit, key: str, **fields: str) -> ToolResult:
    return reply("refused", f"{visit.say(key, **fields)} {visit.say('anything_else')}", code=key)


def _change_words(visit: Visit, on: date | None, window: str, address: str) -> str:
    """ "on Friday the 27th of November, between …, to River Road 12"."""
    parts = []
    if on is not None:
        parts.append(say(visit.language, "change_day", day=visit.day(on), window=spoken_window(visit, on, window)))
    if address:
        parts.append(say(visit.language, "change_address", address=address))
    return ", ".join(parts)


def _place_words(visit: Visit, address: str, landmark: str) -> str:
    near = visit.say("landmark_near", landmark=landmark) if landmark else ""
    return visit.say("address_new_read_back", address=address, near=f" {near}" if near else "")


def is_place(text: str) -> bool:
    """Words that a driver can use and that cannot be read as markup."""
    letters = sum(char.isalpha() for char in text)
    allowed = all(char.isalnum() or char in " -'’.,/&#" for char in text)
    return allowed and letters >= 3 and len(text) <= MAX_ADDRESS


def _texts(proposal: Proposal) -> dict[str, str]:
    return {key: str(value) for key, value in proposal.arguments.items()}
