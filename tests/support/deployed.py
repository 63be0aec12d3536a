"""template.yaml as it was built for this machine, deployed as a stack of the emulator, which then runs the very artefacts.

Only what the emulator cannot do is done for it: SAM is translated before (by the SAM CLI's own translator), and the API's routes are
made from the processed template, because it reads no OpenAPI body. Nothing else of the template is changed, unless a test asks for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

import local.aws
from local.aws import REGION, LocalAws
from local.processes import ROOT
from local.template_file import plain
from tests.support.aws_witness import APP_ID
from tests.support.store import RunningAws

BUILD = ROOT / ".aws-sam/host"
STACK = "pokea-deployed"
SAM_PYTHON = ROOT / ".venv-sam/bin/python"
PUBLIC_URL = "https://api.example.com"
_MORE_SERVICES = ",cloudformation,lambda,apigateway,apigatewayv2,ecr"
_CODE = "pokea-code"
_START_S = 120  # no longer than the shortest visibility of a queue
_FUNCTION_OF_URI = re.compile(r"functions/\$\{(\w+)\}/invocations")

Processed = dict[str, Any]


def built_template() -> Processed:
    """The built template after SAM's translation, with its code where `Deployed` puts it."""
    template = plain(BUILD / "template.yaml")
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://{_CODE}/{name}.zip"
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = f"s3://{_CODE}/{name}.zip"
    program = [str(SAM_PYTHON), str(ROOT / "tests/support/sam_transform.py")]
    environ = {"PATH": os.defpath, "AWS_DEFAULT_REGION": REGION}
    _set_up_functions(template)
    ran = subprocess.run(program, input=json.dumps(template), capture_output=True, text=True, env=environ, check=False)
    assert ran.returncode == 0, ran.stderr[-3_000:]
    return _for_the_emulator(json.loads(ran.stdout))


def _set_up_functions(template: Processed) -> None:
    """Each says who it is, and finds the carrier where the emulator's own environment says: over plain HTTP, which the template refuses."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            environment = resource["Properties"].setdefault("Environment", {}).setdefault("Variables", {})
            environment[APP_ID] = name
            environment.pop("SAUTIKIT_API_BASE", None)


def _for_the_emulator(template: Processed) -> Processed:
    """What policies name otherwise there: the Ref of a secret is no ARN (its Id is, in both), every schedule is of the group "default",
    and a batch of messages is an action of its own, which to AWS is SendMessage. And functions may take as long as they need to start,
    each with a layer that is unpacked anew, on a machine that does other things, too."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["Timeout"] = max(resource["Properties"]["Timeout"], _START_S)
        for policy in resource.get("Properties", {}).get("Policies", []):
            for said in policy["PolicyDocument"]["Statement"]:
                if said["Resource"] == {"Ref": "Secrets"}:
                    said["Resource"] = {"Fn::GetAtt": ["Secrets", "Id"]}
                if said.get("Sid") == "SetSchedules":
                    any_group = {"Fn::Sub": said["Resource"]["Fn::Sub"].replace("${CampaignSchedules}", "default")}
                    said["Resource"] = [said["Resource"], any_group]
                if "sqs:SendMessage" in said["Action"]:
                    actions = said["Action"]
                    said["Action"] = [*([actions] if isinstance(actions, str) else actions), "sqs:SendMessageBatch"]
    return template


def statement(template: Processed, role: str, sid: str) -> tuple[list[Any], Any]:
    """One statement of a role's policy, and the list that it is in: a test takes it out of its copy of the template."""
    (policy,) = template["Resources"][role]["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    (found,) = (each for each in statements if each["Sid"] == sid)
    return statements, found


class _Emulator(LocalAws):
    """The local AWS with functions, with or without enforcement of IAM."""

    def __init__(self, state_dir: Path, *, enforces: bool, environ: Mapping[str, str]) -> None:
        super().__init__(state_dir, ROOT / "template.yaml")
        self._enforces, self._more = enforces, environ

    def _child_environ(self, port: int) -> dict[str, str]:
        return {
            **super()._child_environ(port),
            **self._more,  # its functions inherit it
            "SERVICES": local.aws.SERVICES + _MORE_SERVICES,
            "AUTH": "true" if self._enforces else "false",
            "PERSIST_STATE": "0",  # it would take its time over the artefacts
            "S3_PERSIST": "0",
        }


@dataclass(frozen=True, slots=True)
class Deployed:
    """One stack, its clients as the account's root, and its HTTP API."""

    endpoint: str
    resources: Mapping[str, str] = field(repr=False)  # logical id → physical id

    def client(self, service: str) -> Any:
        return client(self.endpoint, service)

    def url_of(self, queue: str) -> str:
        return self.resources[queue]

    def http(self, method: str, path: str, **wants: Any) -> httpx.Response:
        headers = {"host": f"{self.resources['HttpApi']}.execute-api.localhost", **wants.pop("headers", {})}
        with httpx.Client(trust_env=False, timeout=_START_S) as http:
            return http.request(method, self.endpoint + path, headers=headers, **wants)

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """The function's answer, by its alias. Raises AssertionError with what it said when it failed."""
        reply = self.client("lambda").invoke(
            FunctionName=self.resources[function], Qualifier="live", Payload=json.dumps(event)
        )
        said = json.loads(reply["Payload"].read() or b"null")
        assert "FunctionError" not in reply, said
        return said

    def items(self, table: str, key: str) -> list[Mapping[str, Any]]:
        """What a table holds under partition keys that begin with `key`."""
        found = self.client("dynamodb").scan(TableName=self.resources[table], ConsistentRead=True)["Items"]
        return [item for item in found if item["pk"]["S"].startswith(key)]

    def logs(self, group: str) -> str:
        """Every line of a log group."""
        reply = self.client("logs").filter_log_events(logGroupName=self.resources[group])
        return "\n".join(event["message"] for event in reply["events"])

    def drained(self, queue: str, within_s: float = 60.0) -> None:
        """Wait until no message is left in a queue, taken or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        sqs = self.client("sqs")

        def empty() -> bool:
            found = sqs.get_queue_attributes(QueueUrl=self.url_of(queue), AttributeNames=names)["Attributes"]
            return all(found[name] == "0" for name in names)

        until(empty, within_s, f"{queue} is not empty")


def until(holds: Callable[[], Any], within_s: float, otherwise: str) -> Any:
    """What `holds` says once it says something. Another process is waited for: there is nothing to be told by."""
    ends = time.monotonic() + within_s
    while not (said := holds()):
        assert time.monotonic() < ends, otherwise
        time.sleep(0.2)
    return said


def client(endpoint: str, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(connect_timeout=2, read_timeout=120, retries={"total_max_attempts": 1}, proxies={}),
    )


@contextmanager
def alone() -> Iterator[None]:
    """Whoever builds for this machine does so alone: every build goes into the same folder, from which it is read afterwards."""
    BUILD.parent.mkdir(exist_ok=True)
    with (BUILD.parent / "host.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def emulated(folder: Path, *, enforces: bool, environ: Mapping[str, str]) -> Iterator[LocalAws]:
    running = RunningAws(folder, lambda: _Emulator(folder, enforces=enforces, environ=environ))
    try:
        yield running.aws
    finally:
        running.stop()


def zipped(folder: Path) -> dict[str, Path]:
    """Each artefact as a zip file; stored, because it is unpacked again at once."""
    made = {}
    for artefact in sorted(path for path in BUILD.iterdir() if path.is_dir()):
        made[artefact.name] = folder / f"{artefact.name}.zip"
        with zipfile.ZipFile(made[artefact.name], "w", zipfile.ZIP_STORED) as archive:
            for path in artefact.rglob("*"):
                if path.is_file():
                    archive.write(path, path.relative_to(artefact))
    return made


def upload(endpoint: str, code: Mapping[str, Path]) -> None:
    s3 = client(endpoint, "s3")
    s3.create_bucket(Bucket=_CODE, CreateBucketConfiguration={"LocationConstraint": REGION})
    for name, path in code.items():
        s3.put_object(Bucket=_CODE, Key=f"{name}.zip", Body=path.read_bytes())


def deploy(
    aws: LocalAws, template: Processed, secrets: Mapping[str, str], parameters: Mapping[str, str], stack: str = STACK
) -> Deployed:
    """Create the stack by way of a change set, as `sam deploy` does, make its routes and fill in its secret."""
    endpoint = aws.endpoint_url
    client(endpoint, "s3").put_object(Bucket=_CODE, Key=f"{stack}.json", Body=json.dumps(template).encode())
    formation = client(endpoint, "cloudformation")
    formation.create_change_set(
        StackName=stack,
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateURL=f"{endpoint}/{_CODE}/{stack}.json",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )
    until(lambda: _settled(formation.describe_change_set(StackName=stack, ChangeSetName="first")), 60, "no change set")
    formation.execute_change_set(StackName=stack, ChangeSetName="first")
    until(lambda: _settled(formation.describe_stacks(StackName=stack)["Stacks"][0], formation), 120, "no stack")
    found = formation.describe_stack_resources(StackName=stack)["StackResources"]
    made = Deployed(endpoint, {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found})
    make_routes(made, template)
    secret = made.client("secretsmanager")
    drawn = json.loads(secret.get_secret_value(SecretId=made.resources["Secrets"])["SecretString"])
    # Told to draw without punctuation, the emulator draws some: a comma would make several keys of one.
    drawn["POKEA_TOKEN_KEY"] = re.sub(r"\W|_", "x", drawn["POKEA_TOKEN_KEY"])
    secret.put_secret_value(SecretId=made.resources["Secrets"], SecretString=json.dumps({**drawn, **secrets}))
    return made


def _settled(told: Mapping[str, Any], formation: Any = None) -> bool:
    status = str(told.get("StackStatus") or told["Status"])
    if "FAILED" in status or "ROLLBACK" in status:
        events = formation.describe_stack_events(StackName=told["StackName"])["StackEvents"] if formation else []
        why = [f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason')}" for each in events]
        raise AssertionError(f"{status}: {told.get('StatusReason', '')} {why}")
    return status == "CREATE_COMPLETE"


def make_routes(made: Deployed, template: Processed) -> None:
    """What API Gateway makes of the OpenAPI body that the translator wrote."""
    gateway, api = made.client("apigatewayv2"), made.resources["HttpApi"]
    for path, methods in template["Resources"]["HttpApi"]["Properties"]["Body"]["paths"].items():
        for method, operation in methods.items():
            integration = operation["x-amazon-apigateway-integration"]
            named = _FUNCTION_OF_URI.search(integration["uri"]["Fn::Sub"])
            assert named is not None
            target = made.resources[named[1]]
            arn = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{target}/invocations"
            created = gateway.create_integration(
                ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
            )
            gateway.create_route(
                ApiId=api, RouteKey=f"{method.upper()} {path}", Target=f"integrations/{created['IntegrationId']}"
            )
