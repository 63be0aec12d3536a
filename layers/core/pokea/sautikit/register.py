"""The register of calls: takes authentic hooks in, keeps each call's row in step, and says what to answer.

Hooks arrive at least once, in any order, and from two URLs. The row is created by whichever comes first; every later one is applied to
what is stored, fenced by its version, and decided again on fresh state when somebody else was faster.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from pokea.calls import Call, CallStatus, Direction, apply, issue
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
    """What a hook led to. `call` is None when it could not be tied to a call of ours; `line` when the number is not ours."""

    reply: Reply
    line: Line | None = None
    call: Call | None = None


class CallRegister:
    def __init__(self, store: CallStore, lines: Mapping[E164, Line]) -> None:
        self._store = store
        self._lines = lines

    def enter(self, hook: Hook, now: datetime, *, is_asked: bool = False) -> Entry:
        """Record `hook` and say what to answer. Raises Unavailable or Indeterminate when the store fails.

        is_asked: the carrier does what the answer says, so that what may be said once is used up by it; an event only tells.
        A Stream reply means that the call, as returned, has been stored with its `stream_issued_at`.
        """
        hook = oriented(hook, self._lines)
        if hook.session_id is None:
            return Entry(reply=Reply.EMPTY, line=line_of(hook, self._lines))
        for _ in range(MAX_TRIES):
            try:
                return self._enter_once(hook, hook.session_id, now, is_asked)
            except Conflict:
                continue
        raise Unavailable("call_contended", "the call changed too often while it was being read", retry_after_s=0.1)

    def line_of_call(self, call: Call) -> Line | None:
        own = call.a_number if call.direction is Direction.OUTBOUND else call.b_number
        return self._lines.get(own) if own is not None else None

    def _enter_once(self, hook: Hook, session_id: SessionId, now: datetime, is_asked: bool) -> Entry:
        facts = facts_of(hook, now)
        known = None if announces(hook.state) else self._store.call(session_id)
        if known is None:
            fresh = self._new_call(hook, session_id, facts, now)
            if fresh is None:
                return Entry(reply=Reply.UNKNOWN_NUMBER if sets_up(hook.state) else Reply.EMPTY)
            known = self._store.create_call(fresh)
            if known == replace(fresh, version=known.version):
                # Ours, or a twin that says the very same: either way the document it leads to is the same.
                reply = Reply.STREAM if fresh.stream_issued_at is not None else Reply.EMPTY
                return Entry(reply=reply, line=self.line_of_call(known), call=known)
        return self._applied(hook, known, facts, now, is_asked)

    def _applied(self, hook: Hook, known: Call, facts: tuple[CallFact, ...], now: datetime, is_asked: bool) -> Entry:
        reply = reply_to(hook.state, known)
        moved = _after(known, facts)
        if reply is Reply.STREAM:
            moved = issue(moved, now)
        elif reply is Reply.DIAL:
            told = given(moved.onward, hook.event_id, now) if is_asked and moved.onward is not None else None
            reply, moved = (Reply.EMPTY, moved) if told is None else (reply, _told(moved, told))
        if moved is not known:
            moved = self._store.put_call(moved)
        return Entry(reply=reply, line=self.line_of_call(moved), call=moved)

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
