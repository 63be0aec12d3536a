"""The product must not know the demo: no line, name or date of a scenario may stand in what is deployed."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from local.caller import Rule
from local.demo.areas import AREAS, area_of
from local.engine.names import NAMES
from tests.house.rules import ROOT

DEPLOYED = ("layers", "functions", "bridge")
TODAY = date(2026, 11, 21)


def deployed_sources() -> list[Path]:
    return [
        path for folder in DEPLOYED for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".toml", ".json")
    ]


def scenario_lines() -> set[str]:
    lines: set[str] = set()
    for area in map(area_of, AREAS):
        wish = area.fixed(TODAY, "+254722000200")
        for scenario in (one for plot in (*area.plots, *area.drawn_plots) for one in plot.scenarios):
            rules: list[Rule] = [*scenario.rules(wish), *(scenario.human.rules if scenario.human else ())]
            lines |= {rule.say for rule in rules} | {one.say for one in scenario.interruptions(wish)}
    return {line for line in lines if len(line.split()) >= 4}


def test_no_scenario_line_stands_in_deployed_code() -> None:
    lines = scenario_lines()
    assert len(lines) >= 5
    for path in deployed_sources():
        text = path.read_text(encoding="utf-8").lower()
        assert not [line for line in lines if line.lower() in text], path


def test_no_caller_name_of_the_demo_stands_in_deployed_code() -> None:
    names = re.compile(r"\b(" + "|".join(re.escape(name) for name in NAMES) + r")\b", re.IGNORECASE)
    for path in deployed_sources():
        assert not names.search(path.read_text(encoding="utf-8")), path


def test_the_search_would_find_a_line_that_is_there() -> None:
    assert any("appointment" in line for line in scenario_lines())
