"""F3.1 at the business's own system: slow, refusing, crashing before and after it wrote, cold, talking nonsense.

Whatever happens, a commit ends within four seconds, asks at most three times under one key, and says what is true: "opened" only of a
ticket that is there, "nothing has been changed" only where there is none, and never two.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.faults.broken import backends as broken
from tests.support.business_system import BusinessSystem, Trouble
from tests.support.outside import business_system, outside, verified

DEADLINE_S = 4.0
TRIES = 3
KINDS = {
    "timeout": Trouble.SLOW,
    "429": Trouble.BUSY,
    "crash before the write": Trouble.RESET,
    "crash after the write": Trouble.LOST_REPLY,
    "cold": Trouble.LATE_REPLY,
    "bad json": Trouble.BAD_JSON,
}
QUICK: dict[str, Any] = {"budget_s": 0.4, "timeout_s": 0.15}  # the same rules in less time
REAL: dict[str, Any] = {}


def told_in(kind: str, seed: int, limits: dict[str, Any]) -> tuple[dict[str, Any], BusinessSystem, float]:
    """One call that opens a ticket while one to four requests in a row go wrong: what it said, the system, and how long it took."""
    draw = random.Random(f"{kind} {seed}")
    system = business_system(slow_s=3.0 if limits is REAL else 0.3)
    with outside(system, **limits) as plane:
        phone = verified(plane)
        proposed = phone.tool("proposeTicket", problem=f"slow {seed}")
        system.requests.clear()
        system.troubles.extend([KINDS[kind]] * draw.randint(1, 4))
        began = time.monotonic()
        told = phone.commit(proposed)
        took_s = time.monotonic() - began
    return told, system, took_s


def breaches(told: dict[str, Any], system: BusinessSystem, took_s: float) -> list[str]:
    found = []
    written = len(system.tickets)
    is_opened, is_nothing = told["status"] == "ticket_opened", "nothing has been changed" in told["say"]
    if took_s > DEADLINE_S:
        found.append(f"took {took_s:.1f} s")
    if len(system.requests) > TRIES:
        found.append(f"asked {len(system.requests)} times")
    if len({key for _, _, key in system.requests}) != 1:
        found.append("more than one key")
    if written > 1:
        found.append("opened twice")
    if is_opened and told["reference"] not in system.tickets:
        found.append("said opened, and it is not")
    if is_nothing and written:
        found.append("said unchanged, and it is not")
    if not is_opened and told["status"] != "unknown":
        found.append(f"status {told['status']}")
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_trouble_ends_in_time_and_in_the_truth(kind: str) -> None:
    for seed in range(1):
        assert breaches(*told_in(kind, seed, QUICK)) == [], seed


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_fifty_of_each_kind_with_the_real_limits(kind: str) -> None:
    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda seed: breaches(*told_in(kind, seed, REAL)), range(50)))
    assert results == [[]] * 50


Break = Callable[[], AbstractContextManager[None]]


@pytest.mark.parametrize(
    ("build", "kind", "seen"),
    [
        (broken.a_key_of_its_own_for_every_try, "crash after the write", "opened twice"),
        (broken.silence_taken_for_no, "crash after the write", "said unchanged, and it is not"),
        (broken.tries_without_end, "429", "asked"),
        (broken.patience_without_end, "timeout", "took"),
    ],
)
def test_the_checks_see_what_is_missing(build: Break, kind: str, seen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.faults.test_f3_1_outside_systems.DEADLINE_S", 0.45)
    limits = {"budget_s": 2.0, "timeout_s": 0.15} if seen == "asked" else QUICK
    found: list[str] = []
    for seed in range(8):
        with build():
            found += breaches(*_long(kind, seed, limits))
        if any(one.startswith(seen) for one in found):
            return
    pytest.fail(f"nothing but {found}")


def _long(kind: str, seed: int, limits: dict[str, Any]) -> tuple[dict[str, Any], BusinessSystem, float]:
    """As `told_in`, with trouble that outlasts the tries of an honest build."""
    system = business_system(slow_s=0.3)
    with outside(system, **limits) as plane:
        phone = verified(plane)
        proposed = phone.tool("proposeTicket", problem=f"slow {seed}")
        system.requests.clear()
        system.troubles.extend([KINDS[kind]] * (3 + seed % 3))
        began = time.monotonic()
        told = phone.commit(proposed)
        return told, system, time.monotonic() - began
