"""What starts, pauses, resumes and ends a campaign: its owner, its schedule, a rule, or that nobody is left.

    draft ──start──► running ◄──resume── paused            any but finished ──cancel──► cancelled
                        └── nobody is left ──► finished ──start, after more contacts came──► running

Every order can be given again: where it holds already nothing is written. Who loses a race to another writer decides anew on what that
one wrote, so an owner's pause and a rule's never undo each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum

from pokea.campaigns.campaign import Campaign, CampaignState
from pokea.campaigns.ports import STALE, CampaignStore
from pokea.errors import Conflict, NotFound, Unavailable
from pokea.ids import BusinessId

# Why a campaign is paused. The dialer writes WALLET_EMPTY, and the breaker has a reason of its own (`pokea.campaigns.health`).
OWNER = "owner"
SCHEDULED = "scheduled"  # it waits for its schedule
BUDGET_SPENT = "budget_spent"
WALLET_EMPTY = "wallet_empty"
# Of a campaign that is cancelled: nobody of its list is queued any more.
SWEPT = "swept"
OVER = frozenset({CampaignState.CANCELLED, CampaignState.FINISHED})


class Order(StrEnum):
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


def ordered(campaign: Campaign, order: Order) -> Campaign:
    """The campaign after its owner's order; the same object where that holds already. Raises Conflict."""
    return _ORDERS[order](campaign)


def due(campaign: Campaign) -> Campaign:
    """Its schedule has come. What its owner has paused, and what money or failures have stopped, waits for them."""
    if campaign.state is CampaignState.FINISHED or (campaign.state, campaign.reason) == _ARMED:
        return _running(campaign)
    return campaign


def paused(campaign: Campaign, reason: str) -> Campaign:
    """Stopped by a rule; only what runs can be."""
    if campaign.state is not CampaignState.RUNNING:
        return campaign
    return replace(campaign, state=CampaignState.PAUSED, reason=reason)


def resumed(campaign: Campaign, reason: str) -> Campaign:
    """What a rule has paused for `reason` goes on."""
    return _running(campaign) if (campaign.state, campaign.reason) == (CampaignState.PAUSED, reason) else campaign


def finished(campaign: Campaign) -> Campaign:
    if campaign.state is not CampaignState.RUNNING:
        return campaign
    return replace(campaign, state=CampaignState.FINISHED, reason="")


def swept(campaign: Campaign) -> Campaign:
    return replace(campaign, reason=SWEPT) if campaign.state is CampaignState.CANCELLED else campaign


def redefined(known: Campaign | None, wanted: Campaign) -> Campaign:
    """`wanted` in the place of `known`; the same object where nothing differs. Raises Conflict for one that is being rung, or is over."""
    if known is None:
        return wanted
    renewed = replace(wanted, state=known.state, reason=known.reason, version=known.version)
    if renewed == known:
        return known
    if known.state not in (CampaignState.DRAFT, CampaignState.PAUSED):
        raise Conflict("campaign_not_still", f"the campaign is {known.state.value}: pause it before it is changed")
    return renewed


def wants_schedule(campaign: Campaign) -> bool:
    """Whether its schedule must stand at the scheduler: from the start on, until it is cancelled."""
    return bool(campaign.schedule) and campaign.state not in (CampaignState.DRAFT, CampaignState.CANCELLED)


_ARMED = (CampaignState.PAUSED, SCHEDULED)


def _running(campaign: Campaign) -> Campaign:
    return replace(campaign, state=CampaignState.RUNNING, reason="")


def _start(campaign: Campaign) -> Campaign:
    if campaign.state is CampaignState.RUNNING:
        return campaign
    if campaign.state is CampaignState.CANCELLED:
        raise Conflict("campaign_cancelled", "a cancelled campaign cannot be started again: import it under another id")
    if campaign.schedule and campaign.state is not CampaignState.PAUSED:
        return replace(campaign, state=CampaignState.PAUSED, reason=SCHEDULED)
    return campaign if (campaign.state, campaign.reason) == _ARMED else _running(campaign)


def _pause(campaign: Campaign) -> Campaign:
    if campaign.state is CampaignState.DRAFT:
        raise Conflict("campaign_not_started", "the campaign has not been started")
    _must_not_be_over(campaign)
    if (campaign.state, campaign.reason) == (CampaignState.PAUSED, OWNER):
        return campaign
    return replace(campaign, state=CampaignState.PAUSED, reason=OWNER)


def _resume(campaign: Campaign) -> Campaign:
    if campaign.state is CampaignState.DRAFT:
        raise Conflict("campaign_not_started", "the campaign has not been started")
    _must_not_be_over(campaign)
    return campaign if campaign.state is CampaignState.RUNNING else _running(campaign)


def _cancel(campaign: Campaign) -> Campaign:
    if campaign.state is CampaignState.FINISHED:
        raise Conflict("campaign_finished", "the campaign is finished: nobody of it is left to be rung")
    if campaign.state is CampaignState.CANCELLED:
        return campaign
    return replace(campaign, state=CampaignState.CANCELLED, reason="")


def _must_not_be_over(campaign: Campaign) -> None:
    if campaign.state in OVER:
        raise Conflict(f"campaign_{campaign.state.value}", f"the campaign is {campaign.state.value}")


_ORDERS: Mapping[Order, Callable[[Campaign], Campaign]] = {
    Order.START: _start,
    Order.PAUSE: _pause,
    Order.RESUME: _resume,
    Order.CANCEL: _cancel,
}


TRIES = 8  # races lost in a row for one campaign: orders of people, and a rule a minute


def steer(
    store: CampaignStore, business_id: BusinessId, campaign_id: str, step: Callable[[Campaign], Campaign]
) -> Campaign:
    """The campaign after `step`, which is taken on what stands at the moment of the write. Raises NotFound, Conflict and Unavailable."""
    for _ in range(TRIES):
        known = store.campaign(business_id, campaign_id)
        if known is None:
            raise NotFound("no_such_campaign", "there is no such campaign")
        wanted = step(known)
        if wanted is known:
            return known
        try:
            return store.put_campaign(wanted)
        except Conflict as lost:
            if lost.code != STALE:
                raise
    raise Unavailable("busy", "the campaign is being changed by many at once")
