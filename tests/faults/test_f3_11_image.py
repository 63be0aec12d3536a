"""F3.11, the bridge's image: its steps run in a plain folder, and what they made runs as the image does. No container engine is needed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from local.processes import ROOT, free_port
from tests.contract.test_dockerfile import LINES

pytestmark = pytest.mark.faults
TOOLS = ROOT / ".venv-sam"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first stage's COPY and RUN, with this folder for the image's root and this Python for the base's."""
    root = tmp_path_factory.mktemp("image")
    work = root / "build"
    work.mkdir()
    first_stage = LINES[1 : next(n for n, line in enumerate(LINES) if n > 1 and line.startswith("FROM "))]
    for line in first_stage:
        word, _, rest = line.partition(" ")
        if word == "COPY":
            source, target = rest.split()
            _copy(ROOT / source, work / target if not target.startswith("/") else root / target[1:])
        elif word == "RUN":
            command = re.sub(r"(?<![\w/}])/app", f"{root}/app", rest).replace(
                "python -m venv", f"{sys.executable} -m venv"
            )
            run = subprocess.run(["sh", "-ec", command], cwd=work, capture_output=True, text=True, check=False)
            assert run.returncode == 0, run.stderr[-2_000:]
    return root


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def environ_of(image: Path, **own: str) -> dict[str, str]:
    """What ENV in the last stage gives, and nothing of this machine's."""
    found = {"PATH": f"{image}/app/.venv/bin:{os.defpath}"}
    for line in LINES:
        if line.startswith("ENV "):
            for name, _, value in (pair.partition("=") for pair in line.split()[1:]):
                if name != "PATH":
                    found[name] = value.replace("/app", f"{image}/app")
    return {**found, **own}


@pytest.fixture
def bridge(image: Path) -> Iterator[tuple[subprocess.Popen[bytes], Mapping[str, str]]]:
    own = {"POKEA_BRIDGE_PORT": str(free_port()), "POKEA_BRIDGE_WORKERS": "2", "POKEA_METRICS_S": "1"}
    # Loopback, because without AWS nobody could check a token; the relay too.
    environ = environ_of(
        image,
        **own,
        POKEA_BRIDGE_HOST="127.0.0.1",
        POKEA_RELAY_HOST="127.0.0.1",
        POKEA_STREAM_AUTH="off",
        GEMINI_API_KEY="no-key-of-anybody",
    )
    python = f"{image}/app/.venv/bin/python"
    process = subprocess.Popen([python, "-m", "bridge"], cwd=image / "app", env=environ, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        assert b"listening" in process.stderr.readline(), process.stderr.read()[-2_000:]
        yield process, environ
    finally:
        process.kill()
        process.communicate()


def alive(image: Path, environ: Mapping[str, str]) -> int:
    python = f"{image}/app/.venv/bin/python"
    return subprocess.run([python, "-m", "bridge.shell.alive"], cwd=image / "app", env=environ, timeout=20).returncode


def test_hadolint_finds_nothing() -> None:
    linter = TOOLS / "bin/hadolint"
    if not linter.exists():
        pytest.skip("make build has not set up its tools")
    run = subprocess.run([linter, "bridge/Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "")


def test_what_the_steps_made_answers_its_health_check_and_stops_when_told(
    image: Path, bridge: tuple[subprocess.Popen[bytes], Mapping[str, str]]
) -> None:
    process, environ = bridge
    assert alive(image, environ) == 0
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert alive(image, environ) == 1  # the broken one that the check is for


def test_a_bridge_writes_nothing_into_its_image(
    image: Path, bridge: tuple[subprocess.Popen[bytes], Mapping[str, str]]
) -> None:
    """Its file system is read-only at run time."""
    before = {path: path.stat().st_mtime_ns for path in image.rglob("*")}
    process, environ = bridge
    assert alive(image, environ) == 0
    process.terminate()
    process.wait(30)
    assert {path: path.stat().st_mtime_ns for path in image.rglob("*")} == before


def test_the_image_is_small_and_holds_no_simulator_and_no_test(image: Path) -> None:
    files = [path for path in (image / "app").rglob("*") if path.is_file() and not path.is_symlink()]
    megabytes = sum(path.stat().st_size for path in files) / 1_000_000
    print(f"\non top of its base: {megabytes:.0f} MB")
    assert megabytes < 260
    assert {path.name for path in (image / "app").iterdir()} == {".venv", "bridge", "layers"}
    assert not list((image / "app").rglob("*espeak*"))
    assert not list((image / "app/.venv").rglob("pip/__init__.py"))
