"""Settings of the function that settles campaigns' calls."""

from __future__ import annotations

from dataclasses import dataclass

from pokea.adapters.control_settings import StoreSettings
from pokea.adapters.settings import setting, string, url


@dataclass(frozen=True, kw_only=True)
class SettlerSettings(StoreSettings):
    campaigns_table: str = setting("POKEA_CAMPAIGNS_TABLE", string)
    cdrs_table: str = setting("POKEA_CDRS_TABLE", string)
    campaign_ended_queue_url: str = setting("POKEA_CAMPAIGN_ENDED_QUEUE_URL", url("https", "http"), "")
    event_bus: str = setting("POKEA_EVENT_BUS", string, "")
