"""Everything that the stores hold about one session, read afresh for each decision about its records."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

from pokea.billing.account import Account, carrier_records
from pokea.call_record import CALL_RECORD
from pokea.calls import Call
from pokea.ids import BusinessId, SessionId
from pokea.ports import CallStore, CdrStore, Change, Records
from pokea.profile import Profile
from pokea.sautikit.closings import Closings
from pokea.sautikit.labels import attempt_session
from pokea.transfer import HANDOFF, Handoff, attempt_of

WHISPER = "whisper"


class RecordStore(Records, Protocol):
    def apply(self, change: Change) -> None: ...


@dataclass(frozen=True, slots=True)
class Shelves:
    calls: CallStore
    closings: Closings
    store: RecordStore
    cdrs: CdrStore


def account_of(shelves: Shelves, profile: Profile, session_id: SessionId, call: Call | None) -> Account:
    """`call` is the session's row, or the attempt that became it, or None for a session that no hook told of."""
    business_id = profile.business_id
    handoff = None if call is None else handoff_of(shelves, call)
    record = shelves.store.record(CALL_RECORD, business_id, session_id)
    return Account(
        business_id=business_id,
        session_id=session_id,
        call=call,
        closing=shelves.closings.closing(session_id),
        statements=shelves.cdrs.statements(session_id),
        handoff=handoff,
        outcome="" if record is None else record.disposition.value,
        agent="" if handoff is None else _agent_of(shelves, handoff),
        fallback_number=profile.line.fallback_number or "",
    )


def attempt_behind(shelves: Shelves, business_id: BusinessId, session_id: SessionId) -> Call | None:
    """Of a session that no hook told of: the attempt of ours that the carrier's record of it names by its label."""
    account = Account(business_id=business_id, session_id=session_id, statements=shelves.cdrs.statements(session_id))
    for label in {record.client_request_id: None for record in carrier_records(account) if record.client_request_id}:
        attempt = shelves.calls.call(attempt_session(label))
        if attempt is not None and attempt.business_id == business_id and attempt.placed_as in (None, session_id):
            return attempt
    return None


def handoff_of(shelves: Shelves, call: Call) -> Handoff | None:
    """The hand-off that placed this call, if one did: named by the call, and the call named by it."""
    if call.agent != WHISPER or call.client_request_id is None:
        return None
    try:
        named = json.loads(call.open_metadata).get("handoff", "")
    except (ValueError, AttributeError):
        return None
    handoff = shelves.store.record(HANDOFF, call.business_id, named) if isinstance(named, str) and named else None
    is_its = handoff is not None and attempt_of(handoff) == attempt_session(call.client_request_id)
    return handoff if is_its else None


def _agent_of(shelves: Shelves, handoff: Handoff) -> str:
    caller = shelves.calls.call(handoff.session_id)
    return "" if caller is None else caller.agent


def transfers_of(shelves: Shelves, profile: Profile, session_id: SessionId) -> tuple[SessionId, ...]:
    """The sessions of the second calls that this caller's hand-offs led to."""
    found: list[SessionId] = []
    for handoff in shelves.store.records_by(HANDOFF, profile.business_id, session_id):
        attempt = shelves.calls.call(attempt_of(handoff))
        if attempt is not None and attempt.placed_as is not None:
            found.append(attempt.placed_as)
    return tuple(found)
