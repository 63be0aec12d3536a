"""What functions/voice loads before it can answer: a caller hears ringing meanwhile. `bench/import_cost.py` measures the time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOO_HEAVY = (
    "boto3", "botocore.session", "botocore.client", "urllib3", "pydantic", "pydantic_core", "httpx", "httpcore", "fastapi", "starlette",
    "mangum", "jwt", "cryptography", "phonenumbers", "numpy", "yaml", "holidays", "zoneinfo", "pokea.booking", "pokea.profile",
    "pokea.agents", "pokea.ports", "pokea.toolkit", "pokea.adapters.sautikit_rest", "pokea.adapters.clients",
    "aws_lambda_powertools.utilities.idempotency", "aws_lambda_powertools.utilities.parser", "aws_lambda_powertools.utilities.parameters",
)  # fmt: skip
MAX_MODULES = 420  # 340 to 380 by version of Python; a bare interpreter has 35


def loaded_by(statement: str) -> set[str]:
    program = f"import json, sys; {statement}; print(json.dumps(list(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def test_the_voice_function_loads_nothing_heavy() -> None:
    modules = loaded_by("import functions.voice.app")
    assert "functions.voice.wiring" in modules
    assert sorted(modules & set(TOO_HEAVY)) == []
    assert len(modules) <= MAX_MODULES


def test_the_stream_status_function_starts_as_thin() -> None:
    assert (
        sorted(loaded_by("import functions.stream_status.app") & {"boto3", "pydantic", "httpx", "fastapi", "jwt"}) == []
    )


def test_the_function_that_keeps_detail_records_imports_its_web_framework_with_the_first_request_only() -> None:
    heavy = {"fastapi", "starlette", "mangum", "httpx", "boto3", "numpy", "jwt", "cryptography"}
    modules = loaded_by("import functions.cdr.app")
    assert "functions.cdr.clerk" in modules
    assert sorted(modules & heavy) == []


def test_the_planner_of_campaigns_imports_its_web_framework_with_the_first_request_only() -> None:
    modules = loaded_by("import functions.campaigns.app")
    assert "functions.campaigns.planner" in modules
    assert sorted(modules & {"fastapi", "starlette", "mangum", "httpx", "boto3", "numpy"}) == []


def test_a_report_that_nobody_can_make_costs_no_library_that_makes_one() -> None:
    heavy = {"boto3", "duckdb", "jinja2", "fastapi", "local.aws", "local.stack"}
    assert sorted(loaded_by("import local.cli.report") & heavy) == []
