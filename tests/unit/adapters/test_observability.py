from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import pytest

from pokea.adapters.observability import FIELDS, Log, classified
from pokea.errors import Conflict
from pokea.phone_numbers import E164

ROOT = Path(__file__).resolve().parents[3]


def test_numbers_are_masked_to_their_last_two_digits() -> None:
    assert classified({"a_number": E164("+254700000001")}) == {"a_number": "+254…01"}
    assert classified({"reason": "busy +254700000001 and 0712345678"}) == {"reason": "busy …01 and …78"}


def test_ids_stay_whole() -> None:
    fields = {"session_id": "HD_012345678901", "call_id": "12345678-1234-1234-1234-123456789012"}
    assert classified(dict(fields)) == fields


def test_a_field_that_nobody_classified_is_dropped_and_named() -> None:
    assert classified({"transcript": "my card is…"}) == {"unclassified": ["transcript"]}


def test_long_values_are_cut() -> None:
    assert classified({"reason": "x" * 999}) == {"reason": "x" * 200}


def test_of_an_error_only_type_code_and_place_are_logged() -> None:
    stream = io.StringIO()
    try:
        raise Conflict("stale", "Amina Otieno, +254700000001")
    except Conflict as error:
        Log("test-observability", stream).error("failed", error)
    line = json.loads(stream.getvalue())
    assert (line["message"], line["error"], line["code"]) == ("failed", "Conflict", "stale")
    assert line["at"].startswith("test_observability.py:")
    assert "Amina" not in stream.getvalue()


def test_a_metric_is_one_line_in_the_embedded_format(capsys: pytest.CaptureFixture[str]) -> None:
    Log("test-observability", io.StringIO()).count("StreamFailed", moment="mid_call")
    line = json.loads(capsys.readouterr().out)
    assert line["StreamFailed"] == [1.0]
    assert (line["service"], line["moment"]) == ("test-observability", "mid_call")
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Pokea"


def logged_fields() -> list[tuple[str, str]]:
    """(file, field) of every `log.info/warning/error` in product code."""
    found = []
    for path in [*ROOT.glob("functions/**/*.py"), *ROOT.glob("bridge/**/*.py"), *ROOT.glob("layers/core/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                if node.func.attr in ("info", "warning", "error") and owner.split(".")[-1].strip("_") == "log":
                    found += [(path.name, keyword.arg or "**") for keyword in node.keywords]
    return found


def test_every_field_that_product_code_logs_is_classified() -> None:
    fields = logged_fields()
    assert len(fields) > 10
    assert [(file, name) for file, name in fields if name not in FIELDS] == []
