"""The control plane as it runs on a desk: the simulated carrier's hooks, the gateway, the real handlers, the local AWS."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import boto3
import httpx
import pytest
from botocore.config import Config

from local.aws import REGION
from local.carrier import Carrier
from local.gateway import Gateway, serve
from local.processes import free_port
from pokea.adapters import clients
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.adapters.dynamo_callbacks import DynamoCallbackTasks
from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_closings import DynamoClosings
from pokea.adapters.dynamo_table import DynamoTable
from pokea.calls import Call, CallStatus, Direction
from pokea.ids import SessionId
from pokea.sautikit.labels import attempt_session
from tests.integration.carrier_peers import Person, media_server
from tests.support.control_plane import CALLER, LINE, PATH_SECRET, SIGNING_SECRET, TOKEN_KEY, token_in
from tests.support.store import RunningAws


@dataclass
class Desk:
    gateway: Gateway
    carrier: Carrier
    table: DynamoTable

    @property
    def calls(self) -> DynamoCallStore:
        return DynamoCallStore(self.table)

    async def call(self, session_id: str) -> Call:
        call = await asyncio.to_thread(self.calls.call, SessionId(session_id))
        assert call is not None
        return call

    async def tools(self, request: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(self._invoke, request)

    def _invoke(self, request: dict[str, Any]) -> dict[str, Any]:
        options = {
            "endpoint_url": self.gateway.url,
            "region_name": REGION,
            "aws_access_key_id": "x",
            "aws_secret_access_key": "x",
        }
        client = boto3.client("lambda", config=Config(proxies={}), **options)
        try:
            reply = client.invoke(FunctionName="pokea-tools:live", Payload=json.dumps(request).encode())
            return dict(json.loads(reply["Payload"].read()))
        finally:
            client.close()


@contextlib.asynccontextmanager
async def running(
    local_aws: RunningAws, table: DynamoTable, monkeypatch: pytest.MonkeyPatch, bridge_url: str
) -> AsyncIterator[Desk]:
    clients.dynamodb.cache_clear()
    port = free_port()
    async with Carrier("carrier-key", SIGNING_SECRET) as carrier:
        environ = {
            # Not the profile: the test process's own default session was made without one.
            **{
                name: value
                for name, value in local_aws.aws.environ().items()
                if "PROFILE" not in name and "FILE" not in name
            },
            "POKEA_CORE_TABLE": table.name,
            "POKEA_WEBHOOK_AUTH": "signature+path",
            "POKEA_WEBHOOK_PATH_SECRET": PATH_SECRET,
            "POKEA_TOKEN_KEY": TOKEN_KEY,
            "POKEA_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "POKEA_BRIDGE_URL": bridge_url,
            "SAUTIKIT_WEBHOOK_SECRET": SIGNING_SECRET,
            "SAUTIKIT_API_KEY": "carrier-key",
            "SAUTIKIT_API_BASE": carrier.base_url,
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        async with serve(port=port) as gateway:
            await asyncio.to_thread(clients.dynamodb)  # to make it costs a busy machine more than an operation may take
            voice, events = f"{gateway.url}/voice/{PATH_SECRET}", f"{gateway.url}/call-events/{PATH_SECRET}"
            carrier.add_number(LINE.number, voice, events)
            yield Desk(gateway, carrier, table)
    clients.dynamodb().close()
    clients.dynamodb.cache_clear()


@pytest.fixture
async def desk(local_aws: RunningAws, core_table: DynamoTable, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async with (
        media_server() as media,
        running(local_aws, core_table, monkeypatch, media.url.partition("/audio")[0]) as made,
    ):
        yield made


@pytest.fixture
async def desk_without_bridge(
    local_aws: RunningAws, core_table: DynamoTable, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    async with running(local_aws, core_table, monkeypatch, "ws://127.0.0.1:1") as made:
        yield made


async def test_an_inbound_call_from_its_first_ring_to_its_record(desk: Desk) -> None:
    ringing = await desk.carrier.dial(CALLER, LINE.number, Person(stays_ms=10_000))
    document = await first_document(desk, ringing)
    stream = ElementTree.fromstring(document).find("Stream")
    assert stream is not None and stream.get("connect") == "true"
    opening = {"operation": "open", "session_id": ringing.session_id, "token": token_in(document), "bridge": "b1"}
    opened = await desk.tools(opening)
    assert opened["ok"] is True, opened
    assert (await desk.tools(opening))["error"]["code"] in ("token_used", "call_over")
    token = opened["result"]["call_token"]
    found = await desk.tools(
        {
            "operation": "tool",
            "call_token": token,
            "tool_call_id": "t1",
            "tool": "findTimes",
            "arguments": {"service": "cleaning"},
            "evidence": {"at_ms": 0, "read_back": None, "caller_turns": []},
        }
    )
    assert found["ok"] is True, found
    said = [{"who": "agent", "text": "Jambo", "at_ms": 1}]
    closing = {"operation": "close", "call_token": token, "reason": "goodbye", "duration_ms": 900, "transcript": said}
    assert await desk.tools(closing) == {"ok": True, "result": {}}
    call = await desk.call(ringing.session_id)
    assert (call.status, call.direction, call.a_number) == (CallStatus.COMPLETED, Direction.INBOUND, CALLER)
    kept = await asyncio.to_thread(DynamoClosings(desk.table).closing, call.session_id)
    assert kept is not None and kept.transcript[0].text == "Jambo"


async def test_a_bridge_that_cannot_be_reached_fails_the_call_and_owes_a_callback(desk_without_bridge: Desk) -> None:
    desk = desk_without_bridge
    ringing = await desk.carrier.dial(CALLER, LINE.number, Person(stays_ms=10_000))
    await ringing.ended(15)
    call = await desk.call(ringing.session_id)
    assert call.status is CallStatus.FAILED
    assert call.stream_failed is not None
    (task,) = await asyncio.to_thread(DynamoCallbackTasks(desk.table).of_business, LINE.business_id)
    assert (task.session_id, task.number) == (ringing.session_id, CALLER)


async def test_an_outbound_call_is_placed_once_and_found_again_by_its_label(desk: Desk) -> None:
    keys = DynamoApiKeyStore(desk.table)
    key = await asyncio.to_thread(
        lambda: keys.create_key(LINE.business_id, ["calls:write"], label="test", at=datetime.now(UTC))
    )
    desk.carrier.answer_with(CALLER, lambda: Person(stays_ms=300))
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "order-7"}
    async with httpx.AsyncClient(
        base_url=desk.gateway.url, headers=headers, trust_env=False, timeout=10, verify=False
    ) as client:
        first = await client.post("/calls", json={"to": CALLER, "context": {"order": 7}})
        again = await client.post("/calls", json={"to": CALLER, "context": {"order": 7}})
    assert first.status_code == again.status_code == 202, first.text
    assert first.json() == again.json()
    assert len(desk.carrier.calls) == 1
    attempt = await asyncio.to_thread(desk.calls.call, attempt_session(first.json()["request_id"]))
    assert attempt is not None
    assert (attempt.placed_as, attempt.direction) == (desk.carrier.calls[0].session_id, Direction.OUTBOUND)


async def first_document(desk: Desk, ringing: Any) -> str:
    """The answer to the first hook, once the carrier has it."""
    for _ in range(200):
        hooks = [hook for hook in ringing.hooks if hook.kind == "voice" and hook.response]
        if hooks:
            return str(hooks[0].response.decode())
        await asyncio.sleep(0.02)
    raise AssertionError(f"no document: {[(hook.state, hook.status_code, hook.error) for hook in ringing.hooks]}")
