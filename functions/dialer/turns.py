"""The turn of one attempt. A request goes out in its turn and while what the gate saw is fresh, or not at all.

Between the turn and the request the attempt is stored, and a slow store takes so long for that that the turn is over. Then another turn is
taken, the gate is asked once more for whatever may have changed since, and nothing has to be stored any more before the request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pokea.campaigns.gate import Dial, Way
from pokea.campaigns.pacing import LATE_S
from pokea.clock import Clock
from pokea.errors import Unavailable

FRESH = timedelta(seconds=1)  # what the gate saw is worth so long
FRESH_S = FRESH.total_seconds()
LEAD_S = 0.3  # what is stored between the gate and the carrier takes less, most of the time
MOST_LEAD_S = 0.7  # more would let the gate's answer grow too old
PATIENCE_S = 2.0  # a dialer waits so long for a turn; who would wait longer comes back
TURNS = 3  # that are taken in the place of one that was missed
MARGIN = 1.5  # a step is reckoned to take so many times what it took last
TURN_MISSED = "turn_missed"
GATE_SHUT = "gate_shut"  # it was open when the attempt was noted
Wait = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """`turn_from`: the first turn from an instant on, None if there is none soon. `look`: what the gate says of the attempt by now."""

    turn_from: Callable[[datetime], datetime | None]
    look: Callable[[], Way]


class InTurn:
    """One attempt's: waits for `turn`, and takes others. `looked_at`: when the gate was asked."""

    def __init__(self, asking: Asking, *, turn: datetime, looked_at: datetime, clock: Clock, wait: Wait) -> None:
        self._asking = asking
        self._turn, self._looked_at = turn, looked_at
        self._clock, self._wait = clock, wait
        self.missed = 0
        self.came_at: datetime | None = None

    def come(self) -> None:
        """Returns when the request may go out, which it has to do at once. Raises Unavailable: it must not."""
        self.came_at = self._clock.now()
        turn_takes_s = look_takes_s = LEAD_S / 2
        for _ in range(TURNS):
            self._until(self._turn)
            if self._is_in_time():
                return
            self.missed += 1
            began = self._clock.now()
            self._take(began + timedelta(seconds=turn_takes_s + look_takes_s))
            turn_takes_s = max(turn_takes_s, MARGIN * self._since(began))
            self._until(self._turn - timedelta(seconds=look_takes_s))
            self._look()
            look_takes_s = min(max(look_takes_s, MARGIN * self._since(self._looked_at)), FRESH_S - LATE_S)
        self._until(self._turn)
        if not self._is_in_time():
            raise Unavailable(TURN_MISSED, "the turn is over, or what the gate saw is too old")

    def _take(self, wanted: datetime) -> None:
        turn = self._asking.turn_from(wanted)
        if turn is None:
            raise Unavailable(TURN_MISSED, "the turn is over, and there is no other one soon")
        self._turn = turn

    def _look(self) -> None:
        self._looked_at = self._clock.now()
        if not isinstance(self._asking.look(), Dial):
            raise Unavailable(GATE_SHUT, "the gate has been shut meanwhile")

    def _is_in_time(self) -> bool:
        now = self._clock.now()
        return now - self._turn < timedelta(seconds=LATE_S) and now - self._looked_at < FRESH

    def _until(self, moment: datetime) -> None:
        early_s = (moment - self._clock.now()).total_seconds()
        if early_s > 0:
            self._wait(early_s)

    def _since(self, moment: datetime) -> float:
        return (self._clock.now() - moment).total_seconds()


class Lead:
    """How long before its turn an attempt is begun: as long as it lately took to be stored."""

    def __init__(self) -> None:
        self.s = LEAD_S

    def took(self, seconds: float) -> None:
        """What was stored between the gate and the carrier took so long. Longer counts at once, shorter by and by."""
        wanted = min(max(LEAD_S, MARGIN * seconds), MOST_LEAD_S)
        self.s = wanted if wanted > self.s else (self.s + wanted) / 2
