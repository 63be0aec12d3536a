"""The SQS queues and S3 buckets that template.yaml declares, as the local AWS creates them.

    EndedQueue          queue  pokea-ended-<desk>          setting POKEA_ENDED_QUEUE_URL
    EndedDeadQueue      queue  pokea-ended-dead-<desk>     (named by the other's RedrivePolicy; nobody sends to it, so no setting)
    RecordingsBucket    bucket pokea-recordings            setting POKEA_RECORDINGS_BUCKET

Every desk has queues of its own, because what consumes a message knows the businesses of its own desk only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from local.gateway_template import BadTemplate, read_template

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_KEPT = ("VisibilityTimeout", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "DelaySeconds")


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """`dead`: the logical id of the queue that takes what was received too often."""

    logical_id: str
    name: str
    setting: str
    attributes: Mapping[str, str]
    dead: str = ""
    max_receives: int = 0


@dataclass(frozen=True, slots=True)
class BucketSpec:
    logical_id: str
    name: str
    setting: str


def load_queues(template: Path) -> tuple[QueueSpec, ...]:
    """Every AWS::SQS::Queue of the template, dead letter queues first. Raises BadTemplate."""
    queues = [_queue(name, properties) for name, properties in _of_type(template, "AWS::SQS::Queue")]
    return tuple(sorted(queues, key=lambda queue: bool(queue.dead)))


def load_buckets(template: Path) -> tuple[BucketSpec, ...]:
    """Every AWS::S3::Bucket of the template but those where only S3 itself writes, its access logs. Raises BadTemplate."""
    buckets = _of_type(template, "AWS::S3::Bucket")
    logged = [said["LoggingConfiguration"] for _, said in buckets if "LoggingConfiguration" in said]
    logs = {str(one["DestinationBucketName"].get("Ref", "")) for one in logged}
    return tuple(BucketSpec(name, *names_of(name, "Bucket")) for name, _ in buckets if name not in logs)


def make_queues(client: SQSClient, specs: Sequence[QueueSpec], desk: str) -> tuple[dict[str, str], Mapping[str, str]]:
    """Create what is missing; returns the settings that name the queues somebody sends to, and all ARNs by logical id."""
    arns: dict[str, str] = {}
    settings: dict[str, str] = {}
    for spec in specs:
        attributes: dict[Any, str] = dict(spec.attributes)
        if spec.dead:
            redrive = {"deadLetterTargetArn": arns[spec.dead], "maxReceiveCount": spec.max_receives}
            attributes["RedrivePolicy"] = json.dumps(redrive)
        url = _made(client, f"{spec.name}-{desk}", attributes)
        found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arns[spec.logical_id] = found["Attributes"]["QueueArn"]
        settings[spec.setting] = url
    dead = {spec.dead for spec in specs}
    return {spec.setting: settings[spec.setting] for spec in specs if spec.logical_id not in dead}, arns


def _made(client: SQSClient, name: str, attributes: dict[Any, str]) -> str:
    """The queue's URL at this endpoint. One that is there from an earlier start may be of an earlier template, and names its old port."""
    try:
        url = client.get_queue_url(QueueName=name)["QueueUrl"]
        client.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    except client.exceptions.QueueDoesNotExist:
        url = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return client.meta.endpoint_url.rstrip("/") + urlsplit(url).path


def make_buckets(client: S3Client, specs: Sequence[BucketSpec], region: str) -> dict[str, str]:
    existing = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for spec in specs:
        if spec.name not in existing:
            client.create_bucket(Bucket=spec.name, CreateBucketConfiguration={"LocationConstraint": region})  # type: ignore[typeddict-item]
    return {spec.setting: spec.name for spec in specs}


def _of_type(template: Path, kind: str) -> list[tuple[str, Mapping[str, Any]]]:
    resources = read_template(template)["Resources"]
    return [(name, found.get("Properties", {})) for name, found in resources.items() if found.get("Type") == kind]


def _queue(logical_id: str, properties: Mapping[str, Any]) -> QueueSpec:
    attributes = {key: str(properties[key]) for key in _KEPT if isinstance(properties.get(key), int)}
    redrive = properties.get("RedrivePolicy")
    dead, receives = _redrive(logical_id, redrive) if redrive else ("", 0)
    return QueueSpec(logical_id, *names_of(logical_id, "Queue"), attributes, dead, receives)


def _redrive(logical_id: str, policy: Any) -> tuple[str, int]:
    target = str(policy.get("deadLetterTargetArn", {}).get("Fn::GetAtt", "")) if isinstance(policy, dict) else ""
    if not target.endswith(".Arn") or not isinstance(policy.get("maxReceiveCount"), int):
        raise BadTemplate(
            f"{logical_id}: RedrivePolicy needs deadLetterTargetArn: !GetAtt Queue.Arn and maxReceiveCount"
        )
    return target.removesuffix(".Arn"), policy["maxReceiveCount"]


def names_of(logical_id: str, suffix: str) -> tuple[str, str]:
    words = re.findall(r"[A-Z][a-z0-9]*", logical_id.removesuffix(suffix))
    if not words or not logical_id.endswith(suffix):
        raise BadTemplate(f"{logical_id}: needs a name in CamelCase that ends in {suffix}")
    setting = ["POKEA", *words, suffix, *(["URL"] if suffix == "Queue" else [])]
    return "-".join(["pokea", *words]).lower(), "_".join(setting).upper()
