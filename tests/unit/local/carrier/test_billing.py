"""What the carrier charges, rightly and wrongly on order, and when its books say so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from local.carrier import BillingFault, BookedCall, BookedDial, Carrier, Cdr, Settling
from local.carrier.billing import FORMER_PER_MINUTE_MINOR

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
CALLER, OWN, PERSON = "+254711000001", "+254200000001", "+254722000001"
SESSION = "HD_0000000000aa"
TALK_S = 90


class Desk:
    """A carrier whose books are looked at `after` seconds past noon."""

    def __init__(self, settling: Settling | None = None) -> None:
        self.after = 10_000.0
        self.carrier = Carrier("key", settling=settling, now=lambda: NOON + timedelta(seconds=self.after))

    def book(self, fault: BillingFault | None = None, *, ring_only: bool = False, **changes: object) -> None:
        answered = None if ring_only else NOON
        call = BookedCall(
            direction="outbound",
            a_number=OWN,
            b_number=PERSON,
            started_at=NOON - timedelta(seconds=4),
            answered_at=answered,
            ended_at=NOON + timedelta(seconds=TALK_S),
            status="no_answer" if ring_only else "completed",
            session_id=SESSION,
            billing=fault,
        )
        self.carrier.book(replace(call, **changes))  # type: ignore[arg-type]

    @property
    def records(self) -> list[Cdr]:
        return list(self.carrier.records.newest_first())

    @property
    def lines(self) -> list[tuple[str, int]]:
        self.carrier.records.settle()
        return [(line.kind, line.amount_minor) for line in self.carrier.wallet.movements]


def costs(records: Iterable[Cdr]) -> list[tuple[int, str | None, int | None]]:
    return [(record.cost_minor, record.cost_currency, record.duration_seconds) for record in records]


def test_ninety_seconds_are_ninety_seconds() -> None:
    desk = Desk()
    desk.book()
    assert costs(desk.records) == [(450, "KES", 90)]
    assert desk.lines == [("call", -450)]


@pytest.mark.parametrize(
    ("fault", "told", "charged"),
    [
        (BillingFault.PER_STARTED_MINUTE, [(600, "KES", 90)], [("call", -600)]),
        (BillingFault.WRONG_RATE, [(375, "KES", 90)], [("call", -375)]),
        (BillingFault.MISSING, [], []),
        (BillingFault.DUPLICATE, [(450, "KES", 90), (450, "KES", 90)], [("call", -450), ("call", -450)]),
        (BillingFault.STUCK, [(0, None, None)], []),
        (BillingFault.SECOND_MORE, [(455, "KES", 91)], [("call", -455)]),
        (BillingFault.SECOND_LESS, [(445, "KES", 89)], [("call", -445)]),
        (BillingFault.FAILED_LEG_BILLED, [(450, "KES", 90)], [("call", -450)]),
        (BillingFault.CURRENCY, [(450, "USD", 90)], [("call", -450)]),
        (BillingFault.CORRECTED, [(450, "KES", 90)], [("call", -600), ("correction", 150)]),
        (BillingFault.REFUNDED, [(450, "KES", 90)], [("call", -450)]),
    ],
)
def test_each_fault_shows_in_the_record_and_in_the_wallet(
    fault: BillingFault, told: list[tuple[int, str, int]], charged: list[tuple[str, int]]
) -> None:
    desk = Desk()
    desk.book(fault)
    assert costs(desk.records) == told
    assert desk.lines == charged
    assert {record.session_id for record in desk.records} <= {SESSION}


@pytest.mark.parametrize(
    ("fault", "told", "charged"),
    [
        (None, [(0, None, 0)], []),
        (BillingFault.PER_STARTED_MINUTE, [(0, None, 0)], []),
        (BillingFault.WRONG_RATE, [(0, None, 0)], []),
        (BillingFault.SECOND_MORE, [(0, None, 0)], []),
        (BillingFault.CURRENCY, [(0, None, 0)], []),
        (BillingFault.FAILED_LEG_BILLED, [(470, "KES", 0)], [("call", -470)]),
        (BillingFault.REFUNDED, [(0, None, 0)], [("call", -470), ("refund", 470)]),
    ],
)
def test_what_nobody_answered_costs_nothing_but_by_a_fault(
    fault: BillingFault | None, told: list[tuple[int, str | None, int]], charged: list[tuple[str, int]]
) -> None:
    desk = Desk()
    desk.book(fault, ring_only=True)
    assert costs(desk.records) == told
    assert desk.lines == charged


def test_a_duplicate_has_an_id_of_its_own_in_the_same_session() -> None:
    desk = Desk()
    desk.book(BillingFault.DUPLICATE)
    one, other = desk.records
    assert one.id != other.id
    assert (one.session_id, other.session_id) == (SESSION, SESSION)
    assert desk.carrier.records.find(SESSION) == other, "the session's name still stands for its first record"


def test_a_leg_booked_elsewhere_is_not_found_under_its_session() -> None:
    desk = Desk()
    desk.book(BillingFault.UNPAIRED)
    (record,) = desk.records
    assert record.session_id != SESSION
    assert desk.carrier.records.find(SESSION) is None
    assert desk.carrier.records.find(record.session_id) == desk.carrier.records.find(record.id) == record
    assert costs([record]) == [(450, "KES", 90)]


def test_a_stream_is_charged_in_the_wallet_alone() -> None:
    desk = Desk()
    desk.book(stream_s=60, stream_per_minute_minor=50)
    assert costs(desk.records) == [(450, "KES", 90)]
    assert desk.lines == [("call", -450), ("stream", -50)]


@pytest.mark.parametrize("rate", [0, 50])
def test_a_stream_inside_the_legs_cost_has_no_line_of_its_own(rate: int) -> None:
    desk = Desk()
    desk.book(BillingFault.STREAM_IN_LEG, stream_s=60, stream_per_minute_minor=rate)
    assert costs(desk.records) == [(500, "KES", 90)]
    assert desk.lines == [("call", -500)]


def test_a_dials_leg_is_outbound_in_the_callers_session_with_a_price_and_faults_of_its_own() -> None:
    desk = Desk()
    begins, ends = NOON + timedelta(seconds=30), NOON + timedelta(seconds=70)
    legs = [
        BookedDial(number=PERSON, started_at=NOON, answered_at=None, ended_at=begins, status="busy"),
        BookedDial(number=CALLER, started_at=begins, answered_at=begins, ended_at=ends),
        BookedDial(
            number=PERSON, started_at=NOON, answered_at=begins, ended_at=ends, billing=BillingFault.PER_STARTED_MINUTE
        ),
    ]
    desk.book(direction="inbound", a_number=CALLER, b_number=OWN, dialled=tuple(legs))
    own, *dialled = reversed(desk.records)
    assert (own.direction, own.local_e164, own.remote_e164, own.cost_minor) == ("inbound", OWN, CALLER, 0)
    told = [(one.direction, one.local_e164, one.remote_e164, one.status, one.cost_minor) for one in dialled]
    assert told == [
        ("outbound", OWN, PERSON, "busy", 0),
        ("outbound", OWN, CALLER, "completed", 200),
        ("outbound", OWN, PERSON, "completed", 300),
    ]
    assert {one.session_id for one in dialled} == {SESSION}
    assert desk.carrier.records.find(SESSION) == own
    assert desk.lines == [("dial", -200), ("dial", -300)]


def test_books_settle_after_the_end() -> None:
    desk = Desk(Settling(closed_after_s=2, priced_after_s=5, corrected_after_s=60))
    desk.after = 10
    desk.book(BillingFault.CORRECTED)
    seen = []
    for after in (50, 91.9, 92, 94.9, 95, 154.9, 155):
        desk.after = after
        (record,) = desk.records
        seen.append((after, record.status, record.duration_seconds, record.cost_minor, record.cost_currency))
    assert seen == [
        (50, "answered", None, 0, None),
        (91.9, "answered", None, 0, None),
        (92, "completed", 90, 0, None),
        (94.9, "completed", 90, 0, None),
        (95, "completed", 90, 600, "KES"),
        (154.9, "completed", 90, 600, "KES"),
        (155, "completed", 90, 450, "KES"),
    ]
    assert desk.lines == [("call", -600), ("correction", 150)]
    assert [line.at - NOON for line in desk.carrier.wallet.movements] == [timedelta(seconds=95), timedelta(seconds=155)]
    assert desk.records[0].to_json()["updated_at"] == "2026-10-05T12:02:35.000Z"


def test_every_price_has_a_wrong_one() -> None:
    tariff = Carrier("key").tariff
    for right in (tariff.inbound_per_minute_minor, tariff.outbound_per_minute_minor):
        assert FORMER_PER_MINUTE_MINOR[right] != right
