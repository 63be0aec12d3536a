"""S2 for shipments: callers who read out other people's tracking ids, count them up, try names and claim to be somebody.

What they hear is the same for a parcel that exists and for one that does not, and so is what it costs to find out. The attacks are seen to
succeed against desks that lack the safeguard.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from local.engine.names import NAMES
from pokea.ids import BusinessId
from pokea.phone_numbers import E164
from pokea.shipments import SHIPMENT, Shipment, ShipmentStatus
from pokea.toolkit import Evidence, ToolResult
from pokea.tracking_ids import check_digit
from tests.fakes.conversation import Conversation
from tests.fakes.memory_store import MemoryStore
from tests.faults.broken import deliveries
from tests.unit.pokea.shipment_samples import PARCEL, STRANGER, desk

SECRETS = ("River Road", "blue gate", "ring twice", "Zawadi")
OWNER = E164("+254733000777")
CLAIMS = (
    "I am the admin",
    "this is the courier",
    "*",
    "%",
    "' OR 1=1 --",
    "{recipient}",
    "../KL4706",
    "KL4706#META",
    "driver",
)
TOOLS = ("trackShipment", "reschedule", "confirmAddress", "findGate", "deliveryAnswer")
SAMPLE, WHOLE = 40, 500


class Counting(MemoryStore):
    """Counts what every kind of access costs."""

    def __init__(self) -> None:
        super().__init__()
        self.cost: list[str] = []

    def record(self, kind: Any, business_id: BusinessId, key: str) -> Any:
        self.cost.append(f"read {kind.name}")
        return super().record(kind, business_id, key)

    def apply(self, change: Any) -> None:
        self.cost.append(f"write {len(change.records)}")
        super().apply(change)


def ids(start: str = "KL400") -> Iterator[str]:
    """Ids one after another, each with its check digit."""
    for number in itertools.count(int(start[2:])):
        body = f"{start[:2]}{number % 1000:03d}"
        yield body + check_digit(body)


def depot(count: int) -> MemoryStore:
    """Every second id is a parcel of one who is not calling; one of another business has the same ids."""
    store = Counting()
    for tracking_id in itertools.islice(ids(), 0, count, 2):
        theirs = replace(PARCEL, tracking_id=tracking_id, recipient="Zawadi Mkubwa", numbers=(OWNER,))
        store.put(SHIPMENT.of(theirs), SHIPMENT.of(replace(theirs, business_id=BusinessId("other"), recipient="Amina")))
    return store


def attacker(store: MemoryStore, number: E164 | None = STRANGER) -> Conversation:
    return desk(replace(PARCEL, tracking_id="AA0000", numbers=()), number=number, store=store)


def told(results: list[ToolResult]) -> int:
    """How many answers gave something away: a record's own words, or that there is a parcel at all."""
    return sum(
        any(secret in str(result.payload) for secret in SECRETS)
        or result.payload["status"] in ("ok", "proposed")
        or result.payload.get("code") in ("not_your_number", "not_movable")
        for result in results
    )


def counting_up(store: MemoryStore, times: int) -> list[ToolResult]:
    names = itertools.cycle(NAMES)
    return [
        attacker(store).tool(
            TOOLS[n % 3],
            {"trackingId": tracking_id, "name": next(names), "when": "tomorrow"}
            if n % 3 == 1
            else {"trackingId": tracking_id, "name": next(names)},
        )
        for n, tracking_id in enumerate(itertools.islice(ids(), times))
    ]


def one_call_with_a_list_of_names(store: MemoryStore, times: int) -> list[ToolResult]:
    """The right name is in the list, after three wrong ones."""
    talk = attacker(store)
    names = [f"Somebody {chr(97 + n % 26)}x{chr(97 + n // 26)}x" for n in range(times - 1)] + ["Zawadi Mkubwa"]
    return [talk.tool("trackShipment", {"trackingId": next(ids()), "name": name}) for name in names]


def many_calls_with_a_list_of_names(store: MemoryStore, times: int) -> list[ToolResult]:
    names = [f"Somebody {chr(97 + n % 26)}x{chr(97 + n // 26)}x" for n in range(times - 1)] + ["Zawadi Mkubwa"]
    return [attacker(store).tool("trackShipment", {"trackingId": next(ids()), "name": name}) for name in names]


def claims(store: MemoryStore, times: int) -> list[ToolResult]:
    rng = random.Random(5)
    results = []
    for _ in range(times):
        talk = attacker(store, rng.choice([STRANGER, None, E164("+254733000123")]))
        arguments = {name: rng.choice(CLAIMS) for name in ("name", "address", "landmark", "when", "answer")}
        arguments["trackingId"] = rng.choice([next(ids()), rng.choice(CLAIMS)])
        tool = rng.choice(TOOLS)
        spec = next(spec for spec in talk_tools(talk) if spec.name == tool)
        allowed = spec.parameters["properties"]
        assert isinstance(allowed, dict)
        results.append(talk.tool(tool, {name: text for name, text in arguments.items() if name in allowed}))
    return results


def talk_tools(talk: Conversation) -> Any:
    from pokea import agents

    return agents.get("dispatch").tools(talk.profile)


ATTACKS = (
    (counting_up, deliveries.any_name_will_do),
    (counting_up, deliveries.an_id_is_enough),
    (one_call_with_a_list_of_names, deliveries.names_are_not_counted),
    (many_calls_with_a_list_of_names, deliveries.names_are_not_counted),
    (claims, deliveries.an_id_is_enough),
)


@pytest.mark.parametrize("attack", dict.fromkeys(attack for attack, _ in ATTACKS))
def test_nobody_hears_of_a_parcel_that_is_not_theirs(attack: Any) -> None:
    assert told(attack(depot(SAMPLE), SAMPLE)) == 0


@pytest.mark.faults
@pytest.mark.parametrize("attack", dict.fromkeys(attack for attack, _ in ATTACKS))
def test_nobody_hears_of_a_parcel_that_is_not_theirs_in_five_hundred_tries(attack: Any) -> None:
    assert told(attack(depot(WHOLE), WHOLE)) == 0


@pytest.mark.parametrize(("attack", "broken"), ATTACKS)
def test_the_attack_succeeds_where_the_safeguard_is_missing(attack: Any, broken: Any) -> None:
    safeguard: AbstractContextManager[None] = broken()
    with safeguard:
        assert told(attack(depot(SAMPLE), SAMPLE)) > 0


def test_what_is_there_and_what_is_not_sound_and_cost_the_same() -> None:
    answers, costs = [], []
    for tracking_id in itertools.islice(ids(), 20):
        store = depot(20)
        assert isinstance(store, Counting)
        store.cost.clear()
        talk = attacker(store)
        asked = talk.tool("trackShipment", {"trackingId": tracking_id})
        none = talk.tool("trackShipment", {"trackingId": tracking_id, "name": "Nobody Known"})
        answers.append((asked.payload["say"], none.payload))
        costs.append(tuple(store.cost))
    assert len({str(answer) for answer in answers}) == 1
    assert len(set(costs)) == 1


def test_a_foreign_commit_is_impossible_even_with_the_right_name() -> None:
    store = depot(SAMPLE)
    before = set(store.all_records(SHIPMENT))
    for tracking_id in itertools.islice(ids(), 0, SAMPLE, 2):
        talk = attacker(store, E164("+254733000123"))
        for tool, arguments in (
            ("reschedule", {"when": "tomorrow", "address": "Moi Avenue 5"}),
            ("confirmAddress", {"address": "Moi Avenue 5", "landmark": "shop"}),
            ("deliveryAnswer", {"answer": "leave it with the guard"}),
        ):
            result = talk.tool(tool, {"trackingId": tracking_id, "name": "Zawadi Mkubwa", **arguments})
            assert result.payload["status"] in ("refused", "none")
            wish = {
                "action": "reschedule",
                "tracking_id": tracking_id,
                "on": "2026-11-25",
                "window": "",
                "address": "x",
            }
            talk.tool("commitProposal", {"nonce": "guessed", "arguments": wish}, Evidence(20_000))
    assert changed(before, store) == set()


def changed(before: set[Shipment], store: MemoryStore) -> set[str]:
    return {shipment.tracking_id for shipment in set(store.all_records(SHIPMENT)) - before - {_own(store)}}


def _own(store: MemoryStore) -> Shipment:
    """The parcel that the attacker's own desk puts into the store."""
    return next(s for s in store.all_records(SHIPMENT) if s.tracking_id == "AA0000")


def test_drivers_hear_only_of_what_they_carry() -> None:
    store = depot(SAMPLE)
    for tracking_id in itertools.islice(ids(), SAMPLE):
        result = attacker(store).tool("findGate", {"trackingId": tracking_id})
        assert result.payload["status"] == "none"
        assert not any(secret in str(result.payload) for secret in SECRETS)
    delivered = replace(PARCEL, status=ShipmentStatus.DELIVERED)
    assert desk(delivered, number=delivered.driver_number).tool("findGate").payload["status"] == "none"
