from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.carrier.ledger import Cdr as CarriersBooks
from pokea.billing.call_leg import STATUSES, CallLeg, Direction
from pokea.billing.cdr import CarrierLeg
from pokea.sautikit.carrier_record import YEARS, carrier_leg, carrier_legs
from tests.support.sizes import examples

UUID = "0f9c1b7e-5a7d-4c1e-9a51-2f6a3c1d8e90"
ANSWERED = datetime(2026, 11, 2, 9, 0, 3, 500_000, tzinfo=UTC)
RECORD: dict[str, Any] = {
    "id": UUID,
    "workspace_id": "8f8f",
    "session_id": "HD_1a2b3c4d5e6f",
    "direction": "outbound",
    "local_e164": "+254711000001",
    "remote_e164": "+254722000111",
    "country": "KE",
    "started_at": "2026-11-02T09:00:00.000Z",
    "answered_at": "2026-11-02T09:00:03.500Z",
    "ended_at": "2026-11-02T12:00:43+03:00",
    "duration_seconds": 40,
    "status": "completed",
    "cost_minor": 200,
    "cost_currency": "KES",
    "rate_per_minute_minor": 300,
    "failure_code": None,
    "metadata": {"client_request_id": "att_7"},
    "created_at": "2026-11-02T09:00:00Z",
    "updated_at": "2026-11-02T09:00:43Z",
    "events": [{"id": "e1", "kind": "call.completed", "payload": {}}],
}
READ = CarrierLeg(
    record_id=UUID,
    session_id="HD_1a2b3c4d5e6f",
    direction="outbound",
    local_number="+254711000001",
    remote_number="+254722000111",
    started_at=datetime(2026, 11, 2, 9, tzinfo=UTC),
    answered_at=ANSWERED,
    ended_at=datetime(2026, 11, 2, 9, 0, 43, tzinfo=UTC),
    duration_s=40,
    status="completed",
    cost_minor=200,
    currency="KES",
    rate_per_minute_minor=300,
    client_request_id="att_7",
    is_final=True,
    updated_at=datetime(2026, 11, 2, 9, 0, 43, tzinfo=UTC),
)
RINGING = {"answered_at": None, "ended_at": None, "duration_seconds": None, "cost_minor": 0, "cost_currency": None}
UNANSWERED = {**RINGING, "ended_at": "2026-11-02T09:00:30Z", "duration_seconds": 0, "status": "no_answer"}


def read(**changes: Any) -> CarrierLeg:
    leg = carrier_leg({**RECORD, **changes})
    assert leg is not None
    return leg


@pytest.mark.parametrize(
    "body",
    [
        RECORD,
        {"call": RECORD},
        {"data": RECORD},
        {"status": "ok", "cost_currency": "USD", "data": {"call": RECORD}},
        {"id": "req_1", "call": RECORD},
        {**RECORD, "data": {"note": "not a call"}},
    ],
)
def test_a_record_is_read_in_every_envelope(body: dict[str, Any]) -> None:
    assert carrier_leg(body) == READ
    assert carrier_legs(body) == (READ,)


@pytest.mark.parametrize(
    "page",
    [[RECORD, {"id": ""}, 7, RECORD], {"data": [RECORD, RECORD], "next_cursor": "2"}, {"calls": [RECORD, RECORD]}],
)
def test_a_page_is_read_row_by_row(page: object) -> None:
    assert carrier_legs(page) == (READ, READ)


@pytest.mark.parametrize("reply", [None, [], {}, {"data": []}, "HD_1", 7, {"error": {"code": "calls.not_found"}}])
def test_a_reply_without_a_call_has_none(reply: object) -> None:
    assert carrier_legs(reply) == ()


def test_everything_but_an_id_may_be_missing() -> None:
    leg = carrier_leg({"session_id": "HD_1"})
    assert leg is not None
    assert replace(leg, session_id="") == CarrierLeg(
        record_id="",
        session_id="",
        direction="",
        local_number="",
        remote_number="",
        started_at=None,
        answered_at=None,
        ended_at=None,
        duration_s=None,
        status="unknown",
        cost_minor=None,
        currency="",
    )


@pytest.mark.parametrize(
    ("ids", "record_id", "session_id"),
    [
        ({"id": UUID, "session_id": None}, UUID, ""),
        ({"id": "HD_77", "session_id": None}, "", "HD_77"),
        ({"id": UUID, "session_id": None, "pbx_call_id": "HD_77"}, UUID, "HD_77"),
        ({"id": "call_9", "session_id": "HD_77"}, "call_9", "HD_77"),
        ({"id": 4711, "session_id": "HD_77"}, "4711", "HD_77"),
    ],
)
def test_both_ids_are_told_apart(ids: dict[str, Any], record_id: str, session_id: str) -> None:
    leg = read(**ids)
    assert (leg.record_id, leg.session_id) == (record_id, session_id)


@pytest.mark.parametrize(
    "ids",
    [
        {"id": None, "session_id": None},
        {"id": "", "session_id": "  "},
        {"session_id": "../../v1/wallet"},
        {"session_id": "HD_1\n"[:-1] + " x"},
        {"session_id": "HD_" + "1" * 200},
        {"id": "a b", "session_id": None},
        {"id": True, "session_id": ["HD_1"]},
    ],
)
def test_what_names_no_call_is_refused(ids: dict[str, Any]) -> None:
    assert carrier_leg({**RECORD, **ids}) is None


@pytest.mark.parametrize(
    ("time", "read_as"),
    [
        ("2026-11-02T09:00:03.5Z", ANSWERED),
        ("2026-11-02T12:00:03.500+03:00", ANSWERED),
        ("2026-11-02T09:00:03.500", ANSWERED),
        (1793610003.5, ANSWERED),
        ("1793610003.5", ANSWERED),
        (1793610003500, ANSWERED),
        ("0001-01-01T00:00:00Z", None),
        (0, None),
        ("", None),
        ("yesterday", None),
        ("2026-13-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        (99999999999999, None),
        (1e300, None),
        (float("nan"), None),
        (True, None),
        ({"seconds": 5}, None),
    ],
)
def test_a_time_is_an_instant_or_unknown(time: object, read_as: datetime | None) -> None:
    assert read(answered_at=time).answered_at == read_as


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [(40, 40), ("40", 40), (39.2, 40), ("40.0", 40), (0, 0), (None, None), (-1, None), ("1m", None), (10**12, None)],
)
def test_a_duration_is_begun_seconds_or_unknown(duration: object, seconds: int | None) -> None:
    assert read(duration_seconds=duration).duration_s == seconds


@pytest.mark.parametrize(
    ("cost", "minor"),
    [(200, 200), ("200", 200), (200.0, 200), (-50, -50), (2.5, None), (None, None), ("", None), ("KES 2", None)],
)
def test_a_cost_is_whole_minor_units_or_unknown(cost: object, minor: int | None) -> None:
    assert read(cost_minor=cost).cost_minor == minor


@pytest.mark.parametrize(
    ("currency", "read_as"), [("kes", "KES"), (None, ""), ("shillings", ""), (404, ""), ("K€S", "")]
)
def test_a_currency_is_three_letters_or_unknown(currency: object, read_as: str) -> None:
    assert read(cost_currency=currency).currency == read_as


@pytest.mark.parametrize(
    ("status", "code", "read_as"),
    [
        ("completed", None, "completed"),
        ("Completed", None, "completed"),
        ("no-answer", None, "no_answer"),
        ("NoAnswer", None, "no_answer"),
        ("cancelled", None, "canceled"),
        ("in-progress", None, "in_progress"),
        ("hungup", None, "completed"),
        ("failed", None, "failed"),
        ("failed", "user_busy", "busy"),
        ("failed", "NO_ANSWER", "no_answer"),
        ("failed", "completed", "failed"),
        ("stream-started", None, "unknown"),
        ("teleported", None, "unknown"),
        (None, None, "unknown"),
        (3, None, "unknown"),
    ],
)
def test_a_status_is_a_known_word_or_unknown(status: object, code: str | None, read_as: str) -> None:
    assert read(status=status, failure_code=code).status == read_as


def test_a_running_calls_nought_is_not_a_price() -> None:
    for status in ("ringing", "answered", "in_progress", "queued"):
        leg = read(**{**RINGING, "status": status})
        assert (leg.cost_minor, leg.currency, leg.is_final) == (None, "", False)


def test_a_free_call_has_a_price_of_nought() -> None:
    leg = read(direction="inbound", cost_minor=0, cost_currency="KES")
    assert (leg.cost_minor, leg.currency, leg.is_final) == (0, "KES", True)


@pytest.mark.parametrize(
    ("changes", "is_final"),
    [
        ({}, True),
        ({"cost_minor": None}, False),
        ({"cost_currency": None}, False),
        ({"cost_minor": 0, "cost_currency": None}, False),
        ({"ended_at": None}, True),  # completed, and priced
        ({"ended_at": None, "status": "answered"}, False),
        ({"status": "answered"}, True),
        ({"status": "teleported"}, True),  # answered, ended and priced, whatever it is called
        (UNANSWERED, True),
        ({**UNANSWERED, "ended_at": None}, True),
        ({**UNANSWERED, "cost_minor": None}, True),
        ({**UNANSWERED, "status": "teleported"}, False),
        ({**UNANSWERED, "status": "busy", "answered_at": "2026-11-02T09:00:03Z"}, False),
    ],
)
def test_a_record_is_final_when_it_is_over_and_its_price_is_known(changes: dict[str, Any], is_final: bool) -> None:
    assert read(**changes).is_final is is_final


def test_nobody_answered_and_nothing_is_due() -> None:
    leg = read(**UNANSWERED)
    assert (leg.cost_minor, leg.currency, leg.duration_s) == (0, "", 0)


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({}, "att_7"),
        ({"metadata": {"clientRequestId": "att_8"}}, "att_8"),
        ({"metadata": None, "client_request_id": "att_9"}, "att_9"),
        ({"metadata": {"client_request_id": "two words"}}, ""),
        ({"metadata": "att_7"}, ""),
    ],
)
def test_our_own_label_comes_back(changes: dict[str, Any], label: str) -> None:
    assert read(**changes).client_request_id == label


def test_a_record_that_names_only_caller_and_called_is_turned_round_by_its_direction() -> None:
    plain = {"local_e164": None, "remote_e164": None, "from": "254711000001", "to": "+254 722 000 111"}
    out, into = read(**plain), read(**{**plain, "direction": "INBOUND"})
    assert (out.local_number, out.remote_number) == ("+254711000001", "+254722000111")
    assert (into.local_number, into.remote_number) == ("+254722000111", "+254711000001")
    assert read(remote_e164="anonymous").remote_number == ""


def test_the_record_is_a_bill_for_our_leg() -> None:
    ours = CallLeg("HD_1", "callee", Direction.OUTBOUND, "+254711000001", "+254722000111", None, None, "unknown")
    bill = READ.billed_as(ours)
    assert (bill.key, bill.duration_s, bill.cost_minor, bill.currency) == (("HD_1", "callee"), 40, 200, "KES")
    assert (bill.leg.answered_at, bill.leg.status) == (ANSWERED, "completed")


@pytest.mark.parametrize("is_over", [True, False])
def test_the_simulated_carriers_books_are_read(is_over: bool) -> None:
    books = CarriersBooks(
        id=UUID,
        session_id="HD_1",
        direction="inbound",
        local_e164="+254711000001",
        remote_e164="+254722000111",
        started_at=ANSWERED,
        answered_at=ANSWERED,
        ended_at=ANSWERED + timedelta(seconds=40) if is_over else None,
        duration_seconds=40 if is_over else None,
        status="completed" if is_over else "answered",
        cost_minor=0,
        cost_currency="KES" if is_over else None,
        rate_per_minute_minor=0 if is_over else None,
        failure_code=None,
        client_request_id="",
        events=(),
    )
    leg = carrier_leg({"call": books.to_json()})
    assert leg is not None
    assert (leg.session_id, leg.record_id, leg.answered_at) == ("HD_1", UUID, ANSWERED)
    assert (leg.is_final, leg.cost_minor, leg.duration_s) == ((True, 0, 40) if is_over else (False, None, None))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["HD_1", UUID, "completed", "busy", "KES", "2026-11-02T09:00:03Z", "1793610003", "-0", "1e9"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
KEYS = st.sampled_from([*RECORD, "call", "data", "calls", "from", "to", "CallSid", "currency"]) | st.text(max_size=8)
BODIES = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=20),
    lambda inner: st.dictionaries(st.sampled_from(["call", "data"]), inner, min_size=1, max_size=2),
    max_leaves=3,
)


@settings(max_examples=examples(60))
@given(body=BODIES | st.builds(lambda changes: {**RECORD, **changes}, st.dictionaries(KEYS, VALUES, max_size=6)))
def test_any_json_is_a_record_or_none(body: dict[str, Any]) -> None:
    """No body raises, and what is read is in the form that the rest of the house relies on."""
    body = json.loads(json.dumps(body))
    leg = carrier_leg(body)
    legs = carrier_legs(body)
    is_page = any(isinstance(body.get(name), list) for name in ("data", "calls", "items"))
    assert is_page or legs == (() if leg is None else (leg,))
    if leg is None:
        return
    assert leg.record_id or leg.session_id
    assert leg.status in STATUSES
    assert all(
        at is None or (at.tzinfo is UTC and at.year in YEARS) for at in (leg.started_at, leg.answered_at, leg.ended_at)
    )
    assert leg.duration_s is None or leg.duration_s >= 0
    assert leg.currency == "" or (len(leg.currency) == 3 and leg.currency.isascii())
    if leg.is_final and not (leg.answered_at is None and leg.status not in ("answered", "completed", "unknown")):
        assert leg.cost_minor is not None
        assert leg.currency
    if leg.cost_minor == 0 and not leg.currency:
        assert leg.answered_at is None
        assert leg.status in {"blocked", "busy", "canceled", "failed", "no_answer"}
