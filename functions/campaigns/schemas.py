"""Requests and responses of the routes of campaigns. Amounts are whole micro-units of the currency of the business's deck."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pokea.adapters.api_answers import described
from pokea.campaigns.campaign import Campaign
from pokea.campaigns.contact import ContactState
from pokea.campaigns.planning import shortest_s
from pokea.campaigns.ports import Counts
from pokea.campaigns.settling import QUALIFIED
from pokea.money import divided

MAX_BATCH = 500  # contacts of one request
MAX_PAGE = 500  # contacts of one page of results
CampaignId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]

ERRORS = described(400, 401, 403, 404, 409, 503)


class ListedContact(BaseModel):
    """A person of a list, under the documented names of its columns. `phone`: E.164, or as dialled in the campaign's first country."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phone: Annotated[str, Field(max_length=40)]
    name: Annotated[str, Field(max_length=400)] = ""
    timezone: Annotated[str, Field(max_length=64)] = ""
    language: Annotated[str, Field(max_length=40)] = ""
    consent_source: Annotated[str, Field(max_length=1_000)] = ""
    consent_wording: Annotated[str, Field(max_length=8_000)] = ""
    consent_at: Annotated[str, Field(max_length=64)] = ""
    fields: Annotated[dict[str, str], Field(max_length=40)] = {}


class Batch(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    contacts: Annotated[list[ListedContact], Field(max_length=MAX_BATCH)]


class NotTaken(BaseModel):
    """A contact of a batch that is none. `place`: counted from 0."""

    place: int
    code: str
    column: str
    says: str


class Taken(BaseModel):
    """What became of a batch: `new` contacts, `renewed` ones (another content for somebody who was not rung yet), `kept` as they were."""

    new: int
    renewed: int
    kept: int
    rejected: list[NotTaken]


class CampaignBody(BaseModel):
    """`reason`: why it is paused. `webhook` and the list's people are not shown."""

    id: str
    name: str
    state: str
    reason: str
    agent: str
    from_number: str
    countries: list[str]
    cps: int
    channels: int
    reps: int
    priority: int
    max_attempts: int
    voicemail: str
    begins: datetime | None
    ends: datetime | None
    schedule: str
    budget_micros: int | None
    fields: list[str]


class Money(BaseModel):
    """`micros_per_qualified`: what one hot or warm lead has cost so far, all attempts included; null while there is none."""

    spent_micros: int
    budget_micros: int | None
    micros_per_qualified: int | None
    currency: str


class Pace(BaseModel):
    """`live`: calls that ring or talk now. `least_s`: so many seconds of lawful hours the rest of the list takes at least."""

    cps: int
    channels: int
    live: int
    least_s: int


class NextCall(BaseModel):
    """When the next person of the list is due, and why not now."""

    at: datetime
    reason: str


class StandingBody(BaseModel):
    """A campaign as it stands. `states` are contacts by state, `dispositions` those that are done by how their last attempt ended. `next`:
    null while somebody is due, is being rung, or nobody is left."""

    campaign: CampaignBody
    contacts: int
    states: dict[str, int]
    dispositions: dict[str, int]
    money: Money
    pace: Pace
    next: NextCall | None
    at: datetime


class Campaigns(BaseModel):
    campaigns: list[CampaignBody]


def body_of(campaign: Campaign) -> CampaignBody:
    return CampaignBody(
        id=campaign.campaign_id,
        name=campaign.name,
        state=campaign.state.value,
        reason=campaign.reason,
        agent=campaign.agent,
        from_number=campaign.from_number,
        countries=sorted(campaign.countries),
        cps=campaign.cps,
        channels=campaign.channels,
        reps=campaign.reps,
        priority=campaign.priority,
        max_attempts=campaign.max_attempts,
        voicemail=campaign.voicemail.value,
        begins=campaign.begins_at,
        ends=campaign.ends_at,
        schedule=campaign.schedule,
        budget_micros=campaign.budget_micros,
        fields=list(campaign.fields),
    )


def standing_of(
    campaign: Campaign,
    counts: Counts,
    *,
    live: int,
    spent_micros: int,
    currency: str,
    following: NextCall | None,
    at: datetime,
) -> StandingBody:
    states: Mapping[ContactState, int] = counts.states
    qualified = sum(counts.dispositions[one] for one in QUALIFIED)
    return StandingBody(
        campaign=body_of(campaign),
        contacts=counts.contacts,
        states={state.value: states[state] for state in ContactState},
        dispositions={one.value: count for one, count in counts.dispositions.items()},
        money=Money(
            spent_micros=spent_micros,
            budget_micros=campaign.budget_micros,
            micros_per_qualified=divided(spent_micros, qualified) if qualified else None,
            currency=currency,
        ),
        pace=Pace(cps=campaign.cps, channels=campaign.channels, live=live, least_s=shortest_s(counts, campaign)),
        next=following,
        at=at,
    )
