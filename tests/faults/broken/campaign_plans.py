"""Planners with one mistake each, which the checks of tests/faults/test_f5_6_plans.py must notice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from functions.campaigns.planner import Planner
from pokea.campaigns import moves
from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import Contact
from pokea.campaigns.health import Health
from pokea.campaigns.planning import Sight
from pokea.campaigns.ports import Counts


class IgnoresChannels(Planner):
    """Thinks of the pace alone: the dialer is buried under people for whom there is no line."""

    def _sight(self, campaign: Campaign, counts: Counts, known: Health | None, queue_room: int, now: datetime) -> Sight:
        found = super()._sight(campaign, counts, known, queue_room, now)
        return replace(found, campaign=replace(campaign, channels=1_000_000), live=0, in_air=None)


class QueuesTwice(Planner):
    """Sends without claiming: whoever is not rung by the next minute is queued again."""

    def _claimed(self, contacts: Sequence[Contact], campaign: Campaign, now: datetime) -> list[Contact]:
        return list(contacts)


class ForgetsTheLost(Planner):
    """Looks after no claim whose message got lost, and after no call that nobody answered for."""

    def _settle_lost(self, campaign: Campaign, counts: Counts, now: datetime) -> None:
        return


class IgnoresTheLaw(Planner):
    """Queues whoever is due, at whatever hour."""

    def _claimed(self, contacts: Sequence[Contact], campaign: Campaign, now: datetime) -> list[Contact]:
        stored = [self._put(moves.claimed(contact, now)) for contact in contacts]
        return [contact for contact in stored if contact is not None]
