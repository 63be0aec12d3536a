"""Propose and commit for every agent: what `pokea.confirm` decides, carried out exactly once.

    propose    stores what is to be done and gives the words that read it back
    commit     claims the proposal for this tool call ► carries it out under its intent key ► keeps the answer

The claim is a fenced write, so of two commits of one proposal one wins. Whatever fails after it is safe to ask for again: the action runs
once more under the same intent key, and whoever carries it out (our store or a business's own system) does one intent once. An action
that answers `NotDone` voids its proposal; one that raises Unavailable wrote nothing, and leaves the proposal open for another yes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pokea import confirm
from pokea.confirm import Code, Proposal, ProposalState, Refusal, Repeat
from pokea.desk.settle import Decision, settle
from pokea.desk.visit import Visit, refused
from pokea.errors import Unavailable
from pokea.ids import IntentKey, Nonce
from pokea.ports import Change
from pokea.toolkit import ToolResult


@dataclass(frozen=True, slots=True)
class Done:
    """It is done: `result` says so, in the words that are true now."""

    result: ToolResult


@dataclass(frozen=True, slots=True)
class NotDone:
    """It cannot be done, and nothing was changed."""

    result: ToolResult


Action = Callable[[Visit, Proposal, IntentKey], Done | NotDone]


def propose(visit: Visit, action: str, arguments: Mapping[str, object], read_back: str) -> ToolResult:
    """`arguments`: JSON values, everything that the commit will need and the caller will hear. `read_back` ends in a question."""
    proposal = Proposal(
        nonce=Nonce(visit.desk.new_id()),
        session_id=visit.caller.session_id,
        business_id=visit.caller.business_id,
        action=action,
        arguments={"action": action, **arguments},
        read_back=read_back,
        proposed_at=visit.now,
        expires=visit.desk.profile.retention.transcript_until(visit.now),
    )
    return settle(visit.store, lambda: Decision(proposed(proposal), Change(proposals=(proposal,))))


def proposed(proposal: Proposal, status: str = "proposed", **more: object) -> ToolResult:
    """A result whose next utterance is the read-back of `proposal`."""
    payload = {"status": status, "say": proposal.read_back, **more}
    return ToolResult({**payload, "nonce": proposal.nonce, "arguments": dict(proposal.arguments)}, nonce=proposal.nonce)


def withdraw_open(visit: Visit) -> None:
    """Void what this call has proposed so far: a caller who answers a read-back with another wish has not said yes to it."""

    def decide() -> Decision[None]:
        older = visit.store.open_proposals(visit.caller.session_id)
        if not older:
            return Decision(None)
        return Decision(None, Change(proposals=tuple(confirm.voided(proposal) for proposal in older)))

    settle(visit.store, decide)


def proposed_action(visit: Visit) -> str:
    """What the proposal that a commit names would do; "" where this call has no such proposal."""
    nonce = Nonce(str(visit.call.arguments.get("nonce", "")))
    stored = visit.store.proposal(visit.caller.session_id, nonce) if nonce else None
    return stored.action if stored is not None else ""


def commit(visit: Visit, actions: Mapping[str, Action]) -> ToolResult:
    """Carry out the proposal that the tool call names, if it passes the gate. Raises Unavailable or Indeterminate."""
    claimed = settle(visit.store, lambda: _claim(visit))
    if isinstance(claimed, ToolResult):
        return claimed
    try:
        answer = actions[claimed.action](visit, claimed, intent_of(claimed))
    except Unavailable:
        _change(visit, claimed, lambda p: replace(p, state=ProposalState.OPEN, used_by=None))
        raise
    if isinstance(answer, NotDone):
        _change(visit, claimed, confirm.voided)
    else:
        kept = json.dumps(answer.result.payload, ensure_ascii=False)
        _change(visit, claimed, lambda p: replace(p, outcome=kept))
    return answer.result


def intent_of(proposal: Proposal) -> IntentKey:
    """Names the wish: the same thing asked for twice in one call is one wish, however often it is proposed."""
    wish = [proposal.business_id, proposal.session_id, proposal.action, dict(proposal.arguments)]
    return IntentKey(hashlib.sha256(json.dumps(wish, sort_keys=True).encode()).hexdigest()[:32])


def _claim(visit: Visit) -> Decision[Proposal | ToolResult]:
    nonce = Nonce(str(visit.call.arguments.get("nonce", "")))
    stored = visit.store.proposal(visit.caller.session_id, nonce) if nonce else None
    verdict = confirm.decide(stored, visit.call, visit.caller, visit.now)
    if isinstance(verdict, Repeat) or (isinstance(verdict, Refusal) and _is_unfinished(verdict)):
        assert verdict.proposal is not None  # neither speaks of an unknown nonce
        return Decision(_repeated(verdict.proposal))
    if isinstance(verdict, Refusal):
        return _refused(visit, verdict)
    claimed = replace(verdict.proposal, state=ProposalState.USED, used_by=visit.call.tool_call_id)
    return Decision(replace(claimed, version=claimed.version + 1), Change(proposals=(claimed,)))


def _is_unfinished(refusal: Refusal) -> bool:
    """Claimed, and nobody knows what came of it: to say "already done" would claim too much, so it is finished now."""
    return refusal.code is Code.NONCE_USED and refusal.proposal is not None and refusal.proposal.outcome is None


def _repeated(proposal: Proposal) -> Proposal | ToolResult:
    if proposal.outcome is None:
        return proposal
    payload: dict[str, object] = json.loads(proposal.outcome)
    return ToolResult(payload)


def _refused(visit: Visit, refusal: Refusal) -> Decision[Proposal | ToolResult]:
    proposal = refusal.proposal
    if proposal is None:
        return Decision(refused(refusal.code, visit.say("propose_again")))
    if refusal.code in confirm.READ_AGAIN:
        again = confirm.renewed(proposal, visit.now)
        return Decision(proposed(again, "refused", code=refusal.code.value), Change(proposals=(again,)))
    if refusal.code is Code.CHANGED:
        answer = refused(Code.CHANGED, visit.say("propose_again"))
        return Decision(answer, Change(proposals=(confirm.voided(proposal),)))
    return Decision(
        refused(refusal.code, visit.say("already_done" if refusal.code is Code.NONCE_USED else "propose_again"))
    )


def _change(visit: Visit, proposal: Proposal, change: Callable[[Proposal], Proposal]) -> None:
    """`change` to the proposal as it stands now; nobody else touches one that is claimed."""

    def decide() -> Decision[None]:
        now = visit.store.proposal(proposal.session_id, proposal.nonce)
        return Decision(None) if now is None else Decision(None, Change(proposals=(change(now),)))

    settle(visit.store, decide)
