"""`pokea numbers` and `pokea doctor` as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from local.cli.main import app
from pokea.errors import RejectedInput


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    for name in ("SAUTIKIT_API_KEY", "POKEA_PUBLIC_URL", "POKEA_CARRIER_ROUTE"):
        monkeypatch.delenv(name, raising=False)
    return CliRunner()


@pytest.mark.parametrize("other", [["--voice-url", "https://x"], ["--events-url", "https://x"], ["--sign"]])
def test_undo_goes_alone(runner: CliRunner, other: list[str]) -> None:
    result = runner.invoke(app, ["numbers", "route", "+254711000001", "--undo", *other])
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["claim", "0711000001"], "E.164"),
        (["route", "0711000001"], "E.164"),
        (["claim", "+254711000001"], "pokea up"),
        (["list"], "SAUTIKIT_API_KEY"),
    ],
)
def test_what_a_person_can_mend_is_one_line(runner: CliRunner, tmp_path: Path, words: list[str], says: str) -> None:
    result = runner.invoke(app, ["numbers", *words, "--state", str(tmp_path)])
    assert isinstance(result.exception, RejectedInput)
    assert says in result.exception.message
    assert "\n" not in result.exception.message


def test_the_doctor_knows_its_checks_by_name(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["doctor", "--only", "wallets", "--state", str(tmp_path)])
    assert isinstance(result.exception, RejectedInput)
    assert "settings, profiles, numbers, webhook, clock, model, bridge, wallet, aws, clips" in result.exception.message
