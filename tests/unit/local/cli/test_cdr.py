"""`pokea cdr`: what it asks of the API, and what it says of the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from local.cli.cdr import Api, Unreachable, api_of, lines_of, run_reconcile, run_show
from local.cli.main import app
from local.cli.running import ADDRESS_FILE

LEG: dict[str, Any] = {
    "leg": "callee", "direction": "outbound", "state": "final", "version": 2, "status": "completed", "talk_seconds": 40,
    "charge": "2.00", "currency": "KES", "carrier_charge": "4.00", "carrier_currency": "KES", "model_cost": None, "findings": [],
    "unknowns": [], "unrated": "",
}  # fmt: skip
STREAM = {**LEG, "leg": "stream", "direction": "stream", "carrier_charge": None, "unknowns": ["no record of streams"]}
FOUND = {"kind": "wrong_rate", "evidence": "call HD_1, leg callee"}


class Server:
    """Answers as the API of two businesses: each knows its own call."""

    def __init__(self, legs: list[dict[str, Any]], settled: bool = True) -> None:
        self.asked: list[tuple[str, str, str, Any]] = []
        self.body = {"call": "HD_1", "settled": settled, "legs": legs}

    def answer(self, request: httpx.Request) -> httpx.Response:
        key = request.headers["authorization"].removeprefix("Bearer ")
        body = json.loads(request.content) if request.content else None
        self.asked.append((request.method, request.url.path, key, body))
        if body is not None and "call" not in body:
            return httpx.Response(202, json={"days": 2})
        if key != "second":
            return httpx.Response(404, json={"error": {"code": "no_such_call", "message": "there is no such call"}})
        return httpx.Response(200, json=self.body)

    def api(self, *keys: str) -> Api:
        return Api("http://api.test", {key: key for key in keys}, httpx.MockTransport(self.answer))


@pytest.mark.parametrize(
    ("legs", "is_settled", "code"),
    [([LEG], True, 0), ([{**LEG, "findings": [FOUND]}], True, 1), ([LEG], False, 3)],
)
def test_the_exit_code_tells_whether_something_differs(legs: list[dict[str, Any]], is_settled: bool, code: int) -> None:
    assert run_show(Server(legs, is_settled).api("second"), "HD_1", False) == code


def test_every_business_of_the_stack_is_asked_until_one_knows_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server([LEG])
    assert run_show(server.api("first", "second", "third"), "HD_1", True) == 0
    assert [key for _, _, key, _ in server.asked] == ["first", "second"]
    assert json.loads(capsys.readouterr().out)["call"] == "HD_1"
    assert run_show(server.api("first"), "HD_1", False) == 2
    assert capsys.readouterr().err == "pokea: there is no such call (404)\n"


def test_a_call_is_reconciled_and_shown() -> None:
    server = Server([LEG])
    assert run_reconcile(server.api("second"), {"call": "HD_1"}, False) == 0
    assert server.asked == [("POST", "/cdr/reconcile", "second", {"call": "HD_1"})]


def test_days_are_queued_for_every_business(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server([])
    assert run_reconcile(server.api("first", "second"), {"from": "2031-03-01", "to": "2031-03-02"}, False) == 0
    assert len(server.asked) == 2
    assert "first: 2 days queued" in capsys.readouterr().out


def test_unknown_is_shown_as_unknown() -> None:
    text = "\n".join(lines_of({"call": "HD_1", "settled": True, "legs": [{**LEG, "findings": [FOUND]}, STREAM]}))
    assert "ours     KES 2.00  carrier     KES 4.00" in text
    assert "carrier      unknown  model unknown" in text
    assert "! callee: wrong_rate: call HD_1, leg callee" in text and "? stream: no record of streams" in text


def test_a_running_stack_is_found_by_its_state_folder(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        api_of(tmp_path, "", "", "")
    address = {"carrier_url": "c", "gateway_url": "http://127.0.0.1:1", "records_dir": "r"}
    (tmp_path / ADDRESS_FILE).write_text(json.dumps(address))
    (tmp_path / "api_keys.json").write_text(json.dumps({"a": "ka", "b": "kb"}))
    assert api_of(tmp_path, "", "", "").keys == {"a": "ka", "b": "kb"}
    assert api_of(tmp_path, "", "", "b") == Api("http://127.0.0.1:1", {"b": "kb"})
    assert api_of(tmp_path, "https://api.example.com", "k", "") == Api("https://api.example.com", {"": "k"})
    for url, key, business in (("https://api.example.com", "", ""), ("", "k", ""), ("", "", "nobody")):
        with pytest.raises(Unreachable):
            api_of(tmp_path, url, key, business)


@pytest.mark.parametrize("arguments", [["cdr", "reconcile"], ["cdr", "show", "HD_1"]])
def test_where_nobody_can_be_asked_it_ends_with_2(tmp_path: Path, arguments: list[str]) -> None:
    assert CliRunner().invoke(app, [*arguments, "--state", str(tmp_path)]).exit_code == 2
