"""What a billing report says, and what it refuses to say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrFinding, CdrState
from pokea.billing.period import period_of
from pokea.billing.report import NO_ANSWER, Gap, Report, billing_report, rows_of
from pokea.errors import Misuse
from pokea.ids import BusinessId, SessionId
from tests.support.billing_samples import BEGAN, CLINIC, Shelf, leg, month_of_calls, stream

NAIROBI = ZoneInfo("Africa/Nairobi")
NOW = datetime(2026, 12, 5, 6, 0, tzinfo=UTC)


def report(*cdrs: Cdr, period: str = "2026-11", zone: ZoneInfo = NAIROBI, now: datetime = NOW) -> Report:
    return billing_report(
        cdrs, business_id=CLINIC, name="White Dent", period=period_of(period, zone), currency="KES", now=now
    )


def test_a_call_is_carrier_and_stream_and_model() -> None:
    call = leg(charge_micros=2_000_000)
    made = report(call, stream(call, charge_micros=750_000, model_charge_micros=3_610_710))
    assert (made.total.calls, made.total.legs, made.total.talk_s) == (1, 2, 90)
    assert (made.total.carrier_micros, made.total.stream_micros, made.total.model_micros) == (
        2_000_000,
        750_000,
        3_610_710,
    )
    assert made.total.total_micros == 6_360_710
    assert set(made.by_agent) == {"booking"} and set(made.by_outcome) == {"booked"}
    assert made.mean_by_outcome == {"booked": 6_360_710}
    assert made.total.silence_ms == 22_500 and made.costs.total.silence_micros == 1_590_178  # a quarter of it, half up


def test_a_transferred_call_is_one_call_of_the_agent_who_took_it() -> None:
    call = leg(outcome="handed_over")
    person = leg(
        session_id=SessionId("HD_000000000002"), call_id=call.session_id, leg="transfer", direction=Direction.TRANSFER, agent="whisper",
        charge_micros=3_000_000, outcome="",
    )  # fmt: skip
    made = report(call, person)
    assert (made.total.calls, made.total.legs) == (1, 2)
    assert {name: one.charge_micros for name, one in made.by_agent.items()} == {"booking": 3_000_000}
    assert {name: one.calls for name, one in made.by_outcome.items()} == {"handed_over": 1}


def test_what_is_unknown_is_counted_and_never_a_zero() -> None:
    call = leg(charge_micros=None, currency="", unrated="the leg has not ended", state=CdrState.PROVISIONAL, outcome="")
    sound = stream(
        call, currency="", charge_micros=None, model_micros=None, model_charge_micros=None, model_unpriced="no price"
    )
    made = report(
        call, sound, leg(session_id=SessionId("HD_2"), unknowns=("no charge to judge",), state=CdrState.UNRECONCILED)
    )
    assert (made.total.uncharged, made.total.unpriced, made.total.provisional, made.total.unreconciled) == (2, 1, 2, 1)
    assert made.total.is_lower_bound
    assert made.mean_by_outcome == {"booked": 0}  # of the one call that is known in full; the other has no mean
    gaps = {(one.gap, one.reason): one.legs for one in made.unknowns}
    assert gaps == {
        (Gap.CHARGE, "the leg has not ended"): 2,
        (Gap.MODEL, "no price"): 1,
        (Gap.VERDICT, "no charge to judge"): 1,
        (Gap.RECORD, "the carrier's record is not closed yet"): 2,
        (Gap.RECORD, "the carrier never gave its record"): 1,
        (Gap.OUTCOME, "no record says what came of the call"): 1,
    }


def test_that_nobody_answered_is_what_came_of_a_call() -> None:
    made = report(leg(status="busy", answered_at=None, talk_s=None, outcome="", charge_micros=0))
    assert list(made.by_outcome) == [NO_ANSWER]
    assert made.unknowns == ()
    assert (made.total.calls, made.total.answered) == (1, 0)


def test_two_currencies_are_never_added() -> None:
    call = leg(charge_micros=2_000_000)
    abroad = leg(
        session_id=SessionId("HD_2"), charge_micros=900_000, currency="UGX", carrier_currency="UGX", carrier_minor=1
    )
    more = leg(session_id=SessionId("HD_3"), charge_micros=1_000_000)
    made = report(call, abroad, more)
    assert (made.currency, made.total.charge_micros, made.total.legs) == ("KES", 3_000_000, 2)
    assert {currency: one.charge_micros for currency, one in made.elsewhere.items()} == {"UGX": 900_000}
    assert len(made.rows) == 3


def test_the_carriers_charge_is_compared_only_where_both_are_known_in_one_currency() -> None:
    made = report(
        leg(charge_micros=2_000_000, carrier_minor=300),
        leg(session_id=SessionId("HD_2"), charge_micros=2_000_000, carrier_minor=None),
        leg(session_id=SessionId("HD_3"), charge_micros=2_000_000, carrier_minor=5, carrier_currency="USD"),
        leg(session_id=SessionId("HD_4"), charge_micros=None, carrier_minor=900),
    )
    assert (made.total.compared, made.total.unbilled) == (1, 2)
    assert made.total.more_charged_micros == 1_000_000


def test_a_charge_in_no_currency_is_unknown_unless_it_is_nothing() -> None:
    made = report(
        leg(charge_micros=7_000_000, carrier_minor=900, carrier_currency=""),
        leg(session_id=SessionId("HD_2"), charge_micros=0, carrier_minor=0, carrier_currency=""),
    )
    assert (made.total.compared, made.total.unbilled, made.total.compared_theirs_micros) == (1, 1, 0)


def test_of_a_leg_that_is_booked_twice_nobody_says_what_the_carrier_takes() -> None:
    again = CdrFinding(Difference.DUPLICATE, "call HD_000000000001, leg callee (outbound): duplicate; …")
    made = report(leg(charge_micros=2_000_000, carrier_minor=200, findings=(again,)))
    assert (made.total.compared, made.total.unbilled, made.total.booked_again) == (0, 1, 1)
    assert [one.more_micros for one in made.disagreements] == [None]


def test_a_call_over_midnight_is_one_call_of_the_day_on_which_it_began() -> None:
    late, next_day = datetime(2026, 11, 20, 20, 59, tzinfo=UTC), datetime(2026, 11, 20, 21, 1, tzinfo=UTC)
    call = leg(began_at=late, charge_micros=1_000_000, outcome="handed_over")
    person = leg(
        session_id=SessionId("HD_2"), call_id=call.session_id, leg="transfer", direction=Direction.TRANSFER, agent="whisper",
        began_at=next_day, charge_micros=2_000_000, outcome="",
    )  # fmt: skip
    first, second = (report(call, person, period=day) for day in ("2026-11-20", "2026-11-21"))
    assert first.rows == (call,) and second.rows == (person,)  # lines stay with their own day
    assert (first.mean_by_outcome, first.mean_by_agent) == ({"handed_over": 3_000_000}, {"booking": 3_000_000})
    assert (second.mean_by_outcome, second.mean_by_agent, second.costs.total.calls) == ({}, {}, 0)
    assert {name: one.charge_micros for name, one in second.by_agent.items()} == {"booking": 2_000_000}
    (month,) = report(call, person).costs.calls
    assert month.micros == 3_000_000


def test_a_call_of_which_a_leg_is_in_another_currency_is_not_known_in_full() -> None:
    call = leg(charge_micros=600_000)
    person = leg(
        session_id=SessionId("HD_2"), call_id=call.session_id, leg="transfer", direction=Direction.TRANSFER, charge_micros=2_000_000,
        currency="USD",
    )  # fmt: skip
    made = report(call, stream(call), person)
    assert (made.currency, made.total.carrier_micros) == ("KES", 600_000)
    assert made.mean_by_agent == {} and [one.micros for one in made.costs.calls] == [None]


def test_each_difference_keeps_its_evidence() -> None:
    finding = CdrFinding(Difference.WRONG_RATE, "call HD_000000000001, leg caller (inbound): wrong_rate; …")
    made = report(leg(charge_micros=2_000_000, carrier_minor=500, findings=(finding,)))
    (one,) = made.disagreements
    assert (one.kind, one.evidence, one.more_micros) == (finding.kind, finding.evidence, 3_000_000)
    assert made.total.findings == 1


def test_a_report_refuses_the_record_of_another_business() -> None:
    with pytest.raises(Misuse):
        report(leg(), leg(business_id=BusinessId("kasi")))


def test_a_leg_that_is_read_twice_counts_once_in_its_latest_version() -> None:
    early = leg(charge_micros=5_000_000, version=1)
    late = replace(early, charge_micros=2_000_000, version=2)
    assert report(early, late, early).total.charge_micros == 2_000_000


def test_a_correction_that_moves_a_leg_out_of_the_period_takes_it_out() -> None:
    early = leg(version=1)
    moved = replace(early, began_at=BEGAN + timedelta(days=30), version=2)
    assert report(early, moved).rows == ()
    assert report(early, moved, period="2026-12").rows == (moved,)


def test_midnight_in_nairobi_parts_the_days() -> None:
    before = leg(session_id=SessionId("HD_1"), began_at=datetime(2026, 11, 20, 20, 59, 59, 999_999, tzinfo=UTC))
    after = leg(session_id=SessionId("HD_2"), began_at=datetime(2026, 11, 20, 21, 0, tzinfo=UTC))
    assert [cdr.session_id for cdr in report(before, after, period="2026-11-20").rows] == ["HD_1"]
    assert [cdr.session_id for cdr in report(before, after, period="2026-11-21").rows] == ["HD_2"]
    month = report(before, after)
    assert {day: one.calls for day, one in month.by_day.items() if one.calls} == {
        date(2026, 11, 20): 1,
        date(2026, 11, 21): 1,
    }


def test_the_store_is_asked_for_the_days_that_overlap_and_no_others() -> None:
    cdrs = [
        leg(session_id=SessionId(f"HD_{hour}"), began_at=datetime(2026, 11, 19, 0, tzinfo=UTC) + timedelta(hours=hour))
        for hour in range(72)
    ]
    shelf = Shelf(cdrs)
    period = period_of("2026-11-20", NAIROBI)
    made = report(*rows_of(shelf, CLINIC, period), period="2026-11-20")
    assert shelf.asked == [date(2026, 11, 19), date(2026, 11, 20)]
    assert len(made.rows) == 24


def test_the_prices_in_use_are_named_with_their_doubts() -> None:
    call = leg()
    made = report(call, stream(call))
    assert [(basis.name, basis.legs, basis.doubts) for basis in made.decks] == [
        ("sautikit-kes-2026-06-27", 2, ("second-hand, and about",))
    ]
    assert [basis.name for basis in (*made.prices, *made.exchanges)] == ["gemini-2026-11-01", "usd-kes-2026-11-02"]


def test_a_doubt_about_the_model_is_not_put_down_to_the_carrier() -> None:
    doubts = [
        "about; and second-hand; model: the rate is a planning figure; so is the price",
        "model: only the model",
        "only the deck",
    ]
    call = leg()
    streams = [stream(call, session_id=SessionId(f"HD_{number}"), doubt=doubt) for number, doubt in enumerate(doubts)]
    made = report(*streams)
    assert made.decks[0].doubts == ("about; and second-hand", "only the deck")
    assert made.prices[0].doubts == ("only the model", "the rate is a planning figure; so is the price")


def test_a_period_without_calls_is_an_empty_report() -> None:
    made = report()
    assert (made.rows, made.total.legs, made.as_of, made.currency) == ((), 0, None, "KES")
    assert len(made.by_day) == 30


def test_the_cost_of_whole_calls_and_the_sum_of_lines_are_the_same_where_all_is_known() -> None:
    known = [cdr for cdr in month_of_calls(number=3) if cdr.charge_micros is not None and not cdr.model_unpriced]
    made = report(*known)
    assert made.costs.total.carrier_micros + made.costs.total.model_micros == made.total.total_micros
