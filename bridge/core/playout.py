"""What the caller has heard, computed from our own clock and from nothing that a model or a switch claims.

Samples are sent on an absolute schedule, so the last sample sent will have been played at a known time (`end_ms`), and what is still to
come before it has not been heard yet. Heard ≤ sent ≤ generated always holds, because it is how the figures are made.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

_PAUSES_KEPT = 256
_LIVE_LIMIT = 64  # utterances generated and not yet heard; more means a model that never stops


class Speaker(StrEnum):
    """What kind of utterance it is, which decides what may stop it and what it proves."""

    MODEL = "model"
    GREETING = "greeting"
    PROMPT = "prompt"  # asks a silent caller
    FILLER = "filler"  # tells a waiting caller that somebody is there
    FAREWELL = "farewell"  # our own last words: nothing interrupts them


@dataclass(slots=True, eq=False)
class Utterance:
    """One stretch of agent speech. Counts are samples at the switch's rate."""

    speaker: Speaker
    rate_hz: int
    text: str = ""
    item: str = ""  # the provider's name for this part of a turn
    generated: int = 0
    sent: int = 0  # different samples that the switch was sent and still has or has played
    kept: int = 0  # heard before the last hold: saying some of them again does not unsay them
    again: int = 0  # of the samples to be sent next, how many were heard already
    skipped: int = 0  # never sent, because their time had passed
    before_gap: int = 0  # of `sent`, what was sent before the line last fell silent within the utterance
    gap_ms: float = 0.0  # when that was
    pauses: list[tuple[float, float]] = field(default_factory=list)  # each such silence, from and to
    received_ms: float | None = None  # when its first sample came from the model
    sent_ms: float | None = None  # when that left
    started_ms: float | None = None  # when it is heard
    end_ms: float = 0.0  # when its last sent sample will have been heard
    complete: bool = False  # no more samples will come
    broken: bool = False  # it ended in mid-sentence: the model was lost
    cut_ms: float | None = None
    heard_at_cut: int = 0

    def heard(self, now_ms: float) -> int:
        """Samples heard by `now_ms`; fixed once the utterance was cut."""
        if self.cut_ms is not None:
            return self.heard_at_cut
        ahead = max(0.0, self.end_ms - now_ms)
        heard = self.sent - round(ahead * self.rate_hz / 1000)
        if heard < self.before_gap:  # the silence is ahead, too
            heard = self.before_gap - round(max(0.0, self.gap_ms - now_ms) * self.rate_hz / 1000)
        return max(self.kept, heard)

    def goes_on(self, at_ms: float) -> None:
        """The line had fallen silent within it, and its next sample will be heard then."""
        self.before_gap, self.gap_ms = self.sent, self.end_ms
        if len(self.pauses) < _PAUSES_KEPT:
            self.pauses.append((self.end_ms, at_ms))

    @property
    def heard_until_ms(self) -> float:
        """Of an utterance that is over: when its last sample was heard, or will be."""
        if self.cut_ms is None or self.heard_at_cut >= self.sent:
            return self.end_ms
        return min(self.end_ms, self.cut_ms)

    @property
    def is_all_sent(self) -> bool:
        return self.complete and self.sent + self.skipped >= self.generated

    def played_out(self, now_ms: float) -> bool:
        """Every sample there will be was heard."""
        return self.cut_ms is None and self.is_all_sent and now_ms >= self.end_ms

    def recall(self, now_ms: float) -> int:
        """The switch drops what was not heard yet, and it will be sent once more. Returns the samples heard."""
        self.kept = self.sent = self.heard(now_ms)
        self.before_gap = min(self.before_gap, self.sent)
        self.end_ms = min(self.end_ms, now_ms)
        return self.kept

    def finished_at_ms(self, now_ms: float) -> float | None:
        """When its last sample was heard, if the whole utterance was; None for ever after a cut."""
        return self.end_ms if self.sent and not self.broken and self.played_out(now_ms) else None

    def generated_ms(self) -> int:
        return self.generated * 1000 // self.rate_hz

    def heard_ms(self, now_ms: float) -> int:
        return self.heard(now_ms) * 1000 // self.rate_hz

    def cut(self, now_ms: float, wiped: bool) -> None:
        """Stop here for ever. `wiped`: the switch drops what it was sent; otherwise the caller hears that to its end."""
        if self.cut_ms is None:
            self.heard_at_cut = self.heard(now_ms) if wiped else self.sent
            self.cut_ms = now_ms


class PlayoutLedger:
    """The utterances that have not been heard to their end, oldest first."""

    def __init__(self) -> None:
        self.live: deque[Utterance] = deque()

    def begin(self, utterance: Utterance) -> bool:
        """Enter a new utterance; False if too many wait already."""
        if len(self.live) >= _LIVE_LIMIT:
            return False
        self.live.append(utterance)
        return True

    def settle(self, now_ms: float) -> list[Utterance]:
        """Take out those that were heard to their end by `now_ms`."""
        done = []
        while self.live and self.live[0].played_out(now_ms):
            done.append(self.live.popleft())
        return done

    def cut_all(self, now_ms: float, wiped: bool) -> list[Utterance]:
        """Take out everything that was not heard to its end, as an interruption does. Settle first."""
        taken = list(self.live)
        self.live.clear()
        for utterance in taken:
            utterance.cut(now_ms, wiped)
        return taken

    def next_end_ms(self) -> float | None:
        """When the oldest utterance will have been heard, once all of it is on its way."""
        if not self.live:
            return None
        first = self.live[0]
        return first.end_ms if first.is_all_sent else None
