"""The class of every field of everything that is stored and is not a record of a `Kind`, which carries its own classes.

`CLASSES` names each dataclass that some adapter lays out as an item. A test walks all of them, and fails on a field without a class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pokea.billing.cdr import CDR_PRIVACY, Cdr, Statement
from pokea.booking import Appointment, Slot, SlotKey, Taker
from pokea.calls import Call
from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import Consent, Contact
from pokea.campaigns.ports import Attempts
from pokea.campaigns.seeking import Search
from pokea.confirm import Proposal
from pokea.onward import Onward
from pokea.privacy import Pii, classified
from pokea.sautikit.callbacks import CallbackTask
from pokea.sautikit.closings import Closing, Fact, RecordingPointer, Said, ToolUse

CLASSES: Mapping[type[Any], Mapping[str, Pii]] = {
    Cdr: CDR_PRIVACY,
    Statement: {
        "business_id": Pii.ID,
        "session_id": Pii.ID,
        "witness": Pii.NONE,
        "said_at": Pii.NONE,
        "content": Pii.CONTACT,
        "index": Pii.NONE,
    },
    Campaign: {
        "business_id": Pii.ID,
        "campaign_id": Pii.ID,
        "name": Pii.NAME,
        "agent": Pii.NONE,
        "from_number": Pii.CONTACT,
        "countries": Pii.NONE,
        "windows": Pii.NONE,
        "begins_at": Pii.NONE,
        "ends_at": Pii.NONE,
        "cps": Pii.NONE,
        "channels": Pii.NONE,
        "retries": Pii.NONE,
        "max_attempts": Pii.NONE,
        "voicemail": Pii.NONE,
        "budget_micros": Pii.MONEY,
        "priority": Pii.NONE,
        "reps": Pii.NONE,
        "schedule": Pii.NONE,
        "webhook": Pii.SECRET,
        "fields": Pii.NONE,
        "state": Pii.NONE,
        "reason": Pii.NONE,
        "version": Pii.NONE,
    },
    Contact: {
        "business_id": Pii.ID,
        "campaign_id": Pii.ID,
        "contact_id": Pii.CONTACT,
        "number": Pii.CONTACT,
        "name": Pii.NAME,
        "language": Pii.NONE,
        "zone": Pii.PLACE,
        "consent": Pii.SPEECH,
        "state": Pii.NONE,
        "due_at": Pii.NONE,
        "attempts": Pii.NONE,
        "label": Pii.ID,
        "claimed_at": Pii.NONE,
        "asked_at": Pii.NONE,
        "sought_at": Pii.NONE,
        "session_id": Pii.ID,
        "disposition": Pii.NONE,
        "reason": Pii.NONE,
        "fields": Pii.SPEECH,
        "version": Pii.NONE,
    },
    Consent: {"source": Pii.NONE, "wording": Pii.SPEECH, "at": Pii.NONE},
    Attempts: {"rung_at": Pii.NONE, "labels": Pii.ID, "version": Pii.NONE},
    Search: {
        "since": Pii.NONE,
        "until": Pii.NONE,
        "reached": Pii.NONE,
        "begun_at": Pii.NONE,
        "slice_s": Pii.NONE,
        "has_gaps": Pii.NONE,
        "version": Pii.NONE,
    },
    Call: {
        "session_id": Pii.ID,
        "business_id": Pii.ID,
        "agent": Pii.NONE,
        "direction": Pii.NONE,
        "a_number": Pii.CONTACT,
        "b_number": Pii.CONTACT,
        "status": Pii.NONE,
        "created_at": Pii.NONE,
        "stream_issued_at": Pii.NONE,
        "opened_at": Pii.NONE,
        "answered_at": Pii.NONE,
        "ended_at": Pii.NONE,
        "carrier_call_id": Pii.ID,
        "client_request_id": Pii.ID,
        "open_metadata": Pii.SPEECH,
        "duration_s": Pii.NONE,
        "hangup_cause": Pii.NONE,
        "stream_failed": Pii.NONE,
        "placed_as": Pii.ID,
        "relay": Pii.NONE,
        "onward": Pii.CONTACT,
        "admission": Pii.NONE,
        "seated_at": Pii.NONE,
        "version": Pii.NONE,
    },
    Onward: {
        "handoff_id": Pii.ID,
        "number": Pii.CONTACT,
        "words": Pii.SPEECH,
        "language": Pii.NONE,
        "ring_s": Pii.NONE,
        "given_at": Pii.NONE,
        "given_to": Pii.ID,
        "outcome": Pii.NONE,
    },
    Appointment: {
        "appointment_id": Pii.ID,
        "business_id": Pii.ID,
        "service": Pii.NONE,
        "resource": Pii.NONE,
        "starts_at": Pii.NONE,
        "ends_at": Pii.NONE,
        "name": Pii.NAME,
        "a_number": Pii.CONTACT,
        "status": Pii.NONE,
        "session_id": Pii.ID,
        "intent_key": Pii.ID,
        "buffer_minutes": Pii.NONE,
        "version": Pii.NONE,
    },
    Slot: {"key": Pii.NONE, "takers": Pii.ID, "version": Pii.NONE},
    SlotKey: {"business_id": Pii.ID, "resource": Pii.NONE, "starts_at": Pii.NONE},
    Taker: {"held_until": Pii.NONE},
    Proposal: {
        "nonce": Pii.ID,
        "session_id": Pii.ID,
        "business_id": Pii.ID,
        "action": Pii.NONE,
        "arguments": Pii.SPEECH,
        "read_back": Pii.SPEECH,
        "proposed_at": Pii.NONE,
        "state": Pii.NONE,
        "used_by": Pii.ID,
        "outcome": Pii.SPEECH,
        "expires": Pii.NONE,
        "version": Pii.NONE,
    },
    Closing: {
        "session_id": Pii.ID,
        "business_id": Pii.ID,
        "reason": Pii.NONE,
        "duration_ms": Pii.NONE,
        "usage": Pii.NONE,
        "shares": Pii.NONE,
        "answerer": Pii.NONE,
        "transcript": Pii.SPEECH,
        "truncated": Pii.NONE,
        "closed_at": Pii.NONE,
        "language": Pii.NONE,
        "latency_ms": Pii.NONE,
        "turns": Pii.NONE,
        "tools": Pii.NONE,
        "facts": Pii.SPEECH,
        "recording": Pii.ID,
        "handoff": Pii.ID,
        "kept_until": Pii.NONE,
    },
    Said: {"who": Pii.NONE, "text": Pii.SPEECH, "at_ms": Pii.NONE},
    ToolUse: {"name": Pii.NONE, "status": Pii.NONE, "took_ms": Pii.NONE, "at_ms": Pii.NONE},
    Fact: {"tool": Pii.NONE, "arguments": Pii.SPEECH, "result": Pii.SPEECH},
    RecordingPointer: {"key": Pii.ID, "size_bytes": Pii.NONE, "ms": Pii.NONE},
    CallbackTask: {
        "session_id": Pii.ID,
        "business_id": Pii.ID,
        "number": Pii.CONTACT,
        "reason": Pii.NONE,
        "created_at": Pii.NONE,
        "notes": Pii.SPEECH,
        "done_at": Pii.NONE,
        "expires": Pii.NONE,
    },
}


def checked() -> Mapping[type[Any], Mapping[str, Pii]]:
    """`CLASSES`, once every field of every class is known to have one. Raises Misuse."""
    return {cls: classified(cls, classes) for cls, classes in CLASSES.items()}
