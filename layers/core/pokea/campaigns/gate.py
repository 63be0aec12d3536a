"""The gate that every call of a campaign passes at the moment of dialling. What was true when it was planned counts for nothing here.

Everything that could speak against the call is read afresh and decided here at once: the campaign's state, the wish not to be called,
the law where this person lives, money, and the channels that are in use. Pace comes last, in the dialer, because a turn is an instant.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from pokea.billing.wallet import Standing, may_ring_unasked
from pokea.campaigns import law
from pokea.campaigns.campaign import Campaign, CampaignState
from pokea.campaigns.contact import Contact
from pokea.campaigns.country_policy import Policies

MONEY_WAITS = timedelta(minutes=5)  # as often as the wallet is read
CHANNEL_WAITS = timedelta(seconds=15)  # about half an ordinary call
HALTED_WAITS = timedelta(minutes=1)  # nobody of a campaign that does not run is sent to the dialer anyway
SPREAD_S = 30  # who is put off by the same thing does not come back at the same moment

SUPPRESSED = "suppressed"
OWN_LINE = "own_line"
NO_PRICE = "no_price"
CANCELLED = "cancelled"
NOT_RUNNING = "campaign_not_running"
WALLET_LOW = "wallet_low"
BUDGET = "budget"
CHANNELS = "channels"
HELD_BACK = "held_back"


@dataclass(frozen=True, slots=True)
class Dial:
    """`packs`: the country packs by which it is lawful."""

    packs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotNow:
    """`is_campaign`: it holds for everybody of the campaign, which is to pause."""

    at: datetime
    reason: str
    is_campaign: bool = False


@dataclass(frozen=True, slots=True)
class Never:
    reason: str


Way: TypeAlias = Dial | NotNow | Never


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was read at one moment.

    rung_at: when this business rang the number lately. live: calls that hold a channel. room: how many more the campaign's health allows,
    None for any number. Money in micro-units; expected_micros: of one call, None where the price list does not say.
    """

    campaign: Campaign
    contact: Contact
    is_suppressed: bool
    is_own_line: bool
    rung_at: tuple[datetime, ...]
    standing: Standing
    live: int
    room: int | None
    spent_micros: int
    expected_micros: int | None


def gate(look: Look, policies: Policies, now: datetime) -> Way:
    """Whether this person may be rung at `now`."""
    if refusal := _refusal(look):
        return Never(refusal)
    campaign, contact = look.campaign, look.contact
    if campaign.state is not CampaignState.RUNNING:
        return NotNow(now + HALTED_WAITS, NOT_RUNNING)
    verdict = law.verdict(law.facts_of(contact, look.rung_at), campaign, policies, now)
    if verdict.when is law.When.NEVER:
        return Never(verdict.reason.value)
    if verdict.at is not None:
        return NotNow(verdict.at, verdict.reason.value)
    if not may_ring_unasked(look.standing):
        return NotNow(spread(now + MONEY_WAITS, contact), WALLET_LOW)
    if campaign.budget_micros is not None:
        if look.expected_micros is None:
            return Never(NO_PRICE)
        if look.spent_micros + (look.live + 1) * look.expected_micros > campaign.budget_micros:
            # While calls are under way it may come out cheaper than expected; with none there is no hope.
            return NotNow(spread(now + CHANNEL_WAITS, contact), BUDGET, is_campaign=look.live == 0)
    if look.live >= campaign.channels:
        return NotNow(spread(now + CHANNEL_WAITS, contact), CHANNELS)
    if look.room is not None and look.room <= 0:
        return NotNow(spread(now + CHANNEL_WAITS, contact), HELD_BACK)
    return Dial(verdict.packs)


def spread(at: datetime, contact: Contact) -> datetime:
    """`at`, or up to `SPREAD_S` later: another moment for each contact and try."""
    digest = hashlib.sha256(f"{contact.contact_id}\n{contact.version}".encode()).digest()
    return at + timedelta(milliseconds=int.from_bytes(digest[:4]) % (SPREAD_S * 1_000))


def _refusal(look: Look) -> str:
    if look.campaign.state is CampaignState.CANCELLED:
        return CANCELLED
    if look.is_suppressed:
        return SUPPRESSED
    return OWN_LINE if look.is_own_line else ""
