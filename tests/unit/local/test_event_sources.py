"""The local event sources: what of the template they read, and what becomes of a batch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.aws_queues import BucketSpec, load_buckets, load_queues, names_of
from local.event_sources import (
    MOST_AT_ONCE,
    POLL_S,
    POLL_SETTING,
    EventSources,
    QueueSource,
    event_of,
    failed_of,
    sources_of,
)
from local.gateway_functions import FunctionError, TimedOut
from local.gateway_template import BadTemplate, read_template
from local.processes import ROOT
from tests.integration.bridge_peers import until

TEMPLATE = """
Resources:
  JobsQueue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      RedrivePolicy: {deadLetterTargetArn: !GetAtt JobsDeadQueue.Arn, maxReceiveCount: 3}
  JobsDeadQueue:
    Type: AWS::SQS::Queue
  CallSoundsBucket:
    Type: AWS::S3::Bucket
  JobsFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: functions.jobs.app.handler
      Events:
        Jobs:
          Type: SQS
          Properties: {Queue: !GetAtt JobsQueue.Arn, BatchSize: 7, FunctionResponseTypes: [ReportBatchItemFailures]}
"""
MESSAGES: list[Any] = [
    {"MessageId": "m1", "ReceiptHandle": "r1", "Body": "one", "Attributes": {"ApproximateReceiveCount": "2"}},
    {"MessageId": "m2", "ReceiptHandle": "r2", "Body": "two"},
]


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return path


class Queue:
    """One SQS queue as the poller uses it."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.asked: list[dict[str, Any]] = []

    def receive_message(self, **request: Any) -> Any:
        self.asked.append(request)
        return {"Messages": MESSAGES}

    def delete_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:
        self.deleted += [entry["ReceiptHandle"] for entry in Entries]
        return {}


class Functions:
    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.called: list[tuple[str, Any]] = []

    async def call(self, name: str, event: Any) -> Any:
        self.called.append((name, event))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


SOURCE = QueueSource("jobs", "JobsQueue", "POKEA_JOBS_QUEUE_URL", 7, True)


async def after_one_poll(answer: Any, source: QueueSource = SOURCE) -> tuple[list[str], Functions, Queue]:
    queue, functions = Queue(), Functions(answer)
    client: Any = queue
    await EventSources(functions, [source], lambda: client, {}).poll(source, "http://queue", 0)
    return queue.deleted, functions, queue


def test_sources_and_queues_are_read_from_the_template(template: Path) -> None:
    (source,) = sources_of(read_template(template))
    assert source == QueueSource("JobsFunction", "JobsQueue", "POKEA_JOBS_QUEUE_URL", 7, True)
    dead, queue = load_queues(template)
    assert (dead.logical_id, dead.name, dead.dead) == ("JobsDeadQueue", "pokea-jobs-dead", "")
    assert (queue.dead, queue.max_receives, queue.attributes) == ("JobsDeadQueue", 3, {"VisibilityTimeout": "60"})
    assert load_buckets(template) == (BucketSpec("CallSoundsBucket", "pokea-call-sounds", "POKEA_CALL_SOUNDS_BUCKET"),)


def test_the_projects_own_template_has_a_source_for_ended_calls() -> None:
    sources = sources_of(read_template(ROOT / "template.yaml"))
    assert ("pokea-records", "POKEA_ENDED_QUEUE_URL") in [(source.function, source.setting) for source in sources]


async def test_what_was_taken_is_deleted_and_what_failed_stays() -> None:
    deleted, functions, queue = await after_one_poll({"batchItemFailures": [{"itemIdentifier": "m2"}]})
    assert deleted == ["r1"]
    ((name, event),) = functions.called
    assert name == "jobs" and [record["body"] for record in event["Records"]] == ["one", "two"]
    assert queue.asked[0]["MaxNumberOfMessages"] == 7


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, "fine"])
async def test_an_answer_that_names_nothing_is_success(answer: Any) -> None:
    assert (await after_one_poll(answer))[0] == ["r1", "r2"]


@pytest.mark.parametrize(
    "answer",
    [
        FunctionError(ValueError("x")),
        TimedOut("x"),
        {"batchItemFailures": [{"itemIdentifier": "who"}]},
        {"batchItemFailures": [{}]},
        {"batchItemFailures": [{"itemIdentifier": ["m1"]}]},
        {"batchItemFailures": [{"itemIdentifier": {"m1": 1}}]},
        {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": ["m2"]}]},
        {"batchItemFailures": [{"itemIdentifier": "m1"}, "m2"]},
        {"batchItemFailures": "m1"},
    ],
)
async def test_a_function_that_fails_or_names_a_stranger_keeps_the_whole_batch(answer: Any) -> None:
    assert (await after_one_poll(answer))[0] == []


async def test_without_partial_answers_an_answered_batch_is_done() -> None:
    source = QueueSource("jobs", "JobsQueue", "POKEA_JOBS_QUEUE_URL", 7, False)
    assert (await after_one_poll({"batchItemFailures": [{"itemIdentifier": "m2"}]}, source))[0] == ["r1", "r2"]


def test_a_message_looks_as_lambda_makes_it() -> None:
    first = event_of(MESSAGES, "JobsQueue")["Records"][0]
    assert (first["messageId"], first["body"], first["eventSource"]) == ("m1", "one", "aws:sqs")
    assert first["attributes"] == {"ApproximateReceiveCount": "2"}
    assert failed_of({"batchItemFailures": [{"itemIdentifier": "m1"}]}, ["m1", "m2"]) == {"m1"}


class Held:
    """Functions that do not answer before they are let go. `most`: how many batches were worked on at once."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.batches: list[list[str]] = []
        self.most = self._now = 0

    async def call(self, name: str, event: Any) -> Any:
        self.batches.append([record["body"] for record in event["Records"]])
        self._now += 1
        self.most = max(self.most, self._now)
        await self.let_go.wait()
        self._now -= 1
        return {"batchItemFailures": []}


class Filled(Queue):
    """A queue with so many messages, given to whoever polls."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.waiting = [{"MessageId": f"m{n}", "ReceiptHandle": f"r{n}", "Body": f"b{n}"} for n in range(count)]
        self._lock = threading.Lock()

    def receive_message(self, **request: Any) -> Any:
        with self._lock:
            most = request["MaxNumberOfMessages"]
            given, self.waiting = self.waiting[:most], self.waiting[most:]
        return {"Messages": given} if given else {}


def source(size: int, at_once: int = 1, window_s: float = 0.0) -> QueueSource:
    return QueueSource("jobs", "JobsQueue", "POKEA_JOBS_QUEUE_URL", size, True, at_once, window_s)


async def run_until(queue: Any, functions: Held, wanted: QueueSource, is_there: Callable[[], bool]) -> None:
    async with EventSources(functions, [wanted], lambda: queue, {"POKEA_JOBS_QUEUE_URL": "http://queue"}):
        await until(is_there, "the queue was worked on")
        functions.let_go.set()


async def test_as_many_messages_are_worked_on_at_once_as_there_are_hands_and_no_more_are_received() -> None:
    queue, functions = Filled(20), Held()
    left: list[int] = []

    def is_there() -> bool:
        left.append(len(queue.waiting))
        return len(functions.batches) == 3

    await run_until(queue, functions, source(1, at_once=3), is_there)
    assert left[-1] == 17 and functions.most == 3
    assert queue.deleted and len(queue.deleted) == len(functions.batches)  # leaving waits for what was begun


async def test_a_batch_that_is_not_full_waits_for_more_where_the_template_says_so() -> None:
    functions = Held()
    functions.let_go.set()

    class Trickling(Filled):
        def receive_message(self, **request: Any) -> Any:
            found = super().receive_message(**request)
            if found and not self.asked:
                self.asked.append(request)
                self.waiting = [{"MessageId": "m9", "ReceiptHandle": "r9", "Body": "b9"}]
            return found

    queue = Trickling(2)
    await run_until(queue, functions, source(10, window_s=0.01), lambda: len(queue.deleted) == 3)
    assert functions.batches == [["b0", "b1", "b9"]]


async def test_larger_batches_are_worked_on_one_after_the_other() -> None:
    queue, functions = Filled(20), Held()
    await run_until(queue, functions, source(10), lambda: len(functions.batches) == 1)
    assert functions.most == 1


def test_how_many_at_once_and_how_long_a_batch_waits_come_from_the_template(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    more = "BatchSize: 1, ScalingConfig: {MaximumConcurrency: 20}, MaximumBatchingWindowInSeconds: 2"
    path.write_text(TEMPLATE.replace("BatchSize: 7", more))
    (found,) = sources_of(read_template(path))
    assert (found.batch_size, found.at_once, found.window_s) == (1, MOST_AT_ONCE, 2.0)
    path.write_text(TEMPLATE.replace("BatchSize: 7", more.replace("BatchSize: 1", "BatchSize: 10")))
    assert sources_of(read_template(path))[0].at_once == 1


@pytest.mark.parametrize(("named", "seconds"), [({}, POLL_S), ({POLL_SETTING: "3"}, 3)])
async def test_a_poll_is_as_long_as_the_environment_says(named: dict[str, str], seconds: int) -> None:
    queue, functions = Queue(), Held()
    queue_url = {"POKEA_JOBS_QUEUE_URL": "http://queue"}
    async with EventSources(functions, [source(10)], lambda: queue, {**queue_url, **named}):  # type: ignore[arg-type, return-value]
        await until(lambda: bool(functions.batches), "the queue was polled")
        functions.let_go.set()
    assert {asked["WaitTimeSeconds"] for asked in queue.asked} == {seconds}


async def test_a_source_whose_queue_nobody_named_is_not_polled() -> None:
    functions = Functions({})
    client: Any = Queue()
    async with EventSources(functions, [SOURCE], lambda: client, {}):
        pass
    assert client.asked == []


@pytest.mark.parametrize("name", ["Queue", "jobs", "Jobs"])
def test_a_name_that_says_nothing_is_refused(name: str) -> None:
    with pytest.raises(BadTemplate):
        names_of(name, "Queue")


def test_an_event_without_a_queue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(TEMPLATE.replace("Queue: !GetAtt JobsQueue.Arn, BatchSize", "BatchSize"))
    with pytest.raises(BadTemplate):
        sources_of(read_template(path))
