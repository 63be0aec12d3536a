"""`pokea report`: a table, a page or a file of rows, and one clear line for what a person can mend."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.cli.audit import run_audit
from local.cli.main import main
from local.cli.rate import run_rate
from local.cli.report import ReportOptions, run_report
from pokea.billing.cdr import Cdr
from pokea.errors import CallError
from pokea.ids import BusinessId, SessionId
from pokea.ports import CdrStore
from tests.support.billing_samples import CLINIC, Shelf, leg, month_of_calls

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
CALLS = month_of_calls(number=4)


def ask(cdrs: list[Cdr] = CALLS, **options: Any) -> int:
    def with_store(state: Path, work: Callable[[CdrStore], int]) -> int:
        return work(Shelf(cdrs))

    return run_report(ReportOptions(**options), with_store, lambda: NOW)


def test_this_month_is_a_table_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask() == 0
    said = capsys.readouterr().out
    for words in (
        "November 2026 (so far)",
        "at least KES",
        "put through to a person",
        "5 differences with the carrier",
        "wrong_rounding",
        "not known: ",
    ):
        assert words in said, words
    assert "\x1b" not in said  # no colours where nobody looks


def test_a_day_is_a_table_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(day="2026-11-20", business="whitedent") == 0
    assert "Friday, 20 November 2026" in capsys.readouterr().out


def test_nothing_in_a_record_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b[31m[bold]red[/bold]\x07\u202e"
    assert ask([leg(agent=hostile, outcome=hostile, unrated=hostile, charge_micros=None, deck_id=hostile)]) == 0
    said = capsys.readouterr().out
    assert "�[31m[bold]red[/bold]��" in said
    assert not {"\x1b", "\x07", "\u202e"} & set(said)


def test_json_has_every_sum_in_whole_micro_units(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(as_json=True, month="2026-11") == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["business"], report["period"], report["currency"], report["calls"]) == (
        "whitedent",
        "2026-11",
        "KES",
        220,
    )
    assert report["total_micros"] == report["carrier_micros"] + report["stream_micros"] + report["model_micros"]
    assert report["total_micros"] == sum(one["total_micros"] for one in report["by_day"].values())
    assert len(report["differences"]) == 5 and report["unknown"][0]["reason"]


def test_rows_go_to_the_terminal_and_back_into_rate_and_audit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(format="csv", month="2026-11") == 0
    rows = capsys.readouterr().out
    file = tmp_path / "rows.csv"
    file.write_text(rows, encoding="utf-8")
    out = tmp_path / "rated.csv"
    assert run_rate("sautikit-kes-2026-06-27", file, out, False) in (0, 3)
    rated = [
        row
        for row in csv.DictReader(io.StringIO(out.read_text(encoding="utf-8")))
        if row["direction"] in ("inbound", "outbound")
    ]
    written = {(row["call_id"], row["leg"]): row["charge_micros"] for row in csv.DictReader(io.StringIO(rows))}
    assert rated and all(row["charge_micros"] == written[row["call_id"], row["leg"]] for row in rated)
    carrier = tmp_path / "carrier.csv"
    carrier.write_text(
        rows.replace("carrier_s,carrier_cost_minor,carrier_currency", "duration_seconds,cost_minor,cost_currency", 1),
        encoding="utf-8",
    )
    capsys.readouterr()
    assert run_audit("sautikit-kes-2026-06-27", carrier, file, True) == 1
    kinds = json.loads(capsys.readouterr().out)["counts"]
    assert kinds["wrong_rounding"] == 5


@pytest.mark.parametrize("kind", ["html", "parquet", "csv"])
def test_a_file_is_written_and_named(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ask(format=kind, out=Path("deep/report"), month="2026-11") == 0
    assert capsys.readouterr().out.strip() == "deep/report"
    content = Path("deep/report").read_bytes()
    assert content.startswith({"html": b"<!doctype html>", "parquet": b"PAR1", "csv": b"call_id,"}[kind])
    if kind != "csv":
        assert ask(format=kind, month="2026-11") == 0
        assert Path(f"whitedent-2026-11.{kind}").read_bytes() == content


def test_a_month_without_calls_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(month="2026-08", business="whitedent") == 1
    assert capsys.readouterr().err == "pokea: no calls of whitedent in 2026-08\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"business": "nobody"}, "unknown business 'nobody'; there are boda, "),
        ({"month": "november"}, "not a month"),
        ({"month": "2026-11", "day": "2026-11-20"}, "and not both"),
        ({"day": "2026-11"}, "is no day"),
        ({"month": "2026-12"}, "has not begun yet"),
    ],
)
def test_what_cannot_be_asked_is_one_line(options: dict[str, str], said: str) -> None:
    with pytest.raises(CallError) as refusal:
        ask(**options)
    assert said in refusal.value.message and "\n" not in refusal.value.message


def test_several_businesses_share_a_table_but_not_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    kasi = [
        replace(cdr, business_id=BusinessId("kasi"), session_id=SessionId(f"K{cdr.session_id}")) for cdr in CALLS[:20]
    ]
    assert ask([*CALLS, *kasi]) == 0
    assert capsys.readouterr().out.count("November 2026") == 2
    with pytest.raises(CallError, match="kasi, whitedent have calls in 2026-11: choose one"):
        ask([*CALLS, *kasi], format="html")
    assert ask([*CALLS, *kasi], format="csv", business="kasi") == 0
    assert CLINIC not in capsys.readouterr().out


def test_a_table_can_go_to_a_file(tmp_path: Path) -> None:
    assert ask(out=tmp_path / "report.txt") == 0
    assert "November 2026" in (tmp_path / "report.txt").read_text(encoding="utf-8")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CallError, match="file"):
        ask(format="html", out=tmp_path / "file" / "report.html")


def test_without_a_store_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("POKEA_CDRS_TABLE", raising=False)
    monkeypatch.setattr("sys.argv", ["pokea", "report", "--state", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "POKEA_CDRS_TABLE" in said and len(said.splitlines()) == 1
