"""What a call came to, in one word: read from what our stores say was done, and from a table. No model has a say in it.

opted out, handed over        stand above everything else; a call that broke after a person had taken it is not handed over
what was committed            the latest commit of the call; a message counts only where nothing else was done
what was found out            the best of what the tools answered, as the table of the agent ranks it
how it ended                  where no tool did anything
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pokea.confirm import Proposal, ProposalState
from pokea.sautikit.callbacks import may_owe
from pokea.sautikit.closings import CloseReason, Closing, ToolUse


class Disposition(StrEnum):
    OPTED_OUT = "opted_out"
    HANDED_OVER = "handed_over"
    BOOKED = "booked"
    MOVED = "moved"
    CANCELLED = "cancelled"
    WAITING = "waiting"
    RESCHEDULED = "rescheduled"
    CONFIRMED = "confirmed"
    TICKET_OPENED = "ticket_opened"
    TICKET_UPDATED = "ticket_updated"
    MESSAGE = "message"
    QUALIFIED_HOT = "qualified_hot"
    QUALIFIED_WARM = "qualified_warm"
    QUALIFIED_COLD = "qualified_cold"
    CALL_AGAIN = "call_again"  # the lead wants to be called at another time
    DELIVERY_AGREED = "delivery_agreed"
    DELIVERED_INFO = "delivered_info"
    ANSWERED = "answered"
    UNCERTAIN = "uncertain"  # something was tried and nobody knows yet whether it was done
    NOT_DONE = "not_done"  # the caller asked for something and did not get it
    TALKED = "talked"  # both spoke, and no tool did anything
    SILENT = "silent"  # nobody spoke
    MACHINE = "machine"  # a machine or a fax picked up
    TURNED_AWAY = "turned_away"  # nobody had a place for the caller
    ABANDONED = "abandoned"  # the caller left before anything was done
    CUT_OFF = "cut_off"  # it reached the longest a call may last
    FAILED = "failed"  # our side broke


@dataclass(frozen=True, slots=True)
class Commit:
    """One change that was carried out. `action` names the proposal's kind, `status` its outcome."""

    action: str
    status: str
    facts: Mapping[str, object]


# The status of a commit, whichever agent made it; and of the diary, whose proposals keep an id for an outcome.
BY_STATUS: Mapping[str, Disposition] = {
    "booked": Disposition.BOOKED,
    "moved": Disposition.MOVED,
    "cancelled": Disposition.CANCELLED,
    "waiting": Disposition.WAITING,
    "rescheduled": Disposition.RESCHEDULED,
    "confirmed": Disposition.CONFIRMED,
    "ticket_opened": Disposition.TICKET_OPENED,
    "ticket_updated": Disposition.TICKET_UPDATED,
    "message_taken": Disposition.MESSAGE,
}
OF_DIARY = {"book": "booked", "move": "moved", "cancel": "cancelled"}

# Per agent: what (tool, status) found out, best first. "*" stands for any status but a refusal or an error.
Row = tuple[str, str, Disposition]
OF_EVERY_AGENT: tuple[Row, ...] = ()
BY_AGENT: Mapping[str, tuple[Row, ...]] = {
    "booking": (
        ("listAppointments", "ok", Disposition.DELIVERED_INFO),
        ("findTimes", "ok", Disposition.DELIVERED_INFO),
    ),
    "reception": (
        ("answerQuestion", "ok", Disposition.ANSWERED),
        ("openingHours", "ok", Disposition.ANSWERED),
        ("directions", "ok", Disposition.ANSWERED),
    ),
    "support": (
        ("fixStep", "ok", Disposition.ANSWERED),
        ("accountStatus", "ok", Disposition.DELIVERED_INFO),
        ("orderStatus", "ok", Disposition.DELIVERED_INFO),
    ),
    "leads": (
        ("recordAnswer", "hot", Disposition.QUALIFIED_HOT),
        ("recordAnswer", "warm", Disposition.QUALIFIED_WARM),
        ("recordAnswer", "cold", Disposition.QUALIFIED_COLD),
        ("recordAnswer", "declined", Disposition.QUALIFIED_COLD),
    ),
    "dispatch": (
        ("deliveryAnswer", "ok", Disposition.DELIVERY_AGREED),
        ("trackShipment", "ok", Disposition.DELIVERED_INFO),
        ("findGate", "ok", Disposition.DELIVERED_INFO),
    ),
}
BY_REASON: Mapping[CloseReason, Disposition] = {
    CloseReason.GOODBYE: Disposition.TALKED,
    CloseReason.CALLER_HUNG_UP: Disposition.ABANDONED,
    CloseReason.IDLE: Disposition.SILENT,
    CloseReason.MAX_DURATION: Disposition.CUT_OFF,
    CloseReason.FRUITLESS: Disposition.CUT_OFF,
    CloseReason.MACHINE: Disposition.MACHINE,
    CloseReason.TURNED_AWAY: Disposition.TURNED_AWAY,
    CloseReason.BRIDGE_ERROR: Disposition.FAILED,
    CloseReason.MODEL_LOST: Disposition.FAILED,
}
_REFUSALS = frozenset({"refused", "error", "unknown", "unavailable", ""})


def commits_of(proposals: Iterable[Proposal]) -> tuple[Commit, ...]:
    """What was carried out in a call, in the order in which it was proposed. A claim without an outcome is no commit."""
    used = (p for p in proposals if p.state is ProposalState.USED and p.outcome)
    return tuple(_commit(p) for p in sorted(used, key=lambda p: (p.proposed_at, p.nonce)))


def is_uncertain(proposals: Iterable[Proposal]) -> bool:
    """Something was claimed, and no outcome was ever written."""
    return any(p.state is ProposalState.USED and not p.outcome for p in proposals)


def disposition_of(
    agent: str,
    closing: Closing,
    commits: Sequence[Commit],
    *,
    uncertain: bool = False,
    recorded: Disposition | None = None,
    opted_out: bool = False,
    dialled: Disposition | None = None,
) -> Disposition:
    """`uncertain`: a commit was begun, and nobody knows its end. `recorded`: what the agent's own records say of the call. `opted_out`: a
    suppression was written in it, whether or not the bridge lived to hear of it. `dialled`: what came of the carrier's dialling, where the
    call was left to it."""
    if opted_out or any(tool.status == "opted_out" for tool in closing.tools):
        return Disposition.OPTED_OUT
    handed_over = _handed_over(closing, dialled)
    if handed_over is Disposition.HANDED_OVER:
        return handed_over
    done = [BY_STATUS[commit.status] for commit in commits if commit.status in BY_STATUS]
    weighty = [one for one in done if one is not Disposition.MESSAGE]
    if weighty:
        return weighty[-1]
    if recorded is not None:
        return recorded
    if done:
        return done[-1]
    if uncertain:
        return Disposition.UNCERTAIN
    return handed_over or _found_out(agent, closing.tools) or _ended(closing)


def _handed_over(closing: Closing, dialled: Disposition | None) -> Disposition | None:
    """What came of a hand-off that somebody took, or that was left to the carrier; None where there was none."""
    if dialled is not None:
        return dialled
    if closing.reason is CloseReason.HANDED_OVER:
        return Disposition.HANDED_OVER
    if not any((tool.name, tool.status) == ("handOver", "accepted") for tool in closing.tools):
        return None
    return Disposition.FAILED if may_owe(closing) else Disposition.HANDED_OVER


def _found_out(agent: str, tools: Sequence[ToolUse]) -> Disposition | None:
    answered = {(tool.name, tool.status) for tool in tools}
    for name, status, disposition in BY_AGENT.get(agent, OF_EVERY_AGENT):
        if (name, status) in answered:
            return disposition
    if agent not in BY_AGENT and any(tool.status == "ok" and tool.name != "endCall" for tool in tools):
        return Disposition.ANSWERED  # an agent of the business's own
    wishes = [tool for tool in tools if tool.name not in ("endCall", "speakLanguage", "recordingConsent")]
    return Disposition.NOT_DONE if any(tool.status in _REFUSALS for tool in wishes) else None


def _ended(closing: Closing) -> Disposition:
    if closing.reason in (CloseReason.BRIDGE_ERROR, CloseReason.MODEL_LOST):
        return Disposition.FAILED
    if closing.reason is CloseReason.MACHINE:
        return Disposition.MACHINE  # what was said there, a recording said
    if closing.reason is CloseReason.TURNED_AWAY:
        return Disposition.TURNED_AWAY
    if not any(said.who == "caller" for said in closing.transcript):
        return Disposition.SILENT if closing.reason is CloseReason.IDLE else Disposition.ABANDONED
    return BY_REASON.get(closing.reason, Disposition.TALKED)


def _commit(proposal: Proposal) -> Commit:
    arguments = {name: value for name, value in proposal.arguments.items() if name != "action"}
    try:
        outcome = json.loads(proposal.outcome or "")
    except ValueError:
        outcome = None
    if not isinstance(outcome, dict):
        status = OF_DIARY.get(proposal.action, "done")
        return Commit(proposal.action, status, {**arguments, "reference": proposal.outcome})
    return Commit(proposal.action, str(outcome.get("status", "done")), {**arguments, **facts_told(outcome)})


def facts_told(payload: Mapping[str, object]) -> dict[str, object]:
    """A tool's payload without what is for the ear or for the model."""
    return {name: value for name, value in payload.items() if name not in _WORDS}


_WORDS = frozenset({"status", "say", "question", "choices", "then", "instruction", "nonce", "arguments"})
