"""When ECS is told that a task has calls."""

from __future__ import annotations

import itertools

from bridge.core.protection import EXPIRES_MINUTES, LINGER_MS, RENEW_MS, RETRY_MS, Protection


def protected_at(now_ms: float) -> Protection:
    protection = Protection()
    assert protection.decide(True, now_ms) is True
    protection.told(True, True, now_ms)
    return protection


def test_a_task_without_calls_says_nothing() -> None:
    protection = Protection()
    assert [protection.decide(False, float(now)) for now in range(0, 10_000_000, 1_000_000)] == [None] * 10


def test_the_first_call_protects_and_the_next_ones_say_nothing() -> None:
    protection = protected_at(1_000)
    assert protection.decide(True, 2_000) is None
    assert protection.decide(True, 1_000 + RENEW_MS - 1) is None


def test_protection_is_renewed_long_before_it_lapses() -> None:
    protection = protected_at(0)
    assert protection.decide(True, RENEW_MS) is True
    protection.told(True, True, RENEW_MS)
    assert protection.decide(True, RENEW_MS + 1) is None
    assert RENEW_MS + sum(RETRY_MS) < EXPIRES_MINUTES * 60_000


def test_a_pause_between_two_calls_gives_nothing_back() -> None:
    protection = protected_at(0)
    assert protection.decide(False, LINGER_MS - 1) is None
    assert protection.decide(True, LINGER_MS) is None
    assert protection.decide(False, 2 * LINGER_MS - 1) is None
    assert protection.decide(False, 2 * LINGER_MS) is False


def test_what_was_given_back_is_asked_for_again_at_the_next_call() -> None:
    protection = protected_at(0)
    assert protection.decide(False, LINGER_MS) is False
    protection.told(False, True, LINGER_MS)
    assert protection.decide(False, LINGER_MS + 1) is None
    assert protection.decide(True, LINGER_MS + 2) is True


def test_a_refusal_is_repeated_with_growing_pauses_for_as_long_as_there_are_calls() -> None:
    protection, now_ms, asked = Protection(), 0.0, []
    while now_ms < 200_000:
        if protection.decide(True, now_ms):
            asked.append(now_ms)
            protection.told(True, False, now_ms)
        now_ms += 500
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert pauses[: len(RETRY_MS)] == list(RETRY_MS)
    assert set(pauses[len(RETRY_MS) :]) == {RETRY_MS[-1]}


def test_a_refusal_that_passes_is_forgotten() -> None:
    protection = Protection()
    protection.decide(True, 0)
    protection.told(True, False, 0)
    assert protection.decide(True, RETRY_MS[0]) is True
    protection.told(True, True, RETRY_MS[0])
    assert protection.decide(True, RETRY_MS[0] + 1) is None


def test_giving_back_is_repeated_too() -> None:
    protection = protected_at(0)
    assert protection.decide(False, LINGER_MS) is False
    protection.told(False, False, LINGER_MS)
    assert protection.decide(False, LINGER_MS + RETRY_MS[0]) is False


def test_what_was_asked_for_is_held_until_it_is_given_back_whatever_was_answered() -> None:
    protection = Protection()
    assert not protection.is_held
    protection.decide(True, 0)
    assert protection.is_held  # the answer may still be under way
    protection.told(True, False, 0)
    assert protection.is_held
    protection.decide(True, RETRY_MS[0])
    protection.told(True, True, RETRY_MS[0])
    protection.decide(False, RETRY_MS[0] + LINGER_MS)
    protection.told(False, False, RETRY_MS[0] + LINGER_MS)
    assert protection.is_held
    protection.told(False, True, 2 * LINGER_MS)
    assert not protection.is_held


def test_who_takes_over_asks_for_what_calls_need_and_gives_back_what_they_do_not() -> None:
    assert Protection(None).decide(True, 0) is True
    idle = Protection(None)
    assert idle.decide(False, 0) is False
    idle.told(False, True, 0)
    assert idle.decide(False, 1_000) is None
