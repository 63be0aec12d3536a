"""The oracle itself: each kind of breach is seen, and what is right passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.oracles.cdr_reconcile import assert_reconciled, check, check_invoice, check_ledger, rows_of

ANSWERED, ENDED = "2026-11-23T09:00:02.000Z", "2026-11-23T09:01:15.000Z"


def record(**changes: Any) -> dict[str, Any]:
    return {
        "id": "r1", "session_id": "s1", "direction": "inbound", "remote_e164": "+254700000001", "answered_at": ANSWERED,
        "ended_at": ENDED, "duration_seconds": 73, "status": "completed", "cost_minor": 0, **changes,
    }  # fmt: skip


def cdr(**changes: Any) -> dict[str, Any]:
    return {
        "session_id": "s1", "leg": "caller", "call_id": "s1", "direction": "inbound", "carrier_id": "r1", "answered_at": ANSWERED,
        "ended_at": ENDED, "talk_s": "73", "status": "completed", "state": "final", "charge_micros": 0, "carrier_minor": 0, **changes,
    }  # fmt: skip


STREAM = cdr(leg="stream", direction="stream", carrier_id="")
TRANSFER = cdr(leg="transfer", session_id="s2", direction="transfer", carrier_id="r2", charge_micros=5, carrier_minor=5)
OF_TRANSFER = record(id="r2", session_id="s2", direction="outbound", cost_minor=5)
UNANSWERED = {"answered_at": None, "duration_seconds": 0, "status": "busy"}


def test_what_is_right_passes() -> None:
    assert_reconciled([record(), OF_TRANSFER], [cdr(), STREAM, TRANSFER])
    assert_reconciled([], [])
    assert_reconciled([record(**UNANSWERED)], [cdr(answered_at="", talk_s="0", status="busy")])
    assert_reconciled([record()], [cdr(talk_s=74, answered_at="2026-11-23T09:00:01.000Z")])
    assert_reconciled([record(), record(id="twin")], [cdr()])
    assert_reconciled([record(id="seen later")], [], unseen=["s1"])
    assert_reconciled([], [cdr(state="unreconciled", carrier_id="")], lost=["s1"])


@pytest.mark.parametrize(
    ("carrier", "cdrs", "breach"),
    [
        ([record()], [], "has no detail record"),
        ([record()], [STREAM], "has no detail record"),
        ([], [cdr(carrier_id="")], "no leg of the carrier's"),
        ([], [cdr()], "no leg of the carrier's"),
        ([record()], [cdr(), cdr()], "has 2 detail records"),
        ([record()], [cdr(), cdr(leg="callee")], "became 2 legs"),
        ([record(), record(id="twin")], [cdr(), cdr(leg="callee", carrier_id="twin")], "twin records"),
        ([record()], [cdr(talk_s=75)], "L2"),
        ([record()], [cdr(talk_s=None)], "L2"),
        ([record()], [cdr(talk_s=-1)], "L2"),
        ([record()], [cdr(ended_at="2026-11-23T08:00:00Z")], "ends before its answer"),
        ([record()], [cdr(ended_at="2026-11-23T09:02:15Z")], "its times"),
        ([record(**UNANSWERED)], [cdr(answered_at="", talk_s=0, charge_micros=1)], "charged, and nobody answered"),
        ([record(**UNANSWERED)], [cdr()], "the carrier says busy"),
        ([OF_TRANSFER], [TRANSFER], "has no caller's leg"),
        ([record(), OF_TRANSFER], [cdr(), {**TRANSFER, "call_id": "s9"}], "has no caller's leg"),
        ([], [STREAM], "belongs to no call"),
    ],
)
def test_each_breach_is_seen(carrier: list[dict[str, Any]], cdrs: list[dict[str, Any]], breach: str) -> None:
    assert any(breach in told for told in check(carrier, cdrs)), check(carrier, cdrs)
    with pytest.raises(AssertionError):
        assert_reconciled(carrier, cdrs)


def test_an_invoice_is_the_sum_of_its_lines_to_the_micro_unit() -> None:
    lines: list[dict[str, Any]] = [{"micros": "608333"}, {"micros": 1}]
    assert check_invoice(lines, 608_334) == []
    assert check_invoice(lines, 608_333) == ["L3: the lines sum to 608334, the invoice to 608333"]


def test_the_ledger_balances_or_not() -> None:
    records, rows = [record(), OF_TRANSFER], [cdr(), TRANSFER]
    paid = [
        {"kind": "call", "amount_minor": -5},
        {"kind": "stream", "amount_minor": -61},
        {"kind": "topup", "amount_minor": 900},
    ]
    assert check_ledger(records, rows, paid) == []
    assert len(check_ledger(records, rows, paid[1:])) == 1
    assert len(check_ledger(records, [cdr(), {**TRANSFER, "carrier_minor": None}], paid)) == 1


def test_rows_come_from_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "cdrs.csv"
    rows = [cdr(), STREAM]
    file.write_text("\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]))
    assert check([record()], rows_of(file)) == []
