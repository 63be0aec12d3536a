"""`--stack`: what `pokea numbers` and `pokea doctor` read of a stack in AWS, here of an emulated one, over real sockets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

import local.aws
from local.carrier import Carrier as Simulator
from local.cli import deployed
from local.cli.doctor.command import examine
from local.cli.doctor.place import Asked, Examined, examined
from local.cli.numbers import Place, Wish, run_route
from pokea.doctor.findings import Standing
from pokea.errors import NotFound
from pokea.phone_numbers import E164
from tests.support.store import RunningAws

STACK, REGION = "pokea-test", "eu-west-1"
SECRET = "a-path-secret-of-the-stack"
NUMBER = E164("+254711000001")
KEYS = {"pk": "HASH", "sk": "RANGE"}
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "PublicUrl": {"Type": "String", "Default": "https://api.example"},
        "BridgeUrl": {"Type": "String", "Default": "wss://127.0.0.1:9"},
        "WebhookAuth": {"Type": "String", "Default": "path"},
    },
    "Resources": {
        "Secrets": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {
                "SecretString": json.dumps(
                    {
                        "POKEA_WEBHOOK_PATH_SECRET": SECRET,
                        "POKEA_TOKEN_KEY": "k" * 64,
                        "SAUTIKIT_API_KEY": "key-in-the-secret",
                        "SAUTIKIT_WEBHOOK_SECRET": "",
                    }
                )
            },
        },
        "CoreTable": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in KEYS],
                "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in KEYS.items()],
            },
        },
        "VoiceFunction": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.11",
                "Handler": "index.handler",
                "Role": "arn:aws:iam::000000000000:role/local",
                "Code": {"ZipFile": "def handler(event, context): return {}"},
                "Environment": {"Variables": {"POKEA_BRIGDE_URL": "wss://127.0.0.1:9", "POKEA_WEBHOOK_AUTH": "path"}},
            },
        },
        "BlueTask": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "Family": "pokea-test-blue",
                "ContainerDefinitions": [
                    {
                        "Name": "bridge",
                        "Image": "bridge:1",
                        "Environment": [{"Name": "POKEA_MAX_CALLS", "Value": "many"}],
                    }
                ],
            },
        },
        "BridgeBalancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"Name": "pokea-test", "Type": "application"},
        },
        "VoiceLogs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "pokea-test-voice"}},
    },
    "Outputs": {
        "SecretsArn": {"Value": {"Ref": "Secrets"}},
        "CoreTableName": {"Value": {"Ref": "CoreTable"}},
        "CdrsTableName": {"Value": "a-table-that-was-deleted"},
    },
}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An account with one stack in it; its environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local.aws, "SERVICES", local.aws.SERVICES + ",cloudformation,lambda,ecs,elasticloadbalancing")
        running = RunningAws(tmp_path_factory.mktemp("account"))
        try:
            environ = running.aws.environ()
            keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": REGION}
            client = boto3.client("cloudformation", endpoint_url=environ["AWS_ENDPOINT_URL"], **keys)
            client.create_stack(StackName=STACK, TemplateBody=json.dumps(TEMPLATE))
            client.get_waiter("stack_create_complete").wait(
                StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
            )
            yield environ
        finally:
            running.stop()


@pytest.fixture(autouse=True)
def in_account(account: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in account.items():
        monkeypatch.setenv(name, value)
    deployed.client.cache_clear()  # clients hold the address they were made with
    yield
    deployed.client.cache_clear()


def test_outputs_parameters_and_secrets_are_read() -> None:
    stack = deployed.read_stack(STACK, REGION)
    assert stack.public_url == "https://api.example"
    assert deployed.read_secret(stack.of("SecretsArn"), REGION) == {
        "POKEA_WEBHOOK_PATH_SECRET": SECRET,
        "POKEA_TOKEN_KEY": "k" * 64,
        "SAUTIKIT_API_KEY": "key-in-the-secret",
    }
    with pytest.raises(NotFound, match="stack no-such"):
        deployed.read_stack("no-such", REGION)
    with pytest.raises(NotFound, match="secret no-such"):
        deployed.read_secret("no-such", REGION)


async def test_a_number_is_pointed_at_the_stacks_hooks_and_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The post-deploy step: nothing but the stack's name is given; the carrier's key is the one in its secret."""
    async with Simulator("key-in-the-secret") as simulator:
        number = simulator.add_number(NUMBER, "https://old.example/voice")
        place = Place(tmp_path, STACK, REGION, environ={"SAUTIKIT_API_BASE": simulator.base_url})
        assert await asyncio.to_thread(run_route, place, Wish((NUMBER,)), False) == 0
        assert number.voice_url == f"https://api.example/voice/{SECRET}"
        assert number.events_url == f"https://api.example/call-events/{SECRET}"
        told = capsys.readouterr().out
        assert "https://old.example/voice" in told
        assert "--undo" in told
        assert SECRET not in told
        assert await asyncio.to_thread(run_route, place, Wish((NUMBER,), undo=True), False) == 0
        assert (number.voice_url, number.events_url) == ("https://old.example/voice", "")


def place_of() -> Examined:
    return examined(Asked(Path(), STACK, REGION), {"SAUTIKIT_API_BASE": "http://127.0.0.1:9"})


def test_the_doctor_examines_a_stack_by_its_name_alone() -> None:
    place = place_of()
    assert place.settings["POKEA_BRIDGE_URL"] == "wss://127.0.0.1:9"
    assert place.where == f" --stack {STACK} --region {REGION}"
    findings = examine(place, ("profiles", "aws", "bridge", "clips", "model"))
    codes = [finding.code for finding in findings if finding.standing is Standing.PROBLEM]
    assert codes == ["bridge.unreachable", "bridge.idle_timeout", "aws.missing"], (
        "60 s is what a load balancer has first"
    )
    assert [finding.check for finding in findings if finding.standing is Standing.UNKNOWN] == ["model", "clips"]
    (missing,) = [finding for finding in findings if finding.code == "aws.missing"]
    assert "a-table-that-was-deleted" in missing.says


def test_the_settings_of_every_deployed_process_are_looked_at() -> None:
    findings = examine(place_of(), ("settings",))
    assert {finding.code for finding in findings} == {"settings.unknown", "settings.malformed", "settings.missing"}
    says = "\n".join(finding.says for finding in findings)
    assert "POKEA_BRIGDE_URL is no setting of Pokea" in says
    assert "POKEA_MAX_CALLS: 'many' is not a whole number" in says
    assert "POKEA_BRIDGE_URL is not set, and VoiceFunction needs it" in says


def test_live_hooks_are_read_from_the_stacks_logs(account: dict[str, str]) -> None:
    logs = deployed.client("logs", deployed.Door(REGION))
    logs.create_log_stream(logGroupName="pokea-test-voice", logStreamName="s")
    line = {"message": "hook answered", "session_id": "HD_1", "proof": "path"}
    at = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName="pokea-test-voice",
        logStreamName="s",
        logEvents=[{"timestamp": at + n, "message": json.dumps(line)} for n in range(3)],
    )
    findings = examine(place_of(), ("webhook",))
    assert "3 live hooks satisfy POKEA_WEBHOOK_AUTH=path" in findings[-1].says
