"""Which events of campaigns the bus was told of: written after telling, so that a crash in between tells again and never not at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pokea.ids import BusinessId
from pokea.privacy import Pii
from pokea.records import Kind

KEPT = timedelta(days=35)  # longer than any message waits


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignTold:
    business_id: BusinessId
    event_id: str
    told_at: datetime
    version: int = 0


TOLD: Kind[CampaignTold] = Kind(
    "campaign_told",
    CampaignTold,
    key=lambda told: told.event_id,
    privacy={"business_id": Pii.ID, "event_id": Pii.ID, "told_at": Pii.NONE, "version": Pii.NONE},
    kept_until=lambda told: told.told_at + KEPT,
)


def told(business_id: BusinessId, event_id: str, now: datetime) -> CampaignTold:
    return CampaignTold(business_id=business_id, event_id=event_id, told_at=now)
