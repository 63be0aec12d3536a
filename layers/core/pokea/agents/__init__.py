"""The agents by name. Each is a module of this package with an `AGENT`; a profile's line names one.

A module is loaded when its agent is first asked for, so that a function pays only for the agents it runs.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from pokea.desk.base import Agent, Caller, Desk
from pokea.errors import NotFound

__all__ = ["INTERNAL", "NAMES", "Agent", "Caller", "Desk", "get"]

INTERNAL = frozenset({"whisper"})  # run by ourselves: no line and no request may ask for one
NAMES = tuple(sorted({module.name for module in iter_modules(__path__)} - INTERNAL))


@cache
def get(name: str) -> Agent:
    """The agent of that name. Raises NotFound."""
    if name not in NAMES and name not in INTERNAL:
        raise NotFound("no_such_agent", f"{name!r} is not one of {', '.join(NAMES)}")
    agent: Agent = import_module(f"{__name__}.{name}").AGENT
    return agent
