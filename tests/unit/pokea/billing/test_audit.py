"""Each class of difference in one small example, what is agreed, what stays unknown, and the evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from local.carrier.ledger import Tariff
from pokea.billing.audit import audit
from pokea.billing.audit_findings import Audit, Difference, Finding
from pokea.billing.call_leg import BilledLeg, CallLeg, Direction
from pokea.billing.rate_deck import RateDeck, deck_of, packaged_deck

DECK = packaged_deck("sautikit-kes-2026-06-27")
NINE = datetime(2026, 11, 2, 9, tzinfo=UTC)
CALLER, OURS, PERSON = "+254722000111", "+254711000001", "+254733000333"


def leg(
    direction: Direction = Direction.OUTBOUND,
    talk_s: float = 40,
    name: str = "1",
    call_id: str = "c1",
    begins: datetime = NINE,
) -> CallLeg:
    a_number, b_number = {
        Direction.INBOUND: (CALLER, OURS),
        Direction.TRANSFER: (OURS, PERSON),
        Direction.STREAM: ("", ""),
        Direction.OUTBOUND: (OURS, CALLER),
    }[direction]
    return CallLeg(
        call_id, name, direction, a_number, b_number, begins, begins + timedelta(seconds=talk_s), "completed"
    )


def unanswered(status: str = "busy") -> CallLeg:
    return replace(leg(), answered_at=None, status=status)


def billed(own: CallLeg, cost_minor: int | None, duration_s: int | None = None, currency: str = "KES") -> BilledLeg:
    if duration_s is None and own.answered_at and own.ended_at:
        duration_s = int((own.ended_at - own.answered_at).total_seconds())
    return BilledLeg(own, duration_s, cost_minor, currency)


def only(result: Audit) -> Finding:
    assert len(result.findings) == 1, result.findings
    return result.findings[0]


def clean(result: Audit) -> bool:
    return not result.findings and not result.unknowns


@pytest.mark.parametrize(("told_s", "cost"), [(39, 195), (40, 200), (41, 205)])
def test_a_second_more_or_less_is_agreement(told_s: int, cost: int) -> None:
    assert clean(audit(DECK, [leg()], [billed(leg(), cost, told_s)]))


def test_a_charge_for_our_own_second_is_right_too() -> None:
    assert clean(audit(DECK, [leg()], [billed(leg(), 200, 41)]))


def test_two_seconds_are_a_difference_of_duration_and_the_charge_is_judged_by_theirs() -> None:
    found = only(audit(DECK, [leg()], [billed(leg(), 210, 42)]))
    assert (found.kind, found.observed_s, found.billed_s) == (Difference.DURATION_DIFFERS, 40, 42)
    assert found.difference_micros == 100_000


def test_a_wrong_duration_and_a_wrong_price_are_two_findings() -> None:
    result = audit(DECK, [leg()], [billed(leg(), 281, 50)])
    assert [finding.kind for finding in result.findings] == [Difference.DURATION_DIFFERS, Difference.WRONG_RATE]


def test_started_minutes_are_another_rounding_rule() -> None:
    own = leg(talk_s=90)
    found = only(audit(DECK, [own], [billed(own, 600)]))
    assert found.kind is Difference.WRONG_ROUNDING
    assert "per_started_minute" in found.fits
    assert "per_second" not in found.fits
    assert dict(found.by_rule) == {
        "per_second": 4_500_000,
        "per_started_minute": 6_000_000,
        "60/1": 4_500_000,
        "60/30": 4_500_000,
        "30/30": 4_500_000,
        "30/6": 4_500_000,
        "6/6": 4_500_000,
    }


def test_a_rule_that_only_comes_near_explains_nothing() -> None:
    own = leg(talk_s=90)
    found = only(audit(DECK, [own], [billed(own, 599)]))
    assert (found.kind, found.fits) == (Difference.WRONG_RATE, ())


def test_seconds_of_both_legs_may_be_added_up_before_they_become_minutes() -> None:
    first, second = leg(Direction.OUTBOUND, 40), leg(Direction.TRANSFER, 45, "2")
    result = audit(DECK, [first, second], [billed(first, 283), billed(second, 317)])
    assert [(finding.kind, finding.fits) for finding in result.findings] == [
        (Difference.WRONG_ROUNDING, ("per_started_minute_of_total",))
    ] * 2


def test_another_price_is_named_by_the_minute() -> None:
    own = leg(talk_s=47)
    found = only(audit(DECK, [own], [billed(own, 264)]))
    assert found.kind is Difference.WRONG_RATE
    assert "3.37" in found.note


def test_the_price_of_another_row_is_named() -> None:
    rows = [
        {"direction": "outbound", "prefix": "+254", "per_minute": "1.80", "rounding": "per_second"},
        {"direction": "outbound", "prefix": "+2547", "per_minute": "2.50", "rounding": "per_second"},
    ]
    deck = deck_of({"id": "d", "currency": "KES", "row": rows}, "d")
    found = only(audit(deck, [leg(talk_s=47)], [billed(leg(talk_s=47), 141)]))
    assert found.kind is Difference.WRONG_RATE
    assert "row 1" in found.note


def test_a_charge_with_two_explanations_goes_to_the_price_that_other_charges_need() -> None:
    """45 s at 4.00 are 3.00, and so is a started minute at 3.00."""
    legs = [leg(talk_s=talk_s, call_id=f"c{talk_s}", begins=NINE + timedelta(hours=talk_s)) for talk_s in (45, 47, 49)]
    result = audit(DECK, legs, [billed(legs[0], 300), billed(legs[1], 313), billed(legs[2], 327)])
    assert [finding.kind for finding in result.findings] == [Difference.WRONG_RATE] * 3
    assert "4.00" in result.findings[0].note
    assert only(audit(DECK, legs[:1], [billed(legs[0], 300)])).kind is Difference.WRONG_ROUNDING


def test_no_record_on_either_side_is_missing() -> None:
    assert only(audit(DECK, [leg()], [])).note == "the carrier has no record of it"
    found = only(audit(DECK, [], [billed(leg(), 200)]))
    assert (found.kind, found.note) == (Difference.MISSING, "we have no record of it")
    assert found.expected_micros is None


@pytest.mark.parametrize("call_id", ["c1", "another"])
def test_a_leg_booked_twice_is_a_duplicate(call_id: str) -> None:
    own = leg()
    again = billed(replace(own, call_id=call_id), 200)
    found = only(audit(DECK, [own], [billed(own, 200), again]))
    assert (found.kind, found.expected_micros, found.charged_minor) == (Difference.DUPLICATE, 0, 200)


def test_of_two_records_the_final_one_counts() -> None:
    own = leg()
    unfinished = BilledLeg(replace(own, ended_at=None, status="ringing"), None, 0, "")
    assert only(audit(DECK, [own], [unfinished, billed(own, 200)])).kind is Difference.DUPLICATE


def test_in_progress_for_ever_is_stuck_unless_the_books_may_still_be_open() -> None:
    own = leg()
    unfinished = BilledLeg(replace(own, ended_at=None, status="answered"), None, 0, "")
    assert only(audit(DECK, [own], [unfinished])).kind is Difference.STUCK
    fresh = audit(DECK, [own], [unfinished], settled_before=NINE)
    assert not fresh.findings
    assert "may still close it" in fresh.unknowns[0].reason
    assert not audit(DECK, [own], [], settled_before=NINE).findings


def test_a_charge_where_nobody_answered() -> None:
    for status in ("busy", "no_answer", "failed", "canceled"):
        own = unanswered(status)
        found = only(audit(DECK, [own], [billed(own, 150, 0)]))
        assert (found.kind, found.expected_micros) == (Difference.FAILED_LEG_BILLED, 0)
    assert clean(audit(DECK, [unanswered()], [BilledLeg(unanswered(), 0, 0, "")]))


def test_a_record_that_calls_itself_failed_and_charges() -> None:
    theirs = BilledLeg(replace(leg(), answered_at=None, status="failed"), 0, 200, "KES")
    assert only(audit(DECK, [leg()], [theirs])).kind is Difference.FAILED_LEG_BILLED


def test_a_transfer_without_its_pair() -> None:
    caller, person = leg(Direction.INBOUND, 100), leg(Direction.TRANSFER, 50, "2")
    both = [billed(caller, 0), billed(person, 250)]
    assert clean(audit(DECK, [caller, person], both))
    assert only(audit(DECK, [caller, person], both[:1])).kind is Difference.TRANSFER_LEG_UNPAIRED
    elsewhere = billed(replace(person, call_id="x9"), 250)
    found = only(audit(DECK, [caller, person], [both[0], elsewhere]))
    assert (found.kind, found.call_id) == (Difference.TRANSFER_LEG_UNPAIRED, "x9")
    assert "call c1" in found.evidence
    assert only(audit(DECK, [caller], both)).kind is Difference.TRANSFER_LEG_UNPAIRED
    gone = audit(DECK, [caller, person], [])
    assert [finding.kind for finding in gone.findings] == [Difference.MISSING] * 2


def test_a_stream_fee_in_doubt_may_be_charged_or_not_but_not_otherwise() -> None:
    caller, stream = leg(Direction.INBOUND, 100), leg(Direction.STREAM, 100, "s")
    calls = [caller, stream]
    assert clean(audit(DECK, calls, [billed(caller, 0)]))
    for cost in (0, 83, 84):
        assert clean(audit(DECK, calls, [billed(caller, 0), billed(stream, cost)]))
    assert only(audit(DECK, calls, [billed(caller, 0), billed(stream, 133)])).kind is Difference.STREAM_FEE
    assert only(audit(DECK, calls, [billed(caller, 83)])).kind is Difference.STREAM_FEE
    assert only(audit(DECK, [caller], [billed(caller, 0), billed(stream, 83)])).kind is Difference.STREAM_FEE


def test_a_stream_fee_that_the_deck_does_not_have() -> None:
    deck = RateDeck(deck_id="d", currency="KES", rows=DECK.rows[:3])
    stream = leg(Direction.STREAM, 100, "s")
    assert only(audit(deck, [stream], [billed(stream, 83)])).kind is Difference.STREAM_FEE
    assert clean(audit(deck, [stream], [billed(stream, 0)]))
    assert clean(audit(deck, [stream], []))


def test_a_stream_at_a_time_without_a_price_is_unknown() -> None:
    stream = leg(Direction.STREAM, 100, "s", begins=datetime(2026, 9, 1, tzinfo=UTC))
    result = audit(DECK, [stream], [billed(stream, 83)])
    assert not result.findings
    assert "no price for this number at" in result.unknowns[0].reason


@pytest.mark.parametrize(("pulse_s", "deck_id"), [(1, DECK.deck_id), (60, f"{DECK.deck_id}-minutes")])
def test_the_simulated_carriers_own_sums_are_never_accused(pulse_s: int, deck_id: str) -> None:
    tariff = Tariff(pulse_s=pulse_s)
    legs = [
        leg(talk_s=talk_s, call_id=f"c{talk_s}", begins=NINE + timedelta(hours=talk_s)) for talk_s in range(1, 700, 3)
    ]
    books = [billed(one, tariff.leg_cost_minor(3 * at + 1, 300)) for at, one in enumerate(legs)]
    assert clean(audit(packaged_deck(deck_id), legs, books))


def test_another_currency_is_named_and_its_amount_not_compared() -> None:
    found = only(audit(DECK, [leg()], [billed(leg(), 200, currency="USD")]))
    assert found.kind is Difference.CURRENCY
    assert found.difference_micros is None
    assert "USD 2.00" in found.evidence
    odd = only(audit(DECK, [leg()], [billed(leg(), 200, currency="QQQ")]))
    assert "200 minor units of QQQ" in odd.evidence


@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        (leg(), billed(leg(), None)),
        (leg(), billed(leg(), 200, currency="")),
        (leg(), BilledLeg(replace(leg(), answered_at=None, ended_at=None, status="completed"), None, 200, "KES")),
        (replace(leg(), status="unknown"), billed(leg(), 200)),
        (replace(leg(), b_number="+256772000111"), billed(leg(), 200)),
        (replace(leg(), ended_at=None, status="answered"), billed(leg(), 200)),
        (unanswered(), BilledLeg(unanswered(), 0, None, "")),
    ],
)
def test_what_is_not_known_stays_unknown(own: CallLeg, theirs: BilledLeg) -> None:
    result = audit(DECK, [own], [theirs])
    assert result.findings == ()
    assert len(result.unknowns) == 1
    assert result.agreed == 0


def test_our_own_record_written_twice_accuses_nobody() -> None:
    result = audit(DECK, [leg(), leg()], [billed(leg(), 200)])
    assert not result.findings
    assert "twice" in result.unknowns[0].reason


def test_another_name_of_the_leg_within_the_call_leaves_a_transfer_paired() -> None:
    caller, person = leg(Direction.INBOUND, 100), leg(Direction.TRANSFER, 50, "2")
    assert clean(audit(DECK, [caller, person], [billed(caller, 0), billed(replace(person, leg="b"), 250)]))


def test_ids_that_differ_do_not_part_what_is_the_same_leg() -> None:
    failed = unanswered()
    assert clean(audit(DECK, [failed], [BilledLeg(replace(failed, call_id="uuid-8"), 0, 0, "")]))
    assert clean(audit(DECK, [leg()], [billed(replace(leg(), call_id="uuid-7"), 200)]))


def test_the_rule_that_a_carrier_follows_is_found_from_all_its_charges() -> None:
    legs = [leg(talk_s=talk_s, call_id=f"c{talk_s}", begins=NINE + timedelta(hours=talk_s)) for talk_s in (10, 61, 95)]
    minutes = audit(DECK, legs, [billed(one, cost) for one, cost in zip(legs, (300, 600, 600), strict=True)])
    assert minutes.carrier_rules == ("per_started_minute",)
    assert (minutes.judged, minutes.fits["per_started_minute"], minutes.fits["per_second"]) == (3, 3, 0)
    assert audit(DECK, [], []).carrier_rules == ()


def test_fractions_of_a_cent_are_held_to_the_rule_only_if_the_deck_has_one() -> None:
    row = {"direction": "outbound", "per_minute": "0.50", "rounding": "per_second"}
    own = leg(talk_s=41)  # 34.17 cents
    for rule, kinds in (("unstated", []), ("up", []), ("half_up", [Difference.WRONG_ROUNDING])):
        deck = deck_of({"id": "d", "currency": "KES", "minor_rounding": rule, "row": [row]}, "d")
        assert [finding.kind for finding in audit(deck, [own], [billed(own, 35)]).findings] == kinds


def test_the_evidence_is_one_line_with_everything_a_dispute_needs() -> None:
    own = leg(talk_s=90)
    evidence = only(audit(DECK, [own], [billed(own, 600, 91)])).evidence
    for part in (
        "call c1, leg 1 (outbound)",
        "wrong_rounding",
        "we measured 90 s, the carrier 91 s",
        "expected KES 4.55 (per_second), charged KES 6.00, difference KES 1.45",
        "fits per_started_minute",
        "deck sautikit-kes-2026-06-27, row 2 (outbound +254, 3.00 a minute, per_second",
        "source: the carrier's page about Kenya",
    ):
        assert part in evidence
    assert "\n" not in evidence
    assert CALLER not in evidence


def test_times_of_one_zone_are_instants() -> None:
    zone = ZoneInfo("America/New_York")
    begins = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    own = leg(talk_s=3 * 3600, begins=begins)
    there = replace(own, answered_at=begins.astimezone(zone), ended_at=(begins + timedelta(hours=3)).astimezone(zone))
    assert clean(audit(DECK, [there], [billed(there, 54_000, 3 * 3600)]))
    assert clean(audit(DECK, [own], [billed(replace(there, call_id="uuid-9"), 54_000, 3 * 3600)]))


def test_a_price_change_between_the_two_clocks_accuses_nobody() -> None:
    rows = [
        {"direction": "outbound", "per_minute": "3.00", "rounding": "per_second", "to": NINE},
        {"direction": "outbound", "per_minute": "6.00", "rounding": "per_second", "from": NINE},
    ]
    deck = deck_of({"id": "d", "currency": "KES", "row": rows}, "d")
    own = leg(talk_s=40, begins=NINE - timedelta(seconds=20))
    theirs = leg(talk_s=40, begins=NINE - timedelta(seconds=19))
    assert clean(audit(deck, [own], [billed(theirs, 305)]))
    assert clean(audit(deck, [own], [billed(theirs, 300)]))
