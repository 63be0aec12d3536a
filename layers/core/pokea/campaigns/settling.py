"""How one attempt ended, and what becomes of the contact, from everything that the stores hold about its call.

    what is known ──► indications ──► the weightiest is the disposition ──► done │ again at a lawful hour │ never again

Word about a call comes at least once, late and in any order. So each look reads everything again and does not remember how it got there:
more evidence only ever adds indications, and a disposition gives way to a weightier one alone. The next attempt is due by the time at
which the call ended and not by that of the look. An attempt is known by its label; word about an earlier one changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from pokea.calls import Call, CallStatus, is_over
from pokea.campaigns import moves
from pokea.campaigns.campaign import Campaign, CampaignState
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.campaigns.country_policy import Policies
from pokea.campaigns.law import When, facts_of, verdict
from pokea.ids import SessionId
from pokea.leads import Lead, Outcome
from pokea.sautikit.closings import CLOSE_COMES_WITHIN_S, CloseReason, Closing

# Lightest first. Where several hold, the weightiest is what the attempt came to: a person's words weigh more than what a machine was
# taken for, a lead worth a call weighs more than a machine's greeting, and nothing outweighs an opt-out.
WEIGHT: Mapping[Disposition, int] = {
    disposition: weight
    for weight, disposition in enumerate(
        (
            Disposition.UNKNOWN,
            Disposition.NO_ANSWER,
            Disposition.BUSY,
            Disposition.FAILED,
            Disposition.BLOCKED,
            Disposition.HUNG_UP,
            Disposition.SILENCE,
            Disposition.ANSWERED,
            Disposition.CALL_AGAIN,
            Disposition.COLD,
            Disposition.FAX,
            Disposition.MACHINE,
            Disposition.WARM,
            Disposition.HOT,
            Disposition.OPTED_OUT,
        )
    )
}
QUALIFIED = frozenset({Disposition.HOT, Disposition.WARM})
# Nobody is rung again after these, whatever the campaign says: they have answered, must not be called, or may just have been.
FINAL = QUALIFIED | {
    Disposition.COLD,
    Disposition.ANSWERED,
    Disposition.OPTED_OUT,
    Disposition.BLOCKED,
    Disposition.FAX,
    Disposition.UNKNOWN,
}
ANSWERER: Mapping[str, Disposition] = {
    "machine": Disposition.MACHINE,
    "fax": Disposition.FAX,
    "silence": Disposition.SILENCE,
}
SETTLED = frozenset({ContactState.WAITING, ContactState.DONE})
UNDER_WAY = frozenset({ContactState.ASKED, ContactState.RINGING})
_OF_LEAD: Mapping[Outcome, Disposition] = {
    Outcome.HOT: Disposition.HOT,
    Outcome.WARM: Disposition.WARM,
    Outcome.COLD: Disposition.COLD,
    Outcome.OPTED_OUT: Disposition.OPTED_OUT,
}
_OF_STATUS: Mapping[str, Disposition] = {
    "busy": Disposition.BUSY,
    "blocked": Disposition.BLOCKED,
    "failed": Disposition.FAILED,
    "no_answer": Disposition.NO_ANSWER,
    "canceled": Disposition.NO_ANSWER,
    "completed": Disposition.NO_ANSWER,  # nobody answered, and the carrier has but one word for every end
}
# What the carrier's reasons for an end say about the number; compared without case and signs.
_BLOCKED_CAUSES = frozenset({"blocked", "rejected", "callrejected", "numberblocked", "callbarred", "barred"})
LOST_AFTER = timedelta(hours=2)  # longer than any call may last, and a conversation with a person behind it
_BROKEN = frozenset({CloseReason.BRIDGE_ERROR, CloseReason.MODEL_LOST})


class Next(StrEnum):
    """What becomes of the contact."""

    DONE = "done"
    AGAIN = "again"


class Told(StrEnum):
    """What the world is told of: the type of an event on the bus and in a webhook."""

    LEAD_QUALIFIED = "lead.qualified"
    CAMPAIGN_FINISHED = "campaign.finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that the stores hold about the call of an attempt.

    carrier_status: of the callee's leg as the carrier's own record has it, "" before it is read. opted_out: a suppression was written in
    this call. suppressed: the number is suppressed, wherever that was asked for.
    """

    call: Call
    closing: Closing | None = None
    lead: Lead | None = None
    carrier_status: str = ""
    opted_out: bool = False
    suppressed: bool = False
    lost: bool = False  # it began longer ago than any call lasts, and nobody told of an end


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """`due_at`: of another attempt, a lawful instant."""

    disposition: Disposition
    next: Next
    reason: str
    due_at: datetime | None = None
    events: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class NotYet:
    """More is to be heard of this call; look again then."""

    at: datetime


def indications(known: Known, now: datetime) -> frozenset[Disposition]:
    """Everything that speaks for a disposition; nothing while the call goes on, or while its bridge may still tell how it ended."""
    found = set(_of_call(known, now))
    if found and known.lead is not None:
        found |= set(_of_lead(known.lead))
    if known.opted_out:
        found.add(Disposition.OPTED_OUT)
    return frozenset(found)


def disposition_of(known: Known, now: datetime) -> Disposition | None:
    """None: not known yet."""
    return max(indications(known, now), key=WEIGHT.__getitem__, default=None)


def settle(
    contact: Contact, campaign: Campaign, known: Known, policies: Policies, rung_at: Sequence[datetime], now: datetime
) -> Settled | NotYet | None:
    """What this call means for `contact`. None: nothing, or nothing any more. `rung_at`: see `pokea.campaigns.law.ContactFacts`."""
    label = known.call.client_request_id
    if not label or label != contact.label or contact.state not in SETTLED | UNDER_WAY:
        return None
    if contact.asked_at is not None and now - contact.asked_at >= LOST_AFTER:
        known = replace(known, lost=True)
    disposition = disposition_of(known, now)
    if disposition is None:
        return NotYet(_patience_ends(known.call, now))
    if contact.state in SETTLED and WEIGHT[disposition] <= _weight(contact.disposition):
        return None
    following, due_at, reason = _following(contact, campaign, known, disposition, policies, rung_at, now)
    return Settled(
        disposition=disposition,
        next=following,
        reason=reason,
        due_at=due_at,
        events=told_of(disposition),
    )


def told_of(disposition: Disposition | None) -> tuple[Told, ...]:
    return (Told.LEAD_QUALIFIED,) if disposition in QUALIFIED else ()


def after(contact: Contact, settled: Settled, session_id: SessionId) -> Contact:
    """`contact` as it is stored. The label stays: later word about the same attempt is known by it.

    One that was settled before, and of whose call more is known now, is put right in place: that is no move, it is a better account of one.
    """
    known = replace(contact, session_id=session_id)
    if contact.state in SETTLED:
        known = replace(known, state=ContactState.RINGING)
    if settled.next is Next.AGAIN and settled.due_at is not None:
        return moves.again(known, settled.due_at, settled.disposition, settled.reason)
    # Nothing is due any more; a retry that was and is not to be must leave no trace.
    return moves.done(replace(known, due_at=contact.asked_at or contact.due_at), settled.disposition, settled.reason)


def cancelled(contact: Contact, reason: str) -> Contact | None:
    """`contact` taken off the list because its number must not be rung; None where it is not queued. Whoever is being rung this moment is
    left to the end of that call."""
    return moves.excluded(contact, reason) if moves.can(contact, moves.Move.EXCLUDE) else None


def _of_call(known: Known, now: datetime) -> Iterator[Disposition]:
    call, closing = known.call, known.closing
    if closing is not None:
        yield _of_closing(closing)
        if (judged := ANSWERER.get(closing.answerer)) is not None:
            yield judged
        return
    if not is_over(call):
        if known.lost:
            yield Disposition.UNKNOWN
        return
    if call.answered_at is None and call.opened_at is None:
        yield _of_status(call.status.value, call.hangup_cause)
        if known.carrier_status in _OF_STATUS:
            yield _OF_STATUS[known.carrier_status]
    elif now >= _patience_ends(call, now):
        # Who hung up before a bridge had the call was told nothing; a bridge that had it and does not say how it ended is lost.
        is_lost = call.opened_at is not None or call.stream_failed is not None or call.status is CallStatus.FAILED
        yield Disposition.FAILED if is_lost else Disposition.HUNG_UP


def _of_status(status: str, cause: str | None) -> Disposition:
    plain = "".join(c for c in (cause or "").casefold() if c.isalnum())
    return Disposition.BLOCKED if plain in _BLOCKED_CAUSES else _OF_STATUS.get(status, Disposition.FAILED)


def _of_closing(closing: Closing) -> Disposition:
    if closing.reason in _BROKEN:
        return Disposition.FAILED
    if closing.reason is CloseReason.MACHINE:
        return ANSWERER.get(closing.answerer, Disposition.MACHINE)  # what was said there, a recording said
    if closing.tools or any(said.who == "caller" for said in closing.transcript):
        return Disposition.ANSWERED
    return Disposition.HUNG_UP if closing.reason is CloseReason.CALLER_HUNG_UP else Disposition.SILENCE


def _of_lead(lead: Lead) -> Iterator[Disposition]:
    if lead.outcome in _OF_LEAD:
        yield _OF_LEAD[lead.outcome]
    if lead.call_again:
        yield Disposition.CALL_AGAIN


def _following(
    contact: Contact,
    campaign: Campaign,
    known: Known,
    disposition: Disposition,
    policies: Policies,
    rung_at: Sequence[datetime],
    now: datetime,
) -> tuple[Next, datetime | None, str]:
    """Whether there is another attempt, from when on, and why not."""
    ended_at = _ended_at(known, now)
    wanted = _wanted_at(campaign, known, disposition, ended_at)
    if disposition is Disposition.OPTED_OUT or known.suppressed:
        return Next.DONE, None, "suppressed"
    if wanted is None:
        return Next.DONE, None, disposition.value
    if campaign.state in (CampaignState.CANCELLED, CampaignState.FINISHED):
        return Next.DONE, None, f"campaign_{campaign.state.value}"
    if contact.attempts >= _most_attempts(campaign, disposition):
        return Next.DONE, None, "attempts"
    moments = (*rung_at, *((contact.asked_at,) if contact.asked_at and contact.asked_at not in rung_at else ()))
    facts = facts_of(replace(contact, due_at=wanted), moments)
    found = verdict(facts, campaign, policies, ended_at)
    if found.when is When.NEVER:
        return Next.DONE, None, found.reason.value
    return Next.AGAIN, found.at or wanted, disposition.value


def _wanted_at(campaign: Campaign, known: Known, disposition: Disposition, ended_at: datetime) -> datetime | None:
    """From when on somebody should be rung again; None: not at all. A time that the lead named stands above the campaign's delay, but a
    time that is past is no time."""
    if disposition in FINAL:
        return None
    retry = campaign.retries.get(disposition)
    delayed = None if retry is None else ended_at + timedelta(minutes=retry.after_min)
    if disposition is not Disposition.CALL_AGAIN or known.lead is None:
        return delayed
    named = known.lead.call_again_at
    return named if named is not None and named > ended_at else delayed


def _most_attempts(campaign: Campaign, disposition: Disposition) -> int:
    retry = campaign.retries.get(disposition)
    return campaign.max_attempts if retry is None else min(campaign.max_attempts, retry.attempts)


def _ended_at(known: Known, now: datetime) -> datetime:
    """The bridge's word is written once; the carrier's may still become an earlier one."""
    return known.closing.closed_at if known.closing is not None else known.call.ended_at or now


def _patience_ends(call: Call, now: datetime) -> datetime:
    """When nobody will tell any more how an answered call ended; of one that goes on, the next time to look."""
    return (call.ended_at or now) + timedelta(seconds=CLOSE_COMES_WITHIN_S)


def _weight(disposition: Disposition | None) -> int:
    return -1 if disposition is None else WEIGHT[disposition]
