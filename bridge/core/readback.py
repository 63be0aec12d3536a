"""Binds a proposal's nonce to the utterance that reads it back, and attests what was heard of it and answered.

A proposal's result goes to the model; the next utterance the model begins is its read-back, whatever it says. An interruption voids that
utterance for good: only a new result with a nonce arms the watch again.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.core.playout import Speaker, Utterance
from pokea.ids import Nonce
from pokea.toolkit import CallerTurn, Evidence, ReadBack

_TURNS_ATTESTED = 16


class ReadBackWatch:
    def __init__(self) -> None:
        self._nonce: Nonce | None = None
        self._utterance: Utterance | None = None
        self._since_ms = 0.0

    def expect(self, nonce: str, now_ms: float) -> None:
        """The next utterance of the model reads this proposal back."""
        self._nonce, self._utterance, self._since_ms = Nonce(nonce), None, now_ms

    def began(self, utterance: Utterance) -> None:
        if self._nonce is not None and self._utterance is None and utterance.speaker is Speaker.MODEL:
            self._utterance = utterance

    def evidence(self, now_ms: float, turns: Iterable[tuple[float, float | None]]) -> Evidence:
        """What can be attested at `now_ms`. Times are rounded so that neither side of a comparison gains."""
        since = [_turn(started, ended) for started, ended in turns if ended is None or ended >= self._since_ms]
        return Evidence(
            at_ms=int(now_ms), read_back=self._read_back(now_ms), caller_turns=tuple(since[-_TURNS_ATTESTED:])
        )

    def _read_back(self, now_ms: float) -> ReadBack | None:
        if self._nonce is None:
            return None
        spoken = self._utterance
        if spoken is None:
            return ReadBack(self._nonce, None, 0, 0, None)
        finished = spoken.finished_at_ms(now_ms)
        return ReadBack(
            self._nonce,
            None if spoken.started_ms is None else int(spoken.started_ms),
            spoken.generated_ms(),
            spoken.heard_ms(now_ms),
            None
            if finished is None
            else -int(-finished // 1),  # up: a caller who starts in that millisecond has not answered
        )


def _turn(started_ms: float, ended_ms: float | None) -> CallerTurn:
    return CallerTurn(int(started_ms), None if ended_ms is None else int(ended_ms))


def to_json(evidence: Evidence) -> dict[str, object]:
    """The form in which a tool call carries it."""
    read_back = evidence.read_back
    return {
        "at_ms": evidence.at_ms,
        "read_back": None
        if read_back is None
        else {
            "nonce": read_back.nonce,
            "started_at_ms": read_back.started_at_ms,
            "generated_ms": read_back.generated_ms,
            "heard_ms": read_back.heard_ms,
            "finished_at_ms": read_back.finished_at_ms,
        },
        "caller_turns": [
            {"started_at_ms": turn.started_at_ms, "ended_at_ms": turn.ended_at_ms} for turn in evidence.caller_turns
        ],
    }
