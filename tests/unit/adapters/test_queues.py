"""Messages to queues: what SQS is given, as its own SDK checks it."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.stub import Stubber

from pokea.adapters.queues import Queue, teller_of
from pokea.ids import BusinessId, SessionId

URL = "https://sqs.eu-west-1.amazonaws.com/000000000000/pokea-ended"


@pytest.mark.parametrize(("asked_s", "given_s"), [(0, 0), (300, 300), (1_200, 900)])
def test_a_message_is_delayed_as_asked_but_no_longer_than_the_queue_can(asked_s: int, given_s: int) -> None:
    client = boto3.client("sqs", region_name="eu-west-1", aws_access_key_id="k", aws_secret_access_key="s")
    message = {"version": 1, "call": "HD_1"}
    with Stubber(client) as stub:
        stub.add_response(
            "send_message", {}, {"QueueUrl": URL, "MessageBody": json.dumps(message), "DelaySeconds": given_s}
        )
        Queue(client, URL).send(message, asked_s)
        stub.assert_no_pending_responses()


def test_where_there_is_no_queue_nobody_is_told() -> None:
    teller_of("")(SessionId("HD_1"), BusinessId("b"), 300)
