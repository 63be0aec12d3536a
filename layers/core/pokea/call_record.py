"""The record of a call: what happened, when, in whose words, and what came of it. Written once, after the call; never changed.

It is put together from what our stores hold: the call's row, the bridge's closing, the proposals that were carried out. A model may
write the summary; it cannot write the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from pokea.call_memory import CallMemory
from pokea.call_outcomes import Commit, Disposition, commits_of, disposition_of, facts_told, is_uncertain
from pokea.call_status import CallStatus
from pokea.calls import Call, is_over
from pokea.confirm import Proposal
from pokea.ids import BusinessId, SessionId
from pokea.leads import Lead, Outcome
from pokea.phone_numbers import E164
from pokea.privacy import Pii
from pokea.records import Kind
from pokea.retention import Retention
from pokea.sautikit.closings import CloseReason, Closing, RecordingPointer, ToolUse
from pokea.turn_latency import PARTS, TurnLatency

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """`transcript_lines`: of the closing, which holds the words as far as they were heard. `fields`: what the agent's calls are about, by
    name, as stored. `noted`: what whoever wrote the summary noted besides; it proves nothing."""

    business_id: BusinessId
    session_id: SessionId
    agent: str
    direction: str
    disposition: Disposition
    reason: str
    language: str
    a_number: E164 | None
    b_number: E164
    began_at: datetime
    ended_at: datetime
    duration_ms: int
    kept_until: datetime
    timeline: tuple[Moment, ...] = ()
    transcript_lines: int = 0
    transcript_truncated: bool = False
    tools: tuple[ToolUse, ...] = ()
    latency_ms: tuple[int, ...] = ()
    turns: tuple[TurnLatency, ...] = ()  # what those were made of
    recording: RecordingPointer | None = None
    recording_until: datetime | None = None
    handoff: str | None = None
    fields: Json = field(default_factory=dict)
    summary: str = ""
    summary_by: str = ""  # "rules", or the model's name
    noted: Json = field(default_factory=dict)
    version: int = 0

    @property
    def latency_p50_ms(self) -> int | None:
        return quantile(self.latency_ms, 0.5)

    @property
    def latency_p90_ms(self) -> int | None:
        return quantile(self.latency_ms, 0.9)

    @property
    def latency_parts_p50_ms(self) -> Mapping[str, int]:
        """Of each part of the wait by itself; {} where nobody measured them."""
        every = {name: quantile([turn.parts[name] for turn in self.turns], 0.5) for name in PARTS}
        return {name: found for name, found in every.items() if found is not None}


CALL_RECORD: Kind[CallRecord] = Kind(
    "callrecord",
    CallRecord,
    key=lambda record: record.session_id,
    lookups=lambda record: (day_of(record.began_at),),
    privacy={
        "business_id": Pii.ID,
        "session_id": Pii.ID,
        "agent": Pii.NONE,
        "direction": Pii.NONE,
        "disposition": Pii.NONE,
        "reason": Pii.NONE,
        "language": Pii.NONE,
        "a_number": Pii.CONTACT,
        "b_number": Pii.CONTACT,
        "began_at": Pii.NONE,
        "ended_at": Pii.NONE,
        "duration_ms": Pii.NONE,
        "kept_until": Pii.NONE,
        "timeline": Pii.NONE,
        "transcript_lines": Pii.NONE,
        "transcript_truncated": Pii.NONE,
        "tools": Pii.NONE,
        "latency_ms": Pii.NONE,
        "turns": Pii.NONE,
        "recording": Pii.ID,
        "recording_until": Pii.NONE,
        "handoff": Pii.ID,
        "fields": Pii.SPEECH,
        "summary": Pii.SPEECH,
        "summary_by": Pii.NONE,
        "noted": Pii.SPEECH,
        "version": Pii.NONE,
    },
    kept_until=lambda record: record.kept_until,
)


def day_of(at: datetime) -> str:
    """The lookup under which the records of a UTC day are found."""
    return f"day {at.date().isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the stores hold about one call that is over."""

    call: Call
    closing: Closing
    proposals: Sequence[Proposal] = ()
    memory: CallMemory | None = None
    lead: Lead | None = None
    opted_out: bool = False  # a suppression was written in this call


def record_of(evidence: Evidence, retention: Retention) -> CallRecord:
    """The record without a summary."""
    call, closing = evidence.call, evidence.closing
    commits = commits_of(evidence.proposals)
    pointer = closing.recording
    return CallRecord(
        business_id=call.business_id,
        session_id=call.session_id,
        agent=call.agent,
        direction=call.direction.value,
        disposition=disposition_of(
            call.agent,
            closing,
            commits,
            uncertain=is_uncertain(evidence.proposals),
            recorded=_of_outcome(evidence.lead) if evidence.lead else None,
            opted_out=evidence.opted_out,
            dialled=dialled(call, closing),
        ),
        reason=closing.reason.value,
        language=closing.language or (evidence.memory.language if evidence.memory else ""),
        a_number=call.a_number,
        b_number=call.b_number,
        began_at=call.created_at,
        ended_at=closing.closed_at,
        duration_ms=closing.duration_ms,
        kept_until=closing.kept_until or retention.transcript_until(closing.closed_at),
        timeline=_timeline(call, closing),
        transcript_lines=len(closing.transcript),
        transcript_truncated=closing.truncated,
        tools=closing.tools,
        latency_ms=closing.latency_ms,
        turns=closing.turns,
        recording=pointer,
        recording_until=None if pointer is None else retention.recording_until(closing.closed_at),
        handoff=closing.handoff,
        fields={**found_out(call.agent, evidence), **fields_of(commits)},
    )


def dialled(call: Call, closing: Closing) -> Disposition | None:
    """What came of a call that was left to the carrier to dial; None for any other. Whom the carrier was never asked for, nobody rang."""
    onward = call.onward
    if onward is None or (closing.reason is not CloseReason.HANDED_OVER and onward.given_at is None):
        return None
    if onward.outcome is not None:
        is_taken = onward.outcome in (CallStatus.ANSWERED, CallStatus.COMPLETED)
        return Disposition.HANDED_OVER if is_taken else Disposition.NOT_DONE
    return Disposition.NOT_DONE if onward.given_at is None and is_over(call) else Disposition.UNCERTAIN


# Under which name the facts of a commit stand in the record, by the action of its proposal.
FIELD_OF_ACTION: Mapping[str, str] = {
    "book": "appointment",
    "move": "appointment",
    "cancel": "appointment",
    "message": "message",
    "ticket": "ticket",
    "ticket_note": "ticket",
    "reschedule": "shipment",
    "confirm_address": "shipment",
    "driver_note": "shipment",
    "wait": "waiting",
}


def fields_of(commits: Sequence[Commit]) -> dict[str, object]:
    """The latest commit of each name: an appointment that was booked and then moved stands as it was left."""
    found: dict[str, object] = {}
    for commit in commits:
        found[FIELD_OF_ACTION.get(commit.action, commit.action)] = {"status": commit.status, **commit.facts}
    return found


QUALIFIED: Mapping[Outcome, Disposition] = {
    Outcome.HOT: Disposition.QUALIFIED_HOT,
    Outcome.WARM: Disposition.QUALIFIED_WARM,
    Outcome.COLD: Disposition.QUALIFIED_COLD,
}


def _of_outcome(lead: Lead) -> Disposition | None:
    return QUALIFIED.get(lead.outcome) or (Disposition.CALL_AGAIN if lead.call_again else None)


def found_out(agent: str, evidence: Evidence) -> dict[str, object]:
    """What a call of this agent was about, beside what was carried out in it."""
    reader = READERS.get(agent)
    return {name: value for name, value in reader(evidence).items() if value} if reader else {}


def _of_lead(evidence: Evidence) -> dict[str, object]:
    """The answers with the words they rest on, and the score with its reasons."""
    lead = evidence.lead
    if lead is None:
        return {}
    answers = {
        key: {"value": one.value, "quote": one.quote, "state": one.state.value} for key, one in lead.answers.items()
    }
    reasons = [{"question": one.question, "points": one.points, "reason": one.reason} for one in lead.reasons]
    told = {"outcome": lead.outcome.value, "score": lead.score, "answers": answers, "reasons": reasons}
    return {"lead": {**told, **({"call_again": lead.call_again} if lead.call_again else {})}}


def _of_support(evidence: Evidence) -> dict[str, object]:
    """Whose account was opened and how, and what was tried."""
    memory = evidence.memory
    if memory is None:
        return {}
    account = {"id": memory.account, "verified_by": memory.notes.get("verified_by", "")} if memory.account else {}
    return {"account": account, "tried": memory.notes.get("tried", [])}


def _of_dispatch(evidence: Evidence) -> dict[str, object]:
    """The shipment that was spoken of last."""
    told = [
        fact for fact in evidence.closing.facts if fact.tool in _ABOUT_SHIPMENTS and fact.result.get("status") == "ok"
    ]
    return {"shipment": facts_told(told[-1].result)} if told else {}


def _of_reception(evidence: Evidence) -> dict[str, object]:
    asked = [fact for fact in evidence.closing.facts if fact.tool == "answerQuestion"]
    return {
        "questions": [
            {"question": fact.arguments.get("question", ""), "answered": fact.result.get("status") == "ok"}
            for fact in asked
        ]
    }


_ABOUT_SHIPMENTS = frozenset({"trackShipment", "findGate", "deliveryAnswer"})
READERS: Mapping[str, Callable[[Evidence], dict[str, object]]] = {
    "leads": _of_lead,
    "support": _of_support,
    "dispatch": _of_dispatch,
    "reception": _of_reception,
}


def quantile(values: Sequence[int], share: float) -> int | None:
    """The smallest value that at least `share` of the values do not exceed."""
    return sorted(values)[max(0, ceil(len(values) * share) - 1)] if values else None


def _timeline(call: Call, closing: Closing) -> tuple[Moment, ...]:
    moments = [
        (call.created_at, "rang"),
        (call.answered_at, "answered"),
        (call.stream_issued_at, "sent to the bridge"),
        (call.opened_at, "taken by the bridge"),
        (closing.closed_at, f"closed: {closing.reason.value}"),
        (call.ended_at, f"over: {call.status.value}"),
    ]
    known = [Moment(at, what) for at, what in moments if at is not None]
    return tuple(sorted(known, key=lambda moment: moment.at))
