"""AWS clients: each made once per process, on first use, with bounds on every wait.

Endpoint, region and credentials come from the standard `AWS_*` variables, so the same code talks to AWS and to the local stand-in.
boto3 is imported inside the functions: a process that never reaches a store does not pay for it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

CONNECT_TIMEOUT_S = 1.0
READ_TIMEOUT_S = 2.0
LONG_POLL_TIMEOUT_S = 5.0  # a queue may be asked to wait two seconds for a message
UPLOAD_TIMEOUT_S = 10.0
MAX_CONNECTIONS = 32  # kept open per process and service; more are opened when needed and closed after use


@cache
def dynamodb() -> DynamoDBClient:
    """The DynamoDB client of this process. boto3 clients may be shared between threads."""
    import boto3

    client: DynamoDBClient = boto3.client("dynamodb", config=store_config())
    return client


@cache
def sqs() -> SQSClient:
    """The SQS client of this process. Sending twice does no harm to our consumers, so the SDK may try a second time."""
    import boto3

    config = _bounds(LONG_POLL_TIMEOUT_S, tries=2, tcp_keepalive=True, max_pool_connections=MAX_CONNECTIONS)
    client: SQSClient = boto3.client("sqs", config=config)
    return client


@cache
def events() -> EventBridgeClient:
    """The EventBridge client of this process. Putting twice does no harm to our consumers, so the SDK may try a second time."""
    import boto3

    client: EventBridgeClient = boto3.client("events", config=_bounds(READ_TIMEOUT_S, tries=2))
    return client


@cache
def scheduler() -> Any:
    """The EventBridge Scheduler client of this process. Putting the same schedule twice does no harm, so the SDK may try again."""
    import boto3

    return boto3.client("scheduler", config=_bounds(READ_TIMEOUT_S, tries=2))


@cache
def s3() -> S3Client:
    """The S3 client of this process. Putting the same object twice does no harm, so the SDK may try again."""
    import boto3

    config = _bounds(UPLOAD_TIMEOUT_S, tries=3, signature_version="s3v4")
    client: S3Client = boto3.client("s3", config=config)
    return client


def store_config() -> Config:
    """No hidden retries: `dynamo_table.Retries` counts every try, because a lost reply to a write must not be retried blindly."""
    return _bounds(READ_TIMEOUT_S, tries=1, tcp_keepalive=True, max_pool_connections=MAX_CONNECTIONS)


def _bounds(read_timeout_s: float, tries: int, **rest: Any) -> Config:
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        retries={"total_max_attempts": tries, "mode": "standard"},
        user_agent_extra="pokea",
        **rest,
    )
