"""F3.8 and F3.9 on the queue of ended calls: messages that come again, in any order and to two consumers at once leave the records as if
each had come once; poison comes back alone, ends in the dead letter queue, and harms nobody beside it."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pokea.call_record import CALL_RECORD
from pokea.ids import SessionId
from pokea.ports import Change
from tests.faults.broken.queues import SecondWriterWins, refuses_whole_batches
from tests.support.control_plane import LINE, ControlPlane, opened, queue_batch

MAX_RECEIVES = 5  # as the template says


def session(number: int) -> SessionId:
    return SessionId(f"HD_{number:012x}")


def closed_calls(count: int, plane: ControlPlane) -> list[str]:
    """So many calls that are over; returns the message about each."""
    for number in range(count):
        document = plane.ring(sessionId=session(number))
        token = opened(plane, document, session(number))["result"]["call_token"]
        said = [{"who": "caller", "text": f"Words of call {number}", "at_ms": 900}]
        close = {
            "operation": "close",
            "call_token": token,
            "reason": "goodbye",
            "duration_ms": 1_000 + number,
            "transcript": said,
        }
        assert plane.tools(close, None)["ok"]
    return list(plane.ended)


@dataclass
class StandardQueue:
    """What SQS promises and no more: at least once, in no order, and to the dead letter queue after so many receives."""

    draw: random.Random
    waiting: dict[str, str] = field(default_factory=dict)
    receives: Counter[str] = field(default_factory=Counter)
    dead: dict[str, str] = field(default_factory=dict)

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.waiting[f"m{len(self.waiting) + len(self.dead)}-{self.draw.random()}"] = body

    def receive(self, at_most: int = 10) -> Mapping[str, str]:
        chosen = self.draw.sample(sorted(self.waiting), min(at_most, len(self.waiting)))
        batch = {}
        for name in chosen:
            self.receives[name] += 1
            if self.receives[name] > MAX_RECEIVES:
                self.dead[name] = self.waiting.pop(name)
            else:
                batch[name] = self.waiting[name]
        return batch

    def done(self, batch: Mapping[str, str], answer: Mapping[str, Any]) -> None:
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        for name in batch:
            if name not in failed:
                del self.waiting[name]

    def drain(self, plane: ControlPlane) -> None:
        while self.waiting:
            batch = self.receive(self.draw.randrange(1, 11))
            if batch:
                self.done(batch, plane.records(queue_batch(batch), None))


def state(plane: ControlPlane) -> dict[str, object]:
    """Every record; the moments at which they were written play no part in them."""
    return {record.session_id: replace(record, version=0) for record in plane.bookings.all_records(CALL_RECORD)}


def deliver_in_disorder(count: int, seed: int) -> tuple[ControlPlane, Counter[str]]:
    """Each message 1 to 5 times, shuffled, up to 15 minutes late, by two consumers at once."""
    plane, draw = ControlPlane(), random.Random(seed)
    messages = [body for body in closed_calls(count, plane) for _ in range(draw.randrange(1, 6))]
    draw.shuffle(messages)
    written = count_writes(plane)
    half = len(messages) // 2

    def consume(bodies: list[str]) -> None:
        for at in range(0, len(bodies), 10):
            batch = {f"m{at}-{index}": body for index, body in enumerate(bodies[at : at + 10])}
            assert plane.records(queue_batch(batch), None) == {"batchItemFailures": []}

    plane.clock.advance(draw.uniform(0, 900))
    threads = [threading.Thread(target=consume, args=(part,)) for part in (messages[:half], messages[half:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return plane, written


def count_writes(plane: ControlPlane) -> Counter[str]:
    written: Counter[str] = Counter()
    apply = plane.bookings.apply

    def counted(change: Change) -> None:
        apply(change)
        written.update(stored.kind.key(stored.value) for stored in change.records)

    plane.bookings.apply = counted  # type: ignore[method-assign]
    return written


def once_in_order(count: int) -> ControlPlane:
    plane = ControlPlane()
    for body in closed_calls(count, plane):
        assert plane.write_records(body) == []
    return plane


def check_disorder(count: int) -> None:
    plane, written = deliver_in_disorder(count, seed=count)
    assert state(plane) == state(once_in_order(count))
    assert set(written.values()) == {1} and len(written) == count


def test_repeated_and_shuffled_messages_leave_what_each_once_would() -> None:
    check_disorder(60)


@pytest.mark.faults
def test_ten_thousand_deliveries_leave_what_each_once_would() -> None:
    check_disorder(3_400)


def test_a_store_whose_second_writer_wins_is_seen() -> None:
    plane = ControlPlane()
    (message,) = closed_calls(1, plane)
    plane.bookings = SecondWriterWins()
    secretary = plane.secretary()
    secretary.take(message, "m1")
    plane.clock.advance(60)
    (first,) = plane.bookings.all_records(CALL_RECORD)
    secretary.take(message, "m2")
    (second,) = plane.bookings.all_records(CALL_RECORD)
    assert second.version > first.version


# --- poison ----------------------------------------------------------------------------------------------------------------

POISON = (
    "{not json",
    '{"version": 2, "call": "HD_000000000001", "business": "whitedent"}',
    json.dumps({"call": "HD_" + "f" * 12, "business": LINE.business_id}),  # nobody has this call
    "x" * 262_144,
    '{"call": "HD_000000000001", "business": "whitedent", "also": {}}',
)


def check_poison(batches: int, *, whole_batches: bool = False) -> tuple[ControlPlane, StandardQueue, list[str]]:
    """One message in ten is poison."""
    plane, draw = ControlPlane(), random.Random(batches)
    queue = StandardQueue(draw)
    good = closed_calls(9 * batches, plane)
    bad = [draw.choice(POISON) for _ in range(batches)]
    queue.send(*good, *bad)
    if whole_batches:
        with refuses_whole_batches():
            queue.drain(plane)
    else:
        queue.drain(plane)
    return plane, queue, bad


def assert_only_poison_died(plane: ControlPlane, queue: StandardQueue, bad: list[str]) -> None:
    assert sorted(queue.dead.values()) == sorted(bad)
    assert len(plane.bookings.all_records(CALL_RECORD)) == len(plane.ended)


def test_poison_ends_in_the_dead_letter_queue_and_harms_nobody_beside_it() -> None:
    plane, queue, bad = check_poison(6)
    assert_only_poison_died(plane, queue, bad)
    assert all(queue.receives[name] == MAX_RECEIVES + 1 for name in queue.dead)
    before = state(plane)
    assert plane.write_records(*queue.dead.values()) == list(queue.dead.values())  # a redrive changes nothing
    assert plane.write_records(*plane.ended) == []
    assert state(plane) == before


@pytest.mark.faults
def test_poison_in_a_hundred_batches_harms_nobody() -> None:
    assert_only_poison_died(*check_poison(100))


def test_a_consumer_that_refuses_whole_batches_is_seen_to_lose_good_messages() -> None:
    plane, queue, bad = check_poison(3, whole_batches=True)
    with pytest.raises(AssertionError):
        assert_only_poison_died(plane, queue, bad)


def test_no_word_of_a_poisoned_message_is_logged() -> None:
    plane = ControlPlane()
    plane.write_records(
        '{"call": "Amina Otieno +254722000111"', json.dumps({"call": "HD_1", "business": "b", "Amina": 1})
    )
    assert "Amina" not in plane.logged.getvalue() and "254722000111" not in plane.logged.getvalue()
