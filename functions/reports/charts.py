"""The geometry of a statement's charts: where each bar stands and how high it is. The template draws them as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

HEIGHT = 150.0  # of the bars, in the units of the drawing
AXIS = 22.0  # under them, for their names
LEFT, TOP = 30.0, 8.0  # for the figures of the scale; above the highest line
GAP = 0.28  # of a bar's place, left free
TICKS = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a bar. `series` is its number among the parts."""

    series: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    middle: float
    name: str  # under the bar; "" where there is no room
    told: str  # for who points at it, or listens
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Line:
    y: float
    value: int


@dataclass(frozen=True, slots=True)
class Columns:
    """Upright bars beside one another."""

    width: float
    height: float
    bar_width: float
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]

    @property
    def left(self) -> float:
        return LEFT

    @property
    def floor(self) -> float:
        return TOP + HEIGHT


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a lying bar, in hundredths of its length."""

    series: int
    x: float
    width: float


def columns(bars: Sequence[tuple[str, str, Sequence[int]]], width: float, *, every: int = 1) -> Columns:
    """Of bars as (name, what is told of it, the sizes of its parts from the ground up). Every `every`-th name is written."""
    top, step = scale(max((sum(parts) for _, _, parts in bars), default=0))
    place = (width - LEFT) / max(len(bars), 1)
    unit = HEIGHT / top
    drawn = tuple(
        Bar(
            x=round(LEFT + place * (number + GAP / 2), 2),
            middle=round(LEFT + place * (number + 0.5), 2),
            name=name if number % every == 0 else "",
            told=told,
            pieces=_pieces(parts, unit),
        )
        for number, (name, told, parts) in enumerate(bars)
    )
    lines = tuple(Line(round(TOP + HEIGHT - value * unit, 2), value) for value in range(0, top + 1, step))
    return Columns(width, TOP + HEIGHT + AXIS, round(place * (1 - GAP), 2), drawn, lines)


def scale(highest: int) -> tuple[int, int]:
    """The top of a scale that holds `highest`, and the step between its lines: 1, 2 or 5 times a power of ten."""
    wanted, power = max(highest, 1), 1
    while True:
        for step in (power, 2 * power, 5 * power):
            if step * TICKS >= wanted:
                return -(-wanted // step) * step, step
        power *= 10


def stretches(parts: Sequence[int]) -> tuple[Stretch, ...]:
    """One lying bar, divided as `parts` are; nothing for parts of which nothing is more than 0."""
    shown = [max(part, 0) for part in parts]
    whole = sum(shown)
    if not whole:
        return ()
    starts = [0, *accumulate(shown)]
    return tuple(
        Stretch(series, round(100 * start / whole, 3), round(100 * part / whole, 3))
        for series, (start, part) in enumerate(zip(starts, shown, strict=False))
        if part
    )


def _pieces(parts: Sequence[int], unit: float) -> tuple[Piece, ...]:
    tops = accumulate(parts)
    return tuple(
        Piece(series, round(TOP + HEIGHT - top * unit, 2), round(part * unit, 2))
        for series, (part, top) in enumerate(zip(parts, tops, strict=True))
        if part
    )
