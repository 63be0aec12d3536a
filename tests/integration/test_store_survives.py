"""Data outlives the local AWS: a clean stop keeps everything, a crash keeps the last export."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from local.aws import LocalAws
from local.processes import ROOT, ChildFailed
from pokea.adapters.dynamo_calls import DynamoCallStore
from pokea.adapters.dynamo_table import DynamoTable
from pokea.calls import CallStatus
from tests.support.store import TEMPLATE
from tests.support.store_samples import a_call

TABLE = "pokea-core"


def store_of(aws: LocalAws) -> DynamoCallStore:
    return DynamoCallStore(DynamoTable(aws.client(), aws.environ()["POKEA_CORE_TABLE"]))


async def test_a_clean_stop_keeps_every_write_and_a_crash_keeps_the_last_export(tmp_path: Path) -> None:
    async with LocalAws(tmp_path, TEMPLATE) as aws:
        first = store_of(aws).create_call(a_call("HD_1"))
    (tmp_path / "export" / f"{TABLE}.jsonl").unlink()  # so that only the emulator's own state can bring it back
    async with LocalAws(tmp_path, TEMPLATE) as aws:
        store = store_of(aws)
        assert store.call(first.session_id) == first
        changed = store.put_call(replace(first, status=CallStatus.ANSWERED))
        exported = store.create_call(a_call("HD_2"))
        await aws.export()
        lost = store.create_call(a_call("HD_3"))
        await killed(aws)
    async with LocalAws(tmp_path, TEMPLATE) as aws:
        store = store_of(aws)
        assert store.call(first.session_id) == changed  # not as the clean stop before the crash had saved it
        assert store.call(exported.session_id) == exported
        assert store.call(lost.session_id) is None


async def test_exports_are_made_without_being_asked_for(tmp_path: Path) -> None:
    export = tmp_path / "export" / f"{TABLE}.jsonl"
    async with LocalAws(tmp_path, TEMPLATE, export_every_s=0.05) as aws:
        store_of(aws).create_call(a_call("HD_1"))
        await until(lambda: "HD_1" in export.read_text())


async def test_a_supervisor_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    """The emulator sees its supervisor's end of the pipe close, saves, and ends; whoever starts next waits for that."""
    arguments = ["-m", "local.aws", "--state", str(tmp_path), "--template", str(TEMPLATE)]
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert supervisor.stdout is not None
    lines = [(await supervisor.stdout.readline()).decode() for _ in range(2)]
    endpoint = next(line for line in lines if "AWS_ENDPOINT_URL" in line).strip().partition("=")[2]
    aws = LocalAws(tmp_path, TEMPLATE)
    aws.endpoint_url = endpoint
    call = DynamoCallStore(DynamoTable(aws.client(), TABLE)).create_call(a_call("HD_1"))
    supervisor.kill()
    await supervisor.communicate()
    async with aws:
        assert store_of(aws).call(call.session_id) == call


async def test_a_table_whose_keys_changed_is_rebuilt_with_its_items(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE.read_text().replace("gsi1", "gsi0"))
    async with LocalAws(tmp_path, template) as aws:
        call = store_of(aws).create_call(a_call("HD_1"))
    async with LocalAws(tmp_path, TEMPLATE) as aws:
        assert store_of(aws).call(call.session_id) == call
        assert store_of(aws).calls_on(call.business_id, call.created_at.date()) == (call,)


async def test_it_listens_on_loopback_and_keeps_a_second_one_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.aws.STOP_WITHIN_S", 0.2)
    aws = LocalAws(tmp_path, TEMPLATE)
    async with aws:
        with pytest.raises(ChildFailed, match="another local AWS"):
            await LocalAws(tmp_path, TEMPLATE).__aenter__()
        if sys.platform == "linux":
            assert listening_on(aws.pid) == ["0100007F"]
        monkeypatch.undo()
    assert not aws.running


async def test_a_process_uses_it_whatever_its_user_has_configured(tmp_path: Path) -> None:
    theirs = {"AWS_PROFILE": "work", "AWS_DEFAULT_PROFILE": "work", "HTTP_PROXY": "http://127.0.0.1:1"}
    code = "import boto3; print(boto3.client('dynamodb').list_tables()['TableNames'])"
    async with LocalAws(tmp_path, TEMPLATE) as aws:
        user = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code), env={**os.environ, **theirs, **aws.environ()}, stdout=asyncio.subprocess.PIPE
        )
        answer, _ = await user.communicate()
    assert f"'{TABLE}'" in answer.decode()


async def killed(aws: LocalAws) -> None:
    os.kill(aws.pid, signal.SIGKILL)
    await until(lambda: not aws.running)


async def until(is_so: Callable[[], bool]) -> None:
    """A bounded wait for another process."""
    for _ in range(1_000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true within ten seconds")


def listening_on(pid: int) -> list[str]:
    """Local addresses of the TCP sockets that a process listens on, in hex as Linux writes them."""
    links = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:[")}
    rows = [
        row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    ]
    return [row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes]
