"""Time that passes while dialers work: every operation of a store takes a drawn while, in which the others go on.

Each dialer has a thread of its own, and only one of them runs at a time: whoever waits hands over, and the one whose time comes next goes
on, all on one clock. So their steps are mixed as those of many machines are, and a run is repeated by its seed.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from functions.dialer.dialer import Dialer
from pokea.campaigns import moves
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.errors import Conflict, Indeterminate, Unavailable
from tests.support.dial_room import Board, Room

Event = Callable[[], None]
RETURNS_S = 180.0  # a message that was not taken


Weather = Callable[[random.Random, str], float]
WRITES = frozenset({"begin", "put_contact", "put_campaign", "take_back", "take_turn", "hold_pace"})
CALL_WRITES = frozenset({"create_call", "put_call", "first_sight"})


def fair(draw: random.Random, name: str) -> float:
    """What one operation of a store takes."""
    return draw.choice((0.001, 0.002, 0.004, 0.008, 0.03))


def slow(reads_s: float, writes_s: float) -> Weather:
    """About so long, a quarter more or less."""

    def passes(draw: random.Random, name: str) -> float:
        return draw.uniform(0.75, 1.25) * (writes_s if name in WRITES | CALL_WRITES else reads_s)

    return passes


class Slow:
    """A store whose every operation takes a while, at whose end it is carried out."""

    def __init__(self, inner: Any, passes: Callable[[str], None]) -> None:
        self._inner, self._passes = inner, passes

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._inner, name)

        def operation(*args: Any, **kwargs: Any) -> Any:
            self._passes(name)
            return real(*args, **kwargs)

        return operation


class _Hand:
    """One message in the hands of one dialer."""

    def __init__(self, world: World, dialer: Dialer, body: str) -> None:
        self.go = threading.Semaphore(0)
        self.error: BaseException | None = None
        self._world, self._dialer, self._body = world, dialer, body
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        self.go.acquire()
        try:
            self._dialer.take(self._body)
        except Unavailable:
            self._world.after(RETURNS_S, lambda: self._world.room.queue_body(self._body))
        except BaseException as error:
            self.error = error
        self._world.finished(self, self._dialer)


class World:
    """One room's events on one clock."""

    def __init__(
        self,
        room: Room,
        seed: int,
        *,
        dialers: int = 6,
        cls: type[Dialer] = Dialer,
        weather: Weather = fair,
        **exchange: Any,
    ) -> None:
        self.room, self.draw, self._weather = room, random.Random(seed), weather
        self._events: list[tuple[datetime, int, Event]] = []
        self._order = itertools.count()
        self._baton = threading.Semaphore(0)
        self._running: _Hand | None = None
        stores = {"campaigns": room.campaigns, "calls": room.calls}
        if weather is not fair:
            stores["records"] = room.store
        lagging = {name: Slow(store, self.lag) for name, store in stores.items()}
        self._idle = [room.dialer(cls=cls, wait=self.wait, **{**lagging, **exchange}) for _ in range(dialers)]

    def lag(self, name: str) -> None:
        self.wait(self._weather(self.draw, name))

    def at(self, moment: datetime, event: Event) -> None:
        heapq.heappush(self._events, (moment, next(self._order), event))

    def after(self, seconds: float, event: Event) -> None:
        self.at(self.room.clock.now() + timedelta(seconds=seconds), event)

    def wait(self, seconds: float) -> None:
        """A dialer's: the others go on meanwhile. The test's own: everything that happens up to then."""
        hand = self._running
        if hand is None:
            self.until(self.room.clock.now() + timedelta(seconds=seconds))
            return
        self.after(seconds, lambda: self._resume(hand))
        self._baton.release()
        hand.go.acquire()

    def until(self, moment: datetime) -> None:
        clock = self.room.clock
        while (following := self._next()) is not None and following <= moment:
            if following > clock.now():
                clock.advance((following - clock.now()).total_seconds())
            if self._events and self._events[0][0] <= following:
                heapq.heappop(self._events)[2]()
            else:
                body = heapq.heappop(self.room.queue)[2]
                self._resume(_Hand(self, self._idle.pop(), body))
        if moment > clock.now():
            clock.advance((moment - clock.now()).total_seconds())

    def finished(self, hand: _Hand, dialer: Dialer) -> None:
        self._idle.append(dialer)
        self._baton.release()

    def _resume(self, hand: _Hand) -> None:
        self._running = hand
        hand.go.release()
        self._baton.acquire()
        self._running = None
        if hand.error is not None:
            raise hand.error

    def _next(self) -> datetime | None:
        heads = [heap[0][0] for heap in (self._events, self.room.queue if self._idle else []) if heap]
        return min(heads, default=None)


class Traffic:
    """What becomes of the calls of a world: they last, end, and are settled a little later. `most`: at once, so far."""

    def __init__(self, world: World, *, longest_s: float = 6.0, refused: float = 0.03, lost: float = 0.02) -> None:
        self.world, self.board = world, world.room.board
        self.live: dict[str, datetime] = {}
        self.most = 0
        self._longest_s, self._refused, self._lost = longest_s, refused, lost
        self.board.script, self.board.ringing = self._script, self._ringing

    def _script(self, board: Board, label: str) -> None:
        drawn = self.world.draw.random()
        if drawn < self._refused:
            raise Unavailable("rate_limited", retry_after_s=self.world.draw.choice((1.0, 2.0, 3.0)))
        if drawn < self._refused + self._lost:
            board.ring(label)
            raise Indeterminate("carrier_unanswered")
        if drawn < self._refused + 2 * self._lost:
            raise Indeterminate("carrier_unanswered")

    def _ringing(self, label: str) -> None:
        world = self.world
        ends = world.draw.uniform(0.5, self._longest_s)
        self.live[label] = world.room.clock.now()
        self.most = max(self.most, len(self.live))
        world.after(ends, lambda: self._over(label))

    def _over(self, label: str) -> None:
        del self.live[label]
        self.world.after(self.world.draw.uniform(0.1, 2.0), lambda: self._settle(label))

    def _settle(self, label: str) -> None:
        store = self.world.room.campaigns
        contact = store.contact_of_label(label)
        if contact is None or contact.label != label or not self._is_open(contact):
            return
        try:
            store.put_contact(moves.done(contact, Disposition.COLD))
        except Conflict:
            self.world.after(0.5, lambda: self._settle(label))

    @staticmethod
    def _is_open(contact: Contact) -> bool:
        return contact.state in (ContactState.ASKED, ContactState.RINGING)
