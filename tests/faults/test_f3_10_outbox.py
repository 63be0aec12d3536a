"""F3.10: the queue down for ten minutes, the bridge restarted, killed in the middle of a write, a full disk, a torn tail. The bridge's
own word about its calls is never lost, and each call's stays in order; a full disk refuses new calls and no other.

Each check returns what is wrong, so that it can be seen to fail on an event log with one safeguard taken out.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bridge.core.event_log import encode_record, opened
from bridge.core.outbox import Plan
from bridge.shell.health import Health
from bridge.shell.outbox_spool import Spool
from local.processes import ROOT
from tests.faults.broken import outboxes as broken
from tests.support.outboxes import FullDisk, QueueDouble, Rig, files, whole

LIVE, MORE = 200, 20
OUTAGE_S = 600
SEED = 3_10
FULL_S = 60


def names(count: int, prefix: str = "HD") -> list[str]:
    return [f"{prefix}_{number}" for number in range(count)]


def rig(
    folder: Path,
    queue: QueueDouble,
    owner: str = "bridge-1",
    disk: FullDisk | None = None,
    plan: type[Plan] = Plan,
    spool: type[Spool] = Spool,
) -> Rig:
    return Rig(folder, queue, owner, disk, plan=plan(10**9), spool=spool)


def wrong_with(queue: QueueDouble, calls: Sequence[str]) -> str:
    said, owed = queue.said(), whole(calls)
    if said == owed:
        return ""
    lost = [call for call, events in owed.items() if set(events) - set(said.get(call, []))]
    return f"lost of {len(lost)} calls" if lost else "out of order"


# --- the queue is down -----------------------------------------------------------------------------------------------------


def an_outage(folder: Path, plan: type[Plan] = Plan, spool: type[Spool] = Spool, restarts: int = 0) -> str:
    """200 calls begin and end while the queue takes nothing, and twenty more after that; the bridge may be killed meanwhile."""
    queue, draw = QueueDouble(), random.Random(SEED)
    queue.is_up = False
    bridge = rig(folder, queue, plan=plan, spool=spool)
    calls = names(LIVE)
    part = LIVE // (restarts + 1)
    for round_ in range(restarts + 1):
        if round_:
            bridge.dies()
            bridge = rig(folder, queue, f"bridge-{round_ + 1}", plan=plan, spool=spool)
        live = calls[round_ * part : (round_ + 1) * part] if round_ < restarts else calls[round_ * part :]
        for call in live:
            bridge.begins(call)
        for call in draw.sample(live, len(live)):
            bridge.passes(OUTAGE_S / LIVE)
            bridge.ends(call)
    asked = len(queue.sizes)
    queue.is_up = True
    bridge.passes(60)
    for call in names(MORE, "late"):
        bridge.begins(call)
        bridge.ends(call)
    bridge.passes(10)
    problem = wrong_with(queue, [*calls, *names(MORE, "late")])
    if not problem and asked > 40 * (restarts + 1):
        return f"a queue that was down was asked {asked} times"
    return problem or ("events still wait" if bridge.plan.pending else "")


def test_a_queue_that_is_down_for_ten_minutes_loses_nothing(tmp_path: Path) -> None:
    assert an_outage(tmp_path) == ""


def test_nor_does_a_bridge_that_is_killed_three_times_meanwhile(tmp_path: Path) -> None:
    assert an_outage(tmp_path, restarts=3) == ""


def test_an_event_log_that_forgets_what_it_sent_is_caught(tmp_path: Path) -> None:
    assert an_outage(tmp_path, plan=broken.ForgetsWhatItSent).startswith("lost of")


def test_an_event_log_that_nobody_takes_over_is_caught(tmp_path: Path) -> None:
    assert an_outage(tmp_path, spool=broken.LeavesTheDeadAlone, restarts=3).startswith("lost of")


def a_moody_queue(folder: Path, plan: type[Plan] = Plan) -> str:
    """Of every request a few messages are not taken, whichever."""
    queue, draw = QueueDouble(), random.Random(SEED)
    bridge = rig(folder, queue, plan=plan)
    for call in names(LIVE):
        bridge.begins(call)
        bridge.ends(call)
    for _ in range(400):
        queue.fails = frozenset(draw.sample(range(10), 4))
        bridge.passes(0.5)
    bridge.passes(60)
    return wrong_with(queue, names(LIVE))


def test_a_queue_that_takes_some_and_not_others_keeps_the_order_of_each_call(tmp_path: Path) -> None:
    assert a_moody_queue(tmp_path) == ""


def test_an_event_log_that_sends_a_calls_events_together_is_caught(tmp_path: Path) -> None:
    assert a_moody_queue(tmp_path, broken.SendsEverythingAtOnce) == "out of order"


# --- the disk is full ------------------------------------------------------------------------------------------------------


def a_full_disk(folder: Path, plan: type[Plan] = Plan, spool: type[Spool] = Spool, queue_is_up: bool = False) -> str:
    """200 calls are live when the disk is full; half of them end, twenty want to begin. Then there is room, and at last the bridge dies."""
    queue, disk = QueueDouble(), FullDisk()
    queue.is_up = queue_is_up
    bridge = rig(folder, queue, disk=disk, plan=plan, spool=spool)
    health = Health(LIVE + MORE, kept=bridge.outbox)
    calls = names(LIVE)
    for call in calls:
        bridge.begins(call)
    disk.left = 333  # in the middle of an event
    for call in calls[: LIVE // 2]:
        bridge.ends(call)
        bridge.passes(FULL_S / LIVE)
    if health.is_ready or any(health.free for _ in range(MORE)):
        return "a new call was taken"
    disk.left = float("inf")
    bridge.passes(5)
    if not health.is_ready:
        return "no call is taken although there is room"
    for call in [*calls[LIVE // 2 :], *names(MORE, "new")]:
        if call.startswith("new"):
            bridge.begins(call)
        bridge.ends(call)
    bridge.dies()
    queue.is_up = True
    rig(folder, queue, "bridge-2").passes(60)
    return wrong_with(queue, [*calls, *names(MORE, "new")])


@pytest.mark.parametrize("queue_is_up", [False, True])
def test_a_full_disk_refuses_new_calls_only_and_loses_nothing(tmp_path: Path, queue_is_up: bool) -> None:
    assert a_full_disk(tmp_path, queue_is_up=queue_is_up) == ""


def test_an_event_log_that_drops_what_the_disk_refuses_is_caught(tmp_path: Path) -> None:
    assert a_full_disk(tmp_path, broken.DropsWhatTheDiskRefuses).startswith("lost of")


def test_an_event_log_that_takes_calls_on_a_full_disk_is_caught(tmp_path: Path) -> None:
    assert a_full_disk(tmp_path, broken.TakesCallsOnAFullDisk) == "a new call was taken"


def test_an_event_log_that_writes_on_behind_a_tear_is_caught(tmp_path: Path) -> None:
    assert a_full_disk(tmp_path, spool=broken.WritesOnBehindATear).startswith("lost of")


# --- the tail is torn ------------------------------------------------------------------------------------------------------


def torn_tails(folder: Path) -> str:
    """The last record of a dead bridge's segment is cut, or zeros or other bytes stand where its end should be."""
    body = opened("HD_torn", "corner-shop", 1, "2026-11-21T10:00:00+00:00", "bridge-0")
    record = encode_record(body)
    tails = [record[:cut] for cut in range(1, len(record), 9)]
    tails += [record[:cut] + bytes(len(record) - cut) for cut in range(8, len(record), 9)]
    tails += [record[:-1] + b"x", bytes(4_096)]
    for number, tail in enumerate(tails):
        spool, queue = folder / str(number), QueueDouble()
        first = rig(spool, queue, "bridge-0")
        queue.is_up = False
        for call in names(3):
            first.begins(call)
            first.ends(call)
        first.dies()
        segment = spool / "bridge-0/00000001.log"
        with segment.open("ab") as file:
            file.write(tail)
        queue.is_up = True
        rig(spool, queue).passes(10)
        if len(queue.bodies) != 6 or wrong_with(queue, names(3)):
            return f"tail {number}: {len(queue.bodies)} events"
        kept = [path.read_bytes() for path in (spool / "aside").iterdir()]
        if kept != [tail]:
            return f"tail {number} was not kept aside"
        if files(spool / "bridge-0"):
            return f"tail {number}: something is left"
    return ""


def test_a_torn_tail_is_cut_to_the_last_whole_record_and_the_rest_is_kept_aside(tmp_path: Path) -> None:
    assert torn_tails(tmp_path) == ""


def test_an_event_log_without_a_check_is_caught(tmp_path: Path) -> None:
    with broken.without_a_check():
        assert torn_tails(tmp_path).startswith("tail")


# --- killed in the middle of a write ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def writers() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.support.outbox_writer"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def killed_at(writers: subprocess.Popen[str], folder: Path, kill_at: int) -> dict[str, Any]:
    assert writers.stdin is not None and writers.stdout is not None
    writers.stdin.write(json.dumps({"folder": str(folder), "kill_at": kill_at}) + "\n")
    writers.stdin.flush()
    answer: dict[str, Any] = json.loads(writers.stdout.readline())
    return answer


def killed_at_every(writers: subprocess.Popen[str], folder: Path, step: int) -> None:
    """What was safe before the kill is delivered by the next bridge, in order, and what was not is at most whole."""
    deaths = 0
    for kill_at in range(0, 10**6, step):
        spool, queue = folder / str(kill_at), QueueDouble()
        died = killed_at(writers, spool, kill_at)
        rig(spool, queue, "next").passes(2)
        taken = [(message["call"], message["said"]["index"]) for message in queue.messages]
        everything = [(call, index) for call in names(3) for index in (1, 2)]
        assert sorted(taken) == everything[: len(taken)], kill_at
        assert all(events == whole([call])[call][: len(events)] for call, events in queue.said().items()), kill_at
        assert died["safe"] <= len(taken) <= died["safe"] + 1, kill_at
        if died["code"] == 0:
            break
        assert died["code"] == -signal.SIGKILL
        deaths += 1
    assert deaths > 900 / step  # in every part of every record


def test_a_bridge_that_is_killed_in_the_middle_of_a_write_loses_nothing_that_was_safe(
    tmp_path: Path, writers: subprocess.Popen[str]
) -> None:
    killed_at_every(writers, tmp_path, 61)


@pytest.mark.faults
def test_a_bridge_may_be_killed_in_any_part_of_a_record(tmp_path: Path, writers: subprocess.Popen[str]) -> None:
    killed_at_every(writers, tmp_path, 7)
