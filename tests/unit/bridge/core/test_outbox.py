"""What of the event log is to be written, read and sent next."""

from __future__ import annotations

from itertools import pairwise
from math import inf

from bridge.core.event_log import Scan, encode_record, opened, scan
from bridge.core.outbox import BATCH, Event, Plan, Stretch

RECORD = len(encode_record(b"x"))


def body(call: str, index: int = 1) -> bytes:
    return opened(call, "shop", index, "2026-11-21T10:00:00+00:00", "bridge-1")


class Desk:
    """Does the work of a plan on a disk that is a dictionary."""

    def __init__(self) -> None:
        self.plan = Plan(10**9)
        self.files: dict[str, bytes] = {}
        self.plan.works()

    def tell(self, call: str, index: int = 1, now_s: float = 0.0) -> None:
        assert self.plan.told(body(call, index), call, now_s)

    def write(self, segment: str = "a/1", now_s: float = 0.0) -> None:
        events = self.plan.due_to_write(now_s)
        self.files[segment] = self.files.get(segment, b"") + b"".join(encode_record(event.body) for event in events)
        assert self.plan.wrote(events, segment, len(self.files[segment]), now_s)

    def read(self, now_s: float = 0.0) -> None:
        while stretch := self.plan.due_to_read():
            data = self.files[stretch.segment][stretch.start : stretch.stop]
            self.plan.was_read(stretch, scan(data), now_s)

    def due(self, now_s: float) -> list[str]:
        self.read(now_s)
        return [event.call for event in self.plan.due_to_send(now_s)]


def under_way(plan: Plan) -> tuple[Event, ...]:
    return plan._under_way


def taken(plan: Plan, now_s: float) -> None:
    plan.answered({event.number for event in under_way(plan)}, now_s, 1.0)


def test_one_event_waits_half_a_second_for_others_and_ten_wait_for_none() -> None:
    desk = Desk()
    desk.tell("c0")
    desk.write()
    assert (desk.due(0.4), desk.plan.next_send_s()) == ([], 0.5)
    for number in range(1, BATCH):
        desk.tell(f"c{number}", now_s=0.4)
    desk.write(now_s=0.4)
    assert desk.due(0.4) == [f"c{number}" for number in range(BATCH)]


def test_two_events_of_one_call_are_never_under_way_at_once() -> None:
    desk = Desk()
    desk.tell("c1", 1)
    desk.tell("c1", 2)
    desk.tell("c2", 1)
    desk.write()
    assert desk.due(1.0) == ["c1", "c2"]
    assert desk.due(1.0) == []  # an answer comes first
    taken(desk.plan, 1.1)
    assert desk.due(1.1) == ["c1"]


def test_an_event_that_was_not_taken_holds_back_its_own_call_and_no_other() -> None:
    desk = Desk()
    for call, index in (("c1", 1), ("c1", 2), ("c2", 1), ("c2", 2)):
        desk.tell(call, index)
    desk.write()
    assert desk.due(1.0) == ["c1", "c2"]
    desk.plan.answered({under_way(desk.plan)[1].number}, 1.0, 1.0)
    assert desk.due(1.1) == ["c2"]
    taken(desk.plan, 1.2)
    assert (desk.due(1.3), desk.plan.next_send_s()) == ([], 1.5)
    assert desk.due(1.5) == ["c1"]


def test_a_queue_that_is_down_is_asked_less_and_less_often_but_every_half_minute() -> None:
    desk = Desk()
    desk.tell("c1")
    desk.write()
    now_s, asked_s = 0.5, []
    while now_s < 600:
        assert desk.due(now_s) == ["c1"]
        asked_s.append(now_s)
        desk.plan.unanswered(now_s, 1.0)
        assert desk.due(desk.plan.next_send_s() - 0.001) == []
        now_s = desk.plan.next_send_s()
    gaps = [after - before for before, after in pairwise(asked_s)]
    assert gaps[:7] == [0.5, 1, 2, 4, 8, 16, 30] and set(gaps[7:]) == {30}
    assert len(asked_s) < 30


def test_jitter_shortens_a_pause_by_half_at_most() -> None:
    desk = Desk()
    desk.tell("c1")
    desk.write()
    desk.due(1.0)
    desk.plan.unanswered(1.0, 0.5)
    assert desk.plan.next_send_s() == 1.25


def test_a_segment_is_finished_when_it_is_sealed_and_all_of_it_was_taken() -> None:
    desk = Desk()
    desk.tell("c1")
    desk.write("a/1")
    desk.tell("c2")
    desk.write("a/2")
    assert desk.due(1.0) == ["c1", "c2"]
    assert desk.plan.finished() == []
    taken(desk.plan, 1.0)
    assert desk.plan.finished() == ["a/1"]
    desk.plan.seal()
    assert desk.plan.finished() == ["a/2"]
    assert desk.plan.next_send_s() == inf
    assert desk.plan.spooled_bytes == 0


def test_what_a_dead_worker_left_comes_before_our_own_and_in_its_order() -> None:
    desk = Desk()
    desk.tell("c9")
    desk.write("b/1")
    for name, call in (("a/1", "c1"), ("a/2", "c2")):
        desk.files[name] = encode_record(body(call))
        desk.plan.adopt(name, 1, len(desk.files[name]), -100.0)
    assert desk.plan.oldest_s(20.0) == 120
    assert desk.due(1.0) == ["c1", "c2", "c9"]


def test_a_disk_that_fails_refuses_calls_and_is_tried_every_second() -> None:
    desk = Desk()
    assert desk.plan.has_room
    desk.tell("c1")
    desk.plan.write_failed(10.0)
    assert not desk.plan.has_room
    assert (desk.plan.due_to_write(10.9), desk.plan.next_write_s()) == ([], 11.0)
    desk.write(now_s=11.0)
    assert desk.plan.has_room and not desk.plan.unwritten


def test_with_nothing_to_write_a_failing_disk_is_probed() -> None:
    desk = Desk()
    desk.plan.write_failed(10.0)
    assert not desk.plan.is_probe_due(10.5) and desk.plan.is_probe_due(11.0)
    desk.tell("c1")
    assert not desk.plan.is_probe_due(11.0)


def test_what_the_disk_does_not_take_is_sent_from_memory_after_what_is_on_it() -> None:
    desk = Desk()
    desk.tell("c1", 1)
    desk.write()
    desk.tell("c1", 2)
    desk.plan.write_failed(1.0)
    first = desk.due(1.0)
    taken(desk.plan, 1.0)
    assert (first, desk.due(1.0)) == (["c1"], ["c1"])
    taken(desk.plan, 1.0)
    assert desk.plan.pending == 0


def test_what_was_written_while_it_was_sent_from_memory_is_sent_again() -> None:
    """Twice is fine, never is not: nobody knows yet whether the queue took it."""
    desk = Desk()
    desk.tell("c1")
    desk.plan.write_failed(0.0)
    assert desk.due(0.0) == ["c1"]
    desk.write(now_s=1.0)
    taken(desk.plan, 1.0)
    assert desk.due(5.0) == ["c1"]


def test_memory_has_a_bound_and_what_it_does_not_hold_is_counted() -> None:
    plan = Plan(10**9)
    plan.write_failed(0.0)
    kept = sum(plan.told(b"{}", "c", 0.0) for _ in range(10_050))
    assert (kept, plan.lost, len(plan.unwritten)) == (10_000, 50, 10_000)


def test_a_spool_beyond_its_bound_refuses_new_calls_until_the_queue_took_some() -> None:
    desk = Desk()
    desk.plan = Plan(RECORD * 3)
    desk.tell("c1")
    desk.write("a/1")
    assert not desk.plan.has_room
    desk.tell("c2")
    desk.write("a/2")
    desk.due(1.0)
    taken(desk.plan, 1.0)
    desk.plan.seal()
    desk.plan.finished()
    assert desk.plan.has_room


def test_a_long_backlog_is_read_a_window_at_a_time() -> None:
    desk = Desk()
    for number in range(500):
        desk.tell(f"c{number}")
    desk.write()
    seen: list[str] = []
    while batch := desk.due(5.0):
        assert len(desk.plan._window) <= 64
        seen += batch
        taken(desk.plan, 5.0)
    assert seen == [f"c{number}" for number in range(500)]


def test_damage_ends_a_segment_and_what_was_written_to_it_since_is_written_again() -> None:
    desk = Desk()
    desk.tell("c1")
    desk.write("a/1")
    stretch = desk.plan.due_to_read()
    assert stretch is not None
    assert not desk.plan.was_read(stretch, Scan((), 0), 0.0)
    desk.tell("c2")
    events = desk.plan.due_to_write(0.0)
    assert not desk.plan.wrote(events, "a/1", 999, 0.0)
    desk.write("a/2")
    assert desk.due(1.0) == ["c2"]


def test_a_segment_that_is_gone_is_no_reason_to_stop() -> None:
    plan = Plan(10**9)
    assert plan.was_read(Stretch("gone", 0, 10), Scan((), 0), 0.0)


def test_hurry_forgets_every_pause() -> None:
    desk = Desk()
    desk.tell("c1")
    desk.write()
    desk.due(1.0)
    desk.plan.answered((), 1.0, 1.0)
    desk.plan.unanswered(1.0, 1.0)
    assert desk.due(1.1) == []
    desk.plan.hurry()
    assert desk.due(1.1) == ["c1"]


def test_the_age_is_that_of_the_oldest_event_that_was_not_taken() -> None:
    desk = Desk()
    desk.tell("c1", now_s=0.0)
    desk.write(now_s=0.0)
    desk.tell("c2", now_s=30.0)
    desk.write(now_s=30.0)
    assert desk.due(31.0) == ["c1", "c2"]
    desk.plan.answered({under_way(desk.plan)[0].number}, 31.0, 1.0)
    assert desk.plan.oldest_s(40.0) == 10
    desk.due(60.0)
    taken(desk.plan, 60.0)
    assert desk.plan.oldest_s(60.0) == 0
