"""What calls are placed with, and everything that the gate asks for, read at one moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from pokea.billing.spend import SpendGuard
from pokea.billing.wallet import Standing
from pokea.calls import is_over
from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import Contact, Disposition
from pokea.campaigns.gate import Look
from pokea.campaigns.health import CAMPAIGN_HEALTH, in_the_air, room
from pokea.campaigns.ports import Attempts, CampaignStore
from pokea.campaigns.reps import CAMPAIGN_REPS, handed_back, nobody_held
from pokea.consent import is_suppressed
from pokea.errors import RejectedInput
from pokea.ids import SessionId
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


def look_again(exchange: Exchange, look: Look) -> Look:
    """`look` with everything that others may have changed since. What its attempt itself holds by now, the channel and its place among
    the attempts of the number, stays as it was before. Raises what the stores raise."""
    contact = look.contact
    campaign = exchange.campaigns.campaign(contact.business_id, contact.campaign_id)
    if campaign is None:
        raise RejectedInput("no_such_campaign", "the campaign of this contact is not known")
    is_wished_off = is_suppressed(exchange.records, contact.business_id, contact.number)
    return replace(look, campaign=campaign, is_suppressed=is_wished_off, standing=exchange.standing())


def _room(exchange: Exchange, campaign: Campaign, live: tuple[str, ...], now: datetime) -> int | None:
    """How many more calls may be placed, by the breaker and by how many people there are to take hot leads; None: any number."""
    health = exchange.records.record(CAMPAIGN_HEALTH, campaign.business_id, campaign.campaign_id)
    left = [room(health, len(live), now), _room_for_reps(exchange, campaign, live, now)]
    return min((most for most in left if most is not None), default=None)


def _room_for_reps(exchange: Exchange, campaign: Campaign, live: tuple[str, ...], now: datetime) -> int | None:
    """Taken is who is held by a hand-off that is not over, whatever that lead came to, and who is about to be, because a lead on the line
    is hot. A lead whose hand-off came to nothing is one more call in the air; one whose call is over is nowhere."""
    if campaign.reps <= 0:
        return None
    counts = exchange.campaigns.counts(campaign.business_id, campaign.campaign_id)
    hot, settled = counts.dispositions.get(Disposition.HOT, 0), sum(counts.dispositions.values())
    stored = exchange.records.record(CAMPAIGN_REPS, campaign.business_id, campaign.campaign_id)
    reps = stored or nobody_held(campaign.business_id, campaign.campaign_id, now)
    over = handed_back(exchange.records, reps, now)
    held = frozenset(one.session_id for one in reps.under_way(now, over))
    served = frozenset(one.session_id for one in reps.under_way(now)) - held
    sessions = {session for contact_id in live if (session := _session_of(exchange, campaign, contact_id)) is not None}
    asking = {session for session in sessions - held - served if _is_hot(exchange, campaign, session)}
    gone = {session for session in asking if _is_over(exchange, session)}
    taking = (sessions & held) | (asking - gone)
    most = in_the_air(campaign, len(held | taking), hot, settled)
    return None if most is None else most - (len(live) - len(taking) - len(gone))


def _session_of(exchange: Exchange, campaign: Campaign, contact_id: str) -> SessionId | None:
    contact = exchange.campaigns.contact(campaign.business_id, campaign.campaign_id, contact_id)
    return None if contact is None else contact.session_id


def _is_hot(exchange: Exchange, campaign: Campaign, session_id: SessionId) -> bool:
    """Whether a person may be asked for this moment. One who was told that nobody is free waits for no one."""
    lead = exchange.records.record(LEAD, campaign.business_id, session_id)
    return lead is not None and lead.outcome is Outcome.HOT and lead.unserved_at is None


def _is_over(exchange: Exchange, session_id: SessionId) -> bool:
    """Whether nobody is on that line any more, though its attempt is not settled yet: a bridge that died leaves its word owing."""
    call = exchange.calls.call(session_id)
    return call is not None and is_over(call)
