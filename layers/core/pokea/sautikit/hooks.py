"""What a hook says, read leniently and completely: any authentic body becomes a `Hook` or is refused with RejectedInput.

Three envelopes are understood: {"kind", "event_id", "occurred_at", "data": {…}}, {"event_kind", "event_id", "payload": {…}}, and the
switch's own body as a form or as JSON, forwarded unchanged. `facts_of` turns a hook into facts about the call.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from pokea.call_status import CallStatus
from pokea.errors import RejectedInput
from pokea.events import (
    CallAnswered,
    CallEnded,
    CallFact,
    CallRang,
    CarrierIdLearned,
    DialEnded,
    StreamFailed,
    StreamStarted,
    StreamStopped,
)
from pokea.ids import CallId, SessionId
from pokea.phone_numbers import E164
from pokea.sautikit import hook_names as names
from pokea.sautikit import hook_values as values
from pokea.sautikit.hook_names import TERMINAL_STATES, HookState

MAX_BODY_BYTES = 256 * 1024
MAX_FIELDS = 200
MAX_CALL_S = 7 * 24 * 3_600  # a longer duration is not one
_EVENT_ID = re.compile(r"[\x21-\x7e]{1,256}")
Fields = Mapping[str, object]

_END_OF: Mapping[HookState, CallStatus] = {
    HookState.COMPLETED: CallStatus.COMPLETED,
    HookState.FAILED: CallStatus.FAILED,
    HookState.BUSY: CallStatus.BUSY,
    HookState.NO_ANSWER: CallStatus.NO_ANSWER,
    HookState.CANCELED: CallStatus.CANCELED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One authentic POST of the carrier. Times are the carrier's own words, aware and in UTC; None where it gave none."""

    state: HookState
    session_id: SessionId | None = None
    call_id: CallId | None = None
    a_number: E164 | None = None
    b_number: E164 | None = None
    outbound: bool = False
    client_request_id: str | None = None
    duration_s: int | None = None
    cause: str | None = None
    dialled: HookState | None = None  # how a leg that the carrier dialled itself has ended
    event_id: str = ""
    occurred_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None


def parse_hook(body: bytes, headers: Mapping[str, str], query: Mapping[str, str] | None = None) -> Hook:
    """The hook that `body` is. `headers` in lower case. Raises RejectedInput for what cannot be a hook at all.

    A missing state is the first word of a new call; a session id that no switch would give is refused.
    """
    scopes = _scopes(_fields(body, headers.get("content-type", "")))
    session_id, call_id = _ids(scopes)
    return Hook(
        state=_state(scopes, headers),
        session_id=session_id,
        call_id=call_id,
        a_number=values.number(_text(scopes, names.A_NUMBER)),
        b_number=_first_number(scopes),
        outbound=values.word(_text(scopes, names.DIRECTION)).startswith("outbound"),
        client_request_id=values.label(_text(scopes, names.LABEL) or (query or {}).get("clientRequestId", "")),
        duration_s=_seconds(_text(scopes, names.DURATION)),
        cause=values.cause(_text(scopes, names.CAUSE)),
        dialled=_state_of(_text(scopes, names.DIAL_STATUS)),
        event_id=_event_id(scopes, headers, body),
        occurred_at=_time(_text(scopes, names.OCCURRED_AT)),
        answered_at=_time(_text(scopes, names.ANSWERED_AT)),
        ended_at=_time(_text(scopes, names.ENDED_AT)),
    )


def oriented(hook: Hook, own_numbers: Iterable[E164]) -> Hook:
    """`hook` with our own number as the called one, unless it is a call of ours. Calls from a browser arrive with both swapped."""
    own = frozenset(own_numbers)
    if not hook.outbound and hook.a_number in own and hook.b_number not in own:
        return replace(hook, a_number=hook.b_number, b_number=hook.a_number)
    return hook


def facts_of(hook: Hook, received_at: datetime) -> tuple[CallFact, ...]:
    """The facts a hook reports, oldest first. A time that lies after its receipt is taken as the time of receipt."""

    def when(*times: datetime | None) -> datetime:
        return min(next((time for time in times if time is not None), received_at), received_at)

    at = when(hook.occurred_at)
    facts: list[CallFact] = [CarrierIdLearned(at=at, call_id=hook.call_id)] if hook.call_id else []
    if hook.state is HookState.RINGING:
        facts.append(CallRang(at=at))
    elif hook.state is HookState.ANSWERED:
        facts.append(CallAnswered(at=when(hook.answered_at, hook.occurred_at)))
    elif hook.state is HookState.STREAM_STARTED:
        facts.append(StreamStarted(at=at))
    elif hook.state is HookState.STREAM_STOPPED:
        facts.append(StreamStopped(at=at))
    elif hook.state is HookState.STREAM_ERROR:
        facts.append(StreamFailed(at=at, reason=hook.cause or "stream_error"))
    elif hook.state is HookState.DIAL_COMPLETED:
        facts.append(DialEnded(at=at, status=_END_OF.get(hook.dialled or HookState.COMPLETED, CallStatus.COMPLETED)))
    elif hook.state in TERMINAL_STATES:
        if hook.answered_at is not None:
            facts.append(CallAnswered(at=when(hook.answered_at)))
        facts.append(_end(hook, when(hook.ended_at, hook.occurred_at)))
    return tuple(facts)


def _end(hook: Hook, at: datetime) -> CallEnded:
    return CallEnded(at=at, status=_END_OF[hook.state], duration_s=hook.duration_s, hangup_cause=hook.cause)


def _fields(body: bytes, content_type: str) -> Fields:
    if len(body) > MAX_BODY_BYTES:
        raise RejectedInput("hook_too_large", "the hook's body is too large")
    if "json" in content_type.lower() or body[:64].lstrip()[:1] == b"{":
        return _json_fields(body)
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise RejectedInput("hook_unreadable", "the hook's body is not a form") from None
    return dict(reversed(pairs))  # of a repeated field the first one holds


def _json_fields(body: bytes) -> Fields:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RejectedInput("hook_unreadable", "the hook's body is not JSON") from None
    if not isinstance(value, dict):
        raise RejectedInput("hook_unreadable", "the hook's body is not a JSON object")
    return value


def _scopes(fields: Fields) -> Sequence[Fields]:
    """The envelope's content before the envelope itself: where both use a name, the inner one speaks of the call."""
    inner = [value for name in names.ENVELOPES if isinstance(value := fields.get(name), dict)]
    return [*inner, fields]


def _text(scopes: Sequence[Fields], candidates: Iterable[str]) -> str:
    """The first value that one of the names has, as text; "" where there is none."""
    for name in candidates:
        for scope in scopes:
            value = scope.get(name)
            if isinstance(value, bool):
                return "1" if value else "0"
            if isinstance(value, (str, int, float)) and (text := str(value).strip()):
                return text
    return ""


def _ids(scopes: Sequence[Fields]) -> tuple[SessionId | None, CallId | None]:
    """The switch's id of the call and the REST id. Several names carry the one or the other; their shape tells which."""
    either = [text for name in names.EITHER_ID if (text := _text(scopes, (name,)))]
    call_id = next((CallId(text) for text in either if values.is_uuid(text)), None)
    session = _text(scopes, names.SESSION) or next((text for text in either if not values.is_uuid(text)), "")
    name = _text(scopes, names.STREAM_NAME)
    if not session and values.is_switch_id(name):
        session = name
    if not session and call_id is None:
        session = _text(scopes, names.STREAM_ID)
    if session and not values.is_session_id(session):
        raise RejectedInput("bad_session_id", "the hook's session id is not one")
    return (SessionId(session) if session else None), call_id


def _state(scopes: Sequence[Fields], headers: Mapping[str, str]) -> HookState:
    """The end of a call outranks what its stream does, and that outranks how the call stands meanwhile."""
    kind = _text(scopes, names.EVENT_KIND) or _header(headers, names.EVENT_KIND_HEADERS)
    call, event = _state_of(_text(scopes, names.CALL_STATE)), _state_of(kind)
    stream = _stream_state_of(_text(scopes, names.STREAM_STATE))
    status = _state_of(_text(scopes, names.STATUS))
    if call is None and event in TERMINAL_STATES and status in TERMINAL_STATES:
        return _named_end(status, scopes)
    said = call or event
    if said in TERMINAL_STATES:
        return _named_end(said, scopes)
    return _unless_over(stream or said or status or HookState.RINGING, scopes)


def _state_of(text: str) -> HookState | None:
    word = values.word(text)
    if not word:
        return None
    if word.startswith(names.OTHER_KINDS):
        return HookState.OTHER
    return names.STATES.get(word, HookState.UNKNOWN)


def _stream_state_of(text: str) -> HookState | None:
    """Of a field that speaks of the stream: "completed" there is the stream's end, not the call's."""
    word = values.word(text)
    return _state_of(word if word.startswith("stream") else "stream" + word) if word else None


def _named_end(state: HookState, scopes: Sequence[Fields]) -> HookState:
    """A plain "failed" whose reason names a better known end is that end."""
    if state is not HookState.FAILED:
        return state
    reason = names.STATES.get(values.word(_text(scopes, names.CAUSE)))
    return reason if reason in (HookState.BUSY, HookState.NO_ANSWER, HookState.CANCELED) else state


def _unless_over(state: HookState, scopes: Sequence[Fields]) -> HookState:
    """A hook that says of its call "not active" reports its end, whatever else it says."""
    is_over = values.word(_text(scopes, names.ACTIVE)) in ("0", "false")
    return HookState.COMPLETED if is_over and state in (HookState.RINGING, HookState.UNKNOWN) else state


def _first_number(scopes: Sequence[Fields]) -> E164 | None:
    """The called number. A client name ("agent-7") may stand where a number is expected; the number follows under another name."""
    candidates = (values.number(_text(scopes, (name,))) for name in names.B_NUMBER)
    return next((number for number in candidates if number is not None), None)


def _seconds(text: str) -> int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if 0 <= value <= MAX_CALL_S else None


def _time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _event_id(scopes: Sequence[Fields], headers: Mapping[str, str], body: bytes) -> str:
    """What tells a repeated delivery from a new one: the event's own id, else the delivery's, else the bytes themselves."""
    given = _text(scopes, names.EVENT_ID) or _header(headers, names.EVENT_ID_HEADERS)
    return given if _EVENT_ID.fullmatch(given) else "sha256:" + hashlib.sha256(body).hexdigest()


def _header(headers: Mapping[str, str], candidates: Iterable[str]) -> str:
    return next((value for name in candidates if (value := headers.get(name, ""))), "")
