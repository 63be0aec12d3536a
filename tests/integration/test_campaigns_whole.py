"""A whole campaign on the local stack: `pokea campaign import`, `start`, `status` and `results`, with people of mixed fate."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from local.carrier import Carrier
from local.cli.campaign import ImportOptions, run_import, run_order
from local.cli.campaign_api import CampaignApi
from local.cli.campaign_watch import run_results, run_status
from local.gateway import serve
from local.processes import free_port
from pokea.adapters import clients, sautikit_rest
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.adapters.dynamo_store import DynamoStore
from pokea.adapters.dynamo_table import DynamoTable
from tests.integration.carrier_peers import media_server
from tests.support.campaign_floor import BUSINESS, LINE, RUNG, Fate, Floor, lay_out, people
from tests.support.control_plane import PATH_SECRET, SIGNING_SECRET, TOKEN_KEY
from tests.support.store import RunningAws

CLIENTS = (clients.dynamodb, clients.events, clients.sqs)
SCOPES = ("campaigns:read", "campaigns:write")


@pytest.fixture
async def floor(
    local_aws: RunningAws, core_table: DynamoTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Floor]:
    lay_out(tmp_path / "profiles", datetime.now(UTC))
    key = await asyncio.to_thread(
        DynamoApiKeyStore(core_table).create_key, BUSINESS, SCOPES, label="test", at=datetime.now(UTC)
    )
    for client in CLIENTS:
        client.cache_clear()
    connected: list[sautikit_rest.Carrier] = []

    class Noted(sautikit_rest.Carrier):
        """So that what the functions connect to is closed again: a function never ends by itself."""

        def __init__(self, *rest: object) -> None:
            super().__init__(*rest)  # type: ignore[arg-type]
            connected.append(self)

    monkeypatch.setattr(sautikit_rest, "Carrier", Noted)
    port = free_port()
    async with media_server() as media, Carrier("carrier-key", SIGNING_SECRET) as carrier:
        desk = f"campaign-{uuid4().hex[:8]}"
        aws = {**local_aws.aws.environ(), **await asyncio.to_thread(local_aws.aws.queue_environ, desk)}
        environ = {
            **{name: value for name, value in aws.items() if "PROFILE" not in name and "FILE" not in name},
            "POKEA_CORE_TABLE": core_table.name,
            "POKEA_PROFILES_DIR": str(tmp_path / "profiles"),
            "POKEA_WEBHOOK_AUTH": "signature+path",
            "POKEA_WEBHOOK_PATH_SECRET": PATH_SECRET,
            "POKEA_TOKEN_KEY": TOKEN_KEY,
            "POKEA_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "POKEA_BRIDGE_URL": media.url.partition("/audio")[0],
            "POKEA_CAMPAIGN_PLAN_S": "2",
            "SAUTIKIT_WEBHOOK_SECRET": SIGNING_SECRET,
            "SAUTIKIT_API_KEY": "carrier-key",
            "SAUTIKIT_API_BASE": carrier.base_url,
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        async with serve(port=port) as gateway:
            voice, events = f"{gateway.url}/voice/{PATH_SECRET}", f"{gateway.url}/call-events/{PATH_SECRET}"
            carrier.add_number(LINE, voice, events)
            campaign_id = f"test-{uuid4().hex[:8]}"
            yield Floor(gateway, carrier, DynamoStore(core_table), key, tmp_path, campaign_id)
    for made in connected:
        made.close()
    for client in CLIENTS:
        client().close()
        client.cache_clear()


def api_of(floor: Floor) -> CampaignApi:
    return CampaignApi(floor.gateway.url, {BUSINESS: floor.key})


async def imported(floor: Floor, count: int, **rules: object) -> int:
    await asyncio.to_thread(floor.enlist, people(count))
    listed, rules_file = floor.write_files(**rules)
    options = ImportOptions(file=listed, campaign=rules_file, profiles=floor.folder / "profiles", as_json=True)
    return await asyncio.to_thread(run_import, options, lambda business: api_of(floor))


@pytest.mark.parametrize("count", [len(Fate), pytest.param(200, marks=pytest.mark.faults)])
async def test_people_of_mixed_fate_end_in_the_right_disposition_and_nobody_is_rung_twice(
    floor: Floor, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    fates = Counter(person.fate for person in people(count))
    assert await imported(floor, count) == 3  # those without consent are no contacts
    told = json.loads(capsys.readouterr().out)
    assert (told["new"], told["rejected"]) == (count - fates[Fate.NO_CONSENT], fates[Fate.NO_CONSENT])
    assert await asyncio.to_thread(run_order, api_of(floor), floor.campaign_id, "start", False) == 0
    standing = await floor.run(within_s=60 + 4 * count)
    expected = Counter({fate.value: fates[fate] for fate in RUNG})
    assert Counter({name: n for name, n in standing["dispositions"].items() if n}) == expected
    assert floor.rings() == Counter(person.number for person in floor.people if person.fate in RUNG)
    assert standing["states"]["waiting"] == fates[Fate.UNLAWFUL_HOUR]
    assert standing["states"]["excluded"] == fates[Fate.OPTED_OUT_BEFORE] + fates[Fate.WRONG_COUNTRY]
    await check_results(floor, capsys)


async def check_results(floor: Floor, capsys: pytest.CaptureFixture[str]) -> None:
    out = floor.folder / "results.csv"
    assert await asyncio.to_thread(run_results, api_of(floor), floor.campaign_id, "csv", out) == 0
    rows = {row["number"].lstrip("'"): row for row in csv.DictReader(io.StringIO(out.read_text(encoding="utf-8")))}
    assert len(rows) == sum(person.fate is not Fate.NO_CONSENT for person in floor.people)
    for person in floor.people:
        if person.fate in RUNG:
            found = rows[person.number]
            assert (found["disposition"], found["attempts"]) == (person.fate.value, "1")
    capsys.readouterr()
    assert await asyncio.to_thread(run_status, api_of(floor), floor.campaign_id, watch=False, as_json=False) == 0
    shown = capsys.readouterr().out
    assert "a qualified lead" in shown and "A test" in shown
