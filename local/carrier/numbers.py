"""The workspace's numbers, the ones it could claim, and where each number's calls are routed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from local.carrier.party import PartyFactory

NoAnswer = Literal["busy", "no_answer", "failed"]


@dataclass(slots=True)
class Number:
    id: str
    e164: str
    voice_url: str = ""
    events_url: str = ""
    status: str = "active"
    claimed_at: datetime | None = None
    signing_secret: str = ""
    """Signs this number's hooks instead of the workspace's secret. Set by routing, never shown again."""

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "e164": self.e164,
            "country_iso2": "KE",
            "status": self.status,
            "monthly_retail_minor": 10_000,
            "currency": "KES",
            "inbound_per_min_minor": 0,
            "outbound_per_min_minor": 300,
            "claimed_at": None if self.claimed_at is None else self.claimed_at.isoformat(),
            "capabilities": ["voice"],
            "voice_callback_url": self.voice_url or None,
            "events_url": self.events_url or None,
        }


class NumberBook:
    def __init__(self) -> None:
        self._owned: dict[str, Number] = {}
        self._available: dict[str, str] = {}  # inventory id → E.164
        self.bare_inventory = False
        """The inventory as the guides print it: a bare array whose entries have `id` and `number`."""

    def add(self, e164: str, voice_url: str = "", events_url: str = "") -> Number:
        number = Number("num_" + uuid.uuid4().hex[:12], e164, voice_url, events_url, claimed_at=datetime.now(UTC))
        self._owned[number.id] = number
        return number

    def offer(self, e164: str) -> str:
        """Puts a number up for claiming; returns its inventory id."""
        inventory_id = "inv_" + uuid.uuid4().hex[:12]
        self._available[inventory_id] = e164
        return inventory_id

    def claim(self, either: str) -> Number | None:
        """By inventory id or by the number itself."""
        inventory_id = next((entry for entry, e164 in self._available.items() if either in (entry, e164)), "")
        e164 = self._available.pop(inventory_id, None)
        return None if e164 is None else self.add(e164)

    def release(self, number_id: str) -> bool:
        return self._owned.pop(number_id, None) is not None

    def by_id(self, number_id: str) -> Number | None:
        return self._owned.get(number_id)

    def by_e164(self, e164: str) -> Number | None:
        return next((number for number in self._owned.values() if number.e164 == e164), None)

    def __iter__(self) -> Iterator[Number]:
        return iter(self._owned.values())

    def available(self) -> list[dict[str, Any]]:
        if self.bare_inventory:
            return [{"id": entry, "number": e164} for entry, e164 in self._available.items()]
        return [
            {
                "inventory_id": inventory_id,
                "e164": e164,
                "country": "KE",
                "capabilities": ["voice"],
                "monthly_price_minor": 10_000,
            }
            for inventory_id, e164 in self._available.items()
        ]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who can be dialled: picks up after `ring_s`, or fails in the named way after it.

    behaviour: of calls that are placed to this number; "": the carrier's own. record: where the first such call is recorded.
    """

    answer: PartyFactory | NoAnswer
    ring_s: float
    behaviour: str = ""
    record: Path | None = None


class Directory:
    """Who picks up which number when the carrier dials out. A number nobody registered rings and is never answered."""

    def __init__(self, unknown_ring_s: float = 1.0) -> None:
        self._subscribers: dict[str, Subscriber] = {}
        self._unknown = Subscriber("no_answer", unknown_ring_s)

    def register(
        self, e164: str, answer: PartyFactory | NoAnswer, ring_s: float, behaviour: str = "", record: Path | None = None
    ) -> Callable[[], None]:
        """Returns what takes the entry back, if it is still this one."""
        entry = Subscriber(answer, ring_s, behaviour, record)
        self._subscribers[e164] = entry

        def withdraw() -> None:
            if self._subscribers.get(e164) is entry:
                del self._subscribers[e164]

        return withdraw

    def find(self, e164: str) -> Subscriber:
        return self._subscribers.get(e164, self._unknown)
