"""The agents by name. A profile's line names one of them."""

from __future__ import annotations

from pokea.agents.base import Agent, Caller, Desk
from pokea.agents.booking import BookingAgent
from pokea.errors import NotFound

__all__ = ["NAMES", "Agent", "Caller", "Desk", "get"]

_AGENTS: dict[str, Agent] = {agent.name: agent for agent in (BookingAgent(),)}
NAMES = tuple(_AGENTS)


def get(name: str) -> Agent:
    """The agent of that name. Raises NotFound."""
    try:
        return _AGENTS[name]
    except KeyError:
        raise NotFound("no_such_agent", f"{name!r} is not one of {', '.join(NAMES)}") from None
