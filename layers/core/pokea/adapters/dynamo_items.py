"""Items of the core table and the dataclasses they stand for. Pure: no client, no clock.

    pk                                      sk                        what
    CALL#<session>                          META                      Call
    CALL#<session>                          SEEN#<event id>           one delivery that was seen
    CALL#<session>                          PROPOSAL#<nonce>          Proposal
    SLOTS#<business>#<resource>#<UTC date>  <starts_at>               Slot
    APPT#<business>#<id>                    META                      Appointment
    CALLER#<business>#<number digest>       APPT#<id>                 pointer to an appointment of that caller
    BIZ#<business>                          APIKEY#<digest>           API key (dynamo_api_keys)
    CALL#<session>                          CLOSING                   how the call ended (dynamo_closings)
    BIZ#<business>                          CALLBACK#<session>        a call to return (dynamo_callbacks)
    SEATS#<release>                         <bridge>                  seats that one bridge worker has left (dynamo_seats)
    RINGS#<business>#<number digest>        an hour, a minute, a day  who rings how often (dynamo_rings)

An absent attribute is None. Instants are ISO 8601 in UTC with microseconds. `version` is the fence, `write_id` names the write that
made this version. `expires_at` (epoch seconds) lets the store tidy up and decides nothing. Telephone numbers never stand in a key.
The index gsi1 lists calls and appointments by business and UTC day; it lags behind, so only reports read it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pokea.admission import Admission
from pokea.booking import Appointment, AppointmentStatus, Slot, SlotKey, Taker
from pokea.calls import Call, CallStatus, Direction
from pokea.clock import as_utc
from pokea.confirm import Proposal, ProposalState
from pokea.errors import Misuse
from pokea.ids import AppointmentId, BusinessId, Nonce, SessionId
from pokea.onward import Onward
from pokea.phone_numbers import E164

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Value = Mapping[str, Any]  # {"S": "…"}: an attribute value as the service sends it
Item = dict[str, "AttributeValueTypeDef"]
Key = tuple[str, str]

META = "META"
CALL_KEPT = timedelta(days=90)
PROPOSAL_KEPT = timedelta(days=30)
SIGHTING_KEPT = timedelta(days=30)  # carriers repeat a delivery for days, not weeks


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """One attribute: how a value is written and read. `optional`: None is stored as no attribute at all."""

    write: Callable[[T], AttributeValueTypeDef]
    read: Callable[[Value], T]
    optional: bool = False


def maybe(codec: Codec[T]) -> Codec[T]:
    return replace(codec, optional=True)


def one_of(kind: type[E]) -> Codec[E]:
    return Codec(lambda value: {"S": value.value}, lambda stored: kind(stored["S"]))


def instant(moment: datetime) -> str:
    return as_utc(moment).isoformat(timespec="microseconds")


def _read_instant(stored: Value) -> datetime:
    return datetime.fromisoformat(stored["S"]).astimezone(UTC)


TEXT: Codec[Any] = Codec(lambda value: {"S": value}, lambda stored: stored["S"])
NUMBER: Codec[E164] = Codec(lambda value: {"S": str(value)}, lambda stored: E164(stored["S"]))
WHOLE: Codec[int] = Codec(lambda value: {"N": str(value)}, lambda stored: int(stored["N"]))
INSTANT: Codec[datetime] = Codec(lambda value: {"S": instant(value)}, _read_instant)
JSON: Codec[Any] = Codec(
    lambda value: {"S": json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)},
    lambda stored: json.loads(stored["S"]),
)


class Shape(Generic[T]):
    """How one dataclass is laid out. Every field has a codec; a field added later needs a default, so old items stay readable."""

    def __init__(self, cls: Callable[..., T], codecs: Mapping[str, Codec[Any]]) -> None:
        self.cls = cls
        self.codecs = dict(codecs)
        self.defaulted = {
            item.name
            for item in fields(cls)  # type: ignore[arg-type]  # the class of T is a dataclass; its constructor is what we call
            if item.default is not MISSING or item.default_factory is not MISSING
        }

    def write(self, value: T) -> Item:
        written: Item = {}
        for name, codec in self.codecs.items():
            content = getattr(value, name)
            if content is not None:
                written[name] = codec.write(content)
            elif not codec.optional:
                raise Misuse("not_storable", f"{name} of {type(value).__name__} is None")
        return written

    def read(self, item: Mapping[str, Value]) -> T:
        values: dict[str, Any] = {}
        for name, codec in self.codecs.items():
            if name in item:
                values[name] = codec.read(item[name])
            elif codec.optional:
                values[name] = None
            elif name not in self.defaulted:
                raise Misuse("corrupt_item", f"a stored item has no {name}")
        return self.cls(**values)


ONWARD: Shape[Onward] = Shape(
    Onward,
    {
        "handoff_id": TEXT,
        "number": NUMBER,
        "words": TEXT,
        "language": TEXT,
        "ring_s": WHOLE,
        "given_at": maybe(INSTANT),
        "given_to": maybe(TEXT),
        "outcome": maybe(one_of(CallStatus)),
    },
)

CALL: Shape[Call] = Shape(
    Call,
    {
        "session_id": TEXT,
        "business_id": TEXT,
        "agent": TEXT,
        "direction": one_of(Direction),
        "a_number": maybe(NUMBER),
        "b_number": NUMBER,
        "status": one_of(CallStatus),
        "created_at": INSTANT,
        "stream_issued_at": maybe(INSTANT),
        "opened_at": maybe(INSTANT),
        "answered_at": maybe(INSTANT),
        "ended_at": maybe(INSTANT),
        "carrier_call_id": maybe(TEXT),
        "client_request_id": maybe(TEXT),
        "open_metadata": TEXT,
        "duration_s": maybe(WHOLE),
        "hangup_cause": maybe(TEXT),
        "stream_failed": maybe(TEXT),
        "placed_as": maybe(TEXT),
        "relay": TEXT,
        "onward": maybe(Codec(lambda onward: {"M": ONWARD.write(onward)}, lambda stored: ONWARD.read(stored["M"]))),
        "admission": maybe(one_of(Admission)),
        "seated_at": maybe(INSTANT),
        "version": WHOLE,
    },
)

APPOINTMENT: Shape[Appointment] = Shape(
    Appointment,
    {
        "appointment_id": TEXT,
        "business_id": TEXT,
        "service": TEXT,
        "resource": TEXT,
        "starts_at": INSTANT,
        "ends_at": INSTANT,
        "name": TEXT,
        "a_number": maybe(NUMBER),
        "status": one_of(AppointmentStatus),
        "session_id": TEXT,
        "intent_key": TEXT,
        "buffer_minutes": WHOLE,
        "version": WHOLE,
    },
)

PROPOSAL: Shape[Proposal] = Shape(
    Proposal,
    {
        "nonce": TEXT,
        "session_id": TEXT,
        "business_id": TEXT,
        "action": TEXT,
        "arguments": JSON,
        "read_back": TEXT,
        "proposed_at": INSTANT,
        "state": one_of(ProposalState),
        "used_by": maybe(TEXT),
        "outcome": maybe(TEXT),
        "expires": maybe(INSTANT),
        "version": WHOLE,
    },
)

TAKER: Shape[Taker] = Shape(Taker, {"held_until": maybe(INSTANT)})
SLOT_KEY: Shape[SlotKey] = Shape(SlotKey, {"business_id": TEXT, "resource": TEXT, "starts_at": INSTANT})


def _write_takers(takers: Mapping[str, Taker]) -> AttributeValueTypeDef:
    return {"M": {owner: {"M": TAKER.write(taker)} for owner, taker in takers.items()}}


def _read_takers(stored: Value) -> Mapping[str, Taker]:
    return {owner: TAKER.read(taker["M"]) for owner, taker in stored["M"].items()}


SLOT_CONTENT: Mapping[str, Codec[Any]] = {"takers": Codec(_write_takers, _read_takers), "version": WHOLE}


def slot_item(slot: Slot) -> Item:
    return {
        **SLOT_KEY.write(slot.key),
        **{name: codec.write(getattr(slot, name)) for name, codec in SLOT_CONTENT.items()},
    }


def read_slot(item: Mapping[str, Value]) -> Slot:
    key = SLOT_KEY.read(item)
    return Slot(key, **{name: codec.read(item[name]) for name, codec in SLOT_CONTENT.items()})


def keyed(item: Item, key: Key, *, expires: datetime | None = None, by_day: Key | None = None) -> Item:
    """`item` with its primary key, and where wanted its index key and the time at which it may be tidied away."""
    full: Item = {"pk": {"S": key[0]}, "sk": {"S": key[1]}, **item}
    if by_day is not None:
        full |= {"gsi1pk": {"S": by_day[0]}, "gsi1sk": {"S": by_day[1]}}
    if expires is not None:
        full["expires_at"] = {"N": str(int(as_utc(expires).timestamp()))}
    return full


def call_item(call: Call) -> Item:
    day = as_utc(call.created_at).date()
    index = (calls_day(call.business_id, day), f"{instant(call.created_at)}#{call.session_id}")
    return keyed(CALL.write(call), call_key(call.session_id), expires=call.created_at + CALL_KEPT, by_day=index)


def appointment_item(appointment: Appointment) -> Item:
    day = as_utc(appointment.starts_at).date()
    index = (
        appointments_day(appointment.business_id, day),
        f"{instant(appointment.starts_at)}#{appointment.appointment_id}",
    )
    key = appointment_key(appointment.business_id, appointment.appointment_id)
    return keyed(APPOINTMENT.write(appointment), key, by_day=index)


def pointer_item(appointment: Appointment, number: E164) -> Item:
    content: Item = {"appointment_id": {"S": appointment.appointment_id}}
    return keyed(content, pointer_key(appointment.business_id, number, appointment.appointment_id))


def proposal_item(proposal: Proposal) -> Item:
    key = proposal_key(proposal.session_id, proposal.nonce)
    return keyed(PROPOSAL.write(proposal), key, expires=proposal.expires or proposal.proposed_at + PROPOSAL_KEPT)


def call_key(session_id: SessionId) -> Key:
    return f"CALL#{session_id}", META


def sighting_key(session_id: SessionId, event_id: str) -> Key:
    """Event ids are the carrier's: one that is too long for a key is stood for by its digest."""
    name = event_id if len(event_id.encode()) <= 256 else "sha256:" + hashlib.sha256(event_id.encode()).hexdigest()
    return f"CALL#{session_id}", f"SEEN#{name}"


def proposal_key(session_id: SessionId, nonce: Nonce | str) -> Key:
    return f"CALL#{session_id}", f"PROPOSAL#{nonce}"


def slot_key(key: SlotKey) -> Key:
    starts_at = as_utc(key.starts_at)
    return f"SLOTS#{key.business_id}#{key.resource}#{starts_at.date()}", starts_at.isoformat(timespec="seconds")


def appointment_key(business_id: BusinessId, appointment_id: AppointmentId) -> Key:
    return f"APPT#{business_id}#{appointment_id}", META


def caller_partition(business_id: BusinessId, number: E164) -> str:
    """A digest keeps numbers out of key names, which show up in metrics and traces; it is not meant to resist guessing."""
    digest = hashlib.sha256(f"caller\n{business_id}\n{number}".encode()).hexdigest()[:32]
    return f"CALLER#{business_id}#{digest}"


def pointer_key(business_id: BusinessId, number: E164, appointment_id: AppointmentId) -> Key:
    return caller_partition(business_id, number), f"APPT#{appointment_id}"


def calls_day(business_id: BusinessId, day: date) -> str:
    return f"CALLS#{business_id}#{day}"


def appointments_day(business_id: BusinessId, day: date) -> str:
    return f"APPTS#{business_id}#{day}"
