"""F6.5 over REST: the simulated carrier books calls wrongly in every way it knows, the product's own client reads its records, and the
audit of each call names the fault, and accuses nobody of anything else."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.cdr.polling import Patience, Pollster, without_events
from local.carrier import BillingFault, Carrier, Settling, Tariff
from pokea.adapters.observability import Log
from pokea.adapters.sautikit_rest import Carrier as CarrierClient
from pokea.adapters.sautikit_rest import CarrierSettings
from pokea.billing import reconcile
from pokea.billing.audit_findings import Difference
from pokea.billing.cdr import Cdr, Witness
from pokea.clock import ManualClock
from tests.faults.broken import money
from tests.support.booked_calls import ORDERS, WAITED_FOR, Pair, Town, found_in
from tests.support.told_calls import CLINIC, NOW, drafted

CORRECTED_AFTER_S = 3_600.0
SINGLY = 200  # so many calls are asked for one by one, more of them page by page
ENDED_BY = NOW + timedelta(hours=1)
OTHERS = {BillingFault.SECOND_MORE, BillingFault.SECOND_LESS}  # the carrier's clock: no fault of anybody's


class Office:
    """The product's side: asks about each call, reconciles it, and holds what it found against what was ordered."""

    def __init__(self, base_url: str) -> None:
        self.client = CarrierClient(CarrierSettings("key", base_url))
        self.pollster = Pollster(lambda: self.client, Log("f6-5", io.StringIO()))

    def read(self, pair: Pair, now: datetime) -> None:
        """One call's records, as functions/cdr asks for them."""
        told = pair.told
        for statement in self.pollster.ask(told.session, CLINIC, told.call, now, Patience()):
            told.cdrs.keep(statement)

    def read_all(self, pairs: Sequence[Pair], now: datetime) -> None:
        """Everybody's records page by page, as the nightly look goes through the carrier's list."""
        rows: dict[object, list[Any]] = {}
        cursor: str | None = ""
        while cursor is not None:
            page, cursor = self.client.list_calls(limit="100", **({"cursor": cursor} if cursor else {}))
            for row in page:
                rows.setdefault(row["session_id"], []).append(row)
        for pair in pairs:
            told = pair.told
            told.keep(Witness.CARRIER, now, {"data": without_events(rows.get(told.session, []))})

    def judge(self, pair: Pair, now: datetime) -> tuple[Cdr, ...]:
        told = pair.told
        reconcile.settle(told.cdrs, told.session, lambda _: drafted(told.account, now), now)
        return told.cdrs.cdrs(told.session)


def audited(carrier_url: str, pairs: Sequence[Pair], now: datetime, *, afterwards: bool = False) -> list[str]:
    """A line for every call of which the audit said something else than it must."""
    office = Office(carrier_url)
    wrong = []
    try:
        if len(pairs) > SINGLY:
            office.read_all(pairs, now)
        for pair in pairs:
            if len(pairs) <= SINGLY:
                office.read(pair, now)
            expected = pair.afterwards if afterwards and pair.afterwards is not None else pair.expected
            found = found_in(office.judge(pair, now))
            if found != expected:
                wrong.append(f"{pair.booked.billing} {pair.booked.dialled} {pair.session}: {found} not {expected}")
    finally:
        office.client.close()
    return wrong


class Books:
    """A carrier whose books are kept by a clock of ours."""

    def __init__(self, tariff: Tariff | None = None) -> None:
        self.clock = ManualClock(ENDED_BY)
        settling = Settling(corrected_after_s=CORRECTED_AFTER_S)
        self.carrier = Carrier("key", tariff=tariff, settling=settling, now=self.clock.now)

    async def check(self, pairs: Sequence[Pair], seed: int) -> None:
        """All as ordered, before and after the carrier has put right what it puts right."""
        for pair in pairs:
            self.carrier.book(pair.booked)
        async with self.carrier as carrier:
            late = ENDED_BY + WAITED_FOR
            wrong = await asyncio.to_thread(audited, carrier.base_url, pairs, late)
            self.clock.advance(2 * CORRECTED_AFTER_S)
            mended = [pair for pair in pairs if pair.afterwards is not None]
            later = late + timedelta(days=1)
            wrong += await asyncio.to_thread(audited, carrier.base_url, mended, later, afterwards=True)
        assert not wrong, f"seed {seed}: {len(wrong)} of {len(pairs)}, the first ones: {wrong[:3]}"
        self.check_wallet()

    def check_wallet(self) -> None:
        """The wallet paid what the records say, and the streams."""
        books = self.carrier
        paid = -sum(line.amount_minor for line in books.wallet.movements)
        streams = -sum(line.amount_minor for line in books.wallet.movements if line.kind == "stream")
        assert paid - streams == sum(record.cost_minor for record in books.records.newest_first())


async def check_faults(each: int, clean: int, seed: int) -> None:
    town = Town(random.Random(seed))
    pairs = [town.faulty(order) for order in ORDERS for _ in range(each)]
    pairs += [town.clean() for _ in range(clean)]
    town.draw.shuffle(pairs)
    await Books().check(pairs, seed)


def test_every_fault_of_the_simulator_is_ordered_and_every_class_is_expected() -> None:
    assert {order.fault for order in ORDERS} | OTHERS == set(BillingFault)
    expected = {order.found for order in ORDERS} | {order.found_of_dial for order in ORDERS}
    never_booked = {Difference.DURATION_DIFFERS}  # of a clock that is further off; see test_f6_5_audit
    assert {kind for kind in expected if kind} | never_booked == set(Difference)


def test_a_dial_that_no_hook_told_of_and_that_is_in_no_book_is_unknown_and_no_accusation() -> None:
    town = Town(random.Random(8))
    dialled = next(pair for pair in iter(town.clean, None) if pair.booked.dialled)
    dialled.told.take(lambda call: replace(call, onward=replace(call.onward, outcome=None)))  # type: ignore[type-var]
    dialled.told.carrier_said()
    (transfer,) = [cdr for cdr in drafted(dialled.told.account, ENDED_BY + WAITED_FOR) if cdr.leg == "transfer"]
    assert transfer.findings == () and transfer.unknowns


async def test_every_billing_fault_is_found_over_rest_and_clean_calls_are_not_accused() -> None:
    await check_faults(each=3, clean=24, seed=65)


@pytest.mark.faults
async def test_three_hundred_of_each_fault_among_clean_calls() -> None:
    await check_faults(each=300, clean=1_000, seed=651)


@pytest.mark.faults
async def test_ten_thousand_clean_calls_are_not_accused() -> None:
    await check_faults(each=0, clean=10_000, seed=653)


async def test_an_audit_by_the_nearest_rule_is_caught() -> None:
    with money.nearest_rule(), pytest.raises(AssertionError, match="seed 65"):
        await check_faults(each=1, clean=0, seed=65)


async def test_a_carrier_that_books_another_carriers_price_is_not_taken_for_clean() -> None:
    """The check itself can fail: the same calls under a tariff that is not the deck's are accused."""
    town = Town(random.Random(7))
    with pytest.raises(AssertionError, match="seed 7"):
        await Books(Tariff(outbound_per_minute_minor=360)).check([town.clean() for _ in range(12)], 7)
