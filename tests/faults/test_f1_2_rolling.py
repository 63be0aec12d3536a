"""F1.2: a new release is rolled out at noon. Real processes, the simulated carrier and the control plane's real handlers."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from bridge.shell.drain import Drain
from bridge.shell.health import Health
from pokea.ids import SessionId
from pokea.sautikit.closings import CloseReason
from tests.faults.broken.rolling import BUILDS
from tests.support.rolling import OLD, Conversation, Roll, Witness, house, record_words

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("ecs", ["granted", "blocked", "gone", "expires"])
async def test_a_release_that_is_replaced_under_fifty_calls_while_five_a_second_ring_drops_none_whatever_ecs_says(
    ecs: str,
) -> None:
    roll = Roll(live=50, fresh=30, ecs=ecs)
    await roll.run()
    assert roll.breaches == []


WORDS_MS = 1_600
TIDY_S = 3.0  # from the last call until the process is gone, on a small machine


async def at_the_limit(count: int, clips: Path | None, build: str = "") -> list[Conversation]:
    """Every call is hung up by REST and told of, and the bridge leaves in time."""
    more = {} if clips is None else {"POKEA_CLIPS_DIR": str(clips)}
    async with house() as here, here.release(OLD, build, drain_s=1, **more) as old:
        calls = await here.dial(count, kind=Witness)
        for one in calls:
            one.call.line.late_ms_max = 0.0
        old.process.send_signal(signal.SIGTERM)
        assert await old.gone(Drain(Health(1), 1.0).longest_s + TIDY_S)
        for one in calls:
            await one.call.ended(5)
        closings = [here.plane.closings.closing(SessionId(one.call.session_id)) for one in calls]
        assert [closing and closing.reason for closing in closings] == [CloseReason.BRIDGE_ERROR] * len(calls)
        assert {one.call.released_by for one in calls} == {"api"}
        return calls


async def test_at_the_limit_twenty_callers_hear_a_last_word_to_its_end_before_they_are_hung_up(tmp_path: Path) -> None:
    record_words(tmp_path, WORDS_MS)
    calls = await at_the_limit(20, tmp_path)
    assert [words for one in calls if (words := cut_words(one))] == []


async def test_a_bridge_that_hangs_up_without_a_last_word_is_found_out(tmp_path: Path) -> None:
    record_words(tmp_path, WORDS_MS)
    with pytest.raises(AssertionError):  # the end that it reports is another one, too
        calls = await at_the_limit(2, tmp_path, "says_nothing")
        assert not any(cut_words(one) for one in calls)


def cut_words(one: Conversation) -> str:
    """What of the last words was not heard. A switch that lags on a small machine plays late what it was given in time."""
    talker = one.talker
    assert isinstance(talker, Witness)
    heard_ms, late_ms = talker.recorded_ms, round(one.call.line.late_ms_max)
    is_whole = heard_ms >= 600 and heard_ms + late_ms >= WORDS_MS - 60
    return "" if is_whole else f"{heard_ms} ms heard by {late_ms} ms late"


async def test_at_the_limit_a_bridge_without_words_and_with_a_model_that_says_nothing_hangs_up_all_the_same() -> None:
    await at_the_limit(10, None)


@pytest.mark.parametrize("build", BUILDS)
async def test_a_bridge_that_drains_badly_is_found_out(build: str) -> None:
    roll = Roll(live=2, fresh=2, build=build)
    await roll.run()
    assert any(breach.startswith(BUILDS[build][1]) for breach in roll.breaches), roll.breaches
