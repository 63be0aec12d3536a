"""What the control plane sends and what the bridge reads are the same names."""

from __future__ import annotations

from bridge.core import context
from pokea.desk.agent import PHRASES


def test_every_fixed_line_of_an_agent_is_known_to_the_bridge() -> None:
    assert set(PHRASES) <= set(context._PHRASES)
