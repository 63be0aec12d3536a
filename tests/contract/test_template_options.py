"""template.yaml and edge.yaml: what a person chooses when deploying, and what must hold of each choice."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any

import pytest

from bench.cost_sheet import EDGE_RULES
from functions.voice.app import _refused
from local.cli.doctor.setup import PROCESSES
from local.gateway_template import read_template
from pokea.adapters.edge import EDGE_HEADER, EDGE_SECRET, Edge
from pokea.adapters.observability import Log
from pokea.adapters.secrets import Secrets
from pokea.adapters.setting_names import SETTINGS
from pokea.errors import Unauthorized
from tests.contract.test_template import FUNCTIONS, RESOURCES, ROOT, ROUTES, TEMPLATE, of_type
from tests.contract.test_template_bridge import refused_by
from tests.support.template_view import resolved

EDGE = read_template(ROOT / "edge.yaml")
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
KEY = {"Fn::GetAtt": "DataKey.Arn"}
WITH_KEY = {"UsesCustomerKey", "DeployBridge"}
# What a deployment does not set, and why.
NOT_GIVEN = {
    "POKEA_PROFILES_DIR": "profiles ship inside the layer and the image",
    "POKEA_PRICES_DIR": "price tables ship inside the layer",
    "POKEA_ALLOW_PRIVATE_BACKENDS": "for a desk, never in production",
    "POKEA_STREAM_TOKEN_TTL_S": "a minute; the steps of a release wait for it (docs/deploy.md)",
    "POKEA_TOOLS_DEADLINE_MS": "bridge and tools function must agree, and the function's time limit follows from it",
    "POKEA_CAMPAIGN_PLAN_S": "a plan a minute, as the schedule says",
    "AWS_XRAY_DAEMON_ADDRESS": "Lambda sets it",
}
# What stands in a function's settings because those of several functions do, and what it does not use.
ENDS = {"POKEA_ENDED_QUEUE_URL", "POKEA_CDR_QUEUE_URL", "POKEA_CAMPAIGN_ENDED_QUEUE_URL"}
UNUSED = {
    "ApiFunction": {"POKEA_WEBHOOK_BARE_HEX", *ENDS},
    "ToolsFunction": {"POKEA_WEBHOOK_BARE_HEX", "POKEA_EDGE_ONLY"},
    "DialerFunction": {"POKEA_WEBHOOK_BARE_HEX", "POKEA_EDGE_ONLY", *ENDS},
    "ProactiveFunction": {"POKEA_WEBHOOK_BARE_HEX", "POKEA_EDGE_ONLY", *ENDS},
}
HOOKS_OF_A_CALL = 8
TRACING = {"POKEA_TRACES", "OTEL_EXPORTER_OTLP_ENDPOINT"}  # off where they are not given


def properties(name: str, holds: Collection[str] = ()) -> Any:
    return resolved(RESOURCES[name]["Properties"], holds)


# ---- what the person sees


def test_every_parameter_is_described_and_stands_in_one_group_of_the_console() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(PARAMETERS)
    assert all(group["Label"]["default"] for group in groups)
    for name, parameter in PARAMETERS.items():
        assert len(parameter["Description"]) > 10 and not parameter["Description"].endswith("."), name
    assert {name for name, parameter in PARAMETERS.items() if "Default" not in parameter} == {"PublicUrl", "BridgeUrl"}


def test_a_default_is_one_that_its_parameter_allows() -> None:
    for name, parameter in PARAMETERS.items():
        if (default := parameter.get("Default")) is None:
            continue
        if allowed := parameter.get("AllowedValues"):
            assert default in allowed, name
        if pattern := parameter.get("AllowedPattern"):
            assert re.fullmatch(pattern, default), name
        if parameter["Type"] == "Number" and "MinValue" in parameter:
            assert parameter["MinValue"] <= default <= parameter["MaxValue"], name


def test_every_output_says_what_it_is_for() -> None:
    for outputs in (TEMPLATE["Outputs"], EDGE["Outputs"]):
        assert all(len(output["Description"]) > 10 for output in outputs.values())
    assert all(parameter["Description"] for parameter in EDGE["Parameters"].values())


def test_alarms_reach_whoever_wants_them() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")
    assert len(alarms) > 30
    for name in alarms:
        assert properties(name, {"TellsOfAlarms"})["AlarmActions"] == [{"Ref": "AlarmTopicArn"}], name
        assert "AlarmActions" not in properties(name), name


# ---- settings


@pytest.mark.parametrize("process", [name for name in PROCESSES if name.endswith("Function")])
def test_every_setting_of_a_function_is_given_or_need_not_be(process: str) -> None:
    shared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    given = set(shared) | set(properties(process).get("Environment", {}).get("Variables", {}))
    named = names_of(PROCESSES[process])
    assert named - given - set(NOT_GIVEN) - TRACING == UNUSED.get(process, set())
    assert given - named <= TRACING, "what the function does not read"


def names_of(path: str) -> set[str]:
    module, _, name = path.rpartition(".")
    return {item.metadata["name"] for item in fields(getattr(import_module(module), name))}


def test_the_doctor_looks_at_the_settings_of_every_process_of_the_template() -> None:
    assert set(PROCESSES) == set(of_type("AWS::Serverless::Function")) | {"BlueTask", "GreenTask"}


def test_a_bridge_is_given_settings_that_it_has_and_the_guide_says_how_the_others_are_set() -> None:
    (container,) = properties("BlueTask")["ContainerDefinitions"]
    given = {item["Name"] for item in container["Environment"]}
    assert given - names_of(PROCESSES["BlueTask"]) <= {"AWS_DEFAULT_REGION"} | TRACING
    assert "Every other setting of the bridge" in (ROOT / "docs/deploy.md").read_text(encoding="utf-8")


def test_what_is_chosen_once_reaches_everybody_who_has_to_know() -> None:
    both = {"POKEA_MAX_CALL_S": "MaxCallSeconds", "POKEA_MAX_JOINED_S": "MaxJoinedSeconds"}
    for generation in ("Blue", "Green"):
        (container,) = properties(f"{generation}Task")["ContainerDefinitions"]
        given = {item["Name"]: item["Value"] for item in container["Environment"]}
        tools = properties("ToolsFunction")["Environment"]["Variables"]
        for name, parameter in both.items():
            assert given[name] == tools[name] == {"Ref": parameter}
        assert given["SAUTIKIT_API_BASE"] == {"Ref": "CarrierApiBase"}


# ---- concurrency


def test_nothing_is_reserved_by_default_because_a_new_account_has_ten_executions_in_all() -> None:
    assert PARAMETERS["ReservedConcurrency"]["Default"] == 0
    for name in of_type("AWS::Serverless::Function"):
        assert "ReservedConcurrentExecutions" not in properties(name), name


def test_what_a_caller_waits_for_has_a_share_of_its_own_and_no_consumer_of_a_queue_is_bounded_by_one() -> None:
    reserved = {
        name: found["ReservedConcurrentExecutions"]
        for name in of_type("AWS::Serverless::Function")
        if "ReservedConcurrentExecutions" in (found := properties(name, {"ReservesConcurrency"}))
    }
    share = {"Ref": "ReservedConcurrency"}
    assert reserved == {
        **dict.fromkeys(("VoiceFunction", "StreamStatusFunction", "ToolsFunction"), share),
        **dict.fromkeys(("WalletFunction", "CalendarsFunction"), 1),
    }
    for name in reserved:
        events = properties(name).get("Events", {}).values()
        assert not [event for event in events if event["Type"] == "SQS"], name


# ---- a key of one's own

ENCRYPTED = {
    "AWS::DynamoDB::Table": lambda p: p["SSESpecification"].get("KMSMasterKeyId"),
    "AWS::SQS::Queue": lambda p: p.get("KmsMasterKeyId"),
    "AWS::Logs::LogGroup": lambda p: p.get("KmsKeyId"),
    "AWS::SecretsManager::Secret": lambda p: p.get("KmsKeyId"),
    "AWS::Events::EventBus": lambda p: p.get("KmsKeyIdentifier"),
    "AWS::ECS::Cluster": lambda p: (
        p.get("Configuration", {}).get("ManagedStorageConfiguration", {}).get("FargateEphemeralStorageKmsKeyId")
    ),
}


@pytest.mark.parametrize("kind", ENCRYPTED)
def test_with_a_key_of_ones_own_all_that_is_stored_is_under_it_and_else_nothing(kind: str) -> None:
    assert of_type(kind)
    for name in of_type(kind):
        assert ENCRYPTED[kind](properties(name, WITH_KEY)) == KEY, name
        assert ENCRYPTED[kind](properties(name)) is None, name
        assert "SqsManagedSseEnabled" not in properties(name, WITH_KEY), name


def test_buckets_are_under_the_key_but_the_one_that_s3_itself_writes_to() -> None:
    for name in of_type("AWS::S3::Bucket"):
        for holds, expected in ((WITH_KEY, "aws:kms"), ((), "AES256")):
            (rule,) = properties(name, holds)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            default = rule["ServerSideEncryptionByDefault"]
            expected = "AES256" if name == "BucketLogs" else expected
            assert default["SSEAlgorithm"] == expected, name
            assert default.get("KMSMasterKeyID") == (KEY if expected == "aws:kms" else None), name
    source = (ROOT / "bridge/shell/recorder.py").read_text(encoding="utf-8")
    assert "ServerSideEncryption" not in source  # the bucket decides


def needs_of(role: str) -> set[tuple[str, str]]:
    """What a role must be able to do with the key, from what else it may do: (service, action)."""
    per_action = {
        "dynamodb:": {("dynamodb", "kms:Decrypt"), ("dynamodb", "kms:DescribeKey")},
        "secretsmanager:GetSecretValue": {("secretsmanager", "kms:Decrypt")},
        "sqs:SendMessage": {("sqs", "kms:GenerateDataKey"), ("sqs", "kms:Decrypt")},
        "sqs:ReceiveMessage": {("sqs", "kms:Decrypt")},
        "s3:PutObject": {("s3", "kms:GenerateDataKey")},
        "s3:GetObject": {("s3", "kms:Decrypt")},
    }
    actions = [action for s in own_statements(role) for action in listed(s["Action"])]
    return {
        need for action in actions for start, needs in per_action.items() if action.startswith(start) for need in needs
    }


def own_statements(role: str) -> Iterable[dict[str, Any]]:
    policies = RESOURCES[role]["Properties"]["Policies"]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_each_role_gets_of_the_key_what_its_work_needs_and_nothing_else() -> None:
    given: dict[str, set[tuple[str, str]]] = {name: set() for name in of_type("AWS::IAM::Role")}
    for name, policy in of_type("AWS::IAM::Policy").items():
        assert policy["Condition"] == "UsesCustomerKey", name
        found = resolved(policy["Properties"], WITH_KEY)
        (statement,) = found["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Resource"]) == ("Allow", KEY), name
        service = statement["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Sub"].partition(".")[0]
        for role in found["Roles"]:
            given[role["Ref"]] |= {(service, action) for action in listed(statement["Action"])}
    assert given == {role: needs_of(role) for role in given}
    assert needs_of("WalletRole") == {
        ("dynamodb", "kms:Decrypt"),
        ("dynamodb", "kms:DescribeKey"),
        ("secretsmanager", "kms:Decrypt"),
    }
    without_bridge = [resolved(p["Properties"], {"UsesCustomerKey"}) for p in of_type("AWS::IAM::Policy").values()]
    assert "BridgeTaskRole" not in json.dumps(without_bridge)


def test_the_key_is_kept_turned_and_open_to_this_account_and_to_services_in_this_stacks_name() -> None:
    key = RESOURCES["DataKey"]
    assert key["Condition"] == "UsesCustomerKey" and key["DeletionPolicy"] == key["UpdateReplacePolicy"] == "Retain"
    assert key["Properties"]["EnableKeyRotation"] is True
    root = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    for statement in key["Properties"]["KeyPolicy"]["Statement"]:
        assert not [action for action in listed(statement["Action"]) if "*" in action]
        if statement["Principal"] != root:
            conditions = json.dumps(statement["Condition"])
            assert "${AWS::StackName}" in conditions and "AWS::AccountId" in conditions, statement["Sid"]
    services = {
        str(s["Principal"]["Service"])
        for s in key["Properties"]["KeyPolicy"]["Statement"]
        if "Service" in s["Principal"]
    }
    assert services == {
        "{'Fn::Sub': 'logs.${AWS::Region}.amazonaws.com'}",
        "events.amazonaws.com",
        "fargate.amazonaws.com",
    }
    assert properties("BridgeCluster")["ClusterName"] == {"Fn::Sub": "${AWS::StackName}-bridge"}
    assert all("LogGroupName" not in group["Properties"] for group in of_type("AWS::Logs::LogGroup").values())


# ---- an edge in front of the HTTP API


def test_without_an_edge_nothing_of_it_is_made_and_nobody_asks_for_its_header() -> None:
    assert PARAMETERS["Edge"]["Default"] == "off"
    assert RESOURCES["EdgeDistribution"]["Condition"] == TEMPLATE["Outputs"]["EdgeDomain"]["Condition"] == "UsesEdge"
    assert only_by_edge(()) == dict.fromkeys(with_routes(), "off")


def test_the_header_is_asked_for_once_the_deployment_says_only_and_by_every_function_with_a_route() -> None:
    assert only_by_edge({"UsesEdge"}) == dict.fromkeys(with_routes(), "off")
    assert only_by_edge({"UsesEdge", "AdmitsTheEdgeAlone"}) == dict.fromkeys(with_routes(), "on")
    conditions = TEMPLATE["Conditions"]
    assert conditions["UsesEdge"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Edge"}, "off"]}]}
    assert conditions["AdmitsTheEdgeAlone"] == {"Fn::Equals": [{"Ref": "Edge"}, "only"]}


def test_a_wrong_secret_at_the_edge_raises_an_alarm_because_every_caller_then_hears_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The dimensions are those that the voice function counts by."""
    alarm = RESOURCES["EdgeRefusedAlarm"]
    assert alarm["Condition"] == "AdmitsTheEdgeAlone"
    with pytest.raises(Unauthorized) as refused:
        Edge(True, Secrets({EDGE_SECRET: "n" * 32})).admit("")
    _refused(refused.value, Log("voice", io.StringIO()), "carrier")
    counted = json.loads(capsys.readouterr().out)
    told = alarm["Properties"]
    assert counted[told["MetricName"]] == [1.0]
    assert counted["_aws"]["CloudWatchMetrics"][0]["Namespace"] == told["Namespace"]
    dimensions = {item["Name"]: item["Value"] for item in told["Dimensions"]}
    assert dimensions == {name: counted[name] for name in counted["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]}


def with_routes() -> list[str]:
    kinds = {name: [event["Type"] for event in properties(name).get("Events", {}).values()] for name in PROCESSES}
    return [name for name, events in kinds.items() if "HttpApi" in events]


def only_by_edge(holds: Collection[str]) -> Mapping[str, str]:
    functions = {name: properties(name, holds) for name in of_type("AWS::Serverless::Function")}
    variables = {name: found.get("Environment", {}).get("Variables", {}) for name, found in functions.items()}
    return {name: found["POKEA_EDGE_ONLY"] for name, found in variables.items() if "POKEA_EDGE_ONLY" in found}


def test_an_edge_needs_a_host_a_certificate_and_a_web_acl() -> None:
    parts = {
        "EdgeHost": "api.example.com",
        "EdgeCertificateArn": "arn:aws:acm:us-east-1:1:certificate/x",
        "EdgeWebAclArn": "arn:aws:wafv2:us-east-1:1:global/webacl/pokea/x",
    }
    for name, value in parts.items():
        assert re.fullmatch(PARAMETERS[name]["AllowedPattern"], value)
        assert refused_by(Edge="on", **{**parts, name: ""}) == {"EdgeNeedsItsParts"}
    assert refused_by(Edge="only", **parts) == refused_by(**parts) == set()
    assert not re.fullmatch(PARAMETERS["EdgeCertificateArn"]["AllowedPattern"], "arn:aws:acm:eu-west-1:1:certificate/x")


def test_the_edge_passes_on_all_that_was_sent_keeps_nothing_and_adds_the_secret() -> None:
    found = properties("EdgeDistribution", {"UsesEdge"})["DistributionConfig"]
    (origin,) = found["Origins"]
    (header,) = origin["OriginCustomHeaders"]
    assert header["HeaderName"] == EDGE_HEADER
    # No version: one that is named may be gone at a later deployment. Instead a word beside it changes, and it is resolved anew.
    assert header["HeaderValue"]["Fn::Sub"] == f"{{{{resolve:secretsmanager:${{Secrets}}:SecretString:{EDGE_SECRET}}}}}"
    assert "${EdgeSecretVersion}" in found["Comment"]["Fn::Sub"]
    assert len(found["Comment"]["Fn::Sub"].replace("${EdgeSecretVersion}", "v" * 64)) <= 128
    assert found["PriceClass"] != "PriceClass_100", "Africa is not in it"
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    behaviour = found["DefaultCacheBehavior"]
    assert behaviour["ViewerProtocolPolicy"] == "https-only"
    assert {"GET", "POST", "PUT"} <= set(behaviour["AllowedMethods"])
    assert {key.split(" ")[0] for key in ROUTES} <= set(behaviour["AllowedMethods"])
    # By id, from AWS's own list: Managed-CachingDisabled and Managed-AllViewerExceptHostHeader. API Gateway answers to its own Host alone.
    assert behaviour["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert behaviour["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert found["WebACLId"] == {"Ref": "EdgeWebAclArn"} and "Logging" not in found
    assert found["ViewerCertificate"]["MinimumProtocolVersion"].startswith("TLSv1.2")
    assert all(EDGE_SECRET not in function.environment for function in FUNCTIONS)


def rules_of_the_edge() -> dict[str, Any]:
    return {rule["Name"]: rule for rule in EDGE["Resources"]["EdgeWebAcl"]["Properties"]["Rules"]}


def test_the_cost_sheet_counts_the_rules_of_the_web_acl() -> None:
    assert len(rules_of_the_edge()) == EDGE_RULES


def test_the_web_acl_has_its_rates_and_its_managed_rules_and_samples_no_path() -> None:
    acl = EDGE["Resources"]["EdgeWebAcl"]["Properties"]
    rules = rules_of_the_edge()
    assert acl["Scope"] == "CLOUDFRONT" and acl["DefaultAction"] == {"Allow": {}}
    assert list(rules) == ["flood", "business-rate", "known-bad-inputs", "common"]
    assert [rule["Priority"] for rule in rules.values()] == [0, 1, 2, 3]
    for one in (acl, *rules.values()):
        assert one["VisibilityConfig"]["SampledRequestsEnabled"] is False
    managed = [rules[name]["Statement"]["ManagedRuleGroupStatement"]["Name"] for name in ("known-bad-inputs", "common")]
    assert managed == ["AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesCommonRuleSet"]


def test_rules_that_may_err_look_at_the_businesses_api_alone_because_a_refused_hook_is_a_caller_in_silence() -> None:
    rules = rules_of_the_edge()
    scopes = [
        rules["business-rate"]["Statement"]["RateBasedStatement"]["ScopeDownStatement"],
        rules["common"]["Statement"]["ManagedRuleGroupStatement"]["ScopeDownStatement"],
    ]
    pattern = scopes[0]["RegexMatchStatement"]["RegexString"]
    assert scopes[0] == scopes[1] and len(pattern) <= 512
    # The API routes by the decoded path: what is spelled /c%61lls reaches it, so it must not get round the rules.
    changes = scopes[0]["RegexMatchStatement"]["TextTransformations"]
    assert [one["Type"] for one in sorted(changes, key=lambda one: one["Priority"])] == ["URL_DECODE", "NORMALIZE_PATH"]
    for key, (_, keeper) in ROUTES.items():
        path = key.split(" ")[1].replace("{secret}", "s3cret").replace("{", "").replace("}", "")
        assert bool(re.search(pattern, path)) == (keeper != "hook"), key
    # 200 new calls a second from one address, which is what the voice route lets through, with all their hooks are no flood.
    rate = TEMPLATE["Resources"]["HttpApi"]["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"]
    assert EDGE["Parameters"]["AnyRate"]["Default"] > rate * HOOKS_OF_A_CALL * 300
    assert EDGE["Parameters"]["BusinessRate"]["Default"] < EDGE["Parameters"]["AnyRate"]["Default"]


# ---- the policy scanner


def test_whatever_the_scanner_is_told_to_skip_has_its_reason() -> None:
    lines = (ROOT / ".checkov.yaml").read_text(encoding="utf-8").splitlines()
    skipped = [number for number, line in enumerate(lines) if line.startswith("  - CKV")]
    assert skipped and all(lines[number - 1].startswith("  # ") for number in skipped)
    assert "skip-download: true" in lines
    for template in (TEMPLATE, EDGE):
        for name, resource in template["Resources"].items():
            for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
                assert re.fullmatch(r"CKV\w+", skip["id"]) and len(skip["comment"]) > 20, name
    waived = TEMPLATE["Metadata"]["cfn-lint"]["config"]["ignore_checks"]
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    assert all(re.search(rf"- {check} # \w+", text) for check in waived)


def test_the_settings_of_the_edge_are_told_of() -> None:
    assert {"POKEA_EDGE_ONLY", EDGE_SECRET} <= set(SETTINGS)
