"""All that is known of one session of the switch, and what its witnesses say, in an order that no delivery decides.

Statements come at least once and in any order; some never come. Whatever is read out of them here is the same for any permutation and any
repetition: of several words of the bridge the one with the highest index counts, of several readings of a record of the carrier's the one
that is final and, among those, the newest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pokea.billing.cdr import CarrierLeg, Cdr, CdrState, Statement, Witness
from pokea.billing.usage import CallShares, ModelUsage, shares_from_json, usage_from_json
from pokea.calls import Call
from pokea.ids import BusinessId, SessionId
from pokea.sautikit.carrier_record import carrier_legs
from pokea.sautikit.closings import Closing
from pokea.transfer import Handoff

MAX_STATEMENT_BYTES = 64 * 1024
MAX_STREAM_MS = 7 * 24 * 3_600_000  # a longer stream is no measurement
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """`call`: the session's row, or, where no hook ever came, that of the attempt which became this session. `closing`: as it was stored.
    `handoff`: for the call to a person, the hand-off that it serves. `outcome`: what came of the call, if its record says so. `agent`:
    whose call it counts as; "" is the call's own. `fallback_number`: whom the carrier was told to ring should the stream be lost, or ""."""

    business_id: BusinessId
    session_id: SessionId
    call: Call | None = None
    closing: Closing | None = None
    statements: tuple[Statement, ...] = ()
    handoff: Handoff | None = None
    outcome: str = ""
    agent: str = ""
    fallback_number: str = ""


@dataclass(frozen=True, slots=True)
class BridgeWord:
    """What the bridge's own events say, taken together. Times are by the bridge's wall clock, which may be wrong by anything; `stream_ms`
    is by its monotonic one. `usage` None: it has not said."""

    opened_at: datetime | None = None
    closed_at: datetime | None = None
    is_closed: bool = False
    stream_ms: int | None = None
    reason: str = ""
    usage: tuple[ModelUsage, ...] | None = None
    shares: CallShares | None = None


def bridge_word(statements: Iterable[Statement]) -> BridgeWord | None:
    """None where no bridge has said anything. Of two words of one kind the later in the bridge's own count stands."""
    said = sorted(
        (one for one in statements if one.witness is Witness.BRIDGE), key=lambda one: (one.index, one.content)
    )
    bodies = [body for one in said if isinstance(body := _parsed(one.content), dict)]
    if not bodies:
        return None
    opened: dict[str, object] = next((body for body in bodies if body.get("event") == "opened"), {})
    closed = next((body for body in reversed(bodies) if body.get("event") == "closed"), None)
    if closed is None:
        return BridgeWord(time_of(opened.get("at")))
    stream_ms, usage = closed.get("stream_ms"), closed.get("usage")
    return BridgeWord(
        opened_at=time_of(opened.get("at")),
        closed_at=time_of(closed.get("at")),
        is_closed=True,
        stream_ms=stream_ms if _is_count(stream_ms, MAX_STREAM_MS) else None,
        reason=reason if isinstance(reason := closed.get("reason"), str) else "",
        usage=usage_from_json(usage) if isinstance(usage, list) else None,
        shares=shares_from_json(closed.get("shares")),
    )


def carrier_records(account: Account) -> tuple[CarrierLeg, ...]:
    """The newest reading of each record of this session, in the order in which the legs began."""
    newest: dict[tuple[str, ...], tuple[tuple[object, ...], CarrierLeg]] = {}
    for statement in account.statements:
        if statement.witness is not Witness.CARRIER:
            continue
        for record in carrier_legs(_parsed(statement.content)):
            if not _is_of(record, account):
                continue
            name = _name_of(record)
            rank = (record.is_final, record.updated_at or _NEVER, statement.said_at, statement.content)
            if name not in newest or rank > newest[name][0]:
                newest[name] = (rank, record)
    return tuple(sorted((record for _, record in newest.values()), key=_order))


def is_news(statements: Iterable[Statement], statement: Statement) -> bool:
    """Whether keeping `statement` adds anything. Of the carrier's records: whether one of them reads otherwise than when it was read last;
    what it says again after it has said something else is news."""
    if statement.witness is not Witness.CARRIER:
        known = {(one.index, one.content) for one in statements if one.witness is statement.witness}
        return (statement.index, statement.content) not in known
    last: dict[tuple[str, ...], CarrierLeg] = {}
    readings = [one for one in statements if one.witness is Witness.CARRIER]
    for reading in sorted(readings, key=lambda one: (one.said_at, one.content)):
        last |= {_name_of(record): record for record in carrier_legs(_parsed(reading.content))}
    return any(last.get(_name_of(record)) != record for record in carrier_legs(_parsed(statement.content)))


def wants_carrier(cdrs: Sequence[Cdr]) -> bool:
    """Whether asking the carrier again can tell more: no leg is known, or one of them still waits."""
    return not cdrs or any(cdr.state is CdrState.PROVISIONAL for cdr in cdrs)


def _parsed(content: str) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _name_of(record: CarrierLeg) -> tuple[str, ...]:
    return (record.record_id,) if record.record_id else ("", record.direction, record.remote_number)


def _is_of(record: CarrierLeg, account: Account) -> bool:
    """A record without a session id came as the answer to our asking for this session, unless it is known to be another's."""
    if record.session_id:
        return record.session_id == account.session_id
    own = account.call.carrier_call_id if account.call is not None else None
    return own is None or own == record.record_id


def _order(record: CarrierLeg) -> tuple[datetime, str, str]:
    return record.started_at or record.answered_at or record.ended_at or _NEVER, record.record_id, record.remote_number


def time_of(value: object) -> datetime | None:
    """A witness's time, in UTC; None for what is no time, or has no zone."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return None if moment is None or moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def own_json(body: Mapping[str, object]) -> str:
    """A witness's body as the text to keep: one spelling for the same words."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
