"""F6.8: a burst of 500 calls within ten minutes to rare prefixes. It is stopped within a minute, it costs at most what the business said
and one call each, and good calls go on. In virtual time, on the product's own `place`; what a call costs is worked out by the carrier
simulator's tariff and by nothing else.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from local.carrier import Tariff
from pokea.billing.rate_deck import deck_of
from pokea.billing.spend import BURST_CALLS, Limit
from pokea.errors import CallError
from pokea.ids import SessionId
from pokea.phone_numbers import E164
from pokea.profile import Profile
from pokea.sautikit.attempts import OutboundRequest, place
from tests.fakes.memory_store import MemoryCallStore
from tests.faults.broken import spending
from tests.support.spending import CLINIC, MORNING, Books, business

BURST, BURST_S = 500, 600
GOOD_EVERY_S = 10
SETTLED_AFTER_S = 45  # until the carrier's record is closed and rated
LONGEST_S = 900
DAILY_KES, UNUSUAL_KES = 4_000, 1_000
CENT = 10_000  # micro-units
RATES = {"+254": 300, "+252": 9_000, "+881": 30_000, "+1876": 3_000}  # cents a minute
STREAM = 50
DECK = deck_of(
    {
        "id": "world",
        "currency": "KES",
        "row": [
            {"direction": "outbound", "prefix": prefix, "per_minute": f"{cents / 100:.2f}", "rounding": "per_second"}
            for prefix, cents in RATES.items()
        ]
        + [{"direction": "stream", "per_minute": "0.50", "rounding": "per_second"}],
    },
    "world",
)


@dataclass
class Rang:
    at_s: float
    number: str
    talks_s: int

    def cents(self, seconds: float) -> int:
        rate = next(cents for prefix, cents in RATES.items() if self.number.startswith(prefix))
        talked = int(min(seconds, self.talks_s))
        return Tariff().leg_cost_minor(talked, rate) + Tariff().leg_cost_minor(talked, STREAM)

    @property
    def is_rare(self) -> bool:
        return not self.number.startswith("+254")


@dataclass
class Scene:
    """Ten minutes of a clinic whose key was stolen."""

    profile: Profile
    seed: int = 1
    settles: bool = True  # False: nobody ever tells what a call has cost
    rang: list[Rang] = field(default_factory=list)
    refused: list[tuple[float, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.books = Books(self.profile, deck=DECK)
        self._calls, self.rng = MemoryCallStore(), random.Random(self.seed)
        self._todo: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def play(self, until_s: float = BURST_S) -> Scene:
        for number in range(BURST):
            self.at(number * BURST_S / BURST, lambda: self.ring(self._rare(), self.rng.choice([30, 240, LONGEST_S])))
        for at_s in range(5, BURST_S, GOOD_EVERY_S):
            self.at(at_s, lambda: self.ring(f"+2547{self.rng.randrange(10**8):08d}", self.rng.randint(20, 120)))
        self.run(until_s)
        return self

    def run(self, until_s: float) -> None:
        while self._todo and self._todo[0][0] <= until_s:
            at_s, _, act = heapq.heappop(self._todo)
            self.books.clock.advance(at_s - self.now_s)
            act()

    @property
    def now_s(self) -> float:
        return (self.books.clock.now() - MORNING) / timedelta(seconds=1)

    def at(self, at_s: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._todo, (at_s, next(self._order), act))

    def _rare(self) -> str:
        prefix = self.rng.choice(["+25261", "+88161", "+187655"])
        return prefix + f"{self.rng.randrange(10**7):07d}"

    def ring(self, number: str, talks_s: int) -> None:
        name = f"call-{next(self._order)}"
        request = OutboundRequest(
            line=CLINIC.line, to_number=E164(number), agent="booking", context={}, idempotency_key=name
        )
        try:
            place(
                request,
                store=self._calls,
                telephony=self,
                voice_callback_url="https://api.example.com/voice",
                now=self.books.clock.now(),
                guard=self.books.ledger,
            )
        except CallError as refusal:
            self.refused.append((self.now_s, number, str(refusal.facts.get("limit", refusal.code))))
            return
        rang = Rang(self.now_s, number, talks_s)
        self.rang.append(rang)
        if self.settles:
            self.at(self.now_s + talks_s + SETTLED_AFTER_S, lambda: self.books.settle(name, rang.cents(talks_s) * CENT))

    def place_call(self, **_: Any) -> Any:
        return type("Placed", (), {"call_id": None, "session_id": SessionId("HD_1")})()


def check(scene: Scene, cap_kes: int | None) -> None:
    """`cap_kes`: of unusual calls; None: nobody said what they may cost."""
    rare = [rang for rang in scene.rang if rang.is_rare]
    stopped = [at_s for at_s, number, _ in scene.refused if not number.startswith("+254")]
    assert stopped and stopped[0] <= 60
    last_s = rare[-1].at_s if rare else 0
    on = [rang for rang in rare if last_s - rang.at_s < rang.talks_s]
    one_call_each = sum(rang.cents(rang.talks_s) - rang.cents(last_s - rang.at_s) for rang in on)
    exposure = sum(rang.cents(rang.talks_s) for rang in rare)
    if cap_kes is None:
        assert len(rare) <= BURST_CALLS
    else:
        assert exposure <= cap_kes * 100 + one_call_each
        assert sum(rang.cents(last_s - rang.at_s) for rang in rare) <= cap_kes * 100
    assert sum(not rang.is_rare for rang in scene.rang) == BURST_S / GOOD_EVERY_S  # good calls go on


CAPPED = business(daily=DAILY_KES, unusual=UNUSUAL_KES)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("settles", [True, False])
def test_a_burst_is_stopped_by_the_cap_for_unusual_numbers(seed: int, settles: bool) -> None:
    scene = Scene(CAPPED, seed, settles).play()
    check(scene, UNUSUAL_KES)
    assert [trip.limit for trip in scene.books.told] == [Limit.UNUSUAL]


@pytest.mark.parametrize("seed", range(3))
def test_a_burst_is_stopped_where_only_the_day_has_a_cap(seed: int) -> None:
    scene = Scene(business(daily=DAILY_KES), seed).play()
    check(scene, DAILY_KES // 4)


@pytest.mark.parametrize("seed", range(3))
def test_a_burst_is_stopped_where_nobody_set_any_cap(seed: int) -> None:
    scene = Scene(business(), seed).play()
    check(scene, None)
    assert [trip.limit for trip in scene.books.told] == [Limit.BURST]
    assert scene.books.told[0].day.isoformat() == "2026-11-23"


def check_a_day(settles: bool) -> None:
    """Two hours of calls every ten seconds on a cap of KES 300, the carrier's bill against it."""
    scene = Scene(business(daily=300), settles=settles)
    for number in range(720):
        scene.at(number * 10, lambda: scene.ring("+254722000111", scene.rng.choice([0, 0, 40, 90, 300, 900])))
    scene.run(float("inf"))
    last_s = scene.rang[-1].at_s
    on = [rang for rang in scene.rang if last_s - rang.at_s < rang.talks_s]
    in_full = sum(rang.cents(rang.talks_s) for rang in scene.rang)
    assert in_full <= 30_000 + sum(rang.cents(LONGEST_S) for rang in on)
    assert sum(rang.cents(last_s - rang.at_s) for rang in scene.rang) <= 30_000
    assert in_full >= (24_000 if settles else 2_000)  # and calls are not just refused


@pytest.mark.parametrize("settles", [True, False])
def test_a_day_of_good_calls_costs_no_more_than_its_cap(settles: bool) -> None:
    check_a_day(settles)


BROKEN = [
    spending.nobody_is_asked,
    spending.only_what_was_billed_counts,
    spending.every_number_is_usual,
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_without_its_safeguard_the_burst_is_not_stopped(broken: spending.Breaks) -> None:
    with broken(), pytest.raises(AssertionError):
        check(Scene(CAPPED).play(), UNUSUAL_KES)


@pytest.mark.parametrize("broken", [spending.nobody_is_asked, spending.reservations_run_out])
def test_without_its_safeguard_a_silent_carrier_overruns_the_day(broken: spending.Breaks) -> None:
    with broken(), pytest.raises(AssertionError):
        check_a_day(settles=False)
