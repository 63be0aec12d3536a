"""What calls are placed with, and everything that the gate asks for, read at one moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pokea.billing.spend import SpendGuard
from pokea.billing.wallet import Standing
from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import Contact, Disposition
from pokea.campaigns.gate import Look
from pokea.campaigns.health import CAMPAIGN_HEALTH, in_the_air, room
from pokea.campaigns.ports import Attempts, CampaignStore
from pokea.consent import is_suppressed
from pokea.errors import RejectedInput
from pokea.leads import LEAD, Outcome
from pokea.phone_numbers import E164
from pokea.ports import CallStore, Store
from pokea.profile import Profile
from pokea.sautikit.attempts import Telephony

Price = Callable[[Profile, E164, datetime], int | None]


@dataclass(frozen=True, slots=True)
class Exchange:
    """`guard` minds the business's money, `standing` the carrier's wallet; `price`: what one call is expected to cost, None where nobody
    can say."""

    campaigns: CampaignStore
    calls: CallStore
    records: Store
    telephony: Telephony
    guard: SpendGuard | None = None
    standing: Callable[[], Standing] = lambda: Standing.UNKNOWN
    price: Price = lambda profile, number, now: None


def look_at(
    exchange: Exchange, profile: Profile, contact: Contact, is_own_line: bool, now: datetime
) -> tuple[Attempts, Look]:
    """Raises what the stores raise: who cannot be looked at is not rung."""
    store, business_id, campaign_id = exchange.campaigns, contact.business_id, contact.campaign_id
    campaign = store.campaign(business_id, campaign_id)
    if campaign is None:
        raise RejectedInput("no_such_campaign", "the campaign of this contact is not known")
    attempts = store.attempts(business_id, contact.number)
    live = store.live(business_id, campaign_id)
    has_budget = campaign.budget_micros is not None
    look = Look(
        campaign=campaign,
        contact=contact,
        is_suppressed=is_suppressed(exchange.records, business_id, contact.number),
        is_own_line=is_own_line,
        rung_at=attempts.rung_at,
        standing=exchange.standing(),
        live=len(live),
        room=_room(exchange, campaign, live, now),
        spent_micros=store.spent(business_id, campaign_id) if has_budget else 0,
        expected_micros=exchange.price(profile, contact.number, now) if has_budget else None,
    )
    return attempts, look


def _room(exchange: Exchange, campaign: Campaign, live: tuple[str, ...], now: datetime) -> int | None:
    """How many more calls may be placed, by the breaker and by how many people there are to take hot leads; None: any number."""
    health = exchange.records.record(CAMPAIGN_HEALTH, campaign.business_id, campaign.campaign_id)
    left = [room(health, len(live), now), _room_for_reps(exchange, campaign, live)]
    return min((most for most in left if most is not None), default=None)


def _room_for_reps(exchange: Exchange, campaign: Campaign, live: tuple[str, ...]) -> int | None:
    if campaign.reps <= 0:
        return None
    counts = exchange.campaigns.counts(campaign.business_id, campaign.campaign_id)
    hot, settled = counts.dispositions.get(Disposition.HOT, 0), sum(counts.dispositions.values())
    put_through = sum(_is_hot(exchange, campaign, contact_id) for contact_id in live)
    most = in_the_air(campaign, put_through, hot, settled)
    return None if most is None else most - (len(live) - put_through)


def _is_hot(exchange: Exchange, campaign: Campaign, contact_id: str) -> bool:
    """Whether somebody talks to this lead now, or is being rung for them."""
    contact = exchange.campaigns.contact(campaign.business_id, campaign.campaign_id, contact_id)
    if contact is None or contact.session_id is None:
        return False
    lead = exchange.records.record(LEAD, campaign.business_id, contact.session_id)
    return lead is not None and lead.outcome is Outcome.HOT
