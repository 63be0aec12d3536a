"""Hypothesis strategies and plain samples for everything the stores keep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import strategies as st

from pokea.booking import Appointment, AppointmentStatus, Slot, SlotKey, Taker
from pokea.calls import Call, CallStatus, Direction
from pokea.confirm import Proposal, ProposalState
from pokea.ids import AppointmentId, BusinessId, CallId, IntentKey, Nonce, SessionId, ToolCallId
from pokea.phone_numbers import E164

NOW = datetime(2031, 3, 3, 6, 0, tzinfo=UTC)  # far enough ahead that no local tidying by age can reach it
NUMBER = E164("+254711000001")
OTHER_NUMBER = E164("+254711000002")

# DynamoDB stores every Unicode scalar; surrogates are no scalars and cannot be sent.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
keys = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=20)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
quarters = st.integers(0, 10**6).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + n * timedelta(minutes=15))
numbers = st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z").map(E164)
versions = st.integers(0, 10**9)
arguments = st.dictionaries(
    keys, texts | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
)

calls = st.builds(
    Call,
    session_id=keys.map(SessionId),
    business_id=keys.map(BusinessId),
    agent=keys,
    direction=st.sampled_from(Direction),
    a_number=st.none() | numbers,
    b_number=numbers,
    status=st.sampled_from(CallStatus),
    created_at=instants,
    stream_issued_at=st.none() | instants,
    opened_at=st.none() | instants,
    answered_at=st.none() | instants,
    ended_at=st.none() | instants,
    carrier_call_id=st.none() | keys.map(CallId),
    client_request_id=st.none() | texts,
    open_metadata=texts,
    duration_s=st.none() | st.integers(0, 10**6),
    hangup_cause=st.none() | texts,
    stream_failed=st.none() | texts,
    version=versions,
)

appointments = st.builds(
    Appointment,
    appointment_id=keys.map(AppointmentId),
    business_id=keys.map(BusinessId),
    service=keys,
    resource=keys,
    starts_at=quarters,
    ends_at=quarters,
    name=texts,
    a_number=st.none() | numbers,
    status=st.sampled_from(AppointmentStatus),
    session_id=keys.map(SessionId),
    intent_key=texts.map(IntentKey),
    version=versions,
)

proposals = st.builds(
    Proposal,
    nonce=keys.map(Nonce),
    session_id=keys.map(SessionId),
    business_id=keys.map(BusinessId),
    action=st.sampled_from(["book", "move", "cancel"]),
    arguments=arguments,
    read_back=texts,
    proposed_at=instants,
    state=st.sampled_from(ProposalState),
    used_by=st.none() | keys.map(ToolCallId),
    outcome=st.none() | texts,
    version=versions,
)

slots = st.builds(
    Slot,
    key=st.builds(SlotKey, business_id=keys.map(BusinessId), resource=keys, starts_at=quarters),
    takers=st.dictionaries(keys, st.builds(Taker, held_until=st.none() | instants), max_size=5),
    version=versions,
)


def a_call(session: str | None = None, **changes: object) -> Call:
    fields: dict[str, object] = {
        "session_id": SessionId(session or f"HD_{uuid4().hex[:12]}"),
        "business_id": BusinessId("clinic"),
        "agent": "booking",
        "direction": Direction.INBOUND,
        "a_number": NUMBER,
        "b_number": E164("+254700000000"),
        "status": CallStatus.RINGING,
        "created_at": NOW,
    }
    return Call(**{**fields, **changes})  # type: ignore[arg-type]


def an_appointment(identity: str = "a1", **changes: object) -> Appointment:
    fields: dict[str, object] = {
        "appointment_id": AppointmentId(identity),
        "business_id": BusinessId("clinic"),
        "service": "cleaning",
        "resource": "main",
        "starts_at": NOW,
        "ends_at": NOW + timedelta(minutes=30),
        "name": "Sample Caller",
        "a_number": NUMBER,
        "status": AppointmentStatus.BOOKED,
        "session_id": SessionId("HD_000000000001"),
        "intent_key": IntentKey(f"intent-{identity}"),
    }
    return Appointment(**{**fields, **changes})  # type: ignore[arg-type]


def a_proposal(nonce: str = "n1", **changes: object) -> Proposal:
    fields: dict[str, object] = {
        "nonce": Nonce(nonce),
        "session_id": SessionId("HD_000000000001"),
        "business_id": BusinessId("clinic"),
        "action": "book",
        "arguments": {"service": "cleaning", "starts_at": "2031-03-03T09:00"},
        "read_back": "Shall I book it?",
        "proposed_at": NOW,
    }
    return Proposal(**{**fields, **changes})  # type: ignore[arg-type]


def a_slot_key(quarter: int = 0, business: str = "clinic") -> SlotKey:
    return SlotKey(BusinessId(business), "main", NOW + quarter * timedelta(minutes=15))
