"""`pokea campaign import|start|…|status|results` against the routes themselves, over stores in memory."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.cli.campaign import ImportOptions, run_import, run_order, tables_of
from local.cli.campaign_api import CampaignApi, Refused
from local.cli.campaign_watch import Pace, in_one_line, run_list, run_results, run_status
from local.cli.cdr import Unreachable
from pokea.campaigns.contact import Disposition
from tests.support.campaign_samples import BUSINESS, MONDAY, contacts
from tests.unit.functions.test_campaigns_api import Front, settle

RULES = 'id = "year-end"\nbusiness = "mizani"\nname = "Year end"\nbegins = 2026-11-23T08:00:00+03:00\n[columns]\nphone = "Mobile"\n'
PROOF = "web form,I agree.,2026-10-02T09:14:00+03:00"


class Wire(httpx.BaseTransport):
    """The routes behind httpx. `failures`: answers that come first, a status or a cut connection."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self.failures: list[int | None] = []
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.failures:
            status = self.failures.pop(0)
            if status is None:
                raise httpx.ReadTimeout("cut", request=request)
            return httpx.Response(status, json={"error": {"code": "busy", "message": "busy"}})
        answer = self._front.client.request(
            request.method, request.url.raw_path.decode(), content=request.content, headers=dict(request.headers)
        )
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)


@pytest.fixture
def front() -> Front:
    return Front()


@pytest.fixture
def wire(front: Front) -> Wire:
    return Wire(front)


def api_of(wire: Wire, *keys: str) -> CampaignApi:
    return CampaignApi("http://testserver", {key: key for key in keys or ("both",)}, wire, pause=lambda _: None)


def write(tmp_path: Path, rows: list[str], rules: str = RULES) -> ImportOptions:
    listed, definition = tmp_path / "list.csv", tmp_path / "campaign.toml"
    header = "Mobile,Name,Consent source,Consent wording,Consent at,Plan"
    listed.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    definition.write_text(rules, encoding="utf-8")
    return ImportOptions(file=listed, campaign=definition, as_json=True)


def row(place: int) -> str:
    return f"+25472{place:07d},Person {place},{PROOF},basic"


def test_a_long_list_goes_in_batches_and_again_changes_nothing(
    front: Front, wire: Wire, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = write(tmp_path, [*map(row, range(1_200)), "12,Nobody,,,,", row(3)])
    assert run_import(options, lambda business: api_of(wire)) == 3
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["new"], told["kept"], told["merged"], told["rejected"]) == (1_200, 0, 1, 1)
    assert [len(json.loads(request.content)["contacts"]) for request in wire.requests[1:]] == [500, 500, 200]
    assert run_import(options, lambda business: api_of(wire)) == 3
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["new"], told["kept"]) == (0, 1_200)
    (stored, *_) = front.store.contacts(BUSINESS, "year-end")
    assert stored.fields == {"plan": "basic"}


def test_a_request_that_got_lost_is_sent_again(front: Front, wire: Wire, tmp_path: Path) -> None:
    wire.failures = [503, None, 502]
    assert run_import(write(tmp_path, [row(1)]), lambda business: api_of(wire)) == 0
    assert front.store.counts(BUSINESS, "year-end").contacts == 1
    wire.failures = [None] * 4
    with pytest.raises(Unreachable, match="ReadTimeout"):
        api_of(wire).standing("year-end")


def test_what_the_api_refuses_is_said_in_its_own_words(wire: Wire, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"no such campaign: `pokea campaign list` names those there are \(404\)"):
        run_order(api_of(wire), "nobody", "start", False)
    run_import(write(tmp_path, [row(1)]), lambda business: api_of(wire))
    with pytest.raises(Refused, match="has not been started"):
        run_order(api_of(wire), "year-end", "pause", False)
    with pytest.raises(Refused, match="scope"):
        run_order(api_of(wire, "reader"), "year-end", "start", False)


def test_whose_campaign_it_is_is_found_out(wire: Wire, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_import(write(tmp_path, [row(1)]), lambda business: api_of(wire))
    capsys.readouterr()
    api = api_of(wire, "other", "both")
    assert run_order(api, "year-end", "start", False) == 0
    assert "Year end (year-end): running" in capsys.readouterr().out
    assert api.keys == {"both": "both"}
    assert run_list(api_of(wire, "other", "both"), False) == 0
    assert "running" in capsys.readouterr().out


def test_the_standing_is_shown_until_the_campaign_is_over(
    front: Front, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    front.define(budget="100.00")
    front.store.add_contacts(contacts(4))
    front.order("start")
    looks: list[float] = []

    def wait(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            settle(front, 1, Disposition.HOT)
        if len(looks) == 4:
            front.order("cancel")

    assert run_status(api_of(wire), "year-end", watch=True, as_json=False, wait=wait) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "running: 4 waiting", "running: 3 waiting, 1 done [1 hot]", "cancelled: 3 waiting, 1 done [1 hot]",
    ]  # fmt: skip
    assert run_status(api_of(wire), "year-end", watch=False, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["money"]["micros_per_qualified"] == 3_000_000
    assert run_status(api_of(wire), "year-end", watch=False, as_json=False) == 0
    shown = capsys.readouterr().out
    assert "1 of 4 contacts settled" in shown and "spent KES 3.00 of KES 100.00, KES 3.00 a qualified lead" in shown


def test_while_nobody_may_be_rung_the_standing_says_from_when_on(
    front: Front, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    front.define()
    later = [replace(contact, due_at=MONDAY + timedelta(hours=9), reason="hours") for contact in contacts(2)]
    front.store.add_contacts(later)
    assert run_status(api_of(wire), "year-end", watch=False, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["next"] is None  # of one that was not started nobody is due
    front.order("start")
    assert run_status(api_of(wire), "year-end", watch=False, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)["next"]
    assert datetime.fromisoformat(found["at"]) == later[0].due_at and found["reason"] == "hours"
    assert run_status(api_of(wire), "year-end", watch=False, as_json=False) == 0
    when = later[0].due_at.astimezone()
    assert f"the next call is due {when:%a %Y-%m-%d %H:%M %z} (hours)" in capsys.readouterr().out
    front.store.add_contacts(contacts(3)[2:])
    assert run_status(api_of(wire), "year-end", watch=False, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["next"] is None  # somebody is due now


def test_on_a_terminal_the_standing_is_drawn_over_itself(
    front: Front, wire: Wire, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    front.define()
    front.store.add_contacts(contacts(4))
    front.order("start")
    monkeypatch.setenv("FORCE_COLOR", "1")  # which makes rich take it for a terminal
    monkeypatch.setenv("TERM", "xterm")

    def wait(seconds: float) -> None:
        front.order("cancel")

    assert run_status(api_of(wire), "year-end", watch=True, as_json=False, wait=wait) == 0
    shown = capsys.readouterr().out
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert plain.count("0 of 4 contacts settled") >= 2 and "cancelled" in plain
    assert "\x1b[1A" in shown  # the cursor goes up, and the lines are written again


def test_after_an_order_and_an_import_it_is_said_what_comes_next(
    wire: Wire, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = replace(write(tmp_path, [row(1)]), as_json=False)
    assert run_import(options, lambda business: api_of(wire)) == 0
    assert "start it with: pokea campaign start year-end" in capsys.readouterr().out
    assert run_order(api_of(wire), "year-end", "start", False) == 0
    assert "how it goes: pokea campaign status year-end --watch" in capsys.readouterr().out
    nobody = replace(write(tmp_path, ["12,Nobody,,,,"], RULES.replace("year-end", "empty")), as_json=False)
    assert run_import(nobody, lambda business: api_of(wire)) == 3
    shown = capsys.readouterr()
    assert "nobody can be rung" in shown.out and "--rejected OUT.csv" in shown.err


def test_results_are_one_file_however_many_pages_they_came_in(
    front: Front, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.define()
    front.store.add_contacts(contacts(1_203))
    api = api_of(wire)
    out = tmp_path / "results.csv"
    assert run_results(api, "year-end", "csv", out) == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
    assert len({found["number"] for found in rows}) == len(rows) == 1_203
    assert run_results(api, "year-end", "json", tmp_path / "results.json") == 0
    whole = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert (len(whole["people"]), whole["campaign"]["id"], whole["version"]) == (1_203, "year-end", 1)


def test_how_fast_it_goes_is_measured_over_the_last_minute() -> None:
    def look(seconds: int, done: int) -> dict[str, Any]:
        return {
            "at": f"2026-11-23T08:{seconds // 60:02d}:{seconds % 60:02d}+00:00",
            "states": {"done": done, "excluded": 0},
        }

    pace = Pace()
    assert [pace.per_minute(look(*at)) for at in ((0, 0), (30, 10), (60, 20), (120, 20), (180, 20))] == [
        None, 20.0, 20.0, 0.0, 0.0,
    ]  # fmt: skip


def test_what_only_reads_a_list_is_not_sent_along() -> None:
    assert tables_of({"id": "x", "columns": {"phone": "Mobile"}, "fields": None}, ["plan"]) == {
        "id": "x",
        "fields": ["plan"],
    }


def test_a_line_says_nothing_of_what_is_not_there() -> None:
    standing = {"campaign": {"state": "paused", "reason": "owner"}, "states": {"waiting": 0}, "dispositions": {}}
    assert in_one_line(standing) == "paused (owner): nobody on the list"
