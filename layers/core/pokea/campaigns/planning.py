"""Whom a campaign queues now, and how many: what its line, its channels, its money and its own rules let be rung until the next plan.

A plan is drawn from what is, and not from what an earlier plan has asked for: calls under way are those of the store, queued people are
those that are CLAIMED. So two plans at once, a plan that died half-way and messages that came twice change no figure for long, and the
dialer asks every question again at the moment of dialling.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from pokea.campaigns import moves
from pokea.campaigns.campaign import Campaign, CampaignState
from pokea.campaigns.contact import Contact, ContactState, Disposition
from pokea.campaigns.country_policy import Policies
from pokea.campaigns.law import When, facts_of, verdict
from pokea.campaigns.pacing import gap_s
from pokea.campaigns.ports import Counts

PLAN_S = 60  # from one plan to the next, as template.yaml says
SEEK_S = 60  # at most from one look for what was lost to the next; nothing counts as lost before minutes have passed
CALL_S = 30  # a telephone that nobody answers rings about so long; then its channel is free for the next
TALK_S = 90  # of somebody who answers; only to say how long a list may take
CLAIM_LOST = timedelta(minutes=10)  # a message that has not been taken by then is taken for lost
ASKED_LOST = timedelta(seconds=180)  # a carrier that has not said by then what it did is asked for its list
RINGING_OLD = timedelta(minutes=20)  # longer than a call may last without a person: its end is asked after
RINGING_LOST = timedelta(hours=3)  # longer than any call may last: nobody will tell how it ended
ASKED_AFTER_MIN = 10  # minutes between two questions about one call
MAX_QUEUED = 10_000  # messages of all campaigns at once; more would only grow old


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a plan is drawn from.

    live: contacts that hold a channel, as the store counts them. call_micros: what one call is reckoned with, None if the price list does
    not say. room: calls that the breaker lets be placed, None for any number. in_air: the most calls that may be under way so that every
    hot lead finds a person, None for no such bound. queue_room: messages that the queue may still take. ahead_s: until the next plan.
    """

    campaign: Campaign
    counts: Counts
    live: int
    queue_room: int
    spent_micros: int = 0
    call_micros: int | None = None
    room: int | None = None
    in_air: int | None = None
    ahead_s: float = PLAN_S

    @property
    def queued(self) -> int:
        return self.counts.states[ContactState.CLAIMED]

    @property
    def left(self) -> int:
        """Contacts of whom something is still to be heard."""
        return sum(self.counts.states[state] for state in _OPEN)


_OPEN = (ContactState.WAITING, ContactState.CLAIMED, ContactState.ASKED, ContactState.RINGING)
_UNANSWERED = (Disposition.BUSY, Disposition.NO_ANSWER, Disposition.BLOCKED, Disposition.FAILED, Disposition.UNKNOWN)


def places(sight: Sight) -> int:
    """How many more contacts may be queued now."""
    if sight.campaign.state is not CampaignState.RUNNING:
        return 0
    bounds = [sight.queue_room, _by_pace(sight), _by_channels(sight)]
    if sight.room is not None:
        bounds.append(sight.room - sight.queued)
    if (affordable := _by_budget(sight)) is not None:
        bounds.append(affordable)
    return max(0, min(bounds))


def _by_pace(sight: Sight) -> int:
    return ceil(sight.ahead_s / gap_s(sight.campaign.cps)) - sight.queued


def _by_channels(sight: Sight) -> int:
    """Those that are free, and those that will be before the next plan; a queued contact has a claim to one as well."""
    most = sight.campaign.channels if sight.in_air is None else min(sight.campaign.channels, sight.in_air)
    soon_free = ceil(most * sight.ahead_s / CALL_S)
    return most - sight.live + soon_free - sight.queued


def _by_budget(sight: Sight) -> int | None:
    """Calls under way and queued ones will cost what one call is reckoned with. None: no bound, or no price to reckon with; the dialer,
    which knows the number, asks again."""
    budget = sight.campaign.budget_micros
    if budget is None:
        return None
    left = budget - sight.spent_micros
    if left <= 0:
        return 0
    if not sight.call_micros:
        return None
    return left // sight.call_micros - sight.live - sight.queued


class Turn(StrEnum):
    """What a plan makes of a campaign as a whole."""

    GO_ON = "go_on"
    FINISH = "finish"
    PAUSE_FOR_BUDGET = "pause_for_budget"


def turn_of(sight: Sight) -> Turn:
    """Of one that runs. It is finished once nobody is left, and never while a telephone may still be ringing."""
    if not sight.left:
        return Turn.FINISH
    under_way = sight.live + sight.queued
    if not under_way and (affordable := _by_budget(sight)) is not None and affordable <= 0:
        return Turn.PAUSE_FOR_BUDGET
    return Turn.GO_ON


def screened(contact: Contact, campaign: Campaign, policies: Policies, now: datetime) -> Contact | None:
    """A contact that must not be queued now, as it is to be stored: with a later time, or never to be rung. None: it may be queued.

    What other campaigns have asked of the number, opt-outs and money are asked at the moment of dialling.
    """
    found = verdict(facts_of(contact, ()), campaign, policies, now)
    if found.when is When.NOW:
        return None
    if found.when is When.LATER and found.at is not None:
        return moves.waiting(contact, found.at, found.reason.value)
    return moves.excluded(contact, found.reason.value)


def delay_s(number: int, sight: Sight) -> int:
    """When the message `number` of a plan is to be heard, in whole seconds from now: behind those that are queued already, at the pace of
    the campaign."""
    return int((number + sight.queued) * gap_s(sight.campaign.cps))


def in_order(campaigns: Iterable[Campaign]) -> list[Campaign]:
    """Those whose contacts go first, first. Clearing away what is cancelled can wait."""

    def rank(campaign: Campaign) -> tuple[bool, int, str, str]:
        return (
            campaign.state is CampaignState.CANCELLED,
            -campaign.priority,
            campaign.business_id,
            campaign.campaign_id,
        )

    return sorted(campaigns, key=rank)


def has_ended(campaign: Campaign, now: datetime) -> bool:
    """Whether its time is over: whoever still waits is never rung."""
    return campaign.ends_at is not None and campaign.ends_at <= now


def is_time_to_seek(last: datetime | None, now: datetime, ahead_s: float) -> bool:
    """Whether what was lost is looked for in this plan, because the next one would come later than a minute after the `last` look (None:
    not known). A clock that was set back does not keep anybody waiting."""
    return last is None or now < last or (now - last).total_seconds() + ahead_s > SEEK_S


def is_claim_lost(contact: Contact, now: datetime) -> bool:
    return (
        contact.state is ContactState.CLAIMED
        and contact.claimed_at is not None
        and now - contact.claimed_at >= CLAIM_LOST
    )


def is_asked_lost(contact: Contact, now: datetime) -> bool:
    return contact.state is ContactState.ASKED and contact.asked_at is not None and now - contact.asked_at >= ASKED_LOST


def is_ringing_since(contact: Contact, age: timedelta, now: datetime) -> bool:
    return contact.state is ContactState.RINGING and contact.asked_at is not None and now - contact.asked_at >= age


def is_to_be_asked_after(contact: Contact, now: datetime) -> bool:
    """One minute of every ten, of a call that should be over and is not as old as no call can be."""
    if contact.asked_at is None or not is_ringing_since(contact, RINGING_OLD, now):
        return False
    age = now - contact.asked_at
    return age < RINGING_LOST and age // timedelta(minutes=1) % ASKED_AFTER_MIN == 0


def shortest_s(counts: Counts, campaign: Campaign) -> int:
    """How long the rest of the list takes at least, in seconds of lawful hours: every telephone rung once, at the campaign's own pace."""
    waiting = counts.states[ContactState.WAITING] + counts.states[ContactState.CLAIMED]
    settled = sum(counts.dispositions.values())
    answered = settled - sum(counts.dispositions[one] for one in _UNANSWERED)
    call_s = CALL_S + (TALK_S * answered / settled if settled else TALK_S)
    return ceil(max(waiting * gap_s(campaign.cps), waiting * call_s / campaign.channels))
