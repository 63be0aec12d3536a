"""`pokea calls`: what an operator reads of a call."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.cli.calls import Shelf, run_list, run_show
from pokea.ids import SessionId
from tests.support.control_plane import LINE, NOW, SESSION, ControlPlane, opened

DAY = NOW.date().isoformat()
KEY = f"recordings/{LINE.business_id}/{DAY}/{SESSION}.wav"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    plane = ControlPlane()
    token = str(opened(plane, plane.ring())["result"]["call_token"])
    said = [
        {"who": "agent", "text": "Hello", "at_ms": 40},
        {"who": "caller", "text": "A cleaning please", "at_ms": 900},
    ]
    close = {
        "operation": "close",
        "call_token": token,
        "reason": "goodbye",
        "duration_ms": 61_000,
        "transcript": said,
        "language": "en",
        "latency_ms": [700, 900],
        "turns": [[4_000, 300, 300, 0, 40, 60], [9_000, 300, 400, 100, 40, 60]],
        "tools": [{"name": "findTimes", "status": "ok", "took_ms": 120, "at_ms": 9_000}],
        "recording": {"key": KEY, "bytes": 64_044, "ms": 1_000},
    }
    assert plane.tools(close, None)["ok"]
    assert plane.write_records() == []
    plane.ring(sessionId="HD_under_way")
    path = tmp_path / "spool" / "30" / KEY.removeprefix("recordings/")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"RIFF")
    return Shelf(plane.calls, plane.closings, plane.bookings, (tmp_path / "spool",))


def test_a_call_is_shown_whole(shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_show(tmp_path, SESSION, False, lambda _: shelf) == 0
    text = capsys.readouterr().out
    for part in (
        "delivered_info",
        "taken by the bridge",
        "findTimes: ok (120 ms)",
        "caller: A cleaning please",
        "p50 700 ms",
        "of that, p50 each: endpointing 300, model 300, tool 0, pacing 40, playout 60 ms",
        "[rules]",
    ):
        assert part in text
    assert f"{LINE.business_id}/{DAY}/{SESSION}.wav" in text


def test_the_same_as_json(shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_show(tmp_path, SESSION, True, lambda _: shelf) == 0
    story = json.loads(capsys.readouterr().out)
    assert (story["disposition"], story["latency_p90_ms"], story["language"]) == ("delivered_info", 900, "en")
    assert [*story["latency_parts_p50_ms"].values()] == [300, 300, 0, 40, 60]
    assert story["transcript"][1] == {"who": "caller", "text": "A cleaning please", "at_ms": 900}
    assert story["recording"]["path"].endswith(f"{SESSION}.wav")


def test_a_call_whose_record_is_not_written_yet_says_so(
    shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_show(tmp_path, SessionId("HD_under_way"), False, lambda _: shelf) == 0
    assert "not written yet" in capsys.readouterr().out


def test_a_day_is_listed(shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_list(tmp_path, "", DAY, False, None, lambda _: shelf) == 0
    assert capsys.readouterr().out.count(SESSION) == 1
    assert run_list(tmp_path, LINE.business_id, DAY, True, None, lambda _: shelf) == 0
    assert [record["session_id"] for record in json.loads(capsys.readouterr().out)] == [SESSION]
    assert run_list(tmp_path, LINE.business_id, "2020-01-01", False, None, lambda _: shelf) == 0
    assert "no calls" in capsys.readouterr().out


@pytest.mark.parametrize(("session", "day"), [("HD_unknown", ""), (SESSION, "yesterday")])
def test_what_is_not_there_is_one_line(
    shelf: Shelf, tmp_path: Path, session: str, day: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        run_list(tmp_path, "", day, False, None, lambda _: shelf)
        if day
        else run_show(tmp_path, session, False, lambda _: shelf)
    )
    assert code in (1, 2)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_a_stack_or_a_table_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("POKEA_CORE_TABLE", raising=False)
    assert run_show(tmp_path, SESSION, False) == 2
    assert "POKEA_CORE_TABLE" in capsys.readouterr().err
