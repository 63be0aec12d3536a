"""A campaign: who is called for whom, when, how fast, how often, and for how much money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pokea.campaigns.contact import Disposition
from pokea.hours import OpeningHours
from pokea.ids import BusinessId


class CampaignState(StrEnum):
    DRAFT = "draft"  # imported, not started
    RUNNING = "running"
    PAUSED = "paused"  # by its owner, or by a rule: `reason` says which
    CANCELLED = "cancelled"
    FINISHED = "finished"  # nobody is left to be rung


class Voicemail(StrEnum):
    HANG_UP = "hang_up"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Retry:
    """After this disposition: again after so many minutes, at most so many attempts in all."""

    after_min: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """`windows`: the business's own calling hours in the contact's zone, on top of the law's. `cps`: calls placed a second; `channels`:
    calls at once. `budget_micros`: of the business's deck's currency, for the whole campaign. `priority`: higher goes first."""

    business_id: BusinessId
    campaign_id: str
    name: str
    agent: str
    from_number: str
    countries: frozenset[str]
    windows: OpeningHours
    begins_at: datetime | None
    ends_at: datetime | None
    cps: int
    channels: int
    retries: Mapping[Disposition, Retry]
    max_attempts: int
    voicemail: Voicemail
    budget_micros: int | None
    priority: int = 0
    reps: int = 0  # people who take hot leads; 0: nobody is put through
    schedule: str = ""  # cron or at expression of the scheduler; "" = as soon as started
    webhook: str = ""  # https URL for lead.qualified and campaign.finished
    fields: tuple[str, ...] = field(default=())  # the list's columns that the agent may use
    state: CampaignState = CampaignState.DRAFT
    reason: str = ""
    version: int = 0
