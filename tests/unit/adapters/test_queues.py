"""Messages to queues: what SQS is given, as its own SDK checks it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from pokea.adapters import clients
from pokea.adapters.queues import Queue, teller_of
from pokea.errors import Unavailable
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


# --- who hears of an end tells two queues of it -----------------------------------------------------------------------------------

ENDED, CDR = URL, "https://sqs.eu-west-1.amazonaws.com/000000000000/pokea-cdr"
CAMPAIGNS = "https://sqs.eu-west-1.amazonaws.com/000000000000/pokea-campaign-ended"
CALL = SessionId("HD_1"), BusinessId("b")


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    client = boto3.client("sqs", region_name="eu-west-1", aws_access_key_id="k", aws_secret_access_key="s")
    monkeypatch.setattr(clients, "sqs", lambda: client)
    with Stubber(client) as stubbed:
        yield stubbed
        stubbed.assert_no_pending_responses()


def expected(url: str, delay_s: int) -> dict[str, object]:
    message = {"version": 1, "call": "HD_1", "business": "b"}
    return {"QueueUrl": url, "MessageBody": json.dumps(message), "DelaySeconds": delay_s}


def test_both_queues_are_told_and_detail_records_do_not_wait_for_the_bridge(stub: Stubber) -> None:
    stub.add_response("send_message", {}, expected(ENDED, 300))
    stub.add_response("send_message", {}, expected(CDR, 8))
    teller_of(ENDED, CDR)(*CALL, 300)


def test_campaigns_hear_of_an_end_at_once_because_a_call_that_is_not_settled_holds_a_channel(stub: Stubber) -> None:
    stub.add_response("send_message", {}, expected(ENDED, 300))
    stub.add_response("send_message", {}, expected(CDR, 8))
    stub.add_response("send_message", {}, expected(CAMPAIGNS, 2))
    teller_of(ENDED, CDR, CAMPAIGNS)(*CALL, 300)


def test_a_queue_that_fails_does_not_keep_the_other_from_hearing(stub: Stubber) -> None:
    stub.add_client_error("send_message", "ServiceUnavailable", expected_params=expected(ENDED, 0))
    stub.add_response("send_message", {}, expected(CDR, 0))
    with pytest.raises(Unavailable):
        teller_of(ENDED, CDR)(*CALL, 0)


def test_the_other_one_s_failure_is_told_as_well(stub: Stubber) -> None:
    stub.add_response("send_message", {}, expected(ENDED, 0))
    stub.add_client_error("send_message", "ServiceUnavailable", expected_params=expected(CDR, 0))
    with pytest.raises(Unavailable):
        teller_of(ENDED, CDR)(*CALL, 0)


def test_many_messages_go_by_tens_and_one_that_is_not_taken_is_told(stub: Stubber) -> None:
    def bundle(numbers: range) -> dict[str, object]:
        entries = [{"Id": str(at), "MessageBody": json.dumps({"n": n})} for at, n in enumerate(numbers)]
        return {"QueueUrl": URL, "Entries": entries}

    queue = Queue(clients.sqs(), URL)
    stub.add_response("send_message_batch", {"Successful": [], "Failed": []}, bundle(range(10)))
    stub.add_response("send_message_batch", {"Successful": [], "Failed": []}, bundle(range(10, 12)))
    queue.send_all([{"n": n} for n in range(12)])
    failed = {"Id": "0", "SenderFault": False, "Code": "x"}
    stub.add_response("send_message_batch", {"Successful": [], "Failed": [failed]}, bundle(range(1)))
    with pytest.raises(Unavailable):
        queue.send_all([{"n": 0}])
    queue.send_all([])
