"""The agents of the demo by name, in the order in which they are played."""

from __future__ import annotations

from importlib import import_module

from local.demo.scenario import Area

AREAS = ("booking", "receptionist", "support", "leads", "dispatch")


def area_of(agent: str) -> Area:
    area: Area = import_module(f"local.demo.{agent}").AREA
    return area
