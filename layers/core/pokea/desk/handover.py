"""handOver: the caller is handed to a person of the business's directory, named by key.

Whom to ring, at which number and whether at all is decided here and never by a model: what it gives is a key or the caller's words.
Before anything rings the hand-off is stored with all that the human is to know, so that nothing the caller said has to be said twice.
"""

from __future__ import annotations

from datetime import timedelta

from pokea.call_memory import CallMemory
from pokea.desk.agent import schema, text
from pokea.desk.free_rep import hold
from pokea.desk.memory import memory_of
from pokea.desk.settle import Decision, settle
from pokea.desk.visit import Visit, refused, reply
from pokea.directory import Absence, Absent, Person, resolve
from pokea.errors import CallError, Indeterminate
from pokea.ports import Change
from pokea.profile import Profile
from pokea.toolkit import Effect, HandoffMode, HandoffOrder, Json, ToolResult, ToolSpec, then, then_yes_no
from pokea.transfer import (
    GRACE_S,
    HANDOFF,
    MAX_LAST_TURNS,
    MAX_PER_CALL,
    MAX_TRIED,
    MAX_TRIED_CHARS,
    OVER,
    WAYS,
    Event,
    Handoff,
    HandoffState,
    handoff_id,
    is_due,
    moved,
)
from pokea.words import say

MAX_REASON_CHARS = 200
NO_REP = "no_rep"  # of a campaign's call: all of its people are taken


def hand_over_spec(profile: Profile) -> ToolSpec:
    people = profile.directory.people
    known = "; ".join(
        f"{key}: {', '.join(n for names in p.names.values() for n in names)}" for key, p in people.items()
    )
    department = text(f"Whom. {known}" if known else "Whom.", list(people) or None)
    return ToolSpec(
        "handOver",
        "Hand the caller over to a person of the business: by key, never by a number. Leave out `department` for the usual one.",
        schema(["reason"], department=department, reason=text("What the caller wants, in a few words.")),
        Effect.TRANSFER,
    )


def hand_over(visit: Visit) -> ToolResult:
    """Raises Unavailable or Indeterminate from the store; trouble with the carrier is an answer."""
    directory = visit.desk.profile.directory
    if not directory.people:
        return _offer(visit, "refused", visit.say("handoff_nobody_listed"), code="nobody_listed")
    asked_for = directory.find(visit.text("department"))
    if asked_for is None:
        return _ask_whom(visit)
    known = visit.store.record(HANDOFF, visit.caller.business_id, _id(visit))
    if known is not None:
        return _again(visit, known)
    begun = visit.store.records_by(HANDOFF, visit.caller.business_id, visit.caller.session_id)
    earlier = [_given_up(visit, handoff) if is_due(handoff, visit.now) else handoff for handoff in begun]
    live = next((handoff for handoff in earlier if handoff.state not in OVER), None)
    if live is not None:
        return _again(visit, live)
    if len(earlier) >= MAX_PER_CALL:
        return _offer(visit, "refused", _named(visit, "handoff_not_possible", asked_for), asked_for.key, "enough")
    found = resolve(directory, asked_for.key, visit.now)
    if isinstance(found, Absent):
        return _absent(visit, found, asked_for)
    return _begin(visit, found)


def outcome_of(handoff: Handoff, language: str) -> dict[str, object]:
    """What the model is told of a hand-off that nobody took."""
    key = f"handoff_{handoff.state.value}" if handoff.state in _OWN_WORDS else "handoff_no_answer"
    words = say(language, key, name=handoff.person_name)
    return {"status": handoff.state.value, "say": words, "then": _message_for(handoff.person)}


_OWN_WORDS = (HandoffState.DECLINED, HandoffState.BUSY)


def _id(visit: Visit) -> str:
    return handoff_id(visit.caller.session_id, visit.call.tool_call_id)


def _begin(visit: Visit, person: Person) -> ToolResult:
    if WAYS[visit.desk.profile.directory.rules.mode, visit.desk.exchange.may_dial] is None:
        words = _named(visit, "handoff_not_possible", person)
        return _offer(visit, "refused", words, person.key, "carrier_does_not_continue")
    handoff = _described(visit, person, memory_of(visit))

    def decide() -> Decision[Handoff | None]:
        twin = visit.store.record(HANDOFF, handoff.business_id, handoff.handoff_id)
        if twin is not None or (twin := _live(visit)) is not None:
            return Decision(twin)
        held = hold(visit, handoff)
        return Decision(None) if held is None else Decision(handoff, Change(records=(HANDOFF.of(handoff), *held)))

    begun = settle(visit.store, decide)
    if begun is None:
        return _offer(visit, "busy", visit.say("handoff_no_rep"), person.key, NO_REP)
    return _placed(visit, handoff) if begun is handoff else _again(visit, begun)


def _live(visit: Visit) -> Handoff | None:
    """What another tool call of this call has begun: one that takes a person a moment later finds it, and takes no second one."""
    begun = visit.store.records_by(HANDOFF, visit.caller.business_id, visit.caller.session_id)
    return next((one for one in begun if one.state not in OVER and not is_due(one, visit.now)), None)


def _placed(visit: Visit, handoff: Handoff) -> ToolResult:
    """Have it rung. An attempt whose fate nobody knows counts as rung: its hooks will tell."""
    exchange = visit.desk.exchange
    try:
        if handoff.mode is HandoffMode.DIAL:
            exchange.leave_word(handoff, visit.say("handoff_dial_words"))
        else:
            exchange.ring(handoff)
    except Indeterminate:
        return _started(visit, handoff)
    except CallError:
        return ToolResult(outcome_of(_not_placed(visit, handoff), visit.language))
    return _started(visit, handoff)


def _not_placed(visit: Visit, handoff: Handoff) -> Handoff:
    def decide() -> Decision[Handoff]:
        before = visit.store.record(HANDOFF, handoff.business_id, handoff.handoff_id) or handoff
        after = moved(before, Event.NOT_PLACED)
        return Decision(after, None if after is before else Change(records=(HANDOFF.of(after),)))

    return settle(visit.store, decide)


def _given_up(visit: Visit, handoff: Handoff) -> Handoff:
    """One whose time has passed without a bridge asking what came of it."""

    def decide() -> Decision[Handoff]:
        before = visit.store.record(HANDOFF, handoff.business_id, handoff.handoff_id) or handoff
        after = moved(before, Event.TIME_UP) if is_due(before, visit.now) else before
        return Decision(after, None if after is before else Change(records=(HANDOFF.of(after),)))

    return settle(visit.store, decide)


def _again(visit: Visit, handoff: Handoff) -> ToolResult:
    """The same tool call once more, or another while somebody is rung: what was begun is finished, and nobody is rung twice."""
    if handoff.state in OVER:
        return ToolResult(outcome_of(handoff, visit.language))
    return _placed(visit, handoff) if handoff.state is HandoffState.PLACING else _started(visit, handoff)


def _started(visit: Visit, handoff: Handoff) -> ToolResult:
    rules = visit.desk.profile.directory.rules
    is_dial = handoff.mode is HandoffMode.DIAL
    words = visit.say("handoff_dialling" if is_dial else "handoff_connecting", name=handoff.person_name)
    ring_s, answer_s = (0, 0) if is_dial else (rules.ring_s, rules.ring_s + rules.brief_s)
    order = HandoffOrder(handoff.handoff_id, handoff.mode, ring_s, handoff.hop, answer_s)
    return ToolResult({"status": "connecting", "say": words}, handoff=order)


def _described(visit: Visit, person: Person, memory: CallMemory) -> Handoff:
    rules = visit.desk.profile.directory.rules
    rings = timedelta(seconds=rules.ring_s + GRACE_S)
    is_dial = rules.mode is HandoffMode.DIAL
    own_words = memory.notes.get("tried")
    tried = own_words if isinstance(own_words, list | tuple) else memory.done
    return Handoff(
        business_id=visit.caller.business_id,
        handoff_id=_id(visit),
        session_id=visit.caller.session_id,
        person=person.key,
        person_name=person.called(visit.language),
        number=person.number,
        mode=rules.mode,
        state=HandoffState.PLACING,
        created_at=visit.now,
        expires=visit.desk.profile.retention.transcript_until(visit.now),
        ring_until=visit.now + rings,
        answer_until=visit.now + rings + timedelta(seconds=rules.brief_s),
        language=visit.language,
        spoken_to_person=visit.language if visit.language in person.languages else person.languages[0],
        hop="" if is_dial else visit.desk.new_id(),
        caller_name=memory.said_name,
        caller_number=visit.caller.a_number,
        level=visit.caller.level,
        verified_by=str(memory.notes.get("verified_by") or memory.notes.get("verified") or ""),
        account=visit.caller.account,
        reason=visit.text("reason")[:MAX_REASON_CHARS],
        tried=tuple(str(line)[:MAX_TRIED_CHARS] for line in tried[-MAX_TRIED:]),
        last_turns=visit.call.evidence.last_turns[-MAX_LAST_TURNS:],
    )


def _absent(visit: Visit, absent: Absent, asked_for: Person) -> ToolResult:
    if absent.why is Absence.CLOSED:
        return _offer(visit, "closed", _named(visit, "handoff_closed", asked_for), asked_for.key)
    words = _named(visit, "handoff_not_possible", asked_for)
    return _offer(visit, "refused", words, asked_for.key, absent.why.value)


def _ask_whom(visit: Visit) -> ToolResult:
    """Somebody who is not in the directory, or a number: refused in words that say what can be had instead."""
    profile = visit.desk.profile
    people = profile.directory.people.values()
    words = visit.say(
        "handoff_whom", business=profile.name, names=visit.listed(profile.directory.names(visit.language))
    )
    choices = [{"value": person.key, "spoken": person.called(visit.language)} for person in people]
    following = then("handOver", fill="department", expect="choice", reason=visit.text("reason"))
    return refused("unknown_department", words, question="department", choices=choices, then=following)


def _offer(visit: Visit, status: str, words: str, key: str = "", code: str = "") -> ToolResult:
    more: dict[str, object] = {"code": code} if code else {}
    return reply(status, words, then=_message_for(key), **more)


def _message_for(key: str) -> dict[str, object]:
    arguments: Json = {"department": key} if key else {}
    return then_yes_no({"tool": "proposeMessage", "arguments": arguments}, None)


def _named(visit: Visit, key: str, person: Person) -> str:
    return visit.say(key, name=person.called(visit.language))
