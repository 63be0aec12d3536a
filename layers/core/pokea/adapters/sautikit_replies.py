"""What a reply of the carrier's REST API means, as our own errors. Pure: status, body and header in, an error out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pokea.billing.wallet import FUNDS
from pokea.errors import CallError, Conflict, Denied, Indeterminate, NotFound, RejectedInput, Unavailable

_DEFAULT_RETRY_S = 1.0
_MAX_RETRY_S = 3_600.0
_OVERLOADED = frozenset({429, 503})


def classify(
    status: int,
    body: Mapping[str, object] | None,
    *,
    retry_after: str | None = None,
    harmless: bool,
    now: datetime | None = None,
) -> CallError:
    """The error that a reply other than a good 2xx stands for.

    `body` is the decoded object, None when it was not JSON. `harmless` says that the request may be sent again. `now` is only needed
    for a Retry-After that names a date. A 2xx with an unreadable body counts as unanswered: the effect may be there.
    """
    code = _code(body) or f"carrier_http_{status}"
    facts: dict[str, object] = {"http_status": status}
    request_id = _request_id(body)
    if request_id:
        facts["request_id"] = request_id
    if status in _OVERLOADED:
        wait_s = _retry_after_s(retry_after, now)
        return Unavailable(code, "the carrier is busy", retry_after_s=wait_s, facts=facts)
    refused = _refusal(status, code, facts)
    if refused is not None:
        return refused
    error = unanswered(harmless=harmless)
    return type(error)(code if status >= 500 else error.code, error.message, facts=facts)


def unanswered(*, harmless: bool) -> CallError:
    """The request left and no usable answer came back."""
    if harmless:
        return Unavailable("carrier_unreachable", "the carrier did not answer", retry_after_s=_DEFAULT_RETRY_S)
    return Indeterminate("carrier_unanswered", "the carrier did not answer; the call may have been placed")


def not_sent() -> Unavailable:
    """No connection was made, so nothing can have happened."""
    return Unavailable("carrier_unreachable", "the carrier could not be reached", retry_after_s=_DEFAULT_RETRY_S)


def _refusal(status: int, code: str, facts: dict[str, object]) -> CallError | None:
    if status == 402:
        return Denied(FUNDS, "the carrier's wallet is empty", facts=facts)
    if status in (401, 403):
        return Denied(code, "the carrier refused our credentials or their scope", facts=facts)
    if status in (404, 410):
        return NotFound(code, "the carrier does not know this", facts=facts)
    if status == 409:
        return Conflict(code, "the carrier says that this clashes with something it already did", facts=facts)
    if 400 <= status < 500 and status != 408:
        return RejectedInput(code, "the carrier rejected the request", facts=facts)
    return None


def _code(body: Mapping[str, object] | None) -> str | None:
    """From {"error": {"code": …}} and from the bare shape {"code": …, "reason": …}."""
    if body is None:
        return None
    error = body.get("error")
    value = error.get("code") if isinstance(error, dict) else body.get("code")
    return value[:80] if isinstance(value, str) and value else None


def _request_id(body: Mapping[str, object] | None) -> str | None:
    error = body.get("error") if body is not None else None
    value = error.get("request_id") if isinstance(error, dict) else None
    return value[:80] if isinstance(value, str) and value else None


def _retry_after_s(header: str | None, now: datetime | None) -> float:
    """Seconds to wait, from a count of seconds or an HTTP date (RFC 9110 §10.2.3); one second when there is none."""
    if not header:
        return _DEFAULT_RETRY_S
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _MAX_RETRY_S)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return _DEFAULT_RETRY_S
    if now is None or until.tzinfo is None:
        return _DEFAULT_RETRY_S
    return min(max((until - now.astimezone(UTC)).total_seconds(), 0.0), _MAX_RETRY_S)
