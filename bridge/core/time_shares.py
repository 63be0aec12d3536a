"""How the time of a call was spent: stretches are entered as they end, a few a turn, and counted once, when the call is over.

agent   from the first sample that the caller heard of an utterance to the last, without the pauses in it (the playout ledger)
caller  their turns, as our own ear hears them; where both spoke it is theirs
tools   from the question to its answer, while nobody spoke
hold    a person was being rung or briefed, whoever spoke meanwhile
        What is left is silence. So is, here, what a person says who took the caller over: it is no work of ours.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from bridge.core.playout import Utterance
from pokea.billing.usage import CallShares

Stretch: TypeAlias = tuple[int, int]  # from, to: milliseconds of the call
_KEPT = 16_384  # numbers of each kind, two for a stretch: four hours of turns of a second each


class Stretches:
    """In the order in which they ended. Beyond the limit they are not kept, and count as silence."""

    def __init__(self) -> None:
        self._times = array("i")

    def add(self, from_ms: float, to_ms: float) -> None:
        begin, end = max(0, round(from_ms)), round(to_ms)
        if begin < end and len(self._times) < _KEPT:
            self._times.extend((begin, end))

    def __iter__(self) -> Iterator[Stretch]:
        times = iter(self._times)
        return zip(times, times, strict=True)


class TimeShares:
    def __init__(self) -> None:
        self._agent, self._caller, self._hold = Stretches(), Stretches(), Stretches()
        self._heard_until_ms = float("-inf")  # the end of the caller's latest turn that was entered
        self.is_held = False
        self._held_since_ms = 0.0

    def agent(self, said: Utterance) -> None:
        """An utterance was heard to its end, or stopped."""
        if said.started_ms is None:
            return
        begin_ms, end_ms = said.started_ms, said.heard_until_ms
        for quiet_ms, again_ms in said.pauses:
            self._agent.add(begin_ms, min(quiet_ms, end_ms))
            begin_ms = max(begin_ms, again_ms)
        self._agent.add(begin_ms, end_ms)

    def caller(self, turns: Sequence[tuple[float, float | None]]) -> None:
        """The caller stopped. `turns`: their latest, oldest first; a running one has no end."""
        known_ms = self._heard_until_ms
        for started_ms, ended_ms in turns:
            if ended_ms is not None and ended_ms > known_ms:
                self._caller.add(started_ms, ended_ms)
                self._heard_until_ms = ended_ms

    def holds(self, is_held: bool, now_ms: float) -> None:
        """Whether a person is being rung or briefed. Said after every event, until it is over."""
        if is_held and not self.is_held:
            self._held_since_ms = now_ms
        elif not is_held and self.is_held:
            self._hold.add(self._held_since_ms, now_ms)
        self.is_held = is_held

    def of_call(
        self, now_ms: float, turns: Sequence[tuple[float, float | None]], tools: Iterable[Stretch]
    ) -> CallShares:
        """Of the call that ends now. `tools`: when each of them was waited for."""
        self.holds(False, now_ms)
        self.caller(turns)
        if turns and turns[-1][1] is None:
            self._caller.add(turns[-1][0], now_ms)
        return shares_of(int(now_ms), hold=self._hold, caller=self._caller, agent=self._agent, tools=tools)


def shares_of(
    total_ms: int,
    *,
    hold: Iterable[Stretch] = (),
    caller: Iterable[Stretch] = (),
    agent: Iterable[Stretch] = (),
    tools: Iterable[Stretch] = (),
) -> CallShares:
    """Every millisecond of the call once, for the first of these whose stretch covers it."""
    changes: list[tuple[int, int, int]] = []  # when, what, +1 or -1
    for kind, stretches in enumerate((hold, caller, agent, tools)):
        for begin, end in stretches:
            begin, end = max(0, begin), min(end, total_ms)
            if begin < end:
                changes += ((begin, kind, 1), (end, kind, -1))
    changes.sort()
    spent, open_now, before = [0, 0, 0, 0, 0], [0, 0, 0, 0], 0
    for at_ms, kind, step in (*changes, (total_ms, 0, 0)):
        spent[next((one for one, count in enumerate(open_now) if count), 4)] += at_ms - before
        before = at_ms
        open_now[kind] += step
    return CallShares(
        total_ms=total_ms,
        hold_ms=spent[0],
        caller_ms=spent[1],
        agent_ms=spent[2],
        tools_ms=spent[3],
        silence_ms=spent[4],
    )
