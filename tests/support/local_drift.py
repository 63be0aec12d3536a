"""Holds what `make run` composes against template.yaml, read anew and by other means: differences in either direction, one line each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from local.aws import LocalAws
from local.event_sources import sources_of
from local.gateway_template import Function, functions_of
from local.schedules import schedules_of

Template = Mapping[str, Any]
# Kinds of events that a desk has nothing for: their events are of services that no desk runs.
ELSEWHERE = {"EventBridgeRule": "ECS tells of tasks that stopped; a desk's bridge is a process, and its lease lapses"}
# What the stack sets beside what the template gives functions, and why the template does not.
OF_A_DESK = {
    "POKEA_PROFILES_DIR": "in AWS profiles are in the layer",
    "POKEA_CAMPAIGN_PLAN_S": "a desk does not wait for minutes",
    "POKEA_WEBHOOK_PATH_SECRET": "in AWS a part of the secret",
    "POKEA_TOKEN_KEY": "in AWS a part of the secret",
    "POKEA_WEBHOOKS_QUEUE_URL": "for what polls the queue; the bus alone sends to it",
    "POKEA_RECORDINGS_BUCKET": "for the bridge, whose task has it in AWS",
}
# What the template gives functions and a desk has not: without it the setting's own default holds.
OF_AWS = {
    "POKEA_SECRETS_ID": "on a desk secrets are in the environment",
    "POKEA_EDGE_ONLY": "nothing stands before a desk's gateway",
}


def of_type(template: Template, kind: str) -> dict[str, Any]:
    return {
        name: found.get("Properties", {}) for name, found in template["Resources"].items() if found.get("Type") == kind
    }


def differences(template: Template, aws: LocalAws, desk: str) -> list[str]:
    """`aws`: has made the queues and the bus of `desk`."""
    return [
        *_tables(template, aws),
        *_queues(template, aws, desk),
        *_buckets(template, aws),
        *_rules(template, aws, desk),
    ]


def _both_ways(what: str, wanted: Iterable[str], found: Iterable[str]) -> Iterator[str]:
    ours, theirs = set(wanted), set(found)
    missing, surplus = ours - theirs, theirs - ours
    yield from (f"{what} {name}: only in the template" for name in sorted(missing))
    yield from (f"{what} {name}: only on the desk" for name in sorted(surplus))


def _named(logical_id: str, suffix: str) -> str:
    """CampaignEndedQueue → pokea-campaign-ended."""
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in logical_id.removesuffix(suffix))
    return f"pokea{words}"


def _tables(template: Template, aws: LocalAws) -> Iterator[str]:
    client, wanted = aws.client(), {_named(name, "Table"): said for name, said in _with("DynamoDB::Table", template)}
    found = [name for name in client.list_tables()["TableNames"] if name.startswith("pokea-")]
    yield from _both_ways("table", wanted, found)
    for name in wanted.keys() & set(found):
        said, table = wanted[name], client.describe_table(TableName=name)["Table"]
        indexes = [_index(one) for one in table.get("GlobalSecondaryIndexes", [])]
        kept = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"].get("AttributeName")
        pairs = {
            "keys": (said["KeySchema"], table["KeySchema"]),
            "attributes": (_sorted(said["AttributeDefinitions"]), _sorted(table["AttributeDefinitions"])),
            "indexes": ([_index(one) for one in said.get("GlobalSecondaryIndexes", [])], indexes),
            "time to live": (said.get("TimeToLiveSpecification", {}).get("AttributeName"), kept),
        }
        yield from (f"table {name}: {what} differ" for what, (ours, theirs) in pairs.items() if ours != theirs)


def _with(kind: str, template: Template) -> Iterable[tuple[str, Any]]:
    return of_type(template, f"AWS::{kind}").items()


def _sorted(attributes: Any) -> list[Any]:
    return sorted(attributes, key=lambda one: str(one["AttributeName"]))


def _index(said: Any) -> tuple[Any, Any, Any]:
    return said["IndexName"], said["KeySchema"], said["Projection"]["ProjectionType"]


def _queues(template: Template, aws: LocalAws, desk: str) -> Iterator[str]:
    client = aws.sqs()
    urls = client.list_queues(QueueNamePrefix="pokea-").get("QueueUrls", [])
    found = {url.rpartition("/")[2].removesuffix(f"-{desk}"): url for url in urls if url.endswith(f"-{desk}")}
    wanted = {_named(name, "Queue"): said for name, said in _with("SQS::Queue", template)}
    yield from _both_ways("queue", wanted, found)
    for name in wanted.keys() & found.keys():
        said = wanted[name]
        has = client.get_queue_attributes(QueueUrl=found[name], AttributeNames=["All"])["Attributes"]
        redrive, policy = json.loads(has.get("RedrivePolicy", "{}")), said.get("RedrivePolicy", {})
        dead = str(policy.get("deadLetterTargetArn", {}).get("Fn::GetAtt", "")).removesuffix(".Arn")
        target = str(redrive.get("deadLetterTargetArn", "")).rpartition(":")[2].removesuffix(f"-{desk}")
        pairs = {
            "visibility": (int(said.get("VisibilityTimeout", 30)), int(has["VisibilityTimeout"])),
            "retention": (int(said.get("MessageRetentionPeriod", 345_600)), int(has["MessageRetentionPeriod"])),
            "dead letters": (_named(dead, "Queue") if dead else "", target),
            "tries": (int(policy.get("maxReceiveCount", 0)), int(redrive.get("maxReceiveCount", 0))),
        }
        yield from (f"queue {name}: {what} differs" for what, (ours, theirs) in pairs.items() if ours != theirs)


def _buckets(template: Template, aws: LocalAws) -> Iterator[str]:
    """But for those where S3 writes its own access logs, which it writes in AWS alone."""
    every = of_type(template, "AWS::S3::Bucket")
    logs = {
        said["LoggingConfiguration"]["DestinationBucketName"]["Ref"]
        for said in every.values()
        if "LoggingConfiguration" in said
    }
    wanted = [_named(name, "Bucket") for name in every.keys() - logs]
    found = [str(bucket["Name"]) for bucket in aws.s3().list_buckets()["Buckets"]]
    yield from _both_ways("bucket", wanted, [name for name in found if name.startswith("pokea-")])


def _rules(template: Template, aws: LocalAws, desk: str) -> Iterator[str]:
    client, bus = aws.events(), f"pokea-{desk}"
    wanted = dict(_with("Events::Rule", template))
    found = {str(rule["Name"]): rule for rule in client.list_rules(EventBusName=bus)["Rules"]}
    yield from _both_ways("rule", wanted, found)
    for name in wanted.keys() & found.keys():
        said = wanted[name]
        if json.loads(found[name].get("EventPattern", "{}")) != said["EventPattern"]:
            yield f"rule {name}: pattern differs"
        targets = client.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
        ours = {(one["Id"], _named(one["Arn"]["Fn::GetAtt"].removesuffix(".Arn"), "Queue")) for one in said["Targets"]}
        theirs = {(one["Id"], one["Arn"].rpartition(":")[2].removesuffix(f"-{desk}")) for one in targets}
        if ours != theirs:
            yield f"rule {name}: targets differ"


def served(template: Template) -> list[str]:
    """How the gateway's own reading of the template's events differs from theirs: every event of every function is a route, a queue or a
    schedule of the gateway, or of a kind that a desk has nothing for."""
    events = [
        (_function_name(said), event["Type"], event["Properties"])
        for said in of_type(template, "AWS::Serverless::Function").values()
        for event in said.get("Events", {}).values()
    ]
    routes = {f"{one.name}: {route.key}" for one in functions_of(template) for route in one.routes}
    queues = {
        f"{one.function}: {one.queue} {one.batch_size} {one.reports_failures} {one.window_s:g}"
        for one in sources_of(template)
    }
    schedules = {f"{one.function}: {one.expression}" for one in schedules_of(template)}
    known = {"HttpApi", "SQS", "Schedule", *ELSEWHERE}
    return [
        *_both_ways("route", (f"{name}: {said['Method']} {said['Path']}" for name, kind, said in events if kind == "HttpApi"), routes),
        *_both_ways("source", (f"{name}: {_source(said)}" for name, kind, said in events if kind == "SQS"), queues),
        *_both_ways("schedule", (f"{name}: {said['Schedule']}" for name, kind, said in events if kind == "Schedule"), schedules),
        *(f"{name}: nothing on a desk brings a {kind}" for name, kind, _ in events if kind not in known),
    ]  # fmt: skip


def _function_name(said: Any) -> str:
    return str(said["FunctionName"]["Fn::Sub"]).replace("${AWS::StackName}", "pokea")


def _source(said: Any) -> str:
    reports = "ReportBatchItemFailures" in said.get("FunctionResponseTypes", [])
    queue = said["Queue"]["Fn::GetAtt"].removesuffix(".Arn")
    return f"{queue} {said.get('BatchSize', 10)} {reports} {said.get('MaximumBatchingWindowInSeconds', 0)}"


def settings(functions: Iterable[Function], environ: Mapping[str, str]) -> list[str]:
    """How what functions are given by the template differs from what a desk's process has, names only."""
    given = {name for function in functions for name in function.given}
    spelt = {name for function in functions for name in function.environment}
    ours = {name for name in environ if name.startswith("POKEA_")}
    return [*_both_ways("setting", given - OF_AWS.keys() - (spelt - ours), ours - OF_A_DESK.keys())]
