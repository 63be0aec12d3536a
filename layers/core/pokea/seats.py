"""How many callers may be invited: each bridge worker has a board with the seats that are left, and a ring takes one of them.

A seat that was taken is a ticket until the caller's stream arrives, and a call from then on. Between two beats nobody sees both, so a board
counts tickets by the time of the ring, in windows of ten seconds, and each beat makes the sum anew:

    left = free places of the worker - tickets of this window and the two before + those of them whose calls have come to the worker

so that no caller counts twice, and a caller who never came gives the seat back with the first beat after three windows. Which worker a call
comes to is for the load balancer to say: a ticket of one board may be used at another. Both are then short by one until the ticket's
windows are over, so the sum over all boards is never too high.

The law: of those who were invited, no more are on the line or on their way than there are seats, but for callers whose streams arrive
later than COMES_WITHIN_S after the ring, and for seats of a worker that has died in the last FRESH.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

WINDOW_S = 10
COUNTED = 3  # windows, this one included: a ticket counts for 20 to 30 s
COMES_WITHIN_S = 15  # and for 5 s more a beat that has not seen the stream yet may be on its way
SEATED_TOLD_S = 40  # a beat names the rings of calls that came in the last so many seconds
FRESH = timedelta(seconds=25)  # two beats and a half; a board that is older is no board
BACK_WITHIN_S = COUNTED * WINDOW_S + 10  # a seat whose caller never came is given again: three windows and a beat


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one worker says of itself. `free`: places at this moment. `seated`: calls that came to it, by the window of their ring, also
    those that are over."""

    release: str
    bridge: str
    free: int
    seated: Mapping[int, int] = field(default_factory=dict)
    leaving: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """`left`: seats, less than none where calls were let in that are never refused. `taken`: tickets by window. `told_at`: of the last
    beat."""

    release: str
    bridge: str
    left: int
    until: datetime
    told_at: datetime
    taken: Mapping[int, int] = field(default_factory=dict)
    version: int = 0


@dataclass(frozen=True, slots=True)
class Rebase:
    """A change of a board that commutes with tickets taken meanwhile. `over`: windows that count no more."""

    add: int
    until: datetime
    told_at: datetime
    over: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A seat that was taken."""

    release: str
    bridge: str
    window: int


def window_of(at: datetime) -> int:
    return int(at.timestamp()) // WINDOW_S


def by_window(rings_s: Iterable[int]) -> Mapping[int, int]:
    """Times of rings, in seconds since the epoch, as `Told.seated` wants them."""
    return Counter(ring // WINDOW_S for ring in rings_s)


def left_of(told: Told, taken: Mapping[int, int], now: datetime) -> int:
    latest = window_of(now)
    # A clock that is ahead of ours may have taken in the next window already.
    on_their_way = (
        max(0, count - told.seated.get(window, 0)) for window, count in taken.items() if window > latest - COUNTED
    )
    return told.free - sum(on_their_way)


def rebased(before: Board | None, told: Told, now: datetime) -> Rebase | None:
    """What a beat that was heard at `now` does to its worker's board. None: a later one has been heard."""
    if before is not None and before.told_at >= now:
        return None
    taken = before.taken if before is not None else {}
    stood_at = before.left if before is not None else 0
    over = tuple(window for window in taken if window <= window_of(now) - COUNTED)
    until = now if told.leaving else now + FRESH
    return Rebase(left_of(told, taken, now) - stood_at, until, now, over)


def open_boards(boards: Iterable[Board], now: datetime) -> tuple[Board, ...]:
    """Of workers that live, as far as anybody knows. None of them: nothing is known, and nobody is refused."""
    return tuple(board for board in boards if now < board.until)


def chosen(boards: Sequence[Board], drawn: float, *, forced: bool = False) -> Board | None:
    """A board with seats left, drawn by their number. `drawn`: 0 ≤ x < 1. None: full. `forced`: then the one that is short by the least."""
    free = [board for board in boards if board.left > 0]
    if not free:
        return max(boards, key=lambda board: board.left, default=None) if forced else None
    at = drawn * sum(board.left for board in free)
    for board in free:
        at -= board.left
        if at < 0:
            return board
    return free[-1]
