"""F3.8 and F3.9 on the queue of detail records: messages that come again, in any order, late and to two consumers at once leave the records
as if each had come once; poison comes back alone, ends in the dead letter queue, and harms nobody beside it."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from pokea.billing.cdr import Cdr, CdrState
from pokea.ids import SessionId
from tests.faults.broken import cdr_offices, reconcilers
from tests.faults.test_f3_8_queues import MAX_RECEIVES, StandardQueue
from tests.support.cdr_office import CdrOffice, about, carrier_record, rfc3339
from tests.support.control_plane import CALLER, LINE, NOW, opened, queue_batch

PLACED = {"callerNumber": LINE.number, "destinationNumber": CALLER, "direction": "Outbound"}


def session(number: int) -> SessionId:
    return SessionId(f"HD_{number:012x}")


def messages_of(office: CdrOffice, number: int) -> list[str]:
    """One call and everything that is told of it: every fifth was placed, every seventh has no record at the carrier."""
    plane, name, talk_s = office.plane, session(number), 20 + number % 90
    placed = number % 5 == 0
    way = {**PLACED, "clientRequestId": f"pk{number}"} if placed else {}
    token = opened(plane, plane.ring(sessionId=name, **way), name)["result"]["call_token"]
    close = {"operation": "close", "call_token": token, "reason": "goodbye", "duration_ms": talk_s * 1_000, "transcript": []}  # fmt: skip
    assert plane.tools(close, None)["ok"]
    plane.ring("Completed", sessionId=name, durationInSeconds=str(talk_s), **way)
    if number % 7:
        cost = -(-talk_s * 300 // 60) if placed else 0
        record = carrier_record(name, talk_s, direction="outbound" if placed else "inbound", cost_minor=cost)
        office.books.records.append(record)
    at = rfc3339(NOW + timedelta(seconds=talk_s))
    said = {"event": "closed", "index": 2, "at": at, "bridge": "b", "stream_ms": talk_s * 1_000 + 300, "reason": "goodbye"}  # fmt: skip
    words = [
        about(name, said={"event": "opened", "index": 1, "at": rfc3339(NOW), "bridge": "b"}),
        about(name, said=said),
    ]
    return [words[0], plane.ended[-1], words[1], plane.delayed[-1][0]]


def state(office: CdrOffice) -> dict[tuple[str, str], Cdr]:
    """Every record; when and how often they were looked at plays no part in them."""
    return {cdr.key: replace(cdr, version=0, made_at=NOW, reason="") for cdr in office.cdrs.all_cdrs()}


def follow(office: CdrOffice) -> None:
    """Take everything that the function has sent itself, until nothing more comes."""
    while bodies := office.later.taken():
        for start in range(0, len(bodies), 10):
            assert office.take(*bodies[start : start + 10]) == []


def in_order(calls: int) -> CdrOffice:
    office = CdrOffice()
    for body in [body for number in range(calls) for body in messages_of(office, number)]:
        assert office.take(body) == []
    follow(office)
    return office


def in_disorder(calls: int, seed: int) -> CdrOffice:
    """Each message 1 to 5 times, shuffled, up to 15 minutes late, by two consumers at once."""
    office, draw = CdrOffice(), random.Random(seed)
    bodies = [body for number in range(calls) for body in messages_of(office, number) * draw.randint(1, 5)]
    draw.shuffle(bodies)
    office.plane.clock.advance(draw.uniform(0, 900))
    failed: list[str] = []

    def consume(own: list[str]) -> None:
        for start in range(0, len(own), 10):
            failed.extend(office.take(*own[start : start + 10]))

    half = len(bodies) // 2
    consumers = [threading.Thread(target=consume, args=(part,)) for part in (bodies[:half], bodies[half:])]
    for consumer in consumers:
        consumer.start()
    for consumer in consumers:
        consumer.join()
    assert failed == []
    follow(office)
    return office


def check(calls: int, seed: int = 38) -> None:
    once, often = in_order(calls), in_disorder(calls, seed)
    assert state(often) == state(once)
    assert len(state(often)) == 2 * calls
    for cdr in often.cdrs.all_cdrs():
        versions = often.cdrs.versions(*cdr.key)
        assert [one.version for one in versions] == list(range(1, len(versions) + 1))
        said = [replace(one, version=0, made_at=NOW, reason="") for one in versions]
        assert all(one != other for one, other in pairwise(said)), "a version that says nothing new"
    told = Counter(detail["idempotency_key"] for _, detail in often.emitted)
    final = [cdr for cdr in often.cdrs.all_cdrs() if cdr.state is CdrState.FINAL]
    assert {f"{cdr.session_id}/{cdr.leg}/{cdr.version}" for cdr in final} <= set(told)
    # Two consumers at one moment may both tell, and who loses the race to write it down tells once more: seldom, and never for long.
    assert max(told.values()) <= 4
    assert sum(told.values()) <= 2 * len(told)
    assert dict(often.settled) == dict(once.settled)


def test_repeated_and_shuffled_messages_leave_what_each_once_would() -> None:
    check(20)


@pytest.mark.faults
def test_ten_thousand_deliveries_leave_what_each_once_would() -> None:
    check(850)  # four messages each, three times on average


@pytest.mark.parametrize(
    "broken", [cdr_offices.forgets_what_was_told, cdr_offices.keeps_no_word, reconcilers.draft_stands_for_all]
)
def test_without_its_safeguard_the_check_fails(broken: cdr_offices.Breaks) -> None:
    once = in_order(8)
    with broken():
        often = in_disorder(8, 1)
    told = Counter(detail["idempotency_key"] for _, detail in often.emitted)
    versions = [often.cdrs.versions(*cdr.key) for cdr in often.cdrs.all_cdrs()]
    repeated = any(
        replace(a, version=0, made_at=NOW, reason="") == replace(b, version=0, made_at=NOW, reason="")
        for of_leg in versions
        for a, b in pairwise(of_leg)
    )
    assert state(often) != state(once) or max(told.values()) > 2 or repeated


# --- poison ----------------------------------------------------------------------------------------------------------------------

UNKNOWN = "HD_" + "f" * 12
POISON = (
    "{not json",
    about(version=2),
    about(UNKNOWN),  # a call that nobody has
    about(UNKNOWN, said={"event": "closed", "index": 1}),
    about(business="nobody"),
    about(said={"event": "closed"}),  # without its place in the bridge's count
    "x" * 262_144,
    about(also={}),
)


def check_poison(batches: int, *, whole_batches: bool = False) -> tuple[CdrOffice, StandardQueue, list[str]]:
    """One message in ten is poison."""
    office, draw = CdrOffice(), random.Random(batches)
    queue = StandardQueue(draw)
    good = [body for number in range(9 * batches) for body in messages_of(office, number)[1:2]]
    bad = [draw.choice(POISON) for _ in range(batches)]
    queue.send(*good, *bad)
    with cdr_offices.refuses_whole_batches() if whole_batches else nullcontext():
        while queue.waiting:
            batch = queue.receive(draw.randrange(1, 11))
            if batch:
                answer: Any = office.handler(queue_batch(batch), None)
                queue.done(batch, answer)
    follow(office)
    return office, queue, bad


def assert_only_poison_died(office: CdrOffice, queue: StandardQueue, bad: list[str], calls: int) -> None:
    assert sorted(queue.dead.values()) == sorted(bad)
    assert len(state(office)) == 2 * calls


def test_poison_ends_in_the_dead_letter_queue_and_harms_nobody_beside_it() -> None:
    office, queue, bad = check_poison(5)
    assert_only_poison_died(office, queue, bad, 45)
    assert all(queue.receives[name] == MAX_RECEIVES + 1 for name in queue.dead)
    before = state(office)
    assert office.take(*queue.dead.values()) == list(queue.dead.values())  # a redrive changes nothing
    assert state(office) == before


@pytest.mark.faults
def test_poison_in_a_hundred_batches_harms_nobody() -> None:
    office, queue, bad = check_poison(100)
    assert_only_poison_died(office, queue, bad, 900)


def test_a_consumer_that_refuses_whole_batches_is_seen_to_lose_good_messages() -> None:
    office, queue, bad = check_poison(3, whole_batches=True)
    with pytest.raises(AssertionError):
        assert_only_poison_died(office, queue, bad, 27)


def test_no_word_of_a_poisoned_message_is_logged() -> None:
    office = CdrOffice()
    office.take('{"call": "Amina Otieno +254722000111"', json.dumps({"version": 1, "call": "HD_1", "Amina": 1}))
    assert "Amina" not in office.logged.getvalue() and "254722000111" not in office.logged.getvalue()
