"""F5.3, F5.6 and F5.8 as far as plans go: nobody is queued twice, channels are counted from what rings, and contacts add up.

Minutes of a campaign, with a dialer that takes messages late, twice or never, calls that end at random, and planners that run at once.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from math import ceil

import pytest

from functions.campaigns.planner import Planner
from pokea.campaigns import moves, planning
from pokea.campaigns.contact import ContactState, Disposition
from pokea.campaigns.steering import Order, ordered, steer
from pokea.errors import Conflict
from tests.faults.broken.campaign_plans import ForgetsTheLost, IgnoresChannels, IgnoresTheLaw, QueuesTwice
from tests.support.campaign_samples import BUSINESS, SATURDAY_NIGHT, Office, campaign, contact, contacts

CHANNELS = 4
MINUTES = 30
PEOPLE = 300


def most_queued() -> int:
    return CHANNELS + ceil(CHANNELS * planning.PLAN_S / planning.CALL_S)


def problems(make_planner: type[Planner], draw: random.Random) -> list[str]:
    """What a run of this planner does wrong."""
    office, found = Office(make_planner=make_planner), []
    office.add(campaign(cps=50, channels=CHANNELS), contacts(PEOPLE))
    rung: Counter[object] = Counter()
    for minute in range(MINUTES):
        office.plan()
        office.plan()  # a second planner, whose schedule fired twice
        states = office.store.counts(BUSINESS, "year-end").states
        if states[ContactState.CLAIMED] > most_queued():
            found.append(f"minute {minute}: {states[ContactState.CLAIMED]} are queued for {CHANNELS} channels")
        if twice := [name for name, times in Counter(office.queue.named).items() if times > 1]:
            found.append(f"minute {minute}: {len(twice)} stand in the queue twice")
        rung += dial(office, draw)
        end_calls(office, draw)
        office.clock.advance(60)
    total = sum(office.store.counts(BUSINESS, "year-end").states.values())
    return [*found, *([] if total == PEOPLE else [f"{total} contacts of {PEOPLE}"])]


def dial(office: Office, draw: random.Random) -> Counter[object]:
    """A dialer that rings whom it has a channel for, loses one message in ten, and leaves the rest in the queue."""
    rung: Counter[object] = Counter()
    for sent in list(office.queue.sent):
        message, _ = sent
        if draw.random() < 0.1:
            office.queue.sent.remove(sent)
            continue
        stored = office.store.contact(BUSINESS, "year-end", str(message["contact"]))
        if stored is None or stored.state is not ContactState.CLAIMED or stored.version != message["contact_version"]:
            office.queue.sent.remove(sent)
            continue
        try:
            attempts = office.store.attempts(BUSINESS, stored.number)
            asked = moves.asked(stored, f"pk{stored.contact_id[:30]}{stored.version}", office.clock.now())
            office.store.put_contact(moves.ringing(office.store.begin(asked, CHANNELS, attempts), None))
        except Conflict:
            continue
        office.queue.sent.remove(sent)
        rung[stored.contact_id] += 1
    return rung


def end_calls(office: Office, draw: random.Random) -> None:
    for ringing in office.in_state(ContactState.RINGING):
        if draw.random() < 0.7:
            office.store.put_contact(moves.done(ringing, Disposition.COLD))


def test_nobody_is_queued_twice_and_no_more_than_channels_become_free() -> None:
    assert problems(Planner, random.Random(5)) == []


@pytest.mark.parametrize("broken", [IgnoresChannels, QueuesTwice])
def test_a_planner_that_forgets_its_channels_or_its_claims_is_noticed(broken: type[Planner]) -> None:
    assert problems(broken, random.Random(5)) != []


def lost_for_ever(make_planner: type[Planner]) -> int:
    """How many contacts are still stuck an hour after their message, or the carrier's answer, got lost."""
    office = Office(make_planner=make_planner)
    office.add(campaign(), contacts(10))
    office.plan()
    office.queue.sent.clear()
    for place in range(10, 15):
        office.store.add_contacts([contact(place)])
        office.ask(contact(place), timedelta(0))
    for _ in range(60):
        office.clock.advance(60)
        office.plan()
    return 15 - len({message["contact"] for message, _ in office.queue.sent})


def test_what_got_lost_is_queued_again() -> None:
    assert lost_for_ever(Planner) == 0
    assert lost_for_ever(ForgetsTheLost) == 15


def test_a_planner_that_does_not_know_the_law_is_noticed() -> None:
    for make_planner, queued in ((Planner, 0), (IgnoresTheLaw, 10)):
        office = Office(make_planner=make_planner)
        office.clock = type(office.clock)(SATURDAY_NIGHT)
        office.add(campaign(), contacts(10))
        assert office.plan() == queued, make_planner


@pytest.mark.parametrize("moment", range(6))
def test_whatever_the_moment_of_a_cancellation_nobody_is_lost_and_nobody_more_is_queued(moment: int) -> None:
    """F5.6: contacts = done + queued + excluded, at every step."""
    office, draw = Office(), random.Random(moment)
    office.add(campaign(cps=50, channels=CHANNELS), contacts(60))
    cancelled_at = None
    for step in range(40):
        if step == moment * 3:
            steer(office.store, BUSINESS, "year-end", lambda known: ordered(known, Order.CANCEL))
            cancelled_at = len(office.queue.sent)
        queued = office.plan()
        assert not (cancelled_at is not None and queued)
        if cancelled_at is None:
            dial(office, draw)
        end_calls(office, draw)
        office.clock.advance(60)
        assert office.store.counts(BUSINESS, "year-end").contacts == 60
    left = office.store.counts(BUSINESS, "year-end").states
    assert left[ContactState.WAITING] == left[ContactState.CLAIMED] == left[ContactState.RINGING] == 0


def test_the_same_minute_planned_from_two_clocks_queues_everybody_once() -> None:
    """F5.3: claims are fenced by version and not by a clock that is five minutes wrong."""
    office = Office()
    office.add(campaign(cps=50, channels=1_000), contacts(200))
    office.plan()
    office.clock.advance(-300)
    office.plan()
    office.clock.advance(600)
    office.plan()
    assert max(Counter(office.queue.named).values()) == 1
