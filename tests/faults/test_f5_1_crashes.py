"""F5.1 and F5.2: dialers that die at every step, and a carrier whose answers are lost. The carrier itself counts what rings.

Each attempt rings at most one telephone, each person is rung once, and whatever was unknown is settled by the carrier's list within 180 s.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.dialer.dialer import Dialer
from local.carrier import Carrier as Simulator
from local.carrier import Fault
from pokea.adapters.sautikit_rest import Carrier, CarrierSettings
from pokea.campaigns.contact import ContactState
from tests.faults.broken.dialers import BlindlyAgain, NoAnswerIsNoCall
from tests.support.dial_room import Room, always_lawful

DIALERS = 2
SETTLED_WITHIN = timedelta(seconds=180)


class WallClock:
    """The time of the wall, which whoever waits pushes on."""

    def __init__(self) -> None:
        self._skipped = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._skipped

    def advance(self, seconds: float) -> datetime:
        self._skipped += timedelta(seconds=seconds)
        return self.now()


class Killed(BaseException):
    """The process is gone: nothing of what would follow happens."""


class Mortal:
    """Whatever it stands for, and a death before or after one of its operations. `dies(name, args)`: at this one."""

    def __init__(self, inner: Any, before: Callable[..., bool], after: Callable[..., bool]) -> None:
        self._inner, self._before, self._after = inner, before, after

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._inner, name)

        def operation(*args: Any, **kwargs: Any) -> Any:
            if self._before(name, *args):
                raise Killed
            result = real(*args, **kwargs)
            if self._after(name, *args):
                raise Killed
            return result

        return operation


def never(*_: Any) -> bool:
    return False


def moving_to(state: ContactState) -> Callable[..., bool]:
    def is_it(name: str, *args: Any) -> bool:
        return name in ("put_contact", "begin") and args[0].state is state

    return is_it


def placing(name: str, *_: Any) -> bool:
    return name == "place_call"


# Where a dialer dies: (of the store before, after), (of the carrier before, after).
POINTS: dict[str, tuple[Callable[..., bool], Callable[..., bool], Callable[..., bool], Callable[..., bool]]] = {
    "c1 before the claim": (moving_to(ContactState.CLAIMED), never, never, never),
    "c2 claimed": (never, moving_to(ContactState.CLAIMED), never, never),
    "c2 noted, not asked": (never, moving_to(ContactState.ASKED), never, never),
    "c3 asked, no reply": (never, never, never, placing),
    "c4 reply not stored": (moving_to(ContactState.RINGING), never, never, never),
    "c5 stored, not acknowledged": (never, moving_to(ContactState.RINGING), never, never),
}


class Hall(Room):
    """A room whose carrier is the simulator, and whose messages come back when nobody acknowledged them."""

    def carry(self, simulator: Simulator, read_timeout_s: float = 5.0) -> None:
        settings = CarrierSettings("key", simulator.base_url, connect_timeout_s=5, read_timeout_s=read_timeout_s)
        self.board = Carrier(settings, pause=lambda _: None)

    def work(self, dialers: list[Dialer]) -> None:
        """Everything that is due, by one dialer after the other; a message whose dialer died is delivered again, to another."""
        number = 0
        while (body := self.ready()) is not None:
            number += 1
            for delivery in range(5):
                try:
                    dialers[(number + delivery) % len(dialers)].take(body)
                except Killed:
                    self.died += 1
                    continue
                break

    died = 0

    def finish(self, dialers: list[Dialer]) -> None:
        """Until nobody is waiting, claimed or unknown. Nobody may be unknown for longer than they should."""
        for _ in range(30):
            states = self.states()
            if not states["waiting"] + states["claimed"] + states["asked"]:
                return
            self.clock.advance(59)
            self.plan()
            for contact in self.contacts():
                if contact.state is ContactState.ASKED and contact.asked_at is not None:
                    assert self.clock.now() - contact.asked_at < SETTLED_WITHIN, "still unknown"
            self.clock.advance(1)
            self.work(dialers)


def hall(simulator: Simulator, count: int) -> Hall:
    made = Hall(clock=WallClock(), policies=always_lawful())  # type: ignore[arg-type]
    made.carry(simulator)
    made.open(count, cps=100)
    return made


def once_each(times: int) -> Callable[[Callable[..., bool]], Callable[..., bool]]:
    """Dies at the first `times` occasions only; afterwards the world is healthy."""
    left = Counter({"deaths": times})

    def bounded(is_it: Callable[..., bool]) -> Callable[..., bool]:
        def dies(*args: Any) -> bool:
            if left["deaths"] and is_it(*args):
                left["deaths"] -= 1
                return True
            return False

        return dies

    return bounded


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator("key") as running:
        for number in ("+254711000001", "+254711000002", "+254711000003", "+254711000004", "+254711000005"):
            running.add_number(number)
        yield running


def rings(simulator: Simulator) -> Counter[str]:
    return Counter(call.facts.client_request_id for call in simulator.calls if call.facts.direction == "outbound")


def own_the_line(simulator: Simulator, room: Hall) -> None:
    campaign = room.campaigns.campaign(room.business, "spring")
    assert campaign is not None
    if simulator.numbers.by_e164(campaign.from_number) is None:
        simulator.add_number(campaign.from_number)


def judge(simulator: Simulator, room: Hall, count: int) -> None:
    per_label = rings(simulator)
    assert max(per_label.values()) == 1, "an attempt rang twice"
    per_number = Counter(call.facts.b_number for call in simulator.calls)
    assert len(per_number) == count and set(per_number.values()) == {1}, "somebody was rung twice, or not at all"
    for contact in room.contacts():
        assert contact.state is ContactState.RINGING and contact.attempts == 1
        assert per_label[contact.label] == 1
    assert len(room.campaigns.live(room.business, "spring")) == count


async def crash(simulator: Simulator, point: str, count: int) -> Hall:
    room = hall(simulator, count)
    own_the_line(simulator, room)
    deadly = once_each(count)
    store_before, store_after, line_before, line_after = (deadly(one) for one in POINTS[point])
    dialers = [
        room.dialer(
            campaigns=Mortal(room.campaigns, store_before, store_after),
            telephony=Mortal(room.board, line_before, line_after),
        )
        for _ in range(DIALERS)
    ]

    def story() -> None:
        room.plan(copies=2)
        room.work(dialers)
        room.finish(dialers)
        assert room.died == count, "nobody died there"

    try:
        await asyncio.to_thread(story)
        judge(simulator, room, count)
    finally:
        room.board.close()
    return room


@pytest.mark.parametrize("point", POINTS)
async def test_whoever_dies_wherever_nobody_is_rung_twice(simulator: Simulator, point: str) -> None:
    await crash(simulator, point, 4)


@pytest.mark.faults
@pytest.mark.parametrize("point", POINTS)
async def test_whoever_dies_wherever_nobody_is_rung_twice_of_two_hundred(simulator: Simulator, point: str) -> None:
    await crash(simulator, point, 200)


LOST: dict[str, Fault] = {
    "late, then 201": Fault(status=0, after_effect=True, delay_s=0.5),
    "500 after accept": Fault(status=500, after_effect=True),
    "500 after accept, as a page": Fault(status=500, after_effect=True, shape="html"),
    "500, not placed": Fault(status=500),
}


async def lose(simulator: Simulator, fault: Fault, count: int, *, broken: str = "") -> Hall:
    """Every first answer is lost; the legs have ended, and their keys are forgotten, before anybody looks."""
    room = hall(simulator, count)
    own_the_line(simulator, room)
    for number in range(count):
        simulator.answer_with(f"+2547221{number:05d}", "busy", ring_s=0.01)
    if fault.delay_s:
        room.carry(simulator, read_timeout_s=fault.delay_s / 2)
    telephony = BlindlyAgain(room.board) if broken == "blindly again" else room.board
    cls = NoAnswerIsNoCall if broken == "no answer is no call" else Dialer
    dialers = [room.dialer(telephony=telephony, cls=cls) for _ in range(DIALERS)]
    simulator.fail(
        Fault(
            status=fault.status,
            after_effect=fault.after_effect,
            shape=fault.shape,
            delay_s=fault.delay_s,
            times=count,
        )
    )

    def story() -> None:
        room.plan(copies=2)
        room.work(dialers)
        room.finish(dialers)

    try:
        await asyncio.to_thread(story)
        for _ in range(200):  # what was accepted late may still be on its way into the carrier's books
            if all(not call.is_live for call in simulator.calls):
                break
            await asyncio.sleep(0.01)
        judge(simulator, room, count)
    finally:
        room.board.close()
    return room


@pytest.mark.parametrize("loss", LOST)
async def test_however_an_answer_is_lost_it_is_looked_for_and_not_asked_for_again(
    simulator: Simulator, loss: str
) -> None:
    await lose(simulator, LOST[loss], 2 if LOST[loss].delay_s else 4)


@pytest.mark.faults
@pytest.mark.parametrize("loss", LOST)
async def test_however_a_hundred_answers_are_lost_they_are_looked_for(simulator: Simulator, loss: str) -> None:
    await lose(simulator, LOST[loss], 100)


@pytest.mark.parametrize("broken", ["blindly again", "no answer is no call"])
async def test_the_check_catches_a_dialer_that_asks_again(simulator: Simulator, broken: str) -> None:
    with pytest.raises(AssertionError):
        await lose(simulator, LOST["500 after accept"], 3, broken=broken)
