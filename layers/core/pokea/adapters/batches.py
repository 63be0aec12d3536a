"""One batch of an SQS queue: every message by itself, and those that failed named, so that only they come back.

Messages hold ids and no news of their own. So one that says the very same as another of its batch is taken with it: all of them had been
sent before the first was looked at. Several witnesses tell of the end of each call, and where there is much to do they stand together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, FailureResponse, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from pokea.adapters.observability import Log

Work = Callable[[str, str], None]  # the message's body and its id; raising keeps the message in the queue


class _Batch(BatchProcessor):
    """Logs what failed by type, code and place; the message itself is not logged."""

    def __init__(self, log: Log) -> None:
        super().__init__(EventType.SQS, raise_on_entire_batch_failure=False)
        self._log = log

    def failure_handler(self, record: Any, exception: Any) -> FailureResponse:
        error = exception[1]
        self._log.error("message not taken", error, event_id=record.message_id)
        self._log.count("MessageFailed")
        self.exceptions.append(exception)  # what super() does, but for a debug line that quotes the error
        self.fail_messages.append(record)
        return "fail", type(error).__name__, record


def each(event: dict[str, Any], context: Any, work: Work, log: Log) -> dict[str, Any]:
    """What a function with ReportBatchItemFailures answers. Never raises for what `work` raises."""
    taken: set[str] = set()

    def take(record: SQSRecord) -> None:
        if record.body in taken:
            return
        work(record.body, record.message_id)
        taken.add(record.body)

    return dict(process_partial_response(event, take, _Batch(log), context))
