"""`pokea campaign suppress|lift|suppressions` against the routes themselves, over stores in memory."""

from __future__ import annotations

import json

import httpx
import pytest

from local.cli.campaign_api import TRIES, CampaignApi, Refused
from local.cli.cdr import Unreachable
from local.cli.suppress import run_lift, run_suppress, run_suppressions
from tests.unit.local.cli.test_campaign import Wire, api_of, front, wire

__all__ = ["front", "wire"]
NUMBER = "+254722000111"
METRIC = '{"_aws"'  # the routes are in this process, and metrics go to stdout


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().out.splitlines() if not line.startswith(METRIC)]


def test_numbers_are_suppressed_found_and_lifted(wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    api = api_of(wire)
    assert run_suppress(api, [NUMBER, "0722 000 112"], "by letter", as_json=False) == 0
    assert said(capsys) == [
        f"{NUMBER}: suppressed; taken off 0 lists",
        "0722 000 112: suppressed; taken off 0 lists",
    ]
    assert run_suppress(api, [NUMBER], "again", as_json=False) == 0
    assert "suppressed already" in said(capsys)[0]
    assert run_lift(api, NUMBER, "signed again", as_json=False) == 0
    assert run_suppress(api, [NUMBER], "a second letter", as_json=True) == 0
    capsys.readouterr()
    assert run_suppressions(api, NUMBER, "", as_json=False) == 0
    latest, before = said(capsys)
    assert "by the business: a second letter" in latest and "lifted" not in latest
    assert "by letter; lifted" in before and before.endswith(": signed again")


def test_a_day_without_anybody_says_so(wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_suppressions(api_of(wire), "", "2026-01-01", as_json=False) == 0
    assert said(capsys) == ["nobody"]
    run_suppress(api_of(wire), [NUMBER], "by letter", as_json=True)
    capsys.readouterr()
    assert run_suppressions(api_of(wire), "", "", as_json=True) == 0
    assert [one["reason"] for one in json.loads(said(capsys)[0])["suppressions"]] == ["by letter"]


def test_no_number_stands_in_an_address(wire: Wire) -> None:
    run_suppress(api_of(wire), [NUMBER], "by letter", as_json=True)
    run_suppressions(api_of(wire), NUMBER, "", as_json=True)
    run_lift(api_of(wire), NUMBER, "signed again", as_json=True)
    assert all("254" not in str(request.url) for request in wire.requests)


def test_it_must_be_clear_for_which_business(wire: Wire) -> None:
    with pytest.raises(Unreachable, match=r"--business both \| other"):
        run_suppress(api_of(wire, "both", "other"), [NUMBER], "by letter", as_json=False)
    assert wire.requests == []


def test_a_bad_number_among_good_ones_keeps_none_of_them_callable(
    wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = [NUMBER, "12", "0722 000 112"]
    assert run_suppress(api_of(wire), numbers, "by letter", as_json=False) == 2
    first, bad, last = said(capsys)
    assert first == f"{NUMBER}: suppressed; taken off 0 lists"
    assert bad.startswith("12: NOT suppressed: ") and bad.endswith("(400)")
    assert last == "0722 000 112: suppressed; taken off 0 lists"
    assert run_suppress(api_of(wire), numbers, "by letter", as_json=True) == 2
    first, bad, last = json.loads(said(capsys)[0])["suppressions"]
    assert (bad["number"], first["is_new"], last["is_new"]) == ("12", False, False) and bad["error"].endswith("(400)")


def test_a_number_that_nobody_answered_for_is_told_of_and_the_next_one_is_tried(
    wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    wire.failures = [None] * TRIES
    assert run_suppress(api_of(wire), [NUMBER, "0722 000 112"], "by letter", as_json=False) == 2
    lost, kept = said(capsys)
    assert lost == f"{NUMBER}: NOT suppressed: http://testserver: no answer (ReadTimeout)"
    assert kept == "0722 000 112: suppressed; taken off 0 lists"


def test_what_is_not_found_and_is_no_campaign_is_told_in_the_servers_own_words() -> None:
    def api(body: object) -> CampaignApi:
        answers = httpx.MockTransport(lambda request: httpx.Response(404, json=body))
        return CampaignApi("http://testserver", {"both": "key"}, answers)

    unknown = {"error": {"code": "no_such_business", "message": "the business is not known here"}}
    with pytest.raises(Refused, match=r"^the business is not known here \(404\)$"):
        api(unknown).suppress(NUMBER, "by letter")
    with pytest.raises(Refused, match=r"^the business is not known here \(404\)$"):
        api(unknown).every()
    with pytest.raises(Refused, match=r"^Not Found \(404\)$"):  # a deployment that has no such route yet
        api({"message": "Not Found"}).suppressions("")
    with pytest.raises(Refused, match="no such campaign"):
        api({"error": {"code": "no_such_campaign", "message": "there is none"}}).standing("spring")


def test_what_is_not_suppressed_cannot_be_lifted(wire: Wire) -> None:
    with pytest.raises(Refused, match="not suppressed"):
        run_lift(api_of(wire), NUMBER, "signed again", as_json=False)
