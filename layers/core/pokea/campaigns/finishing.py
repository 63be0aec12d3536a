"""The end of a campaign: nobody is left who is to be rung, or is being rung.

The campaign's own row remembers that its end is still to be told of, so a crash in between tells it again, with the same id, and never
not at all. Whoever looks first finishes it: the settler after a call, or the planner after it excluded the last contact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pokea.campaigns.campaign import Campaign, CampaignState
from pokea.campaigns.contact import ContactState
from pokea.campaigns.ports import CampaignStore, Counts
from pokea.campaigns.settling import Told
from pokea.campaigns.webhooks import event_id
from pokea.errors import Conflict

TELLING = "telling"  # the reason of a finished campaign whose end nobody was told of yet
OPEN = (ContactState.WAITING, ContactState.CLAIMED, ContactState.ASKED, ContactState.RINGING)
Emit = Callable[[str, Mapping[str, str | int]], None]
"""Event and its detail to the bus. Raises Unavailable."""


def is_finished(counts: Counts) -> bool:
    return counts.contacts > 0 and not any(counts.states.get(state, 0) for state in OPEN)


def finished(campaign: Campaign, counts: Counts) -> Campaign | None:
    """`campaign` as it is stored once nobody is left; None where somebody is, or where it does not run."""
    if campaign.state is not CampaignState.RUNNING or not is_finished(counts):
        return None
    return replace(campaign, state=CampaignState.FINISHED, reason=TELLING)


def is_untold(campaign: Campaign) -> bool:
    return campaign.state is CampaignState.FINISHED and campaign.reason == TELLING


def finish(campaigns: CampaignStore, emit: Emit, campaign: Campaign) -> bool:
    """Finishes the campaign if nobody is left, and tells of it. True if it was told of now. Raises what the store and the bus raise."""
    try:
        if campaign.state is CampaignState.RUNNING:
            ended = finished(campaign, campaigns.counts(campaign.business_id, campaign.campaign_id))
            if ended is None:
                return False
            campaign = campaigns.put_campaign(ended)
        if not is_untold(campaign):
            return False
        emit(Told.CAMPAIGN_FINISHED.value, detail_of(campaign))
        campaigns.put_campaign(replace(campaign, reason=""))
    except Conflict:
        return False  # somebody else has just changed it; who changed it looks as well, and so does the planner
    return True


def detail_of(campaign: Campaign) -> dict[str, str | int]:
    """The event about a campaign whose end is to be told of. A campaign that is opened again ends under another id."""
    ended_as = f"{campaign.campaign_id}/{campaign.version}"
    return {
        "version": 1,
        "business": campaign.business_id,
        "campaign": campaign.campaign_id,
        "idempotency_key": event_id(campaign.business_id, Told.CAMPAIGN_FINISHED.value, ended_as),
    }
