"""The product must not know the demo: no line, name or date of a scenario may stand in what is deployed."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from local.caller import Rule
from local.demo.booking import DRAWN_STRANDS, STRANDS
from local.demo.wishes import Wish, fixed_wish
from local.engine.names import NAMES
from tests.house.rules import ROOT

DEPLOYED = ("layers", "functions", "bridge")
TODAY = date(2026, 11, 21)


def deployed_sources() -> list[Path]:
    return [
        path for folder in DEPLOYED for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".toml", ".json")
    ]


def scenario_lines(wish: Wish) -> set[str]:
    scenarios = [scenario for strand in (*STRANDS, *DRAWN_STRANDS) for scenario in strand]
    rules: list[Rule] = [rule for scenario in scenarios for rule in scenario.rules(wish)]
    lines = {rule.say for rule in rules} | {one.say for scenario in scenarios for one in scenario.interruptions(wish)}
    return {line for line in lines if len(line.split()) >= 4}


def test_no_scenario_line_stands_in_deployed_code() -> None:
    lines = scenario_lines(fixed_wish(TODAY))
    assert len(lines) >= 5
    for path in deployed_sources():
        text = path.read_text(encoding="utf-8").lower()
        assert not [line for line in lines if line.lower() in text], path


def test_no_caller_name_of_the_demo_stands_in_deployed_code() -> None:
    names = re.compile(r"\b(" + "|".join(re.escape(name) for name in NAMES) + r")\b", re.IGNORECASE)
    for path in deployed_sources():
        assert not names.search(path.read_text(encoding="utf-8")), path


def test_the_search_would_find_a_line_that_is_there() -> None:
    assert any("appointment" in line for line in scenario_lines(fixed_wish(TODAY)))
