"""Messages to SQS queues: small JSON objects of ids, never of names, numbers or words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pokea.errors import Unavailable
from pokea.ids import BusinessId, SessionId

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType


MAX_DELAY_S = 900  # SQS takes no longer one
BATCH = 10  # nor more messages at once
CARRIER_CLOSES_WITHIN_S = 8  # of its word that a call is over its own record is usually closed, too
HOOKS_COME_WITHIN_S = 2  # of one another; until an attempt of a campaign is settled it holds a channel


class Queue:
    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, message: Mapping[str, object], delay_s: int = 0) -> None:
        """Raises Unavailable; the message may have been sent all the same, and its consumers take every message any number of times."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            body = json.dumps(dict(message))
            self._client.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=min(delay_s, MAX_DELAY_S))
        except (BotoCoreError, ClientError) as problem:
            raise Unavailable("queue_unavailable", f"the message was not taken ({type(problem).__name__})") from None

    def send_all(self, messages: Sequence[Mapping[str, object]]) -> None:
        """Raises Unavailable if any was not taken; any of them may have been sent all the same."""
        self.send_spread([(message, 0) for message in messages])

    def send_spread(self, messages: Sequence[tuple[Mapping[str, object], int]]) -> None:
        """Each to be heard after so many seconds. Raises as `send_all`."""
        from botocore.exceptions import BotoCoreError, ClientError

        for start in range(0, len(messages), BATCH):
            part = enumerate(messages[start : start + BATCH])
            entries = [_entry(number, message, delay_s) for number, (message, delay_s) in part]
            try:
                answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]
            except (BotoCoreError, ClientError) as problem:
                text = f"messages were not taken ({type(problem).__name__})"
                raise Unavailable("queue_unavailable", text) from None
            if answer.get("Failed"):
                raise Unavailable("queue_unavailable", "some messages were not taken")

    def depth(self) -> int:
        """How many messages it holds, about: those that wait, that are delayed, and that are being worked on. Raises Unavailable."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=list(_DEPTHS))
        except (BotoCoreError, ClientError) as problem:
            raise Unavailable("queue_unavailable", f"the queue does not answer ({type(problem).__name__})") from None
        return sum(int(found.get("Attributes", {}).get(name, 0)) for name in _DEPTHS)


_DEPTHS: tuple[QueueAttributeNameType, ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def _entry(number: int, message: Mapping[str, object], delay_s: int) -> dict[str, object]:
    entry: dict[str, object] = {"Id": str(number), "MessageBody": json.dumps(dict(message))}
    return {**entry, "DelaySeconds": min(delay_s, MAX_DELAY_S)} if delay_s else entry


def teller_of(
    ended_url: str, cdr_url: str = "", campaign_url: str = ""
) -> Callable[[SessionId, BusinessId, int], None]:
    """Tells the queue of ended calls that one is over, to be heard after so many seconds, and at once those of detail records and of
    campaigns; nobody where there is no queue.

    The client is made with the first message: whoever has none to send does not pay for it. Raises Unavailable if one of them did not take
    it: all have been asked by then, and whoever tells a second time does no harm.
    """

    def tell(session_id: SessionId, business_id: BusinessId, delay_s: int) -> None:
        told = [
            (ended_url, delay_s),
            (cdr_url, min(delay_s, CARRIER_CLOSES_WITHIN_S)),
            (campaign_url, min(delay_s, HOOKS_COME_WITHIN_S)),
        ]
        message = {"version": 1, "call": session_id, "business": business_id}
        trouble: Unavailable | None = None
        for queue_url, after_s in told:
            if not queue_url:
                continue
            from pokea.adapters.clients import sqs

            try:
                Queue(sqs(), queue_url).send(message, after_s)
            except Unavailable as problem:
                trouble = problem
        if trouble is not None:
            raise trouble

    return tell
