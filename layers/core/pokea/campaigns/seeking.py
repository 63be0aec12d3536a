"""The carrier's list of placed calls about some time: where calls are looked for whose answer was lost.

The list is read slice of time by slice of time, at most `MAX_PAGES` pages at one look, and the next look goes on where this one stopped. So
a look is bounded however many calls there are, and a pass is complete however many looks it takes. What is kept of a pass is a `Search`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from pokea.billing.cdr import CarrierLeg
from pokea.clock import as_utc
from pokea.errors import CallError
from pokea.sautikit.carrier_record import carrier_leg

PAGE = 100  # the carrier gives no more at once
MAX_PAGES = 50  # of one look, which is a part of a plan
SLICE_PAGES = 10  # a slice with more of them is cut in pieces
PIECES = 4
WHOLE_S = 3_600  # the widest slice: where calls are few, a pass is one of them
# Slices overlap: times are told to the second, and who knows which end belongs to a slice.
EDGE = timedelta(seconds=1)
Row = Mapping[str, object]


class CallList(Protocol):
    def list_calls(self, **query: str) -> tuple[Sequence[Row], str | None]:
        """One page and the cursor of the next."""


@dataclass(frozen=True, slots=True)
class Listed:
    """`is_whole`: read to its end. A list that was cut short shows calls, but never that there is none. `has_more`: it has more pages
    than were asked for. `is_broken`: it was read to its end, and some row of it means nothing to us."""

    legs: tuple[CarrierLeg, ...]
    is_whole: bool
    pages: int = 0
    has_more: bool = False
    is_broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One pass over the carrier's list of [since, until): it has been read up to `reached`.

    begun_at: of the pass, by the planner's clock. slice_s: how much time is read at once. has_gaps: some row could not be read, so the
    pass shows nothing by what it has not found.
    """

    since: datetime
    until: datetime
    reached: datetime
    begun_at: datetime
    slice_s: int = WHOLE_S
    has_gaps: bool = False
    version: int = 0

    @property
    def is_done(self) -> bool:
        return self.reached >= self.until

    def covers(self, since: datetime, until: datetime) -> bool:
        return self.since <= since and until <= self.until


def begun(since: datetime, until: datetime, now: datetime, last: Search | None) -> Search:
    """A new pass. What was learnt of how many calls there are is kept; by and by a wider slice is tried again."""
    slice_s, version = (min(WHOLE_S, last.slice_s * 2), last.version) if last is not None else (WHOLE_S, 0)
    return Search(since=since, until=until, reached=since, begun_at=now, slice_s=slice_s, version=version)


def read_on(
    carrier: CallList, search: Search, is_over: Callable[[], bool] = lambda: False
) -> tuple[Search, tuple[CarrierLeg, ...]]:
    """One look: the pass as far as it got, and the calls that were seen. Never raises for what the carrier does."""
    legs: list[CarrierLeg] = []
    left = MAX_PAGES
    while left > 0 and not search.is_done and not is_over():
        end = min(search.reached + timedelta(seconds=search.slice_s), search.until)
        most = min(left, SLICE_PAGES) if search.slice_s > 1 else left
        listed = placed_between(carrier, search.reached - EDGE, end + EDGE, most)
        legs += listed.legs
        left -= listed.pages
        if listed.is_whole or listed.is_broken:
            search = replace(search, reached=end, has_gaps=search.has_gaps or listed.is_broken)
        elif listed.has_more and most == SLICE_PAGES:
            search = replace(search, slice_s=max(1, int((end - search.reached).total_seconds()) // PIECES))
        else:
            break  # the carrier does not answer, or the next look has the pages that this slice needs
    return search, tuple(legs)


def placed_between(carrier: CallList, since: datetime, until: datetime, most_pages: int = MAX_PAGES) -> Listed:
    """Calls that were placed then. Never raises for what the carrier does: what could not be read is missing."""
    query = {"direction": "outbound", "from": _text(since), "to": _text(until), "limit": str(PAGE)}
    legs: list[CarrierLeg] = []
    is_readable = True
    for page in range(1, most_pages + 1):
        try:
            rows, cursor = carrier.list_calls(**query)
        except CallError:
            return Listed(tuple(legs), is_whole=False, pages=page)
        found = [carrier_leg(row) for row in rows]
        legs += [leg for leg in found if leg is not None]
        is_readable &= None not in found
        if cursor is None:
            return Listed(tuple(legs), is_whole=is_readable, pages=page, is_broken=not is_readable)
        query["cursor"] = cursor
    return Listed(tuple(legs), is_whole=False, pages=most_pages, has_more=True)


def _text(moment: datetime) -> str:
    return as_utc(moment).isoformat(timespec="seconds").replace("+00:00", "Z")
