"""Messages to SQS queues: small JSON objects of ids, never of names, numbers or words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pokea.errors import Unavailable
from pokea.ids import BusinessId, SessionId

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


MAX_DELAY_S = 900  # SQS takes no longer one


class Queue:
    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, message: Mapping[str, str | int], delay_s: int = 0) -> None:
        """Raises Unavailable; the message may have been sent all the same, and its consumers take every message any number of times."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            body = json.dumps(dict(message))
            self._client.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=min(delay_s, MAX_DELAY_S))
        except (BotoCoreError, ClientError) as problem:
            raise Unavailable("queue_unavailable", f"the message was not taken ({type(problem).__name__})") from None


def teller_of(queue_url: str) -> Callable[[SessionId, BusinessId, int], None]:
    """Tells the queue of ended calls that one is over, to be heard after so many seconds; nobody where there is no queue.

    The client is made with the first message: whoever has none to send does not pay for it.
    """

    def tell(session_id: SessionId, business_id: BusinessId, delay_s: int) -> None:
        if queue_url:
            from pokea.adapters.clients import sqs

            Queue(sqs(), queue_url).send({"version": 1, "call": session_id, "business": business_id}, delay_s)

    return tell
