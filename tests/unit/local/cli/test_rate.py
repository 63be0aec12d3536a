"""`pokea rate` and `pokea audit`: exit codes, files, and one clear line for what a person can mend."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from local.cli.audit import run_audit
from local.cli.main import main
from local.cli.rate import run_rate
from pokea.errors import CallError

DECK = "sautikit-kes-2026-06-27"
HEADER = "call_id,leg,direction,a_number,b_number,answered_at,ended_at,status"
GOOD = "c1,1,outbound,+254711000001,+254722000111,2026-11-02T09:00:00Z,2026-11-02T09:00:40Z,completed"
LONG = "c2,1,outbound,+254711000001,+254722000111,2026-11-02T10:00:00Z,2026-11-02T10:01:30Z,completed"
ABROAD = "c3,1,outbound,+254711000001,+256772000111,2026-11-02T11:00:00Z,2026-11-02T11:00:40Z,completed"
BROKEN = "c4,1,outbound,+254711000001,+254722000111,yesterday,2026-11-02T11:00:40Z,completed"
CARRIER = f"{HEADER},duration_seconds,cost_minor,cost_currency"
EXAMPLE_DECK = """
id = "mine"
currency = "KES"
[[row]]
direction = "outbound"
prefix = "+254"
per_minute = "4.50"
pulse = "30/6"
"""


def file(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rated(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["pokea", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def test_every_row_rated_is_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.csv"
    assert run_rate(DECK, file(tmp_path, "calls.csv", HEADER, GOOD, LONG), out, False) == 0
    assert [row["charge_micros"] for row in rated(out)] == ["2000000", "4500000"]
    assert "2 rows, KES 6.50" in capsys.readouterr().err


def test_rows_that_cannot_be_rated_are_exit_code_3_and_say_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = file(tmp_path, "calls.csv", HEADER, GOOD, ABROAD, BROKEN)
    out = tmp_path / "out.csv"
    assert run_rate(DECK, calls, out, True) == 3
    problems = [row["problem"] for row in rated(out)]
    assert problems[0] == ""
    assert "no outbound row" in problems[1]
    assert "answered_at" in problems[2]
    summary = json.loads(capsys.readouterr().out)
    assert (summary["rows"], summary["unrated"], summary["total_micros"]) == (3, 2, 2_000_000)


def test_without_out_the_rows_go_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_rate(DECK, file(tmp_path, "calls.csv", HEADER, GOOD), None, False) == 0
    assert "2000000,KES,per_second" in capsys.readouterr().out


def test_charges_by_a_price_in_doubt_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream = "c1,s,stream,,,2026-11-02T09:00:00Z,2026-11-02T09:01:00Z,completed"
    assert run_rate(DECK, file(tmp_path, "calls.csv", HEADER, GOOD, stream), tmp_path / "out.csv", False) == 0
    assert "KES 2.50 by sautikit-kes-2026-06-27, 1 charges rest on a price that is in doubt" in capsys.readouterr().err


def test_a_deck_of_ones_own_is_a_file(tmp_path: Path) -> None:
    deck = file(tmp_path, "mine.toml", EXAMPLE_DECK)
    out = tmp_path / "out.csv"
    assert run_rate(str(deck), file(tmp_path, "calls.csv", HEADER, GOOD), out, False) == 0
    assert [(row["billable_s"], row["charge_micros"], row["rule"]) for row in rated(out)] == [("42", "3150000", "30/6")]


def test_a_file_may_be_rated_in_place(tmp_path: Path) -> None:
    calls = file(tmp_path, "calls.csv", HEADER, GOOD)
    for _ in range(2):
        assert run_rate(DECK, calls, calls, False) == 0
    assert [row["charge_micros"] for row in rated(calls)] == ["2000000"]
    assert [path.name for path in tmp_path.iterdir()] == ["calls.csv"]


def test_a_long_file_tells_how_far_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.cli.rate.PROGRESS_ROWS", 10)
    run_rate(DECK, file(tmp_path, "calls.csv", HEADER, *[GOOD] * 25), tmp_path / "out.csv", False)
    assert "10 rows rated\n20 rows rated\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("deck", "content", "named"),
    [
        ("nobody", f"{HEADER}\n", "nobody"),
        ("missing.toml", f"{HEADER}\n", "missing.toml"),
        (DECK, "call_id,leg\n", "direction"),
        (DECK, "", "lacks"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    deck: str,
    content: str,
    named: str,
) -> None:
    calls = tmp_path / "calls.csv"
    calls.write_text(content, encoding="utf-8")
    out = tmp_path / "out.csv"
    assert command(monkeypatch, "rate", "--deck", deck, "--calls", str(calls), "--out", str(out)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert named in line
    assert not out.exists()


def test_a_file_that_is_not_there_or_not_text_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="cannot be read"):
        run_rate(DECK, tmp_path / "none.csv", None, False)
    raw = tmp_path / "raw.csv"
    raw.write_bytes(HEADER.encode() + b"\n\xff\xfe\n")
    with pytest.raises(CallError, match="UTF-8"):
        run_rate(DECK, raw, tmp_path / "out.csv", False)
    with pytest.raises(CallError, match="cannot be written"):
        run_rate(DECK, file(tmp_path, "calls.csv", HEADER), tmp_path / "no" / "out.csv", False)


def both(folder: Path, *carriers: str) -> tuple[Path, Path]:
    return file(folder, "carrier.csv", CARRIER, *carriers), file(folder, "ours.csv", HEADER, GOOD, LONG)


def test_an_audit_without_differences_is_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    carrier, ours = both(tmp_path, f"{GOOD},40,200,KES", f"{LONG},91,455,KES")
    assert run_audit(DECK, carrier, ours, False) == 0
    assert "2 legs agree, 0 differences, 0 unknown" in capsys.readouterr().out


def test_a_difference_is_exit_code_1_with_its_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    carrier, ours = both(tmp_path, f"{GOOD},40,300,KES")
    assert run_audit(DECK, carrier, ours, True) == 1
    report = json.loads(capsys.readouterr().out)
    assert [(found["kind"], found["call_id"]) for found in report["differences"]] == [
        ("wrong_rounding", "c1"),
        ("missing", "c2"),
    ]
    assert "per_started_minute" in report["differences"][0]["fits"]
    assert report["differences"][0]["difference_micros"] == 1_000_000
    assert report["counts"]["wrong_rounding"] == 1
    assert report["counts"]["duplicate"] == 0


@pytest.mark.parametrize("cells", ["40,,", "4o,200,KES"])
def test_what_could_not_be_judged_is_exit_code_3_and_accuses_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cells: str
) -> None:
    carrier, ours = both(tmp_path, f"{GOOD},{cells}", f"{LONG},90,450,KES")
    assert run_audit(DECK, carrier, ours, True) == 3
    report = json.loads(capsys.readouterr().out)
    assert report["differences"] == []
    assert [(one["call_id"], one["leg"]) for one in report["unknown"]] == [("c1", "1")]


def test_bad_input_of_an_audit_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, ours = both(tmp_path)
    options = ("audit", "--deck", DECK, "--calls", str(ours), "--observed", str(ours))
    assert command(monkeypatch, *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cost_minor" in line
    assert command(monkeypatch, *options, "--settled-before", "noon") == 2
    assert "--settled-before" in capsys.readouterr().err


def test_nothing_in_a_file_steers_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = GOOD.replace("c1,", "\x1b[2Jc1,")
    carrier = file(tmp_path, "carrier.csv", CARRIER, f"{row},40,200,KES")
    assert run_audit(DECK, carrier, file(tmp_path, "ours.csv", HEADER), False) == 1
    assert "\x1b" not in capsys.readouterr().out
