"""Doors with one safeguard taken out each, with what must be said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from functions.tools.operations import Operations
from functions.voice.door import Doorkeeper, Usher
from pokea import seats
from pokea.adapters.tokens import StreamToken, TokenSigner
from pokea.calls import Call
from pokea.ids import BusinessId, SessionId
from pokea.rings import Count
from pokea.sautikit.register import CallRegister, Entrance
from pokea.seats import Ticket
from tests.fakes.memory_door import MemorySeats


@contextmanager
def takes_no_seat() -> Iterator[None]:
    """Looks whether there is one, and invites."""

    def seat(self: Usher, now: datetime, *, forced: bool = False) -> Ticket:
        return Ticket("r1", "b1", seats.window_of(now))

    with mock.patch.object(Usher, "seat", seat):
        yield


@contextmanager
def takes_one_at_each_repeat() -> Iterator[None]:
    """Asks the door again when the carrier repeats a ring."""
    asked = CallRegister._asked

    def again(self: CallRegister, call: Call, visit: Any) -> Entrance | None:
        return asked(self, replace(call, admission=None), visit)

    with mock.patch.object(CallRegister, "_asked", again):
        yield


@contextmanager
def gives_none_back() -> Iterator[None]:
    """Hears a bridge once and never again."""
    told: set[str] = set()
    tell = MemorySeats.tell

    def once(self: MemorySeats, said: Any, now: datetime) -> None:
        if said.bridge not in told:
            told.add(said.bridge)
            tell(self, replace(said), now)

    with mock.patch.object(MemorySeats, "tell", once):
        yield


@contextmanager
def leaves_nobody_a_task() -> Iterator[None]:
    with mock.patch.object(Doorkeeper, "note", lambda self, call, now: False):
        yield


@contextmanager
def counts_nobody() -> Iterator[None]:
    """Invites whoever rings, however often."""
    with mock.patch.object(Doorkeeper, "_counted", lambda self, count, now: True):
        yield


@contextmanager
def counts_the_business_first() -> Iterator[None]:
    """One number that rings too often uses up what everybody has together."""
    counted = Doorkeeper._counted

    def eager(self: Doorkeeper, count: Count, now: datetime) -> bool:
        if count.who != "all":
            every = replace(count, who="all", when=now.strftime("%Y-%m-%dT%H:%M"), most={"all": 600})
            counted(self, every, now)
        return counted(self, count, now)

    with mock.patch.object(Doorkeeper, "_counted", eager):
        yield


@contextmanager
def names_no_longest_call() -> Iterator[None]:
    """Lets in no more than it should, each for a day."""
    with mock.patch.object(Operations, "_longest", lambda self, agent, brief: 24 * 3_600):
        yield


@contextmanager
def believes_any_token(business_id: BusinessId) -> Iterator[None]:
    """Opens whatever stream comes, by its session alone."""

    def read(self: TokenSigner, text: str, *, now: datetime, session_id: SessionId) -> StreamToken:
        until = now + timedelta(minutes=1)
        return StreamToken(
            session_id=session_id, business_id=business_id, release="r1", issued_at=now, expires_at=until
        )

    with mock.patch.object(TokenSigner, "read_stream_token", read):
        yield


Build = Callable[[], Any]
FULL: Mapping[Build, str] = {
    takes_no_seat: "the bridge had to refuse",
    takes_one_at_each_repeat: "served",
    gives_none_back: "does not come back",
    leaves_nobody_a_task: "owed a call",
}
FLOODS: Mapping[Build, str] = {
    counts_nobody: "were let in",
    counts_the_business_first: "others were served",
    names_no_longest_call: "spent",
}
