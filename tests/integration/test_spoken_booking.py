"""One real spoken call through the whole system: real sockets, real audio, real speech recognition. Takes about a minute."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.rules import ROOT


def demo(out: Path, *arguments: str) -> tuple[int, list[dict[str, object]], str]:
    command = [
        sys.executable,
        "-m",
        "local.cli",
        "demo",
        "--engine",
        "offline",
        "--json",
        "--out",
        str(out),
        *arguments,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else [], done.stderr


@pytest.mark.spoken
def test_a_spoken_call_books_the_time_that_was_asked_for(tmp_path: Path) -> None:
    code, reports, errors = demo(
        tmp_path, "--agent", "booking", "--carrier", "observed", "--scenario", "interrupt", "--seed", "11"
    )
    assert code == 0, errors or [report["problems"] for report in reports]
    assert {(report["scenario"], report["carrier"]) for report in reports} == {("interrupt", "observed")}
    for report in reports:
        assert report["ok"] is True
        assert (tmp_path / str(report["recording"])).stat().st_size > 16_000 * 2 * 2 * 10
        assert report["latency"]["barge_in_stop_ms"] is not None  # type: ignore[index]
        assert report["store"], "the appointment is in the store"


def test_an_unknown_agent_is_refused_in_one_line(tmp_path: Path) -> None:
    code, reports, errors = demo(tmp_path, "--agent", "plumber")
    assert (code, reports) == (2, [])
    assert "--agent: 'plumber' is not one of booking, all" in errors


def test_the_real_model_needs_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    command = [sys.executable, "-m", "local.cli", "demo", "--engine", "gemini"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "GEMINI_API_KEY is not set" in done.stderr
