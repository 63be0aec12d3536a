"""What a failed DynamoDB call means. One table; everything else in the adapters only asks it.

STALE    a condition did not hold: an answer, not a fault                     → Conflict("stale")
BUSY     nothing was written: throttled, in conflict, or never sent           → Unavailable
UNSURE   the request was sent and the reply is missing or is a server fault   → a read: Unavailable, a write: Indeterminate
BROKEN   our own bug or a wrong set-up: asking again cannot help              → Misuse
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from botocore import exceptions as boto

from pokea.errors import CallError, Indeterminate, Misuse, Unavailable

DynamoError = boto.BotoCoreError | boto.ClientError
DYNAMO_ERRORS = (boto.BotoCoreError, boto.ClientError, boto.HTTPClientError)


class Verdict(StrEnum):
    STALE = "stale"
    BUSY = "busy"
    UNSURE = "unsure"
    BROKEN = "broken"


# Codes of the service. A code that is not here is judged by its HTTP status: 5xx UNSURE, anything else BROKEN.
_BY_CODE: Mapping[str, Verdict] = {
    "ConditionalCheckFailedException": Verdict.STALE,
    "TransactionConflictException": Verdict.BUSY,
    "ProvisionedThroughputExceededException": Verdict.BUSY,
    "ThrottlingException": Verdict.BUSY,
    "Throttling": Verdict.BUSY,
    "RequestLimitExceeded": Verdict.BUSY,
    "LimitExceededException": Verdict.BUSY,
    "TransactionInProgressException": Verdict.UNSURE,  # an earlier try of ours is still being executed
    "InternalServerError": Verdict.UNSURE,
    "InternalServerErrorException": Verdict.UNSURE,
    "ServiceUnavailable": Verdict.UNSURE,
    "ServiceUnavailableException": Verdict.UNSURE,
}

# Why a transaction was cancelled, one reason per action. A cancelled transaction wrote nothing.
_BY_REASON: Mapping[str, Verdict] = {
    "ConditionalCheckFailed": Verdict.STALE,
    "TransactionConflict": Verdict.BUSY,
    "ProvisionedThroughputExceeded": Verdict.BUSY,
    "ThrottlingError": Verdict.BUSY,
}

# Faults on the way, most specific first. Whatever fails before the request is written has changed nothing.
_BY_TYPE: tuple[tuple[type[Exception], Verdict], ...] = (
    (boto.ConnectTimeoutError, Verdict.BUSY),
    (boto.EndpointConnectionError, Verdict.BUSY),
    (boto.ProxyConnectionError, Verdict.BUSY),
    (boto.SSLError, Verdict.BUSY),
    (boto.HTTPClientError, Verdict.UNSURE),  # read timeout, connection closed, torn reply
    (boto.IncompleteReadError, Verdict.UNSURE),
)


def verdict_on(error: Exception) -> Verdict:
    """Which of the four meanings `error` has. `error`: one of DYNAMO_ERRORS."""
    if not isinstance(error, boto.ClientError):
        return next((verdict for kind, verdict in _BY_TYPE if isinstance(error, kind)), Verdict.BROKEN)
    if code_of(error) == "TransactionCanceledException":
        return _verdict_on_reasons([reason for reason, _ in cancellation_reasons(error)])
    by_status = Verdict.UNSURE if _http_status(error) >= 500 else Verdict.BROKEN
    return _BY_CODE.get(code_of(error), by_status)


def _verdict_on_reasons(reasons: list[str]) -> Verdict:
    """A failed condition outweighs a busy item: trying again on the same versions could never succeed."""
    found = [_BY_REASON.get(reason, Verdict.BROKEN) for reason in reasons if reason != "None"]
    for verdict in (Verdict.BROKEN, Verdict.STALE, Verdict.BUSY):
        if verdict in found:
            return verdict
    return Verdict.BUSY  # cancelled without a reason


def cancellation_reasons(error: Exception) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(code, stored item or {}) of each action of a cancelled transaction, in the order of the actions."""
    response = error.response if isinstance(error, boto.ClientError) else {}
    for reason in response.get("CancellationReasons", ()):
        yield reason.get("Code") or "None", reason.get("Item") or {}


def stored_item(error: Exception) -> Mapping[str, Any]:
    """The item that made a single write's condition fail, if the service sent it."""
    response: Mapping[str, Any] = error.response if isinstance(error, boto.ClientError) else {}
    item: Mapping[str, Any] = response.get("Item") or {}
    return item


def final_error(error: Exception, *, may_have_written: bool, retry_after_s: float) -> CallError:
    """What the domain is told once no further try will be made. Carries the service's code, never an item's content."""
    facts = {"cause": code_of(error)}
    if may_have_written:
        return Indeterminate("store_reply_lost", "the store may or may not have made the change", facts=facts)
    if verdict_on(error) is Verdict.BROKEN:
        return Misuse("store_refused", f"the store refused the request: {code_of(error)}", facts=facts)
    return Unavailable("store_unavailable", "the store is busy or down", retry_after_s=retry_after_s, facts=facts)


def code_of(error: Exception) -> str:
    if isinstance(error, boto.ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def _http_status(error: boto.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
