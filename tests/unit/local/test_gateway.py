"""The gateway over real sockets, with functions of the test's own and with those of template.yaml."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from local.gateway import Gateway, serve
from local.gateway_functions import Functions
from local.gateway_template import BadTemplate, Function, functions_of, read_template
from pokea.adapters import clients
from pokea.adapters.settings import BadSettings

ROOT = Path(__file__).resolve().parents[3]
ENVIRON = {
    "POKEA_CORE_TABLE": "core",
    "POKEA_CDRS_TABLE": "cdrs",
    "POKEA_CAMPAIGNS_TABLE": "campaigns",
    "POKEA_REPORTS_BUCKET": "reports",
    "POKEA_PUBLIC_URL": "http://127.0.0.1:1",
    "POKEA_BRIDGE_URL": "ws://127.0.0.1:2",
    "POKEA_WEBHOOK_PATH_SECRET": "path-secret-of-the-desk",
    "POKEA_TOKEN_KEY": "k" * 40,
    "SAUTIKIT_API_KEY": "x",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
}
MODULE = """
import asyncio, os, threading

GATE = threading.Event()

def echo(event, context):
    asyncio.get_event_loop()
    return {"event": event, "name": context.function_name, "left": context.get_remaining_time_in_millis()}

def page(event, context):
    return {"statusCode": 201, "headers": {"X-Route": event["routeKey"]}, "body": event.get("body", "")}

def fail(event, context):
    raise KeyError("a secret")

def hang(event, context):
    GATE.wait(20)

def warm():
    WARMED.append(os.environ["COLOUR"])

WARMED = []
"""
TEMPLATE = """
Globals: {Function: {Timeout: 5, Environment: {Variables: {COLOUR: !Ref Colour, TABLE: !Ref Table}}}}
Parameters: {Colour: {Type: String, Default: blue}}
Resources:
  Echo: {Type: "AWS::Serverless::Function", Properties: {Handler: desk_functions.echo, FunctionName: !Sub "${AWS::StackName}-echo"}}
  Page:
    Type: AWS::Serverless::Function
    Properties:
      Handler: desk_functions.page
      Events:
        One: {Type: HttpApi, Properties: {Method: POST, Path: "/page/{id}"}}
        Two: {Type: HttpApi, Properties: {Method: post, Path: /page/fixed}}
  Fail:
    Type: AWS::Serverless::Function
    Properties:
      Handler: desk_functions.fail
      Events: {E: {Type: HttpApi, Properties: {Method: GET, Path: /fail}}}
  Hang:
    Type: AWS::Serverless::Function
    Properties:
      Handler: desk_functions.hang
      Timeout: 0.2
      Events: {E: {Type: HttpApi, Properties: {Method: GET, Path: /hang}}}
  Table: {Type: "AWS::DynamoDB::Table"}
"""


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    (tmp_path / "desk_functions.py").write_text(MODULE)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    monkeypatch.syspath_prepend(str(tmp_path))
    async with serve(tmp_path / "template.yaml") as gateway:
        yield gateway
        sys.modules["desk_functions"].GATE.set()  # type: ignore[attr-defined]


async def ask(gateway: Gateway, method: str, path: str, **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False, verify=False) as client:
        return await client.request(method, path, **options)


async def test_a_route_reaches_its_function(desk: Gateway) -> None:
    reply = await ask(desk, "POST", "/page/7", json={"a": 1})
    assert (reply.status_code, reply.headers["x-route"], reply.json()) == (201, "POST /page/{id}", {"a": 1})
    assert (await ask(desk, "POST", "/page/fixed")).headers["x-route"] == "POST /page/fixed"


async def test_other_routes_and_methods_are_not_found(desk: Gateway) -> None:
    for method, path in (("GET", "/page/7"), ("POST", "/page"), ("POST", "/")):
        assert (await ask(desk, method, path)).status_code == 404


async def test_a_handler_that_raises_is_a_plain_500(desk: Gateway) -> None:
    reply = await ask(desk, "GET", "/fail")
    assert (reply.status_code, reply.json()) == (500, {"message": "Internal Server Error"})


async def test_a_handler_that_hangs_is_a_503_after_its_time_limit(desk: Gateway) -> None:
    assert (await ask(desk, "GET", "/hang")).status_code == 503


async def test_a_body_beyond_the_limit_is_refused(desk: Gateway) -> None:
    assert (await ask(desk, "POST", "/page/7", content=b"x" * (10 * 1024 * 1024 + 1))).status_code == 413


def invoke(gateway: Gateway, name: str, payload: bytes = b"{}", **options: Any) -> dict[str, Any]:
    client = boto3.client(
        "lambda",
        endpoint_url=gateway.url,
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(proxies={}, retries={"total_max_attempts": 1}),
    )
    try:
        reply = client.invoke(FunctionName=name, Payload=payload, **options)
        return {**reply, "Payload": reply["Payload"].read()}
    finally:
        client.close()


@pytest.mark.parametrize(
    "name", ["pokea-echo", "pokea-echo:live", "arn:aws:lambda:eu-west-1:000000000000:function:pokea-echo:live"]
)
async def test_a_function_is_invoked_by_the_real_client(desk: Gateway, name: str) -> None:
    reply = await asyncio.to_thread(invoke, desk, name, b'{"a":[1,2]}')
    answer = json.loads(reply["Payload"])
    assert (reply["StatusCode"], "FunctionError" in reply) == (200, False)
    assert (answer["event"], answer["name"]) == ({"a": [1, 2]}, "pokea-echo")
    assert 0 < answer["left"] <= 5_000


@pytest.mark.parametrize(("name", "kind"), [("Fail", "KeyError"), ("Hang", "Sandbox.Timedout")])
async def test_an_invocation_that_fails_says_so_in_its_header(desk: Gateway, name: str, kind: str) -> None:
    reply = await asyncio.to_thread(invoke, desk, name)
    assert (reply["StatusCode"], reply["FunctionError"]) == (200, "Unhandled")
    assert json.loads(reply["Payload"])["errorType"] == kind


async def test_an_unknown_function_is_not_found(desk: Gateway) -> None:
    client_error = pytest.raises(Exception, match="ResourceNotFoundException")
    with client_error:
        await asyncio.to_thread(invoke, desk, "nobody")


async def test_an_invocation_may_be_a_trial_or_need_no_answer(desk: Gateway) -> None:
    assert (await asyncio.to_thread(invoke, desk, "pokea-echo", InvocationType="DryRun"))["StatusCode"] == 204
    assert (await asyncio.to_thread(invoke, desk, "pokea-echo", InvocationType="Event"))["StatusCode"] == 202


async def test_functions_are_warmed_up_with_the_environment_of_their_template(desk: Gateway) -> None:
    assert sys.modules["desk_functions"].WARMED == ["blue"] * 4  # type: ignore[attr-defined]


def test_a_function_does_not_see_what_the_template_gives_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or what the template forgets to give it would be missed in AWS only."""
    names = ("ONE_QUEUE", "OTHER_QUEUE", "OF_THE_DESK")
    for name in names:
        monkeypatch.setenv(name, "x")
    monkeypatch.syspath_prepend(str(tmp_path))
    given = {"seeing_one": frozenset({"ONE_QUEUE"}), "seeing_other": frozenset({"OTHER_QUEUE"})}
    for module in given:
        seen = f"import os\nSEEN = [name for name in {names} if name in os.environ]\ndef handler(event, context): ...\n"
        (tmp_path / f"{module}.py").write_text(seen)
    with Functions([Function(name, f"{name}.handler", 1, 128, {}, (), given[name]) for name in given]):
        assert [sys.modules[name].SEEN for name in given] == [  # type: ignore[attr-defined]
            ["ONE_QUEUE", "OF_THE_DESK"],
            ["OTHER_QUEUE", "OF_THE_DESK"],
        ]
    assert all(name in os.environ for name in names)


def test_a_template_is_read_as_data(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    functions = {function.name: function for function in functions_of(read_template(path))}
    assert set(functions) == {"pokea-echo", "Page", "Fail", "Hang"}
    assert functions["Page"].environment == {
        "COLOUR": "blue"
    }  # what names a resource is left to the process environment


@pytest.mark.parametrize(
    "text", ["", "[]", "a: [", "Resources: {}", "Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {}}}"]
)
def test_a_template_that_cannot_be_served_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(text)
    with pytest.raises(BadTemplate):
        functions_of(read_template(path))


@pytest.fixture
def no_client() -> Iterator[None]:
    """The store's client is made once per process, from the environment of that moment: neither before nor after this test's."""
    clients.dynamodb.cache_clear()
    yield
    clients.dynamodb.cache_clear()


@pytest.mark.usefixtures("no_client")
async def test_the_real_functions_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    async with serve() as gateway:
        assert (await ask(gateway, "GET", "/healthz")).json() == {"status": "ok"}
        form = {"sessionId": "HD_1", "callerNumber": "+254700000001", "destinationNumber": "+254799999999"}
        reply = await ask(gateway, "POST", f"/voice/{ENVIRON['POKEA_WEBHOOK_PATH_SECRET']}", data=form)
        assert (reply.status_code, reply.headers["content-type"]) == (200, "application/xml")
        assert "<Hangup" in reply.text
        assert (await ask(gateway, "POST", "/voice/wrong", data=form)).status_code == 401
        assert (await ask(gateway, "POST", "/calls", json={})).status_code == 401
        refusal = await asyncio.to_thread(invoke, gateway, "pokea-tools:live", b'{"operation":"open"}')
        assert json.loads(refusal["Payload"])["error"]["kind"] == "RejectedInput"


@pytest.mark.usefixtures("no_client")
async def test_a_bad_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ENVIRON, "POKEA_WEBHOOK_AUTH": "none"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings, match="POKEA_WEBHOOK_AUTH: 'none' is not one of"):
        async with serve():
            pass


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"POKEA_TOKEN_KEY": ""}, "pokea gateway: POKEA_TOKEN_KEY: is not set"),
        (
            {"POKEA_BRIDGE_URL": "http://x"},
            "pokea gateway: POKEA_BRIDGE_URL: 'http://x' is not a URL with wss:// or ws://",
        ),
        ({"POKEA_COLOUR": "blue"}, "pokea gateway: POKEA_COLOUR: is not a Pokea setting (docs/settings.md lists them)"),
    ],
)
def test_the_process_says_what_is_wrong_in_one_line_and_exits_with_2(environ: dict[str, str], line: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "local.gateway"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **ENVIRON, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stderr.strip(), run.stdout) == (2, line, "")
