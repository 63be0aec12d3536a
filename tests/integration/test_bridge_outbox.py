"""What the bridge says of its calls, from real sockets to a queue that speaks SQS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import InvalidStatus

from bridge.core.outbox import Plan
from bridge.shell.outbox import Outbox, Send
from bridge.shell.outbox_queue import sqs_send
from bridge.shell.outbox_spool import Disk, Spool
from local.live_server import LiveServer
from local.model import Stage, scripted
from tests.integration.bridge_peers import (
    CONTEXT,
    SESSION,
    FakeTools,
    running_bridge,
    switch_call,
    until,
)
from tests.support.descriptors import open_descriptors, threads
from tests.support.outboxes import FullDisk, QueueDouble, files
from tests.support.store import RunningAws

QUIET = {**CONTEXT, "greeting": ""}


async def mute(stage: Stage) -> None:
    """Listens and says nothing."""


@contextmanager
def running_outbox(folder: Path, send: Send, disk: Disk | None = None) -> Iterator[Outbox]:
    outbox = Outbox(Spool(folder, "bridge-1", disk), send, "bridge-1", plan=Plan(10**9), reserve_bytes=1)
    outbox.start()
    try:
        yield outbox
    finally:
        outbox.close()


async def test_a_call_leaves_its_beginning_and_its_end_in_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local_aws: RunningAws
) -> None:
    sqs = local_aws.aws.sqs()
    url = sqs.create_queue(QueueName=f"cdr-{uuid4().hex}")["QueueUrl"]
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", local_aws.aws.endpoint_url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, local_aws.aws.environ()[name])
    with running_outbox(tmp_path / "spool", sqs_send(url)) as outbox:
        async with (
            LiveServer(scripted(mute)) as model,
            running_bridge(model.url, FakeTools(context=QUIET), tmp_path, monkeypatch, outbox=outbox) as bridge,
            switch_call(bridge) as switch,
        ):
            await until(lambda: outbox.standing().pending > 0, "the beginning is kept")
            assert "outbox=" in (await bridge.get("/readyz"))[1]
            await asyncio.sleep(0.6)
            await switch.hang_up()
            await until(lambda: not bridge.health.calls, "the call is over")
    assert files(tmp_path / "spool") == []
    messages: list[dict[str, Any]] = []
    while len(messages) < 2:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        assert found, messages
        messages += [json.loads(message["Body"]) for message in found]
    opened, closed = sorted(messages, key=lambda message: int(message["said"]["index"]))
    for message in (opened, closed):
        assert (message["version"], message["call"], message["business"]) == (1, SESSION, "corner-shop")
        assert message["said"]["bridge"] == "bridge-1"
    assert set(opened["said"]) == {"event", "index", "at", "bridge"}
    assert set(closed["said"]) == set(opened["said"]) | {"stream_ms", "reason", "handoff", "usage", "shares"}
    assert [message["said"]["event"] for message in (opened, closed)] == ["opened", "closed"]
    assert [message["said"]["index"] for message in (opened, closed)] == [1, 2]
    assert (closed["said"]["reason"], closed["said"]["handoff"]) == ("caller_hung_up", "")
    assert 500 <= closed["said"]["stream_ms"] <= 3_000


@pytest.mark.usefixtures("each_stack")
async def test_on_a_full_disk_new_calls_are_refused_before_their_token_is_spent_and_live_ones_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, disk, tools = QueueDouble(), FullDisk(), FakeTools(context=QUIET)
    queue.is_up = False
    with running_outbox(tmp_path / "spool", queue, disk) as outbox:
        async with (
            LiveServer(scripted(mute)) as model,
            running_bridge(model.url, tools, tmp_path, monkeypatch, outbox=outbox) as bridge,
            switch_call(bridge) as switch,
        ):
            await until(lambda: outbox.standing().unwritten == 0, "the beginning is on the disk")
            disk.left = 0
            bill = outbox.of_call("HD_other", "shop")
            assert bill is not None
            bill.opened()
            await until(lambda: not outbox.has_room, "the disk is known to be full")
            status, words = await bridge.get("/readyz")
            assert (status, words.split()[0]) == (503, "spool_full")
            with pytest.raises(InvalidStatus, match="503"):
                async with switch_call(bridge, bridge.url(call="HD_another")):
                    pass
            assert len(tools.of("open")) == 1
            await switch.hang_up()
            await until(lambda: bool(tools.of("close")), "the live call ends as ever")
            await until(lambda: outbox.standing().unwritten == 2, "its end is in memory")
            disk.left, queue.is_up = float("inf"), True
            await until(lambda: outbox.has_room, "calls are taken again")
    assert queue.said() == {SESSION: [(1, "opened"), (2, "closed")], "HD_other": [(1, "opened")]}


async def test_a_call_that_broke_has_an_end_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("bridge.core.session.CallSession.caller_audio", breaks)
    queue = QueueDouble()
    with running_outbox(tmp_path / "spool", queue) as outbox:
        async with (
            LiveServer(scripted(mute)) as model,
            running_bridge(model.url, FakeTools(context=QUIET), tmp_path, monkeypatch, outbox=outbox) as bridge,
            switch_call(bridge) as switch,
        ):
            await asyncio.wait_for(switch.closed.wait(), 5)
            await until(lambda: not bridge.health.calls, "the call is over")
    said = {message["said"]["event"]: message["said"] for message in queue.messages}
    assert said["closed"]["reason"] == "bridge_error"
    assert 0 <= said["closed"]["stream_ms"] < 2_000


async def test_a_persons_leg_names_the_hand_off_that_it_belongs_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = QueueDouble()
    person = {**QUIET, "handoff": {"id": "hand-1", "owner_url": "ws://127.0.0.1:9/leg", "hop": "proof"}}
    with running_outbox(tmp_path / "spool", queue) as outbox:
        async with (
            LiveServer(scripted(mute)) as model,
            running_bridge(model.url, FakeTools(context=person), tmp_path, monkeypatch, outbox=outbox) as bridge,
            switch_call(bridge) as switch,
        ):
            await asyncio.sleep(0.1)
            await switch.hang_up()
            await until(lambda: not bridge.health.calls, "the call is over")
    assert [message["said"]["handoff"] for message in queue.messages if "handoff" in message["said"]] == ["hand-1"]


async def test_calls_that_are_over_hold_on_to_nothing_of_the_event_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tools(FakeTools):
        def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
            self.asked.clear()
            return super().__call__(event)

    queue = QueueDouble()
    with running_outbox(tmp_path / "spool", queue) as outbox:
        async with (
            LiveServer(scripted(mute)) as model,
            running_bridge(model.url, Tools(context=QUIET), tmp_path, monkeypatch, outbox=outbox) as bridge,
        ):

            async def call(number: int) -> None:
                async with switch_call(bridge, bridge.url(call=f"HD_{number}")):
                    pass
                await until(lambda: not bridge.health.calls, "the call is over")

            await call(0)
            held, running, tasks = open_descriptors(), threads(), len(asyncio.all_tasks())
            for number in range(1, 21):
                await call(number)
            await until(lambda: open_descriptors() <= held, "descriptors return")
            await until(lambda: len(asyncio.all_tasks()) <= tasks, "tasks return")
            assert threads() <= running + 1  # the pool that asks the tools function grows to its size
    assert len(queue.said()) == 21
