"""The queue at the other end of the event log: SQS, by boto3."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.shell.outbox import Answer, Send, SendFailed

_CONNECT_S, _READ_S = 1.0, 4.0


def sqs_send(queue_url: str) -> Send:
    """`AWS_ENDPOINT_URL_SQS` points it elsewhere. No retries inside: the outbox decides about them. Raises ValueError where there can be no
    client, for want of a region."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(
        connect_timeout=_CONNECT_S, read_timeout=_READ_S, retries={"total_max_attempts": 1}, tcp_keepalive=True
    )
    try:
        client = boto3.client("sqs", config=config)
    except BotoCoreError as problem:
        raise ValueError(type(problem).__name__) from None

    def send(bodies: Sequence[bytes]) -> Answer:
        entries = [{"Id": str(number), "MessageBody": body.decode()} for number, body in enumerate(bodies)]
        try:
            reply = client.send_message_batch(QueueUrl=queue_url, Entries=entries)
        except ClientError as problem:
            raise SendFailed(str(problem.response.get("Error", {}).get("Code", "ClientError"))) from None
        except BotoCoreError as problem:
            raise SendFailed(type(problem).__name__) from None
        taken = frozenset(int(one["Id"]) for one in reply.get("Successful", ()))
        refused = frozenset(int(one["Id"]) for one in reply.get("Failed", ()) if one.get("SenderFault"))
        return Answer(taken, refused)

    return send
