"""The three operations of the media bridge: open a call, run a tool in it, close it.

Who is asking and for which business comes from the tokens alone. `open` consumes the stream token by a fenced write, so of two sockets
with the same token one is refused. A domain "no" is a result; only what went wrong is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from functions.tools.requests import Close, Open, Tool
from pokea import agents
from pokea.accounts import AccountBook
from pokea.adapters.tokens import CallToken, StreamToken, TokenSigner
from pokea.agents import Agent, Caller, Desk
from pokea.call_memory import MEMORY
from pokea.calls import Call, CallStatus, Direction, apply, issue, opened
from pokea.errors import Conflict, NotFound, Unauthorized, Unavailable
from pokea.events import StreamStarted
from pokea.identity import level_of
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.ports import CallStore, Store
from pokea.profile import Profile
from pokea.sautikit.callbacks import CallbackTask, CallbackTasks, callback_after
from pokea.sautikit.closings import CloseReason, Closing, Closings, end_of, kept
from pokea.shipments import ShipmentBook
from pokea.toolkit import Level
from pokea.transfer import Exchange

MAX_TRIES = 5  # writers of one call at one moment: hooks on two URLs, open and close
TOKEN_MARGIN_S = 120  # the last tool calls and the close of a call of maximum length still need their token
Result = dict[str, object]


@dataclass(frozen=True, slots=True)
class Stores:
    calls: CallStore
    store: Store
    closings: Closings
    callbacks: CallbackTasks


@dataclass(frozen=True, slots=True)
class Outside:
    """Where one business keeps what is not in our store, and how people of it are rung."""

    accounts: AccountBook
    shipments: ShipmentBook
    exchange: Exchange


class Operations:
    def __init__(
        self,
        *,
        stores: Callable[[], Stores],
        outside: Callable[[Profile], Outside],
        profiles: Mapping[BusinessId, Profile],
        signer: Callable[[], TokenSigner],
        new_id: Callable[[], str],
        max_call_s: int,
    ) -> None:
        self._stores = stores
        self._outside = outside
        self._profiles = profiles
        self._signer = signer
        self._new_id = new_id
        self._max_call_s = max_call_s

    def open(self, request: Open, now: datetime) -> Result:
        """Consume the stream token. Raises Unauthorized (not ours, expired, another call's) or Conflict (used, call over)."""
        session_id = SessionId(request.session_id)
        token = self._signer().read_stream_token(request.token, now=now, session_id=session_id)
        profile = self._profile(token.business_id)
        call = self._opened(token, profile, now)
        agent = agents.get(call.agent)
        grant = CallToken(
            session_id=session_id,
            business_id=call.business_id,
            a_number=remote_number(call),
            level=level_of(remote_number(call)),
            agent=call.agent,
            issued_at=now,
            expires_at=now + timedelta(seconds=self._max_call_s + TOKEN_MARGIN_S),
        )
        return {
            "call_token": self._signer().call_token(grant),
            "context": self._context(call, profile, agent, now),
        }

    def tool(self, request: Tool, now: datetime) -> Result:
        """Run a tool for the call that the call token names."""
        token = self._signer().read_call_token(request.call_token, now=now)
        profile = self._profile(token.business_id)
        store, outside = self._stores().store, self._outside(profile)
        memory = store.record(MEMORY, token.business_id, token.session_id)
        caller = Caller(
            token.session_id,
            token.business_id,
            token.a_number,
            Level.VERIFIED if memory and memory.account else token.level,
            (memory.language if memory else "") or profile.language,
            memory.account if memory else "",
        )
        desk = Desk(profile, store, self._new_id, outside.accounts, outside.shipments, outside.exchange)
        result = agents.get(token.agent).run(request.tool_call(), caller, desk, now)
        return {
            "payload": dict(result.payload),
            "nonce": result.nonce,
            "end_call": result.end_call,
            "handoff": asdict(result.handoff) if result.handoff else None,
            "language": result.language,
            "recording": result.recording,
        }

    def close(self, request: Close, now: datetime) -> Result:
        """Record how the call ended. Asked twice, the first account stands."""
        token = self._signer().read_call_token(request.call_token, now=now)
        transcript, truncated = kept(request.said())
        closing = Closing(
            session_id=token.session_id,
            business_id=token.business_id,
            reason=request.reason,
            duration_ms=request.duration_ms,
            transcript=transcript,
            truncated=truncated,
            closed_at=now,
        )
        stores = self._stores()
        owed = self._callback(closing, request, now)
        if owed is not None:
            stores.callbacks.add(owed)  # before the closing, so that a close that is asked for again makes up for it
        if stores.closings.add(closing):
            self._settle(token.session_id, lambda call: apply(call, end_of(closing)))
        return {}

    def _callback(self, closing: Closing, request: Close, now: datetime) -> CallbackTask | None:
        call = self._stores().calls.call(closing.session_id) if closing.reason is CloseReason.MODEL_LOST else None
        return None if call is None else callback_after(call, closing, (fact.line for fact in request.facts), now)

    def warm(self) -> None:
        self._stores()
        self._signer()

    def _opened(self, token: StreamToken, profile: Profile, now: datetime) -> Call:
        calls = self._stores().calls
        if calls.call(token.session_id) is None:
            # The store failed while the caller was invited; what the token proves is all there is to know.
            calls.create_call(issue(_call_of_token(token, profile), token.issued_at))
        return self._settle(token.session_id, lambda call: _opened_once(call, token, now))

    def _settle(self, session_id: SessionId, change: Callable[[Call], Call]) -> Call:
        """The call after `change`, decided again on fresh state whenever somebody else wrote first."""
        calls = self._stores().calls
        for _ in range(MAX_TRIES):
            call = calls.call(session_id)
            if call is None:
                raise NotFound("no_such_call", "the call is not known")
            moved = change(call)
            if moved is call:
                return call
            try:
                return calls.put_call(moved)
            except Conflict:
                continue
        raise Unavailable("call_contended", "the call changed too often while it was being read", retry_after_s=0.1)

    def _profile(self, business_id: BusinessId) -> Profile:
        try:
            return self._profiles[business_id]
        except KeyError:
            raise NotFound("no_such_business", "the business is not known here") from None

    def _context(self, call: Call, profile: Profile, agent: Agent, now: datetime) -> Result:
        language = profile.language
        return {
            "business": {"id": profile.business_id, "name": profile.name, "zone": profile.zone},
            "session_id": call.session_id,
            "direction": call.direction.value,
            "a_number_masked": number.masked if (number := remote_number(call)) else "",
            "agent": agent.name,
            "language": language,
            "instructions": agent.instructions(profile, now, language, remote_number(call) is not None),
            "voice": profile.voice,
            "tools": [spec.to_json() for spec in agent.tools(profile)],
            "greeting": agent.greeting(profile, language),
            "recording": profile.recording,
            "phrases": agent.phrases(profile, language),
            "limits": {"max_call_s": self._max_call_s},
            "stream": {"rate_hz": profile.line.rate_hz, "track": profile.line.track},
        }


def remote_number(call: Call) -> E164 | None:
    """The number of the person on the line: who called us, or whom we called."""
    return call.b_number if call.direction is Direction.OUTBOUND else call.a_number


def _opened_once(call: Call, token: StreamToken, now: datetime) -> Call:
    if call.business_id != token.business_id:
        raise Unauthorized("token_of_another_call", "the stream token belongs to another call")
    return apply(opened(call, now), StreamStarted(at=now))


def _call_of_token(token: StreamToken, profile: Profile) -> Call:
    return Call(
        session_id=token.session_id,
        business_id=token.business_id,
        agent=profile.line.agent,
        direction=Direction.INBOUND,
        a_number=None,
        b_number=profile.line.number,
        status=CallStatus.RINGING,
        created_at=token.issued_at,
    )
