"""A whole campaign on the local stack: `pokea campaign import`, `start`, `pause`, `resume`, `cancel`, `status` and `results`, with people
of mixed fate, and a business's own system that is told of it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from local.carrier import Carrier
from local.cli.campaign import ImportOptions, run_import, run_order
from local.cli.campaign_api import CampaignApi
from local.cli.campaign_watch import run_results, run_status
from local.processes import Child, free_port
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.adapters.dynamo_campaigns import DynamoCampaigns
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from tests.integration.carrier_peers import media_server
from tests.oracles.webhook_signature import is_authentic
from tests.support.campaign_floor import (
    BUSINESS,
    LINE,
    QUALIFIED,
    RUNG,
    Fate,
    Floor,
    Person,
    is_quiet,
    lay_out,
    people,
    under_way,
)
from tests.support.control_plane import PATH_SECRET, SIGNING_SECRET, TOKEN_KEY
from tests.support.crm import Crm, running
from tests.support.store import TEMPLATE, RunningAws

SCOPES = ("campaigns:read", "campaigns:write")
WEBHOOK_SECRET = "a-secret-of-the-business"
HEARD_WITHIN_S = 1.0  # so long after a pause a request may still go out


@pytest.fixture(scope="module")
def crm() -> Iterator[Crm]:
    with running(Crm()) as system:
        yield system


@pytest.fixture
async def floor(local_aws: RunningAws, core_table: DynamoTable, crm: Crm, tmp_path: Path) -> AsyncIterator[Floor]:
    """As `pokea up` runs it: the functions, their queues and their schedules in a process of their own."""
    lay_out(tmp_path / "profiles", datetime.now(UTC))
    key = await asyncio.to_thread(
        DynamoApiKeyStore(core_table).create_key, BUSINESS, SCOPES, label="test", at=datetime.now(UTC)
    )
    port, log = free_port(), tmp_path / "gateway.log"
    url = f"http://127.0.0.1:{port}"
    async with media_server() as media, Carrier("carrier-key", SIGNING_SECRET) as carrier:
        desk = f"campaign-{uuid4().hex[:8]}"
        aws = {**local_aws.aws.environ(), **await asyncio.to_thread(local_aws.aws.queue_environ, desk)}
        environ = {
            **aws,
            "POKEA_CORE_TABLE": core_table.name,
            "POKEA_PROFILES_DIR": str(tmp_path / "profiles"),
            "POKEA_WEBHOOK_AUTH": "signature+path",
            "POKEA_WEBHOOK_PATH_SECRET": PATH_SECRET,
            "POKEA_TOKEN_KEY": TOKEN_KEY,
            "POKEA_PUBLIC_URL": url,
            "POKEA_BRIDGE_URL": media.url.partition("/audio")[0],
            "POKEA_CAMPAIGN_PLAN_S": "3",
            "POKEA_ALLOW_PRIVATE_BACKENDS": "on",
            f"CAMPAIGN_WEBHOOK_SECRET_{BUSINESS.upper()}": WEBHOOK_SECRET,
            "SAUTIKIT_WEBHOOK_SECRET": SIGNING_SECRET,
            "SAUTIKIT_API_KEY": "carrier-key",
            "SAUTIKIT_API_BASE": carrier.base_url,
        }
        arguments = ["-m", "local.gateway", "--port", str(port), "--template", str(TEMPLATE)]
        async with Child("gateway", arguments, environ, log, ready_line=True), client_of(url, key) as client:
            carrier.add_number(LINE, f"{url}/voice/{PATH_SECRET}", f"{url}/call-events/{PATH_SECRET}")
            campaigns = DynamoCampaigns(DynamoTable(local_aws.aws.client(), aws["POKEA_CAMPAIGNS_TABLE"]))
            campaign_id = f"test-{uuid4().hex[:8]}"
            yield Floor(url, carrier, DynamoStore(core_table), campaigns, key, tmp_path, campaign_id, client, log)


def client_of(url: str, key: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, verify=False, timeout=30)


def api_of(floor: Floor) -> CampaignApi:
    return CampaignApi(floor.url, {BUSINESS: floor.key})


async def imported(floor: Floor, everybody: list[Person], **rules: object) -> int:
    await asyncio.to_thread(floor.enlist, everybody)
    listed, rules_file = floor.write_files(**rules)
    options = ImportOptions(file=listed, campaign=rules_file, profiles=floor.folder / "profiles", as_json=True)
    return await asyncio.to_thread(run_import, options, lambda business: api_of(floor))


async def order(floor: Floor, word: str) -> None:
    assert await asyncio.to_thread(run_order, api_of(floor), floor.campaign_id, word, False) == 0


@pytest.mark.parametrize("count", [len(Fate), pytest.param(200, marks=pytest.mark.faults)])
async def test_people_of_mixed_fate_end_in_the_right_disposition_and_nobody_is_rung_twice(
    floor: Floor, crm: Crm, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    everybody, within_s = people(count), 60 + 3 * count
    fates = Counter(person.fate for person in everybody)
    rules = {"channels": max(6, count // 10), "webhook": crm.url}
    assert await imported(floor, everybody, **rules) == 3  # those without consent are no contacts
    told = json.loads(capsys.readouterr().out)
    assert (told["new"], told["rejected"]) == (count - fates[Fate.NO_CONSENT], fates[Fate.NO_CONSENT])
    await order(floor, "start")
    await check_a_pause(floor, within_s)
    standing = await floor.run(within_s)
    expected: Counter[str] = Counter()
    for fate, (_, end) in RUNG.items():
        expected[end] += fates[fate]
    assert Counter({name: n for name, n in standing["dispositions"].items() if n}) == expected
    rung = {person.number: RUNG[person.fate][0] for person in floor.people if person.fate in RUNG}
    assert floor.rings() == Counter(rung)
    assert standing["states"]["waiting"] == fates[Fate.UNLAWFUL_HOUR]
    assert standing["states"]["excluded"] == fates[Fate.OPTED_OUT_BEFORE] + fates[Fate.WRONG_COUNTRY]
    await check_results(floor, capsys)
    await check_the_end(floor, crm, rules, within_s)
    check_log(floor)


async def check_a_pause(floor: Floor, within_s: float) -> None:
    """Once somebody has been rung: nobody more is, until it is resumed."""
    await floor.until(lambda standing: bool(floor.carrier.calls), within_s)
    await order(floor, "pause")
    paused_at = datetime.now(UTC).timestamp()
    standing = await floor.until(lambda standing: not under_way(standing), within_s)
    assert standing["campaign"]["state"] == "paused" and standing["states"]["waiting"]
    assert all(call.started_at.timestamp() < paused_at + HEARD_WITHIN_S for call in floor.carrier.calls)
    await order(floor, "resume")


async def check_results(floor: Floor, capsys: pytest.CaptureFixture[str]) -> None:
    out = floor.folder / "results.csv"
    assert await asyncio.to_thread(run_results, api_of(floor), floor.campaign_id, "csv", out) == 0
    rows = {row["number"].lstrip("'"): row for row in csv.DictReader(io.StringIO(out.read_text(encoding="utf-8")))}
    written = floor.folder / "results.json"
    assert await asyncio.to_thread(run_results, api_of(floor), floor.campaign_id, "json", written) == 0
    document = {row["number"]: row for row in json.loads(written.read_text(encoding="utf-8"))["people"]}
    assert len(rows) == len(document) == sum(person.fate is not Fate.NO_CONSENT for person in floor.people)
    for person in floor.people:
        if person.fate in RUNG:
            times, end = RUNG[person.fate]
            found, same = rows[person.number], document[person.number]
            assert (found["disposition"], found["attempts"]) == (end, str(times))
            assert (same["disposition"], same["attempts"]) == (end, times)
            assert found["field_plan"] == same["fields"]["plan"] == person.row["plan"]
    capsys.readouterr()
    assert await asyncio.to_thread(run_status, api_of(floor), floor.campaign_id, watch=False, as_json=False) == 0
    shown = capsys.readouterr().out
    assert "a qualified lead" in shown and "A test" in shown


async def check_the_end(floor: Floor, crm: Crm, rules: dict[str, object], within_s: float) -> None:
    """Its rules are changed so that it is over: whoever waits is never rung, and the business's own system has heard of all of it."""
    await order(floor, "pause")
    await imported(floor, floor.people, **rules, ends=datetime.now(UTC).isoformat())
    await order(floor, "resume")
    await floor.until(lambda standing: standing["campaign"]["state"] == "finished", within_s)
    qualified = {person.number for person in floor.people if person.fate in QUALIFIED}
    await floor.until(lambda _: len(crm.taken) > len(qualified), within_s)
    events = {}
    for headers, body in crm.taken:
        assert is_authentic(headers, body, WEBHOOK_SECRET, datetime.now(UTC).timestamp(), tolerance_s=within_s)
        assert not is_authentic(headers, body, "another-secret-of-its-own", datetime.now(UTC).timestamp())
        events[headers["x-pokea-event-id"]] = json.loads(body)
    leads = [event["data"]["number"] for event in events.values() if event["type"] == "lead.qualified"]
    assert sorted(leads) == sorted(qualified)
    (end,) = [event["data"] for event in events.values() if event["type"] == "campaign.finished"]
    assert end["qualified"] == len(qualified)
    crm.taken.clear()


def check_log(floor: Floor) -> None:
    """Nothing that the functions had to warn of."""
    levels = Counter(re.findall(r'"level":"([A-Z]+)"', floor.log.read_text(encoding="utf-8")))
    assert set(levels) == {"INFO"}
    assert "Traceback" not in floor.log.read_text(encoding="utf-8")


@pytest.mark.faults
async def test_a_campaign_that_is_cancelled_rings_nobody_more(floor: Floor) -> None:
    everybody = [Person(place, Fate.NO_ANSWER) for place in range(500, 512)]
    assert await imported(floor, everybody, cps=1, channels=1) == 0
    await order(floor, "start")
    await floor.until(lambda standing: bool(floor.carrier.calls))
    await order(floor, "cancel")
    cancelled_at = datetime.now(UTC).timestamp()
    standing = await floor.until(lambda standing: is_quiet(standing, 0))
    assert standing["campaign"]["state"] == "cancelled"
    assert standing["states"]["excluded"] == len(everybody) - len(floor.carrier.calls) > 0
    assert all(call.started_at.timestamp() < cancelled_at + HEARD_WITHIN_S for call in floor.carrier.calls)
