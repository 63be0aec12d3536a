"""F3.8 for delivery events: each 1 to 5 times, shuffled, by two consumers at once: every recipient is rung once, in every order."""

from __future__ import annotations

import io
import itertools
import json
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from functions.proactive.messenger import Messenger, Reach
from pokea.adapters.observability import Log
from pokea.clock import ManualClock
from pokea.delivery_calls import DELIVERY_CALL, EVENT, CallOutcome
from pokea.errors import Unavailable
from pokea.phone_numbers import E164
from pokea.shipments import SHIPMENT
from pokea.stored_shipments import StoredShipments
from tests.fakes.conversation import SATURDAY
from tests.fakes.memory_store import MemoryCallStore, MemoryStore
from tests.faults.broken import deliveries
from tests.unit.pokea.shipment_samples import COURIER, PARCEL

SAMPLE, WHOLE = 30, 2_000
DELIVERIES = 5  # of one message, before it is given up
_names = itertools.count()


class Carrier:
    """Says that it is busy one time in five, and counts what rings."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._lock = threading.Lock()
        self.rang: list[str] = []

    def place_call(self, **wish: Any) -> Any:
        with self._lock:
            if self._rng.random() < 0.2:
                raise Unavailable("carrier_busy")
            self.rang.append(wish["to_number"])
        return type("Placed", (), {"call_id": None, "session_id": None})()


def shuffled_deliveries(shipments: int, seed: int) -> tuple[Carrier, MemoryStore]:
    rng = random.Random(seed)
    store, calls, carrier = MemoryStore(), MemoryCallStore(), Carrier(rng)
    messenger = Messenger(
        reach=lambda: Reach(calls, store, carrier),
        profiles={COURIER.business_id: COURIER},
        shipments=lambda profile, store: StoredShipments(store, profile.business_id),
        voice_callback_url=lambda: "https://api.example.com/voice/secret",
        clock=ManualClock(SATURDAY),
        log=Log(f"f3-8-{next(_names)}", io.StringIO()),
    )
    messages: list[str] = []
    for number in range(shipments):
        own = E164(f"+25470{number:07d}")
        store.put(SHIPMENT.of(replace(PARCEL, tracking_id=f"T{number:05d}", numbers=(own,))))
        body = {"detail-type": EVENT, "detail": {"business": COURIER.business_id, "shipment": f"T{number:05d}"}}
        messages += [json.dumps(body)] * rng.randint(1, 5)
    rng.shuffle(messages)

    def consume(body: str) -> None:
        for _ in range(DELIVERIES):
            try:
                messenger.take(body, "e")
            except Unavailable:
                continue
            return

    with ThreadPoolExecutor(2) as consumers:
        list(consumers.map(consume, messages))
    return carrier, store


def check(shipments: int, seed: int) -> None:
    carrier, store = shuffled_deliveries(shipments, seed)
    assert len(carrier.rang) == len(set(carrier.rang))
    missed = shipments - len(carrier.rang)
    assert missed <= shipments // 20  # a carrier that is busy five times running is given up on
    outcomes = [call.outcome for call in store.all_records(DELIVERY_CALL)]
    assert outcomes.count(CallOutcome.PLACED) == len(carrier.rang)


@pytest.mark.parametrize("seed", range(5))
def test_every_recipient_is_rung_once(seed: int) -> None:
    check(SAMPLE, seed)


@pytest.mark.faults
def test_every_one_of_two_thousand_recipients_is_rung_once() -> None:
    check(WHOLE, 1)


@pytest.mark.parametrize("broken", [deliveries.every_event_is_a_wish, deliveries.asked_whenever_it_is_seen])
def test_without_its_safeguard_somebody_is_rung_twice(broken: Callable[[], Any]) -> None:
    with broken():
        carrier, _ = shuffled_deliveries(SAMPLE, 1)
    assert len(carrier.rang) > len(set(carrier.rang))
