"""What each failure of DynamoDB means, by what really comes out of botocore."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions as boto

from pokea.adapters.dynamo_errors import Verdict, final_error, verdict_on
from pokea.errors import Indeterminate, Misuse, Unavailable

URL = "http://127.0.0.1:1"


def service_error(code: str, status: int = 400, **more: Any) -> boto.ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return boto.ClientError(response, "PutItem")


def cancelled(*reasons: str) -> boto.ClientError:
    return service_error("TransactionCanceledException", CancellationReasons=[{"Code": reason} for reason in reasons])


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (service_error("ConditionalCheckFailedException"), Verdict.STALE),
        (service_error("ThrottlingException"), Verdict.BUSY),
        (service_error("ProvisionedThroughputExceededException"), Verdict.BUSY),
        (service_error("RequestLimitExceeded"), Verdict.BUSY),
        (service_error("TransactionConflictException"), Verdict.BUSY),
        (service_error("TransactionInProgressException"), Verdict.UNSURE),
        (service_error("InternalServerError", 500), Verdict.UNSURE),
        (service_error("SomethingNew", 503), Verdict.UNSURE),
        (service_error("ValidationException"), Verdict.BROKEN),
        (service_error("AccessDeniedException"), Verdict.BROKEN),
        (service_error("ResourceNotFoundException"), Verdict.BROKEN),
        (service_error("IdempotentParameterMismatchException"), Verdict.BROKEN),
        (boto.ConnectTimeoutError(endpoint_url=URL), Verdict.BUSY),
        (boto.EndpointConnectionError(endpoint_url=URL), Verdict.BUSY),
        (boto.ReadTimeoutError(endpoint_url=URL), Verdict.UNSURE),
        (boto.ConnectionClosedError(endpoint_url=URL), Verdict.UNSURE),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), Verdict.UNSURE),
        (boto.NoCredentialsError(), Verdict.BROKEN),
        (boto.ParamValidationError(report="x"), Verdict.BROKEN),
    ],
    ids=lambda value: value.response["Error"]["Code"] if isinstance(value, boto.ClientError) else type(value).__name__,
)
def test_every_failure_has_one_meaning(error: Exception, verdict: Verdict) -> None:
    assert verdict_on(error) is verdict


@pytest.mark.parametrize(
    ("reasons", "verdict"),
    [
        (["None", "ConditionalCheckFailed"], Verdict.STALE),
        (["TransactionConflict", "None"], Verdict.BUSY),
        (["ThrottlingError", "None"], Verdict.BUSY),
        (["ProvisionedThroughputExceeded"], Verdict.BUSY),
        (["TransactionConflict", "ConditionalCheckFailed"], Verdict.STALE),  # the busy item would only fail later
        (["ConditionalCheckFailed", "ValidationError"], Verdict.BROKEN),
        (["None"], Verdict.BUSY),
    ],
)
def test_a_cancelled_transaction_is_read_reason_by_reason(reasons: list[str], verdict: Verdict) -> None:
    assert verdict_on(cancelled(*reasons)) is verdict


def test_a_fault_that_cannot_have_written_is_safe_to_retry() -> None:
    error = final_error(service_error("ThrottlingException"), may_have_written=False, retry_after_s=0.5)
    assert isinstance(error, Unavailable)
    assert error.retry_after_s == 0.5
    assert error.facts == {"cause": "ThrottlingException"}


def test_a_fault_after_which_a_write_may_stand_is_indeterminate() -> None:
    assert isinstance(
        final_error(boto.ReadTimeoutError(endpoint_url=URL), may_have_written=True, retry_after_s=1), Indeterminate
    )


def test_a_later_refusal_does_not_undo_that_an_earlier_try_may_have_written() -> None:
    assert isinstance(
        final_error(service_error("ThrottlingException"), may_have_written=True, retry_after_s=1), Indeterminate
    )


def test_our_own_mistake_is_no_outage() -> None:
    error = final_error(service_error("ValidationException"), may_have_written=False, retry_after_s=1)
    assert isinstance(error, Misuse)
    assert not error.retryable
