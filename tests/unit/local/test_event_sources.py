"""The local event sources: what of the template they read, and what becomes of a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.aws_queues import BucketSpec, load_buckets, load_queues, names_of
from local.event_sources import EventSources, QueueSource, event_of, failed_of, sources_of
from local.gateway_functions import FunctionError, TimedOut
from local.gateway_template import BadTemplate, read_template
from local.processes import ROOT

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

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:
        self.deleted.append(ReceiptHandle)


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
