"""Settings of the function that plans campaigns and takes orders for them."""

from __future__ import annotations

from dataclasses import dataclass

from pokea.adapters.control_settings import StoreSettings
from pokea.adapters.sautikit_dialects import DIALECTS
from pokea.adapters.sautikit_rest import DEFAULT_BASE
from pokea.adapters.settings import choice, integer, setting, string, switch, url
from pokea.campaigns.planning import PLAN_S


@dataclass(frozen=True, kw_only=True)
class CampaignsSettings(StoreSettings):
    campaigns_table: str = setting("POKEA_CAMPAIGNS_TABLE", string)
    cdrs_table: str = setting("POKEA_CDRS_TABLE", string)
    dial_queue_url: str = setting("POKEA_DIAL_QUEUE_URL", url("https", "http"), "")
    ended_queue_url: str = setting("POKEA_CAMPAIGN_ENDED_QUEUE_URL", url("https", "http"), "")
    event_bus: str = setting("POKEA_EVENT_BUS", string, "")
    plan_s: int = setting("POKEA_CAMPAIGN_PLAN_S", integer(1, 60), PLAN_S)
    schedule_group: str = setting("POKEA_CAMPAIGN_SCHEDULES", string, "")
    schedule_role: str = setting("POKEA_CAMPAIGN_SCHEDULE_ROLE", string, "")
    schedule_target: str = setting("POKEA_CAMPAIGN_SCHEDULE_TARGET", string, "")
    carrier_base: str = setting("SAUTIKIT_API_BASE", url("https", "http"), DEFAULT_BASE)
    carrier_dialect: str = setting("POKEA_CARRIER_DIALECT", choice(*DIALECTS), "live")
    edge_only: bool = setting("POKEA_EDGE_ONLY", switch, False)
