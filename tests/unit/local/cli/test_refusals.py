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


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('zone = "Africa/Nairobi"', 'zone = "Africa/Nirobi"', "zone"),
        ('number = "+254711000001"', 'number = "0711"', "line.number"),
        ('track = "inbound_track"', 'track = "outbound_track"', "line.track"),
        ("capacity = 1", "capacity = 0", "booking.capacity"),
        ("capacity = 1", "capasity = 1", "booking.capasity"),
        ('monday = ["08:00-17:00"]', 'monday = ["8-17"]', "hours.monday"),
    ],
)
def test_a_malformed_profile_is_one_line_that_names_the_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    text = PROFILE.read_text(encoding="utf-8")
    assert old in text
    bad = tmp_path / "bad.toml"
    bad.write_text(text.replace(old, new), encoding="utf-8")
    for command in (
        ("local.cli", "profile", "check", str(bad)),
        ("local.cli", "up", "--profiles", str(tmp_path), "--state", str(tmp_path)),
    ):
        code, error = run(*command)
        assert code == 2
        assert len(error.splitlines()) == 1
        assert f"bad.toml: {key}:" in error


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
