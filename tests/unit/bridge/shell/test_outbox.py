"""The event log on a real disk, with its threads and without."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from bridge.core.event_log import encode_record
from bridge.core.outbox import Plan
from bridge.shell.health import Health
from bridge.shell.outbox import Answer, Outbox
from bridge.shell.outbox_spool import SEGMENT_BYTES, Disk, Spool
from tests.support.descriptors import open_descriptors, threads
from tests.support.outboxes import HUNG_UP, FullDisk, QueueDouble, Rig, files, whole


def threaded(folder: Path, send: object, owner: str = "bridge-1", disk: Disk | None = None) -> Outbox:
    return Outbox(Spool(folder, owner, disk), send, owner, plan=Plan(10**9), reserve_bytes=1)  # type: ignore[arg-type]


def a_call(outbox: Outbox, name: str) -> None:
    log = outbox.of_call(name, "shop")
    assert log is not None
    log.opened()
    log.closed(HUNG_UP, 1_000, "")


def test_events_reach_the_queue_in_order_and_nothing_is_left(tmp_path: Path) -> None:
    queue = QueueDouble()
    before = open_descriptors(), threads()
    outbox = threaded(tmp_path, queue)
    outbox.start()
    calls = [f"HD_{number}" for number in range(300)]
    for call in calls:
        a_call(outbox, call)
    outbox.close()
    assert queue.said() == whole(calls)
    assert len(queue.bodies) == 600
    assert (files(tmp_path), outbox.standing().pending) == ([], 0)
    assert (open_descriptors(), threads()) == before


def test_a_stream_of_no_call_says_nothing(tmp_path: Path) -> None:
    assert Rig(tmp_path, QueueDouble()).outbox.of_call("", "shop") is None


def test_a_segment_stays_until_all_of_it_was_taken(tmp_path: Path) -> None:
    queue = QueueDouble()
    rig = Rig(tmp_path, queue)
    queue.is_up = False
    for number in range(400):  # more than a segment holds
        rig.begins(f"HD_{number}")
        rig.ends(f"HD_{number}")
    full = len(files(tmp_path))
    assert full == 4
    rig.passes(120)
    assert len(files(tmp_path)) == full
    queue.is_up = True
    rig.passes(60)
    assert files(tmp_path) == ["bridge-1/00000003.log", "bridge-1/lock"]  # the one in use
    assert queue.said() == whole([f"HD_{number}" for number in range(400)])


def test_requests_hold_ten_messages_at_most_and_a_backlog_fills_them(tmp_path: Path) -> None:
    queue = QueueDouble()
    queue.is_up = False
    rig = Rig(tmp_path, queue)
    for number in range(100):
        rig.begins(f"HD_{number}")
    rig.passes(10)
    tried = len(queue.sizes)
    queue.is_up = True
    rig.passes(60)
    assert queue.sizes[tried:] == [10] * 10


def test_what_the_queue_refuses_for_good_is_kept_aside_and_holds_nobody_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queue = QueueDouble()
    rig = Rig(tmp_path, queue)
    rig.begins("HD_1")
    rig.begins("HD_2")
    queue.refuses = frozenset({0})
    rig.passes(1)
    rig.ends("HD_1")
    rig.ends("HD_2")
    rig.passes(1)
    assert queue.said() == {"HD_2": [(1, "opened"), (2, "closed")], "HD_1": [(2, "closed")]}
    (kept,) = (tmp_path / "aside").iterdir()
    assert json.loads(kept.read_bytes())["call"] == "HD_1"
    assert "HD_1" in caplog.text
    rig.outbox.close(0.1)
    assert files(tmp_path) == [f"aside/{kept.name}"]


def test_a_torn_tail_is_cut_to_the_last_whole_record_kept_aside_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queue = QueueDouble()
    queue.is_up = False
    first = Rig(tmp_path, queue)
    first.begins("HD_1")
    first.dies()
    segment = tmp_path / "bridge-1/00000001.log"
    whole_bytes, torn = segment.read_bytes(), encode_record(b'{"call":"HD_2"}')[:-3]
    segment.write_bytes(whole_bytes + torn)
    for owner in ("bridge-2", "bridge-3"):
        later = Rig(tmp_path, queue, owner)
        later.passes(1)
        assert segment.read_bytes() == whole_bytes
        later.dies()
    (kept,) = (tmp_path / "aside").iterdir()
    assert kept.read_bytes() == torn
    assert sum("was cut" in record.message for record in caplog.records) == 1
    queue.is_up = True
    last = Rig(tmp_path, queue, "bridge-4")
    last.passes(1)
    assert queue.said() == {"HD_1": [(1, "opened")]}


def test_what_was_damaged_on_the_disk_meanwhile_is_kept_aside_too(tmp_path: Path) -> None:
    queue = QueueDouble()
    queue.is_up = False
    rig = Rig(tmp_path, queue)
    for number in range(100):  # more than are read at once
        rig.begins(f"HD_{number}")
    rig.passes(2)
    segment = tmp_path / "bridge-1/00000001.log"
    data = bytearray(segment.read_bytes())
    data[-5] ^= 1
    segment.write_bytes(data)
    queue.is_up = True
    rig.passes(60)
    rig.begins("HD_later")
    rig.passes(60)
    assert list(queue.said()) == [*(f"HD_{number}" for number in range(99)), "HD_later"]
    assert len(list((tmp_path / "aside").iterdir())) == 1


def test_a_segment_that_somebody_deleted_stops_nothing(tmp_path: Path) -> None:
    queue = QueueDouble()
    rig = Rig(tmp_path, queue)
    rig.begins("HD_1")
    (tmp_path / "bridge-1/00000001.log").unlink()
    rig.passes(1)
    rig.begins("HD_2")
    rig.passes(1)
    assert rig.plan.pending == 0
    assert rig.outbox.has_room


def test_the_folder_of_a_live_worker_is_left_alone_and_that_of_a_dead_one_is_taken_over(tmp_path: Path) -> None:
    down, up = QueueDouble(), QueueDouble()
    down.is_up = False
    first, second = Rig(tmp_path, down, "bridge-1"), Rig(tmp_path, up, "bridge-2")
    first.begins("HD_1")
    second.passes(30)
    assert up.bodies == []
    first.dies()
    second.passes(16)  # it looks round every quarter of a minute
    assert up.said() == {"HD_1": [(1, "opened")]}
    assert files(tmp_path) == ["bridge-2/lock"]


def test_of_two_workers_beside_a_dead_one_each_event_goes_to_one(tmp_path: Path) -> None:
    down, up = QueueDouble(), QueueDouble()
    down.is_up = False
    dead = Rig(tmp_path, down, "bridge-1")
    dead.begins("HD_1")
    dead.dies()
    for owner in ("bridge-2", "bridge-3"):
        Rig(tmp_path, up, owner).passes(1)
    assert len(up.bodies) == 1


def test_folders_that_nobody_finished_making_are_tidied_and_one_without_a_lock_is_delivered(tmp_path: Path) -> None:
    (tmp_path / "bridge-0").mkdir()
    (tmp_path / "restored").mkdir()
    (tmp_path / "restored/00000001.log").write_bytes(
        encode_record(b'{"call":"HD_1","said":{"index":1,"event":"opened"}}')
    )
    queue = QueueDouble()
    rig = Rig(tmp_path, queue)
    rig.passes(1)
    assert queue.said() == {"HD_1": [(1, "opened")]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bridge-1"]


def test_a_name_that_another_worker_has_is_not_shared(tmp_path: Path) -> None:
    queue = QueueDouble()
    first, second = Rig(tmp_path, queue, "same"), Rig(tmp_path, queue, "same")
    first.begins("HD_1")
    second.begins("HD_2")
    assert files(tmp_path) == ["same-1/00000001.log", "same-1/lock", "same/00000001.log", "same/lock"]


def test_a_full_disk_refuses_new_calls_and_keeps_what_live_ones_say_until_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queue, disk = QueueDouble(), FullDisk()
    queue.is_up = False
    rig = Rig(tmp_path, queue, disk=disk)
    health = Health(10, kept=rig.outbox)
    rig.begins("HD_1")
    rig.begins("HD_2")
    disk.left = 40  # the next event is torn
    rig.ends("HD_1")
    assert not health.is_ready and health.free == 0
    assert health.words().startswith("spool_full ") and "outbox=3 oldest_s=0 unwritten=1" in health.words()
    rig.passes(10)
    rig.ends("HD_2")
    disk.left = float("inf")
    rig.passes(2)
    assert health.is_ready and "unwritten=0" in health.words()
    rig.dies()
    queue.is_up = True
    Rig(tmp_path, queue, "bridge-2").passes(60)
    assert queue.said() == whole(["HD_1", "HD_2"])
    assert sum("new calls are refused" in record.message for record in caplog.records) == 1


def test_a_full_disk_keeps_nothing_from_a_queue_that_is_up(tmp_path: Path) -> None:
    queue, disk = QueueDouble(), FullDisk()
    rig = Rig(tmp_path, queue, disk=disk)
    rig.begins("HD_1")
    disk.left = 0
    rig.ends("HD_1")
    rig.passes(1)
    assert queue.said() == whole(["HD_1"])
    assert not rig.outbox.has_room
    disk.left = float("inf")
    rig.passes(2)
    assert rig.outbox.has_room


def test_after_a_failed_sync_the_event_goes_into_another_segment(tmp_path: Path) -> None:
    """What the disk has of the first try nobody knows, and a second sync of the same file would say that all is well."""
    queue, disk = QueueDouble(), FullDisk()
    queue.is_up = False
    rig = Rig(tmp_path, queue, disk=disk)
    rig.begins("HD_1")
    disk.fails_to_sync = True
    rig.ends("HD_1")
    disk.fails_to_sync = False
    rig.passes(2)
    assert [name for name in files(tmp_path) if name.endswith(".log")] == [
        "bridge-1/00000001.log",
        "bridge-1/00000002.log",
    ]


def test_a_disk_that_is_nearly_full_refuses_new_calls_while_there_is_room_for_the_live_ones(tmp_path: Path) -> None:
    queue, disk = QueueDouble(), FullDisk()
    rig = Rig(tmp_path, queue, disk=disk)
    assert rig.outbox.has_room
    disk.free = 0
    rig.begins("HD_1")
    assert not rig.outbox.has_room and not rig.plan.unwritten
    disk.free = 10**9
    rig.passes(16)
    assert rig.outbox.has_room


def test_a_bridge_that_starts_on_a_full_disk_takes_no_call_until_there_is_room(tmp_path: Path) -> None:
    queue, disk = QueueDouble(), FullDisk()
    disk.left = 0
    rig = Rig(tmp_path, queue, disk=disk)
    assert not rig.outbox.has_room
    disk.left = float("inf")
    rig.passes(1.1)
    assert rig.outbox.has_room


@pytest.mark.parametrize("spool", ["file", "file/below"])
def test_a_spool_that_can_never_be_made_is_an_error_at_the_start(tmp_path: Path, spool: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError):
        Rig(tmp_path / spool, QueueDouble())


class HangingDisk(Disk):
    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def sync(self, file: int) -> None:
        assert self.may_go_on.wait(20)


def test_a_disk_that_hangs_refuses_new_calls_holds_nobody_up_and_costs_no_event(tmp_path: Path) -> None:
    queue, disk, now = QueueDouble(), HangingDisk(), [0.0]
    outbox = Outbox(
        Spool(tmp_path, "b", disk),
        queue,
        "b",
        plan=Plan(10**9),
        reserve_bytes=1,
        clock=lambda: now[0] or time.monotonic(),
    )
    outbox.start()
    disk.may_go_on.clear()
    began_s = time.monotonic()
    a_call(outbox, "HD_1")
    a_call(outbox, "HD_2")
    assert time.monotonic() - began_s < 5  # the disk hangs for 20
    while outbox._writing_since_s > 10**12:  # until the writer stands there
        time.sleep(0.001)
    assert outbox.has_room
    now[0] = time.monotonic() + 6
    assert not outbox.has_room
    now[0] = 0.0
    outbox.close(0.5)
    disk.may_go_on.set()
    outbox._writer.join()
    assert queue.said() == whole(["HD_1", "HD_2"])


class HangingQueue:
    def __init__(self) -> None:
        self.may_go_on = threading.Event()

    def __call__(self, bodies: Sequence[bytes]) -> Answer:
        assert self.may_go_on.wait(20)
        return Answer(frozenset(range(len(bodies))))


def test_a_queue_that_hangs_holds_up_neither_the_disk_nor_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queue = HangingQueue()
    outbox = threaded(tmp_path, queue)
    outbox.start()
    a_call(outbox, "HD_1")
    began_s = time.monotonic()
    outbox.close(0.3)
    assert time.monotonic() - began_s < 10  # the queue hangs for 20
    assert "2 events stay in the spool" in caplog.text
    assert (tmp_path / "bridge-1/00000001.log").stat().st_size > 100
    queue.may_go_on.set()
    outbox._sender.join()


def test_at_the_end_what_was_put_off_is_tried_once_more(tmp_path: Path) -> None:
    queue = QueueDouble()
    queue.is_up = False
    outbox = threaded(tmp_path, queue)
    outbox.start()
    a_call(outbox, "HD_1")
    deadline_s = time.monotonic() + 10
    while not queue.sizes and time.monotonic() < deadline_s:
        time.sleep(0.01)
    queue.is_up = True
    outbox.close(5)
    assert (queue.said(), files(tmp_path)) == (whole(["HD_1"]), [])


def test_old_events_are_complained_about_once_a_minute(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    queue = QueueDouble()
    queue.is_up = False
    rig = Rig(tmp_path, queue)
    rig.begins("HD_1")
    rig.passes(301)
    assert 3 <= sum("the oldest for" in record.message for record in caplog.records) <= 5


def test_segments_are_for_nobody_elses_eyes(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "spool", QueueDouble())
    rig.begins("HD_1")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "spool").rglob("*")}
    assert modes["bridge-1"] == 0o700 and modes["00000001.log"] == 0o600
    assert SEGMENT_BYTES == 64 * 1024


def test_a_thousand_events_leave_no_descriptor(tmp_path: Path) -> None:
    queue = QueueDouble()
    rig = Rig(tmp_path, queue)
    rig.begins("HD_0")
    rig.passes(1)
    before = open_descriptors()
    for number in range(1, 500):
        rig.begins(f"HD_{number}")
        rig.ends(f"HD_{number}")
        rig.passes(0.1)
    assert open_descriptors() <= before
    assert len(files(tmp_path / "bridge-1")) == 2
