"""`pokea campaign preview`: what would become of each contact, exit codes, and nothing in a list that steers the terminal."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from local.cli import campaign_preview
from local.cli.main import main
from pokea.campaigns.law import Reason
from tests.support.contact_lists import NOW, TITLES, WORDING, csv_of, json_of, person, xlsx_of

EXAMPLES = Path(__file__).resolve().parents[4] / "docs" / "examples"
TEN = "2026-11-24T10:00:00+03:00"  # a Tuesday
EVENING = "2026-11-24T23:30:00+03:00"
CAMPAIGN = 'id = "c1"\nbusiness = "mizani"\nname = "Test"\ncountries = ["KE", "NG", "GH"]\n'
GOOD = person("0712345678", "Amina")


def preview(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    *options: str,
    campaign: str = CAMPAIGN,
    at: str = TEN,
) -> int:
    """The exit code of the command."""
    (folder / "people").write_bytes(content)
    (folder / "campaign.toml").write_text(campaign, encoding="utf-8")
    return command(
        monkeypatch, str(folder / "people"), "--campaign", str(folder / "campaign.toml"), "--at", at, *options
    )


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["pokea", "campaign", "preview", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("written", [csv_of, json_of, xlsx_of])
def test_a_list_whose_people_may_all_be_rung_is_exit_code_0(
    written: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert preview(tmp_path, monkeypatch, written([GOOD, GOOD]), "--json") == 0
    said = answer(capsys)
    assert said["summary"] == {
        "rows": 2, "now": 1, "later": 0, "never": 0, "merged": 1, "rejected": 0,
        "reasons": {"now": {"lawful": 1}, "later": {}, "never": {}}, "notes": {},
    }  # fmt: skip
    [row] = said["rows"]
    assert (row["when"], row["number"], row["at"], len(row["merged"])) == ("now", "+254712345678", None, 1)
    assert said["campaign"] == "c1" and said["at"] == "2026-11-24T07:00:00Z"


def test_later_is_told_on_the_contacts_own_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    people = [
        person("0712345678", "Amina"),
        person("+2348031234567", "Ada"),
        person("+233241234567", source="signed form"),
    ]
    assert preview(tmp_path, monkeypatch, csv_of(people), "--json", at=EVENING) == 0
    kenya, nigeria, ghana = answer(capsys)["rows"]
    assert [row["when"] for row in (kenya, nigeria, ghana)] == ["later"] * 3
    assert (kenya["at"], kenya["local"]) == ("2026-11-25T05:00:00Z", "2026-11-25T08:00:00+03:00")
    assert nigeria["local"].endswith("+01:00") and ghana["local"].endswith("+00:00")
    assert kenya["packs"] and kenya["reason"] == Reason.HOURS


def test_somebody_who_would_never_be_rung_is_exit_code_3_and_every_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    people = [
        GOOD,
        person("0722000111", source=""),
        person("7.12E+08"),
        person("+256772123456"),
        person("0733000111", at="2027-01-01"),
    ]
    assert preview(tmp_path, monkeypatch, csv_of(people), "--json") == 3
    said = answer(capsys)
    assert [(row["line"], row["when"], row["reason"]) for row in said["rows"]] == [
        (2, "now", "lawful"),
        (3, "never", "consent_missing"),
        (4, "never", "phone_digits_lost"),
        (5, "never", "not_in_campaign"),
        (6, "never", "consent_from_future"),
    ]
    assert (said["summary"]["never"], said["summary"]["rejected"]) == (4, 2)
    assert said["rows"][1]["column"] == "consent_source"


def test_the_rows_that_are_no_contacts_are_a_list_again_once_they_are_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rejected.csv"
    people = [GOOD, person("0722", '=HYPERLINK("http://x")'), person("0733000111", source="-form")]
    assert preview(tmp_path, monkeypatch, csv_of(people, delimiter=";"), "--rejected", str(out)) == 3
    text = out.read_bytes().decode("utf-8-sig")
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert head == [*TITLES, "problem"]
    [row] = rows
    assert row[:2] == ["0722", '\'=HYPERLINK("http://x")']
    assert row[-1].startswith("line 3: phone has too few digits: write it with its country code")
    mended = text.replace("0722", "0722000111").encode()
    capsys.readouterr()
    assert preview(tmp_path, monkeypatch, mended, "--json") == 0
    [contact] = answer(capsys)["rows"]
    assert (contact["number"], contact["name"]) == ("+254722000111", '=HYPERLINK("http://x")')


def test_the_table_for_people_names_columns_rows_and_sums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    example = [str(EXAMPLES / "contacts.csv"), "--campaign", str(EXAMPLES / "campaign.toml"), "--at", TEN]
    assert command(monkeypatch, *example) == 3
    lines = capsys.readouterr().out.splitlines()
    assert "phone (Mobile no.)" in lines[1] and "amount_due (Balance (KES))" in lines[1]
    assert any(line.startswith("now    line 2  +254712345678    Amina Wanjiru") for line in lines)
    assert any(line.startswith("       line 5: the same number as line 2; its consent is newer") for line in lines)
    assert "7 rows: 3 now, 0 later, 3 never, 1 merged" in lines
    assert "numbers that had lost their leading 0 and were completed: 1" in lines


def test_a_list_without_consent_columns_says_so_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert preview(tmp_path, monkeypatch, b"phone,name\n0712345678,a\n") == 3
    assert "the list has no column consent_source, consent_wording, consent_at" in capsys.readouterr().out


def test_nothing_in_a_list_steers_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202e"
    rows = [
        [f"07123{evil}", evil, "", "form", WORDING, "2026-10-02", "", evil],
        [*person(f"0722{evil}000111", f"A{evil}"), evil],
    ]
    content = csv_of(rows, [*TITLES, f"notes{evil}"])
    preview(tmp_path, monkeypatch, content)
    preview(tmp_path, monkeypatch, content, "--json")
    preview(tmp_path, monkeypatch, f"na{evil}me\n1\n".encode())
    preview(tmp_path, monkeypatch, content, campaign=CAMPAIGN + '"\\u001b[2J" = 1')
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert not [letter for letter in text if letter != "\n" and not letter.isprintable()]


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (b"", [], "people: is empty"),
        (b"name\nx\n", [], "people: has no column 'phone'"),
        (b"PK\x03\x04", [], "people: cannot be read as an Excel file"),
        (csv_of([GOOD]), ["--at", "soon"], "--at is not an RFC 3339 time"),
        (csv_of([GOOD]), ["--profiles", "/nowhere"], "/nowhere: is not a folder"),
        (csv_of([GOOD]), ["--rejected", "/nowhere/out.csv"], "/nowhere/out.csv: cannot be written"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_exit_code_2(
    content: bytes,
    options: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert preview(tmp_path, monkeypatch, content, *options) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"pokea: {says}") and said.count("\n") == 1


def test_a_bad_campaign_and_a_list_that_is_not_there_are_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert preview(tmp_path, monkeypatch, csv_of([GOOD]), campaign='id = "c1"') == 2
    assert "campaign.toml: business: field required" in capsys.readouterr().err
    assert command(monkeypatch, str(tmp_path / "none.csv"), "--campaign", str(tmp_path / "campaign.toml")) == 2
    (tmp_path / "campaign.toml").write_text(CAMPAIGN, encoding="utf-8")
    assert command(monkeypatch, str(tmp_path / "none.csv"), "--campaign", str(tmp_path / "campaign.toml")) == 2
    assert "none.csv: cannot be read" in capsys.readouterr().err


def test_a_long_list_reports_its_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(campaign_preview, "PROGRESS_ROWS", 10)
    preview(tmp_path, monkeypatch, csv_of([person(f"07120000{n:02}") for n in range(25)]))
    said = capsys.readouterr().err.splitlines()
    assert said == ["10 rows looked through", "20 rows looked through", "10 rows previewed", "20 rows previewed"]


def test_without_a_time_it_is_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "people").write_bytes(csv_of([GOOD]))
    (tmp_path / "c.toml").write_text(CAMPAIGN, encoding="utf-8")
    options = campaign_preview.PreviewOptions(file=tmp_path / "people", campaign=tmp_path / "c.toml", as_json=True)
    assert campaign_preview.run_preview(options, lambda: NOW) == 0
    assert answer(capsys)["at"] == "2026-11-24T07:00:00Z"
