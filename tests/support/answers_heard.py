"""The detector of who answered, put on the lines of `answered_lines`, and what becomes of them in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from bridge.core.machine import AnswerDetector, Answerer, Beep, Finding
from tests.support.answered_lines import HZ, Answered

ORDINARY_MS = 1_800  # a "hello" is no longer
VOICES_BEHIND = ("television", "child")


class Detector(Protocol):
    """What is judged: ours, or a broken one."""

    finding: Finding
    beep: Beep
    message_from_ms: float | None
    is_done: bool

    def hear(self, frames: bytes, at_ms: float) -> bool: ...
    def words(self, text: str, now_ms: float) -> bool: ...


Maker = Callable[[int], Detector]


@dataclass(frozen=True, slots=True)
class Heard:
    """`first` is the first verdict, `last` the one that stood when the call was over."""

    call: Answered
    first: Finding
    last: Finding
    beep: Beep
    message_from_ms: float | None
    undone_ms: float  # how long the detector was at work

    @property
    def is_right(self) -> bool:
        """At the first word: a machine that was greeted first is wrong, and so is a person who was taken for one later."""
        return self.first.answerer is self.last.answerer is self.call.is_

    @property
    def took_ms(self) -> float | None:
        """From the end of the first thing said to the verdict on it; None where it came before."""
        until_ms = self.call.spoken_until_ms
        took_ms = None if until_ms is None else self.first.at_ms - until_ms
        return took_ms if took_ms is not None and took_ms > 0 else None


def listen(
    call: Answered, rate_hz: int = HZ, *, words: bool = False, frames: int = 1, detector: Maker = AnswerDetector
) -> Heard:
    """The whole call, so many frames at a time; with `words` also what a transcriber writes."""
    ear = detector(rate_hz)
    pcm, size = call.at(rate_hz).tobytes(), rate_hz // 25 * frames
    written = list(call.text) if words else []
    first, undone_ms = Finding(), 0.0
    for at in range(0, len(pcm) // size * size, size):
        at_ms = at * 500 / rate_hz
        while written and written[0][0] <= at_ms:
            ear.words(written.pop(0)[1], at_ms)
        ear.hear(pcm[at : at + size], at_ms)
        first = ear.finding if first.answerer is Answerer.UNDECIDED else first
        undone_ms += 0.0 if ear.is_done else 20.0 * frames
    return Heard(call, first, ear.finding, ear.beep, ear.message_from_ms, undone_ms)


@dataclass(slots=True)
class Figures:
    heard: list[Heard] = field(default_factory=list)

    @classmethod
    def of(cls, calls: Iterable[Answered], listener: Callable[[Answered], Heard]) -> Figures:
        return cls([listener(call) for call in calls])

    def among(self, *kinds: Answerer) -> Iterator[Heard]:
        return (one for one in self.heard if one.call.is_ in kinds)

    def matrix(self, *, last: bool = False) -> Counter[tuple[Answerer, Answerer]]:
        """(what it was, what the first verdict was, or with `last` the one that stood)."""
        return Counter((one.call.is_, (one.last if last else one.first).answerer) for one in self.heard)

    def right(self, kind: Answerer) -> float:
        """Share of this kind that was right at once."""
        judged = [one.is_right for one in self.among(kind)]
        return sum(judged) / len(judged) if judged else 1.0

    @property
    def wrong(self) -> list[Heard]:
        return [one for one in self.heard if not one.is_right]

    @property
    def greeted_faxes(self) -> int:
        return sum(one.first.answerer is Answerer.PERSON for one in self.among(Answerer.FAX))

    def person_took_ms(self, *, ordinary: bool = False) -> list[float]:
        """`ordinary`: only of people who said a short thing where nobody else was heard."""
        return [
            one.took_ms
            for one in self.among(Answerer.PERSON)
            if one.first.answerer is Answerer.PERSON
            and one.took_ms is not None
            and (not ordinary or (one.call.first_said_ms <= ORDINARY_MS and one.call.behind not in VOICES_BEHIND))
        ]

    def machine_took_ms(self) -> list[float]:
        """Since the answer."""
        return [one.first.at_ms for one in self.among(Answerer.MACHINE) if one.first.answerer is Answerer.MACHINE]

    def beeps(self) -> tuple[int, list[float]]:
        """Mailboxes that beeped, and how far from the beep's end a message would have begun, for those whose beep was heard."""
        beeped = [one for one in self.among(Answerer.MACHINE) if one.call.beep_ms is not None]
        off = [
            one.message_from_ms - (one.call.beep_ms or 0.0)
            for one in beeped
            if one.beep is Beep.HEARD and one.message_from_ms is not None
        ]
        return len(beeped), off


def percentiles(values: Sequence[float], *shares: int) -> tuple[int, ...]:
    return tuple(round(float(value)) for value in np.percentile(values, shares)) if values else (0,) * len(shares)
