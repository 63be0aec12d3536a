"""`make run` is composed from template.yaml: what stands on a desk is held against the template, in both directions.

Each check is seen to fail on a template that has drifted from what runs: the desk is that of the real one.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.carrier import Carrier
from local.gateway_template import functions_of, read_template
from local.processes import ROOT
from local.stack import DeskOptions, Stack, StackOptions
from tests.support.local_drift import differences, served, settings
from tests.support.store import RunningAws

DESK = "drift"


@pytest.fixture(scope="module")
def template() -> Any:
    return read_template(ROOT / "template.yaml")


@pytest.fixture(scope="module")
def desk(local_aws: RunningAws) -> RunningAws:
    local_aws.aws.queue_environ(DESK)
    return local_aws


def test_tables_queues_buckets_and_rules_are_those_of_the_template(template: Any, desk: RunningAws) -> None:
    assert differences(template, desk.aws, DESK) == []


def test_routes_queues_and_schedules_are_served_as_the_template_says(template: Any) -> None:
    assert served(template) == []


async def test_functions_have_the_settings_that_the_template_gives_them_and_no_others(
    template: Any, desk: RunningAws, tmp_path: Path
) -> None:
    stack = Stack(StackOptions(tmp_path))
    stack.aws = desk.aws
    async with Carrier("key") as stack.carrier:
        environ = await asyncio.to_thread(
            stack._environ, DeskOptions(name=DESK), "http://127.0.0.1:1", "ws://127.0.0.1:2"
        )
    assert settings(functions_of(template), environ) == []
    assert settings(functions_of(template), {**environ, "POKEA_BY_HAND": "x"}) == [
        "setting POKEA_BY_HAND: only on the desk"
    ]
    del environ["POKEA_DIAL_QUEUE_URL"]
    assert settings(functions_of(template), environ) == ["setting POKEA_DIAL_QUEUE_URL: only in the template"]


def _said(template: Any, name: str) -> Any:
    return template["Resources"][name]["Properties"]


def another_key(template: Any) -> None:
    _said(template, "CdrsTable")["KeySchema"] = [{"AttributeName": "pk", "KeyType": "HASH"}]


def an_index_more(template: Any) -> None:
    index = {"IndexName": "gsi2", "KeySchema": [], "Projection": {"ProjectionType": "ALL"}}
    _said(template, "CdrsTable")["GlobalSecondaryIndexes"].append(index)


def another_time_to_live(template: Any) -> None:
    _said(template, "CoreTable")["TimeToLiveSpecification"]["AttributeName"] = "gone_at"


def a_queue_more(template: Any) -> None:
    template["Resources"]["OtherQueue"] = copy.deepcopy(template["Resources"]["DialDeadQueue"])


def a_queue_less(template: Any) -> None:
    del template["Resources"]["DialQueue"]


def another_visibility(template: Any) -> None:
    _said(template, "DialQueue")["VisibilityTimeout"] = 181


def more_tries(template: Any) -> None:
    _said(template, "DialQueue")["RedrivePolicy"]["maxReceiveCount"] = 6


def another_dead_letter_queue(template: Any) -> None:
    _said(template, "DialQueue")["RedrivePolicy"]["deadLetterTargetArn"] = {"Fn::GetAtt": "EndedDeadQueue.Arn"}


def a_bucket_more(template: Any) -> None:
    template["Resources"]["OtherBucket"] = {"Type": "AWS::S3::Bucket"}


def another_pattern(template: Any) -> None:
    _said(template, "OutForDeliveryRule")["EventPattern"]["detail-type"] = ["ShipmentLost"]


def another_target(template: Any) -> None:
    _said(template, "OutForDeliveryRule")["Targets"][0]["Arn"] = {"Fn::GetAtt": "DialQueue.Arn"}


def a_rule_more(template: Any) -> None:
    template["Resources"]["OtherRule"] = copy.deepcopy(template["Resources"]["OutForDeliveryRule"])


@pytest.mark.parametrize(
    "drift",
    [
        another_key,
        an_index_more,
        another_time_to_live,
        a_queue_more,
        a_queue_less,
        another_visibility,
        more_tries,
        another_dead_letter_queue,
        a_bucket_more,
        another_pattern,
        another_target,
        a_rule_more,
    ],
)
def test_each_drift_is_found(template: Any, desk: RunningAws, drift: Callable[[Any], None]) -> None:
    drifted = copy.deepcopy(template)
    drift(drifted)
    assert len(differences(drifted, desk.aws, DESK)) == 1


def test_an_event_that_nothing_on_a_desk_brings_is_found(template: Any) -> None:
    drifted = copy.deepcopy(template)
    _said(drifted, "WalletFunction")["Events"]["Streamed"] = {"Type": "DynamoDB", "Properties": {}}
    assert served(drifted) == ["pokea-wallet: nothing on a desk brings a DynamoDB"]
