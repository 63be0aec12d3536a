"""F6.5: every kind of billing fault is found and named, no clean call is accused, and what is unknown stays unknown."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pokea.billing.audit import audit, counted
from pokea.billing.audit_findings import Audit
from pokea.billing.call_leg import BilledLeg, CallLeg
from pokea.billing.rate_deck import packaged_deck
from tests.faults.broken import money
from tests.support.carrier_books import DECK, FAULTS, Carrier, shuffled


def audited(ours: list[CallLeg], books: list[BilledLeg]) -> Audit:
    return audit(packaged_deck(DECK), ours, books)


def accused(result: Audit) -> set[tuple[str, str, str]]:
    return {(finding.call_id, finding.leg, finding.kind.value) for finding in result.findings}


def check_clean(calls: int, seed: int) -> None:
    draw = random.Random(seed)
    carrier = Carrier(draw)
    ours, books, _ = shuffled(draw, [carrier.call() for _ in range(calls)])
    result = audited(ours, books)
    assert accused(result) == set()
    assert result.unknowns == ()
    assert result.agreed == len(ours)
    assert result.carrier_rules == ("per_second",)


def check_faults(each: int, clean: int, seed: int) -> None:
    draw = random.Random(seed)
    carrier = Carrier(draw)
    calls = [fault(carrier) for fault in FAULTS.values() for _ in range(each)]
    calls += [carrier.call() for _ in range(clean)]
    ours, books, expected = shuffled(draw, calls)
    result = audited(ours, books)
    found = accused(result)
    assert found == expected, f"seed {seed}: not found {expected - found}, accused {found - expected}"
    assert len(result.findings) == len(expected)
    assert result.unknowns == ()
    assert {kind.value: count for kind, count in counted(result.findings).items()} == dict.fromkeys(FAULTS, each)


def test_no_clean_call_is_accused() -> None:
    check_clean(1_000, seed=1)


def test_every_fault_is_found_and_named() -> None:
    check_faults(60, clean=400, seed=2)


@pytest.mark.faults
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_ten_thousand_clean_calls_are_not_accused(seed: int) -> None:
    check_clean(10_000, seed)


@pytest.mark.faults
@pytest.mark.parametrize("seed", [6, 7, 8])
def test_a_thousand_faults_of_each_kind_among_clean_calls(seed: int) -> None:
    check_faults(1_000, clean=10_000, seed=seed)


def test_what_the_carrier_does_not_say_is_unknown_and_neither_right_nor_wrong() -> None:
    draw = random.Random(9)
    carrier = Carrier(draw)
    ours, books, _ = shuffled(draw, [carrier.call() for _ in range(200)])
    silent = [
        replace(billed, cost_minor=None) if at % 3 == 0 else replace(billed, currency="") if at % 3 == 1 else billed
        for at, billed in enumerate(books)
    ]
    result = audited(ours, silent)
    assert accused(result) == set()
    untold = {b.key for b in silent if b.cost_minor is None or (b.cost_minor and not b.currency)}
    assert {(one.call_id, one.leg) for one in result.unknowns} == untold


def test_an_audit_by_the_nearest_rule_is_caught() -> None:
    with money.nearest_rule(), pytest.raises(AssertionError):
        check_faults(60, clean=0, seed=2)


def test_an_audit_that_takes_unknown_for_nothing_is_caught() -> None:
    with money.unrated_as_zero(), pytest.raises(AssertionError):
        test_what_has_no_price_is_not_judged()


def test_what_has_no_price_is_not_judged() -> None:
    draw = random.Random(10)
    carrier = Carrier(draw)
    call = carrier.call("outbound")
    abroad = [replace(leg, b_number="+256772000111") for leg in call.ours]
    books = [replace(billed, leg=replace(billed.leg, b_number="+256772000111")) for billed in call.books]
    result = audited(abroad, books)
    assert not result.findings
    assert [one.leg for one in result.unknowns] == ["1"]
