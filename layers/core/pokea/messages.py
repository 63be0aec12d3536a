"""Messages that callers leave for a business, to be answered by a call back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from pokea.allowance import Limit
from pokea.ids import BusinessId, SessionId
from pokea.phone_numbers import E164
from pokea.ports import Records
from pokea.privacy import Pii
from pokea.records import Kind

MESSAGES_KEPT = timedelta(days=90)
PER_NUMBER_A_DAY = 5
PER_CALL = 3
WITHHELD_A_DAY = 30  # all callers without a number together
PER_BUSINESS_A_DAY = 300

_MARKUP = str.maketrans(dict.fromkeys("<>{}[]|\\^~`", " "))


class MessageState(StrEnum):
    NEW = "new"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`number` is None where the caller withheld theirs and gave none; `day` is the business's own date."""

    business_id: BusinessId
    message_id: str
    session_id: SessionId
    name: str
    number: E164 | None
    text: str
    department: str  # a key of the directory, or "" for nobody in particular
    language: str  # in which to call back
    taken_at: datetime
    day: date
    state: MessageState = MessageState.NEW
    version: int = 0


MESSAGE: Kind[Message] = Kind(
    "message",
    Message,
    key=lambda message: message.message_id,
    privacy={
        "business_id": Pii.ID,
        "message_id": Pii.ID,
        "session_id": Pii.ID,
        "name": Pii.NAME,
        "number": Pii.CONTACT,
        "text": Pii.SPEECH,
        "department": Pii.NONE,
        "language": Pii.NONE,
        "taken_at": Pii.NONE,
        "day": Pii.NONE,
        "state": Pii.NONE,
        "version": Pii.NONE,
    },
    lookups=lambda message: (message.day.isoformat(), message.session_id),
    kept_until=lambda message: message.taken_at + MESSAGES_KEPT,
)


def messages_of_day(records: Records, business_id: BusinessId, day: date) -> tuple[Message, ...]:
    """Earliest first."""
    return _in_order(records.records_by(MESSAGE, business_id, day.isoformat()))


def messages_of_call(records: Records, business_id: BusinessId, session_id: SessionId) -> tuple[Message, ...]:
    """Earliest first."""
    return _in_order(records.records_by(MESSAGE, business_id, session_id))


def limits_of(session_id: SessionId, a_number: E164 | None) -> tuple[Limit, ...]:
    """How many messages are taken in a day. The number that counts is the one the call came from, not one that was said."""
    of_caller = (
        Limit("message_withheld", "", WITHHELD_A_DAY)
        if a_number is None
        else Limit("message_number", a_number, PER_NUMBER_A_DAY)
    )
    return Limit("message_call", session_id, PER_CALL), of_caller, Limit("message_all", "", PER_BUSINESS_A_DAY)


def plain(text: str) -> str:
    """Somebody's words as they are kept and read out: no markup, and nothing that a spreadsheet takes for a formula."""
    return " ".join(text.translate(_MARKUP).split()).lstrip("=+-@ ")


def _in_order(found: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(sorted(found, key=lambda message: (message.taken_at, message.message_id)))
