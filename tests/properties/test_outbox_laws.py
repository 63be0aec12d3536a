"""Laws of the event log: what any file is read as, and what any history of a disk and a queue comes to."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.event_log import BODY_BYTES, encode_record, scan
from tests.support.outboxes import FullDisk, QueueDouble, Rig, whole
from tests.support.sizes import examples

BODIES = st.lists(st.binary(min_size=1, max_size=300), max_size=12)


@given(BODIES)
def test_what_was_written_is_what_is_read(bodies: list[bytes]) -> None:
    data = b"".join(map(encode_record, bodies))
    assert (scan(data).bodies, scan(data).good_bytes) == (tuple(bodies), len(data))


@given(BODIES, st.data())
def test_every_prefix_is_read_up_to_its_last_whole_record(bodies: list[bytes], data: st.DataObject) -> None:
    records = [encode_record(body) for body in bodies]
    ends = [0, *accumulate(map(len, records))]
    whole_file = b"".join(records)
    for cut in range(len(whole_file) + 1) if len(whole_file) < 400 else [data.draw(st.integers(0, len(whole_file)))]:
        found = scan(whole_file[:cut])
        count = sum(end <= cut for end in ends) - 1
        assert (found.bodies, found.good_bytes) == (tuple(bodies[:count]), ends[count])


@given(BODIES.filter(len), st.data())
def test_no_changed_byte_is_taken_for_a_record(bodies: list[bytes], data: st.DataObject) -> None:
    """What stands before the change is read, and nothing that was never written."""
    records = [encode_record(body) for body in bodies]
    whole_file = bytearray(b"".join(records))
    at = data.draw(st.integers(0, len(whole_file) - 1))
    whole_file[at] ^= data.draw(st.integers(1, 255))
    before = sum(end <= at for end in accumulate(map(len, records)))
    assert scan(bytes(whole_file)).bodies == tuple(bodies[:before])


@given(BODIES, st.binary(max_size=200))
def test_whatever_follows_costs_no_record_before_it(bodies: list[bytes], rest: bytes) -> None:
    data = b"".join(map(encode_record, bodies))
    found = scan(data + rest)
    assert found.bodies[: len(bodies)] == tuple(bodies)
    assert found.good_bytes >= len(data)


@given(st.binary(max_size=500))
def test_any_bytes_are_records_or_nothing(data: bytes) -> None:
    found = scan(data)
    assert b"".join(map(encode_record, found.bodies)) == data[: found.good_bytes]
    assert all(0 < len(body) <= BODY_BYTES for body in found.bodies)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(0, 5)),
        st.tuples(st.just("end"), st.integers(0, 5)),
        st.tuples(st.just("pass"), st.sampled_from([0.1, 1.0, 40.0])),
        st.tuples(st.sampled_from(["up", "down", "part", "full", "room", "sync_fails", "crash"]), st.just(0)),
    ),
    max_size=40,
)


class World:
    """One bridge after the other on one spool; what was safe on the disk when one died is not lost, what was in its memory is."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.queue, self.disk = folder, QueueDouble(), FullDisk()
        self.bridges = 0
        self.live: dict[int, str] = {}
        self.owed: dict[str, list[tuple[int, str]]] = {}
        self.calls = 0
        self.start()

    def start(self) -> None:
        self.bridges += 1
        self.rig = Rig(self.folder, self.queue, f"bridge-{self.bridges}", self.disk)

    def begin(self, place: int) -> None:
        if place in self.live or not self.rig.outbox.has_room:
            return  # such a call is refused, and rings elsewhere
        self.calls += 1
        self.live[place] = f"HD_{self.calls}"
        self.owed[self.live[place]] = [(1, "opened")]
        self.rig.begins(self.live[place])

    def end(self, place: int) -> None:
        call = self.live.pop(place, None)
        if call is not None:
            self.owed[call].append((2, "closed"))
            self.rig.ends(call)

    def crash(self) -> None:
        for event in self.rig.plan.unwritten.values():
            message = json.loads(event.body)
            self.owed[message["call"]].remove((message["said"]["index"], message["said"]["event"]))
        self.live.clear()
        self.rig.dies()
        self.disk.left, self.disk.fails_to_sync = float("inf"), False
        self.start()

    def step(self, name: str, value: float) -> None:
        acts: dict[str, Callable[[], None]] = {
            "begin": lambda: self.begin(int(value)),
            "end": lambda: self.end(int(value)),
            "pass": lambda: self.rig.passes(value),
            "crash": self.crash,
            "up": lambda: setattr(self.queue, "is_up", True),
            "down": lambda: setattr(self.queue, "is_up", False),
            "part": lambda: setattr(self.queue, "fails", frozenset({0, 2})),
            "full": lambda: setattr(self.disk, "left", 70),
            "room": lambda: setattr(self.disk, "left", float("inf")),
            "sync_fails": lambda: setattr(self.disk, "fails_to_sync", not self.disk.fails_to_sync),
        }
        acts[name]()


@settings(max_examples=examples(30, 300))
@given(STEPS)
def test_nothing_is_lost_and_the_order_of_each_call_is_kept_whatever_happens(steps: list[tuple[str, float]]) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        for name, value in steps:
            world.step(name, value)
        world.queue.is_up = True
        world.disk.left, world.disk.fails_to_sync = float("inf"), False
        for place in list(world.live):
            world.end(place)
        world.rig.passes(120)
        assert world.queue.said() == {call: events for call, events in world.owed.items() if events}
        assert world.rig.outbox.has_room
        world.rig.outbox.close(0.1)
        assert [path for path in Path(folder).rglob("*") if path.is_file()] == []


def test_the_law_has_something_to_say() -> None:
    """A plain history comes to what is expected."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        for name, value in [("begin", 0), ("begin", 1), ("end", 0), ("pass", 1.0), ("end", 1), ("pass", 1.0)]:
            world.step(name, value)
        assert world.queue.said() == whole(["HD_1", "HD_2"])
