"""F3.11, what is deployed: `sam build` without containers, and its artefacts run by an interpreter that has nothing else to import from.

The build for this machine is what runs here; the one for Lambda differs from it by its wheels and its bytecode. Sizes are bounded,
times of import are reported.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.artefacts import LAYER, Artefact, breaches, functions_in, measure
from local.processes import ROOT
from tests.support.store import RunningAws

pytestmark = pytest.mark.faults
BUILD = ROOT / ".aws-sam/host"
# Function, event, and what must be in the answer: nothing is stored yet, so each says so in its own way.
ANSWERS = {
    "VoiceFunction": ("ringing", '"statusCode": 200'),
    "StreamStatusFunction": ("call-completed", '"statusCode": 200'),
    "ToolsFunction": ("tools-open", '"ok": false'),
    "RecordsFunction": ("ended", '"batchItemFailures": []'),
    "ApiFunction": ("healthz", '"statusCode": 200'),
    "ReportsFunction": ("reports-schedule", ""),
    "ProactiveFunction": ("deliveries", '"batchItemFailures"'),
    "CdrFunction": ("cdr", '"batchItemFailures": []'),
    "SettlerFunction": ("campaign-ended", '"batchItemFailures": []'),
    "WebhooksFunction": ("campaign-finished", '"itemIdentifier": "8b0f36b4-'),  # of no campaign that is stored
    "WalletFunction": ("wallet", ""),
    "ReaperFunction": ("task-stopped", '"bridges": 0'),
    "CalendarsFunction": ("calendars", '"failed": 0'),
    "DialerFunction": ("dial", '"batchItemFailures"'),
    "CampaignsFunction": ("campaigns-plan", ""),
}
# Unpacked, bytecode included, without the layer. A figure that is passed is a package that came along unseen.
MEGABYTES = {"ApiFunction": 8, "CampaignsFunction": 8, "CdrFunction": 8, "RecordsFunction": 60, "ReportsFunction": 100}
OTHERS_MB = 1
LAYER_MB = 140


@pytest.fixture(scope="module")
def build() -> Path:
    made = subprocess.run(
        ["make", "build", "HOST=1"], cwd=ROOT, capture_output=True, text=True, env=_environ_of_a_user(), check=False
    )
    assert made.returncode == 0, made.stdout[-2_000:] + made.stderr[-2_000:]
    return BUILD


def _environ_of_a_user() -> dict[str, str]:
    """Neither this test run's settings nor a developer's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("POKEA_", "AWS_", "MAKE"))}


@pytest.fixture(scope="module")
def environ(local_aws: RunningAws) -> Iterator[Mapping[str, str]]:
    yield {
        "PATH": os.defpath,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",  # so that handlers warm up as they do there
        **local_aws.aws.environ(),
        **local_aws.aws.queue_environ("built"),
        "POKEA_PUBLIC_URL": "https://api.example.com",
        "POKEA_BRIDGE_URL": "wss://bridge.example.com",
        "POKEA_WEBHOOK_AUTH": "path",
        "POKEA_WEBHOOK_PATH_SECRET": "a-path-secret-for-examples",
        "POKEA_TOKEN_KEY": "k" * 64,
        "POKEA_CAMPAIGN_SCHEDULES": "built",
        "POKEA_CAMPAIGN_SCHEDULE_ROLE": "arn:aws:iam::000000000000:role/local",
        "POKEA_CAMPAIGN_SCHEDULE_TARGET": "arn:aws:lambda:local:000000000000:function:built:live",
        "SAUTIKIT_API_KEY": "no-key-of-anybody",
        "SAUTIKIT_API_BASE": "http://127.0.0.1:9",  # nobody listens there
    }


def invoke(folder: Path, layer: Path, handler: str, event: str, environ: Mapping[str, str]) -> dict[str, Any]:
    paths = os.pathsep.join([str(folder), str(layer / "python")])  # as Lambda has /var/task before /opt/python
    program = [sys.executable, "-S", str(ROOT / "tests/support/invoke_built.py"), handler, str(ROOT / "events" / event)]
    run = subprocess.run(program, env={**environ, "PYTHONPATH": paths}, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3_000:]
    return dict(json.loads(run.stdout.splitlines()[-1]))


def test_every_function_of_the_template_is_built_and_has_an_event_here(build: Path) -> None:
    assert set(functions_in(build)) == set(ANSWERS)


@pytest.mark.parametrize("function", ANSWERS)
def test_a_handler_answers_from_what_was_built(
    build: Path, environ: Mapping[str, str], function: str, record_property: Any
) -> None:
    event, expected = ANSWERS[function]
    handler = functions_in(build)[function]
    came = invoke(build / function, build / LAYER, handler, f"{event}.json", environ)
    record_property("import_ms", came["import_ms"])
    print(f"\n{function}: imported in {came['import_ms']} ms")
    assert came["stray"] == []
    assert expected in json.dumps(came["reply"]), came["reply"]


def test_sizes_are_known_and_bounded(build: Path) -> None:
    handlers = functions_in(build)
    layer = measure(LAYER, build / LAYER)
    artefacts = [measure(name, build / name) for name in handlers]
    assert breaches(layer, artefacts, handlers) == []
    assert layer.megabytes <= LAYER_MB
    for artefact in artefacts:
        print(f"\n{artefact.name}: {artefact.megabytes:.1f} MB")
        assert artefact.megabytes <= MEGABYTES.get(artefact.name, OTHERS_MB), artefact.name


def test_bytecode_is_of_the_python_that_runs_it_and_is_not_checked_against_sources(build: Path) -> None:
    tag = sys.implementation.cache_tag
    for name in (LAYER, *functions_in(build)):
        assert measure(name, build / name).is_compiled_for(tag), name
    module = build / LAYER / "python/pokea/__pycache__" / f"errors.{tag}.pyc"
    module = module if module.exists() else next((build / LAYER / "python/pokea").rglob("*.pyc"))
    assert int.from_bytes(module.read_bytes()[4:8], "little") == 0b01  # PEP 552: by hash, unchecked


def test_a_function_carries_nothing_that_the_layer_brings(build: Path) -> None:
    of_layer = {path.name for path in (build / LAYER / "python").glob("*.dist-info")}
    assert any(name.startswith("boto3-") for name in of_layer)
    for name in functions_in(build):
        assert not {path.name for path in (build / name).glob("*.dist-info")} & of_layer, name


def test_a_function_that_lost_its_code_or_its_layer_does_not_pass(
    build: Path, environ: Mapping[str, str], tmp_path: Path
) -> None:
    """The broken builds that these checks are for."""
    handler = functions_in(build)["VoiceFunction"]
    broken = tmp_path / "VoiceFunction"
    shutil.copytree(build / "VoiceFunction", broken)
    (tmp_path / "no-layer").mkdir()
    with pytest.raises(AssertionError, match="ModuleNotFoundError"):
        invoke(broken, tmp_path / "no-layer", handler, "ringing.json", environ)
    shutil.rmtree(broken / "functions/voice")
    lost = measure("VoiceFunction", broken)
    assert breaches(measure(LAYER, tmp_path), [lost], {"VoiceFunction": handler}) == [
        "VoiceFunction: functions/voice/app.py is not in it"
    ]
    fat = Artefact("VoiceFunction", build / "VoiceFunction", 251.0, 0, {})
    assert len(breaches(measure(LAYER, tmp_path), [fat], {"VoiceFunction": handler})) == 1
