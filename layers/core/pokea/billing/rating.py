"""What a leg costs under a rate deck, to the micro-unit.

- Talk time is answer to end; every begun second counts.
- The first `free_s` seconds are not charged. What is left is rounded up to the row's steps; the first step is long enough to hold the
  minimum.
- A step is priced by the row that holds at the instant at which it begins. So a price that changes in mid-call splits the charge into
  spans. The row at the answer decides the connect fee and the free seconds.
- A span costs rate × seconds ÷ 60, rounded half up to a micro-unit. The total is the sum of the lines: there is no second rounding.
- A leg that nobody answered costs nothing. An answered leg of 0 seconds costs the connect fee.
- A leg that no row fits, or of which too little is known, is `Unrated`. It is never 0.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pokea.billing.call_leg import ANSWERED, DIALLED, UNANSWERED, CallLeg, Direction, started_seconds
from pokea.billing.rate_deck import EVER, RateDeck, RateRow
from pokea.clock import as_utc
from pokea.money import Money

# Charges are kept by row and talk time: of most calls of a day the like has been seen before.
MAX_KEPT = 100_000  # about 50 MB; then it begins anew
_TALK_RANGE = 2**24  # seconds, half a year: what talks for longer is not kept
_E164 = re.compile(r"\+[0-9]{7,15}")


class LineKind(StrEnum):
    SETUP = "setup"
    SPAN = "span"


class ChargeLine(NamedTuple):
    """One line of a bill: the connect fee, or `seconds` at the price of `row`. `micros` are micro-units."""

    kind: LineKind
    row: RateRow
    seconds: int
    micros: int


class Charge(NamedTuple):
    """The lines sum to `micros` exactly. No line: nobody answered, and nothing is due. (Named tuples, because a million are made.)"""

    lines: tuple[ChargeLine, ...]
    billable_s: int
    micros: int
    currency: str

    @property
    def money(self) -> Money:
        return Money(self.micros, self.currency)

    @property
    def prefix(self) -> str:
        """The prefix of the row at the answer."""
        return self.lines[0].row.prefix if self.lines else ""

    @property
    def rule(self) -> str:
        """The rounding rule; both, where a price change in mid-call changed it."""
        if not self.lines:
            return "unanswered"
        if len(self.lines) == 1:
            return self.lines[0].row.pulse.name
        return " then ".join(dict.fromkeys(line.row.pulse.name for line in self.lines))

    @property
    def doubt(self) -> str:
        """Why the price is uncertain, if it is."""
        return next((line.row.doubt for line in self.lines if line.row.doubt), "")


@dataclass(frozen=True, slots=True)
class Unrated:
    """Nobody can say what the leg costs. `reason` is for programs, `message` one line for people."""

    reason: str
    message: str


NOT_ENDED = Unrated("not_ended", "the leg has not ended")
UNKNOWN_END = Unrated("unknown_outcome", "the status does not say whether anybody answered")
CONTRADICTION = Unrated("contradiction", "the status says that nobody answered, and there is an answer")
NO_ANSWER_TIME = Unrated("no_answer_time", "the status says answered, and answered_at is empty")
ENDS_FIRST = Unrated("ends_before_answer", "ended_at is before answered_at")
BAD_NUMBER = Unrated("bad_number", "b_number is not in E.164 form, so no price can be looked up")


@dataclass(frozen=True, slots=True)
class _Timeline:
    """Which row holds for one prefix, over time: `rows[i]` from `starts[i]` up to `starts[i + 1]`. Shorter prefixes fill the gaps."""

    starts: tuple[datetime, ...]
    rows: tuple[RateRow | None, ...]


class Rater:
    """Rates legs by one deck. It remembers charges (bounded) and is otherwise without state; one per thread."""

    def __init__(self, deck: RateDeck) -> None:
        self.deck = deck
        self._nothing = Charge((), 0, 0, deck.currency)
        self._index = {direction: _index_of(deck.rows, direction) for direction in Direction}
        self._kept: dict[int, Charge] = {}

    def rate(self, leg: CallLeg) -> Charge | Unrated:
        answered, ended = leg.answered_at, leg.ended_at
        if answered is None or ended is None or leg.status not in ANSWERED:
            return self._without_talk(leg)
        if answered.tzinfo is not UTC or ended.tzinfo is not UTC:
            answered, ended = as_utc(answered), as_utc(ended)
        talk = ended - answered
        talk_s = talk.days * 86_400 + talk.seconds + (1 if talk.microseconds else 0)
        if talk.days < 0:
            return ENDS_FIRST
        number = leg.b_number
        if not _E164.fullmatch(number):
            if leg.direction in DIALLED:
                return BAD_NUMBER
            number = ""
        for length, timelines in self._index[leg.direction]:
            found = timelines.get(number[:length])
            if found is not None:
                return self._on(found, answered, ended, talk_s)
        return _no_row(leg.direction)

    def row_of(self, leg: CallLeg) -> RateRow | None:
        """The row whose price holds when the leg is answered, or, where nobody answered, when it ends."""
        moment = leg.answered_at or leg.ended_at
        if moment is None:
            return None
        timeline = self._timeline(leg)
        return timeline.rows[bisect_right(timeline.starts, as_utc(moment)) - 1]

    def _timeline(self, leg: CallLeg) -> _Timeline:
        number = leg.b_number if _E164.fullmatch(leg.b_number) else ""
        for length, timelines in self._index[leg.direction]:
            if (found := timelines.get(number[:length])) is not None:
                return found
        return _Timeline((EVER,), (None,))

    def _on(self, timeline: _Timeline, answered: datetime, ended: datetime, talk_s: int) -> Charge | Unrated:
        starts = timeline.starts
        at = 0
        if len(starts) > 1:
            at = bisect_right(starts, answered) - 1
            if at + 1 < len(starts) and starts[at + 1] < ended:
                return self._split(timeline, answered, talk_s)
        row = timeline.rows[at]
        if row is None:
            return _no_price(answered)
        # One row holds from answer to end, so it and the talk time decide alone.
        if talk_s >= _TALK_RANGE:
            return self._by_one_row(row, talk_s)
        key = row.number * _TALK_RANGE + talk_s
        charge = self._kept.get(key)
        if charge is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            charge = self._kept[key] = self._by_one_row(row, talk_s)
        return charge

    def _by_one_row(self, row: RateRow, talk_s: int) -> Charge:
        charged_s, left_s = 0, talk_s - row.free_s
        if left_s > 0:
            charged_s = row.pulse.up_to(left_s if left_s > row.minimum_s else row.minimum_s)
        micros = price(row.per_minute_micros, charged_s)
        span = ChargeLine(LineKind.SPAN, row, charged_s, micros)
        fee = row.connect_fee_micros
        lines = (ChargeLine(LineKind.SETUP, row, 0, fee), span) if fee else (span,)
        return Charge(lines, charged_s, micros + fee, self.deck.currency)

    def _split(self, timeline: _Timeline, answered: datetime, talk_s: int) -> Charge | Unrated:
        """The charge, span by span. A span is what is charged by one row without a break."""
        starts, rows = timeline.starts, timeline.rows
        at = bisect_right(starts, answered) - 1
        first = rows[at]
        if first is None:
            return _no_price(answered)
        spans: list[tuple[RateRow, int]] = []
        begins = answered + timedelta(seconds=first.free_s)
        charged_s, left_s = 0, talk_s - first.free_s
        while charged_s < left_s:
            now = begins + timedelta(seconds=charged_s)
            while at + 1 < len(starts) and starts[at + 1] <= now:
                at += 1
            row = rows[at]
            if row is None:
                return _no_price(now)
            until_s = left_s
            if at + 1 < len(starts):
                until_s = min(left_s, started_seconds(starts[at + 1] - begins))
            span_s = _span_s(row, until_s - charged_s, is_first=not charged_s)
            charged_s += span_s
            if spans and spans[-1][0] is row:  # one long step leapt over the rows between
                span_s += spans.pop()[1]
            spans.append((row, span_s))
        return self._charge(first, spans or [(first, 0)])

    def _charge(self, first: RateRow, spans: Iterable[tuple[RateRow, int]]) -> Charge:
        """`first`: the row at the answer."""
        lines = [ChargeLine(LineKind.SPAN, row, span_s, price(row.per_minute_micros, span_s)) for row, span_s in spans]
        if first.connect_fee_micros:
            lines.insert(0, ChargeLine(LineKind.SETUP, first, 0, first.connect_fee_micros))
        return Charge(
            tuple(lines), sum(line.seconds for line in lines), sum(line.micros for line in lines), self.deck.currency
        )

    def _without_talk(self, leg: CallLeg) -> Charge | Unrated:
        if leg.answered_at is None:
            if leg.status in UNANSWERED:
                return self._nothing
            return NO_ANSWER_TIME if leg.status == "completed" else UNKNOWN_END
        if leg.status in UNANSWERED:
            return CONTRADICTION
        return NOT_ENDED if leg.ended_at is None or leg.status != "unknown" else UNKNOWN_END


def price(per_minute_micros: int, seconds: int) -> int:
    """`seconds` at a rate per minute, rounded half up to a micro-unit."""
    return (2 * per_minute_micros * seconds + 60) // 120


def _span_s(row: RateRow, seconds: int, *, is_first: bool) -> int:
    """`seconds` rounded up to whole steps; the first step of a call holds the minimum."""
    if is_first:
        return row.pulse.up_to(max(seconds, row.minimum_s))
    return -(-seconds // row.pulse.next_s) * row.pulse.next_s


def _no_row(direction: Direction) -> Unrated:
    return Unrated("no_row", f"the deck has no {direction} row for this number")


def _no_price(moment: datetime) -> Unrated:
    return Unrated("no_price_then", f"the deck has no price for this number at {moment.isoformat(timespec='seconds')}")


_Index = tuple[tuple[int, Mapping[str, _Timeline]], ...]


def _index_of(rows: Iterable[RateRow], direction: Direction) -> _Index:
    """The timelines of every prefix, the longest prefixes first, by the prefix's length with its plus sign."""
    by_prefix: dict[str, list[RateRow]] = defaultdict(list)
    for row in rows:
        if row.direction is direction:
            by_prefix[row.prefix].append(row)
    lengths = sorted({len(prefix) for prefix in by_prefix}, reverse=True)
    by_length: dict[int, dict[str, _Timeline]] = {length: {} for length in lengths}
    for prefix in by_prefix:
        own = [key for length in lengths if length <= len(prefix) and (key := prefix[:length]) in by_prefix]
        by_length[len(prefix)][prefix] = _timeline_of([row for key in own for row in by_prefix[key]])
    return tuple(by_length.items())


def _timeline_of(rows: list[RateRow]) -> _Timeline:
    """`rows` with the longest prefix first."""
    bounds = {bound for row in rows for bound in (row.valid_from, row.valid_to) if bound is not None}
    starts: list[datetime] = []
    held: list[RateRow | None] = []
    for start in sorted({EVER, *bounds}):
        row = next((row for row in rows if row.holds_at(start)), None)
        if not held or held[-1] is not row:
            starts.append(start)
            held.append(row)
    return _Timeline(tuple(starts), tuple(held))
