"""F3.11: `sam deploy` itself, to the emulator, by exactly the lines that docs/deploy.md shows."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local.processes import ROOT, free_port
from tests.support.deployed import alone, client, until

pytestmark = pytest.mark.faults
STACK = "pokea-emulated"


def lines() -> list[str]:
    """The blocks of the section, in their order."""
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    section = page.partition("## Deploy it without an account")[2].partition("\n## ")[0]
    return re.findall(r"```\n(.*?)```", section, re.S)


@contextmanager
def terminal(block: str, environ: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        shell = subprocess.Popen(
            ["bash", "-ec", block], cwd=ROOT, env=environ, stdout=out, stderr=out, start_new_session=True
        )
        try:
            yield
        finally:
            os.killpg(shell.pid, signal.SIGTERM)  # as Ctrl-C ends everything that the terminal runs
            shell.wait(60)


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/_ministack/health", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_the_lines_of_the_guide_deploy_the_template_and_its_functions_run(tmp_path: Path) -> None:
    first, second = lines()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "PORT": str(port),
        "TMPDIR": str(tmp_path),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    with terminal(first, environ, tmp_path / "emulator.log"), alone():
        until(lambda: is_up(url), 60, "the emulator did not start")
        ran = subprocess.run(
            ["bash", "-ec", second], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout[-3_000:] + ran.stderr[-3_000:]
        assert ran.stdout.rstrip().endswith('{"ok": true, "result": {}}')
        (stack,) = client(url, "cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        (table,) = (each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == "CoreTableName")
        items = client(url, "dynamodb").scan(TableName=table)["Items"]
        assert [item["pk"]["S"] for item in items if "lease" in item["pk"]["S"]], "the beat left no lease"
