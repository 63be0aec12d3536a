"""What a caller waited for between their last word and the first sound of the answer: five stretches that make up the whole.

caller's last sample     our ear: the turn is over      the model's first sound comes      it leaves      it is heard
        ├──────── endpointing ────────┼──────── model, tools ────────┼──── pacing ────┼── playout ──┤
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

PARTS = ("endpointing_ms", "model_ms", "tool_ms", "pacing_ms", "playout_ms")
_LONGEST_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnLatency:
    """Whole milliseconds; the parts make up the whole exactly.

    at_ms: the caller's last sample, on the call's clock. endpointing_ms: until our ear called it the end, or the model answered, if it knew
    sooner. tool_ms: of the time until the model's first sound, what it waited for tools; model_ms is the rest. pacing_ms: until that sound
    left for the switch. playout_ms: until it was heard, as the ledger of playout has it.
    """

    at_ms: int
    endpointing_ms: int
    model_ms: int
    tool_ms: int
    pacing_ms: int
    playout_ms: int

    def __post_init__(self) -> None:
        if not all(0 <= getattr(self, item.name) <= _LONGEST_MS for item in fields(self)):
            raise ValueError("is not the time of a turn")

    @property
    def latency_ms(self) -> int:
        return self.endpointing_ms + self.model_ms + self.tool_ms + self.pacing_ms + self.playout_ms

    @property
    def parts(self) -> Mapping[str, int]:
        return {name: getattr(self, name) for name in PARTS}


def measured(
    marks_ms: tuple[float, float | None, float | None, float | None, float], tools: Iterable[tuple[float, float]]
) -> TurnLatency:
    """Of a turn. `marks_ms`: the caller's last sample; our ear's word; the model's first sound, in and out; its first sample heard. One
    that is unknown, or out of order, takes no time of its own. `tools`: when each was waited for; they may overlap."""
    ended, *between, heard = marks_ms
    decided, received, sent = ended, heard, heard
    if between[2] is not None:
        sent = min(max(between[2], ended), heard)
    received = sent if between[1] is None else min(max(between[1], ended), sent)
    if between[0] is not None:
        decided = min(max(between[0], ended), received)
    endpointing, until_received, until_sent, until_heard = (
        int(mark - ended) for mark in (decided, received, sent, heard)
    )
    thinking = until_received - endpointing
    tool_ms = min(thinking, int(_covered(tools, decided, received)))
    return TurnLatency(
        at_ms=max(0, int(ended)),
        endpointing_ms=endpointing,
        model_ms=thinking - tool_ms,
        tool_ms=tool_ms,
        pacing_ms=until_sent - until_received,
        playout_ms=until_heard - until_sent,
    )


def _covered(stretches: Iterable[tuple[float, float]], from_ms: float, to_ms: float) -> float:
    """How much of from_ms..to_ms lies in any of them."""
    total, at_ms = 0.0, from_ms
    for began_ms, ended_ms in sorted(stretches):
        began_ms, ended_ms = max(began_ms, at_ms), min(ended_ms, to_ms)
        if ended_ms > began_ms:
            total, at_ms = total + ended_ms - began_ms, ended_ms
    return total


def turns_to_json(turns: Iterable[TurnLatency]) -> list[list[int]]:
    return [[turn.at_ms, *turn.parts.values()] for turn in turns]


def turns_from_json(value: object) -> tuple[TurnLatency, ...]:
    """What can be read of it: a turn that cannot is left out."""
    found = []
    for row in value if isinstance(value, Sequence) and not isinstance(value, str) else ():
        if isinstance(row, Sequence) and len(row) == 1 + len(PARTS) and all(type(number) is int for number in row):
            try:
                found.append(TurnLatency(at_ms=row[0], **dict(zip(PARTS, row[1:], strict=True))))
            except ValueError:
                continue
    return tuple(found)
