"""functions/cdr and money: what is settled for whom, which charge stays, and what a statement makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from functions.cdr.pricing import PriceBooks, Prices
from functions.reports.page import page_of
from pokea.billing.audit_findings import Difference
from pokea.billing.cdr import Cdr, CdrState
from pokea.billing.cdr_news import fallback_label
from pokea.billing.model_cost import prices_of
from pokea.billing.period import period_of
from pokea.billing.rate_deck import packaged_deck
from pokea.billing.report import Report, billing_report
from pokea.calls import CallStatus
from pokea.onward import Onward
from pokea.phone_numbers import E164
from pokea.transfer import handoff_label
from tests.support.cdr_office import CdrOffice, about, carrier_record, closed_call
from tests.support.control_plane import CALLER, LINE, NOW, SESSION

PERSON = E164("+254722000999")
LABEL = "pk-outbound"


@pytest.fixture
def office() -> CdrOffice:
    return CdrOffice()


def placed(office: CdrOffice, **changes: Any) -> dict[str, Any]:
    """A call of 40 s that we had placed, and the carrier's record of it, which it has in its books."""
    numbers = {"callerNumber": LINE.number, "destinationNumber": CALLER}
    office.plane.ring("Ringing", direction="Outbound", clientRequestId=LABEL, **numbers)
    office.plane.ring("Completed", durationInSeconds="40", **numbers)
    record = carrier_record(talk_s=40, direction="outbound", cost_minor=200, **changes)
    office.books.records.append(record)
    return record


def dialled(talk_s: int, cost_minor: int) -> dict[str, Any]:
    return carrier_record(
        SESSION, talk_s, id="rec-dial", direction="outbound", remote_e164=PERSON, cost_minor=cost_minor
    )


def report(cdrs: Sequence[Cdr]) -> Report:
    return billing_report(
        cdrs, business_id=LINE.business_id, name="White Dent", period=period_of("2026-11", ZoneInfo("Africa/Nairobi")), currency="KES",
        now=NOW + timedelta(days=10),
    )  # fmt: skip


def test_a_placed_call_that_the_carrier_dials_on_is_settled_apart_from_the_dial(office: CdrOffice) -> None:
    placed(office)
    call = office.plane.calls.call(SESSION)
    assert call is not None
    onward = Onward(handoff_id="h2", number=PERSON, words="", language="en", ring_s=20, given_at=NOW)
    office.plane.calls.put_call(replace(call, onward=replace(onward, outcome=CallStatus.ANSWERED)))
    office.books.records.append(dialled(300, 1_500))
    assert office.take(about()) == []
    assert (office.cdr("callee").client_request_id, office.cdr("transfer").client_request_id) == (LABEL, "")
    assert dict(office.settled) == {LABEL: 2_000_000, handoff_label(LINE.business_id, "h2"): 15_000_000}


def test_whom_the_carrier_dialled_after_a_lost_stream_counts_in_the_day(office: CdrOffice) -> None:
    message = closed_call(office.plane)
    office.books.records += [carrier_record(), dialled(73, 365)]
    assert office.take(message) == []
    call = office.plane.calls.call(SESSION)
    assert call is not None
    assert office.settled == [(fallback_label(call), 3_650_000)]


def test_a_final_charge_outlives_a_price_list_that_knows_nothing_of_its_time(office: CdrOffice) -> None:
    record = placed(office)
    assert office.take(about()) == []
    deck = packaged_deck("sautikit-kes-2026-06-27")
    december = datetime(2026, 12, 1, tzinfo=UTC)
    later = replace(deck, deck_id="own-2026-12", rows=tuple(replace(row, valid_from=december) for row in deck.rows))
    books = PriceBooks(*prices_of(None))
    office.parts.clerk._prices = Prices(lambda profile: later, lambda: books)
    office.plane.clock.advance(10 * 86_400)
    assert office.take(about(again=True)) == []
    callee = office.cdr("callee")
    assert (callee.version, callee.charge_micros, callee.deck_id) == (1, 2_000_000, deck.deck_id)
    record["cost_minor"] = 210
    assert office.take(about(again=True)) == []
    callee = office.cdr("callee")
    assert (callee.state, callee.version, callee.charge_micros, callee.unrated) == (CdrState.FINAL, 2, 2_000_000, "")
    assert callee.carrier_minor == 210


def test_a_leg_that_is_booked_twice_is_not_said_to_cost_its_charge_once(office: CdrOffice) -> None:
    record = placed(office)
    office.books.records.append({**record, "id": "rec-2"})
    assert office.take(about()) == []
    made = report(office.cdrs.cdrs(SESSION))
    assert [(one.kind, one.more_micros) for one in made.disagreements] == [(Difference.DUPLICATE, None)]
    assert (made.total.compared, made.total.compared_theirs_micros, made.total.booked_again) == (0, 0, 1)
    page = page_of(made)
    assert "booked more than once" in page and "They are the same" not in page


def test_a_charge_without_a_currency_is_not_taken_for_ours(office: CdrOffice) -> None:
    placed(office, cost_currency=None)
    assert office.take(about()) == []
    made = report(office.cdrs.cdrs(SESSION))
    assert (made.total.compared, made.total.unbilled, made.total.more_charged_micros) == (0, made.total.legs, 0)
