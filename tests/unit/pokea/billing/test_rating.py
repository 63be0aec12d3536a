"""Charges: 43 worked out by hand, and what a charge tells about itself."""

from __future__ import annotations

import csv
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pokea.billing.call_leg import CallLeg, Direction
from pokea.billing.cdr_file import CdrFile
from pokea.billing.rate_deck import load_deck, packaged_deck
from pokea.billing.rating import Charge, LineKind, Rater, Unrated
from pokea.money import Money
from tests.oracles.rating_oracle import RatingOracle
from tests.support.rating_samples import as_mapping

HERE = Path(__file__).parent
DECK = load_deck(HERE / "rating_by_hand.toml")
BY_HAND = (HERE / "rating_by_hand.csv").read_text(encoding="utf-8").splitlines()
NINE = datetime(2026, 11, 2, 9, tzinfo=UTC)


def worked() -> list[tuple[CallLeg, dict[str, str]]]:
    legs = [row.leg for row in CdrFile(BY_HAND, "by hand")]
    return [(leg, cells) for leg, cells in zip(legs, csv.DictReader(BY_HAND), strict=True) if leg is not None]


def outbound(number: str, talk_s: float, answered: datetime = NINE) -> CallLeg:
    ended = answered + timedelta(seconds=talk_s)
    return CallLeg("c1", "1", Direction.OUTBOUND, "+254711000001", number, answered, ended, "completed")


def charged(deck_id: str, leg: CallLeg) -> Charge:
    charge = Rater(packaged_deck(deck_id)).rate(leg)
    assert isinstance(charge, Charge)
    return charge


@pytest.mark.parametrize(("leg", "expected"), [pytest.param(*row, id=row[1]["why"]) for row in worked()])
def test_a_charge_worked_out_by_hand(leg: CallLeg, expected: dict[str, str]) -> None:
    rated = Rater(DECK).rate(leg)
    if expected["reason"]:
        assert isinstance(rated, Unrated)
        assert rated.reason == expected["reason"]
        return
    assert isinstance(rated, Charge)
    lines = "|".join(f"{line.kind} {line.seconds} {line.micros}" for line in rated.lines)
    assert (lines, rated.billable_s, rated.prefix) == (
        expected["lines"],
        int(expected["billable"]),
        expected["prefix"],
    )
    assert rated.micros == sum(int(line.split()[-1]) for line in expected["lines"].split("|") if line)


def test_the_table_by_hand_is_long_enough_and_the_oracle_agrees_with_it() -> None:
    rows = worked()
    assert len(rows) >= 40
    oracle = RatingOracle(tomllib.loads((HERE / "rating_by_hand.toml").read_text(encoding="utf-8")))
    for leg, expected in rows:
        lines = oracle.lines(as_mapping(leg))
        if expected["reason"]:
            assert lines is None, expected["why"]
        else:
            assert lines is not None
            assert "|".join(f"{kind} {seconds} {micros}" for kind, seconds, micros in lines) == expected["lines"]


def test_forty_seconds_outbound_cost_two_shillings_by_the_published_price() -> None:
    charge = charged("sautikit-kes-2026-06-27", outbound("+254722000111", 40))
    assert charge.money == Money.parse("2.00", "KES")
    assert charge.rule == "per_second"


def test_ninety_seconds_are_ninety_seconds_or_two_minutes_by_the_rule() -> None:
    leg = outbound("+254722000111", 90)
    per_second = charged("sautikit-kes-2026-06-27", leg)
    per_minute = charged("sautikit-kes-2026-06-27-minutes", leg)
    assert (per_second.billable_s, str(per_second.money)) == (90, "KES 4.50")
    assert (per_minute.billable_s, str(per_minute.money)) == (120, "KES 6.00")


def test_a_transferred_call_is_two_legs() -> None:
    caller = CallLeg(
        "c1", "1", Direction.INBOUND, "+254722000111", "+254711000001", NINE, NINE + timedelta(seconds=100), "completed"
    )
    person = CallLeg(
        "c1",
        "2",
        Direction.TRANSFER,
        "+254711000001",
        "+254733000333",
        NINE + timedelta(seconds=60),
        NINE + timedelta(seconds=100),
        "completed",
    )
    legs = [charged("sautikit-kes-2026-06-27", leg) for leg in (caller, person)]
    assert [str(leg.money) for leg in legs] == ["KES 0.00", "KES 2.00"]


def test_the_older_sample_has_its_own_days_and_two_prices() -> None:
    june = datetime(2026, 6, 20, tzinfo=UTC)
    for number, price in (("+254722000111", "KES 2.50"), ("+254202000111", "KES 1.80")):
        assert str(charged("sautikit-kes-2026-06-15", outbound(number, 60, june)).money) == price
    late = Rater(packaged_deck("sautikit-kes-2026-06-15")).rate(outbound("+254722000111", 60))
    assert isinstance(late, Unrated)
    assert late.reason == "no_price_then"


def test_the_stream_fee_is_marked_as_uncertain() -> None:
    stream = CallLeg("c1", "s", Direction.STREAM, "", "", NINE, NINE + timedelta(seconds=60), "completed")
    charge = charged("sautikit-kes-2026-06-27", stream)
    assert str(charge.money) == "KES 0.50"
    assert "not known" in charge.doubt
    assert not charged("sautikit-kes-2026-06-27", outbound("+254722000111", 40)).doubt


def test_a_country_without_a_published_price_is_unrated_and_not_free() -> None:
    rated = Rater(packaged_deck("sautikit-kes-2026-06-27")).rate(outbound("+256772000111", 40))
    assert isinstance(rated, Unrated)


def test_times_of_one_zone_are_instants_and_not_wall_clocks() -> None:
    zone = ZoneInfo("America/New_York")
    leg = CallLeg(
        "c1",
        "1",
        Direction.OUTBOUND,
        "+254711000001",
        "+12125550100",
        datetime(2026, 11, 1, 0, 30, tzinfo=zone),
        datetime(2026, 11, 1, 3, 30, tzinfo=zone),
        "completed",
    )
    charge = Rater(DECK).rate(leg)
    assert isinstance(charge, Charge)
    assert charge.billable_s == 4 * 3600


@pytest.mark.parametrize(
    ("status", "has_answer", "has_end", "reason"),
    [
        ("completed", False, True, "no_answer_time"),
        ("unknown", False, True, "unknown_outcome"),
        ("ringing", False, False, "unknown_outcome"),
        ("busy", True, True, "contradiction"),
        ("in_progress", True, False, "not_ended"),
        ("unknown", True, True, "unknown_outcome"),
    ],
)
def test_what_is_not_known_is_unrated_and_never_zero(status: str, has_answer: bool, has_end: bool, reason: str) -> None:
    leg = CallLeg(
        "c1",
        "1",
        Direction.OUTBOUND,
        "+254711000001",
        "+254722000111",
        NINE if has_answer else None,
        NINE if has_end else None,
        status,
    )
    rated = Rater(DECK).rate(leg)
    assert isinstance(rated, Unrated)
    assert rated.reason == reason


def test_what_is_remembered_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pokea.billing.rating.MAX_KEPT", 3)
    rater = Rater(DECK)
    charges = [rater.rate(outbound("+254722000111", talk_s)) for talk_s in (*range(10), *range(10))]
    assert charges[:10] == charges[10:]
    assert [charge.micros for charge in charges[:10] if isinstance(charge, Charge)] == [50_000 * at for at in range(10)]
    assert len(rater._kept) <= 3


def test_a_call_of_a_year_is_not_taken_for_another_row() -> None:
    rater = Rater(DECK)
    for talk_s in (40, 2**24 + 40, 40 * 2**24 + 40):
        charge = rater.rate(outbound("+254722000111", talk_s))
        assert isinstance(charge, Charge)
        assert charge.micros == 50_000 * talk_s


def test_one_long_step_may_leap_over_a_row() -> None:
    charge = Rater(DECK).rate(outbound("+258842000111", 30, datetime(2026, 12, 31, 20, 59, 45, tzinfo=UTC)))
    assert isinstance(charge, Charge)
    assert [(line.kind, line.seconds) for line in charge.lines] == [(LineKind.SPAN, 60)]
    assert charge.micros == 3_000_000
