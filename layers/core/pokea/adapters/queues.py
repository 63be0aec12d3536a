"""Messages to SQS queues: small JSON objects of ids, never of names, numbers or words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pokea.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class Queue:
    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, message: Mapping[str, str | int]) -> None:
        """Raises Unavailable; the message may have been sent all the same, and its consumers take every message any number of times."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(dict(message)))
        except (BotoCoreError, ClientError) as problem:
            raise Unavailable("queue_unavailable", f"the message was not taken ({type(problem).__name__})") from None
