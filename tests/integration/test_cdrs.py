"""Detail records on the local AWS: from the end of a call through the queue to the records, and two consumers of the same messages."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from bench.cdr import Office, checked, lay_out
from functions.cdr.evidence import Shelves
from pokea.adapters import clients, sautikit_rest
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_cdrs import DynamoCdrs
from pokea.adapters.dynamo_closings import DynamoClosings
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.adapters.queues import Queue
from pokea.billing.cdr import Cdr, CdrState, Witness
from pokea.ids import SessionId
from tests.integration.carrier_peers import Person, media_server
from tests.integration.test_control_plane import Desk, first_document, running
from tests.oracles.cdr_reconcile import check
from tests.support.control_plane import CALLER, LINE, PROFILES, token_in
from tests.support.store import RunningAws


@pytest.fixture
def cdrs_table(local_aws: RunningAws) -> Iterator[DynamoTable]:
    """An empty table of detail records: its keys are those of the core table."""
    with local_aws.fresh_table() as table:
        yield table


@pytest.fixture
async def desk(
    local_aws: RunningAws, core_table: DynamoTable, cdrs_table: DynamoTable, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    queues = await asyncio.to_thread(local_aws.aws.queue_environ, f"cdr-{uuid4().hex[:8]}")
    for name, value in queues.items():
        monkeypatch.setenv(name, value)
    clients.sqs.cache_clear()
    clients.events.cache_clear()
    bound = local_aws.aws.environ
    monkeypatch.setattr(local_aws.aws, "environ", lambda: {**bound(), "POKEA_CDRS_TABLE": cdrs_table.name})
    connected: list[sautikit_rest.Carrier] = []

    class Noted(sautikit_rest.Carrier):
        """So that what the function connects to is closed again: a function never ends by itself."""

        def __init__(self, *rest: Any) -> None:
            super().__init__(*rest)
            connected.append(self)

    monkeypatch.setattr(sautikit_rest, "Carrier", Noted)
    async with (
        media_server() as media,
        running(local_aws, core_table, monkeypatch, media.url.partition("/audio")[0]) as made,
    ):
        yield made
    for carrier in connected:
        carrier.close()
    for client in (clients.sqs, clients.events):
        client().close()
        client.cache_clear()


async def ended_call(desk: Desk) -> Any:
    """A call that was answered, taken by our bridge, hung up and closed."""
    call = await desk.carrier.dial(CALLER, LINE.number, Person(stays_ms=20_000))
    document = await first_document(desk, call)
    opening = {"operation": "open", "session_id": call.session_id, "token": token_in(document), "bridge": "b1"}
    opened = await desk.tools(opening)
    assert opened["ok"], opened
    call.hang_up("party")
    await call.ended(10)
    close = {"operation": "close", "call_token": opened["result"]["call_token"], "reason": "caller_hung_up"}
    assert (await desk.tools({**close, "duration_ms": 900, "transcript": []}))["ok"]
    return call


async def records_of(cdrs: DynamoCdrs, session: str) -> tuple[Cdr, ...]:
    return await asyncio.to_thread(cdrs.cdrs, SessionId(session))


async def test_a_call_that_ends_leaves_records_that_agree_with_the_carriers_books(
    desk: Desk, cdrs_table: DynamoTable, core_table: DynamoTable
) -> None:
    cdrs, call = DynamoCdrs(cdrs_table), await ended_call(desk)
    found: list[Cdr] = []

    async def final() -> bool:
        found[:] = await records_of(cdrs, call.session_id)
        return bool(found) and all(cdr.state is CdrState.FINAL for cdr in found)

    await until_true(final)
    assert [cdr.leg for cdr in found] == ["caller", "stream"]
    assert set(found[0].witnesses) == {Witness.CLOSING, Witness.HOOKS, Witness.CARRIER}
    assert all(cdr.findings == () and cdr.charge_micros is not None for cdr in found)
    rows = [{**asdict(cdr), "state": cdr.state.value, "direction": cdr.direction.value} for cdr in found]
    assert check(await carriers_books(desk), rows) == []
    await check_api(desk, core_table, call.session_id)


async def carriers_books(desk: Desk) -> list[dict[str, Any]]:
    headers = {"Authorization": "Bearer carrier-key"}
    async with httpx.AsyncClient(
        base_url=desk.carrier.base_url, headers=headers, trust_env=False, verify=False
    ) as client:
        return list((await client.get("/v1/calls")).json()["data"])


async def check_api(desk: Desk, core_table: DynamoTable, session: str) -> None:
    """The business's own view; looking again at what is final writes nothing."""
    scopes = ("cdrs:read", "cdrs:write")
    keys = DynamoApiKeyStore(core_table)
    key = await asyncio.to_thread(keys.create_key, LINE.business_id, scopes, label="test", at=datetime.now(UTC))
    other = await asyncio.to_thread(keys.create_key, "mizani", scopes, label="test", at=datetime.now(UTC))
    async with httpx.AsyncClient(base_url=desk.gateway.url, trust_env=False, timeout=30, verify=False) as client:
        own, foreign = {"Authorization": f"Bearer {key}"}, {"Authorization": f"Bearer {other}"}

        async def looked_again() -> tuple[int, int]:
            """Versions before and after."""
            before = (await client.get(f"/cdr/{session}", headers=own)).json()
            again = await client.post("/cdr/reconcile", json={"call": session}, headers=own)
            assert again.status_code == 200, again.text
            after = (await client.get(f"/cdr/{session}", headers=own)).json()
            assert before["settled"] and after["settled"]
            return before["legs"][0]["versions"], after["legs"][0]["versions"]

        async def nothing_is_written() -> bool:
            before, after = await looked_again()
            return before == after

        await until_true(nothing_is_written)  # the last message of the queue may have come in between
        assert (await client.get(f"/cdr/{session}", headers=foreign)).status_code == 404
        today = datetime.now(UTC).date().isoformat()
        queued = await client.post("/cdr/reconcile", json={"day": today}, headers=own)
        assert (queued.status_code, queued.json()) == (202, {"days": 1})


async def test_a_call_that_only_the_carrier_tells_of_is_found_by_the_nightly_look(
    desk: Desk, cdrs_table: DynamoTable, local_aws: RunningAws
) -> None:
    """Its hooks and its bridge were lost: its row is not even there."""
    number = desk.carrier.numbers.by_e164(LINE.number)
    assert number is not None
    number.voice_url, number.events_url = "http://127.0.0.1:1/voice", "http://127.0.0.1:1/events"
    call = await desk.carrier.dial(CALLER, LINE.number, Person(stays_ms=100))
    await call.ended(10)
    day = {"version": 1, "sweep": datetime.now(UTC).date().isoformat(), "source": "carrier"}
    queue = Queue(local_aws.aws.sqs(), os.environ["POKEA_CDR_QUEUE_URL"])
    await asyncio.to_thread(queue.send, day)
    cdrs = DynamoCdrs(cdrs_table)

    async def found() -> bool:
        return bool(await records_of(cdrs, call.session_id))

    await until_true(found)
    (caller,) = await records_of(cdrs, call.session_id)
    assert (caller.witnesses, caller.state) == ((Witness.CARRIER,), CdrState.FINAL)
    assert caller.charge_micros == 0 and caller.business_id == LINE.business_id


async def until_true(condition: Any) -> None:
    """Wait, up to ten seconds, for something that the queue brings about."""
    state = {"holds": False}

    async def look() -> None:
        while not state["holds"]:
            state["holds"] = await condition()
            await asyncio.sleep(0.05)

    await asyncio.wait_for(look(), 10)


def test_two_consumers_of_the_same_messages_write_each_record_once(
    core_table: DynamoTable, cdrs_table: DynamoTable
) -> None:
    profile = next(iter(PROFILES.values()))
    core = DynamoStore(core_table)
    shelves = Shelves(DynamoCallStore(core_table), DynamoClosings(core_table), core, DynamoCdrs(cdrs_table))
    bodies = lay_out(shelves, profile, 8)
    offices = [Office(shelves, profile) for _ in range(4)]
    consumers = [threading.Thread(target=office.take, args=(bodies * 2,)) for office in offices]
    for consumer in consumers:
        consumer.start()
    for consumer in consumers:
        consumer.join()
    assert checked(shelves, 8) == 16
