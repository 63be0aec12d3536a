"""F3.11, the template itself: built for this machine, deployed to the emulator, driven from outside; and once more with IAM enforced.

What the emulator cannot show, and what stands in for it:
- It reads no OpenAPI body: the routes are made from the processed template. So throttling and access logs are not exercised.
- It knows no `dynamodb:LeadingKeys`: every request of a function is witnessed and held against the template's own conditions.
- It speaks plain HTTP: requests of functions are marked as those of a proxy that took them over TLS, or buckets would refuse them.
- The Ref of a secret is its name there and its ARN in AWS: in the deployed copy, policies name it by its Id, which is the ARN in both.
- It takes every schedule for one of the group "default", and a batch of messages for an action of its own, which to AWS is SendMessage:
  the deployed copy's policies allow these, too. So the schedules' group is not shown, nor who may send in batches.
- It runs functions on its own Python with a new unpacked layer for each worker: no timeout, memory or cold start is shown.
- The bridge is left out by the template's own condition, as in a first deployment: ECS runs nothing there, and of the bridge's
  resources scaling and the rules of security groups are rejected. tests/contract/test_template_bridge.py asserts those.
- Recordings, KMS, alarms and what CloudWatch does with log lines are made, and never looked at.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from local.carrier import Carrier
from local.carrier.hooks import sign
from local.processes import ROOT
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.ids import BusinessId
from tests.support.aws_witness import Asked, Witness, breaches, witness
from tests.support.deployed import (
    PUBLIC_URL,
    Deployed,
    Processed,
    alone,
    built_template,
    deploy,
    emulated,
    statement,
    until,
    upload,
    zipped,
)

pytestmark = pytest.mark.faults
PATH_SECRET, SIGNING_SECRET, CARRIER_KEY = "a-path-secret-for-tests", "a-signing-secret-for-tests", "carrier-key"
SECRETS = {
    "POKEA_WEBHOOK_PATH_SECRET": PATH_SECRET,
    "SAUTIKIT_WEBHOOK_SECRET": SIGNING_SECRET,
    "SAUTIKIT_API_KEY": CARRIER_KEY,
}
PARAMETERS = {
    "PublicUrl": PUBLIC_URL,
    "BridgeUrl": "wss://bridge.example.com",
    "WebhookAuth": "signature+path",
    "Arch": "x86_64",
}
CLINIC, CALLER = "+254711000001", "+254700000001"
SCHEDULED = {  # what the template's schedules invoke besides the reaper, whose schedule is waited for
    "CampaignsFunction": ("campaigns-plan", "queued"),
    "WalletFunction": ("wallet", ""),
    "CalendarsFunction": ("calendars", "failed"),
    "ReportsFunction": ("reports-schedule", ""),
    "CdrFunction": ("cdr-night", ""),
}
SCHEDULE_WITHIN_S = 100.0  # it runs every minute


@dataclass(slots=True)
class Stack:
    """One deployed template, and what its functions have asked for."""

    made: Deployed
    template: Processed = field(repr=False)
    seen: Witness = field(repr=False)

    @property
    def asked(self) -> list[Asked]:
        return list(self.seen.asked)

    def reached(self, function: str) -> bool:
        return any(each.function == function for each in self.asked)

    def hook(self, path: str, body: bytes, kind: str, secret: str = SIGNING_SECRET) -> Any:
        headers = {"content-type": kind, "x-sautikit-signature": sign(secret, body, int(time.time()))}
        return self.made.http("POST", f"{path}/{PATH_SECRET}", content=body, headers=headers)

    def rings(self, session: str, state: str = "Ringing", secret: str = SIGNING_SECRET, **more: str) -> Any:
        fields = {
            "sessionId": session,
            "callerNumber": CALLER,
            "destinationNumber": CLINIC,
            "direction": "Inbound",
            "callSessionState": state,
            "isActive": "1" if state == "Ringing" else "0",
            **more,
        }
        return self.hook("/voice", urlencode(fields).encode(), "application/x-www-form-urlencoded", secret)

    def key_of(self, business: str, *scopes: str) -> dict[str, str]:
        table = DynamoTable(self.made.client("dynamodb"), self.made.resources["CoreTable"])
        key = DynamoApiKeyStore(table).create_key(BusinessId(business), scopes, label="test", at=datetime.now(UTC))
        return {"authorization": f"Bearer {key}"}


@contextmanager
def simulated_carrier() -> Iterator[Carrier]:
    """On a loop of its own, because these tests wait for other processes."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="carrier")
    thread.start()
    carrier = Carrier(CARRIER_KEY, SIGNING_SECRET)
    try:
        asyncio.run_coroutine_threadsafe(carrier.__aenter__(), loop).result(30)
        try:
            yield carrier
        finally:
            asyncio.run_coroutine_threadsafe(carrier.__aexit__(None, None, None), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def template() -> Processed:
    with alone():
        made = subprocess.run(["make", "build", "HOST=1"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout[-2_000:] + made.stderr[-2_000:]
        return built_template()


@pytest.fixture(scope="module")
def code(template: Processed, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return zipped(tmp_path_factory.mktemp("code"))


@contextmanager
def account(code: dict[str, Path], folder: Path, *, enforces: bool) -> Iterator[tuple[Any, Witness]]:
    """An emulator that holds the artefacts, whose functions find a carrier and are witnessed."""
    with simulated_carrier() as carrier, witness() as seen:
        environ = {"SAUTIKIT_API_BASE": carrier.base_url, "AWS_ENDPOINT_URL": seen.url}
        with emulated(folder, enforces=enforces, environ=environ) as aws:
            seen.upstream = aws.endpoint_url.removeprefix("http://")
            upload(aws.endpoint_url, code)
            yield aws, seen


@pytest.fixture(scope="module", params=["open", "enforced"])
def stack(
    request: pytest.FixtureRequest, template: Processed, code: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp(request.param)
    with account(code, folder, enforces=request.param == "enforced") as (aws, seen):
        yield Stack(deploy(aws, template, SECRETS, PARAMETERS), template, seen)


def a_call(stack: Stack) -> str:
    """A caller rings, the bridge takes the stream, talks and closes, and the carrier tells that it is over. The session."""
    session = f"HD_{uuid4().hex[:12]}"
    answer = stack.rings(session)
    assert answer.status_code == 200
    token = re.search(r'token=([^"&]+)', answer.text)
    assert token is not None, answer.text
    opened = stack.made.invoke(
        "ToolsFunction", {"operation": "open", "session_id": session, "token": token[1], "bridge": "bridge-1"}
    )
    assert opened["ok"], opened
    close = json.loads((ROOT / "events/tools-close.json").read_text(encoding="utf-8"))
    closed = stack.made.invoke("ToolsFunction", {**close, "call_token": opened["result"]["call_token"]})
    assert closed["ok"], closed
    over = json.loads(json.loads((ROOT / "events/call-completed.json").read_text(encoding="utf-8"))["body"])
    over["data"]["pbx_call_id"] = session
    assert stack.hook("/call-events", json.dumps(over).encode(), "application/json").status_code == 200
    assert stack.rings(session, "Completed", durationInSeconds="73").status_code == 200
    return session


def test_every_route_of_the_template_is_served(stack: Stack) -> None:
    assert stack.made.http("GET", "/healthz").json() == {"status": "ok"}
    assert stack.made.http("POST", "/calls", json={}).status_code == 401
    assert stack.made.http("GET", "/campaigns").status_code == 401
    assert stack.made.http("GET", "/cdr/HD_1").status_code == 401
    assert stack.made.http("GET", "/no/such/route").status_code == 404


def test_a_forged_hook_is_told_nothing(stack: Stack) -> None:
    answer = stack.rings("HD_forged", secret="not-the-secret")
    assert "token=" not in answer.text
    assert stack.made.items("CoreTable", "CALL#HD_forged") == []


def test_a_call_leaves_its_record_and_its_detail_records(stack: Stack) -> None:
    """HTTP, Invoke and three queues: hook, document, tools, the end, and what the functions behind the queues write."""
    session = a_call(stack)
    until(lambda: stack.made.items("CoreTable", f"REC#whitedent#callrecord#{session}"), 90, "no record of the call")
    legs = until(lambda: stack.made.items("CdrsTable", f"CALL#{session}"), 90, "no detail record of the call")
    assert {"NOW#caller", "NOW#stream"} <= {leg["sk"]["S"] for leg in legs}
    stack.made.drained("EndedQueue", 90)
    stack.made.drained("CampaignEndedQueue", 90)
    shown = stack.made.http("GET", f"/cdr/{session}", headers=stack.key_of("whitedent", "cdrs:read"))
    assert shown.status_code == 200, shown.text
    assert session in shown.text


def test_a_parcel_that_goes_out_is_told_to_the_bus_and_reaches_its_function(stack: Stack) -> None:
    report = {
        "recipient": "Jane Example",
        "numbers": [CALLER],
        "status": "out_for_delivery",
        "eta_at": (datetime.now(UTC) + timedelta(hours=3)).isoformat(),
        "address": "12 Example Road",
    }
    key = stack.key_of("boda", "shipments:write")
    assert stack.made.http("PUT", "/shipments/KL4706", json=report, headers=key).is_success
    until(partial(stack.reached, "ProactiveFunction"), 60, "nobody took the parcel")
    stack.made.drained("DeliveriesQueue", 60)
    noted = stack.made.items("CoreTable", "REC#boda#delivery_call#")
    assert noted, "rung, or skipped for the hour: either is noted"


def test_events_of_the_bus_and_messages_of_the_dial_queue_reach_their_functions(stack: Stack) -> None:
    """Of campaigns and contacts that nobody has: how far each function asks is all that is shown."""
    event = json.loads((ROOT / "events/campaign-finished.json").read_text(encoding="utf-8"))
    told = json.loads(event["Records"][0]["body"])
    entry = {"Source": "pokea", "DetailType": told["detail-type"], "Detail": json.dumps(told["detail"])}
    bus = stack.made.client("events")
    assert (
        bus.put_events(Entries=[{**entry, "EventBusName": stack.made.resources["EventBus"]}])["FailedEntryCount"] == 0
    )
    dial = json.loads((ROOT / "events/dial.json").read_text(encoding="utf-8"))["Records"][0]["body"]
    stack.made.client("sqs").send_message(QueueUrl=stack.made.url_of("DialQueue"), MessageBody=dial)
    for function in ("WebhooksFunction", "DialerFunction"):
        until(partial(stack.reached, function), 60, f"{function} was not reached")


def test_a_report_is_asked_for_made_and_shown(stack: Stack) -> None:
    key = stack.key_of("whitedent", "reports:read", "reports:write")
    day = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    assert stack.made.http("POST", "/reports", json={"day": day}, headers=key).status_code == 202
    until(lambda: stack.made.http("GET", f"/reports/{day}", headers=key).status_code == 200, 90, "no report was made")


def test_a_campaign_is_defined_listed_scheduled_and_called_off(stack: Stack) -> None:
    key = stack.key_of("mizani", "campaigns:read", "campaigns:write")
    soon = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")
    rules = {"id": "year-end", "business": "mizani", "name": "A test", "countries": ["KE"], "schedule": f"at({soon})"}
    defined = stack.made.http("POST", "/campaigns", json=rules, headers=key)
    assert defined.status_code == 200, defined.text
    person = {"phone": CALLER, "consent_source": "form", "consent_wording": "Call me", "consent_at": "2026-11-01"}
    added = stack.made.http("POST", "/campaigns/year-end/contacts", json={"contacts": [person]}, headers=key)
    assert added.status_code == 200, added.text
    assert stack.made.http("POST", "/campaigns/year-end/start", headers=key).status_code == 200
    group = stack.made.resources["CampaignSchedules"]
    assert stack.made.client("scheduler").list_schedules(GroupName=group)["Schedules"]
    assert stack.made.http("POST", "/suppressions", json={"phone": "+254700000002"}, headers=key).status_code < 500
    assert stack.made.http("POST", "/campaigns/year-end/cancel", headers=key).status_code == 200
    assert not stack.made.client("scheduler").list_schedules(GroupName=group)["Schedules"]


@pytest.mark.parametrize("function", SCHEDULED)
def test_what_a_schedule_invokes_runs(stack: Stack, function: str) -> None:
    event, expected = SCHEDULED[function]
    said = stack.made.invoke(function, json.loads((ROOT / f"events/{event}.json").read_text(encoding="utf-8")))
    assert expected in json.dumps(said)


def test_a_schedule_of_the_template_comes_by_itself(stack: Stack) -> None:
    """The reaper is invoked by nobody else here."""
    until(lambda: "REPORT" in stack.made.logs("ReaperLogs"), SCHEDULE_WITHIN_S, "the reaper was not started")


def test_nothing_was_refused_and_nothing_was_asked_for_that_aws_would_refuse(stack: Stack) -> None:
    """The last of this module for a stack: over all that the functions asked for while the tests above drove them."""
    assert stack.asked
    assert [(each.function, each.target, each.said) for each in stack.seen.denied()] == []
    assert breaches(stack.template, stack.made.resources, stack.asked) == set()


def test_a_statement_or_a_leading_key_that_is_missing_is_found(
    template: Processed, code: dict[str, Path], tmp_path: Path
) -> None:
    """The broken templates that these checks are for: one role may not read secrets, one may not write calls, one has other keys."""
    broken = copy.deepcopy(template)
    statements, gone = statement(broken, "StreamStatusRole", "ReadSecrets")
    statements.remove(gone)
    statements, gone = statement(broken, "VoiceRole", "UseOwnKeys")
    statements.remove(gone)
    _, keys = statement(broken, "WalletRole", "UseOwnKeys")
    keys["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] = ["FOREIGN#*"]
    with account(code, tmp_path, enforces=True) as (aws, seen):
        stack = Stack(deploy(aws, broken, SECRETS, PARAMETERS), broken, seen)
        assert "token=" not in stack.rings("HD_0a1b2c3d4e5f").text
        assert [each.target for each in seen.denied("VoiceFunction")] == ["DynamoDB_20120810.PutItem"]
        stack.hook("/call-events", b"{}", "application/json")
        assert {each.target for each in seen.denied("StreamStatusFunction")} == {"secretsmanager.GetSecretValue"}
        stack.made.invoke("WalletFunction", {})
        found = breaches(broken, stack.made.resources, stack.asked)
        assert any(each.startswith("VoiceFunction: PutItem of CoreTable ['CALL#") for each in found), found
        assert any(each.startswith("WalletFunction: ") for each in found), found
