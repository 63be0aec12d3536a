"""Buses and rules read from a template, and made once for each desk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from local.aws_events import SETTING, RuleSpec, load_rules, make_bus
from local.gateway_template import BadTemplate
from local.processes import ROOT

QUEUE_ARN = "arn:aws:sqs:eu-west-1:000000000000:pokea-deliveries-desk"


def test_the_templates_rules_lead_to_their_queues() -> None:
    rules = {rule.logical_id: rule for rule in load_rules(ROOT / "template.yaml")}
    assert {name: dict(rule.targets) for name, rule in rules.items()} == {
        "OutForDeliveryRule": {"deliveries": "DeliveriesQueue"},
        "CampaignCdrRule": {"settler": "CampaignEndedQueue"},
        "CampaignEventsRule": {"webhooks": "WebhooksQueue"},
    }
    assert all(json.loads(rule.pattern)["source"] == ["pokea"] for rule in rules.values())


def test_the_rules_name_what_is_emitted() -> None:
    from pokea.adapters.event_bus import SOURCE
    from pokea.billing.cdr_news import EVENT as SETTLED
    from pokea.campaigns.settling import Told
    from pokea.delivery_calls import EVENT

    rules = {rule.logical_id: json.loads(rule.pattern) for rule in load_rules(ROOT / "template.yaml")}
    assert rules["OutForDeliveryRule"] == {"source": [SOURCE], "detail-type": [EVENT]}
    assert rules["CampaignCdrRule"]["detail-type"] == [SETTLED]
    assert rules["CampaignEventsRule"]["detail-type"] == [told.value for told in Told]


def test_a_target_that_is_no_queue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(
        "Resources:\n  R:\n    Type: AWS::Events::Rule\n    Properties:\n      Targets: [{Id: x, Arn: elsewhere}]\n"
    )
    with pytest.raises(BadTemplate):
        load_rules(path)


def test_a_desk_gets_its_bus_once_and_a_template_without_rules_gets_none() -> None:
    import boto3

    with mock_aws():
        options: dict[str, Any] = {"region_name": "eu-west-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
        client: Any = boto3.client("events", **options)
        rule = RuleSpec("OutForDeliveryRule", '{"source": ["pokea"]}', {"deliveries": "DeliveriesQueue"})
        for _ in range(2):
            assert make_bus(client, [rule], "desk", {"DeliveriesQueue": QUEUE_ARN}) == {SETTING: "pokea-desk"}
        assert [bus["Name"] for bus in client.list_event_buses(NamePrefix="pokea")["EventBuses"]] == ["pokea-desk"]
        (target,) = client.list_targets_by_rule(Rule=rule.logical_id, EventBusName="pokea-desk")["Targets"]
        assert target["Arn"] == QUEUE_ARN
        assert make_bus(client, [], "other", {}) == {}
        client.close()
