"""From everything that is known of one session to its detail records: who said what, one record for each leg, rated, audited, versioned.

    account ─► legs_of ─► with_charges ─► with_model_cost ─► changed ─► store

All of it is a function of the account and of `now`, which decides one thing only: when nobody waits for the carrier any longer. So the same
words give the same records, in whatever order they came and however often. docs/cdr.md tells it in prose.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pokea.billing.account import Account
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrState, Witness
from pokea.billing.reconcile_charges import Pricing, with_charges, with_model_cost
from pokea.billing.reconcile_parts import Part, parts_of
from pokea.billing.reconcile_sights import Fact, Source, believed
from pokea.billing.reconcile_versions import changed, settle

__all__ = [
    "PATIENCE",
    "Account",
    "Pricing",
    "changed",
    "legs_of",
    "settle",
    "settled_before",
    "with_charges",
    "with_model_cost",
]

PATIENCE = timedelta(hours=72)  # how long the carrier's record is waited for


def settled_before(now: datetime) -> datetime:
    """Legs that ended before then should be in the carrier's books."""
    return now - PATIENCE


def legs_of(account: Account, now: datetime) -> tuple[Cdr, ...]:
    """Drafts of the session's legs: unrated, version 0, in the order of their names. () where nobody has said anything."""
    parts = parts_of(account)
    main = next((part for part in parts if part.direction is not Direction.STREAM and not part.is_dial), None)
    return tuple(_draft(account, part, main or part, now) for part in parts)


def _draft(account: Account, part: Part, main: Part, now: datetime) -> Cdr:
    call, handoff, record = account.call, account.handoff, part.record
    sight = believed(Fact.STREAM if part.direction is Direction.STREAM else Fact.TALK, part.sights)
    own = (call.client_request_id if call is not None else None) or ""
    label = own or (record.client_request_id if record is not None else "")
    return Cdr(
        business_id=account.business_id,
        session_id=account.session_id,
        leg=part.name,
        call_id=handoff.session_id if handoff is not None else account.session_id,
        direction=part.direction,
        agent=account.agent or (call.agent if call is not None else ""),
        a_number=part.a_number,
        b_number=part.b_number,
        began_at=part.began_at,
        answered_at=sight.answered_at,
        ended_at=sight.ended_at,
        talk_s=sight.talk_s,
        status=sight.status,
        state=_state(account, part, main, sight.talk_s is not None, now),
        witnesses=_witnesses(account, part),
        made_at=now,
        reason="",
        outcome=account.outcome,
        client_request_id="" if part.is_dial else label,  # what the carrier dials is no call that we placed
        carrier_id=record.record_id if record is not None else "",
        carrier_status=record.status if record is not None else "",
        carrier_s=record.duration_s if record is not None else None,
        carrier_minor=record.cost_minor if record is not None else None,
        carrier_currency=record.currency if record is not None else "",
    )


def _state(account: Account, part: Part, main: Part, is_measured: bool, now: datetime) -> CdrState:
    """A stream has no record of its own: it is final once its call's is, and the bridge has said how long it was open."""
    if part.direction is Direction.STREAM and part.record is None:
        is_final = is_measured and main.record is not None and main.record.is_final
    else:
        is_final = part.record is not None and part.record.is_final
    if is_final:
        return CdrState.FINAL
    return CdrState.UNRECONCILED if now - _last_heard_of(account, part) > PATIENCE else CdrState.PROVISIONAL


def _last_heard_of(account: Account, part: Part) -> datetime:
    """The end, as far as anybody has told it; else the last thing that is known to have happened."""
    call, closing = account.call, account.closing
    ends = [sight.ended_at for sight in part.sights.values()]
    ends += [call.ended_at] if call is not None else []
    ends += [closing.closed_at] if closing is not None else []
    known = [at for at in ends if at is not None]
    return max(known, default=part.began_at)


def _witnesses(account: Account, part: Part) -> tuple[Witness, ...]:
    """In the order in which `Witness` names them. A Dial is known to the hooks and to the carrier only."""
    call = account.call
    spoken = {Witness.CARRIER: part.record is not None}
    if part.is_dial:
        spoken[Witness.HOOKS] = Source.HOOKS in part.sights
    else:
        is_stream = part.direction is Direction.STREAM
        row = call if call is not None and call.session_id == account.session_id else None
        spoken[Witness.HOOKS] = row is not None and (not is_stream or row.opened_at is not None)
        spoken[Witness.BRIDGE] = any(one.witness is Witness.BRIDGE for one in account.statements)
        spoken[Witness.CLOSING] = account.closing is not None
    return tuple(witness for witness in Witness if spoken.get(witness, False))
