"""Writes the record of one call that is over, once: from what the stores hold, with a summary by a model or by rules.

A call whose bridge never told how it ended is recorded too, once the carrier says that it is over; and one that was left to the carrier to
dial waits for what came of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pokea.adapters.observability import Log
from pokea.adapters.tracing import OpenSpan, Traces
from pokea.call_memory import MEMORY, CallMemory
from pokea.call_outcomes import Disposition
from pokea.call_record import CALL_RECORD, CallRecord, Evidence, dialled, record_of
from pokea.call_summary import Summary, by_rules
from pokea.calls import Call, Direction, is_over
from pokea.clock import Clock
from pokea.confirm import Proposal
from pokea.consent import suppression_of
from pokea.errors import CallError, Conflict, NotFound, RejectedInput, Unavailable
from pokea.ids import BusinessId, SessionId
from pokea.leads import LEAD
from pokea.ports import CallStore, Change, Records
from pokea.profile import Profile
from pokea.sautikit.callbacks import CallbackTasks, callback_undialled
from pokea.sautikit.closings import Closing, Closings, closing_of_silence
from pokea.tracing import Kind

MAX_BODY_CHARS = 2_000  # a message holds two ids
DIAL_PATIENCE = timedelta(minutes=20)  # a message is received no more often than that before the queue gives it up
SUMMARY_S = 15.0  # the longest that one summary may take
MARGIN_S = 10.0  # of the function's time, for everything that is not a summary
BATCH_S = 60.0  # where nobody says how much time there is


class RecordStore(Records, Protocol):
    def proposals_of(self, session_id: SessionId) -> tuple[Proposal, ...]: ...

    def apply(self, change: Change) -> None: ...


class Summariser(Protocol):
    def summary(self, record: CallRecord, closing: Closing, limit_s: float) -> Summary:
        """Raises CallError when it cannot write one now, in no more than `limit_s`."""


class RulesOnly:
    def summary(self, record: CallRecord, closing: Closing, limit_s: float) -> Summary:
        return by_rules(record, closing)


class Patience:
    """How long the summaries of one batch may take. Once one has failed, the rest of the batch does without."""

    def __init__(self, remaining_s: Callable[[], float] = lambda: BATCH_S) -> None:
        self._remaining_s = remaining_s
        self._is_over = False

    @property
    def limit_s(self) -> float:
        """0: no model is asked."""
        return 0.0 if self._is_over else max(0.0, min(SUMMARY_S, self._remaining_s() - MARGIN_S))

    def lose(self) -> None:
        self._is_over = True


@dataclass(frozen=True, slots=True)
class Shelves:
    calls: CallStore
    closings: Closings
    store: RecordStore
    callbacks: CallbackTasks


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    version: Literal[1] = 1
    call: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:~-]{0,127}$")]
    business: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class Secretary:
    def __init__(
        self,
        *,
        shelves: Callable[[], Shelves],
        profiles: Mapping[BusinessId, Profile],
        summariser: Callable[[], Summariser],
        clock: Clock,
        log: Log,
        traces: Traces | None = None,
    ) -> None:
        self._shelves = shelves
        self._profiles = profiles
        self._summariser = summariser
        self._clock = clock
        self._log = log
        self._traces = traces or Traces()

    def take(self, body: str, message_id: str, patience: Patience | None = None) -> None:
        """One message. Returning takes it from the queue: the record is there. Raises CallError for what must come back."""
        session_id, business_id = parse(body)
        with self._traces.span("record", Kind.CONSUMER) as span:
            span.of(session_id, business_id=business_id)
            self._take(session_id, business_id, patience, span)

    def _take(self, session_id: SessionId, business_id: BusinessId, patience: Patience | None, span: OpenSpan) -> None:
        shelves = self._shelves()
        if shelves.store.record(CALL_RECORD, business_id, session_id) is not None:
            span.nothing()
            return
        profile = self._profiles.get(business_id)
        if profile is None:
            raise NotFound("no_such_business", "the business is not known here")
        now = self._clock.now()
        evidence = _evidence(shelves, profile, session_id, now)
        _undialled(shelves, evidence, profile, now)
        record = self._summarised(record_of(evidence, profile.retention), evidence.closing, patience or Patience())
        try:
            shelves.store.apply(Change(records=(CALL_RECORD.of(record),)))
        except Conflict:
            return  # another consumer of the same message was quicker: the first record stands
        span.of(session_id, outcome=record.disposition.value)
        self._log.info(
            "record written", session_id=session_id, business_id=business_id, outcome=record.disposition.value
        )
        self._log.count("RecordWritten", outcome=record.disposition.value, by=_by(record))

    def _summarised(self, record: CallRecord, closing: Closing, patience: Patience) -> CallRecord:
        """With whatever summary can be had: a record without a model's words is better than none."""
        limit_s = patience.limit_s
        try:
            summary = (self._summariser() if closing.transcript and limit_s else RulesOnly()).summary(
                record, closing, limit_s
            )
        except CallError as problem:
            self._log.warning("no summary by the model", session_id=record.session_id, code=problem.code)
            patience.lose()
            summary = by_rules(record, closing)
        return replace(record, summary=summary.text, summary_by=summary.by, noted=summary.noted)

    def warm(self) -> None:
        self._shelves()


def parse(body: str) -> tuple[SessionId, BusinessId]:
    """The call that a message is about. Raises RejectedInput, which never quotes the message."""
    if len(body) > MAX_BODY_CHARS:
        raise RejectedInput("bad_message", "the message is too long")
    try:
        message = _Message.model_validate_json(body)
    except ValidationError:
        raise RejectedInput("bad_message", "the message does not name a call") from None
    return SessionId(message.call), BusinessId(message.business)


def _evidence(shelves: Shelves, profile: Profile, session_id: SessionId, now: datetime) -> Evidence:
    """Raises NotFound for a call that is not this business's, Unavailable for one that is not over, or of which more is to be heard."""
    business_id = profile.business_id
    call = shelves.calls.call(session_id)
    if call is None or call.business_id != business_id:
        raise NotFound("no_such_call", "the business has no such call")
    closing = shelves.closings.closing(session_id)
    if closing is None:
        if not is_over(call):
            raise Unavailable("not_closed", "the call has no closing", retry_after_s=60)
        closing = closing_of_silence(call, now, profile.retention.transcript_until(now))
    is_open = dialled(call, closing) is Disposition.UNCERTAIN and not is_over(call)
    if is_open and now - closing.closed_at < DIAL_PATIENCE:
        raise Unavailable("still_dialled", "the carrier has not said what came of its dialling", retry_after_s=60)
    memory: CallMemory | None = shelves.store.record(MEMORY, business_id, session_id)
    proposals = shelves.store.proposals_of(session_id)
    lead = shelves.store.record(LEAD, business_id, session_id) if call.agent == "leads" else None
    opted_out = _opted_out(shelves, call)
    return Evidence(call=call, closing=closing, proposals=proposals, memory=memory, lead=lead, opted_out=opted_out)


def _undialled(shelves: Shelves, evidence: Evidence, profile: Profile, now: datetime) -> None:
    """A caller whom the carrier connected to nobody is owed a call: before the record, so that a message taken again makes up for it."""
    if dialled(evidence.call, evidence.closing) is Disposition.NOT_DONE and not evidence.opted_out:
        until = profile.retention.transcript_until(now)
        shelves.callbacks.add(callback_undialled(evidence.call, evidence.closing, now, until))


def _opted_out(shelves: Shelves, call: Call) -> bool:
    number = call.b_number if call.direction is Direction.OUTBOUND else call.a_number
    if number is None:
        return False
    found = suppression_of(shelves.store, call.business_id, number)
    return found is not None and found.session_id == call.session_id


def _by(record: CallRecord) -> str:
    return "rules" if record.summary_by == "rules" else "model"
