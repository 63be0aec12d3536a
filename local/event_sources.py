"""SQS event sources on one machine: reads them from template.yaml, polls the queues and invokes the functions as Lambda does.

    async with EventSources(functions, sources_of(template), client, os.environ):
        …

A batch that is answered loses its messages but for those the answer names in `batchItemFailures` (where the template says
ReportBatchItemFailures); one whose function raises or runs out of time keeps all of them. What is kept comes back after the queue's
visibility timeout, and after `maxReceiveCount` deliveries the queue itself moves it to its dead letter queue.

One poll of a queue is under way at a time, however many of its batches are being worked on: an idle queue costs one request a second. No
more is received than there are hands for, so that nothing grows old in this process. With LOCAL_QUEUE_POLL_S a poll is longer, where many
desks would be polled for nothing and stopping may take as long.
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
POLL_SETTING = "LOCAL_QUEUE_POLL_S"  # names another length
MOST_AT_ONCE = 8  # batches of one queue: a desk has few cores, but most of a call's message is waiting for its turn
MOST_RECEIVED = 10  # SQS gives no more at once
TROUBLE_S = 1.0  # between polls of a queue that cannot be reached
REPORTS = "ReportBatchItemFailures"
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Invoker(Protocol):
    async def call(self, name: str, event: object) -> Any:
        """The answer of the function `name`. Raises FunctionError and TimedOut."""


@dataclass(frozen=True, slots=True)
class QueueSource:
    """One function that consumes one queue. `setting` holds the queue's URL. `at_once`: batches that are worked on at the same time: more
    than one where a batch is one message. Of the others, what comes meanwhile makes the next batch, which costs less than many small ones.
    `window_s`: how long a batch that is not full waits for more."""

    function: str
    queue: str
    setting: str
    batch_size: int
    reports_failures: bool
    at_once: int = 1
    window_s: float = 0.0


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
    window_s = float(properties.get("MaximumBatchingWindowInSeconds", 0))
    return QueueSource(function, queue, names_of(queue, "Queue")[1], size, reports, at_once, window_s)


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
        self._poll_s = int(environ.get(POLL_SETTING, "") or POLL_S)
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        # Of their own: those of the loop are few, and a poll holds one for a second.
        self._threads = ThreadPoolExecutor(max(1, 2 * len(self._sources)), "queue")

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._poll_for_ever(source, url)) for source, url in self._sources]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        self._threads.shutdown()

    async def _poll_for_ever(self, source: QueueSource, url: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        hands = _Hands(source.at_once)
        async with asyncio.TaskGroup() as working:
            while not self._stopping.is_set():
                free = await hands.free()
                if self._stopping.is_set():
                    break
                try:
                    messages = await self._gathered(source, url, _most(source, free))
                except (BotoCoreError, ClientError) as problem:
                    await self._in_trouble(source, problem)
                    continue
                for start in range(0, len(messages), source.batch_size):
                    hands.take()
                    work = self._finish(source, url, messages[start : start + source.batch_size])
                    working.create_task(work).add_done_callback(hands.give_back)

    async def _gathered(self, source: QueueSource, url: str, most: int) -> list[MessageTypeDef]:
        messages = await self._in_thread(self._receive, url, most, self._poll_s)
        if messages and len(messages) < most and source.window_s:
            await self._wait(source.window_s)
            messages += await self._more(url, most - len(messages))
        return messages

    async def _more(self, url: str, most: int) -> list[MessageTypeDef]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return await self._in_thread(self._receive, url, most, 0)
        except (BotoCoreError, ClientError):
            return []  # what was received before is worked on; the next poll says what is wrong

    async def _wait(self, seconds: float) -> None:
        """Ends early when it is time to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _in_trouble(self, source: QueueSource, problem: Exception) -> None:
        if self._stopping.is_set():
            return
        _log.warning("queue %s cannot be read: %s", source.queue, type(problem).__name__)
        await self._wait(TROUBLE_S)

    async def _finish(self, source: QueueSource, url: str, messages: Sequence[MessageTypeDef]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            await self._work(source, url, messages)
        except (BotoCoreError, ClientError) as problem:
            await self._in_trouble(source, problem)  # what was not deleted comes again, and every consumer bears that

    async def poll(self, source: QueueSource, url: str, wait_s: int = POLL_S) -> int:
        """One batch, if there is one; returns how many of its messages are done with."""
        messages = await self._in_thread(self._receive, url, _most(source, 1), wait_s)
        return await self._work(source, url, messages) if messages else 0

    async def _work(self, source: QueueSource, url: str, messages: Sequence[MessageTypeDef]) -> int:
        done = await self._deliver(source, messages)
        if done:
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
        entries: Any = [
            {"Id": str(number), "ReceiptHandle": message.get("ReceiptHandle", "")}
            for number, message in enumerate(messages)
        ]
        if failed := self._make_client().delete_message_batch(QueueUrl=url, Entries=entries).get("Failed"):
            _log.warning("%d messages could not be deleted and come again", len(failed))

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


class _Hands:
    """How many more batches of a queue may be worked on now."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._changed = asyncio.Event()
        self._changed.set()

    async def free(self) -> int:
        """At least one; waits for it."""
        await self._changed.wait()
        return self._free

    def take(self) -> None:
        self._free -= 1
        if not self._free:
            self._changed.clear()

    def give_back(self, _: object) -> None:
        self._free += 1
        self._changed.set()


def _most(source: QueueSource, hands: int) -> int:
    """Messages that one poll may bring."""
    return min(source.batch_size * hands, MOST_RECEIVED)


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
    items = failures if isinstance(failures, list) else []
    named = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in items]
    texts = {name for name in named if isinstance(name, str)}
    is_clear = bool(named) and all(isinstance(name, str) for name in named) and texts <= set(ids)
    return texts if is_clear else set(ids)
