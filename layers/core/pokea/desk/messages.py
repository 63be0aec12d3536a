"""proposeMessage: a message for the business, to be answered by a call back.

What is missing is asked for, one thing at a time: the message, the name, and a number where the caller withheld theirs. Nothing of that
may lose the message: a name or a number that was asked for in vain `TIMES_ASKED` times is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pokea import allowance
from pokea.call_memory import CallMemory
from pokea.confirm import Proposal
from pokea.desk import gate
from pokea.desk.agent import schema, text
from pokea.desk.booking_propose import is_speakable_name
from pokea.desk.memory import memory_of, remember
from pokea.desk.settle import Decision, settle
from pokea.desk.visit import Visit, ask, refused
from pokea.ids import IntentKey
from pokea.messages import MESSAGE, Message, limits_of, plain
from pokea.phone_numbers import E164
from pokea.ports import Change
from pokea.profile import Profile
from pokea.spoken import numbers as said_numbers
from pokea.spoken.counts import names_numbers
from pokea.toolkit import Effect, ToolResult, ToolSpec, then, then_yes_no
from pokea.words import say

TIMES_ASKED = 2
_ASKED = "message_asked"  # of the call's notes: how often each thing was asked for


@dataclass(frozen=True, slots=True)
class _Draft:
    message: str
    name: str
    number: E164 | None
    department: str


def propose_message_spec(profile: Profile) -> ToolSpec:
    return ToolSpec(
        "proposeMessage",
        "Prepare a message to the business, to be answered by a call back. Returns the read-back and a nonce. Sends nothing.",
        schema(
            [],
            message=text("The caller's message in their own words."),
            name=text("The caller's full name as they said it."),
            number=text(
                "The number to call back, in the caller's own words; leave out for the one they are calling from."
            ),
            department=text("Key or spoken name of the department that it is for, if the caller named one."),
        ),
        Effect.PROPOSE,
    )


def propose_message(visit: Visit) -> ToolResult:
    message = plain(visit.text("message"))
    if not message:
        return _ask(visit, "message", "text")
    if _limits_reached(visit):
        return _too_many(visit)
    name = plain(visit.text("name"))
    if not is_speakable_name(name):
        if _may_ask(visit, "name"):
            return _ask(visit, "name", "name")
        name = ""
    number, is_clear = _number(visit)
    if (number is None or not is_clear) and _may_ask(visit, "number"):
        return _ask(visit, "number", "digits", "message_ask_number_again" if visit.text("number") else "")
    draft = _Draft(message, name, number or visit.caller.a_number, _department(visit))
    arguments = {
        "message": draft.message,
        "name": draft.name,
        "number": draft.number or "",
        "department": draft.department,
    }
    return gate.propose(visit, "message", arguments, _read_back(visit, draft))


def leave_message(visit: Visit, proposal: Proposal, intent: IntentKey) -> gate.Done | gate.NotDone:
    """Stored under its intent: the same message twice in one call is one message."""
    taken = _message(visit, proposal, intent)

    def decide() -> Decision[bool]:
        if visit.store.record(MESSAGE, taken.business_id, taken.message_id) is not None:
            return Decision(True)
        counts = allowance.spent(visit.store, taken.business_id, _limits(visit), taken.day)
        if counts is None:
            return Decision(False)
        return Decision(True, Change(records=(MESSAGE.of(taken), *counts)))

    if not settle(visit.store, decide):
        return gate.NotDone(_too_many(visit))
    words = visit.say("message_taken" if taken.number else "message_taken_no_number")
    payload = {"status": "message_taken", "say": words, "reference": taken.message_id}
    return gate.Done(ToolResult(payload))


def _message(visit: Visit, proposal: Proposal, intent: IntentKey) -> Message:
    said = {key: str(value) for key, value in proposal.arguments.items()}
    return Message(
        business_id=visit.caller.business_id,
        message_id=f"M-{intent[:16]}",
        session_id=visit.caller.session_id,
        name=said["name"],
        number=E164(said["number"]) if said["number"] else None,
        text=said["message"],
        department=said["department"],
        language=visit.language,
        taken_at=visit.now,
        day=visit.today,
    )


def _department(visit: Visit) -> str:
    """The directory's key of whom it is for; "" for nobody in particular, or nobody who is known."""
    said = visit.text("department")
    person = visit.desk.profile.directory.find(said) if said else None
    return person.key if person else ""


def _number(visit: Visit) -> tuple[E164 | None, bool]:
    """The number to call back, and whether what was said about it was understood. A read number is certain or it is not taken."""
    said, own = visit.text("number"), visit.caller.a_number
    if not said:
        return own, True
    read = said_numbers.understand(said, visit.desk.profile.country, visit.language)
    if isinstance(read, said_numbers.Understood):
        return read.number, True
    if len(read.candidates) == 1:  # the read-back asks for a yes anyway
        return read.candidates[0], True
    means_own = own is not None and not names_numbers(said)  # "the number I am calling from"
    return own if means_own else None, means_own


def _ask(visit: Visit, what: str, expect: str, key: str = "") -> ToolResult:
    def counted(memory: CallMemory) -> CallMemory:
        return memory.noted(**{_ASKED: {**_asked(memory), what: _asked(memory).get(what, 0) + 1}})

    remember(visit, counted)
    known = {name: said for name in ("message", "name", "number", "department") if (said := visit.text(name))}
    known.pop(what, None)
    asked = ask(what, visit.say(key or f"message_ask_{what}"))
    return replace(asked, payload={**asked.payload, "then": then("proposeMessage", what, expect, **known)})


def _may_ask(visit: Visit, what: str) -> bool:
    return _asked(memory_of(visit)).get(what, 0) < TIMES_ASKED


def _asked(memory: CallMemory) -> dict[str, int]:
    counts = memory.notes.get(_ASKED)
    return {str(what): int(count) for what, count in counts.items()} if isinstance(counts, dict) else {}


def _limits(visit: Visit) -> tuple[allowance.Limit, ...]:
    return limits_of(visit.caller.session_id, visit.caller.a_number)


def _limits_reached(visit: Visit) -> bool:
    return allowance.spent(visit.store, visit.caller.business_id, _limits(visit), visit.today) is None


def _too_many(visit: Visit) -> ToolResult:
    hand_over = {"tool": "handOver", "arguments": {"reason": "wants to leave another message"}}
    return refused("too_many", visit.say("message_too_many"), then=then_yes_no(hand_over, None))


def _read_back(visit: Visit, draft: _Draft) -> str:
    """Names everything that will be kept."""
    profile, language = visit.desk.profile, visit.language
    person = profile.directory.people.get(draft.department)
    whom = say(language, "message_for", department=person.called(language)) if person else ""
    sender = say(language, "message_from", name=draft.name) if draft.name else ""
    if draft.number is None:
        back = say(language, "message_no_call_back")
    elif draft.number == visit.caller.a_number:
        back = say(language, "message_call_back_own")
    else:
        back = say(language, "message_call_back", number=said_numbers.spoken(draft.number, profile.country, language))
    return visit.say("message_read_back", whom=whom, message=draft.message.rstrip(".!?"), sender=sender, back=back)
