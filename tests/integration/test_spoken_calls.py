"""A real spoken call through the whole system: real sockets, real audio, real speech recognition. In `make faults` one of every agent,
side by side. What a desk refuses to play is tried here too, through the command."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from local.audio.analysis import load
from local.cli.demo import play
from local.cli.main import app
from local.demo.areas import AREAS
from local.demo.plan import Wanted, shifts
from local.demo.report import CallReport
from tests.house.rules import ROOT

PLAYED = {
    "booking": "interrupt",
    "receptionist": "handoff",
    "support": "balance",
    "leads": "cold",
    "dispatch": "delivery",
}


def spoken(agents: Collection[str], out: Path) -> dict[str, CallReport]:
    """The reports by agent."""
    today = datetime.now(UTC).astimezone(ZoneInfo("Africa/Nairobi")).date()
    played = tuple(PLAYED[agent] for agent in agents)
    wanted = Wanted(agents=AREAS, carriers=("observed",), only=played, seed=11)
    shift, *_ = shifts(wanted, today)
    strands = tuple(
        strand
        for strand in shift.strands
        if strand.area.agent in agents
        and not strand.drawn
        and [scenario.name for scenario in strand.scenarios] == [PLAYED[strand.area.agent]]
    )
    reports = asyncio.run(play([replace(shift, strands=strands)], out, quiet=True))
    return {report.agent: report for report in reports}


@pytest.mark.spoken
@pytest.mark.parametrize("agents", [("booking",), pytest.param(tuple(PLAYED), marks=pytest.mark.faults)], ids=len)
def test_a_spoken_call_of_every_agent_ends_as_it_must(tmp_path: Path, agents: tuple[str, ...]) -> None:
    reports = spoken(agents, tmp_path)
    assert {agent: report.scenario for agent, report in reports.items()} == {agent: PLAYED[agent] for agent in agents}
    assert {agent: report.problems for agent, report in reports.items() if not report.ok} == {}
    assert json.loads((tmp_path / "demo.json").read_text(encoding="utf-8"))
    for report in reports.values():
        assert load(tmp_path / report.recording).duration_ms > 10_000
        assert report.bill is not None and report.bill.state == "final" and len(report.bill.legs) >= 2
    assert reports["booking"].latency.barge_in_stop_ms is not None
    assert all(report.store for agent, report in reports.items() if agent != "receptionist")
    if "receptionist" in agents:
        human = tmp_path / reports["receptionist"].recording.replace(".wav", "-human.wav")
        assert load(human).duration_ms > 10_000, "the human's telephone is recorded too"


def refused(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.cli", "demo", "--out", str(out), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_an_unknown_agent_is_refused_in_one_line(tmp_path: Path) -> None:
    done = refused(tmp_path, "--agent", "plumber", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--agent: 'plumber' is not one of booking, receptionist, support, leads, dispatch, all" in done.stderr


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (("--engine", "gemini", "--real"), "GEMINI_API_KEY or POKEA_GEMINI_VERTEX is not set"),
        (("--engine", "hal"), "--engine: 'hal' is not one of offline, gemini, openai, openai-compatible, cascade, all"),
        (("--engine", "openai", "--kill", "--track", "mixed"), "--track: calls that lose their engine"),
    ],
)
def test_an_impossible_wish_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: tuple[str, ...], said: str
) -> None:
    for key in ("GEMINI_API_KEY", "POKEA_GEMINI_VERTEX"):
        monkeypatch.delenv(key, raising=False)
    done = CliRunner().invoke(app, ["demo", "--out", str(tmp_path), *wish])
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
