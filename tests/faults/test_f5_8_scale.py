"""F5.8 in virtual time: a campaign of the simulation (bench/campaign_scale.py), small here and 2,000 people in `make faults`."""

from __future__ import annotations

import pytest

from bench.campaign_scale import Stage, told
from functions.dialer.dialer import Dialer
from pokea.campaigns.contact import ContactState
from tests.faults.broken.dialers import TakesNoPlace


@pytest.mark.parametrize("people", [150, pytest.param(2_000, marks=pytest.mark.faults)])
def test_everybody_is_rung_at_the_lines_pace_and_once_for_each_attempt(people: int) -> None:
    stage = Stage(people, cps=5, channels=20)
    stage.run()
    assert told(stage, people, 5, 20, 0.0, 0.0) == []
    carrier = stage.carrier
    assert 0 < carrier.busiest <= 5 and 0 < carrier.most_live <= 20
    for contact in stage.store.contacts("mizani", "scale"):
        assert contact.state is ContactState.DONE
        assert contact.attempts == carrier.attempts[contact.number] <= 3
    assert stage.told["lead.qualified"] == sum(
        count
        for one, count in stage.store.counts("mizani", "scale").dispositions.items()
        if one.value in ("hot", "warm")
    )


def test_a_line_that_is_wide_enough_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    """Pace is the only bound then, and it is reached: a planner that queues too few would be noticed."""
    stage = Stage(150, cps=5, channels=500)
    stage.run()
    assert told(stage, 150, 5, 500, 0.0, 0.0) == []
    assert stage.carrier.busiest >= 4
    assert "busiest second" in capsys.readouterr().out


def put_off(people: int, dialer: type[Dialer] = Dialer) -> float:
    """How often somebody was put off for each call, on a line that takes far fewer calls than the campaign's pace would place."""
    stage = Stage(people, cps=20, channels=10, dialer=dialer)
    stage.run()
    assert told(stage, people, 20, 10, 0.0, 0.0) == []
    return stage.log.counted["Dialled"] / stage.carrier.placed - 1


def test_who_finds_no_channel_is_put_off_no_oftener_the_longer_the_list_is() -> None:
    assert put_off(300) < 2


def test_the_check_catches_a_dialer_whose_messages_nobody_counts() -> None:
    with pytest.raises(AssertionError):
        assert put_off(300, TakesNoPlace) < 2
