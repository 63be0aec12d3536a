"""Binds a proposal's nonce to the words that read it back, and attests what was heard of them and answered.

A proposal's result goes to the model; what the model says next is its read-back, whatever it says: every utterance from the first one on
until its turn is over, because some models speak a turn in several parts. An interruption voids them for good, and so does the loss of
the model before it began: only a new result with a nonce arms the watch again. What was heard stays heard when connections change.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.core.playout import Speaker, Utterance
from pokea.ids import Nonce
from pokea.toolkit import CallerTurn, Evidence, ReadBack

_TURNS_ATTESTED = 16
_PARTS_AT_MOST = 64


class ReadBackWatch:
    def __init__(self) -> None:
        self._nonce: Nonce | None = None
        self._parts: list[Utterance] = []
        self._said = False  # the model has sent all of it, as far as it says
        self._closed = False  # what is said from now on is not part of it
        self._since_ms = 0.0

    def expect(self, nonce: str, now_ms: float) -> None:
        """What the model says next reads this proposal back."""
        self._nonce, self._since_ms = Nonce(nonce), now_ms
        self._parts, self._said, self._closed = [], False, False

    def began(self, utterance: Utterance) -> None:
        if self._nonce is None or self._closed or utterance.speaker is not Speaker.MODEL:
            return
        if len(self._parts) < _PARTS_AT_MOST:
            self._parts.append(utterance)
        self._said = False

    def spoken(self) -> None:
        """The model has sent all of what it wants to say for now."""
        self._said = self._said or bool(self._parts and not self._closed)

    def turn_over(self) -> None:
        """The model waits for the caller."""
        if self._parts and not self._closed:
            self._said = self._closed = True

    def stopped(self) -> None:
        """The caller stopped the model: what it says from now on is something else."""
        if self._parts:
            self._closed = True

    def lost(self) -> None:
        """The model is gone. Unless it had said all of the read-back, nobody will have heard it: the next one's first words are others."""
        self._closed = True

    def is_heard(self, now_ms: float) -> bool:
        """The whole read-back of the latest proposal was heard."""
        return self._finished_ms(now_ms) is not None

    def evidence(self, now_ms: float, turns: Iterable[tuple[float, float | None]]) -> Evidence:
        """What can be attested at `now_ms`. Times are rounded so that neither side of a comparison gains."""
        since = [_turn(started, ended) for started, ended in turns if ended is None or ended >= self._since_ms]
        return Evidence(
            at_ms=int(now_ms), read_back=self._read_back(now_ms), caller_turns=tuple(since[-_TURNS_ATTESTED:])
        )

    def _read_back(self, now_ms: float) -> ReadBack | None:
        if self._nonce is None:
            return None
        if not self._parts:
            return ReadBack(self._nonce, None, 0, 0, None)
        started, finished = self._parts[0].started_ms, self._finished_ms(now_ms)
        return ReadBack(
            self._nonce,
            None if started is None else int(started),
            sum(part.generated_ms() for part in self._parts),
            sum(part.heard_ms(now_ms) for part in self._parts),
            None
            if finished is None
            else -int(-finished // 1),  # up: a caller who starts in that millisecond has not answered
        )

    def _finished_ms(self, now_ms: float) -> float | None:
        if not self._said:
            return None
        ends = [part.finished_at_ms(now_ms) for part in self._parts]
        return None if None in ends else max((end for end in ends if end is not None), default=None)


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
