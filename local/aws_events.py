"""The EventBridge bus and rules that template.yaml declares, as the local AWS creates them: one bus for each desk.

EventBus             bus   pokea-<desk>            setting POKEA_EVENT_BUS
OutForDeliveryRule   rule  OutForDeliveryRule      on that bus, to the desk's own queues
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.gateway_template import BadTemplate, read_template

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SETTING = "POKEA_EVENT_BUS"


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """`targets`: logical ids of queues, by the target's id."""

    logical_id: str
    pattern: str
    targets: Mapping[str, str]


def load_rules(template: Path) -> tuple[RuleSpec, ...]:
    """Every AWS::Events::Rule of the template. Raises BadTemplate."""
    resources = read_template(template)["Resources"]
    return tuple(
        _rule(name, found.get("Properties", {}))
        for name, found in resources.items()
        if found.get("Type") == "AWS::Events::Rule"
    )


def make_bus(
    client: EventBridgeClient, rules: Sequence[RuleSpec], desk: str, queue_arns: Mapping[str, str]
) -> dict[str, str]:
    """Create what is missing; returns the setting that names the desk's bus. Nothing where the template has no rule."""
    if not rules:
        return {}
    bus = f"pokea-{desk}"
    if bus not in {found.get("Name") for found in client.list_event_buses()["EventBuses"]}:
        client.create_event_bus(Name=bus)
    for rule in rules:
        client.put_rule(Name=rule.logical_id, EventBusName=bus, EventPattern=rule.pattern, State="ENABLED")
        targets: Any = [{"Id": name, "Arn": queue_arns[queue]} for name, queue in rule.targets.items()]
        client.put_targets(Rule=rule.logical_id, EventBusName=bus, Targets=targets)
    return {SETTING: bus}


def _rule(logical_id: str, properties: Mapping[str, Any]) -> RuleSpec:
    targets = {}
    for target in properties.get("Targets", []):
        arn = target.get("Arn")
        queue = str(arn.get("Fn::GetAtt", "")) if isinstance(arn, dict) else ""
        if not queue.endswith(".Arn"):
            raise BadTemplate(f"{logical_id}: a target needs Arn: !GetAtt SomeQueue.Arn")
        targets[str(target["Id"])] = queue.removesuffix(".Arn")
    return RuleSpec(logical_id, json.dumps(properties.get("EventPattern", {})), targets)
