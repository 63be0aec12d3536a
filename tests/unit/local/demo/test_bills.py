"""What a call of the demo is billed, held against the simulated carrier's ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.carrier import BookedCall, Carrier
from local.carrier import Cdr as CarrierRecord
from local.demo.bills import Account, Cashier, accounted
from local.demo.totals import lines, reconciled
from pokea.billing.audit_findings import Difference
from pokea.billing.call_leg import Direction
from pokea.billing.cdr import Cdr, CdrFinding, CdrState
from tests.support.billing_samples import BEGAN, CALLER, LINE, leg

SESSION = "HD_000000000001"
TALK_S, STREAM_S = 40, 41


class Call:
    """One placed call of 40 seconds with its stream, in both books."""

    def __init__(self) -> None:
        self.carrier = Carrier("key", now=lambda: BEGAN + timedelta(days=1))
        booked = self.carrier.book(
            BookedCall(
                direction="outbound",
                a_number=LINE,
                b_number=CALLER,
                started_at=BEGAN,
                answered_at=BEGAN,
                ended_at=BEGAN + timedelta(seconds=TALK_S),
                session_id=SESSION,
                stream_s=STREAM_S,
                stream_per_minute_minor=50,
            )
        )
        self.cdrs: list[Cdr] = [
            leg(
                leg="callee",
                direction=Direction.OUTBOUND,
                talk_s=TALK_S,
                charge_micros=2_000_000,
                carrier_id=booked.id,
                carrier_minor=200,
            ),
            leg(
                leg="stream",
                direction=Direction.STREAM,
                talk_s=STREAM_S,
                charge_micros=341_667,
                carrier_id="",
                carrier_minor=None,
                model_micros=12_300,
                model_charge_micros=1_590_000,
            ),
        ]

    def change(self, name: str, **changes: Any) -> None:
        self.cdrs = [replace(cdr, **changes) if cdr.leg == name else cdr for cdr in self.cdrs]

    def account(self) -> Account:
        return accounted(self.cdrs, [self.books])

    @property
    def books(self) -> tuple[list[CarrierRecord], int]:
        return Cashier(None, self.carrier)._books_of(SESSION)  # type: ignore[arg-type]


def test_a_bill_names_each_leg_and_adds_up() -> None:
    account = Call().account()
    assert account.problems == ()
    bill = account.bill
    assert [(one.leg, one.talk_s, one.charge, one.carrier_minor, one.state) for one in bill.legs] == [
        ("callee", 40, "2.00", 200, "final"),
        ("stream", 41, "0.341667", None, "final"),
    ]
    assert (bill.carrier, bill.model_usd, bill.model, bill.total) == ("2.341667", "0.0123", "1.59", "3.931667")
    assert (bill.state, bill.books) == ("final", "2.35")
    assert (account.ours_minor, account.books_minor, account.talk_s, account.legs) == (235, 235, 40, 2)


def test_what_is_unknown_is_unknown_and_not_nothing() -> None:
    call = Call()
    call.change("stream", model_micros=None, model_charge_micros=None, model_unpriced="no usage was reported")
    bill = call.account().bill
    assert (bill.carrier, bill.model, bill.total, bill.unpriced) == ("2.341667", None, None, "no usage was reported")


@pytest.mark.parametrize(
    ("name", "changes", "problem"),
    [
        ("callee", {"state": CdrState.PROVISIONAL}, "the callee's bill was provisional after 20 s"),
        ("callee", {"charge_micros": 2_050_000}, "the callee's bill says 200 and 205 cents, the carrier took 200"),
        ("callee", {"carrier_minor": 205}, "the callee's bill says 205 and 200 cents, the carrier took 200"),
        ("callee", {"carrier_id": "another"}, "is in no bill"),
        ("callee", {"carrier_id": "another"}, "is of no record of the carrier's"),
        ("callee", {"findings": (CdrFinding(Difference.WRONG_RATE, "charged 4.00"),)}, "charged 4.00"),
        ("stream", {"charge_micros": 400_000}, "our streams cost 40 cents, the carrier took 35"),
    ],
)
def test_a_bill_that_the_ledger_contradicts_is_a_problem(name: str, changes: dict[str, Any], problem: str) -> None:
    call = Call()
    call.change(name, **changes)
    assert any(problem in found for found in call.account().problems), call.account().problems


def test_a_stream_may_be_a_second_longer_for_one_of_the_two() -> None:
    call = Call()
    call.change("stream", charge_micros=333_333)
    account = call.account()
    assert account.problems == ()
    assert reconciled([account], "KES").endswith("difference -0.01, differences found: 0")


def test_no_bill_is_a_problem_too() -> None:
    account = accounted([], [Call().books])
    assert account.problems == ("no bill came within 20 s",)
    assert account.bill.state == "missing"


def test_the_end_of_a_demo_is_a_table_by_agent_and_one_line() -> None:
    known, unknown = Call(), Call()
    unknown.change("stream", model_charge_micros=None)
    table = lines([("booking", known.account()), ("leads", known.account()), ("leads", unknown.account())], "KES")
    assert [line.split() for line in table[2:5]] == [
        ["booking", "1", "2", "0:40", "2.34", "1.59", "3.93", "final"],
        ["leads", "2", "4", "1:20", "4.68", ">1.59", ">6.27", "final"],
        ["all", "3", "6", "2:00", "7.03", ">3.18", ">10.21", "final"],
    ]
    assert table[-1] == (
        "reconciled: 6 legs, our total KES 7.05, the carrier's books KES 7.05, difference 0.00, differences found: 0"
    )
