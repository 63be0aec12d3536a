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
    command = [sys.executable, "-m", "local.cli", "demo", "--out", str(tmp_path), *wish]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
