"""`pokea doctor` against the whole local stack, whose processes are taken away one after the other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from local.cli.deployed import Door
from local.cli.doctor.command import examine
from local.cli.doctor.place import Examined
from local.stack import Desk, DeskOptions, Stack, StackOptions
from pokea.doctor.findings import CHECKS, Standing

pytestmark = pytest.mark.faults


async def troubles(place: Examined) -> set[str]:
    findings = await asyncio.to_thread(examine, place, tuple(CHECKS))
    return {finding.code for finding in findings if finding.standing in (Standing.PROBLEM, Standing.WARNING)}


async def stopped(desk: Desk, name: str) -> None:
    child = next(child for child in desk.children if child.name.startswith(name))
    await child.stop()


async def test_each_process_that_is_gone_is_named_by_its_check(tmp_path: Path) -> None:
    async with Stack(StackOptions(tmp_path)) as stack, stack.desk(DeskOptions()) as desk:
        store = stack.aws.store_address()
        place = Examined(
            name="the stack",
            settings=desk.settings,
            is_complete=True,
            profiles_dir=desk.options.profiles_dir,
            door=Door(store["region"], store["endpoint"], desk.gateway_url),
        )
        assert await troubles(place) == set()
        await stopped(desk, "engine")
        assert await troubles(place) == {"model.unreachable"}
        await stopped(desk, "gateway")
        assert await troubles(place) == {"model.unreachable", "webhook.unreachable", "bridge.no_tools"}
        await stopped(desk, "bridge")
        assert await troubles(place) == {"model.unreachable", "webhook.unreachable", "bridge.unreachable"}
