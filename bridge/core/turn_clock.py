"""How long callers wait: for each turn, from the caller's last sample of speech to the first sample of the answer that they heard.

Both ends are our own: the caller's by our own ear, the agent's by the playout ledger; and so is what lies between them. Fillers and
prompts answer nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from math import inf

from bridge.core.playout import Speaker, Utterance
from bridge.core.time_shares import Stretch
from pokea.turn_latency import TurnLatency, measured

TURNS_KEPT = 500
TOOLS_IN_A_TURN = 16  # more are not looked at
_ENDS_KEPT = 8  # a turn is answered before the caller has stopped so often again, or never


def _none(now_ms: float) -> Iterable[Stretch]:
    return ()


class TurnClock:
    def __init__(self) -> None:
        self.turns: list[TurnLatency] = []
        self._answered_until_ms = -inf
        self._decided: deque[tuple[float, float]] = deque(maxlen=_ENDS_KEPT)  # the end of a turn, and when our ear knew

    @property
    def latency_ms(self) -> list[int]:
        return [turn.latency_ms for turn in self.turns]

    def stopped(self, turns: Sequence[tuple[float, float | None]], now_ms: float) -> None:
        """Our ear has just called it the end of the latest of the caller's turns."""
        if turns and (ended_ms := turns[-1][1]) is not None:
            self._decided.append((ended_ms, now_ms))

    def over(
        self,
        utterance: Utterance,
        turns: Sequence[tuple[float, float | None]],
        waits: Callable[[float], Iterable[Stretch]] = _none,
        now_ms: float = 0.0,
    ) -> TurnLatency | None:
        """An utterance was heard, or stopped: the turn that it answered, if it was the first to do so. `turns`: the caller's, oldest first;
        a running one has no end. `waits`: when tools were waited for, as of now."""
        started_ms = utterance.started_ms
        if utterance.speaker is not Speaker.MODEL or started_ms is None or len(self.turns) >= TURNS_KEPT:
            return None
        ended_ms = next((end for _, end in reversed(turns) if end is not None and end <= started_ms), None)
        if ended_ms is None or ended_ms <= self._answered_until_ms:
            return None
        self._answered_until_ms = ended_ms
        decided_ms = next((at_ms for end_ms, at_ms in self._decided if end_ms == ended_ms), None)
        marks_ms = (ended_ms, decided_ms, utterance.received_ms, utterance.sent_ms, started_ms)
        answered = measured(marks_ms, waits(now_ms))
        self.turns.append(answered)
        return answered
