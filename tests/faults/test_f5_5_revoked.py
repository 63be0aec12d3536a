"""F5.5 and F5.6: somebody is suppressed, the campaign pauses, is cancelled or out of money, at any moment of a dialer at work.

Nobody is asked for later than a second after it, and nobody is lost: contacts = done + queued + unknown + excluded.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.dialer.dialer import Dialer
from pokea.billing.wallet import Standing
from pokea.campaigns import moves
from pokea.campaigns.campaign import CampaignState
from pokea.campaigns.contact import ContactState
from pokea.errors import Conflict, Denied
from tests.fakes.memory_campaigns import MemoryCampaigns
from tests.faults.broken.dialers import GateAtTheQueue
from tests.support.dial_room import Board, Room, always_lawful
from tests.support.dial_weather import Traffic, World

WITHIN = timedelta(seconds=1)
COUNT = 12


class Stage:
    """A campaign of a dozen at work, and one thing that happens to all of it at a drawn moment."""

    def __init__(self, seed: int, cls: type[Dialer]) -> None:
        self.draw = random.Random(seed)
        self.room = Room(campaigns=MemoryCampaigns(), policies=always_lawful())
        self.campaign = self.room.open(COUNT, cps=3, channels=8)
        self.standing = Standing.OK
        self.world = World(self.room, seed, dialers=4, cls=cls, standing=lambda: self.standing)
        self.traffic = Traffic(self.world, refused=0.05, lost=0.05)
        self.happened_at: datetime | None = None

    def happens(self, event: Callable[[], None]) -> None:
        def now() -> None:
            self.happened_at = self.room.clock.now()
            event()

        self.world.after(self.draw.uniform(0.0, 5.0), now)

    def play(self, ticks: int = 3) -> None:
        for _ in range(ticks):
            self.room.plan(spread_s=0.2)
            self.world.wait(60)

    def judge(self) -> None:
        assert self.happened_at is not None
        late = [at for at in self.room.board.asked if at > self.happened_at + WITHIN]
        assert not late, f"asked for {late[0] - self.happened_at} after the wish"
        self.account()

    def account(self) -> None:
        counts = self.room.campaigns.counts(self.room.business, "spring")
        assert counts.contacts == COUNT == sum(self.room.states().values())
        assert {state.value: count for state, count in counts.states.items() if count} == dict(self.room.states())
        assert all(rings == 1 for rings in self.room.board.per_label.values())

    def set_state(self, state: CampaignState) -> None:
        campaign = self.room.campaigns.campaign(self.room.business, "spring")
        assert campaign is not None
        self.room.campaigns.put_campaign(replace(campaign, state=state))

    def suppress_all(self) -> None:
        for contact in self.room.contacts():
            self.room.suppress(contact.number)

    def cancel(self) -> None:
        self.set_state(CampaignState.CANCELLED)
        for contact in list(self.room.contacts()):
            if moves.can(contact, moves.Move.EXCLUDE):
                try:
                    self.room.campaigns.put_contact(moves.excluded(contact, "cancelled"))
                except Conflict:
                    continue

    def run_out_of_money(self) -> None:
        """The wallet's reading is old news: the carrier itself refuses, and that is noted."""

        def refuses(board: Board, label: str) -> None:
            raise Denied("wallet.insufficient_funds")

        self.room.board.script = refuses

    def wallet_low(self) -> None:
        self.standing = Standing.LOW


EVENTS: dict[str, Callable[[Stage], None]] = {
    "everybody is suppressed": Stage.suppress_all,
    "paused": lambda stage: stage.set_state(CampaignState.PAUSED),
    "cancelled": Stage.cancel,
    "wallet low": Stage.wallet_low,
}


def strike(name: str, seed: int, cls: type[Dialer] = Dialer) -> Stage:
    stage = Stage(seed, cls)
    stage.happens(lambda: EVENTS[name](stage))
    stage.play()
    return stage


@pytest.mark.parametrize("name", EVENTS)
def test_nobody_is_rung_a_second_after_it(name: str) -> None:
    asked = 0
    for seed in range(6):
        stage = strike(name, seed)
        stage.judge()
        asked += len(stage.room.board.asked)
    assert 0 < asked < 6 * COUNT  # it struck in the middle of the work


@pytest.mark.faults
@pytest.mark.parametrize("name", EVENTS)
def test_nobody_is_rung_a_second_after_it_in_many_runs(name: str) -> None:
    for seed in range(300):
        strike(name, seed).judge()


@pytest.mark.parametrize("name", ["everybody is suppressed", "paused", "wallet low"])
def test_the_check_catches_a_gate_that_is_asked_at_the_queue_only(name: str) -> None:
    with pytest.raises(AssertionError, match="after the wish"):
        for seed in range(6):
            strike(name, seed, GateAtTheQueue).judge()


def test_who_was_suppressed_is_excluded_and_who_was_cancelled_too() -> None:
    for name, reason in (("everybody is suppressed", "suppressed"), ("cancelled", "cancelled")):
        stage = strike(name, 1)
        excluded = [one for one in stage.room.contacts() if one.state is ContactState.EXCLUDED]
        assert excluded and {one.reason for one in excluded} == {reason}


def toggled(seed: int) -> Stage:
    """Paused and resumed again and again, with refusals and lost answers; money comes and goes."""
    stage = Stage(seed, Dialer)
    for number in range(6):
        state = CampaignState.PAUSED if number % 2 == 0 else CampaignState.RUNNING
        stage.world.after(stage.draw.uniform(0.0, 20.0) + number * 5, lambda state=state: stage.set_state(state))  # type: ignore[misc]
    script: Any = stage.room.board.script
    stage.world.after(stage.draw.uniform(0.0, 3.0), stage.run_out_of_money)

    def topped_up() -> None:
        stage.room.board.script = script
        stage.set_state(CampaignState.RUNNING)

    stage.world.after(400, topped_up)
    for _ in range(20):
        stage.play(1)
        stage.account()
        if stage.room.states() == {"done": COUNT}:
            break
    return stage


def test_whatever_comes_and_goes_everybody_is_rung_once_in_the_end() -> None:
    for seed in range(4):
        stage = toggled(seed)
        assert stage.room.states() == {"done": COUNT}
        assert set(stage.room.board.per_number.values()) == {1}


@pytest.mark.faults
def test_whatever_comes_and_goes_everybody_is_rung_once_in_many_runs() -> None:
    for seed in range(500):
        stage = toggled(seed)
        assert stage.room.states() == {"done": COUNT}
        assert set(stage.room.board.per_number.values()) == {1}


def test_an_empty_wallet_is_met_once_for_every_dialer_at_most() -> None:
    stage = Stage(3, Dialer)
    stage.run_out_of_money()
    stage.play(3)
    campaign = stage.room.campaigns.campaign(stage.room.business, "spring")
    assert campaign is not None and (campaign.state, campaign.reason) == (CampaignState.PAUSED, "wallet_empty")
    assert 1 <= len(stage.room.board.asked) <= 4
    assert stage.room.states() == {"waiting": COUNT}
    stage.account()
