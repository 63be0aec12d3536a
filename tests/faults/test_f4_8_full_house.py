"""F4.8: more people ring than the bridge has places, or there is no bridge at all. Who cannot be served hears the line's words for that at
once, those who are on the line notice nothing, and a place that becomes free is given to the next one.

The words stand behind the stream in the voice document, or are asked for when the stream has failed. So it takes a carrier that goes on
after a stream, as its documentation promises; one that does not leaves such a caller in silence, whatever the bridge does.
"""

from __future__ import annotations

import pytest

from local.carrier import Call
from tests.faults.broken.rolling import FULL
from tests.support.rolling import DEAF_MS, OLD, Conversation, House, house

WORDS_WITHIN_MS = 1_000  # of the first ring
pytestmark = pytest.mark.faults


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


async def test_who_rings_at_a_full_house_is_told_so_and_nobody_else_notices() -> None:
    async with house() as here, here.release(OLD, max_calls=15):
        assert await twice_as_many(here, 15) == []


@pytest.mark.parametrize("build", FULL)
async def test_a_bridge_that_does_not_know_when_it_is_full_is_found_out(build: str) -> None:
    async with house() as here, here.release(OLD, build, max_calls=2):
        found = await twice_as_many(here, 2)
    assert any(FULL[build][1] in breach for breach in found), found


async def test_who_rings_when_there_is_no_bridge_is_told_so() -> None:
    async with house() as here:
        async with here.release(OLD) as bridge:
            bridge.process.kill()
            await bridge.process.wait()
        calls = await here.dial(5)
        assert not_told(calls) == []
        await leave(calls)
