"""template.yaml: what must hold of every queue, every consumer and every bucket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.cdr.polling import MARGIN_S as CARRIER_MARGIN_S
from functions.cdr.wiring import CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S
from functions.records.secretary import MARGIN_S, SUMMARY_S
from local.gateway_template import functions_of, read_template
from pokea.adapters.cdr_items import KEPT
from pokea.retention import RECORDING_DAYS
from tests.contract.test_template import ROOT, TEMPLATE, of_type, statements
from tests.support.template_view import resolved

QUEUES = of_type("AWS::SQS::Queue")
SOURCES = [
    (name, event["Properties"])
    for name, function in of_type("AWS::Serverless::Function").items()
    for event in function["Properties"].get("Events", {}).values()
    if event["Type"] == "SQS"
]


OF_RECORDINGS = {"Fn::Sub": "${RecordingsBucket.Arn}/*"}


def arn_of(value: Any) -> str:
    return str(value.get("Fn::GetAtt", "")) if isinstance(value, dict) else ""


def dead_of(queue: dict[str, Any]) -> str:
    return arn_of(queue["Properties"].get("RedrivePolicy", {}).get("deadLetterTargetArn")).removesuffix(".Arn")


def test_every_queue_is_encrypted_and_is_or_has_a_dead_letter_queue() -> None:
    assert {"EndedQueue", "EndedDeadQueue"} <= set(QUEUES)
    dead = {dead_of(queue) for queue in QUEUES.values()} - {""}
    for name, queue in QUEUES.items():
        assert resolved(queue["Properties"], set())["SqsManagedSseEnabled"] is True, name
        assert (name in dead) != bool(dead_of(queue)), name
    for name in dead:
        assert QUEUES[name]["Properties"]["MessageRetentionPeriod"] == 14 * 86_400, name


def test_poison_is_tried_five_times() -> None:
    for name, queue in QUEUES.items():
        if dead_of(queue):
            assert queue["Properties"]["RedrivePolicy"]["maxReceiveCount"] == 5, name


def test_every_dead_letter_queue_has_an_alarm() -> None:
    watched = {
        arn_of(dimension["Value"]).removesuffix(".QueueName")
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        for dimension in alarm["Properties"].get("Dimensions", [])
        if dimension["Name"] == "QueueName"
    }
    assert {dead_of(queue) for queue in QUEUES.values()} - {""} <= watched


@pytest.mark.parametrize(("function", "source"), SOURCES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_message_is_not_seen_twice_while_it_is_worked_on(function: str, source: dict[str, Any]) -> None:
    """AWS asks for a visibility timeout of six times the function's own."""
    queue = QUEUES[arn_of(source["Queue"]).removesuffix(".Arn")]
    timeout_s = TEMPLATE["Resources"][function]["Properties"]["Timeout"]
    assert queue["Properties"]["VisibilityTimeout"] >= 6 * timeout_s
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BatchSize"] <= 10
    assert source["ScalingConfig"]["MaximumConcurrency"] >= 2


def test_every_queue_with_a_dead_letter_queue_has_one_consumer_that_may_take_from_it() -> None:
    consumed = [arn_of(source["Queue"]) for _, source in SOURCES]
    assert sorted(consumed) == sorted(f"{name}.Arn" for name, queue in QUEUES.items() if dead_of(queue))
    for function, source in SOURCES:
        role = function.removesuffix("Function") + "Role"
        granted = [s for name, s in statements() if name == role and "sqs:ReceiveMessage" in json.dumps(s["Action"])]
        assert [s["Resource"] for s in granted] == [source["Queue"]]
        assert set(granted[0]["Action"]) == {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}


def test_nobody_may_do_more_to_a_queue_than_send_or_take() -> None:
    for name, statement in statements():
        actions = json.dumps(statement["Action"])
        if "sqs:" in actions:
            assert not any(
                verb in actions for verb in ("Purge", "SetQueue", "AddPermission", "CreateQueue", "DeleteQueue")
            ), name


def test_who_hears_of_an_end_tells_every_queue_of_it() -> None:
    for function in ("ToolsFunction", "VoiceFunction", "StreamStatusFunction", "ReaperFunction"):
        variables = TEMPLATE["Resources"][function]["Properties"]["Environment"]["Variables"]
        assert variables["POKEA_ENDED_QUEUE_URL"] == {"Ref": "EndedQueue"}, function
        assert variables["POKEA_CDR_QUEUE_URL"] == {"Ref": "CdrQueue"}, function
        assert variables["POKEA_CAMPAIGN_ENDED_QUEUE_URL"] == {"Ref": "CampaignEndedQueue"}, function
    assert senders_to("EndedQueue") == {"ToolsRole", "VoiceRole", "StreamStatusRole", "ReaperRole"}
    assert senders_to("CdrQueue") == {
        "ToolsRole",
        "VoiceRole",
        "StreamStatusRole",
        "CdrRole",
        "BridgeTaskRole",
        "ReaperRole",
    }
    assert {"ToolsRole", "VoiceRole", "StreamStatusRole", "SettlerRole"} <= senders_to("CampaignEndedQueue")


def senders_to(queue: str) -> set[str]:
    def reaches(resource: Any) -> bool:
        return f"{queue}.Arn" in [arn_of(one) for one in (resource if isinstance(resource, list) else [resource])]

    found = [(name, s) for name, s in statements() if "sqs:SendMessage" in json.dumps(s["Action"])]
    return {name for name, statement in found if reaches(statement["Resource"])}


def test_the_summaries_of_one_batch_fit_into_the_functions_time() -> None:
    (batch,) = [source["BatchSize"] for function, source in SOURCES if function == "RecordsFunction"]
    timeout_s = TEMPLATE["Resources"]["RecordsFunction"]["Properties"]["Timeout"]
    assert batch * SUMMARY_S + MARGIN_S < timeout_s


def test_one_batch_of_detail_records_leaves_time_for_a_slow_carrier() -> None:
    timeout_s = TEMPLATE["Resources"]["CdrFunction"]["Properties"]["Timeout"]
    assert 2 * (CONNECT_TIMEOUT_S + REPLY_TIMEOUT_S) < CARRIER_MARGIN_S < timeout_s


def test_buckets_are_private_encrypted_kept_and_forget() -> None:
    buckets = of_type("AWS::S3::Bucket")
    assert set(buckets) == {"RecordingsBucket", "ReportsBucket", "BucketLogs"}
    for bucket in buckets.values():
        properties = bucket["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    rules = buckets["RecordingsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    kept = {int(rule["TagFilters"][0]["Value"]): rule["ExpirationInDays"] for rule in rules if "TagFilters" in rule}
    assert kept == {days: days for days in RECORDING_DAYS}
    assert any("TagFilters" not in rule and rule["ExpirationInDays"] <= 366 for rule in rules)
    (rule,) = buckets["ReportsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert (rule["Prefix"], rule["Status"], rule["ExpirationInDays"]) == ("", "Enabled", KEPT.days)


def test_a_bucket_is_reached_over_tls_only() -> None:
    policies = [policy["Properties"] for policy in of_type("AWS::S3::BucketPolicy").values()]
    assert {policy["Bucket"]["Ref"] for policy in policies} == set(of_type("AWS::S3::Bucket"))
    for policy in policies:
        statement, *others = policy["PolicyDocument"]["Statement"]
        assert not others or policy["Bucket"] == {"Ref": "BucketLogs"}
        assert statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_no_function_reaches_recordings_and_two_reach_reports() -> None:
    """The bridge alone writes recordings. Reports are written by one function and shown by another, which sees no rows."""
    of_s3 = [(name, s) for name, s in statements() if "s3:" in json.dumps(s["Action"])]
    ((lister, listing),) = [(name, s) for name, s in of_s3 if s["Action"] == "s3:ListBucket"]
    assert lister == "ApiRole" and listing["Condition"] == {"StringLike": {"s3:prefix": ["statements/*"]}}
    assert "ReportsBucket" in json.dumps(listing["Resource"])
    granted = {name: (s["Action"], json.dumps(s["Resource"])) for name, s in of_s3 if s is not listing}
    assert granted.pop("BridgeTaskRole") == (["s3:PutObject", "s3:PutObjectTagging"], json.dumps(OF_RECORDINGS))
    assert set(granted) == {"ReportsRole", "ApiRole"}
    assert granted["ReportsRole"][0] == "s3:PutObject" and granted["ApiRole"][0] == "s3:GetObject"
    assert not any("RecordingsBucket" in resource for _, resource in granted.values())
    assert "/cdr/" not in granted["ApiRole"][1]


def test_what_draws_pages_and_tables_ships_with_its_function_alone() -> None:
    assert (ROOT / "functions/requirements-reports.txt").read_text() == (ROOT / "requirements/reports.txt").read_text()
    makefile = (ROOT / "functions/Makefile").read_text()
    target = makefile.partition("build-ReportsFunction:")[2].partition("\n\n")[0]
    assert "$(call install,requirements-reports.txt)" in target
    others = ("layer", "api", "records", "bridge")
    assert not any("duckdb" in (ROOT / f"requirements/{name}.txt").read_text() for name in others)


def test_the_sdk_of_the_summaries_ships_with_its_function_alone() -> None:
    assert (ROOT / "functions/requirements-records.txt").read_text() == (ROOT / "requirements/records.txt").read_text()
    makefile = (ROOT / "functions/Makefile").read_text()
    assert (
        "$(call install,requirements-records.txt)"
        in makefile.partition("build-RecordsFunction:")[2].partition("\n\n")[0]
    )
    assert "google-genai" in (ROOT / "requirements/records.txt").read_text()
    assert "google-genai" not in (ROOT / "requirements/layer.txt").read_text()
    assert any(function.name == "pokea-records" for function in functions_of(read_template(ROOT / "template.yaml")))
