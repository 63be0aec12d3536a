"""The confirm gate: nothing is committed that the caller has not heard and answered.

    propose ──► read-back heard to its last sample ──► the caller speaks and stops ──► commit with the nonce and the same arguments

What was heard and who spoke is attested by the bridge (`toolkit.Evidence`), never by the model, so a model that commits first, twice,
early or with other arguments writes nothing. In order, a commit is refused when

    nonce_unknown  there is no such proposal in this call of this business
    nonce_used     another tool call has already used it (the same tool call asked again gets its first outcome back)
    nonce_old      it was replaced, voided, or lies more than `PROPOSAL_LIFE` back
    changed        the arguments are not the proposed ones; this voids the proposal
    not_heard      the read-back was not heard to the end
    not_answered   nobody spoke after it, or the caller is still speaking

The life of a proposal counts from `proposed_at`. After not_heard and not_answered the read-back is spoken again and the proposal is
`renewed`: its life starts over at that moment, which is what makes a second reading worth waiting for. A proposal never outlives its
call, because the nonce of another call is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from pokea.clock import as_utc
from pokea.identity import Caller
from pokea.ids import BusinessId, Nonce, SessionId, ToolCallId
from pokea.toolkit import CallerTurn, Evidence, ReadBack, ToolCall

PROPOSAL_LIFE = timedelta(seconds=90)  # a read-back, a pause to think and an answer take well under a minute


class ProposalState(StrEnum):
    OPEN = "open"
    USED = "used"  # committed, by `used_by`
    VOID = "void"  # arguments changed, replaced by a newer proposal, or withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change that waits for the caller's word. `arguments` are canonical JSON values: strings, numbers, booleans."""

    nonce: Nonce
    session_id: SessionId
    business_id: BusinessId
    action: str  # "book", "move", "cancel"
    arguments: Mapping[str, object]
    read_back: str
    proposed_at: datetime
    state: ProposalState = ProposalState.OPEN
    used_by: ToolCallId | None = None
    outcome: str | None = None  # id of what the commit made, so that a retry gets the same answer
    expires: datetime | None = None  # when it may be tidied away, as the business wants it
    version: int = 0


class Code(StrEnum):
    NONCE_UNKNOWN = "nonce_unknown"
    NONCE_USED = "nonce_used"
    NONCE_OLD = "nonce_old"
    CHANGED = "changed"
    NOT_HEARD = "not_heard"
    NOT_ANSWERED = "not_answered"
    NOT_FREE = "not_free"  # confirmed, but the time is gone: said by whoever carries the commit out


READ_AGAIN = frozenset({Code.NOT_HEARD, Code.NOT_ANSWERED})  # the proposal stays open and is read back once more


@dataclass(frozen=True, slots=True)
class Commit:
    """The caller has heard and answered: carry `proposal` out."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Repeat:
    """This very tool call has already carried it out: answer as before, write nothing."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Refusal:
    """`proposal` is None exactly when the nonce is unknown: another call's proposal is nobody's business."""

    code: Code
    proposal: Proposal | None = None


def decide(proposal: Proposal | None, call: ToolCall, caller: Caller, now: datetime) -> Commit | Repeat | Refusal:
    """Whether `call`, a commitProposal with {"nonce", "arguments"}, may be carried out at `now`."""
    if proposal is None or not _is_of(proposal, call, caller):
        return Refusal(Code.NONCE_UNKNOWN)
    if proposal.state is ProposalState.USED:
        return Repeat(proposal) if proposal.used_by == call.tool_call_id else Refusal(Code.NONCE_USED, proposal)
    if proposal.state is ProposalState.VOID or as_utc(now) >= proposal.proposed_at + PROPOSAL_LIFE:
        return Refusal(Code.NONCE_OLD, proposal)
    if not _is_same(proposal.arguments, call.arguments.get("arguments")):
        return Refusal(Code.CHANGED, proposal)
    finished_at_ms = heard_until(call.evidence.read_back, proposal.nonce)
    if finished_at_ms is None:
        return Refusal(Code.NOT_HEARD, proposal)
    if not any(_answers(turn, finished_at_ms, call.evidence) for turn in call.evidence.caller_turns):
        return Refusal(Code.NOT_ANSWERED, proposal)
    return Commit(proposal)


def used(proposal: Proposal, by: ToolCallId, outcome: str) -> Proposal:
    return replace(proposal, state=ProposalState.USED, used_by=by, outcome=outcome)


def voided(proposal: Proposal) -> Proposal:
    return replace(proposal, state=ProposalState.VOID)


def renewed(proposal: Proposal, now: datetime) -> Proposal:
    """`proposal` about to be read back once more; its life starts over."""
    return replace(proposal, proposed_at=as_utc(now))


def heard_until(read_back: ReadBack | None, nonce: Nonce) -> int | None:
    """When the last sample of the read-back of `nonce` was heard, or None. Any sign against it counts: cut, empty or short speech."""
    if read_back is None or read_back.nonce != nonce or read_back.started_at_ms is None:
        return None
    if read_back.generated_ms <= 0 or read_back.heard_ms < read_back.generated_ms:
        return None
    if read_back.finished_at_ms is None or read_back.finished_at_ms < read_back.started_at_ms:
        return None
    return read_back.finished_at_ms


def _answers(turn: CallerTurn, finished_at_ms: int, evidence: Evidence) -> bool:
    """A turn that began after the read-back was over and ended before the commit was asked for."""
    return turn.started_at_ms >= finished_at_ms and turn.ended_at_ms is not None and turn.ended_at_ms <= evidence.at_ms


def _is_of(proposal: Proposal, call: ToolCall, caller: Caller) -> bool:
    return (
        proposal.nonce == call.arguments.get("nonce")
        and proposal.session_id == caller.session_id
        and proposal.business_id == caller.business_id
    )


def _is_same(proposed: Mapping[str, object], given: object) -> bool:
    """Equal keys, values and types: 1 is neither True nor "1"."""
    if not isinstance(given, Mapping) or given.keys() != proposed.keys():
        return False
    return all(type(given[key]) is type(value) and given[key] == value for key, value in proposed.items())
