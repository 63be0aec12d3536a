"""What a person can mend ends in one clear line that names the key, and exit code 2."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge import __main__ as bridge
from local.cli.main import main
from tests.house.rules import ROOT

Pokea = Callable[..., tuple[int, str]]
PROFILE = ROOT / "layers/core/pokea/profiles/whitedent.toml"


@pytest.fixture
def pokea(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pokea:
    """The command from its entry point on, in this process: one of its own takes a second to begin."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["pokea", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, capsys.readouterr().err.strip()

    return run


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


def test_each_malformed_profile_is_one_line_that_names_the_key(pokea: Pokea, tmp_path: Path) -> None:
    code, error = pokea("profile", "check", *map(str, with_mistakes(tmp_path, len(MISTAKES))))
    assert code == 2
    lines = error.splitlines()
    assert len(lines) == len(MISTAKES)
    for number, (line, (_, _, key)) in enumerate(zip(lines, MISTAKES, strict=True)):
        assert f"bad{number}.toml: {key}:" in line


def test_a_stack_with_a_malformed_profile_does_not_start(pokea: Pokea, tmp_path: Path) -> None:
    with_mistakes(tmp_path, 1)
    code, error = pokea("up", "--profiles", str(tmp_path), "--state", str(tmp_path))
    assert (code, len(error.splitlines())) == (2, 1)
    assert "bad0.toml: zone:" in error


def test_the_shipped_profile_is_sound(pokea: Pokea) -> None:
    assert pokea("profile", "check", str(PROFILE))[0] == 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"POKEA_BRIDGE_PORT": "eighty"}, "POKEA_BRIDGE_PORT"),
        ({"POKEA_PLAYOUT_LEAD_MS": "-1"}, "POKEA_PLAYOUT_LEAD_MS"),
        ({"POKEA_NO_SUCH_SETTING": "1"}, "POKEA_NO_SUCH_SETTING"),
        ({"POKEA_BRIGDE_PORT": "8090"}, "POKEA_BRIGDE_PORT"),
        ({"POKEA_KILL_AUDIO": "maybe"}, "POKEA_KILL_AUDIO"),
        ({"POKEA_BRIDGE_HOST": "0.0.0.0"}, "POKEA_STREAM_AUTH"),
        ({"POKEA_STREAM_AUTH": "on"}, "POKEA_TOOLS_FUNCTION"),
        ({"POKEA_IDLE_ASK_S": "20"}, "POKEA_IDLE_GOODBYE_S"),
    ],
)
def test_a_malformed_or_unknown_setting_stops_the_bridge_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: dict[str, str], named: str
) -> None:
    """As a process: tests/integration/test_bridge_process.py."""
    ways = {"POKEA_STREAM_AUTH": "off", "POKEA_GEMINI_URL": "ws://127.0.0.1:9", "POKEA_BRIDGE_PORT": "1"}
    for name, value in {**ways, **settings}.items():
        monkeypatch.setenv(name, value)
    quietened = logging.getLogger("aiofastnet")
    monkeypatch.setattr(quietened, "level", quietened.level)  # it is put back
    assert bridge.main() == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert named in error


def test_calling_without_a_running_stack_says_how_to_start_one(pokea: Pokea, tmp_path: Path) -> None:
    code, error = pokea("call", "+254711000001", "--state", str(tmp_path))
    assert code == 2
    assert "pokea up" in error
