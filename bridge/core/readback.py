"""Binds a proposal's nonce to the words that read it back, and attests what was heard of them and answered.

A proposal's result goes to the model; what the model says next is its read-back, whatever it says: every utterance from the first one on
until its turn is over, because some models speak a turn in several parts. An interruption voids them for good, and so does the loss of
the model before it began. From then on only the words of the proposal themselves, said again from their beginning to their end in one
turn, count as its read-back; whatever else is said does not. What was heard stays heard when connections change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bridge.core.playout import Speaker, Utterance
from pokea.ids import Nonce
from pokea.toolkit import CallerTurn, Evidence, ReadBack

_TURNS_ATTESTED = 16
_PARTS_AT_MOST = 64


class ReadBackWatch:
    def __init__(self) -> None:
        self._nonce: Nonce | None = None
        self._words: list[str] = []  # what the proposal wants to be read back as
        self._parts: list[Utterance] = []
        self._said = False  # the model has sent all of it, as far as it says
        self._closed = False  # what is said from now on is not part of it
        self._again: list[Utterance] = []  # the latest turn after the read-back was closed
        self._again_said = False  # the model has sent all of it, as far as it says
        self._again_over = False  # what is said from now on is another turn
        self._since_ms = 0.0

    def expect(self, nonce: str, now_ms: float, say: str = "") -> None:
        """What the model says next reads this proposal back. `say`: the words it was asked to use."""
        if say or nonce != self._nonce:
            self._words = _words(say)
        self._nonce, self._since_ms = Nonce(nonce), now_ms
        self._begin_again()
        self._parts, self._said, self._closed = [], False, False

    def _begin_again(self) -> None:
        self._again, self._again_said, self._again_over = [], False, False

    def began(self, utterance: Utterance) -> None:
        if self._nonce is None or utterance.speaker is not Speaker.MODEL:
            return
        if self._closed:
            self._began_again(utterance)
            return
        if len(self._parts) < _PARTS_AT_MOST:
            self._parts.append(utterance)
        self._said = False

    def _began_again(self, utterance: Utterance) -> None:
        """Another turn, or more of it: it may be the read-back once more, said sentence by sentence."""
        if self._again_over:
            if self._is_again():
                self._parts, self._said = self._again, True
            self._begin_again()
        if len(self._again) < _PARTS_AT_MOST:
            self._again.append(utterance)
        self._again_said = False

    def spoken(self) -> None:
        """The model has sent all of what it wants to say for now."""
        self._said = self._said or bool(self._parts and not self._closed)
        self._again_said = bool(self._again)

    def turn_over(self) -> None:
        """The model waits for the caller."""
        if self._parts and not self._closed:
            self._said = self._closed = True
        self._again_said = self._again_over = bool(self._again)

    def stopped(self) -> None:
        """The caller stopped the model: what it says from now on is something else."""
        if self._parts:
            self._closed = True
        self._again_said = self._again_over = bool(self._again)

    def lost(self) -> None:
        """The model is gone. Unless it had said all of the read-back, nobody will have heard it: the next one's first words are others."""
        self._closed = True
        self._again_said = self._again_over = bool(self._again)

    def is_heard(self, now_ms: float) -> bool:
        """The whole read-back of the latest proposal was heard."""
        return self._heard(now_ms)[1] is not None

    def _heard(self, now_ms: float) -> tuple[list[Utterance], float | None]:
        """The utterances that count as the read-back, and when the last sample of them was heard, if it was."""
        finished_ms = _finished_ms(self._parts, now_ms) if self._said else None
        if finished_ms is None and self._again_said:
            again_ms = _finished_ms(self._again, now_ms)
            if again_ms is not None and self._is_again():
                return self._again, again_ms
        return self._parts, finished_ms

    def _is_again(self) -> bool:
        """The latest turn after the read-back was closed was the read-back, by its words."""
        return bool(self._words) and _holds(_words(" ".join(part.text for part in self._again)), self._words)

    def evidence(self, now_ms: float, turns: Iterable[tuple[float, float | None]]) -> Evidence:
        """What can be attested at `now_ms`. Times are rounded so that neither side of a comparison gains."""
        since = [_turn(started, ended) for started, ended in turns if ended is None or ended >= self._since_ms]
        return Evidence(
            at_ms=int(now_ms), read_back=self._read_back(now_ms), caller_turns=tuple(since[-_TURNS_ATTESTED:])
        )

    def _read_back(self, now_ms: float) -> ReadBack | None:
        if self._nonce is None:
            return None
        parts, finished = self._heard(now_ms)
        if not parts:
            return ReadBack(self._nonce, None, 0, 0, None)
        started = parts[0].started_ms
        return ReadBack(
            self._nonce,
            None if started is None else int(started),
            sum(part.generated_ms() for part in parts),
            sum(part.heard_ms(now_ms) for part in parts),
            None
            if finished is None
            else -int(-finished // 1),  # up: a caller who starts in that millisecond has not answered
        )


def _finished_ms(parts: Sequence[Utterance], now_ms: float) -> float | None:
    """When the last sample was heard, if all of them were."""
    ends = [part.finished_at_ms(now_ms) for part in parts]
    return None if None in ends else max((end for end in ends if end is not None), default=None)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _holds(said: Sequence[str], words: Sequence[str]) -> bool:
    """`words` stand in `said`, all of them and in a row."""
    length = len(words)
    return any(list(said[at : at + length]) == list(words) for at in range(len(said) - length + 1))


def _turn(started_ms: float, ended_ms: float | None) -> CallerTurn:
    """Whoever spoke already when their line came to us has spoken since the call began, by this clock."""
    return CallerTurn(max(0, int(started_ms)), None if ended_ms is None else max(0, int(ended_ms)))


def to_json(evidence: Evidence, keys: str = "") -> dict[str, object]:
    """The form in which a tool call carries it. `keys`: what the caller keyed in for the tool alone."""
    read_back = evidence.read_back
    return {
        **({"keys": keys} if keys else {}),
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
