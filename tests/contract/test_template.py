"""template.yaml: what must hold of everything that is deployed."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from functions.api.doorman import OPEN_ROUTES
from local.gateway_template import functions_of, read_template

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = read_template(ROOT / "template.yaml")
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FUNCTIONS = functions_of(TEMPLATE)
PYTHON = "python3.12"
BRIDGE_ROLES = {"BridgeTaskRole", "BridgeExecutionRole"}
# Every resource with a star in it, and why.
STARS = {
    "${RecordingsBucket.Arn}/*": "objects have no names yet; nothing else is in the bucket",
    "task/${BridgeCluster}/*": "tasks have no names yet; of one cluster, and the condition names it again",
    "schedule/${CampaignSchedules}/campaign-*": "nor have the schedules of campaigns, which stand in a group of their own",
    "LogInToTheRegistry": "ecr:GetAuthorizationToken knows no resource: it opens the registry, and the repository is named beside it",
    "SendTraces": "xray:Put… know no resource: traces are told, and cannot be read, by these",
}
ANYWHERE = {
    "LogInToTheRegistry": ["ecr:GetAuthorizationToken"],
    "SendTraces": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
}

# Who keeps each route: "hook" = path secret or signature over raw bytes, in the function; "key" = API key; "secret" = a segment that
# cannot be guessed, checked by the route; "open" = anybody.
ROUTES = {
    "POST /": ("voice", "hook"),
    "POST /voice": ("voice", "hook"),
    "POST /voice/{secret}": ("voice", "hook"),
    "POST /{secret}": ("voice", "hook"),
    "POST /stream-status": ("stream_status", "hook"),
    "POST /stream-status/{secret}": ("stream_status", "hook"),
    "POST /call-events": ("stream_status", "hook"),
    "POST /call-events/{secret}": ("stream_status", "hook"),
    "POST /calls": ("api", "key"),
    "PUT /shipments/{tracking_id}": ("api", "key"),
    "PUT /accounts/{id}": ("api", "key"),
    "PUT /tickets/{id}": ("api", "key"),
    "PUT /outages/{area}": ("api", "key"),
    "GET /tasks": ("api", "key"),
    "POST /tasks/{kind}/{id}/done": ("api", "key"),
    "POST /campaigns": ("campaigns", "key"),
    "GET /campaigns": ("campaigns", "key"),
    "GET /campaigns/{id}": ("campaigns", "key"),
    "POST /campaigns/{id}/contacts": ("campaigns", "key"),
    "GET /campaigns/{id}/results": ("campaigns", "key"),
    "POST /campaigns/{id}/{order}": ("campaigns", "key"),
    "POST /suppressions": ("campaigns", "key"),
    "GET /suppressions": ("campaigns", "key"),
    "POST /suppressions/find": ("campaigns", "key"),
    "POST /suppressions/lift": ("campaigns", "key"),
    "POST /cdr/reconcile": ("cdr", "key"),
    "GET /cdr/{call}": ("cdr", "key"),
    "POST /reports": ("api", "key"),
    "GET /reports/{period}": ("api", "key"),
    "GET /calendar": ("api", "key"),
    "GET /calendar/{secret}": ("api", "secret"),
    "GET /cards/{token}": ("api", "secret"),
    "GET /healthz": ("api", "open"),
}


def of_type(kind: str) -> dict[str, Any]:
    return {name: resource for name, resource in RESOURCES.items() if resource["Type"] == kind}


def folder_of(handler: str) -> str:
    return handler.split(".")[1]


def test_the_routes_are_the_agreed_ones() -> None:
    found = {route.key: folder_of(function.handler) for function in FUNCTIONS for route in function.routes}
    assert found == {key: folder for key, (folder, _) in ROUTES.items()}


def test_every_route_is_kept_by_somebody() -> None:
    open_keys = {(method, path) for method, path in OPEN_ROUTES}
    unkeyed = {
        (key.split(" ")[0], key.split(" ")[1]) for key, (_, keeper) in ROUTES.items() if keeper in ("open", "secret")
    }
    assert open_keys == {(method, re.sub(r"\{\w+\}$", "*", path)) for method, path in unkeyed}
    hook_functions = {folder for folder, keeper in ROUTES.values() if keeper == "hook"}
    for folder in hook_functions:
        source = "\n".join(path.read_text() for path in (ROOT / "functions" / folder).glob("*.py"))
        assert "_gate.admit(request, now)" in source
        assert source.index("_gate.admit(request, now)") < source.index("parse_hook(request.body")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_every_handler_exists(function: Any) -> None:
    module_name, _, attribute = function.handler.rpartition(".")
    assert (ROOT / Path(*module_name.split("."))).with_suffix(".py").is_file()
    assert callable(getattr(importlib.import_module(module_name), attribute))


@pytest.mark.parametrize("name", of_type("AWS::Serverless::Function"))
def test_every_function_has_its_own_role_logs_and_build_target(name: str) -> None:
    properties = RESOURCES[name]["Properties"]
    stem = name.removesuffix("Function")
    assert properties["Role"] == {"Fn::GetAtt": f"{stem}Role.Arn"}
    assert properties["LoggingConfig"] == {"LogGroup": {"Ref": f"{stem}Logs"}}
    assert RESOURCES[name]["Metadata"] == {"BuildMethod": "makefile"}
    assert f"build-{name}:" in (ROOT / "functions/Makefile").read_text()
    assert "Policies" not in properties  # SAM's own policies are wider than ours


def test_no_two_functions_share_a_role() -> None:
    roles = [json.dumps(function["Properties"]["Role"]) for function in of_type("AWS::Serverless::Function").values()]
    assert len(set(roles)) == len(roles)
    # The scheduler has one as well, which may start campaigns and nothing else, and so have the bridge and what starts it.
    assert set(of_type("AWS::IAM::Role")) == {json.loads(role)["Fn::GetAtt"].removesuffix(".Arn") for role in roles} | {
        "CampaignScheduleRole",
        *BRIDGE_ROLES,
    }


def test_every_log_group_forgets() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS) + 2  # the HTTP API's and the bridge's
    assert all(group["Properties"]["RetentionInDays"] for group in groups.values())


def test_tables_are_encrypted_recoverable_and_kept() -> None:
    tables = of_type("AWS::DynamoDB::Table")
    assert tables
    for table in tables.values():
        properties = table["Properties"]
        assert properties["SSESpecification"]["SSEEnabled"] is True
        assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"


def statements() -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, statement)
        for name, role in of_type("AWS::IAM::Role").items()
        for policy in role["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_no_statement_has_a_wildcard() -> None:
    assert statements()
    for name, statement in statements():
        granted = json.dumps([statement["Action"], statement["Resource"]])
        # Nor have those under one prefix of a bucket.
        granted = re.sub(r"\$\{\w+Bucket\.Arn\}/\w+/\*", "", granted)
        for star in STARS:
            granted = granted.replace(star, "")
        if statement["Sid"] in STARS:
            actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
            assert actions == ANYWHERE[statement["Sid"]][: len(actions)] and statement["Resource"] == "*"
            continue
        assert "*" not in granted, (name, statement["Sid"])
        assert "NotAction" not in statement and "NotResource" not in statement
    assert not any(role["Properties"].get("ManagedPolicyArns") for role in of_type("AWS::IAM::Role").values())


def test_no_function_may_scan_delete_or_reach_foreign_keys() -> None:
    on_table = [(name, s) for name, s in statements() if "dynamodb" in json.dumps(s["Action"])]
    assert len({name for name, _ in on_table}) == len(FUNCTIONS)
    for name, statement in on_table:
        actions = json.dumps(statement["Action"])
        assert not any(verb in actions for verb in ("Scan", "Table")), name
        keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        assert "Delete" not in actions or keys == ["LIVE#*"], name  # a call that is over gives its channel back
        assert all(key.endswith("#*") and len(key) > 3 for key in keys)
    voice = {
        s["Sid"]: (s["Action"], s["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
        for name, s in on_table
        if name == "VoiceRole"
    }
    assert voice == {
        "UseOwnKeys": (["dynamodb:GetItem", "dynamodb:PutItem"], ["CALL#*"]),
        "TakeSeats": (["dynamodb:Query", "dynamodb:UpdateItem"], ["SEATS#*"]),
        "CountRings": (["dynamodb:UpdateItem", "dynamodb:PutItem"], ["RINGS#*"]),
        "OweACall": ("dynamodb:PutItem", ["BIZ#*"]),
    }


def test_secrets_come_from_secrets_manager_alone() -> None:
    text = (ROOT / "template.yaml").read_text()
    for function in FUNCTIONS:
        assert not set(function.environment) & {"SAUTIKIT_API_KEY", "SAUTIKIT_WEBHOOK_SECRET", "POKEA_TOKEN_KEY"}
    assert "NoEcho" not in text  # no secret travels as a parameter
    assert TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["POKEA_SECRETS_ID"] == {"Ref": "Secrets"}


def test_access_logs_hold_neither_path_nor_query() -> None:
    logged = RESOURCES["HttpApi"]["Properties"]["AccessLogSettings"]["Format"]
    assert not any(field in logged for field in ("$context.path", "queryString", "$context.authorizer"))


def test_runtime_and_bytecode_are_of_one_python() -> None:
    assert TEMPLATE["Globals"]["Function"]["Runtime"] == PYTHON
    for makefile in ("layers/core/Makefile", "functions/Makefile"):
        text = (ROOT / makefile).read_text()
        assert f"RUNTIME := {PYTHON}" in text
        assert "compileall" in text and "unchecked-hash" in text
    assert (ROOT / "layers/core/requirements.txt").read_text() == (ROOT / "requirements/layer.txt").read_text()
    assert (ROOT / "functions/requirements.txt").read_text() == (ROOT / "requirements/api.txt").read_text()


def test_time_limits_leave_room_to_answer() -> None:
    limits = {folder_of(function.handler): function.timeout_s for function in FUNCTIONS}
    assert limits["tools"] >= 4  # the bridge waits for three seconds, the function answers before its own end
    assert all(f.timeout_s <= 29 for f in FUNCTIONS if f.routes)  # an HTTP API waits for thirty at most


def test_calendars_that_are_not_read_are_told_of() -> None:
    alarms = [alarm["Properties"] for alarm in of_type("AWS::CloudWatch::Alarm").values()]
    (unread,) = [alarm for alarm in alarms if alarm["MetricName"] == "CalendarNotRead"]
    named = ("Statistic", "Threshold", "Period", "EvaluationPeriods")
    assert [unread[name] for name in named] == ["Sum", 1, 600, 6]
    assert unread["Dimensions"] == [{"Name": "service", "Value": "calendars"}]
    assert_failures_are_told_of("CalendarsFunction")


def assert_failures_are_told_of(function: str) -> None:
    """Of a function that runs on a schedule: nobody waits for its answer."""
    alarms = [alarm["Properties"] for alarm in of_type("AWS::CloudWatch::Alarm").values()]
    watched = [alarm["Dimensions"] for alarm in alarms if (alarm["Namespace"], alarm["MetricName"]) == _FAILURES]
    assert [{"Name": "FunctionName", "Value": {"Ref": function}}] in watched


_FAILURES = ("AWS/Lambda", "Errors")


@pytest.mark.parametrize("metric", ["AuditDifference", "CdrUnreconciled"])
def test_what_the_carrier_charges_otherwise_or_never_is_told_of(metric: str) -> None:
    alarms = [alarm["Properties"] for alarm in of_type("AWS::CloudWatch::Alarm").values()]
    (found,) = [alarm for alarm in alarms if alarm["MetricName"] == metric]
    assert (found["Namespace"], found["Statistic"], found["Threshold"]) == ("Pokea", "Sum", 1)
    assert found["Dimensions"] == [{"Name": "service", "Value": "cdr"}]
    assert f'"{metric}"' in (ROOT / "functions/cdr/reporter.py").read_text()


def test_reports_that_show_differences_are_told_of_and_so_is_one_that_fails() -> None:
    alarms = [alarm["Properties"] for alarm in of_type("AWS::CloudWatch::Alarm").values()]
    (found,) = [alarm for alarm in alarms if alarm["MetricName"] == "ReportDifferences"]
    assert (found["Namespace"], found["Statistic"], found["Threshold"]) == ("Pokea", "Sum", 1)
    assert found["Dimensions"] == [{"Name": "service", "Value": "reports"}]
    assert '"ReportDifferences"' in (ROOT / "functions/reports/press.py").read_text()
    assert_failures_are_told_of("ReportsFunction")


def test_reports_are_asked_for_every_hour_because_every_zone_has_its_own_morning() -> None:
    events = RESOURCES["ReportsFunction"]["Properties"]["Events"].values()
    (hourly,) = [event["Properties"] for event in events if event["Type"] == "Schedule"]
    assert hourly == {"Schedule": "cron(10 * * * ? *)"}


def test_the_reports_function_reads_the_days_of_detail_records_and_nothing_else_of_any_table() -> None:
    granted = [s for name, s in statements() if name == "ReportsRole" and "dynamodb" in json.dumps(s["Action"])]
    (reads,) = granted
    assert (reads["Action"], reads["Resource"]) == ("dynamodb:Query", {"Fn::Sub": "${CdrsTable.Arn}/index/gsi1"})


def test_every_night_what_is_open_is_looked_at() -> None:
    function = RESOURCES["CdrFunction"]["Properties"]
    (nightly,) = [event["Properties"] for event in function["Events"].values() if event["Type"] == "Schedule"]
    assert nightly == {"Schedule": "cron(30 1 * * ? *)"}
    assert_failures_are_told_of("CdrFunction")


def test_the_bridge_is_told_of_the_queue_that_it_needs() -> None:
    output = TEMPLATE["Outputs"]["CdrQueueUrl"]
    assert output["Value"] == {"Ref": "CdrQueue"} and "sqs:SendMessage" in output["Description"]


def test_every_setting_that_a_function_is_given_is_known() -> None:
    from pokea.adapters.setting_names import KNOWN

    shared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    own = [
        function["Properties"].get("Environment", {}).get("Variables", {})
        for function in of_type("AWS::Serverless::Function").values()
    ]
    given = {name for variables in [shared, *own] for name in variables}
    assert {name for name in given if name.startswith("POKEA_")} <= KNOWN
