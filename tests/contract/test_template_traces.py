"""template.yaml: traces, and what callers wait for."""

from __future__ import annotations

import pytest

from bridge.shell.turn_times import METRICS
from pokea.adapters.otlp_http import XRAY
from tests.contract.test_template import RESOURCES, TEMPLATE, of_type, statements
from tests.contract.test_template_bridge import GENERATIONS, container


def test_tracing_is_one_parameter_of_functions_and_bridge_alike() -> None:
    shared = TEMPLATE["Globals"]["Function"]
    assert shared["Tracing"] == {"Fn::If": ["UsesTraces", "Active", "PassThrough"]}
    assert shared["Environment"]["Variables"]["POKEA_TRACES"] == {"Ref": "Traces"}
    for function in of_type("AWS::Serverless::Function").values():
        assert "Tracing" not in function["Properties"]
        assert "POKEA_TRACES" not in function["Properties"].get("Environment", {}).get("Variables", {})


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_bridge_sends_its_spans_to_x_rays_own_address_in_its_role(generation: str) -> None:
    given = {item["Name"]: item["Value"] for item in container(generation)["Environment"]}
    assert given["POKEA_TRACES"] == {"Ref": "Traces"}
    address = given["OTEL_EXPORTER_OTLP_ENDPOINT"]["Fn::Sub"].replace("${AWS::Region}", "af-south-1")
    address = address.replace("${AWS::URLSuffix}", "amazonaws.com")
    assert XRAY.match(address)


def test_whoever_sends_spans_may_and_nobody_else() -> None:
    """Lambda refuses to trace a function whose role may not: so the permission stands in the role itself, and does not follow it."""
    senders = {name for name, statement in statements() if statement["Sid"] == "SendTraces"}
    roles = {
        f["Properties"]["Role"]["Fn::GetAtt"].removesuffix(".Arn")
        for f in of_type("AWS::Serverless::Function").values()
    }
    assert senders == roles | {"BridgeTaskRole"}


def test_answers_that_come_late_are_told_of_by_the_release_that_takes_new_calls() -> None:
    alarm = RESOURCES["BridgeSlowRepliesAlarm"]["Properties"]
    assert alarm["MetricName"] in METRICS
    assert alarm["ExtendedStatistic"] == "p95" and "Statistic" not in alarm
    # A p95 is "few samples" below 200: to ignore those is to be blind to every small house, and to stay in alarm when it empties.
    assert "EvaluateLowSampleCountPercentile" not in alarm
    assert {item["Name"]: item["Value"] for item in alarm["Dimensions"]} == {
        "service": "bridge",
        "release": {"Ref": "Release"},
    }
