"""How long callers wait: for each turn, from the caller's last sample of speech to the first sample of the answer that they heard.

Both ends are our own: the caller's by our own ear, the agent's by the playout ledger. Fillers and prompts answer nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from bridge.core.playout import Speaker, Utterance

TURNS_KEPT = 500


class TurnClock:
    def __init__(self) -> None:
        self.latency_ms: list[int] = []
        self._answered_until_ms = -inf

    def over(self, utterance: Utterance, turns: Sequence[tuple[float, float | None]]) -> None:
        """An utterance was heard, or stopped. `turns`: the caller's, oldest first; a running one has no end."""
        started_ms = utterance.started_ms
        if utterance.speaker is not Speaker.MODEL or started_ms is None or len(self.latency_ms) >= TURNS_KEPT:
            return
        ended_ms = next((end for _, end in reversed(turns) if end is not None and end <= started_ms), None)
        if ended_ms is None or ended_ms <= self._answered_until_ms:
            return
        self._answered_until_ms = ended_ms
        self.latency_ms.append(int(started_ms - ended_ms))
