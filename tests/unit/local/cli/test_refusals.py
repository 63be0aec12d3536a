"""What a person can mend ends in one clear line that names the key, and exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.rules import ROOT

PROFILE = ROOT / "layers/core/pokea/profiles/whitedent.toml"


def run(*arguments: str, **environ: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.strip()


MISTAKES = (
    ('zone = "Africa/Nairobi"', 'zone = "Africa/Nirobi"', "zone"),
    ('number = "+254711000001"', 'number = "0711"', "line.number"),
    ('track = "inbound_track"', 'track = "outbound_track"', "line.track"),
    ("capacity = 1", "capacity = 0", "booking.capacity"),
    ("capacity = 1", "capasity = 1", "booking.capasity"),
    ('monday = ["08:00-17:00"]', 'monday = ["8-17"]', "hours.monday"),
)


def with_mistakes(folder: Path, count: int) -> list[Path]:
    text = PROFILE.read_text(encoding="utf-8")
    files = []
    for number, (old, new, _) in enumerate(MISTAKES[:count]):
        assert old in text
        file = folder / f"bad{number}.toml"
        file.write_text(text.replace(old, new), encoding="utf-8")
        files.append(file)
    return files


def test_each_malformed_profile_is_one_line_that_names_the_key(tmp_path: Path) -> None:
    code, error = run("local.cli", "profile", "check", *map(str, with_mistakes(tmp_path, len(MISTAKES))))
    assert code == 2
    lines = error.splitlines()
    assert len(lines) == len(MISTAKES)
    for number, (line, (_, _, key)) in enumerate(zip(lines, MISTAKES, strict=True)):
        assert f"bad{number}.toml: {key}:" in line


def test_a_stack_with_a_malformed_profile_does_not_start(tmp_path: Path) -> None:
    with_mistakes(tmp_path, 1)
    code, error = run("local.cli", "up", "--profiles", str(tmp_path), "--state", str(tmp_path))
    assert (code, len(error.splitlines())) == (2, 1)
    assert "bad0.toml: zone:" in error


def test_the_shipped_profile_is_sound() -> None:
    assert run("local.cli", "profile", "check", str(PROFILE))[0] == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POKEA_BRIDGE_PORT", "eighty"),
        ("POKEA_PLAYOUT_LEAD_MS", "-1"),
        ("POKEA_NO_SUCH_SETTING", "1"),
        ("POKEA_KILL_AUDIO", "maybe"),
    ],
)
def test_a_malformed_or_unknown_setting_stops_the_bridge_with_one_line(name: str, value: str) -> None:
    code, error = run(
        "bridge",
        **{"POKEA_STREAM_AUTH": "off", "POKEA_GEMINI_URL": "ws://127.0.0.1:9", "POKEA_BRIDGE_PORT": "1", name: value},
    )
    assert code == 2
    assert len(error.splitlines()) == 1
    assert name in error


def test_calling_without_a_running_stack_says_how_to_start_one(tmp_path: Path) -> None:
    code, error = run("local.cli", "call", "+254711000001", "--state", str(tmp_path))
    assert code == 2
    assert "pokea up" in error
