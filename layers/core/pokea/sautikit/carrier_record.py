"""The carrier's own record of a call, as its REST API tells it, read leniently: what is no value is unknown, and nothing is guessed.

One record comes as {"call": {…}}, as {"data": {…}} or bare, a page of them as {"data": […]}, {"calls": […]} or a bare list. Names, forms of
time and numbers as text are tolerated as they are in hooks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from pokea.billing.call_leg import ANSWERED, IN_PROGRESS, STATUSES, UNANSWERED
from pokea.billing.cdr import CarrierLeg
from pokea.sautikit import hook_names as names
from pokea.sautikit import hook_values as values

YEARS = range(2000, 2200)  # a time outside of them is an empty one of some program, such as 0001-01-01 or 1970-01-01
MAX_DURATION_S = 366 * 86_400
_ENVELOPES = ("call", "data")
_PAGES = ("data", "calls", "items")
_MAX_DEPTH = 3  # envelopes within one another
_MAX_MINOR = 10**15
_MILLISECONDS = 10**11  # a Unix time as large as this counts milliseconds
_RECORD_ID = ("id", "call_id", "callId", "CallId", "CallSid", "callSid", "call_sid")
_STARTED_AT = ("started_at", "startedAt", "start_time", "created_at", "createdAt")
_UPDATED_AT = ("updated_at", "updatedAt")
_LOCAL = ("local_e164", "localE164", "local_number", "localNumber")
_REMOTE = ("remote_e164", "remoteE164", "remote_number", "remoteNumber")
_COST = ("cost_minor", "costMinor")
_CURRENCY = ("cost_currency", "costCurrency", "currency")
_RATE = ("rate_per_minute_minor", "ratePerMinuteMinor")
_FAILURE = ("failure_code", "failureCode", *names.CAUSE)
_UNIX_TIME = re.compile(r"[0-9]{1,14}(\.[0-9]{1,9})?")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,9})?")
_ISO_4217 = re.compile(r"[A-Z]{3}")
_STATUS_OF = {values.word(status): status for status in STATUSES} | {
    name: state.value for name, state in names.STATES.items() if state.value in STATUSES and name not in STATUSES
}
_STATUS_OF |= {"inprogress": "in_progress", "initiated": "queued", "rejected": "blocked", "timeout": "no_answer"}
_ENDED = (UNANSWERED | ANSWERED) - IN_PROGRESS
Fields = Mapping[str, object]


def carrier_leg(body: Mapping[str, object]) -> CarrierLeg | None:
    """The record that `body` is, in whatever envelope. None for what names no call, or names one by an id that no switch would give."""
    record = _unwrapped(body)
    ids = _ids(record)
    if ids is None:
        return None
    record_id, session_id = ids
    answered_at, ended_at = _time(record, names.ANSWERED_AT), _time(record, names.ENDED_AT)
    status = _status(record)
    currency = _currency(record)
    is_over = ended_at is not None or status in _ENDED
    is_unanswered = answered_at is None and status in UNANSWERED
    cost_minor = _cost(record, currency, is_unanswered=is_unanswered)
    local, remote = _numbers(record)
    return CarrierLeg(
        record_id=record_id,
        session_id=session_id,
        direction=_direction(record),
        local_number=local,
        remote_number=remote,
        started_at=_time(record, _STARTED_AT),
        answered_at=answered_at,
        ended_at=ended_at,
        duration_s=_duration(record),
        status=status,
        cost_minor=cost_minor,
        currency=currency,
        rate_per_minute_minor=_whole(_text(record, _RATE)),
        failure_code=values.cause(_text(record, _FAILURE)) or "",
        client_request_id=_client_request_id(record),
        is_final=is_over and (is_unanswered or (cost_minor is not None and bool(currency))),
        updated_at=_time(record, _UPDATED_AT),
    )


def carrier_legs(reply: object) -> tuple[CarrierLeg, ...]:
    """Every record in a reply, one call's or a page of calls. Rows that name no call are left out."""
    if isinstance(reply, Mapping):
        reply = next((rows for name in _PAGES if isinstance(rows := reply.get(name), list)), [reply])
    rows = reply if isinstance(reply, list | tuple) else ()
    legs = (carrier_leg(row) for row in rows if isinstance(row, Mapping))
    return tuple(leg for leg in legs if leg is not None)


def _unwrapped(body: Fields) -> Fields:
    """The innermost object that has an id. Fields of its envelope, such as a "status" of the reply, never speak for the call."""
    found = body
    for _ in range(_MAX_DEPTH):
        inner = next((inner for name in _ENVELOPES if isinstance(inner := body.get(name), Mapping)), None)
        if inner is None:
            break
        body = inner
        if _text(body, (*_RECORD_ID, *names.SESSION)):
            found = body
    return found


def _text(record: Fields, candidates: Iterable[str]) -> str:
    """The first value that one of the names has, as text; "" where there is none. A yes or no is no value of a record."""
    for name in candidates:
        value = record.get(name)
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and (text := str(value).strip()):
            return text
    return ""


def _ids(record: Fields) -> tuple[str, str] | None:
    """The record's id and the session's; None where there is neither, or where one is malformed."""
    either = [text for name in _RECORD_ID if (text := _text(record, (name,)))]
    session_id = _text(record, names.SESSION) or next((text for text in either if values.is_switch_id(text)), "")
    record_id = next((text for text in either if text != session_id), "")
    known = [text for text in (record_id, session_id) if text]
    return (record_id, session_id) if known and all(map(values.is_session_id, known)) else None


def _numbers(record: Fields) -> tuple[str, str]:
    """Ours and the other party's. Where a record names them by who called whom, its direction tells which is which."""
    local, remote = values.number(_text(record, _LOCAL)), values.number(_text(record, _REMOTE))
    if local is None and remote is None:
        local, remote = values.number(_text(record, names.A_NUMBER)), values.number(_text(record, names.B_NUMBER))
        if not _direction(record).startswith("out"):
            local, remote = remote, local
    return local or "", remote or ""


def _direction(record: Fields) -> str:
    return (values.cause(_text(record, names.DIRECTION)) or "").lower()


def _status(record: Fields) -> str:
    """A plain "failed" whose code names a better known end is that end."""
    status = _STATUS_OF.get(values.word(_text(record, names.STATUS)), "unknown")
    if status != "failed":
        return status
    reason = _STATUS_OF.get(values.word(_text(record, _FAILURE)), "")
    return reason if reason in UNANSWERED else status


def _cost(record: Fields, currency: str, *, is_unanswered: bool) -> int | None:
    """Minor units. A 0 without a currency is a price only where nobody answered: while a call lasts it is a blank."""
    cost = _whole(_text(record, _COST))
    return None if cost == 0 and not currency and not is_unanswered else cost


def _currency(record: Fields) -> str:
    text = _text(record, _CURRENCY).upper()
    return text if _ISO_4217.fullmatch(text) else ""


def _client_request_id(record: Fields) -> str:
    metadata = record.get("metadata")
    own = _text(metadata, names.LABEL) if isinstance(metadata, Mapping) else ""
    return values.label(own or _text(record, names.LABEL)) or ""


def _duration(record: Fields) -> int | None:
    """Every begun second counts, as in rating."""
    text = _text(record, names.DURATION)
    seconds = float(text) if _DECIMAL.fullmatch(text) else -1.0
    return math.ceil(seconds) if 0 <= seconds <= MAX_DURATION_S else None


def _whole(text: str) -> int | None:
    """ "300" and "300.0" are 300. A fraction of a minor unit is no amount, and is not rounded into one."""
    if not _DECIMAL.fullmatch(text):
        return None
    whole, _, part = text.partition(".")
    value = int(whole)
    return value if not part.strip("0") and abs(value) < _MAX_MINOR else None


def _time(record: Fields, candidates: Iterable[str]) -> datetime | None:
    """RFC 3339 (UTC where it names no zone) or a Unix time in seconds or milliseconds."""
    times = (_instant(text) for name in candidates if (text := _text(record, (name,))))
    return next((time for time in times if time is not None), None)


def _instant(text: str) -> datetime | None:
    try:
        if _UNIX_TIME.fullmatch(text):
            count = float(text)
            moment = datetime.fromtimestamp(count / 1000 if count >= _MILLISECONDS else count, UTC)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.year in YEARS else None
