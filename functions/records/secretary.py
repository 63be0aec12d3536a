"""Writes the record of one call that is over, once: from what the stores hold, with a summary by a model or by rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pokea.adapters.observability import Log
from pokea.call_memory import MEMORY, CallMemory
from pokea.call_record import CALL_RECORD, CallRecord, Evidence, record_of
from pokea.call_summary import Summary, by_rules
from pokea.calls import Call, Direction
from pokea.confirm import Proposal
from pokea.consent import SUPPRESSION, number_digest
from pokea.errors import CallError, Conflict, NotFound, RejectedInput, Unavailable
from pokea.ids import BusinessId, SessionId
from pokea.leads import LEAD
from pokea.ports import CallStore, Change, Records
from pokea.profile import Profile
from pokea.sautikit.closings import Closing, Closings

MAX_BODY_CHARS = 2_000  # a message holds two ids


class RecordStore(Records, Protocol):
    def proposals_of(self, session_id: SessionId) -> tuple[Proposal, ...]: ...

    def apply(self, change: Change) -> None: ...


class Summariser(Protocol):
    def summary(self, record: CallRecord, closing: Closing) -> Summary:
        """Raises CallError when it cannot write one now."""


class RulesOnly:
    def summary(self, record: CallRecord, closing: Closing) -> Summary:
        return by_rules(record, closing)


@dataclass(frozen=True, slots=True)
class Shelves:
    calls: CallStore
    closings: Closings
    store: RecordStore


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
        log: Log,
    ) -> None:
        self._shelves = shelves
        self._profiles = profiles
        self._summariser = summariser
        self._log = log

    def take(self, body: str, message_id: str) -> None:
        """One message. Returning takes it from the queue: the record is there. Raises CallError for what must come back."""
        session_id, business_id = parse(body)
        shelves = self._shelves()
        if shelves.store.record(CALL_RECORD, business_id, session_id) is not None:
            return
        profile = self._profiles.get(business_id)
        if profile is None:
            raise NotFound("no_such_business", "the business is not known here")
        evidence = _evidence(shelves, business_id, session_id)
        record = self._summarised(record_of(evidence, profile.retention), evidence.closing)
        try:
            shelves.store.apply(Change(records=(CALL_RECORD.of(record),)))
        except Conflict:
            return  # another consumer of the same message was quicker: the first record stands
        self._log.info(
            "record written", session_id=session_id, business_id=business_id, outcome=record.disposition.value
        )
        self._log.count("RecordWritten", outcome=record.disposition.value, by=_by(record))

    def _summarised(self, record: CallRecord, closing: Closing) -> CallRecord:
        """With whatever summary can be had: a record without a model's words is better than none."""
        try:
            summary = self._summariser().summary(record, closing)
        except CallError as problem:
            self._log.warning("no summary by the model", session_id=record.session_id, code=problem.code)
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


def _evidence(shelves: Shelves, business_id: BusinessId, session_id: SessionId) -> Evidence:
    """Raises NotFound for a call that is not this business's, Unavailable for one whose closing is not there (yet)."""
    call = shelves.calls.call(session_id)
    if call is None or call.business_id != business_id:
        raise NotFound("no_such_call", "the business has no such call")
    closing = shelves.closings.closing(session_id)
    if closing is None:
        raise Unavailable("not_closed", "the call has no closing", retry_after_s=60)
    memory: CallMemory | None = shelves.store.record(MEMORY, business_id, session_id)
    proposals = shelves.store.proposals_of(session_id)
    lead = shelves.store.record(LEAD, business_id, session_id) if call.agent == "leads" else None
    opted_out = _opted_out(shelves, call)
    return Evidence(call=call, closing=closing, proposals=proposals, memory=memory, lead=lead, opted_out=opted_out)


def _opted_out(shelves: Shelves, call: Call) -> bool:
    number = call.b_number if call.direction is Direction.OUTBOUND else call.a_number
    if number is None:
        return False
    found = shelves.store.record(SUPPRESSION, call.business_id, number_digest(call.business_id, number))
    return found is not None and found.session_id == call.session_id


def _by(record: CallRecord) -> str:
    return "rules" if record.summary_by == "rules" else "model"
