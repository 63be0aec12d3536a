"""A billing report through the whole control plane: asked for over HTTP, made by the function behind its queue, read by its link."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from local.cli.report import ReportOptions, at_hand, run_report
from local.gateway import Gateway, serve
from local.processes import free_port
from pokea.adapters import clients
from pokea.adapters.dynamo_api_keys import DynamoApiKeyStore
from pokea.adapters.dynamo_cdrs import DynamoCdrs
from pokea.adapters.dynamo_table import DynamoTable
from pokea.ids import SessionId
from tests.support.billing_samples import CLINIC, leg, stream
from tests.support.control_plane import PATH_SECRET, SIGNING_SECRET, TOKEN_KEY
from tests.support.store import RunningAws

YESTERDAY = (datetime.now(UTC) + timedelta(hours=3)).date() - timedelta(days=1)  # in Nairobi
NOON = datetime(YESTERDAY.year, YESTERDAY.month, YESTERDAY.day, 9, tzinfo=UTC)
MADE_WITHIN_S = 20


@contextlib.asynccontextmanager
async def running(aws: RunningAws, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    for client in (clients.dynamodb, clients.s3, clients.sqs, clients.events):
        client.cache_clear()
    port = free_port()
    environ = {
        **{name: value for name, value in aws.aws.environ().items() if "PROFILE" not in name and "FILE" not in name},
        **await asyncio.to_thread(aws.aws.queue_environ, "reports"),
        "POKEA_WEBHOOK_PATH_SECRET": PATH_SECRET,
        "POKEA_TOKEN_KEY": TOKEN_KEY,
        "POKEA_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "POKEA_BRIDGE_URL": "ws://127.0.0.1:1",
        "SAUTIKIT_WEBHOOK_SECRET": SIGNING_SECRET,
        "SAUTIKIT_API_KEY": "carrier-key",
        "SAUTIKIT_API_BASE": "http://127.0.0.1:1",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials of whichever test came first
    for client in (clients.dynamodb, clients.s3, clients.sqs, clients.events):
        client.cache_clear()
    async with serve(port=port) as gateway:
        yield gateway
    for client in (clients.dynamodb, clients.s3, clients.sqs, clients.events):
        client.cache_clear()


def put_calls(aws: RunningAws) -> tuple[DynamoCdrs, str]:
    """Three calls of yesterday in the table of detail records, and a key that may ask for reports."""
    client = aws.aws.client()
    store = DynamoCdrs(DynamoTable(client, aws.aws.environ()["POKEA_CDRS_TABLE"]))
    for number in range(3):
        began = NOON + timedelta(minutes=number)
        call = leg(
            session_id=SessionId(f"HD_report{number}"), began_at=began, answered_at=began, ended_at=began + timedelta(seconds=90),
            charge_micros=4_500_000, version=0,
        )  # fmt: skip
        store.put_cdrs([call, stream(call)])
    core = DynamoTable(client, aws.aws.environ()["POKEA_CORE_TABLE"])
    scopes = ("reports:read", "reports:write")
    return store, DynamoApiKeyStore(core).create_key(CLINIC, scopes, label="test", at=NOON)


async def until_made(http: httpx.AsyncClient) -> dict[str, Any]:
    async with asyncio.timeout(MADE_WITHIN_S):
        while (found := await http.get(f"/reports/{YESTERDAY}")).status_code == 404:  # noqa: ASYNC110  # a queue is between us
            await asyncio.sleep(0.1)
    assert found.status_code == 200, found.text
    return dict(found.json())


async def test_a_report_is_asked_for_made_and_read_by_its_link(
    local_aws: RunningAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, key = await asyncio.to_thread(put_calls, local_aws)
    async with (
        running(local_aws, monkeypatch) as gateway,
        httpx.AsyncClient(
            base_url=gateway.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False, verify=False
        ) as http,
    ):
        asked = await http.post("/reports", json={"day": YESTERDAY.isoformat()})
        assert asked.status_code == 202, asked.text
        made = await until_made(http)
        assert made["html"]["key"] == f"statements/business=whitedent/{YESTERDAY}.html"
    async with httpx.AsyncClient(trust_env=False, verify=False) as anybody:
        page, rows = [(await anybody.get(made[kind]["url"])).text for kind in ("html", "csv")]
    assert "KES 26.58" in page and page.startswith("<!doctype html>")  # 3 × (4.50 + 0.75 + 3.61071)
    assert rows.count("HD_report1,") == 4  # of two lines, the leg's own session and the call's
    options = ReportOptions(day=YESTERDAY.isoformat(), format="csv", state=tmp_path)
    assert await asyncio.to_thread(run_report, options, at_hand) == 0
    assert rows in capsys.readouterr().out
