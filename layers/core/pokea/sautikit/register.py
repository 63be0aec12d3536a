"""The register of calls: takes authentic hooks in, keeps each call's row in step, and says what to answer.

Hooks arrive at least once, in any order, and from two URLs. The row is created by whichever comes first; every later one is applied to
what is stored, fenced by its version, and decided again on fresh state when somebody else was faster.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from pokea.admission import Admission
from pokea.calls import Call, CallStatus, Direction, admitted, apply, is_turned_away, issue
from pokea.errors import Conflict, Unavailable
from pokea.events import CallFact
from pokea.ids import SessionId
from pokea.lines import Line
from pokea.onward import Onward, given
from pokea.phone_numbers import E164
from pokea.sautikit.hooks import Hook, facts_of, oriented
from pokea.sautikit.labels import attempt_session
from pokea.sautikit.replies import Reply, announces, reply_to, sets_up

if (
    TYPE_CHECKING
):  # the voice function imports this module while a telephone rings, and the ports bring the whole booking domain
    from pokea.ports import CallStore

MAX_TRIES = 5  # writers of one call at one moment: its hooks on two URLs and the bridge's open and close


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a hook led to. `call` is None when it could not be tied to a call of ours; `line` when the number is not ours. `decided`: this
    hook was the first to ask whether the call is let in."""

    reply: Reply
    line: Line | None = None
    call: Call | None = None
    decided: bool = False


@dataclass(frozen=True, slots=True)
class Entrance:
    """What the door said of a call. `give_back` undoes what it took, for a call that somebody else was quicker to let in."""

    admission: Admission
    give_back: Callable[[], None] = lambda: None


Door = Callable[[Call, Line, datetime], Entrance]
"""Asked once per hook at most, before the Stream document is made, and not where the call's row has its answer already. Never raises: a
door that cannot tell lets in."""


@dataclass(slots=True)
class _Visit:
    """One hook on its way in, through all its tries. `entrance`: what the door said of it. It is not asked again when somebody else has
    changed the row meanwhile: the carrier tells the same ring on two URLs at one moment, and the caller would be counted twice."""

    now: datetime
    is_asked: bool
    entrance: Entrance | None = None

    def give_back(self) -> None:
        if self.entrance is not None:
            self.entrance.give_back()


class CallRegister:
    def __init__(self, store: CallStore, lines: Mapping[E164, Line], door: Door | None = None) -> None:
        """`door`: who is sent to a bridge; everybody if there is none."""
        self._store = store
        self._lines = lines
        self._door = door

    def enter(self, hook: Hook, now: datetime, *, is_asked: bool = False) -> Entry:
        """Record `hook` and say what to answer. Raises Unavailable or Indeterminate when the store fails.

        is_asked: the carrier does what the answer says, so that what may be said once is used up by it; an event only tells.
        A Stream reply means that the call, as returned, has been stored with its `stream_issued_at`.
        """
        hook = oriented(hook, self._lines)
        if hook.session_id is None:
            return Entry(reply=Reply.EMPTY, line=line_of(hook, self._lines))
        visit = _Visit(now, is_asked)
        for _ in range(MAX_TRIES):
            try:
                entry = self._enter_once(hook, hook.session_id, visit)
            except Conflict:
                continue
            if not entry.decided:
                visit.give_back()  # a twin was quicker, or the call is over
            return entry
        visit.give_back()
        raise Unavailable("call_contended", "the call changed too often while it was being read", retry_after_s=0.1)

    def line_of_call(self, call: Call) -> Line | None:
        own = call.a_number if call.direction is Direction.OUTBOUND else call.b_number
        return self._lines.get(own) if own is not None else None

    def _enter_once(self, hook: Hook, session_id: SessionId, visit: _Visit) -> Entry:
        facts = facts_of(hook, visit.now)
        # Trying to create it saves a read, but a ring that is repeated must not ask the door again.
        tries_to_create = announces(hook.state) and not (visit.is_asked and self._door)
        known = None if tries_to_create else self._store.call(session_id)
        if known is None:
            fresh = self._new_call(hook, session_id, facts, visit.now)
            if fresh is None:
                return Entry(reply=Reply.UNKNOWN_NUMBER if sets_up(hook.state) else Reply.EMPTY)
            entrance = self._asked(fresh, visit) if fresh.stream_issued_at is not None else None
            fresh = fresh if entrance is None else admitted(fresh, entrance.admission, visit.now)
            known = self._store.create_call(fresh)
            if known == replace(fresh, version=known.version):
                # Ours, or a twin that says the very same: either way the document it leads to is the same.
                reply, line = _first_reply(known), self.line_of_call(known)
                return Entry(reply=reply, line=line, call=known, decided=entrance is not None)
        return self._applied(hook, known, facts, visit)

    def _applied(self, hook: Hook, known: Call, facts: tuple[CallFact, ...], visit: _Visit) -> Entry:
        now, reply = visit.now, reply_to(hook.state, known)
        moved = _after(known, facts)
        entrance = self._asked(known, visit) if reply is Reply.STREAM else None
        if entrance is not None:
            moved = admitted(moved, entrance.admission, now)
            reply = Reply.AWAY if is_turned_away(moved) else reply
        if reply is Reply.STREAM:
            moved = issue(moved, now)
        elif reply is Reply.DIAL:
            told = given(moved.onward, hook.event_id, now) if visit.is_asked and moved.onward is not None else None
            reply, moved = (Reply.EMPTY, moved) if told is None else (reply, _told(moved, told))
        if moved is not known:
            moved = self._store.put_call(moved)
        return Entry(reply=reply, line=self.line_of_call(moved), call=moved, decided=entrance is not None)

    def _asked(self, call: Call, visit: _Visit) -> Entrance | None:
        """What the door says; None where the row has it already, or there is no door, or nobody waits for the answer."""
        line = self.line_of_call(call)
        if self._door is None or not visit.is_asked or call.admission is not None or line is None:
            return None
        if visit.entrance is None:
            visit.entrance = self._door(call, line, visit.now)
        return visit.entrance

    def _new_call(self, hook: Hook, session_id: SessionId, facts: tuple[CallFact, ...], now: datetime) -> Call | None:
        """The row of a call that we hear of for the first time; None if it is not ours."""
        attempt = self._store.call(attempt_session(hook.client_request_id)) if hook.client_request_id else None
        if attempt is not None and attempt.placed_as is None:
            # The carrier's answer is late or lost; its hook settles what became of the attempt.
            attempt = self._store.put_call(replace(attempt, placed_as=session_id))
        call = _outbound_call(hook, session_id, attempt, now) if attempt else self._unannounced(hook, session_id, now)
        if call is None:
            return None
        if sets_up(hook.state):
            call = issue(call, now)
        return _after(call, facts)

    def _unannounced(self, hook: Hook, session_id: SessionId, now: datetime) -> Call | None:
        line = line_of(hook, self._lines)
        if line is None:
            return None
        outbound = hook.a_number == line.number
        called = hook.b_number if outbound else line.number
        if called is None:
            return None
        call = Call(
            session_id=session_id,
            business_id=line.business_id,
            agent=line.agent,
            direction=Direction.OUTBOUND if outbound else Direction.INBOUND,
            a_number=hook.a_number,
            b_number=called,
            status=CallStatus.RINGING,
            created_at=now,
            client_request_id=hook.client_request_id,
        )
        return replace(call, open_metadata=context_of(call))


def _first_reply(call: Call) -> Reply:
    if is_turned_away(call):
        return Reply.AWAY
    return Reply.STREAM if call.stream_issued_at is not None else Reply.EMPTY


def line_of(hook: Hook, lines: Mapping[E164, Line]) -> Line | None:
    """The line that was dialled, or the one an outbound call goes out on."""
    called = lines.get(hook.b_number) if hook.b_number is not None else None
    calling = lines.get(hook.a_number) if hook.a_number is not None else None
    return called or calling


def context_of(call: Call) -> str:
    """What the media bridge gets in the stream's first text frame: ids only, no number and no name."""
    context = {"agent": call.agent, "business": call.business_id, "direction": call.direction.value}
    return json.dumps({**context, "session": call.session_id}, sort_keys=True, separators=(",", ":"))


def _outbound_call(hook: Hook, session_id: SessionId, attempt: Call, now: datetime) -> Call:
    return replace(
        attempt,
        session_id=session_id,
        status=CallStatus.RINGING,
        created_at=now,
        ended_at=None,
        hangup_cause=None,
        carrier_call_id=hook.call_id or attempt.carrier_call_id,
        placed_as=None,
        version=0,
    )


def _told(call: Call, onward: Onward) -> Call:
    return call if onward is call.onward else replace(call, onward=onward)


def _after(call: Call, facts: tuple[CallFact, ...]) -> Call:
    for fact in facts:
        call = apply(call, fact)
    return call
