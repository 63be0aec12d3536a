"""template.yaml: what must hold of the media bridge's service, so that a deployment or a scale-in ends nobody's call."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from bridge.core.protection import EXPIRES_MINUTES, RENEW_MS
from bridge.settings import BridgeSettings, read_settings
from bridge.shell.drain import Drain
from bridge.shell.gauges import NAMESPACE, Gauges
from bridge.shell.health import Health
from bridge.shell.turn_times import METRICS
from functions.reaper.reaper import LEG_MS
from pokea.adapters.sautikit_rest import PATIENCE_S, PATIENT_TRIES, CarrierSettings
from pokea.adapters.setting_names import KNOWN
from tests.contract.test_template import RESOURCES, ROOT, STARS, TEMPLATE, of_type, statements
from tests.support.template_view import resolved

GENERATIONS = ("Blue", "Green")
BRIDGE_KINDS = ("AWS::ECS::", "AWS::ElasticLoadBalancingV2::", "AWS::EC2::", "AWS::ApplicationAutoScaling::")


def properties(name: str) -> Any:
    return RESOURCES[name]["Properties"]


def container(generation: str) -> dict[str, Any]:
    (found,) = properties(f"{generation}Task")["ContainerDefinitions"]
    return dict(found)


def attributes(resource: str, name: str) -> dict[str, Any]:
    return {attribute["Key"]: attribute["Value"] for attribute in properties(resource)[name]}


def bridge_statements() -> dict[str, dict[str, Any]]:
    return {s["Sid"]: s for name, s in statements() if name == "BridgeTaskRole"}


def test_without_an_image_nothing_of_the_bridge_is_made_but_the_place_for_its_images() -> None:
    conditions = {name: RESOURCES[name].get("Condition") for name in RESOURCES}
    bridge = [name for name, found in RESOURCES.items() if found["Type"].startswith(BRIDGE_KINDS)]
    assert len(bridge) > 15
    assert not [name for name in bridge if conditions[name] is None]
    assert conditions["BridgeRepository"] is None
    assert TEMPLATE["Conditions"]["DeployBridge"] == {"Fn::Or": [{"Condition": f"Has{g}"} for g in GENERATIONS]}
    assert all(TEMPLATE["Parameters"][f"{g}Image"]["Default"] == "" for g in GENERATIONS)
    for name in ("BridgeBalancerDns", "BridgeLogGroup", "Dashboard"):
        assert TEMPLATE["Outputs"][name]["Condition"] == "DeployBridge"


def test_whatever_names_a_resource_of_the_bridge_is_left_out_with_it() -> None:
    optional = {name for name, found in RESOURCES.items() if "Condition" in found}
    for name, found in RESOURCES.items():
        if name in optional:
            continue
        text = json.dumps(resolved(found, set()))
        assert not [other for other in optional if f'"{other}"' in text or f'"{other}.' in text], name


def test_the_two_generations_differ_in_nothing_but_their_names() -> None:
    blue = json.dumps({n: r for n, r in RESOURCES.items() if n.startswith("Blue")}, sort_keys=True)
    green = json.dumps({n: r for n, r in RESOURCES.items() if n.startswith("Green")}, sort_keys=True)
    again = green.replace("Green", "Blue").replace("green", "blue").replace('"Priority": 2', '"Priority": 1')
    assert blue == again and "BlueService" in blue


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_stream_reaches_the_generation_that_its_path_names_and_no_other(generation: str) -> None:
    rule = properties(f"{generation}Rule")
    (condition,) = rule["Conditions"]
    path = {"Fn::Sub": f"/g/${{{generation}Release}}/*"}
    assert (condition["Field"], condition["PathPatternConfig"]["Values"]) == ("path-pattern", [path])
    assert rule["Actions"] == [{"Type": "forward", "TargetGroupArn": {"Ref": f"{generation}TargetGroup"}}]
    (default,) = properties("BridgeListener")["DefaultActions"]
    assert default["FixedResponseConfig"]["StatusCode"] == "404"


def test_names_of_generations_differ_and_new_calls_never_go_to_one_that_drains() -> None:
    rules = json.dumps(TEMPLATE["Rules"])
    assert '"Fn::Equals": [{"Ref": "BlueRelease"}, {"Ref": "GreenRelease"}]' in rules
    for generation in GENERATIONS:
        assert f'"Fn::Equals": [{{"Ref": "Release"}}, {{"Ref": "{generation}Release"}}]' in rules
    assert TEMPLATE["Parameters"]["Release"]["Default"] == TEMPLATE["Parameters"]["BlueRelease"]["Default"]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_generation_that_drains_is_asked_for_no_task_and_each_task_waits_for_its_calls(generation: str) -> None:
    scaling = properties(f"{generation}Scaling")
    for bound in ("MinCapacity", "MaxCapacity"):
        assert scaling[bound]["Fn::If"][:2] == [f"Drains{generation}", 0]
    group = attributes(f"{generation}TargetGroup", "TargetGroupAttributes")
    longest_s = max(TEMPLATE["Parameters"][name]["MaxValue"] for name in ("MaxJoinedSeconds", "MaxCallSeconds"))
    assert int(group["deregistration_delay.timeout_seconds"]) >= longest_s
    assert group["load_balancing.algorithm.type"] == "least_outstanding_requests"
    assert "DesiredCount" not in properties(f"{generation}Service")
    assert bridge_statements()["HoldOnWhileCallsLast"]["Action"] == "ecs:UpdateTaskProtection"
    assert RENEW_MS * 2 <= EXPIRES_MINUTES * 60_000


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_full_bridge_is_not_a_dead_one(generation: str) -> None:
    """ECS stops a task that fails the load balancer's check, protected or not: /readyz says 503 of a full one."""
    assert properties(f"{generation}TargetGroup")["HealthCheckPath"] == "/livez"
    assert container(generation)["HealthCheck"]["Command"] == ["CMD", "python", "-m", "bridge.shell.alive"]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_container_can_write_to_its_spool_alone_and_stops_after_the_drain(generation: str) -> None:
    found = container(generation)
    assert found["ReadonlyRootFilesystem"] is True
    (mount,) = found["MountPoints"]
    spool = mount["ContainerPath"]
    given = {item["Name"]: item["Value"] for item in found["Environment"]}
    assert all(given[name].startswith(spool + "/") for name in ("POKEA_OUTBOX_DIR", "POKEA_RECORDINGS_SPOOL"))
    drain = Drain(Health(1), BridgeSettings.drain_s, BridgeSettings.tools_deadline_ms / 1000)
    after_s = BridgeSettings.tools_deadline_ms / 1000 + 5  # the last beat, and what the event log may take
    assert drain.longest_s + after_s <= found["StopTimeout"] <= 120  # Fargate's own limit
    assert found["LogConfiguration"]["Options"]["mode"] == "non-blocking"


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_bridge_starts_with_what_the_template_gives_it(generation: str) -> None:
    given = {item["Name"]: item["Value"] for item in container(generation)["Environment"]}
    assert {name for name in given if name.startswith("POKEA_")} <= KNOWN
    stand_ins = {
        "POKEA_BRIDGE_WORKERS": "2",
        "POKEA_MAX_CALLS": "100",
        "POKEA_ENGINES": TEMPLATE["Parameters"]["BridgeEngines"]["Default"],
        "POKEA_CARRIER_CONTINUES": TEMPLATE["Parameters"]["CarrierContinues"]["Default"],
        "POKEA_CDR_QUEUE_URL": "https://sqs.example/queue",
        "POKEA_TRACES": "on",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://xray.af-south-1.amazonaws.com",
        "POKEA_MAX_CALL_S": str(TEMPLATE["Parameters"]["MaxCallSeconds"]["Default"]),
        "POKEA_MAX_JOINED_S": str(TEMPLATE["Parameters"]["MaxJoinedSeconds"]["Default"]),
        "SAUTIKIT_API_BASE": TEMPLATE["Parameters"]["CarrierApiBase"]["Default"],
    }
    environ = {name: stand_ins.get(name, value if isinstance(value, str) else "given") for name, value in given.items()}
    image = dict(pair.split("=", 1) for pair in _image_environ())
    settings = read_settings({**image, **environ})
    assert settings.authenticates and settings.metrics_s and settings.outbox_dir and settings.relay_host == "auto"


def _image_environ() -> list[str]:
    words = (ROOT / "bridge/Dockerfile").read_text().split()
    return [word for word in words if word.startswith("POKEA_") and "=" in word]


def test_the_bridge_may_do_what_it_does_and_nothing_else() -> None:
    granted = {sid: (s["Action"], s["Resource"]) for sid, s in bridge_statements().items()}
    assert granted == {
        "CallTools": ("lambda:InvokeFunction", {"Ref": "ToolsFunction.Alias"}),
        "ReadSecrets": ("secretsmanager:GetSecretValue", {"Ref": "Secrets"}),
        "TellOfCalls": ("sqs:SendMessage", {"Fn::GetAtt": "CdrQueue.Arn"}),
        "SendTraces": ("xray:PutTraceSegments", "*"),
        "PutRecordings": (["s3:PutObject", "s3:PutObjectTagging"], {"Fn::Sub": "${RecordingsBucket.Arn}/*"}),
        "HoldOnWhileCallsLast": (
            "ecs:UpdateTaskProtection",
            {"Fn::Sub": "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/${BridgeCluster}/*"},
        ),
    }
    text = json.dumps([s for _, s in statements()])
    assert all(star in text for star in STARS)  # a reason that is not needed any more goes


def test_the_doors_between_carrier_balancer_and_bridges_are_the_only_ones() -> None:
    balancer = properties("BalancerSecurityGroup")
    assert json.dumps(balancer["SecurityGroupIngress"]).count('"CidrIp"') == 3
    assert "0.0.0.0/0" not in json.dumps(balancer)
    assert "SecurityGroupIngress" not in properties("BridgeSecurityGroup")
    doors = {name: found["Properties"] for name, found in of_type("AWS::EC2::SecurityGroupIngress").items()}
    assert set(doors) == {"BridgeFromBalancer", "BridgeFromBridge"}
    assert doors["BridgeFromBalancer"]["SourceSecurityGroupId"] == {"Fn::GetAtt": "BalancerSecurityGroup.GroupId"}
    assert (doors["BridgeFromBalancer"]["FromPort"], doors["BridgeFromBalancer"]["ToPort"]) == (8090, 8090)
    relay, back = doors["BridgeFromBridge"], properties("BridgeToBridge")
    assert relay["SourceSecurityGroupId"] == back["DestinationSecurityGroupId"] == relay["GroupId"]
    assert [relay[end] for end in ("FromPort", "ToPort")] == [32_768, 60_999]  # what Linux gives by itself
    assert [back[end] for end in ("FromPort", "ToPort")] == [32_768, 60_999]


def test_streams_come_over_tls_and_may_be_silent_for_minutes() -> None:
    listener = properties("BridgeListener")
    assert (listener["Protocol"], listener["Port"]) == ("HTTPS", 443)
    assert listener["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2")
    assert len(of_type("AWS::ElasticLoadBalancingV2::Listener")) == 1
    found = attributes("BridgeBalancer", "LoadBalancerAttributes")
    assert 120 <= int(found["idle_timeout.timeout_seconds"]) <= 300
    assert "access_logs.s3.enabled" not in found  # they would keep stream tokens


@pytest.mark.parametrize("generation", GENERATIONS)
def test_scaling_aims_at_slots_in_use_as_the_bridge_itself_counts_them(generation: str) -> None:
    aim = properties(f"{generation}ScalingPolicy")["TargetTrackingScalingPolicyConfiguration"]
    metric = aim["CustomizedMetricSpecification"]
    assert (metric["Namespace"], metric["Statistic"]) == (NAMESPACE, "Average")
    assert metric["MetricName"] in Gauges(Health(1), "current", 0).read()
    dimensions = {item["Name"]: item["Value"] for item in metric["Dimensions"]}
    assert dimensions == {"service": "bridge", "release": {"Ref": f"{generation}Release"}}
    assert aim["ScaleInCooldown"] >= 300
    given = {item["Name"]: item["Value"] for item in container(generation)["Environment"]}
    assert given["POKEA_RELEASE"] == {"Ref": f"{generation}Release"}


def test_every_alarm_and_graph_of_the_bridge_is_of_something_that_it_says() -> None:
    said = set(Gauges(Health(1), "current", 0).read())
    alarms = [alarm["Properties"] for alarm in of_type("AWS::CloudWatch::Alarm").values()]
    watched = {a["MetricName"] for a in alarms if {"Name": "service", "Value": "bridge"} in a["Dimensions"]}
    assert (
        watched - {"ReplyLatencyMs"}
        == {"SlotUtilisation", "TurnedAway", "LoopLagMs", "ProtectionFailed", "KeyRefused"}
        < said
    )
    body = properties("BridgeDashboard")["DashboardBody"]["Fn::Sub"]
    drawn = json.loads(body.replace("${BridgeTarget}", "50"))
    assert len(drawn["widgets"]) == 11
    assert all(metric in body for metric in (said | set(METRICS)) - {"ProtectionFailed", "KeyRefused", "SpansDropped"})


def test_trying_out_costs_one_small_task_on_spot_capacity() -> None:
    for generation in GENERATIONS:
        (strategy,) = properties(f"{generation}Service")["CapacityProviderStrategy"]
        assert strategy["CapacityProvider"] == {"Fn::If": ["UsesDevMode", "FARGATE_SPOT", "FARGATE"]}
        task = properties(f"{generation}Task")
        assert (task["Cpu"]["Fn::If"][:2], task["Memory"]["Fn::If"][:2]) == (
            ["UsesDevMode", "512"],
            ["UsesDevMode", "1024"],
        )
        assert properties(f"{generation}Scaling")["MaxCapacity"]["Fn::If"][2]["Fn::If"][:2] == ["UsesDevMode", 1]
    assert TEMPLATE["Parameters"]["DevMode"]["Default"] == "off"
    assert TEMPLATE["Parameters"]["BridgeMinTasks"]["Default"] >= 2


def test_each_worker_of_a_task_has_a_core_of_its_own() -> None:
    sizes = TEMPLATE["Mappings"]["BridgeSizes"]
    assert list(sizes) == TEMPLATE["Parameters"]["BridgeCpu"]["AllowedValues"]
    assert all(int(size["Workers"]) == int(cpu) // 1024 for cpu, size in sizes.items())


def refused_by(**given: str) -> set[str]:
    """The rules of the template that refuse these parameters, as CloudFormation reads them."""
    stands: dict[str, Any] = {name: found.get("Default", "given") for name, found in TEMPLATE["Parameters"].items()}
    stands |= given
    stands["BridgeSubnets"] = stands["BridgeSubnets"].split(",")

    def value(term: Any) -> Any:
        if not isinstance(term, dict):
            return term
        ((name, args),) = term.items()
        if name == "Ref":
            return stands[args]
        found = [value(arg) for arg in args]
        if name == "Fn::Contains":
            return found[1] in found[0]
        by_name = {
            "Fn::Not": not found[0],
            "Fn::And": all(found),
            "Fn::Or": any(found),
            "Fn::Equals": found[0] == found[-1],
        }
        return by_name[name]

    return {
        name
        for name, rule in TEMPLATE["Rules"].items()
        if value(rule.get("RuleCondition", True)) and not all(value(one["Assert"]) for one in rule["Assertions"])
    }


NETWORK = {"VpcId": "vpc-1", "BridgeSubnets": "subnet-1,subnet-2", "BridgeCertificateArn": "arn:aws:acm:x"}
BLUE = {**NETWORK, "BlueImage": "uri:1", "BlueRelease": "1", "Release": "1"}
BOTH = {**BLUE, "GreenImage": "uri:2", "GreenRelease": "2"}


def test_each_step_of_a_release_is_let_through_and_its_slips_are_not() -> None:
    assert refused_by() == set()
    assert refused_by(BlueImage="uri:1") == {"BlueNeedsANetwork"}
    assert refused_by(**{**BLUE, "BridgeSubnets": ""}) == {"BlueNeedsANetwork"}
    for step in (BLUE, BOTH, {**BOTH, "Release": "2"}, {**BOTH, "Release": "2", "Draining": "blue"}):
        assert refused_by(**step) == set()
    done = {**BOTH, "Release": "2", "BlueImage": "", "BlueRelease": "empty"}
    assert refused_by(**done) == set()
    assert refused_by(**{**BOTH, "BlueImage": ""}) == {"NewCallsFindBlue"}
    assert refused_by(**{**BLUE, "GreenRelease": "2", "Release": "2"}) == {"NewCallsFindGreen"}
    assert refused_by(**{**BOTH, "Release": "3"}) == {"NewCallsFindAGeneration"}
    assert refused_by(**{**BOTH, "Draining": "blue"}) == {"NewCallsDoNotDrain"}


def test_the_guide_writes_no_empty_value_as_the_sam_cli_refuses_it() -> None:
    guide = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    assert re.findall(r"\b[A-Z][A-Za-z]+=(?=[\s`'|])", guide) == []
    assert """'BlueImage=""'""" in guide


def test_no_image_that_a_tag_names_is_ever_expired() -> None:
    (rule,) = json.loads(properties("BridgeRepository")["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert rule["selection"]["tagStatus"] == "untagged"


def test_a_run_of_the_reaper_ends_by_itself_also_under_a_carrier_that_hangs() -> None:
    patience = CarrierSettings("")
    tries_s = PATIENT_TRIES * (patience.connect_timeout_s + patience.read_timeout_s + PATIENCE_S)
    assert tries_s <= LEG_MS / 1000 <= properties("ReaperFunction")["Timeout"] / 2


def test_images_cannot_be_replaced_behind_a_name() -> None:
    repository = RESOURCES["BridgeRepository"]
    assert repository["Properties"]["ImageTagMutability"] == "IMMUTABLE"
    assert repository["DeletionPolicy"] == "Retain"


def test_a_reserved_concurrency_never_stands_before_a_queue() -> None:
    """A throttled receive would use up the deliveries that a message has."""
    for name, function in of_type("AWS::Serverless::Function").items():
        sources = [event["Type"] for event in function["Properties"].get("Events", {}).values()]
        assert "SQS" not in sources or "ReservedConcurrentExecutions" not in function["Properties"], name


def test_what_places_calls_or_can_be_guessed_at_is_throttled_below_the_hooks() -> None:
    api = RESOURCES["HttpApi"]["Properties"]
    default, own = api["DefaultRouteSettings"], api["RouteSettings"]
    assert default["ThrottlingBurstLimit"] >= 200  # so many may ring within one second (F4.8)
    routes = {
        f"{event['Properties']['Method']} {event['Properties']['Path']}"
        for function in of_type("AWS::Serverless::Function").values()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "HttpApi"
    }
    assert {"POST /calls", "POST /campaigns/{id}/contacts", "GET /calendar/{secret}", "GET /cards/{token}"} <= set(own)
    assert set(own) <= routes
    for limits in own.values():
        assert limits["ThrottlingRateLimit"] < default["ThrottlingRateLimit"]
        assert limits["ThrottlingBurstLimit"] < default["ThrottlingBurstLimit"]


def test_every_parameter_says_what_it_is_for() -> None:
    silent = {name for name, found in TEMPLATE["Parameters"].items() if not found.get("Description")}
    assert silent == set()
