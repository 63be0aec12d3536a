"""Handing a caller to a human: how far it has come, and what the human is to know.

The table below is the whole machine. What it is told comes from four sides at once: the tool that began it, the caller's bridge, the
human's bridge and the hooks of the human's leg. So everything may come late, twice or in any order: a pair that is not drawn keeps its
state, and an end stays an end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from pokea.call_status import CallStatus
from pokea.calls import Call, is_over
from pokea.clock import as_utc
from pokea.ids import BusinessId, CallId, SessionId, ToolCallId
from pokea.phone_numbers import E164
from pokea.privacy import Pii
from pokea.records import Kind
from pokea.sautikit.labels import attempt_session, label_of
from pokea.toolkit import HandoffMode, Level

__all__ = [
    "FAILED_STATES",
    "HANDOFF",
    "OVER",
    "TABLE",
    "WAYS",
    "Event",
    "Exchange",
    "Handoff",
    "HandoffState",
    "attempt_key",
    "attempt_of",
    "diagram",
    "handoff_id",
    "handoff_label",
    "is_due",
    "moved",
    "seen_on_leg",
    "seen_on_owner",
]

HANDOFF_KEPT = timedelta(days=30)
MAX_TRIED = 12
MAX_TRIED_CHARS = 200
MAX_LAST_TURNS = 12
MAX_PER_CALL = 3  # a caller whom nobody took three times is not rung round for any longer
JOIN_S = 30  # from the last moment for a yes to the join, which takes the two bridges a second
GRACE_S = 5  # what the carrier needs to begin ringing, and the bridge to notice an answer


class HandoffState(StrEnum):
    PLACING = "placing"
    RINGING = "ringing"
    BRIEFING = "briefing"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    CANCELLED = "cancelled"
    JOINED = "joined"
    ENDED = "ended"


class Event(StrEnum):
    """What somebody reported. `LEFT`: the human's leg is over; `CALLER_LEFT`: the caller's."""

    RANG = "rang"
    OPENED = "opened"  # the human picked up and hears the brief
    ACCEPT = "accept"
    DECLINE = "decline"
    NOT_ANSWERED = "not answered"
    WAS_BUSY = "was busy"
    NOT_PLACED = "not placed"
    TIME_UP = "time is up"
    CANCEL = "cancel"
    JOIN = "join"
    LEFT = "human left"
    CALLER_LEFT = "caller left"


_P, _R, _B, _A, _D, _N, _U, _F, _C, _J, _E = _STATES = tuple(HandoffState)

# One row per event, one column per present state; a cell equal to its column is an explicit no-op (late or duplicate).
_ROWS = {
    # present state:      placing ringing briefing accepted declined no_answer busy failed cancelled joined ended
    Event.RANG: (_R, _R, _B, _A, _D, _N, _U, _F, _C, _J, _E),
    Event.OPENED: (_B, _B, _B, _A, _D, _N, _U, _F, _C, _J, _E),
    Event.ACCEPT: (_A, _A, _A, _A, _D, _N, _U, _F, _C, _J, _E),
    Event.DECLINE: (_D, _D, _D, _A, _D, _N, _U, _F, _C, _J, _E),
    Event.NOT_ANSWERED: (_N, _N, _B, _A, _D, _N, _U, _F, _C, _J, _E),
    Event.WAS_BUSY: (_U, _U, _B, _A, _D, _N, _U, _F, _C, _J, _E),
    Event.NOT_PLACED: (_F, _F, _B, _A, _D, _N, _U, _F, _C, _J, _E),
    Event.TIME_UP: (_N, _N, _N, _F, _D, _N, _U, _F, _C, _J, _E),
    Event.CANCEL: (_C, _C, _C, _A, _D, _N, _U, _F, _C, _J, _E),
    Event.JOIN: (_J, _J, _J, _J, _D, _N, _U, _F, _C, _J, _E),
    Event.LEFT: (_N, _N, _D, _F, _D, _N, _U, _F, _C, _E, _E),
    Event.CALLER_LEFT: (_C, _C, _C, _C, _D, _N, _U, _F, _C, _E, _E),
}
TABLE: dict[tuple[HandoffState, Event], HandoffState] = {
    (state, event): row[column] for event, row in _ROWS.items() for column, state in enumerate(_STATES)
}
# How a hand-off is made, by the profile's mode and whether the carrier goes on after a stream; None: it is not tried, a message is offered.
# An attended one needs nothing of the carrier; a dialled one on a carrier that does not go on would leave the caller in silence.
WAYS: dict[tuple[HandoffMode, bool], HandoffMode | None] = {
    (HandoffMode.ATTENDED, True): HandoffMode.ATTENDED,
    (HandoffMode.ATTENDED, False): HandoffMode.ATTENDED,
    (HandoffMode.DIAL, True): HandoffMode.DIAL,
    (HandoffMode.DIAL, False): None,
}
FAILED_STATES = frozenset({_D, _N, _U, _F, _C})  # nobody took the call: the agent goes on
OVER = FAILED_STATES | {_E}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """One try to hand a call over. `session_id` is the caller's call; the rest of its fields say what the human is to know.

    person: key in the directory. The number is kept as it was when it was allowed, so that later changes of a profile do not change
    the past. hop: what the human's bridge proves itself with to the caller's.
    """

    business_id: BusinessId
    handoff_id: str
    session_id: SessionId
    person: str
    person_name: str
    number: E164
    mode: HandoffMode
    state: HandoffState
    created_at: datetime
    ring_until: datetime
    answer_until: datetime
    language: str  # the caller's
    spoken_to_person: str  # the language of the brief
    hop: str
    caller_name: str = ""
    caller_number: E164 | None = None
    level: Level = Level.ANONYMOUS
    verified_by: str = ""
    account: str = ""
    reason: str = ""
    tried: tuple[str, ...] = ()
    last_turns: tuple[tuple[str, str], ...] = ()  # (who, what was heard)
    notified_at: datetime | None = None  # when the person's notify_url was told
    card_revoked: bool = False
    expires: datetime | None = None  # when it may be tidied away, as the business wants it
    version: int = 0


HANDOFF: Kind[Handoff] = Kind(
    "handoff",
    Handoff,
    key=lambda handoff: handoff.handoff_id,
    lookups=lambda handoff: (handoff.session_id,),
    privacy={
        "business_id": Pii.ID,
        "handoff_id": Pii.ID,
        "session_id": Pii.ID,
        "person": Pii.ID,
        "person_name": Pii.NAME,
        "number": Pii.CONTACT,
        "mode": Pii.NONE,
        "state": Pii.NONE,
        "created_at": Pii.NONE,
        "ring_until": Pii.NONE,
        "answer_until": Pii.NONE,
        "language": Pii.NONE,
        "spoken_to_person": Pii.NONE,
        "hop": Pii.SECRET,
        "caller_name": Pii.NAME,
        "caller_number": Pii.CONTACT,
        "level": Pii.NONE,
        "verified_by": Pii.SPEECH,
        "account": Pii.ID,
        "reason": Pii.SPEECH,
        "tried": Pii.SPEECH,
        "last_turns": Pii.SPEECH,
        "notified_at": Pii.NONE,
        "card_revoked": Pii.NONE,
        "expires": Pii.NONE,
        "version": Pii.NONE,
    },
    kept_until=lambda handoff: handoff.expires or handoff.created_at + HANDOFF_KEPT,
)


class Exchange(Protocol):
    """Rings the humans of one business. Whoever implements it asks the dial policy and the directory again, right before it dials."""

    @property
    def may_dial(self) -> bool:
        """Whether the carrier goes on after a stream, so that it can be told to dial."""

    def ring(self, handoff: Handoff) -> None:
        """Place the second call, once however often it is asked for.

        Raises Denied, Conflict, RejectedInput or Unavailable when no telephone rings. When the carrier did not answer nobody knows:
        that is no error, the attempt's hooks settle it.
        """

    def leave_word(self, handoff: Handoff, words: str) -> None:
        """Have the carrier dial after saying `words`, as soon as the stream of the caller's call is closed. Raises as `ring` does."""

    def hang_up(self, call: SessionId | CallId) -> None:
        """End a call. Safe to repeat; trouble is the carrier's, which ends the call at its own limits."""

    def notify(self, url: str, news: Mapping[str, str]) -> None:
        """Tell a person's own system. Best effort: nobody waits for its answer."""


def attempt_of(handoff: Handoff) -> SessionId:
    """Where the second call of a hand-off is stored. No Idempotency-Key of anybody's request can hold a line break."""
    return attempt_session(handoff_label(handoff.business_id, handoff.handoff_id))


def attempt_key(handoff: Handoff) -> str:
    return _key(handoff.handoff_id)


def handoff_label(business_id: BusinessId, handoff_id: str) -> str:
    """The label of whatever call a hand-off leads to: the one we place, or the one that the carrier was told to dial."""
    return label_of(business_id, _key(handoff_id))


def _key(handoff_id: str) -> str:
    return f"handoff\n{handoff_id}"


def handoff_id(session_id: SessionId, tool_call_id: ToolCallId) -> str:
    """One hand-off per tool call, however often that is delivered. Not a secret: nobody may do anything by knowing it."""
    return hashlib.sha256(json.dumps([session_id, tool_call_id]).encode()).hexdigest()[:24]


def moved(handoff: Handoff, event: Event) -> Handoff:
    """`handoff` after `event`; the same object when nothing changed. Never raises."""
    after = TABLE[handoff.state, event]
    return handoff if after is handoff.state else replace(handoff, state=after)


def is_due(handoff: Handoff, now: datetime) -> bool:
    """Whether there has been all the time there is, to pick up, to answer the brief or to be joined."""
    until = handoff.ring_until if handoff.state in (_P, _R) else handoff.answer_until
    if handoff.state is _A:
        until += timedelta(seconds=JOIN_S)
    return handoff.state in (_P, _R, _B, _A) and as_utc(now) >= until


def seen_on_leg(attempt: Call | None, leg: Call | None) -> Sequence[Event]:
    """What the stored calls tell about the human's leg: the attempt, and the call that it became."""
    if leg is None:
        if attempt is None:
            return ()
        if attempt.status is CallStatus.FAILED:
            return (Event.NOT_PLACED,)
        return (Event.RANG,) if attempt.placed_as is not None or attempt.carrier_call_id is not None else ()
    seen = [Event.RANG]
    if leg.opened_at is not None:
        seen.append(Event.OPENED)
    if is_over(leg):
        seen.append(_END.get(leg.status, Event.LEFT) if leg.opened_at is None else Event.LEFT)
    return seen


_END = {
    CallStatus.BUSY: Event.WAS_BUSY,
    CallStatus.FAILED: Event.NOT_PLACED,
    CallStatus.NO_ANSWER: Event.NOT_ANSWERED,
    CallStatus.CANCELED: Event.NOT_ANSWERED,
    CallStatus.COMPLETED: Event.NOT_ANSWERED,  # ended before our bridge was ever on it; some carriers report every end so
}


def seen_on_owner(call: Call | None) -> Sequence[Event]:
    """What the caller's own call tells: what came of the carrier's dialling, and that the caller has gone.

    A carrier that dialled and said nothing of it leaves it open whether anybody was reached: that is not made up here.
    """
    if call is None:
        return ()
    seen: list[Event] = []
    is_open = False
    if (onward := call.onward) is not None and onward.given_at is not None:
        seen.append(Event.RANG)
        is_open = onward.outcome is None
        if onward.outcome is not None:
            seen.append(_DIALLED.get(onward.outcome, Event.JOIN))
    if is_over(call) and not is_open:
        seen.append(Event.CALLER_LEFT)
    return seen


_DIALLED = {
    CallStatus.BUSY: Event.WAS_BUSY,
    CallStatus.NO_ANSWER: Event.NOT_ANSWERED,
    CallStatus.CANCELED: Event.NOT_ANSWERED,
    CallStatus.FAILED: Event.NOT_PLACED,
}


def diagram() -> str:
    """The table as a Mermaid state diagram. No-ops are left out: every pair that is not drawn keeps its state."""
    drawn: dict[tuple[HandoffState, HandoffState], list[str]] = {}
    for (state, event), after in TABLE.items():
        if after is not state:
            drawn.setdefault((state, after), []).append(event.value)
    lines = ["stateDiagram-v2", "    [*] --> placing"]
    for (state, after), events in sorted(drawn.items(), key=lambda item: [_STATES.index(end) for end in item[0]]):
        lines.append(f"    {state.value} --> {after.value}: {' / '.join(events)}")
    lines += [f"    {state.value} --> [*]" for state in _STATES if state in OVER]
    return "\n".join(lines) + "\n"
