"""A parcel goes out and its recipient's telephone rings: API, event bus, queue, function and carrier as they run on a desk."""

from __future__ import annotations

import asyncio
import importlib
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.carrier import Carrier
from local.gateway import Gateway, serve
from local.processes import free_port
from pokea.adapters import clients
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.billing.wallet import WALLET, Standing, Wallet
from pokea.delivery_calls import DELIVERY_CALL, CallOutcome
from pokea.lines import PACKAGED
from pokea.ports import Change
from tests.integration.carrier_peers import Person, media_server
from tests.support.control_plane import PATH_SECRET, SIGNING_SECRET, TOKEN_KEY
from tests.support.store import RunningAws
from tests.unit.pokea.shipment_samples import COURIER, ID

RECIPIENT = "+254722000111"
REPORT = {"recipient": "Jane Example", "numbers": [RECIPIENT], "status": "out_for_delivery", "address": "River Road 12"}


@dataclass
class Courier:
    gateway: Gateway
    carrier: Carrier
    store: DynamoStore
    key: str

    async def put(self, report: dict[str, Any], tracking_id: str = ID) -> int:
        headers = {"Authorization": f"Bearer {self.key}"}
        async with httpx.AsyncClient(
            base_url=self.gateway.url, headers=headers, trust_env=False, timeout=10, verify=False
        ) as client:
            return (await client.put(f"/shipments/{tracking_id}", json=report)).status_code

    async def outcome(self) -> CallOutcome | None:
        found = await asyncio.to_thread(self.store.record, DELIVERY_CALL, COURIER.business_id, ID)
        return found.outcome if found is not None else None


@pytest.fixture
async def courier(
    local_aws: RunningAws, core_table: DynamoTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Courier]:
    """A courier that may ring at any hour, whatever the time of day the tests are run."""
    profile = (PACKAGED / "boda.toml").read_text(encoding="utf-8")
    open_always = re.sub(r'= \["[0-9:]+-[0-9:]+"\]', '= ["00:00-24:00"]', profile)
    (tmp_path / "boda.toml").write_text(f'{open_always}\n[billing]\ndaily_cap = "20.00"\n')  # one call of KES 17.50
    keys = DynamoApiKeyStore(core_table)
    key = await asyncio.to_thread(
        lambda: keys.create_key(
            COURIER.business_id, ["shipments:write", "calls:write"], label="test", at=datetime.now(UTC)
        )
    )
    for client in (clients.dynamodb, clients.events, clients.sqs):
        client.cache_clear()
    port = free_port()
    async with media_server() as media, Carrier("carrier-key", SIGNING_SECRET) as carrier:
        aws = {**local_aws.aws.environ(), **await asyncio.to_thread(local_aws.aws.queue_environ, "deliveries-test")}
        environ = {
            **{name: value for name, value in aws.items() if "PROFILE" not in name and "FILE" not in name},
            "POKEA_CORE_TABLE": core_table.name,
            "POKEA_PROFILES_DIR": str(tmp_path),
            "POKEA_WEBHOOK_AUTH": "signature+path",
            "POKEA_WEBHOOK_PATH_SECRET": PATH_SECRET,
            "POKEA_TOKEN_KEY": TOKEN_KEY,
            "POKEA_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "POKEA_BRIDGE_URL": media.url.partition("/audio")[0],
            "SAUTIKIT_WEBHOOK_SECRET": SIGNING_SECRET,
            "SAUTIKIT_API_KEY": "carrier-key",
            "SAUTIKIT_API_BASE": carrier.base_url,
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        async with serve(port=port) as gateway:
            carrier.add_number(COURIER.line.number, f"{gateway.url}/voice/{PATH_SECRET}", "")
            carrier.answer_with(RECIPIENT, lambda: Person(stays_ms=60_000))
            yield Courier(gateway, carrier, DynamoStore(core_table), key)
    proactive: Any = importlib.import_module("functions.proactive.app")  # as this gateway has imported it
    proactive.messenger()._reach().telephony.close()
    importlib.import_module("functions.api.app").api().calls._exchange().telephony.close()  # likewise
    for client in (clients.dynamodb, clients.events, clients.sqs):
        client().close()
        client.cache_clear()


async def until_taken() -> None:
    """Until the queue holds nothing, and nobody works on what it held."""
    names: Any = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    url = os.environ["POKEA_DELIVERIES_QUEUE_URL"]
    for _ in range(600):
        found = await asyncio.to_thread(clients.sqs().get_queue_attributes, QueueUrl=url, AttributeNames=names)
        if all(found["Attributes"][name] == "0" for name in names):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the queue was not emptied")


async def until_decided(courier: Courier) -> CallOutcome:
    """Of two equal messages that are worked on at one moment, one finds the other's call under way: unknown, until that one is told."""
    for _ in range(600):
        outcome = await courier.outcome()
        if outcome not in (None, CallOutcome.UNKNOWN):
            return outcome
        await asyncio.sleep(0.05)
    raise AssertionError("no event reached the function")


async def test_a_parcel_that_goes_out_rings_its_recipient_once(courier: Courier) -> None:
    eta = (datetime.now(UTC) + timedelta(minutes=15)).isoformat()
    assert await courier.put({**REPORT, "eta_at": eta}) == 200
    assert await courier.put({**REPORT, "eta_at": eta}) == 200
    assert await until_decided(courier) is CallOutcome.PLACED
    assert await courier.put({"address": "River Road 14"}) == 200
    await until_taken()
    (call,) = courier.carrier.calls
    for _ in range(600):
        if any(b"<Stream" in (hook.response or b"") for hook in call.hooks):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the call was not invited to the bridge")


async def test_a_parcel_in_the_depot_rings_nobody(courier: Courier) -> None:
    assert await courier.put({**REPORT, "status": "in_depot"}) == 200
    await until_taken()
    assert await courier.outcome() is None
    assert courier.carrier.calls == []


async def test_a_parcel_waits_in_its_queue_while_the_wallet_is_empty(courier: Courier) -> None:
    empty = Wallet(standing=Standing.EMPTY, read_at=datetime.now(UTC))
    await asyncio.to_thread(courier.store.apply, Change(records=(WALLET.of(empty),)))
    assert await courier.put(REPORT) == 200
    url, waiting = os.environ["POKEA_DELIVERIES_QUEUE_URL"], "ApproximateNumberOfMessagesDelayed"
    for _ in range(600):
        found = await asyncio.to_thread(clients.sqs().get_queue_attributes, QueueUrl=url, AttributeNames=[waiting])
        if found["Attributes"][waiting] == "1":
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("the message did not go back to its queue")
    assert (courier.carrier.calls, await courier.outcome()) == ([], None)
    await asyncio.to_thread(clients.sqs().purge_queue, QueueUrl=url)


async def test_a_second_call_over_the_day_s_cap_is_refused_by_whoever_wants_it(courier: Courier) -> None:
    headers = {"Authorization": f"Bearer {courier.key}"}
    async with httpx.AsyncClient(
        base_url=courier.gateway.url, headers=headers, trust_env=False, timeout=10, verify=False
    ) as client:
        replies = [await client.post("/calls", json={"to": RECIPIENT}) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [202, 403]
    assert replies[1].json()["error"]["code"] == "spend_cap"
    assert await courier.put(REPORT) == 200
    assert await until_decided(courier) is CallOutcome.REFUSED
    await until_taken()
    assert len(courier.carrier.calls) == 1
