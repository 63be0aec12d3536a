"""F4.8: more people ring than the bridge has places, or there is no bridge at all. Who cannot be served hears the line's words for that at
once, those who are on the line notice nothing, and a place that becomes free is given to the next one.

Who rings at a full house is told so by the document itself: voice takes a seat for each call that it invites, so that it takes no carrier
that goes on after a stream. A bridge that is full all the same, because nobody knew of its seats, refuses the stream, and the words behind
it are then heard only where the carrier does go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from local.carrier import Call
from pokea.admission import Admission
from pokea.seats import BACK_WITHIN_S, Board, open_boards
from tests.faults.broken import doors
from tests.faults.broken.rolling import FULL
from tests.support.control_plane import LINE, ControlPlane
from tests.support.full_house import Bridge, rings, row, session_of, verbs
from tests.support.rolling import DEAF_MS, OLD, Conversation, House, house

WORDS_WITHIN_MS = 1_000  # of the first ring
PLACES, LEAVE = 100, 5
SEATS_TOLD_WITHIN_S = 6  # of a change: two seconds apart, looked at each second, and what a busy machine adds


# --- the control plane's real handlers, at full size ---------------------------------------------------------------------------------


def at_once(plane: ControlPlane, bridge: Bridge, count: int) -> list[str]:
    """`count` people ring in one second, every fifth ring is repeated, and whoever is invited comes a moment later."""
    found, streams, coming = [], 0, []
    for number in range(count):
        began = time.monotonic()
        document = rings(plane, number)
        found += ["answered late"] * (time.monotonic() - began > 1)
        if number % 5 == 0 and rings(plane, number) != document:
            found.append("another document for the same ring")
        if "Stream" in verbs(document):
            streams += 1
            coming.append((number, document))
        elif verbs(document) != ["Say", "Hangup"] or LINE.fallback_say not in document:
            found.append(f"told {document}")
        plane.clock.advance(1 / count)
        if len(coming) > 20:
            early, said = coming.pop(0)
            bridge.take(said, session_of(early))
    for number, document in coming:
        bridge.take(document, session_of(number))
    served = len(bridge.live)
    found += [f"{served} served"] if served != min(count, bridge.places) else []
    return found + ["the bridge had to refuse"] * len(bridge.refused)


def owed(plane: ControlPlane, numbers: range) -> list[str]:
    """Every one who was turned away is owed one call, and nobody else is."""
    away = {session_of(n) for n in numbers if row(plane, n).admission is Admission.FULL}
    return [] if away == {str(session) for session in plane.callbacks.tasks} else ["not everybody is owed a call"]


def given_again(plane: ControlPlane, bridge: Bridge) -> list[str]:
    """Some leave; who rings after the next beat is let in. So is who rings after callers who never came."""
    for session in sorted(bridge.live)[:LEAVE]:
        bridge.live.discard(session)
    plane.clock.advance(2)
    bridge.beat()
    documents = [rings(plane, number) for number in range(1_000, 1_001 + LEAVE)]
    found = ["a seat does not come back"] if [verbs(d)[0] for d in documents] != ["Stream"] * LEAVE + ["Say"] else []
    for _ in range(BACK_WITHIN_S // 10):
        plane.clock.advance(10)
        bridge.beat()
    again = [verbs(rings(plane, number))[0] for number in range(2_000, 2_001 + LEAVE)]
    return found + (["a seat does not come back"] if again != ["Stream"] * LEAVE + ["Say"] else [])


def full_house(count: int, places: int) -> list[str]:
    plane = ControlPlane(has_door=True)
    bridge = Bridge(plane, places)
    bridge.beat()
    found = at_once(plane, bridge, count)
    found += owed(plane, range(count))
    plane.clock.advance(2)
    bridge.beat()
    return found + given_again(plane, bridge)


@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize("places", [10, pytest.param(PLACES, marks=pytest.mark.faults)])
def test_of_twice_as_many_as_there_are_places_half_are_served_and_half_hear_the_words(places: int) -> None:
    assert full_house(2 * places, places) == []


@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize("build", doors.FULL)
def test_a_door_that_lacks_a_safeguard_is_found_out(build: Callable[[], Any]) -> None:
    with build():
        found = full_house(12, 6)
    assert any(doors.FULL[build] in breach for breach in found), found


# --- the real bridge, behind the simulated carrier -----------------------------------------------------------------------------------


def words_at_ms(call: Call) -> int | None:
    """When the carrier began to say the words, since the first ring; None: never."""
    said = [moment.at_ms for moment in call.timeline if moment.what == "verb" and moment.detail == "Say"]
    return said[0] if said else None


def not_told(calls: list[Conversation]) -> list[str]:
    waits = [words_at_ms(one.call) for one in calls]
    return [f"{wait} ms until the words" for wait in waits if wait is None or wait > WORDS_WITHIN_MS]


async def twice_as_many(here: House, places: int) -> list[str]:
    """`places` people talk when as many ring again, all at once; then one of them leaves and somebody rings."""
    live = await here.dial(places)
    more = await here.dial(places)
    found = not_told([one for one in more if one.call.session_id not in here.plane.opened])
    if len(here.plane.opened) != places:
        found.append(f"{len(here.plane.opened)} calls were taken")
    harmed = [one for one in live if not one.call.is_live or one.talker.longest_wait_ms > DEAF_MS]
    found += ["a live call was harmed"] * len(harmed)
    await leave(live[:1])
    (late,) = await here.dial(1)
    if late.call.session_id not in here.plane.opened:
        found.append("a place that became free was given to nobody")
    await leave([*live[1:], *more, late])
    return found


async def leave(calls: list[Conversation]) -> None:
    for one in calls:
        one.talker.leave_in(0)
    for one in calls:
        await one.call.ended(20)


@pytest.mark.faults
async def test_where_nobody_knows_of_seats_the_bridge_refuses_and_the_carrier_goes_on_to_the_words() -> None:
    async with house() as here, here.release(OLD, max_calls=15):
        assert await twice_as_many(here, 15) == []


async def told_of(here: House, holds: Callable[[Board], bool]) -> None:
    """Until the beat has come that says so. The first one comes when the bridge has started."""
    async with asyncio.timeout(SEATS_TOLD_WITHIN_S + 20 * (not here.plane.seats.boards(OLD))):
        while not any(holds(board) for board in open_boards(here.plane.seats.boards(OLD), here.plane.clock.now())):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def was_sent(call: Call) -> bool:
    return any(moment.what == "verb" and moment.detail == "Stream" for moment in call.timeline)


async def at_the_door(here: House, places: int) -> list[str]:
    """As `twice_as_many`, at a door that knows of the seats: nobody is even sent to the bridge in vain."""
    await told_of(here, lambda board: board.left == places)
    live = await here.dial(places)
    more = await here.dial(places, 0.03)
    found = not_told(more)
    found += ["a caller was sent to a full bridge"] * sum(was_sent(one.call) for one in more)
    found += [f"{len(here.plane.opened)} served"] if len(here.plane.opened) != places else []
    harmed = [one for one in live if not one.call.is_live or one.talker.longest_wait_ms > DEAF_MS]
    found += ["a live call was harmed"] * len(harmed)
    await leave(live[:1])
    await told_of(here, lambda board: board.left == 1)
    (late,) = await here.dial(1)
    if late.call.session_id not in here.plane.opened:
        found.append("a place that became free was given to nobody")
    await leave([*live[1:], *more, late])
    return found


@pytest.mark.faults
@pytest.mark.parametrize("behaviour", ["documented", "observed"])
async def test_on_either_carrier_who_rings_at_a_full_house_is_told_so_and_nobody_else_notices(behaviour: str) -> None:
    async with house(behaviour, has_door=True) as here, here.release(OLD, max_calls=10):
        assert await at_the_door(here, 10) == []


@pytest.mark.faults
async def test_callers_who_are_sent_to_a_full_bridge_are_seen() -> None:
    with doors.takes_no_seat():
        async with house(has_door=True) as here, here.release(OLD, max_calls=2):
            found = await at_the_door(here, 2)
    assert "a caller was sent to a full bridge" in found, found


@pytest.mark.faults
@pytest.mark.parametrize("build", FULL)
async def test_a_bridge_that_does_not_know_when_it_is_full_is_found_out(build: str) -> None:
    async with house() as here, here.release(OLD, build, max_calls=2):
        found = await twice_as_many(here, 2)
    assert any(FULL[build][1] in breach for breach in found), found


@pytest.mark.faults
async def test_who_rings_when_there_is_no_bridge_is_told_so() -> None:
    async with house() as here:
        async with here.release(OLD) as bridge:
            bridge.process.kill()
            await bridge.process.wait()
        calls = await here.dial(5)
        assert not_told(calls) == []
        await leave(calls)
