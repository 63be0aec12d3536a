"""The queue of ended calls on the local AWS: delivered, redelivered, and at last put aside."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from local.aws import LocalAws
from local.event_sources import EventSources, sources_of
from local.gateway_template import read_template
from pokea.adapters.queues import Queue
from tests.integration.bridge_peers import until
from tests.support.store import TEMPLATE, RunningAws


class Consumer:
    """Takes everything but poison."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str]] = []

    async def call(self, name: str, event: Any) -> Any:
        assert name == "pokea-records"
        records = event["Records"]
        self.received += [(record["body"], record["attributes"]["ApproximateReceiveCount"]) for record in records]
        failed = [{"itemIdentifier": record["messageId"]} for record in records if "poison" in record["body"]]
        return {"batchItemFailures": failed}


async def test_a_message_that_fails_comes_back_alone_and_ends_in_the_dead_letter_queue(local_aws: RunningAws) -> None:
    aws, consumer = local_aws.aws, Consumer()
    environ = await asyncio.to_thread(aws.queue_environ, "test-desk")
    url, client = environ["POKEA_ENDED_QUEUE_URL"], aws.sqs()
    client.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "0"})
    queue = Queue(client, url)
    queue.send({"call": "good", "version": 1})
    queue.send({"call": "poison", "version": 1})
    dead = client.get_queue_url(QueueName="pokea-ended-dead-test-desk")["QueueUrl"]

    def dead_letters() -> int:
        found = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    async with EventSources(consumer, sources_of(read_template(TEMPLATE)), lambda: client, environ):
        await until(lambda: dead_letters() == 1, "the poison was put aside")
    bodies = [body for body, _ in consumer.received]
    assert sum("good" in body for body in bodies) == 1
    assert [count for body, count in consumer.received if "poison" in body] == ["1", "2", "3", "4", "5"]


async def test_queues_from_an_earlier_start_are_found_again_at_the_new_address(tmp_path: Path) -> None:
    changed = tmp_path / "template.yaml"
    changed.write_text(TEMPLATE.read_text().replace("VisibilityTimeout: 360", "VisibilityTimeout: 377"))
    for template, visibility, waiting in ((TEMPLATE, "360", "1"), (changed, "377", "2")):
        async with LocalAws(tmp_path / "state", template) as aws:
            url = (await asyncio.to_thread(aws.queue_environ, "desk"))["POKEA_ENDED_QUEUE_URL"]
            assert url.startswith(aws.endpoint_url)
            client = aws.sqs()
            Queue(client, url).send({"call": "x", "version": 1})
            found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            assert (found["VisibilityTimeout"], found["ApproximateNumberOfMessages"]) == (visibility, waiting)
