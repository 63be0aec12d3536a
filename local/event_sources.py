"""SQS event sources on one machine: reads them from template.yaml, polls the queues and invokes the functions as Lambda does.

    async with EventSources(functions, sources_of(template), client, os.environ):
        …

A batch that is answered loses its messages but for those the answer names in `batchItemFailures` (where the template says
ReportBatchItemFailures); one whose function raises or runs out of time keeps all of them. What is kept comes back after the queue's
visibility timeout, and after `maxReceiveCount` deliveries the queue itself moves it to its dead letter queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from local.aws_queues import names_of
from local.gateway_functions import FunctionError, TimedOut
from local.gateway_template import BadTemplate, functions_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

POLL_S = 1  # a long poll; stopping waits for the one under way
MOST_AT_ONCE = 2  # of one queue: a desk has few cores, and a poller that waits costs a request a second
TROUBLE_S = 1.0  # between polls of a queue that cannot be reached
REPORTS = "ReportBatchItemFailures"
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Invoker(Protocol):
    async def call(self, name: str, event: object) -> Any:
        """The answer of the function `name`. Raises FunctionError and TimedOut."""


@dataclass(frozen=True, slots=True)
class QueueSource:
    """One function that consumes one queue. `setting` holds the queue's URL. `at_once`: batches that are worked on at the same time:
    more than one where a batch is one message, so that one of them does not wait for the other's turn."""

    function: str
    queue: str
    setting: str
    batch_size: int
    reports_failures: bool
    at_once: int = 1


def sources_of(template: Mapping[str, Any]) -> tuple[QueueSource, ...]:
    """The enabled SQS events of every function. Raises BadTemplate."""
    names = {function.handler: function.name for function in functions_of(template)}
    return tuple(
        _source(names[resource["Properties"]["Handler"]], event.get("Properties", {}))
        for resource in template["Resources"].values()
        if resource.get("Type") == "AWS::Serverless::Function"
        for event in resource["Properties"].get("Events", {}).values()
        if event.get("Type") == "SQS" and event.get("Properties", {}).get("Enabled", True)
    )


def _source(function: str, properties: Mapping[str, Any]) -> QueueSource:
    target = str(properties.get("Queue", {}).get("Fn::GetAtt", ""))
    if not target.endswith(".Arn"):
        raise BadTemplate(f"{function}: an SQS event needs Queue: !GetAtt SomeQueue.Arn")
    queue = target.removesuffix(".Arn")
    reports = REPORTS in properties.get("FunctionResponseTypes", ())
    size, scaling = int(properties.get("BatchSize", 10)), properties.get("ScalingConfig", {})
    at_once = min(int(scaling.get("MaximumConcurrency", 1)), MOST_AT_ONCE) if size == 1 else 1
    return QueueSource(function, queue, names_of(queue, "Queue")[1], size, reports, at_once)


class EventSources:
    """Polls every source whose queue `environ` names. Leaving the block waits for the batches in progress."""

    def __init__(
        self,
        functions: Invoker,
        sources: Sequence[QueueSource],
        client: Callable[[], SQSClient],
        environ: Mapping[str, str],
    ) -> None:
        self._functions = functions
        self._sources = [(source, url) for source in sources if (url := environ.get(source.setting, ""))]
        self._make_client = client
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        # Of their own: those of the loop are few, and a poll holds one for a second.
        self._threads = ThreadPoolExecutor(max(1, 2 * sum(source.at_once for source, _ in self._sources)), "queue")

    async def __aenter__(self) -> Self:
        pollers = [(source, url) for source, url in self._sources for _ in range(source.at_once)]
        self._tasks = [asyncio.create_task(self._poll_for_ever(source, url)) for source, url in pollers]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        self._threads.shutdown()

    async def _poll_for_ever(self, source: QueueSource, url: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        while not self._stopping.is_set():
            try:
                await self.poll(source, url)
            except (BotoCoreError, ClientError) as problem:
                if self._stopping.is_set():
                    return
                _log.warning("queue %s cannot be read: %s", source.queue, type(problem).__name__)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), TROUBLE_S)

    async def poll(self, source: QueueSource, url: str, wait_s: int = POLL_S) -> int:
        """One batch, if there is one; returns how many of its messages are done with."""
        messages = await self._in_thread(self._receive, url, min(source.batch_size, 10), wait_s)
        if not messages:
            return 0
        done = await self._deliver(source, messages)
        await self._in_thread(self._delete, url, done)
        return len(done)

    async def _in_thread(self, work: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    def _receive(self, url: str, at_most: int, wait_s: int) -> list[MessageTypeDef]:
        received = self._make_client().receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=at_most,
            WaitTimeSeconds=wait_s,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return received.get("Messages", [])

    def _delete(self, url: str, messages: Sequence[MessageTypeDef]) -> None:
        for message in messages:
            self._make_client().delete_message(QueueUrl=url, ReceiptHandle=message.get("ReceiptHandle", ""))

    async def _deliver(self, source: QueueSource, messages: Sequence[MessageTypeDef]) -> list[MessageTypeDef]:
        try:
            answer = await self._functions.call(source.function, event_of(messages, source.queue))
        except (FunctionError, TimedOut) as problem:
            _log.warning("%s took nothing of %d messages: %s", source.function, len(messages), problem.kind)
            return []
        if not source.reports_failures:
            return list(messages)
        failed = failed_of(answer, [message.get("MessageId", "") for message in messages])
        return [message for message in messages if message.get("MessageId", "") not in failed]


def event_of(messages: Sequence[MessageTypeDef], queue: str) -> dict[str, Any]:
    """The event that Lambda makes of a batch."""
    return {"Records": [_record(message, queue) for message in messages]}


def _record(message: MessageTypeDef, queue: str) -> dict[str, Any]:
    attributes = message.get("MessageAttributes") or {}
    return {
        "messageId": message.get("MessageId", ""),
        "receiptHandle": message.get("ReceiptHandle", ""),
        "body": message.get("Body", ""),
        "attributes": dict(message.get("Attributes") or {}),
        "messageAttributes": {
            name: {"stringValue": value.get("StringValue", ""), "dataType": value.get("DataType", "String")}
            for name, value in attributes.items()
        },
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:local:000000000000:{queue}",
        "awsRegion": "local",
    }


def failed_of(answer: object, ids: Sequence[str]) -> set[str]:
    """The messages that come back: those the answer names; all of them for an answer that names one we did not send, or none at all."""
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else []
    if failures is None or failures == []:
        return set()
    named = (
        {item.get("itemIdentifier") for item in failures if isinstance(item, dict)}
        if isinstance(failures, list)
        else set()
    )
    return {str(name) for name in named} if named and named <= set(ids) else set(ids)
