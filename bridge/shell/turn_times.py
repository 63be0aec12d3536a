"""What callers of one worker waited for, until it is told to CloudWatch: each turn once, the parts beside the whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from pokea.turn_latency import TurnLatency

VALUES_A_LINE = 100  # of one metric, as the embedded format has it
KEPT = 2_000  # a worker that has more than these in one interval tells of the latest
METRICS: Mapping[str, Callable[[TurnLatency], int]] = {
    "ReplyLatencyMs": lambda turn: turn.latency_ms,
    "EndpointingMs": lambda turn: turn.endpointing_ms,
    "ModelMs": lambda turn: turn.model_ms,
    "ToolMs": lambda turn: turn.tool_ms,
    "PacingMs": lambda turn: turn.pacing_ms,
    "PlayoutMs": lambda turn: turn.playout_ms,
}


class TurnTimes:
    def __init__(self) -> None:
        self._turns: deque[TurnLatency] = deque(maxlen=KEPT)

    def add(self, turn: TurnLatency) -> None:
        self._turns.append(turn)

    def take(self) -> dict[str, list[int]]:
        """What one line can hold of each metric; {} once there is nothing left."""
        turns = [self._turns.popleft() for _ in range(min(len(self._turns), VALUES_A_LINE))]
        return {name: [part(turn) for turn in turns] for name, part in METRICS.items()} if turns else {}
