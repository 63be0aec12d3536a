"""The operations of the media bridge: open a call, run a tool in it, follow a hand-off, close the call.

Who is asking and for which business comes from the tokens alone. `open` consumes the stream token by a fenced write, so of two sockets
with the same token one is refused. A domain "no" is a result; only what went wrong is an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Protocol

from functions.tools.handoffs import GONE_S, WHISPER, Books, Brief, HandoffDesk
from functions.tools.requests import Beat, Close, HandoffRequest, Open, Tool
from pokea import agents
from pokea.accounts import AccountBook
from pokea.adapters.tokens import CallToken, StreamToken, TokenSigner
from pokea.agents import Agent, Caller, Desk
from pokea.call_memory import MEMORY, CallMemory
from pokea.calls import Call, CallStatus, Direction, apply, issue, opened
from pokea.campaigns.briefing import Briefed, briefed_of
from pokea.campaigns.campaign import Voicemail
from pokea.consent import STOP_KEY, STOP_PHRASES
from pokea.desk.base import Opening
from pokea.desk.busy_diary import with_busy_times
from pokea.desk.opt_out import OPT_OUT
from pokea.desk.recording_consent import NOTED
from pokea.desk.settle import Decision, settle
from pokea.errors import CallError, Conflict, Indeterminate, NotFound, Unauthorized, Unavailable
from pokea.events import CallFact, StreamStarted, StreamStopped
from pokea.identity import level_of
from pokea.ids import BusinessId, SessionId
from pokea.orphans import FLEET, LEASE, LIFE, Lease, renewed
from pokea.phone_numbers import E164, region_of
from pokea.ports import CallStore, Change, Store
from pokea.profile import Profile
from pokea.retention import Recording
from pokea.sautikit.callbacks import CallbackTask, CallbackTasks, callback_after, may_owe
from pokea.sautikit.closings import (
    DIAL_SETTLES_S,
    CloseReason,
    Closing,
    Closings,
    RecordingPointer,
    end_of,
    kept,
    own_recording,
)
from pokea.seats import Told, by_window
from pokea.shipments import ShipmentBook
from pokea.toolkit import Level, ToolResult
from pokea.transfer import Exchange
from pokea.words import say

MAX_TRIES = 5  # writers of one call at one moment: hooks on two URLs, open and close
_FIRST_ANSWER = "\n- The greeting has asked a question. First answer: {}"  # in the form of a result's `then`
TOKEN_MARGIN_S = 120  # the last tool calls and the close of a call of maximum length still need their token
Result = dict[str, object]


@dataclass(frozen=True, slots=True)
class Stores:
    calls: CallStore
    store: Store
    closings: Closings
    callbacks: CallbackTasks
    # tells that a call is over, to be heard after so many seconds
    ended: Callable[[SessionId, BusinessId, int], None] = lambda session_id, business_id, delay_s: None
    seats: SeatBoards | None = None  # where voice finds out whether there is a place


class SeatBoards(Protocol):
    def tell(self, told: Told, now: datetime) -> None:
        """What a bridge worker says of its places. Raises CallError."""


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
        max_joined_s: int,
        public_url: str = "",
    ) -> None:
        self._stores = stores
        self._outside = outside
        self._profiles = profiles
        self._signer = signer
        self._new_id = new_id
        self._max_call_s = max_call_s
        self._token_s = max_call_s + max_joined_s + TOKEN_MARGIN_S  # it may be handed over at the very end
        self._tool_names: frozenset[str] | None = None
        self._handoffs = HandoffDesk(
            books=lambda: Books(stores().calls, stores().store),
            exchange=lambda profile: outside(profile).exchange,
            signer=signer,
            public_url=public_url,
        )

    def open(self, request: Open, now: datetime) -> Result:
        """Consume the stream token. Raises Unauthorized (not ours, expired, another call's) or Conflict (used, call over)."""
        session_id = SessionId(request.session_id)
        token = self._signer().read_stream_token(request.token, now=now, session_id=session_id)
        profile = self._profile(token.business_id)
        call = self._opened(token, profile, now, request.relay)
        agent = agents.get(call.agent)
        grant = CallToken(
            session_id=session_id,
            business_id=call.business_id,
            a_number=remote_number(call),
            level=level_of(remote_number(call)),
            agent=call.agent,
            issued_at=now,
            expires_at=now + timedelta(seconds=self._token_s),
        )
        return {
            "call_token": self._signer().call_token(grant),
            "context": self._context(call, profile, agent, now, self._begun(call, profile, agent, now)),
        } | ({} if call.seated_at is None else {"seated_at": int(call.seated_at.timestamp())})

    def _longest(self, agent: Agent, brief: Brief | None) -> int:
        is_over = agent.name == WHISPER and (brief is None or brief.handoff is None)
        return GONE_S if is_over else self._max_call_s

    def has_tool(self, name: str) -> bool:
        """Whether any agent that answers here has a tool of that name."""
        if self._tool_names is None:
            lines = [(profile, profile.line.agent) for profile in self._profiles.values()]
            every = [(profile, name) for profile, agent in lines for name in (agent, WHISPER)]
            self._tool_names = frozenset(
                spec.name for profile, agent in every for spec in agents.get(agent).tools(profile)
            )
        return name in self._tool_names

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
        profile = with_busy_times(profile, store, now)
        desk = self._desk(profile, store, outside, lambda: self._briefed(token.session_id))
        result = agents.get(token.agent).run(request.tool_call(), caller, desk, now)
        self._note(request, caller, result, memory, now)
        return {
            "payload": dict(result.payload),
            "nonce": result.nonce,
            "end_call": result.end_call,
            "handoff": asdict(result.handoff) if result.handoff else None,
            "language": result.language,
            "recording": result.recording,
        }

    def handoff(self, request: HandoffRequest, now: datetime) -> Result:
        """How far a hand-off has come, after what a bridge reports of it."""
        token = self._signer().read_call_token(request.call_token, now=now)
        return self._handoffs.operate(request, token, self._profile(token.business_id), now)

    def close(self, request: Close, now: datetime) -> Result:
        """Record how the call ended. Asked twice, the first account stands."""
        token = self._signer().read_call_token(request.call_token, now=now)
        transcript, truncated = kept(request.said())
        profile = self._profile(token.business_id)
        closing = Closing(
            session_id=token.session_id,
            business_id=token.business_id,
            reason=request.reason,
            duration_ms=request.duration_ms,
            transcript=transcript,
            truncated=truncated,
            closed_at=now,
            language=request.language,
            latency_ms=tuple(request.latency_ms),
            turns=request.turns,
            tools=request.used(),
            facts=request.learned(),
            recording=self._recording(request, token),
            handoff=request.handoff,
            kept_until=profile.retention.transcript_until(now),
            usage=request.usage,
            shares=request.shares,
            answerer=request.answerer,
        )
        stores = self._stores()
        owed = self._callback(closing, request, now)
        if owed is not None:
            stores.callbacks.add(owed)  # before the closing, so that a close that is asked for again makes up for it
        if stores.closings.add(closing):
            self._settle(token.session_id, lambda call: apply(call, _end(call, closing)))
        delay_s = 0
        if closing.reason is CloseReason.HANDED_OVER and (call := stores.calls.call(token.session_id)) is not None:
            delay_s = call.onward.ring_s + DIAL_SETTLES_S if call.onward else 0  # what came of it is not known before
        stores.ended(token.session_id, token.business_id, delay_s)  # every time: whoever writes the record does so once
        self._handoffs.abandon(token.session_id, profile, now)
        return {}

    def beat(self, request: Beat, now: datetime) -> Result:
        """Renew a bridge's lease on its calls, and make the sum of its seats anew. Raises what the store raises before the lease is
        renewed. {"untold": code} where its seats then could not be told of: the next beat makes up for that."""
        store = self._stores().store
        calls = tuple(SessionId(call) for call in request.calls)
        beat = Lease(
            bridge=request.bridge, task=request.task, calls=calls, since=now, until=now + LIFE, over=request.leaving
        )

        def decide() -> Decision[None]:
            before = store.record(LEASE, FLEET, request.bridge)
            after = renewed(before, beat)
            return Decision(None, None if after is before else Change(records=(LEASE.of(after),)))

        settle(store, decide)
        try:
            self._tell_seats(request, now)
        except CallError as error:
            return {"untold": error.code}
        return {}

    def _tell_seats(self, request: Beat, now: datetime) -> None:
        seats = self._stores().seats
        if seats is None or not request.release or request.free is None:
            return
        seats.tell(
            Told(
                release=request.release,
                bridge=request.bridge,
                free=request.free,
                seated=by_window(request.seated),
                leaving=request.leaving,
            ),
            now,
        )

    def _recording(self, request: Close, token: CallToken) -> RecordingPointer | None:
        """What the bridge recorded, unless the caller is known to have said no: then nothing points at it."""
        pointer = own_recording(request.recorded(), token.business_id, token.session_id)
        memory = None if pointer is None else self._stores().store.record(MEMORY, token.business_id, token.session_id)
        return None if memory is not None and memory.notes.get(NOTED) == "no" else pointer

    def _callback(self, closing: Closing, request: Close, now: datetime) -> CallbackTask | None:
        call = self._stores().calls.call(closing.session_id) if may_owe(closing) else None
        return None if call is None else callback_after(call, closing, (fact.line for fact in request.facts), now)

    def warm(self) -> None:
        self._stores()
        self._signer()

    def _note(
        self, request: Tool, caller: Caller, result: ToolResult, memory: CallMemory | None, now: datetime
    ) -> None:
        """Keep what the tool answered, for a person who takes the call over. The tool's work is done: this never undoes its answer."""
        store = self._stores().store
        until = self._profile(caller.business_id).retention.transcript_until(now)
        fresh = CallMemory(business_id=caller.business_id, session_id=caller.session_id, began_at=now, expires=until)

        def decide() -> Decision[None]:
            now_known = store.record(MEMORY, caller.business_id, caller.session_id) or memory or fresh
            noted = now_known.with_result(request.tool, request.arguments, result.payload)
            return Decision(None, Change(records=(MEMORY.of(noted),)))

        with suppress(Unavailable, Indeterminate, Conflict):
            settle(store, decide)

    def _opened(self, token: StreamToken, profile: Profile, now: datetime, relay: str) -> Call:
        calls = self._stores().calls
        if calls.call(token.session_id) is None:
            # The store failed while the caller was invited; what the token proves is all there is to know.
            calls.create_call(issue(_call_of_token(token, profile), token.issued_at))
        return self._settle(token.session_id, lambda call: _opened_once(call, token, now, relay))

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

    def _begun(self, call: Call, profile: Profile, agent: Agent, now: datetime) -> Opening | None:
        """How a call of ours begins of which something is known: what it was placed for, or whom it was placed to."""
        if call.direction is not Direction.OUTBOUND or agent.name == WHISPER:
            return None
        number, store, outside = remote_number(call), self._stores().store, self._outside(profile)
        caller = Caller(call.session_id, call.business_id, number, level_of(number), profile.language)
        desk = self._desk(profile, store, outside, lambda: briefed_of(placed_with(call)))
        return agent.opening(caller, desk, placed_with(call), now)

    def _desk(self, profile: Profile, store: Store, outside: Outside, briefed: Callable[[], Briefed | None]) -> Desk:
        books = (outside.accounts, outside.shipments, outside.exchange)
        return Desk(profile, store, self._new_id, *books, briefed, timedelta(seconds=self._token_s))

    def _briefed(self, session_id: SessionId) -> Briefed | None:
        call = self._stores().calls.call(session_id)
        return None if call is None or call.direction is not Direction.OUTBOUND else briefed_of(placed_with(call))

    def _context(
        self, call: Call, profile: Profile, agent: Agent, now: datetime, opening: Opening | None = None
    ) -> Result:
        brief = self._handoffs.brief(call, profile, now) if agent.name == WHISPER else None
        language = brief.language if brief is not None else (opening.language if opening else "") or profile.language
        own: Brief | Opening | None = brief or opening
        greeting = own.greeting if own else agent.greeting(profile, language)
        return {
            "business": {"id": profile.business_id, "name": profile.name, "zone": profile.zone},
            "session_id": call.session_id,
            "direction": call.direction.value,
            "a_number_masked": number.masked if (number := remote_number(call)) else "",
            "agent": agent.name,
            "language": language,
            "instructions": agent.instructions(profile, now, language, remote_number(call) is not None)
            + _told(opening),
            "voice": profile.voice,
            "tools": [spec.to_json() for spec in agent.tools(profile)],
            "greeting": greeting,
            "opening": dict(opening.first) if opening and opening.first else None,
            "answering": _answering(call, profile, agent, language),
            "recording": _recording(profile, agent, greeting, language, remote_number(call)).value,
            "retention": {"recording_days": profile.retention.recording_days},
            "stop": _stop(agent, profile),
            "phrases": agent.phrases(profile, language),
            "other_phrases": {code: agent.phrases(profile, code) for code in profile.languages if code != language},
            "limits": {"max_call_s": self._longest(agent, brief)},
            "handoff": brief.handoff if brief is not None else None,
            "stream": {"rate_hz": profile.line.rate_hz, "track": profile.line.track},
        }


def _recording(profile: Profile, agent: Agent, greeting: str, language: str, number: E164 | None) -> Recording:
    """The business's rule, as far as this call keeps it: a notice counts only where it stands in the greeting, and only for callers of the
    business's own country. What rules hold where another caller is, nobody knows: those are recorded after a yes or not at all."""
    if agent.name == WHISPER or profile.recording is not Recording.NOTICE:
        return Recording.OFF if agent.name == WHISPER else profile.recording
    notice = say(profile.spoken_language(language), "recording_notice").casefold()
    is_at_home = number is not None and region_of(number) == profile.country
    return Recording.NOTICE if notice in greeting.casefold() and is_at_home else Recording.OFF


def _told(opening: Opening | None) -> str:
    """What the model is told of this one call, behind everything that is the same for all calls."""
    if opening is None:
        return ""
    return (_FIRST_ANSWER.format(json.dumps(opening.first)) if opening.first else "") + opening.about


def _answering(call: Call, profile: Profile, agent: Agent, language: str) -> Result | None:
    """What the bridge does if a machine answers; None where it does not ask who answered: somebody called us, or it is our own person."""
    if call.direction is not Direction.OUTBOUND or agent.name == WHISPER:
        return None
    briefed = briefed_of(placed_with(call))
    leaves = briefed is not None and briefed.voicemail is Voicemail.MESSAGE
    message = agent.voicemail(profile, language) if leaves else ""
    policy = Voicemail.MESSAGE if message else Voicemail.HANG_UP
    return {"voicemail": policy.value, "message": message}


def _stop(agent: Agent, profile: Profile) -> Result | None:
    """What the bridge itself takes for an opt-out; None where the agent has no such tool."""
    if all(spec.name != OPT_OUT.name for spec in agent.tools(profile)):
        return None
    return {"words": list(STOP_PHRASES), "key": STOP_KEY, "tool": OPT_OUT.name}


def placed_with(call: Call) -> Mapping[str, object]:
    """The context that a business placed a call with; empty where there is none, or where it is not an object."""
    try:
        context = json.loads(call.open_metadata or "{}")
    except ValueError:
        return {}
    return context if isinstance(context, dict) else {}


def remote_number(call: Call) -> E164 | None:
    """The number of the person on the line: who called us, or whom we called."""
    return call.b_number if call.direction is Direction.OUTBOUND else call.a_number


def _end(call: Call, closing: Closing) -> CallFact:
    """The bridge's end of a call is the call's own, unless the carrier goes on with it and dials."""
    if closing.reason is CloseReason.HANDED_OVER and call.onward is not None:
        return StreamStopped(at=closing.closed_at)
    return end_of(closing)


def _opened_once(call: Call, token: StreamToken, now: datetime, relay: str) -> Call:
    if call.business_id != token.business_id:
        raise Unauthorized("token_of_another_call", "the stream token belongs to another call")
    return apply(opened(call, now, relay), StreamStarted(at=now))


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
